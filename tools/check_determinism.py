#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One digest for every build, with model and with real cryptography. What else may and may not
change a digest is tested on one build: sim/test/determinism.sh.

check_determinism.py BUILD...     build folders that hold bin/vx6-sim; the first is the reference
"""
import json
import pathlib
import subprocess
import sys

LARGE = ["--nodes", "200", "--duration", "90s", "--churn", "0.1"]
SMALL = ["--nodes", "40", "--duration", "60s", "--churn", "0.1"]


def digest(build, *arguments):
    command = [str(build / "bin" / "vx6-sim"), "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)["digest"]


def main():
    builds = [pathlib.Path(name).resolve() for name in sys.argv[1:]]
    if len(builds) < 2:
        sys.exit(__doc__)
    errors = 0
    for arguments in [LARGE, SMALL, [*SMALL, "--crypto", "real"]]:
        expected = None
        for build in builds:
            found = digest(build, *arguments)
            expected = expected or found
            errors += found != expected
            print("ok " if found == expected else "BAD", found, build.name, *arguments, flush=True)
    print(f"determinism: {errors} builds differ")
    sys.exit(1 if errors else 0)


main()
