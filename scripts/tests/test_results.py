"""Counting: ctest_results.py, summary.py, run_interop.py, run_fuzz.py, check_seen.py, setup.sh."""
import json
import os
import pathlib
import re
import subprocess

from fixture import Repository, k_scripts

k_gtest = ('<testsuites><testsuite name="S">{}</testsuite></testsuites>')
k_pass = '<testcase name="a" status="run" result="completed"/>'
k_fail = '<testcase name="b" status="run" result="completed"><failure message="1 != 2"/></testcase>'
k_skip = '<testcase name="c" status="run" result="skipped"><skipped message="x"/></testcase>'


class Ctest(Repository):
    def results(self, ctest, reports):
        """ctest: name -> (status, executable); reports: file name -> text."""
        cases = "".join(f'<testcase name="{n}" status="{s}">'
                        + ('<failure message="boom"/>' if s == "fail" else "") + "</testcase>"
                        for n, (s, _) in ctest.items())
        self.write("r/ctest-junit.xml", f"<testsuite>{cases}</testsuite>")
        self.write("r/ctest-list.json", json.dumps(
            {"tests": [{"name": n, "command": [f"/b/{e}"]} for n, (_, e) in ctest.items()]}))
        for name, text in reports.items():
            self.write(f"r/{name}", text)
        code, out = self.run_script("ctest_results.py", "r")
        lines = out.splitlines()
        return code, tuple(sum(line.startswith(k) for line in lines)
                           for k in ("ok ", "not ok ", "skip "))

    def test_cases_are_counted_once(self):
        self.assertEqual(self.results({"unit": ("run", "tcp_tests")},
                                      {"tcp_tests.xml": k_gtest.format(k_pass + k_skip)}),
                         (0, (1, 0, 1)))

    def test_failures(self):
        self.assertEqual(self.results({"unit": ("fail", "tcp_tests")},
                                      {"tcp_tests.xml": k_gtest.format(k_pass + k_fail)}),
                         (1, (1, 1, 0)))

    def test_a_crash_without_report_is_a_failure(self):
        self.assertEqual(self.results({"unit": ("fail", "tcp_tests")}, {}), (1, (0, 1, 0)))

    def test_a_leak_found_after_the_report_is_a_failure(self):
        self.assertEqual(self.results({"unit": ("fail", "tcp_tests")},
                                      {"tcp_tests.xml": k_gtest.format(k_pass)}), (1, (1, 1, 0)))

    def test_a_broken_report_is_a_failure(self):
        self.assertEqual(self.results({"unit": ("run", "tcp_tests")},
                                      {"tcp_tests.xml": "<testsuites><test"})[0], 1)

    def test_a_test_that_is_no_googletest_counts_as_one(self):
        self.assertEqual(self.results({"sizes": ("run", "sizes")}, {}), (0, (1, 0, 0)))

    def test_no_ctest_report_is_a_failure(self):
        self.write("r/x", "")
        self.assertEqual(self.run_script("ctest_results.py", "r")[0], 1)


class Summary(Repository):
    def last_line(self, text):
        self.write("results/unit.tap", text)
        self.write("results/unit.seconds", "1")
        code, out = self.run_script("summary.py", "--results", "results", "unit")
        return code, out.splitlines()[-1]

    def test_last_line(self):
        self.assertEqual(self.last_line("ok a\nok b\n"), (0, "2 passed, 0 failed"))
        self.assertEqual(self.last_line("ok a\nnot ok b - x\n"), (1, "1 passed, 1 failed"))
        self.assertEqual(self.last_line("ok a\nskip b - x\n"), (0, "1 passed, 0 failed, 1 skipped"))

    def test_nothing_ran(self):
        self.assertEqual(self.last_line("")[0], 1)
        self.assertEqual(self.last_line("skip a - x\n")[0], 1)


class Lib(Repository):
    def record(self, commands):
        """Result lines that commands, sourced behind scripts/lib.sh as ./test does, leave."""
        results = self.root / "results"
        results.write_text("")
        subprocess.run(["bash", "-c", f"set -euo pipefail; source {k_scripts}/lib.sh; {commands}"],
                       env=dict(os.environ, TERN_RESULTS=str(results)), check=True,
                       capture_output=True, cwd=self.root)
        return [line.split(" - ")[0] for line in results.read_text().splitlines()]

    def test_tap(self):
        self.assertEqual(self.record("tap t printf 'ok a\\nnoise\\nskip b - x\\n'"),
                         ["ok a", "skip b"])

    def test_tap_without_a_result(self):
        self.assertEqual(self.record("tap t true"), ["not ok t"])

    def test_tap_with_a_bad_exit_code_only(self):
        self.assertEqual(self.record("f() { echo ok a; return 3; }; tap t f"), ["ok a", "not ok t"])

    def test_check(self):
        self.assertEqual(self.record("check a true; check b false"), ["ok a", "not ok b"])


class Progress(Repository):
    def build(self, body):
        """need_preset, not on a terminal, while a cmake of ours builds."""
        self.write("bin/cmake", "#!/bin/bash\n[[ $* == *--build* ]] || exec mkdir -p "
                   f"build/release\n{body}", executable=True)
        self.write("CMakePresets.json", "{}")
        script = (f"set -euo pipefail; PATH={self.root}/bin:$PATH; source {k_scripts}/lib.sh\n"
                  "need_preset release tern; need_preset release tern")
        return subprocess.Popen(["bash", "-c", script], cwd=self.root, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=dict(os.environ, TERN_PROGRESS_SECONDS="0"))

    def test_it_says_how_far_it_is_while_it_builds(self):
        process = self.build("for n in 1 2; do echo \"[$n/3] file\"\n"
                             "until [[ -e told$n ]]; do sleep 0.01; done; done\n")
        lines = []
        for number in (1, 2):
            while lines[-1:] != [f"build release: {number} of 3"]:
                line = process.stdout.readline()
                self.assertTrue(line, f"it ended without telling: {lines}")
                lines.append(line.rstrip())
            self.write(f"told{number}", "")
        rest, error = process.communicate()
        self.assertEqual((process.returncode, error), (0, ""))
        self.assertEqual(len(re.findall(r"^build release: \d+ s$", rest, re.M)), 1, "built once")

    def test_a_failure_shows_its_errors(self):
        process = self.build("echo '[1/3] one'; echo 'a.cc:1: error: no'; exit 1\n")
        _, error = process.communicate()
        self.assertEqual(process.returncode, 1)
        self.assertIn("a.cc:1: error: no", error)


class Interop(Repository):
    def run_tests(self, *words, **scripts):
        for name, body in scripts.items():
            self.write(f"tests/interop/{name}.sh", "#!/bin/bash\n" + body, executable=True)
        code, out = self.run_script("run_interop.py", "--tests", "tests/interop", "--bin", ".",
                                    "--out", "results/interop.txt", *words)
        return code, out, (self.root / "results/interop.txt").read_text()

    def test_results_and_covers(self):
        code, _, text = self.run_tests(ping="echo ok ping\necho covers ping RFC9293:MUST-1\n"
                                            'echo "bin $TERN_BIN tmp $TERN_TMP ns $TERN_NS"\n',
                                       lib="echo helper; exit 9\n")
        self.assertEqual(code, 0)
        self.assertEqual(text.splitlines()[1:], ["ok ping", "covers ping RFC9293:MUST-1"])

    def test_failures(self):
        for body in ("echo not ok a reason\n", "exit 0\n", "echo ok a; exit 3\n",
                     "echo ok a; sleep 30\n"):
            with self.subTest(body):
                hang = ["--hangs-after", "1"] if "sleep" in body else []
                code, out, _ = self.run_tests(*hang, a=body)
                self.assertEqual(code, 1, out)
                self.assertIn("\nnot ok a", "\n" + out)

    def test_no_test_is_a_failure(self):
        (self.root / "tests/interop").mkdir(parents=True)
        self.assertEqual(self.run_tests()[0], 1)


class Fuzz(Repository):
    def run_target(self, body):
        if body is not None:
            self.write("bin/fuzz_tcp", "#!/bin/bash\n" + body, executable=True)
        (self.root / "bin").mkdir(exist_ok=True)
        return self.run_script("run_fuzz.py", "--bin", "bin", "--corpus", "corpus", "--work", "w",
                               "--seconds", "1")

    def test_good(self):
        code, out = self.run_target("echo 'stat::number_of_executed_units: 77' >&2\n")
        self.assertEqual((code, out), (0, "ok fuzz_tcp (77 inputs in 1 s)\n"))

    def test_failures(self):
        for body in ("echo 'SUMMARY: AddressSanitizer: bad'; exit 77\n", "exit 0\n", None):
            with self.subTest(body):
                if body is None:
                    (self.root / "bin/fuzz_tcp").unlink()
                code, out = self.run_target(body)
                self.assertEqual(code, 1, out)
                self.assertTrue(out.startswith("not ok"), out)


class Seen(Repository):
    def setUp(self):
        super().setUp()
        self.write("include/tern/drop_reason.hh", "#define TERN_DROP_REASONS(X) \\\n"
                   '    X(TooShort, "a, b") \\\n    X(NoPort,"x")\nenum E { None };\n')
        self.write("include/tern/trace.hh", '#define TERN_SEND_REASONS(X) \\\n    X(Data, "d")\n'
                   '#define TERN_HOLD_REASONS(X) \\\n    X(Window, "w")\n'
                   '#define TERN_TIMERS(X) \\\n    X(Linger, "l")\n')
        self.write("src/core/a.cc", "f(DropReason::TooShort); f(DropReason::NoPort);\n"
                   "f(SendReason::Data); f(Timer::Linger); f(HoldReason::Window);\n")
        self.write("build/debug/bin/tern_dump_transitions", "#!/bin/sh\n"
                   "echo transition Closed Open SynSent\n", executable=True)
        self.write("spec/unseen.toml", "")
        self.seen("drop TooShort\ndrop NoPort\n", "transition Closed Open SynSent\n", "send Data\n",
                  "timer Linger Set\ntimer Linger Cancelled\ntimer Linger Fired\n", "hold Window\n")

    def seen(self, *files):
        for number, text in enumerate(files):
            self.write(f"build/debug/test-results/seen-{number}.txt", text)

    def check(self):
        return self.run_script("check_seen.py", "--root", self.root)

    def test_good(self):
        code, out = self.check()
        self.assertEqual(code, 0, out)

    def test_unseen(self):
        self.seen("drop TooShort\n", "transition Closed Open SynSent\n")
        self.assert_rule(self.check()[1], "every drop reason was seen", False)
        self.write("spec/unseen.toml", '[[unseen]]\nwhat = "drop NoPort"\n'
                   'reason = "a good reason for it, as long as one"\n')
        self.assertEqual(self.check()[0], 0)
        self.seen("drop TooShort\ndrop NoPort\n")
        self.assert_rule(self.check()[1], "nothing stale", False)

    def test_unseen_transition(self):
        self.seen("drop TooShort\ndrop NoPort\n", "")
        self.assert_rule(self.check()[1], "every transition was seen", False)

    def test_unseen_send_reason(self):
        self.write("build/debug/test-results/seen-2.txt", "send Data")  # half a line
        self.assert_rule(self.check()[1], "every send reason was seen", False)

    def test_unseen_hold_reason(self):
        self.write("build/debug/test-results/seen-4.txt", "")
        self.assert_rule(self.check()[1], "every hold reason was seen", False)

    def test_unseen_end_of_a_timer(self):
        self.write("build/debug/test-results/seen-3.txt", "timer Linger Set\ntimer Linger Fired\n")
        self.assert_rule(self.check()[1], "every timer was seen", False)

    def test_unknown_names(self):
        self.seen("drop TooShort\ndrop NoPort\ndrop Bogus\n")
        self.assert_rule(self.check()[1], "every drop reason was seen", False)

    def test_never_produced(self):
        self.write("src/core/a.cc", "f(DropReason::TooShort); // DropReason::NoPort\n"
                   "f(SendReason::Data); f(Timer::Linger); f(HoldReason::Window);\n")
        self.assert_rule(self.check()[1], "every drop reason is produced by src/", False)

    def test_never_sent(self):
        self.write("src/core/a.cc", "f(DropReason::TooShort); f(DropReason::NoPort);\n"
                   "f(Timer::Linger); f(HoldReason::Window);\n")
        self.assert_rule(self.check()[1], "every send reason is produced by src/", False)

    def test_no_program(self):
        (self.root / "build/debug/bin/tern_dump_transitions").unlink()
        self.assert_rule(self.check()[1], "every transition was seen", False)


class Setup(Repository):
    def setup_with(self, installed, known="", uid=0, groups=("build",)):
        """setup.sh with stand-ins for the package tools and id; (code, output, log)."""
        self.write("packages.txt", "# groups\nbuild aaa\nbuild bbb|ccc\ntest ddd\n")
        log = self.root / "log"
        log.write_text("")
        self.write("bin/dpkg-query", "#!/bin/bash\nfor p in \"$@\"; do case \" " + installed +
                   " \" in *\" $p \"*) echo \"$p installed\";; esac; done\n", executable=True)
        self.write("bin/apt-get", f'#!/bin/bash\necho "apt-get $*" >>{log}\n', executable=True)
        self.write("bin/apt-cache", "#!/bin/bash\ncase \" " + known +
                   " \" in *\" ${@: -1} \"*) exit 0;; esac; exit 1\n", executable=True)
        self.write("bin/id", f"#!/bin/bash\necho {uid}\n", executable=True)
        # A root that is not one: the policy file must not be this machine's.
        script = (k_scripts / "setup.sh").read_text().replace(
            "/usr/sbin/policy-rc.d", str(self.root / "policy-rc.d"))
        self.write("setup.sh", script, executable=True)
        done = subprocess.run(["bash", "setup.sh", *groups], cwd=self.root, capture_output=True,
                              text=True, env=dict(os.environ, TERN_PACKAGES="packages.txt",
                                                  PATH=f"{self.root}/bin:{os.environ['PATH']}"))
        return done.returncode, done.stdout + done.stderr, log.read_text()

    def test_nothing_missing_is_silent(self):
        self.assertEqual(self.setup_with("aaa ccc"), (0, "", ""))

    def test_installs_what_is_missing_and_leaves_no_policy(self):
        code, _, log = self.setup_with("aaa", known="ccc")
        self.assertEqual(code, 0)
        self.assertEqual(log, "apt-get install -y -qq --no-install-recommends ccc\n")
        self.assertFalse((self.root / "policy-rc.d").exists())

    def test_updates_only_if_needed_and_once(self):
        code, out, log = self.setup_with("aaa")
        self.assertEqual((code, log), (1, "apt-get update -qq\n"))
        self.assertIn("bbb|ccc", out)

    def test_not_root_says_the_command(self):
        code, out, log = self.setup_with("", uid=1000, groups=("build", "test"))
        self.assertEqual((code, log), (1, ""))
        self.assertIn("apt-get install --no-install-recommends aaa bbb ddd", out)

    def test_unknown_group(self):
        self.assertEqual(self.setup_with("", groups=("nonsense",))[0], 2)

    def test_the_list_itself(self):
        lines = (k_scripts / "packages.txt").read_text().splitlines()
        rows = [line.split() for line in lines if line and not line.startswith("#")]
        self.assertEqual({len(r) for r in rows}, {2})
        self.assertEqual({r[0] for r in rows}, {"build", "run", "test", "bench"})
        self.assertEqual(len(rows), len({r[1] for r in rows}))


class Stages(Repository):
    def test_each_stage_has_its_file_and_function(self):
        root = pathlib.Path(k_scripts).parent
        listed = subprocess.run([str(root / "test"), "--list"], capture_output=True, text=True)
        self.assertEqual(listed.returncode, 0)
        for line in listed.stdout.splitlines():
            name = line.split()[0]
            text = (root / "scripts/stages" / f"{name}.sh").read_text()
            self.assertIn(f"stage_{name.replace('-', '_')}()", text)
