#!/usr/bin/env python3
"""tern sim as a user sees it: the release build has the digests of the debug build, a failing seed
is shrunk to a file that repeats it, plots are XML, and mistakes are told with line and column."""
import sys
import xml.etree.ElementTree as ElementTree

from lib_tern import *

k_scenarios = k_here.parent.parent / "examples" / "sim"
k_restart = """
[[fault]]
kind = "restart"
host = "b"
at = "1s"
"""


def sim(*words, wanted=0, where=None):
    done = subprocess.run([str((k_release / "tern").resolve()), "sim", *map(str, words)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60 * k_patience,
                          cwd=where)
    check_equal(done.returncode, wanted, f"sim {words}: {done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def folder():
    return tempfile.TemporaryDirectory(prefix="tern-sim-", dir=os.environ.get("TERN_TMP"))


@test()
def digests_do_not_depend_on_the_build():
    lines = (k_scenarios / "digests.txt").read_text().splitlines()
    check(len(lines) >= 3, "no digests")
    for line in lines:
        name, digest = line.split()
        result = json.loads(sim(k_scenarios / name, "--json")[0])
        check_equal(result["digest"], digest, name)
        check(result["passed"] and not result["failures"], f"{name} failed")
        check(all(flow["exact"] for flow in result["flows"]), f"{name}: bytes")


@test()
def another_seed_is_another_run():
    one, two, again = (json.loads(sim(k_scenarios / "faults.toml", "--json", "--seed", seed)[0])
                       for seed in (5, 6, 5))
    check(one["digest"] != two["digest"], "two seeds, one digest")
    check_equal(one, again, "one seed, two runs")


@test()
def a_failing_seed_is_shrunk_to_a_file_that_repeats_it():
    with folder() as where:
        text = (k_scenarios / "faults.toml").read_text().replace("retry = true\n", "")
        pathlib.Path(where, "bad.toml").write_text(text)
        out, error = sim("bad.toml", "--seeds", 3, "--smallest", "small.toml", wanted=1,
                         where=where)
        check("FAILED upload:" in out, out)
        check("1 of 4 faults are enough" in error, error)
        small = pathlib.Path(where, "small.toml").read_text()
        check_equal(small.count("[[fault]]"), 1, small)
        check('kind = "restart"' in small and 'size = "20000000"' not in small, small)
        again, _ = sim("small.toml", wanted=1, where=where)
        check("FAILED upload:" in again, again)


@test()
def many_seeds_and_plots():
    check("3 seeds from 1 on" in sim(k_scenarios / "faults.toml", "--seeds", 3)[0], "three seeds")
    with folder() as where:
        sim(k_scenarios / "bulk.toml", "--svg", where)
        names = sorted(os.listdir(where))
        check_equal(names, ["cwnd.svg", "delay.svg", "goodput.svg", "queue.svg"], "plots")
        for name in names:
            root = ElementTree.parse(pathlib.Path(where, name)).getroot()
            texts = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
            check("time (s)" in texts, f"{name}: {texts}")


@test()
def a_flow_is_drawn_with_its_reasons():
    out, _ = sim(k_scenarios / "faults.toml", "--ladder", "upload")
    for part in ("SYN-SENT", "the application called OPEN", "lost on the wire"):
        check(part in out, f"no {part!r} in: {out[-3000:]}")
    # Who is watched wakes up for each segment of a train: that many events are more.
    plain, drawn = (re.sub(r"[0-9]+ events", "", text)
                    for text in (sim(k_scenarios / "faults.toml")[0], out))
    check(drawn.endswith(plain), "drawing has changed the run")
    check("has no flow of this name" in
          sim(k_scenarios / "faults.toml", "--ladder", "none", wanted=2)[1], "no such flow")


@test()
def mistakes_are_told_with_line_and_column():
    with folder() as where:
        wrong = pathlib.Path(where, "wrong.toml")
        wrong.write_text('duration = "1s"\n[[host]]\nname = "a"\naddress = "ten"\n')
        check("wrong.toml:4:11: address" in sim(wrong, wanted=2)[1], "the address")
        wrong.write_text("duration = \n")
        check("wrong.toml:1:" in sim(wrong, wanted=2)[1], "no TOML")
        check("cannot be read" in sim(pathlib.Path(where, "none"), wanted=2)[1], "no file")
        quiet = (k_scenarios / "lan.toml").read_text() + k_restart.replace("1s", "100s")
        wrong.write_text(quiet)
        check("never struck" in sim(wrong, wanted=1)[0], "a fault after the end")


if __name__ == "__main__":
    sys.exit(main())
