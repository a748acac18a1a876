"""run_lint.py: what clang-tidy finds in sources and headers, once for each."""
import json
import shutil

from fixture import Repository, k_scripts


class Lint(Repository):
    def setUp(self):
        super().setUp()
        shutil.copy(k_scripts.parent / ".clang-tidy", self.root / ".clang-tidy")

    def run_on(self, **sources):
        commands = []
        for name, text in sources.items():
            self.write(f"src/{name}.cc", text)
            commands.append({"directory": str(self.root), "file": f"src/{name}.cc",
                             "command": f"clang++-19 -std=c++20 -c src/{name}.cc"})
        self.write("build/compile_commands.json", json.dumps(commands))
        return self.run_script("run_lint.py", "--root", self.root, "--build", "build")

    k_clean = "int twice(int n) { return n + n; }\n"
    k_moved = ("namespace std {\ntemplate <class T> struct strip { using type = T; };\n"
               "template <class T> struct strip<T&> { using type = T; };\n"
               "template <class T> typename strip<T>::type&& move(T&& t) noexcept {\n"
               "    return static_cast<typename strip<T>::type&&>(t);\n}\n}\n"
               "struct Owner {\n    Owner();\n    Owner(Owner&&) noexcept;\n    ~Owner();\n"
               "    int size() const;\n};\nvoid take(Owner owner);\n"
               "int twice() {\n    Owner owner;\n    take(std::move(owner));\n"
               "    return owner.size();\n}\n")

    def test_clean_files_are_counted(self):
        code, out = self.run_on(a=self.k_clean)
        self.assertEqual((code, out), (0, "ok lint: 1 of 1 files\n"))

    def test_a_use_after_move_is_found(self):
        code, out = self.run_on(a=self.k_moved, b=self.k_clean)
        self.assertEqual(code, 1, out)
        self.assertIn("not ok lint: src/a.cc:18 - 'owner' used after it was moved", out)
        self.assertIn("ok lint: 1 of 2 files", out)

    def test_a_finding_of_a_header_is_told_once(self):
        self.write("src/h.hh", "#pragma once\nstruct A { virtual ~A() = default; "
                               "virtual void f() {} };\nstruct B : A { virtual void f() {} };\n")
        code, out = self.run_on(a='#include "h.hh"\n', b='#include "h.hh"\n')
        self.assertEqual(code, 1, out)
        self.assertEqual(out.count("src/h.hh:3"), 1, out)

    def test_a_file_that_does_not_compile_is_no_success(self):
        code, out = self.run_on(a="int f( {\n")
        self.assertEqual(code, 1, out)
        self.assertIn("not ok lint: src/a.cc:1", out)

    def test_nothing_to_read_is_no_success(self):
        code, out = self.run_on()
        self.assertEqual(code, 1, out)
        self.assertIn("nothing to read", out)
