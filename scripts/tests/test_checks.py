"""check_checks.py compares docs/checks.md with the sources."""
from fixture import Repository

k_reason = "the caller has just asked whether it is there"


class Checks(Repository):
    def run_on(self, source, *rows):
        self.write("src/core/a/b.cc", source)
        self.write("docs/checks.md", "".join(f"| `{f}` | `{c}` | {why} |\n" for f, c, why in rows))
        return self.run_script("check_checks.py", "--root", self.root)

    def test_each_has_its_row(self):
        code, out = self.run_on(
            "void f() {\n    check(g(1, (2)) &&\n          x);  // check(not this)\n"
            "    t.check(y);\n}\n"
            "void check(bool holds) {\n    check_failed();\n}\n",
            ("core/a/b.cc", "g(1, (2)) && x", k_reason))
        self.assertEqual(code, 0, out)
        self.assertIn("(1 of them)", out)

    def test_a_missing_row_and_a_stale_one_are_found(self):
        code, out = self.run_on("void f() { check(a); }\n", ("core/a/b.cc", "b", k_reason))
        self.assertEqual(code, 1)
        self.assertIn("check(a) has no row", out)
        self.assertIn("b: there is no such check()", out)

    def test_two_alike_need_two_rows(self):
        row = ("core/a/b.cc", "a", k_reason)
        code, out = self.run_on("void f() { check(a); check(a); }\n", row)
        self.assertEqual(code, 1, out)
        code, out = self.run_on("void f() { check(a); check(a); }\n", row, row)
        self.assertEqual(code, 0, out)

    def test_a_row_needs_a_reason_and_a_tree_a_check(self):
        code, out = self.run_on("void f() { check(a); }\n", ("core/a/b.cc", "a", "it holds"))
        self.assert_rule(out, "has a reason", False)
        self.assertEqual(code, 1)
        code, out = self.run_on("void f() {}\n")
        self.assert_rule(out, "lists every check()", False)
