"""Reads GoogleTest XML reports."""
import dataclasses
import xml.etree.ElementTree as ElementTree


@dataclasses.dataclass
class Case:
    name: str
    outcome: str  # "passed", "failed", "skipped"
    message: str
    covers: list
    title: str = ""  # what a person calls it; the property "title"
    file: str = ""


def recorded(testcase, key):
    """A recorded property, in either form that GoogleTest writes: an attribute or an element."""
    values = [testcase.get(key, "")]
    values += [p.get("value", "") for p in testcase.iter("property") if p.get("name") == key]
    return " ".join(values).strip()


def read_cases(path):
    """The cases of one report; nothing when the file is no GoogleTest report."""
    try:
        top = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        return [Case(path.name, "failed", f"unreadable report: {error}", [])]
    if top.tag != "testsuites":  # ctest's own report has one testsuite at the top
        return []
    cases = []
    for suite in top.iter("testsuite"):
        for testcase in suite.iter("testcase"):
            name = f'{suite.get("name")}.{testcase.get("name")}'
            failure = testcase.find("failure")
            message = ""
            if failure is not None:
                outcome, message = "failed", failure.get("message", "").strip()
            elif (testcase.get("status") == "notrun" or testcase.get("result") == "skipped"
                  or testcase.find("skipped") is not None):
                outcome, message = "skipped", "switched off or skipped by itself"
            else:
                outcome = "passed"
            cases.append(Case(name, outcome, message,
                              recorded(testcase, "covers").replace(",", " ").split(),
                              recorded(testcase, "title"), testcase.get("file", "")))
    return cases
