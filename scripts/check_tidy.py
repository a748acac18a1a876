#!/usr/bin/env python3
"""Checks what no compiler does: lengths, names, notes to self, and documents that name files.

A rule is a function (root, files, complaints) in k_rules; each is one result line.
"""
import argparse
import pathlib
import re
import sys

from common import Report, comments, k_root, tracked, without_comments

k_columns = 100
k_file_lines_warn = 800
k_file_lines = 1000
k_function_lines = 100

k_text = {".cc", ".hh", ".h", ".c", ".py", ".sh", ".md", ".toml", ".txt", ".cmake", ".json", ""}
k_cxx = {".cc", ".hh", ".h"}
# Data, and text that tools write: their lines are as long as they are.
k_not_ours = re.compile(r"^(spec/.*\.tsv|docs/requirements\.md|LICENSE"
                        r"|tests/(fuzz/corpus|data)/.*)$")
# Peers of the benchmarks are C, or Go, as their authors want it; the C API is tern.h.
k_other_suffix_allowed = re.compile(r"^(include/tern/tern\.h|bench/peers/.*|examples/.*\.c)$")


def read(root, path):
    """The lines of a text file, none of a binary one."""
    try:
        return (root / path).read_text().splitlines()
    except UnicodeDecodeError:
        return []


def columns(root, files, complaints):
    for path in files:
        if path.suffix in k_text and path.suffix not in (".md", ".json"):
            for number, line in enumerate(read(root, path), 1):
                if len(line) > k_columns:
                    complaints.append(f"{path}:{number} has {len(line)} columns")


def file_length(root, files, complaints):
    for path in files:
        if path.suffix not in k_cxx | {".py", ".sh", ""}:
            continue
        lines = len(read(root, path))
        if lines > k_file_lines:
            complaints.append(f"{path} has {lines} lines, at most {k_file_lines}")
        elif lines > k_file_lines_warn:
            print(f"    warning: {path} has {lines} lines; is it still about one thing?")


def white_space(root, files, complaints):
    for path in files:
        if path.suffix not in k_text:
            continue
        lines = read(root, path)
        for number, line in enumerate(lines, 1):
            if "\t" in line and path.suffix != ".tsv":
                complaints.append(f"{path}:{number} has a tab")
            if line != line.rstrip():
                complaints.append(f"{path}:{number} ends in white space")
        if lines and not (root / path).read_text().endswith("\n"):
            complaints.append(f"{path} does not end in a line feed")


k_note = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b(?!\([^)\s][^)]*\): \S)")


def notes(root, files, complaints):
    """A note to self says what it waits for: the word, then (reason): text."""
    for path in files:
        if path.suffix in k_text:
            for number, line in enumerate(read(root, path), 1):
                if k_note.search(line):
                    complaints.append(f"{path}:{number} has a note without (reason)")


k_machine = re.compile(r"(?<![\w.}])/(work|home|root|Users|farm)/\w"
                       r"|https?://[\w.-]*(artifactory|nexus|proxy|mirror)[\w.-]*\.\w"
                       r"|https?://(10|192\.168|172\.(1[6-9]|2\d|3[01]))\.[\d.]+.*(debian|pypi)")


def machine_paths(root, files, complaints):
    for path in files:
        for number, line in enumerate(read(root, path), 1):
            if k_machine.search(line):
                complaints.append(f"{path}:{number} names a machine's path or package host")


def suffixes(root, files, complaints):
    del root
    for path in files:
        if path.suffix in {".h", ".hpp", ".hxx", ".cpp", ".cxx", ".c", ".C"} and \
                not k_other_suffix_allowed.match(path.as_posix()):
            complaints.append(f"{path}: C++ is .hh and .cc")
        if path.suffix in k_cxx and not re.fullmatch(r"[a-z0-9_]+", path.stem):
            complaints.append(f"{path}: file names are snake_case")


def tests_run(root, files, complaints):
    """No test is switched off in silence."""
    for path in files:
        if path.parts[0] == "tests" and path.suffix in k_cxx:
            text = without_comments((root / path).read_text())
            for match in re.finditer(r"\bDISABLED_\w+", text):
                line = text.count("\n", 0, match.start()) + 1
                complaints.append(f"{path}:{line} switches a test off: {match.group(0)}")


k_label = re.compile(r"(?:public|private|protected)\s*:")
k_container = re.compile(r"^(?:template\s*<.*>\s*|(?:export|inline|typedef|static|constexpr)\s+)*"
                         r"(?:(?:namespace|class|struct|union|enum)\b|extern\s*\")", re.S)
k_init_list = re.compile(r"\)\s*(?:noexcept(?:\([^)]*\))?\s*)?:(?!:).*[\w>]\s*$", re.S)


def functions(text):
    """(name, first line, number of lines) of each function in C++ text, tests included."""
    text = re.sub(r"(?m)^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
                  lambda m: re.sub(r"[^\n]", " ", m.group(0)), without_comments(text))
    found = []
    stack = []        # "container", "function", "data" or "init" for each open brace
    opened = []       # (name, line) of open functions
    head, head_line, line = "", 1, 1
    for c in text:
        if c == "\n":
            line += 1
        inside = "function" in stack or "data" in stack
        if c == "{":
            if inside:
                stack.append("inner")
            elif "init" in stack:
                stack.append("init")
            else:
                trimmed = head.strip()
                if k_container.match(trimmed):
                    stack.append("container")
                elif k_init_list.search(trimmed):
                    stack.append("init")
                    continue
                elif "(" in trimmed and not re.search(r"[=,(]\s*$", trimmed):
                    names = re.findall(r"([\w:~]+)\s*\(", trimmed)
                    stack.append("function")
                    opened.append((names[0] if names else "?", head_line))
                else:
                    stack.append("data")
                head = ""
        elif c == "}":
            kind = stack.pop() if stack else None
            if kind == "function":
                name, first = opened.pop()
                found.append((name, first, line - first + 1))
            if kind == "init":
                head += "}"  # so that the body's brace is not taken for one more initializer
                continue
            if not ("function" in stack or "data" in stack):
                head = ""
        elif c == ";" and not inside:
            head = ""
        elif not inside and "init" not in stack:
            if not head.strip() and not c.isspace():
                head, head_line = "", line
            head += c
            if k_label.fullmatch(head.strip()):
                head = ""
    return found


def function_length(root, files, complaints):
    for path in files:
        if path.suffix not in k_cxx:
            continue
        for name, first, lines in functions((root / path).read_text()):
            if lines > k_function_lines:
                complaints.append(f"{path}:{first} {name} has {lines} lines, "
                                  f"at most {k_function_lines}")


k_named = re.compile(r"(?<![\w/.*-])((?:[\w.-]+/)*[\w-]+)\.(hh|cc|h)((?:/\.(?:hh|cc|h))*)(?!\w)")


def names_in(text):
    """File names that a document names: x.hh/.cc stands for two."""
    for match in k_named.finditer(text):
        for suffix in [match.group(2)] + re.findall(r"\.(\w+)", match.group(3)):
            yield f"{match.group(1)}.{suffix}", text.count("\n", 0, match.start()) + 1


def exists(root, folder, name):
    return any((root / base / name).is_file()
               for base in (folder, "", "src", "src/core", "include", "include/tern", "tests"))


def room_maps(root, files, complaints):
    """README.md of a room maps its files; a folder without one is mapped by the room above it."""
    sources = [f for f in files if f.parts[0] == "src" and f.suffix in k_cxx]
    readmes = {f.parent: (root / f).read_text() for f in files
               if f.parts[0] == "src" and f.name == "README.md"}
    for folder in sorted({f.parent for f in sources}):
        home = folder
        while home not in readmes and home != pathlib.Path("."):
            home = home.parent
        if home == pathlib.Path("."):
            complaints.append(f"{folder} has no README.md, nor has a folder above it")
            continue
        named = {name for name, _ in names_in(readmes[home])}
        for source in (f for f in sources if f.parent == folder):
            short = source.relative_to(home).as_posix()
            if short not in named and source.relative_to("src").as_posix() not in named:
                complaints.append(f"{home}/README.md does not name {short}")
    for home, text in readmes.items():
        for name, line in names_in(text):
            if not exists(root, home, name):
                complaints.append(f"{home}/README.md:{line} names {name}, which does not exist")


# What follows a file name: a gap or a bar, one identifier, perhaps called, a gap or a bar again.
k_second_column = re.compile(r"`?\s*(?:\||\s{2,})\s*`?([a-z_]\w*)(?:\([^)]*\))?`?"
                             r"\s*(?:\||\s{2,}|$)")
k_path_document = "docs/path-of-a-segment.md"


def path_of_a_segment(root, files, complaints):
    """Files of the document exist, and the function named in the column behind each is in it."""
    del files
    document = root / k_path_document
    if not document.is_file():
        complaints.append(f"{k_path_document} is missing")
        return
    for number, line in enumerate(document.read_text().splitlines(), 1):
        for match in k_named.finditer(line):
            name = f"{match.group(1)}.{match.group(2)}"
            where = f"{k_path_document}:{number}"
            paths = [root / base / name for base in ("", "src", "src/core", "include", "tests")]
            paths = [p for p in paths if p.is_file()]
            if not paths:
                complaints.append(f"{where} names {name}, which does not exist")
                continue
            column = k_second_column.match(line[match.end():])
            if not column:
                continue
            twins = [p.with_suffix(s) for p in paths for s in (".cc", ".hh")]
            text = "".join(without_comments(p.read_text()) for p in twins if p.is_file())
            if not re.search(rf"\b{column.group(1)}\s*\(", text):
                complaints.append(f"{where} names {column.group(1)}, which {name} does not have")


# A file in a comment or a document. Names with a capital, "file" and what a command writes stand
# for any file.
k_any_file = re.compile(r"(?<![\w/.*{<-])((?:[\w.-]+/)*[\w-]+\.(?:cc|hh|py|sh|md|toml|tsv|json"
                        r"|cmake|pkt|svg))\b(?![\w*])")
k_no_file = re.compile(r"(^|/)([A-Z_]+|file|x|smallest)\.\w+$")


def files_named(root, files, complaints):
    """What comments and documents name is a file: beside them, or the end of some path."""
    names = {f.as_posix() for f in tracked(root)}
    ends = {"/".join(pathlib.PurePath(n).parts[-depth:]) for n in names for depth in range(1, 9)}
    for path in files:
        text = (root / path).read_text() if path.suffix in k_cxx | {".md"} else ""
        lines = comments(text) if path.suffix in k_cxx else enumerate(text.splitlines(), 1)
        for number, line in lines:
            for name in k_any_file.findall(line):
                if name in ends or k_no_file.search(name):
                    continue
                if not (root / path.parent / name).is_file():
                    complaints.append(f"{path}:{number} names {name}, which does not exist")


k_rules = {
    f"at most {k_columns} columns": columns,
    f"files of at most {k_file_lines} lines": file_length,
    f"functions of at most {k_function_lines} lines": function_length,
    "no tab, no trailing white space": white_space,
    "notes to self have a reason": notes,
    "no machine's path": machine_paths,
    "C++ is .hh and .cc": suffixes,
    "no test is switched off": tests_run,
    "READMEs map their rooms": room_maps,
    f"{k_path_document} names what exists": path_of_a_segment,
    "comments and documents name files that exist": files_named,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=k_root)
    options = parser.parse_args()
    files = [f for f in tracked(options.root) if not k_not_ours.match(f.as_posix())]
    report = Report("tidy")
    for name, rule in k_rules.items():
        rule(options.root, files, report.rule(name))
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
