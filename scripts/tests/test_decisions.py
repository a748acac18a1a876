"""check_decisions.py: the list of decisions, and who names one."""
from fixture import Repository


class Decisions(Repository):
    def setUp(self):
        super().setUp()
        self.write("docs/decisions/0001-a-thing.md", "# 0001: a thing\n\nText.\n")
        self.write("docs/decisions/0003-another.md", "# 0003: Another\n\nText.\n")

    def check(self, *arguments):
        return self.run_script("check_decisions.py", "--root", self.root, *arguments)

    def test_fix_writes_the_list_with_its_gap(self):
        code, out = self.check()
        self.assert_rule(out, "lists them", False)
        code, out = self.check("--fix")
        self.assertEqual(code, 0, out)
        text = (self.root / "docs/decisions/README.md").read_text()
        self.assertIn("- [0001](0001-a-thing.md): A thing\n", text)
        self.assertIn("never given: 0002.", text)
        self.assertEqual(self.check()[0], 0)

    def test_a_new_page_makes_the_list_stale(self):
        self.check("--fix")
        self.write("docs/decisions/0002-late.md", "# 0002: late\n")
        code, out = self.check()
        self.assertEqual(code, 1, out)
        self.assert_rule(out, "lists them", False)

    def test_a_wrong_number_and_a_number_twice_are_found(self):
        self.write("docs/decisions/0004-four.md", "# 0005: four\n")
        self.write("docs/decisions/0003-other.md", "# 0003: other\n")
        code, out = self.check("--fix")
        self.assertEqual(code, 1, out)
        self.assertIn("0004-four.md does not begin with its number", out)
        self.assertIn("have one number", out)

    def test_a_decision_that_is_not_there_is_found(self):
        self.check("--fix")
        self.write("src/a.cc", "// docs/decisions/0001-a-thing.md, decision 0003\n"
                               "// docs/decisions/0001-gone.md\n")
        self.write("docs/b.md", "as decision 0002 says\n")
        code, out = self.check()
        self.assertEqual(code, 1, out)
        self.assertIn("src/a.cc:2: decisions/0001-gone.md", out)
        self.assertIn("docs/b.md:1: decision 0002", out)
        self.assertNotIn("src/a.cc:1", out)

    def test_no_page_is_no_success(self):
        for page in (self.root / "docs/decisions").iterdir():
            page.unlink()
        self.assertEqual(self.check()[0], 1)
