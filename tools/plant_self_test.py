# SPDX-License-Identifier: MIT
"""tools/plant on a small program, of which it is known what its one test finds."""
import pathlib
import tempfile

from plant_faults import faults_of

FILES = {
    "CMakeLists.txt": """
        cmake_minimum_required(VERSION 3.22)
        project(small LANGUAGES C)
        enable_testing()
        add_subdirectory(proto)
        """,
    "proto/CMakeLists.txt": """
        add_library(vx6_proto STATIC src/small.c)
        add_library(vx6_crypto STATIC crypto/none.c)
        add_executable(test_small test/test_small.c)
        target_link_libraries(test_small vx6_proto)
        add_test(NAME unit/small COMMAND test_small)
        """,
    "proto/schema/codes.def": """
        CODE(OK, 0, NONE, "")
        CODE(LIMIT, 1, OWN, "")
        """,
    "proto/crypto/none.c": """
        static const int table[] = {1, 2, 3}; /* no line of a function */
        extern const int *none;
        const int *none = table;
        """,
    "proto/src/small.c": """
        enum { VX6_OK, VX6_LIMIT };
        #define VX6_ASSERT(condition) ((condition) ? (void)0 : __builtin_abort())
        int sum(const int *items, int count, int *total);
        int unknown(int value);

        int sum(const int *items, int count, int *total)
        {
            VX6_ASSERT(count >= 0 &&
                count < 100);
            (void)items;
            if (count > 3)
                return VX6_LIMIT;
            int i = 0;
            *total = 0;
            while (i < count) {
                *total += items[i];
                i++;
            }
            return VX6_OK;
        }

        int unknown(int value)
        {
            return value + 7;
        }
        """,
    "proto/test/test_small.c": """
        int sum(const int *items, int count, int *total);

        int main(void)
        {
            const int items[4] = {1, 2, 4, 8};
            int total = 9;
            if (sum(items, 4, &total) != 1)
                return 1;
            return sum(items, 3, &total) != 0 || total != 7;
        }
        """,
}
SOURCE = "proto/src/small.c"
CODES = ["VX6_OK", "VX6_LIMIT"]
NO_FAULTS = [1, 2, 8, 9]  # lines outside of functions, and those of an assertion
# line before -> after, and what becomes of it
ROWS = [
    ("if (count > 3)", "if (count >= 3)", "exit 1"),
    ("if (count > 3)", "if ((count > 3) && false)", "does not compile"),
    ("return VX6_LIMIT;", "return VX6_OK;", "exit 1"),
    ("return VX6_LIMIT;", ";", "exit 1"),
    ("*total = 0;", ";", "exit 1"),
    ("while (i < count) {", "while (i <= count) {", "exit 1"),
    ("*total += items[i];", "*total -= items[i];", "exit 1"),
    ("i++;", ";", "time-out"),
    ("(void)items;", ";", "same object code"),
    ("return value + 7;", "return value - 7;", "survived"),
]


def write_program(root):
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [line[8:] for line in text.split("\n")[1:]]
        path.write_text("\n".join(lines), encoding="utf-8")


def outcome(workshop, fault):
    why = workshop.plant(fault)
    if why is None:
        failures = workshop.try_tests(False)
        why = failures[0][1] if failures else "survived"
    workshop.mend()
    return why


def self_test(plant):
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder, "small")
        write_program(root)
        workshop = plant.Workshop(root, pathlib.Path(folder, "work"), 1, {"build": []}, 1)
        workshop.prepare()
        workshop.measure("", 60)
        source = (root / SOURCE).read_text(encoding="utf-8")
        faults = faults_of(SOURCE, source, CODES)
        wrong += [f"line {line} has faults" for line in NO_FAULTS if line in faults]
        for before, after, expected in ROWS:
            found = [fault for line in faults.values() for fault in line
                     if fault.before.strip() == before and fault.after.strip() == after]
            if len(found) != 1:
                wrong.append(f"{before} -> {after}: {len(found)} such faults")
                continue
            seen = outcome(workshop, found[0])
            plant.say(f"{before:22} -> {after:28} {seen}")
            if seen != expected:
                wrong.append(f"{before} -> {after}: {seen}, not {expected}")
        first, again, other = (plant.draw(root, seed) for seed in (1, 1, 2))
        if first != again or first == other or len(first) != len(faults):
            wrong.append("the seed does not decide, or lines are missing")
        if (workshop.tree / SOURCE).read_text(encoding="utf-8") != source:
            wrong.append("a fault stayed in the copy")
        result = plant.Result(1, "", 1)
        plant.plant_all(workshop, plant.parse(["--count", "100"]), result)
        survivors = {verdict.fault.before.strip() for verdict in result.verdicts if not verdict.is_caught}
        if survivors != {"return value + 7;"} or not 50 < result.percent < 100:
            wrong.append(f"survivors of a whole run: {survivors}, {result.percent} % caught")
    for what in wrong:
        plant.say(f"wrong: {what}")
    plant.say(f"plant self-test: {len(wrong)} wrong")
    return 1 if wrong else 0
