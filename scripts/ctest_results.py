#!/usr/bin/env python3
"""Result lines from a folder that ctest and GoogleTest filled (see scripts/stages/unit.sh).

Counts GoogleTest cases. A ctest test without such a report counts as one result; one that failed
though its report has no failure (a crash, a leak found at exit, a time-out) counts as a failure.
"""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

import gtest_xml


def one_line(text, limit=200):
    return " ".join(text.split())[:limit]


def stems_of(list_file):
    """ctest name -> stem of its executable."""
    if not list_file.is_file() or not list_file.read_text().strip():
        return {}
    tests = json.loads(list_file.read_text()).get("tests", [])
    return {t["name"]: pathlib.Path(t["command"][0]).stem for t in tests if t.get("command")}


def results(folder):
    reports = {}  # stem of the executable -> its cases
    for path in sorted(folder.glob("*.xml")):
        if path.name == "ctest-junit.xml":
            continue
        stem = re.sub(r"_\d+$", "", path.stem)
        reports.setdefault(path.stem, []).extend(gtest_xml.read_cases(path))
        if stem != path.stem:
            reports.setdefault(stem, []).extend(reports.pop(path.stem))
    for stem, cases in sorted(reports.items()):
        for case in cases:
            name = f"{stem}: {case.name}"
            if case.outcome == "passed":
                yield f"ok {name}"
            elif case.outcome == "skipped":
                yield f"skip {name} - {case.message}"
            else:
                yield f"not ok {name} - {one_line(case.message)}"

    junit = folder / "ctest-junit.xml"
    if not junit.is_file():
        yield "not ok ctest - it wrote no report"
        return
    stems = stems_of(folder / "ctest-list.json")
    for test in ElementTree.parse(junit).getroot().iter("testcase"):
        name = test.get("name")
        cases = reports.get(stems.get(name, name), [])
        failure = test.find("failure")
        if test.get("status") == "fail" or failure is not None:
            if not any(c.outcome == "failed" for c in cases):
                why = failure.get("message", "") if failure is not None else ""
                seen = "its report has no failure" if cases else "it wrote no report"
                yield f"not ok {name} - {one_line(why) or 'failed'}; {seen}: crash, leak, time-out?"
        elif test.get("status") in ("notrun", "disabled") or test.find("skipped") is not None:
            yield f"skip {name} - ctest did not run it"
        elif not cases:
            yield f"ok {name}"


def main():
    lines = list(results(pathlib.Path(sys.argv[1])))
    print("\n".join(lines))
    return 1 if any(line.startswith("not ok") for line in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
