#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One digest for every build, provider and salt; another for another seed or a lost packet.

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

    def compare(what, expected, found, equal=True):
        nonlocal errors
        right = (expected == found) == equal
        errors += not right
        print(f"{'ok ' if right else 'BAD'} {found} {'=' if equal else 'not'} {expected}: {what}",
              flush=True)

    first = builds[0]
    large = digest(first, *LARGE)
    small = digest(first, *SMALL)
    for build in builds[1:]:
        compare(f"{build.name}, model", large, digest(build, *LARGE))
        compare(f"{build.name}, real", small, digest(build, *SMALL, "--crypto", "real"))
    compare(f"{first.name}, real", small, digest(first, *SMALL, "--crypto", "real"))
    compare("the same run again", large, digest(first, *LARGE))
    compare("another crypto salt", large, digest(first, *LARGE, "--crypto-salt", "2"))
    compare("another seed", large, digest(first, *LARGE, "--seed", "2"), equal=False)
    compare("one packet dropped", large, digest(first, *LARGE, "--perturb", "5000"), equal=False)
    print(f"determinism: {errors} differences that should not be")
    sys.exit(1 if errors else 0)


main()
