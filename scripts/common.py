"""What the check scripts share: the list of files, C++ without comments, and result lines."""
import pathlib
import re
import subprocess

k_root = pathlib.Path(__file__).resolve().parent.parent


def tracked(root, *patterns):
    """Paths, relative to root, that git tracks or would track; all files where there is no git."""
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard",
               "--", *patterns]
    try:
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        names = listed.splitlines()
    except (subprocess.CalledProcessError, FileNotFoundError):
        names = [str(p.relative_to(root)) for p in root.rglob("*")]
        names = [n for n in names if not patterns or
                 any(pathlib.PurePath(n).match(p) for p in patterns)]
    return sorted(pathlib.Path(n) for n in set(names) if (root / n).is_file())


k_token = re.compile(r'''//[^\n]*|/\*.*?\*/|R"([^(\s]{0,16})\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'''
                     r"""|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'""", re.S)


def without_comments(text, keep_strings=False):
    """C++ text with comments, and strings unless asked for, blanked; lines keep their number."""
    def blank(match):
        found = match.group(0)
        if found.startswith(("//", "/*")):
            return re.sub(r"[^\n]", " ", found)
        if keep_strings:
            return found
        return found[0] + re.sub(r"[^\n]", " ", found[1:-1]) + found[-1]
    return k_token.sub(blank, text)


def comments(text):
    """(line number, text) of each comment line of C++ text."""
    for match in k_token.finditer(text):
        found = match.group(0)
        if found.startswith(("//", "/*")):
            first = text.count("\n", 0, match.start()) + 1
            for i, line in enumerate(found.split("\n")):
                yield first + i, line


class Report:
    """Collects complaints by rule and prints them as result lines: one result a rule."""

    def __init__(self, area):
        self.area = area
        self.rules = {}

    def rule(self, name):
        return self.rules.setdefault(name, [])

    def complain(self, name, what):
        self.rule(name).append(what)

    def finish(self, note=""):
        for name, complaints in self.rules.items():
            if complaints:
                for what in complaints:
                    print(f"    {what}")
                print(f"not ok {self.area}: {name} - {len(complaints)}, first: {complaints[0]}")
            else:
                print(f"ok {self.area}: {name}{note}")
        return 1 if any(self.rules.values()) else 0
