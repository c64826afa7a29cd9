#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Checks that proto/ is pure and that arrows only point to it.

check_house.py includes             who may include whom, over the whole tree
check_house.py archive FILE.a       undefined symbols and writable data of the state machine
check_house.py self-test CC         plants one violation of each kind and demands that it is found
"""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

PURE_HEADERS = {"stdbool.h", "stddef.h", "stdint.h", "string.h"}
PUBLIC = re.compile(r"^vx6/[a-z]+\.h$")
SYMBOLS = {"memcpy", "memmove", "memset", "memcmp", "vx6_panic"}
# Position-independent code and hardened distributions add these; they carry no meaning here.
LINKER_SYMBOLS = {"_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}

# folder -> which of the project's own folders its quoted includes may come from, besides itself
MAY_INCLUDE = {
    "proto/include": ["proto/schema"],
    "proto/schema": [],
    "proto/src": ["proto/include", "proto/schema"],
    "proto/crypto": ["proto/include", "proto/schema"],
    "proto/test": ["proto/include", "proto/schema", "proto/src", "proto/crypto"],
    "sim": ["proto/include", "proto/schema"],
    "impl": ["proto/include", "proto/schema"],
    "fuzz": ["proto/include", "proto/schema", "proto/src", "proto/test", "impl"],
    "tools": ["proto/include", "proto/schema", "proto/src", "proto/crypto"],
}
TESTS_MAY = {"sim/test": ["proto/test"], "impl/test": ["proto/test"]}
PURE = ["proto/include", "proto/schema", "proto/src"]


def folder_of(path):
    matches = [f for f in MAY_INCLUDE if str(path).startswith(f + "/")]
    return max(matches, key=len) if matches else None


def check_include(path, target, quoted):
    """The reason why `path` (relative) must not include `target`, or None."""
    folder = folder_of(path)
    if folder is None:
        return "no rule for this folder"
    if not quoted:
        if folder in PURE and target not in PURE_HEADERS:
            return f"<{target}> is not pure"
        return None
    allowed = [folder] + MAY_INCLUDE[folder]
    for test_folder, more in TESTS_MAY.items():
        if str(path).startswith(test_folder + "/"):
            allowed = allowed + more
    name = pathlib.PurePosixPath(target).name
    for candidate in allowed:
        for found in (ROOT / candidate).rglob(name):
            if str(found).endswith("/" + target):
                return None
    return f'"{target}" is not of {", ".join(allowed)}'


def check_includes(root=ROOT):
    errors = []
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.suffix not in (".c", ".h", ".def") or relative.parts[0].startswith("build"):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
            if match:
                reason = check_include(relative, match[2], match[1] == '"')
                if reason:
                    errors.append(f"{relative}:{number}: {reason}")
    return errors


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def check_archive(archive):
    errors = []
    defined = set()
    undefined = {}
    member = "?"
    for line in run("nm", str(archive)).splitlines():
        if line.endswith(":"):
            member = line[:-1]
        match = re.match(r"^[0-9a-f ]{16} ([A-Za-z]) (\S+)$", line)
        if match and match[1] in "Uw":
            undefined.setdefault(match[2], member)
        elif match:
            defined.add(match[2])
    for symbol, member in sorted(undefined.items()):
        if symbol not in defined | SYMBOLS | LINKER_SYMBOLS:
            errors.append(f"{member}: undefined symbol {symbol}")
    for line in run("objdump", "-h", str(archive)).splitlines():
        match = re.match(r"^(\S+):\s+file format", line)
        if match:
            member = match[1]
        match = re.match(r"^\s*\d+ (\.(?:data|bss|tdata|tbss)\S*)\s+([0-9a-f]+)", line)
        if match and int(match[2], 16) > 0 and not match[1].startswith(".data.rel.ro"):
            errors.append(f"{member}: writable data in {match[1]}, {int(match[2], 16)} bytes")
    return errors


def self_test(compiler):
    """Every kind of violation must be found, or this check is worth nothing."""
    failures = []
    for path, target, quoted in [
        ("proto/src/x.c", "stdio.h", False),
        ("proto/src/x.c", "sodium.h", False),
        ("proto/src/x.c", "driver.h", True),
        ("proto/include/vx6/x.h", "internal.h", True),
        ("sim/src/x.c", "internal.h", True),
        ("sim/src/x.c", "driver.h", True),
        ("impl/src/x.c", "internal.h", True),
        ("impl/src/x.c", "world.h", True),
    ]:
        if check_include(pathlib.PurePosixPath(path), target, quoted) is None:
            failures.append(f"{path} may include {target}")
    if check_include(pathlib.PurePosixPath("proto/src/x.c"), "internal.h", True) is not None:
        failures.append("proto/src may not include its own header")
    for text, kind in [
        ("#include <stdio.h>\nvoid f(void);void f(void) { puts(\"x\"); }", "undefined symbol puts"),
        ("#include <stdlib.h>\nvoid *f(void);void *f(void) { return malloc(1); }", "undefined symbol malloc"),
        ("int counter = 1;", "writable data in .data"),
        ("int f(void);int f(void) { static int n; return ++n; }", "writable data in .bss"),
    ]:
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder, "x.c")
            source.write_text(text)
            run(compiler, "-O2", "-c", str(source), "-o", f"{folder}/x.o")
            run("ar", "rcs", f"{folder}/x.a", f"{folder}/x.o")
            if not any(kind in e for e in check_archive(f"{folder}/x.a")):
                failures.append(f"not found: {kind}")
    return failures


def main():
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    if command == "includes":
        errors = check_includes()
    elif command == "archive" and len(sys.argv) == 3:
        errors = check_archive(sys.argv[2])
    elif command == "self-test" and len(sys.argv) == 3:
        errors = self_test(sys.argv[2])
    else:
        sys.exit(__doc__)
    for error in errors:
        print(error)
    print(f"{command}: {len(errors)} violations")
    sys.exit(1 if errors else 0)


main()
