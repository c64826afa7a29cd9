#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One digest for every build and every provider of cryptography. What else may and may not
change a digest is tested on one build: sim/test/determinism.sh.

check_determinism.py BUILD...     build folders that hold bin/vx6-sim; the first is the reference
"""
import json
import pathlib
import subprocess
import sys

LARGE = ["--nodes", "500", "--duration", "120s", "--churn", "0.1"]
SMALL = ["--nodes", "50", "--duration", "60s", "--churn", "0.1"]
STREAMS = ["--nodes", "50", "--duration", "60s", "--churn", "0.1", "--carrier", "streams"]
RUNS = [(LARGE, ["model", "memo"]), (SMALL, ["model", "memo", "real"]), (STREAMS, ["model", "real"])]


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
    for arguments, providers in RUNS:
        expected = None
        for provider in providers:
            for build in builds:
                found = digest(build, *arguments, "--crypto", provider)
                expected = expected or found
                errors += found != expected
                verdict = "ok " if found == expected else "BAD"
                print(verdict, found, build.name, *arguments, "--crypto", provider, flush=True)
    print(f"determinism: {errors} runs differ")
    sys.exit(1 if errors else 0)


main()
