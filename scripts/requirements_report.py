#!/usr/bin/env python3
"""Joins requirement, code, test and result into docs/requirements.md.

Requirements are spec/*.tsv, written RFC9293:MUST-10, RFC5961:1 and, for the attacks of
vulnerabilities.tsv, VULN:land. Code cites them in comments:
    // RFC 9293 3.10.7.4 [MUST-59]: why        // RFC 5961 3.2 [RFC5961:1]: why
Tests record them as data: covers("RFC9293:MUST-59") becomes a property of the GoogleTest report.
Interop tests print "covers NAME ID ID". Without --check the document is written; with --check it is
compared, and the rules below print one result line each.
"""
import argparse
import csv
import dataclasses
import pathlib
import re
import sys
import tomllib

import gtest_xml
from common import Report, comments, k_root, tracked

k_tables = ["rfc9293.tsv", "other-rfcs.tsv", "vulnerabilities.tsv"]
k_tests_shown = 3
k_code_shown = 4


@dataclasses.dataclass
class Requirement:
    id: str
    document: str  # "RFC9293"
    level: str
    section: str
    text: str
    in_scope: bool = False
    exception: str = ""
    partial: bool = False     # the exception is of a part; the rest needs a test
    documented: bool = False  # the exception is met by a citation in a public header
    code: list = dataclasses.field(default_factory=list)   # "src/a.cc"
    tests: dict = dataclasses.field(default_factory=dict)  # shown name -> outcome

    def tested(self):
        return "passed" in self.tests.values()


def requirement_of(table, row):
    """A row of a table. An attack has no level: what the stack must do against it is the text."""
    if table == "vulnerabilities.tsv":
        return Requirement(f'VULN:{row["id"]}', "VULN", "attack", row["layer"],
                           f'{row["name"]}: {row["stack_must"]}')
    if table == "rfc9293.tsv":
        document, key = "RFC9293", row["id"]
    else:
        document, key = row["id"].rsplit("-", 1)
        document = f"RFC{document}" if document.isdigit() else document
    return Requirement(f"{document}:{key}", document, row["level"], row["section"],
                       row["requirement"])


def load_requirements(spec):
    """id -> Requirement, in the order of the tables."""
    found = {}
    for table in k_tables:
        with open(spec / table, newline="") as lines:
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
                requirement = requirement_of(table, row)
                if requirement.id in found:
                    raise SystemExit(f"{table}: {requirement.id} twice")
                found[requirement.id] = requirement
    return found


def load_scope(spec, requirements, report):
    """Marks what is in scope and what is excepted; returns the [check] settings."""
    rule = report.rule("scope and exceptions name known requirements, with reasons")
    with open(spec / "scope.toml", "rb") as f:
        scope = tomllib.load(f)
    for document, which in scope["in_scope"].items():
        rows = [r for r in requirements.values() if r.document == document]
        if not rows:
            rule.append(f"spec/scope.toml: no requirement of {document}")
        for row in rows:
            key = row.id.split(":", 1)[1]
            row.in_scope = row.in_scope or which == "all" or key.split("-")[0] in which
    with open(spec / "exceptions.toml", "rb") as f:
        exceptions = tomllib.load(f).get("exception", [])
    for entry in exceptions:
        reason = " ".join(entry.get("reason", "").split())
        for identifier in entry.get("ids", [entry.get("id", "?")]):
            row = requirements.get(identifier)
            if row is None:
                rule.append(f"spec/exceptions.toml: unknown requirement {identifier}")
            elif len(reason) < 20:
                rule.append(f"spec/exceptions.toml: {identifier} has no reason")
            elif row.exception:
                rule.append(f"spec/exceptions.toml: {identifier} twice")
            else:
                until = entry.get("until", "")
                row.exception = reason + (f" Until: {until}." if until else "")
                row.partial = entry.get("partial", False)
                row.documented = entry.get("documented", False)
    return scope.get("check", {})


k_cite = re.compile(r"\[((?:(?:MUST|SHLD|MAY|REC|U)-\d+|[A-Z]+\d*:[\w.-]+)"
                    r"(?:[ ,]+(?:(?:MUST|SHLD|MAY|REC|U)-\d+|[A-Z]+\d*:[\w.-]+))*)\]")


def load_code(root, requirements, unknown):
    """Citations in comments of src, include and tools."""
    for path in tracked(root, "*.hh", "*.cc", "*.h"):
        if path.parts[0] not in ("src", "include", "tools"):
            continue
        for number, line in comments((root / path).read_text()):
            for match in k_cite.finditer(line):
                for name in re.split(r"[ ,]+", match.group(1)):
                    identifier = name if ":" in name else f"RFC9293:{name}"
                    if identifier in requirements:
                        requirements[identifier].code.append(str(path))
                    else:
                        unknown.append(f"{path}:{number} cites unknown {identifier}")


def shown_name(case, root):
    """tests/script/rfc9293/open.cc "both sides send SYN"."""
    title = case.title or case.name
    if case.file:
        file = pathlib.Path(case.file)
        parts = file.parts
        if file.is_absolute() and file.is_relative_to(root):
            parts = file.relative_to(root).parts
        if "tests" in parts:  # a report from another checkout, or from a build folder
            parts = parts[parts.index("tests"):]
        return f'{"/".join(parts)} "{title}"'
    return title


def add_test(requirements, unknown, failing, name, outcome, identifiers):
    for identifier in identifiers:
        row = requirements.get(identifier)
        if row is None:
            unknown.append(f"{name} covers unknown {identifier}")
            continue
        # The same test may run in several builds: one failure is a failure.
        order = ["failed", "passed", "skipped"]
        outcomes = [o for o in (row.tests.get(name), outcome) if o]
        row.tests[name] = min(outcomes, key=order.index)
    if outcome == "failed" and identifiers:
        failing.append(f"{name} failed; it covers {' '.join(identifiers)}")


def load_tests(root, xml, requirements, unknown, failing):
    """Results of GoogleTest reports; returns how many cases there were."""
    count = 0
    for path in xml:
        for case in gtest_xml.read_cases(path):
            count += 1
            add_test(requirements, unknown, failing, shown_name(case, root), case.outcome,
                     case.covers)
    return count


def load_interop(path, requirements, unknown, failing):
    outcomes, covers = {}, {}
    for line in path.read_text().splitlines():
        match = re.match(r"(ok|not ok|skip) (\S+)", line)
        if match:
            verdict = {"ok": "passed", "not ok": "failed", "skip": "skipped"}[match.group(1)]
            outcomes[match.group(2)] = verdict
        elif line.startswith("covers "):
            _, name, *identifiers = line.split()
            covers.setdefault(name, []).extend(identifiers)
    for name, identifiers in covers.items():
        if name not in outcomes:
            unknown.append(f"interop: {name} covers requirements but gave no result")
        add_test(requirements, unknown, failing, f"interop: {name}",
                 outcomes.get(name, "failed"), identifiers)


def borrow_interop(document, requirements):
    """Without interop tests in this run: what the committed document says of them holds."""
    if not document.is_file():
        return 0
    count = 0
    for line in document.read_text().splitlines():
        identifier = line[2:].split(" ", 1)[0]
        for name in re.findall(r"interop: \S+(?=[;| ])", line):
            if line.startswith("| ") and identifier in requirements:
                requirements[identifier].tests.setdefault(name.rstrip(";"), "passed")
                count += 1
    return count


def owes_citation(row):
    """An attack owes none: what withstands it is often many places, or the absence of something."""
    return row.in_scope and not row.code and not row.exception and row.document != "VULN"


def excepted(row):
    """Whether the exception holds: neither of a part only, nor documentation that is not there."""
    if row.partial or not row.exception:
        return False
    return not row.documented or any(c.startswith("include/") for c in row.code)


def status(row):
    if "failed" in row.tests.values():
        return "FAILED"
    if row.tested():
        return "passed"
    if excepted(row):
        return "exception"
    return "MISSING" if row.in_scope else "later"


def cell(items, shown):
    # Interop tests come first and are never left out, so that --without-interop can read them.
    items = sorted(set(items), key=lambda i: (not i.startswith("interop: "), i))
    kept = [i for i in items if i.startswith("interop: ")]
    kept += [i for i in items if i not in kept][:shown]
    more = len(items) - len(kept)
    return "; ".join(kept + ([f"and {more} more"] if more else []))


def shown_text(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def render(requirements):
    """The document. Rows in scope first, by RFC; then what is later."""
    rows = list(requirements.values())
    now = [r for r in rows if r.in_scope]
    lines = ["# Requirements", "",
             "Generated by `scripts/requirements_report.py` from `spec/`, the citations in the",
             "code and the results of the tests; `./test` checks that it is up to date.", "",
             "| document | in scope | passed | exception | missing or failed |",
             "|---|---|---|---|---|"]

    def summary(title, some):
        states = [status(r) for r in some]
        bad = states.count("MISSING") + states.count("FAILED")
        return (f"| {title} | {len(some)} | {states.count('passed')} "
                f"| {states.count('exception')} | {bad} |")

    documents = list(dict.fromkeys(r.document for r in now))
    for document in documents:
        lines.append(summary(document, [r for r in now if r.document == document]))
    lines.append(summary("all", now))
    for document in documents:
        lines += ["", f"## {document}", "", "| id | level | requirement | code | tests | result |",
                  "|---|---|---|---|---|---|"]
        for r in (r for r in now if r.document == document):
            state = status(r)
            result = state
            if r.exception:
                part = "in part " if r.partial else ""
                result = f"exception: {r.exception}" if state == "exception" else \
                    f"{state}; {part}an exception: {r.exception}"
            lines.append(f"| {r.id} | {r.level} | {shown_text(r.text)} "
                         f"| {cell(r.code, k_code_shown)} "
                         f"| {shown_text(cell(r.tests, k_tests_shown))} | {shown_text(result)} |")
    lines += ["", "## Later", "", "Not in scope yet (`spec/scope.toml`); tested already where a "
              "result stands.", "", "| id | level | requirement | code | tests | result |",
              "|---|---|---|---|---|---|"]
    for r in (r for r in rows if not r.in_scope):
        lines.append(f"| {r.id} | {r.level} | {shown_text(r.text)} | {cell(r.code, k_code_shown)} "
                     f"| {shown_text(cell(r.tests, k_tests_shown))} | {status(r)} |")
    return re.sub(r"\|  +\|", "| |", re.sub(r"\|  +\|", "| |", "\n".join(lines))) + "\n"


def check_document(document, text, rule):
    if not document.is_file():
        rule.append(f"{document.name} is missing: run scripts/requirements_report.py")
        return
    old, new = document.read_text().splitlines(), text.splitlines()
    if old != new:
        first = next((b or a for a, b in zip(old + [""] * len(new), new + [""] * len(old))
                      if a != b), "")
        rule.append(f"{document.name} is out of date: run scripts/requirements_report.py after "
                    f"./test; first difference: {first[:120]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=k_root)
    parser.add_argument("--xml", type=pathlib.Path, nargs="*",
                        help="GoogleTest reports (build/*/test-results/*.xml)")
    parser.add_argument("--interop", type=pathlib.Path, help="build/test-results/interop.txt")
    parser.add_argument("--out", type=pathlib.Path, help="docs/requirements.md")
    parser.add_argument("--check", action="store_true", help="compare and apply the rules")
    parser.add_argument("--without-interop", action="store_true",
                        help="no interop test ran: believe the committed document on them")
    options = parser.parse_args()
    root = options.root.resolve()
    document = options.out or root / "docs/requirements.md"
    interop = options.interop or root / "build/test-results/interop.txt"
    xml = options.xml
    if xml is None:
        xml = sorted(root.glob("build/*/test-results/*.xml"))

    report = Report("requirements")
    requirements = load_requirements(root / "spec")
    settings = load_scope(root / "spec", requirements, report)
    unknown = report.rule("identifiers in code and tests are known")
    failing = report.rule("no covering test failed")
    missing = report.rule("each requirement in scope has a passing test or a reasoned exception")
    load_code(root, requirements, unknown)
    cases = load_tests(root, xml, requirements, unknown, failing)
    if cases == 0:
        missing.append("no GoogleTest report was found: run ./test --only unit first")
    if options.without_interop:
        borrowed = borrow_interop(document, requirements)
        if borrowed:
            print(f"skip requirements: {borrowed} interop results - none ran here; taken from "
                  f"{document.name}")
    elif interop.is_file():
        load_interop(interop, requirements, unknown, failing)

    for row in requirements.values():
        row.code = sorted(set(row.code))
        if row.in_scope and status(row) == "MISSING":
            due = "a passing test"
            if row.documented:
                due = "a citation in include/ (its exception is that it is documented)"
            elif row.partial:
                due = "a passing test of the part that is not excepted"
            missing.append(f"{row.id} ({row.level}) lacks {due}: {row.text}")
    if settings.get("require_code"):
        uncited = report.rule("each requirement in scope is cited in the code")
        uncited += [f"{r.id}: {r.text}" for r in requirements.values() if owes_citation(r)]

    text = render(requirements)
    now = [r for r in requirements.values() if r.in_scope]
    states = [status(r) for r in now]
    print(f"    {len(now)} in scope: {states.count('passed')} passed, "
          f"{states.count('exception')} exceptions, {states.count('MISSING')} missing, "
          f"{states.count('FAILED')} failed; "
          f"{sum(owes_citation(r) for r in now)} not cited in the code")
    if options.check:
        check_document(document, text, report.rule("docs/requirements.md is up to date"))
    else:
        document.parent.mkdir(parents=True, exist_ok=True)
        document.write_text(text)
        print(f"    wrote {document}")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
