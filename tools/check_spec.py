#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that every requirement of spec/ is kept to by code and checked by a test or a vector.

A requirement is a line of spec/*.md that begins with its id in bold. Code and tests cite the id.
Exits 1 and lists: requirements that no code cites, or no test; ids that are cited and not defined;
ids that are defined twice or have no MUST.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ID = re.compile(r"VX6-[A-Z]+-\d{3}")
SUFFIXES = {".c", ".h", ".def", ".jsonl", ".py", ".sh", ".txt", ""}
CODE = ["proto/include", "proto/schema", "proto/src", "proto/crypto", "impl", "sim"]
TESTS = ["proto/test", "impl/test", "sim/test", "vectors", "tools"]
NOT_TESTS = ["tools/oracle"]


def under(path, folders):
    return any(str(path).startswith(folder + "/") for folder in folders)


def requirements():
    """(id, place, the whole paragraph) of each definition."""
    for path in sorted((ROOT / "spec").glob("*.md")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            match = re.match(rf"\*\*({ID.pattern})\*\*", line)
            if not match:
                continue
            end = number
            while end < len(lines) and lines[end].strip():
                end += 1
            place = f"{path.relative_to(ROOT)}:{number + 1}"
            yield match[1], place, " ".join(lines[number:end])


def citations():
    """Two dicts, id -> first place: in code and in tests."""
    code, tests = {}, {}
    for path in sorted(ROOT.rglob("*")):
        relative = path.relative_to(ROOT)
        is_test = under(relative, TESTS) and not under(relative, NOT_TESTS)
        if path.suffix not in SUFFIXES or not (is_test or under(relative, CODE)):
            continue
        if not path.is_file() or path.name == "check_spec.py":
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            for cited in ID.findall(line):
                (tests if is_test else code).setdefault(cited, f"{relative}:{number}")
    return code, tests


def main():
    problems, places = [], {}
    for name, place, text in requirements():
        if name in places:
            problems.append(f"{place}: {name} is defined already at {places[name]}")
        if not re.search(r"\bMUST\b", text):
            problems.append(f"{place}: {name} has no MUST")
        places.setdefault(name, place)
    code, tests = citations()
    for name, place in places.items():
        absent = [kind for kind, cited in (("code", code), ("test", tests)) if name not in cited]
        if absent:
            problems.append(f"{place}: {name} is cited by no {' and no '.join(absent)}")
    for name in sorted((code.keys() | tests.keys()) - places.keys()):
        problems.append(f"{code.get(name) or tests.get(name)}: {name} is not in spec/")
    print("\n".join(problems + [f"{len(places)} requirements, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
