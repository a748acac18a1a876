"""check_tidy.py finds what it should, and nothing else."""
import check_tidy
from fixture import Repository


class Functions(Repository):
    def measured(self, text):
        return [(name, lines) for name, _, lines in check_tidy.functions(text)]

    def test_plain_member_and_test_functions(self):
        self.assertEqual(self.measured(
            "namespace a {\nclass B : public C {\npublic:\n    int f() const {\n        return 1;\n"
            "    }\n    int x{1};\n};\nint g(int a)\n{\n    if (a) { return 2; }\n"
            "    return 1;\n}\n"
            'TEST(Some, Thing) {\n    int y[] = {1, 2};\n}\nSCRIPT("brace { in string") {\n}\n}\n'),
            [("f", 3), ("g", 5), ("TEST", 3), ("SCRIPT", 2)])

    def test_initializer_lists_and_data(self):
        self.assertEqual(self.measured(
            "Foo::Foo(int a) : b_{a}, c_(a), d_{1, 2} {\n    run();\n}\n"
            "constexpr T table[] = {\n    {A, f(1)},\n    {B, 2},\n};\n"
            "enum class E : u8 {\n    X,\n};\nauto h() -> int {\n    return 'x';\n}\n"),
            [("Foo::Foo", 3), ("h", 3)])

    def test_braces_in_comments_macros_and_raw_strings(self):
        self.assertEqual(self.measured(
            "#define X(a) \\\n    {            \\\n// {\n/* { */\nint f() {\n"
            '    auto s = R"x({{{)x";\n    char c = \'{\';\n}\n'), [("f", 4)])

    def test_a_function_of_101_lines_is_too_long(self):
        for lines, good in ((100, True), (101, False)):
            body = "    g();\n" * (lines - 2)
            self.write("src/core/a.cc", "void f() {\n" + body + "}\n")
            self.write("src/core/README.md", "    a.cc   one\n")
            _, out = self.run_script("check_tidy.py", "--root", self.root)
            self.assert_rule(out, "functions of at most 100 lines", good)


class Rules(Repository):
    def tidy(self, name, text):
        path = self.write(name, text)
        code, out = self.run_script("check_tidy.py", "--root", self.root)
        path.unlink()
        self.assertIn(code, (0, 1))
        return out

    def test_columns(self):
        self.assert_rule(self.tidy("tools/a.cc", "x" * 100 + "\n"), "100 columns", True)
        self.assert_rule(self.tidy("tools/a.cc", "x" * 101 + "\n"), "100 columns", False)

    def test_file_length(self):
        self.assert_rule(self.tidy("tools/a.cc", "x\n" * 1000), "1000 lines", True)
        self.assertIn("warning: tools/a.cc", self.tidy("tools/a.cc", "x\n" * 801))
        self.assert_rule(self.tidy("tools/a.cc", "x\n" * 1001), "1000 lines", False)

    def test_white_space(self):
        for text in ("a\tb\n", "a \n", "no line feed"):
            self.assert_rule(self.tidy("tools/a.cc", text), "no tab", False)

    def test_notes(self):
        note = "TO" "DO"
        self.assert_rule(self.tidy("a.cc", f"// {note}: later\n"), "notes to self", False)
        self.assert_rule(self.tidy("a.cc", f"// {note}(issue 3): later\n"), "notes to self", True)

    def test_machine_paths(self):
        for text in ("/ho" "me/someone/x", "see /wo" "rk/main", "http://pypi-proxy." "example/"):
            self.assert_rule(self.tidy("docs/a.md", text + "\n"), "no machine's path", False)
        self.assert_rule(self.tidy("docs/a.md", "/dev/net/tun, a/home/b, build/work/x\n"),
                         "no machine's path", True)

    def test_suffixes(self):
        for name in ("src/a.cpp", "include/tern/a.h", "src/CamelCase.cc"):
            self.assert_rule(self.tidy(name, "//\n"), "C++ is .hh and .cc", False)
        for name in ("include/tern/tern.h", "bench/peers/lwip/lwipopts.h", "src/a_b2.cc"):
            self.assert_rule(self.tidy(name, "//\n"), "C++ is .hh and .cc", True)

    def test_switched_off_tests(self):
        self.assert_rule(self.tidy("tests/a.cc", "TEST(A, DISABLED" "_b) {}\n"),
                         "switched off", False)


class Maps(Repository):
    def verdict(self, rule, good):
        _, out = self.run_script("check_tidy.py", "--root", self.root)
        self.assert_rule(out, rule, good)
        return out

    def test_room_without_readme(self):
        self.write("src/core/base/a.cc", "//\n")
        self.verdict("READMEs map", False)

    def test_map_lists_each_file_and_no_other(self):
        self.write("src/core/base/a.cc", "//\n")
        self.write("src/core/base/a.hh", "//\n")
        self.write("src/core/base/README.md", "    a.hh/.cc   both\n")
        self.verdict("READMEs map", True)
        self.write("src/core/base/b.cc", "//\n")
        self.assertIn("does not name b.cc", self.verdict("READMEs map", False))
        self.write("src/core/base/README.md", "    a.hh/.cc\n    b.cc\n    gone.cc\n")
        self.assertIn("gone.cc, which does not exist", self.verdict("READMEs map", False))

    def test_room_above_maps_the_room_below(self):
        self.write("src/core/tcp/arrives/step1.cc", "//\n")
        self.write("src/core/tcp/README.md", "| `arrives/step1.cc` | x |\n")
        self.verdict("READMEs map", True)
        self.write("src/core/tcp/README.md", "| `step1.cc` | x |\n")
        self.verdict("READMEs map", False)

    def test_comments_and_documents_name_files(self):
        rule = "comments and documents name files"
        self.write("src/core/base/a.cc", "int x;\n")
        for line, good in (("// base/a.cc says more.", True), ("// See a.cc.", True),
                           ("// base/gone.cc says more.", False), ("// See gone.cc.", False),
                           ("int y;  // as examples/gone.hh does", False),
                           ('const char* s = "gone.cc";', True), ("// stages/NAME.sh", True)):
            with self.subTest(line):
                self.write("src/core/base/b.cc", line + "\n")
                self.verdict(rule, good)
        self.write("docs/some.md", "[there](../src/core/base/a.cc)\n")
        self.write("src/core/base/b.cc", "int z;\n")
        self.verdict(rule, True)
        self.write("docs/some.md", "[nowhere](../src/core/base/gone.cc)\n")
        self.verdict(rule, False)

    def test_path_of_a_segment(self):
        rule = "docs/path-of-a-segment.md names"
        self.write("src/core/stack/receive.cc", "void parse_headers(int) {}\n")
        self.write("src/core/stack/README.md", "receive.cc\n")
        self.verdict(rule, False)  # no document
        document = "docs/path-of-a-segment.md"
        for line, good in (("1  core/stack/receive.cc   parse_headers   all packets", True),
                           ("1  core/stack/receive.cc   all packets, then prefetch", True),
                           ("| `core/stack/receive.cc` | `parse_headers()` | all |", True),
                           ("1  core/stack/receive.cc   no_such_function   all packets", False),
                           ("| `core/stack/receive.cc` | `no_such()` | all |", False),
                           ("1  core/stack/gone.cc   parse_headers   all packets", False)):
            with self.subTest(line):
                self.write(document, line + "\n")
                self.verdict(rule, good)
