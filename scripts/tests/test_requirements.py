"""requirements_report.py joins what it should and fails when it should."""
from fixture import Repository

k_head = "id\tlevel\tsection\trequirement\tside\thow_observed\n"
k_attacks = ("id\tname\tcves\tlayer\tmechanism\tstack_must\thow_to_test\tbasis\n"
             "land\tLand\tCVE-1999-0016\tTCP\tloops\tdrop it\tinject\twell known\n")


def report(*cases):
    """A GoogleTest report: (name, covers, "passed"/"failed"/"skipped")."""
    rows = ""
    for name, covers, outcome in cases:
        inner = f'<properties><property name="covers" value="{covers}"/></properties>'
        if outcome == "failed":
            inner += '<failure message="no" type=""/>'
        result = "skipped" if outcome == "skipped" else "completed"
        rows += f'<testcase name="{name}" status="run" result="{result}">{inner}</testcase>'
    return f'<testsuites><testsuite name="Tcp">{rows}</testsuite></testsuites>'


class Requirements(Repository):
    def setUp(self):
        super().setUp()
        self.write("spec/rfc9293.tsv", k_head +
                   "MUST-1\tMUST\t3.1\tfirst\tboth\t-\nMAY-1\tMAY\t3.1\tmay\tboth\t-\n")
        self.write("spec/other-rfcs.tsv", k_head + "5961-1\tMUST\t3\tsecond\tboth\t-\n"
                   "8200-1\tMUST\t4\tlater\tboth\t-\n")
        self.write("spec/vulnerabilities.tsv", k_attacks)
        self.write("spec/scope.toml", '[in_scope]\nRFC9293 = ["MUST"]\nRFC5961 = "all"\n')
        self.write("spec/exceptions.toml", "")
        self.write("src/core/tcp/a.cc", "// RFC 9293 3.1 [MUST-1]: because.\n"
                                        "int x[1]; // [RFC5961:1, MAY-1]\n")
        self.tests(("One", "RFC9293:MUST-1", "passed"), ("Two", "RFC5961:1", "passed"))
        self.write("build/test-results/interop.txt", "")
        self.run_script("requirements_report.py", "--root", self.root)

    def tests(self, *cases):
        self.write("build/debug/test-results/unit.xml", report(*cases))

    def check(self, *options):
        return self.run_script("requirements_report.py", "--root", self.root, "--check", *options)

    def document(self):
        return (self.root / "docs/requirements.md").read_text()

    def test_all_good(self):
        code, out = self.check()
        self.assertEqual(code, 0, out)
        self.assertIn("| RFC9293:MUST-1 | MUST | first | src/core/tcp/a.cc | Tcp.One | passed |",
                      self.document())
        self.assertIn("| RFC8200:1 | MUST | later | | | later |", self.document())

    def test_a_requirement_without_a_passing_test(self):
        for outcome in ("skipped", None):
            with self.subTest(outcome):
                self.tests(("One", "RFC9293:MUST-1", "passed"),
                           *([("Two", "RFC5961:1", outcome)] if outcome else []))
                code, out = self.check()
                self.assertEqual(code, 1)
                self.assert_rule(out, "each requirement in scope", False)

    def test_a_failed_covering_test(self):
        self.tests(("One", "RFC9293:MUST-1", "passed"), ("Two", "RFC5961:1", "passed"),
                   ("Three", "RFC5961:1", "failed"))
        _, out = self.check()
        self.assert_rule(out, "no covering test failed", False)

    def test_one_failure_in_several_builds_is_a_failure(self):
        self.write("build/thread/test-results/unit.xml",
                   report(("One", "RFC9293:MUST-1", "failed")))
        _, out = self.check()
        self.assert_rule(out, "no covering test failed", False)

    def test_unknown_identifiers(self):
        self.write("src/core/tcp/b.cc", "// [MUST-99]: no such row.\n")
        self.assert_rule(self.check()[1], "identifiers in code and tests", False)
        (self.root / "src/core/tcp/b.cc").unlink()
        self.tests(("One", "RFC9293:MUST-1 RFC5961:1 RFC5961:R5", "passed"))
        self.assert_rule(self.check()[1], "identifiers in code and tests", False)

    def test_an_index_is_no_citation(self):
        self.write("src/core/tcp/b.cc", "int y = x[U-99] + x[MUST-99];\n")
        self.assert_rule(self.check()[1], "identifiers in code and tests", True)

    def except_second(self, more=""):
        self.tests(("One", "RFC9293:MUST-1", "passed"))
        self.write("spec/exceptions.toml", '[[exception]]\nids = ["RFC5961:1"]\n'
                   f'reason = "a reason that a reviewer would accept"\n{more}\n')
        self.run_script("requirements_report.py", "--root", self.root)
        return self.check()

    def test_an_exception_with_a_reason(self):
        code, out = self.except_second()
        self.assertEqual(code, 0, out)
        self.assertIn("exception: a reason", self.document())

    def test_a_partial_exception_needs_a_test(self):
        _, out = self.except_second("partial = true")
        self.assert_rule(out, "each requirement in scope", False)

    def test_a_documented_exception_needs_its_citation_in_a_public_header(self):
        _, out = self.except_second("documented = true")
        self.assert_rule(out, "each requirement in scope", False)
        self.write("include/tern/tcp.hh", "// RFC 5961 3 [RFC5961:1]: advice.\n")
        self.assert_rule(self.except_second("documented = true")[1],
                         "each requirement in scope", True)

    def test_an_exception_without_a_reason_or_a_requirement(self):
        for text in ('ids = ["RFC5961:1"]\nreason = ""', 'ids = ["RFC5961:77"]\nreason = "' +
                     "long enough to be one" + '"'):
            self.write("spec/exceptions.toml", f"[[exception]]\n{text}\n")
            self.assert_rule(self.check()[1], "scope and exceptions", False)

    def test_document_out_of_date(self):
        self.write("src/core/tcp/a.cc", "\n\n// RFC 9293 3.1 [MUST-1]: moved.\n"
                                        "int x[1]; // [RFC5961:1, MAY-1]\n")
        self.assert_rule(self.check()[1], "is up to date", True)  # the same file
        self.write("src/core/tcp/a.cc", "// nothing\n")
        self.assert_rule(self.check()[1], "is up to date", False)

    def test_interop(self):
        self.tests(("One", "RFC9293:MUST-1", "passed"))
        for verdict, rule, good in (("ok ping", "each requirement", True),
                                    ("skip ping - x", "each requirement", False),
                                    ("not ok ping - x", "no covering test failed", False)):
            with self.subTest(verdict):
                self.write("build/test-results/interop.txt", f"{verdict}\ncovers ping RFC5961:1\n")
                self.assert_rule(self.check()[1], rule, good)

    def test_interop_that_covers_without_a_result(self):
        self.write("build/test-results/interop.txt", "covers ping RFC5961:1\n")
        self.assertEqual(self.check()[0], 1)

    def test_without_interop_the_document_is_believed_and_that_is_said(self):
        self.tests(("One", "RFC9293:MUST-1", "passed"))
        self.write("build/test-results/interop.txt", "ok ping\ncovers ping RFC5961:1\n")
        self.run_script("requirements_report.py", "--root", self.root)
        code, out = self.check("--without-interop")
        self.assertEqual(code, 0, out)
        self.assertIn("skip requirements: 1 interop results", out)

    def test_no_report_at_all(self):
        (self.root / "build/debug/test-results/unit.xml").unlink()
        self.assertEqual(self.check()[0], 1)

    def test_code_can_be_required(self):
        with open(self.root / "spec/scope.toml", "a") as f:
            f.write("[check]\nrequire_code = true\n")
        self.assert_rule(self.check()[1], "cited in the code", True)
        self.write("src/core/tcp/a.cc", "// nothing\n")
        self.assert_rule(self.check()[1], "cited in the code", False)

    def test_an_attack_in_scope_is_mounted_by_a_test_but_needs_no_citation(self):
        with open(self.root / "spec/scope.toml", "a") as f:
            f.write('VULN = "all"\n[check]\nrequire_code = true\n')
        _, out = self.check()
        self.assert_rule(out, "each requirement in scope has", False)
        self.assertIn("VULN:land", out)
        self.assert_rule(out, "cited in the code", True)
        self.tests(("One", "RFC9293:MUST-1", "passed"), ("Two", "RFC5961:1", "passed"),
                   ("Land", "VULN:land", "passed"))
        self.run_script("requirements_report.py", "--root", self.root)
        code, out = self.check()
        self.assertEqual(code, 0, out)
        self.assertIn("| VULN:land | attack | Land: drop it | | Tcp.Land | passed |",
                      self.document())

    def test_an_attack_by_interop(self):
        with open(self.root / "spec/scope.toml", "a") as f:
            f.write('VULN = "all"\n')
        self.write("build/test-results/interop.txt", "ok serve\ncovers serve VULN:land\n")
        self.assert_rule(self.check()[1], "each requirement in scope has", True)
