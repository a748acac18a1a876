"""mutate.py draws what it says, always the same, and finds the tests of each part."""
import mutate
from fixture import Repository, k_scripts

k_planted = '[[planted]]\nfile = "tcp/a.cc"\nbefore = "{}"\nafter = "return 2;"\n'


class Mutate(Repository):
    def setUp(self):
        super().setUp()
        self.write("scripts/mutants.toml", "")

    def made_of(self, text):
        path = self.write("src/core/tcp/a.cc", text)
        return {(m.kind, m.before, m.after)
                for m in mutate.mutants_of(self.root, path.relative_to(self.root))}

    def test_each_operator(self):
        for kind, before, after in (
                ("comparison", "x = a < b;", "x = a <= b;"),
                ("comparison", "x = a >= b;", "x = a > b;"),
                ("equality", "x = a == b;", "x = a != b;"),
                ("condition", "x = a && b;", "x = a || b;"),
                ("offset", "x = a + 1;", "x = a + 0;"),
                ("sign", "x -= a;", "x += a;"),
                ("bound", "x = std::min(a, b);", "x = std::max(a, b);"),
                ("factor", "x = a / 2;", "x = a / 3;"),
                ("answer", "return true;", "return false;"),
                ("guard", "if (f(a)) return 7;", "if (false && (f(a))) return 7;")):
            with self.subTest(before):
                self.assertEqual(self.made_of(f"    {before}\n"), {(kind, before, after)})

    def test_what_is_spared(self):
        for text in ("// a < b\n", '"a < b"\n', "check(a < b);\n", "std::vector<int> v;\n",
                     "x = a << b;\n", "x = a + 10;\n", "static_assert(a == b);\n"):
            with self.subTest(text):
                self.assertEqual(self.made_of(text), set())

    def listed(self, *options):
        code, out = self.run_script("mutate.py", "--root", self.root, "--list", *options)
        self.assertEqual(code, 0)
        return out.splitlines()

    def test_files_take_turns_and_the_draw_repeats(self):
        for name in "ab":
            self.write(f"src/core/tcp/{name}.cc", "x = a < b;\ny = a < b;\nz = a < b;\n")
        first = self.listed("--count", "2")
        self.assertEqual(sorted(line[:8] for line in first), ["tcp/a.cc", "tcp/b.cc"])
        self.assertEqual(self.listed("--count", "2"), first)
        self.assertEqual(len(self.listed("--count", "99")), 6)
        self.assertEqual(len(self.listed("--only", "b.cc")), 3)

    def test_a_planted_mutant_needs_its_line(self):
        self.write("src/core/tcp/a.cc", "  return 1;\n")
        self.write("scripts/mutants.toml", k_planted.format("return 1;"))
        self.assertEqual(self.listed(), ["tcp/a.cc:1 planted: return 1;  ->  return 2;"])
        self.write("scripts/mutants.toml", k_planted.format("return 3;"))
        with self.assertRaises(SystemExit):
            mutate.planted(self.root, [{"file": "tcp/a.cc", "before": "return 3;",
                                        "after": "return 2;"}], "")

    def test_every_file_of_core_has_tests(self):
        core = k_scripts.parent / "src/core"
        for path in core.rglob("*.cc"):
            self.assertTrue(mutate.tests_of(path.relative_to(core).as_posix()), path)
        known = {test for _, tests in mutate.k_tests for test in tests}
        lists = "".join(p.read_text() for p in (k_scripts.parent / "tests").rglob("CMakeLists.txt"))
        for test in known:
            self.assertTrue(test in lists or test.startswith("script_"), f"{test} is no target")
