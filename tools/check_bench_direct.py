#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check_bench_direct.py BUILD: tools/bench/direct in short. It must run, and report all that it promises; how fast this
machine is, is not judged here."""
import json
import pathlib
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent / "bench" / "direct"
SHORT = ["--rounds", "2", "--megabytes", "16", "--seconds", "2", "--idle-seconds", "2"]
WAYS = ["direct", "vx6", "ssh -L", "stunnel", "socat"]
POSITIVE = [
    *(f"stream/{way}/mb_per_s" for way in WAYS),
    *(f"stream/vx6/times/{way}" for way in WAYS if way != "vx6"),
    *(f"stream/{way}/processor_s_per_gb" for way in WAYS if way != "direct"),
    *(f"first-byte/{way}/median_ms" for way in WAYS),
    "load/requests_per_s", "slow/descriptors_open", "slow/resident_mb", "whole/bytes", "whole/seconds",
    "idle/resident_mb", "machine/cores",
]
NUMBERS = ["first-byte/vx6/over_direct_ms", "slow/grown_mb", "idle/wakeups_per_minute", "machine/load_before"]
NOTHING = ["load/errors", "slow/descriptors_left", "whole/wrong"]  # right on any machine
TEXTS = ["machine/processor", "machine/kernel", "machine/date", "machine/congestion_control"]
FLOORS = 9


def field(report, path):
    for key in path.split("/"):
        report = report.get(key) if isinstance(report, dict) else None
    return report


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def faults(report):
    for path in POSITIVE:
        if not is_number(field(report, path)) or field(report, path) <= 0:
            yield f"{path} is {field(report, path)!r}, and should be above 0"
    for path in NUMBERS:
        if not is_number(field(report, path)):
            yield f"{path} is {field(report, path)!r}, and should be a number"
    for path in NOTHING:
        if not is_number(field(report, path)) or field(report, path) != 0:
            yield f"{path} is {field(report, path)!r}, and should be 0"
    for path in TEXTS:
        if not field(report, path):
            yield f"{path} is missing"
    if len(report["floors"]) != FLOORS:
        yield f"{len(report['floors'])} floors were judged, and should be {FLOORS}"


def main():
    wrong = subprocess.run([BENCH, "no-such-section"], capture_output=True, text=True, check=False)
    if wrong.returncode != 2 or "no-such-section" not in wrong.stderr:
        print(f"a section that is none: exit {wrong.returncode}\n{wrong.stderr}")
        return 1
    done = subprocess.run([BENCH, "--build", sys.argv[1], "--json", *SHORT], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        return done.returncode
    found = list(faults(json.loads(done.stdout)))
    print("\n".join(found) if found else "all fields are there")
    return 1 if found else 0


sys.exit(main())
