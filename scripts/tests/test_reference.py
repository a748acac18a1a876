"""check_reference.py: what Doxygen misses in a public header."""
import shutil

from fixture import Repository, k_scripts


class Reference(Repository):
    def run_on(self, body):
        for name in ("docs/Doxyfile", "scripts/doxygen_filter.py"):
            path = self.write(name, "")
            shutil.copy(k_scripts.parent / name, path)
        self.write("include/tern/a.hh", f"// What a is.\n#pragma once\n\nnamespace tern {{\n\n"
                                        f"{body}\n\n}}  // namespace tern\n")
        return self.run_script("check_reference.py", "--root", self.root)

    def test_a_comment_above_or_behind_documents(self):
        code, out = self.run_on(
            "// A thing.\nclass A {\npublic:\n    A(const A&) = delete;\n"
            "    int size() const;\n    int seconds;\n"
            "    int left() const;  // in bytes, and\n                       // at most 3\n"
            "    // Takes <n> of them, 50% at once @ home.\n    void take(int n);\n};")
        self.assertEqual(code, 0, out)
        page = (self.root / "build/reference/html/classtern_1_1A.html").read_text()
        self.assertIn("in bytes, and at most 3", page)
        self.assertIn("Takes &lt;n&gt; of them, 50% at once @ home.", page)

    def test_a_program_in_a_comment_keeps_its_lines(self):
        code, out = self.run_on("// A thing. Use it so:\n//   A<int> a;\n//   a.b();  // <c>\n"
                                "// No more.\nstruct A {\n    int seconds;\n};")
        self.assertEqual(code, 0, out)
        page = (self.root / "build/reference/html/structtern_1_1A.html").read_text()
        self.assertRegex(page, r'<div class="line"> ?A&lt;int&gt; a;</div>\s*'
                               r'<div class="line"> ?a\.b\(\);  // &lt;c&gt; ?</div>')

    def test_a_silent_function_is_found_at_its_line(self):
        code, out = self.run_on("// A thing.\nclass A {\npublic:\n    void take(int n);\n};")
        self.assertEqual(code, 1, out)
        self.assert_rule(out, "type and function is documented", False)
        self.assertIn("include/tern/a.hh:9: ", out)

    def test_a_silent_type_is_found(self):
        code, out = self.run_on("struct A {\n    int seconds;\n};")
        self.assertEqual(code, 1, out)
        self.assertIn("Compound tern::A is not documented", out)

    def test_a_warning_of_another_kind_is_found(self):
        with_command = "/** A thing. @nosuch */\nstruct A {\n    int seconds;\n};"
        code, out = self.run_on(with_command)
        self.assertEqual(code, 1, out)
        self.assert_rule(out, "no other warning", False)

    def test_no_header_is_no_success(self):
        self.run_on("// A thing.\nstruct A {};")
        (self.root / "include/tern/a.hh").unlink()
        code, out = self.run_script("check_reference.py", "--root", self.root)
        self.assertEqual(code, 1, out)
        self.assert_rule(out, "has its page", False)
