#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes spec/events.md and spec/events.schema.json of what `vx6 watch --list` says, which is the
table impl/src/node/journal.def.

    events.py VX6            writes them
    events.py VX6 --check    exits 1 when they differ
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ADDR = "^([0-9.]+|\\[[0-9a-f:.]+\\]):[0-9]+$"
DEFINITIONS = {
    "text": {"type": ["string", "null"], "pattern": "^[ -~]+$"},
    "key": {"type": ["string", "null"], "pattern": "^[a-z2-7]{56}$"},
    "peer": {"type": ["string", "null"], "pattern": ADDR},
    "own": {"type": "string", "pattern": ADDR},
    "code": {"type": "string", "pattern": "^[A-Z_]+$"},
    "number": {"type": "integer", "minimum": 0},
    "time": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z$"},
    "for_a_person": {"type": "string", "pattern": "^[ -~]+$"},
}
IN_WORDS = {
    "text": "text or null", "key": "key or null", "peer": "address or null, only where addresses were asked for",
    "own": "address of this host", "code": "code", "number": "number",
}
LEVELS = ["error", "warning", "info", "debug"]


def reference(kind):
    return {"$ref": f"#/$defs/{kind}"}


def schema_of(event):
    fields = event["fields"]
    level = {"enum": LEVELS} if event["event"] == "repeated" else {"const": event["level"]}
    return {
        "description": event["doc"],
        "type": "object",
        "required": ["event", "time", "level", "text"] + [f["name"] for f in fields if f["kind"] != "peer"],
        "properties": {
            "event": {"const": event["event"]}, "time": reference("time"), "level": level,
            **{f["name"]: reference(f["kind"]) for f in fields}, "text": reference("for_a_person"),
        },
    }


def schema_text(events):
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://vx6.invalid/events.schema.json",
        "title": "Events of a node",
        "description": "An object whose one member is named like the event, and is its line. Made by tools/events.py.",
        "type": "object",
    }
    members = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    for name, rows in (("properties", {e["event"]: schema_of(e) for e in events}), ("$defs", DEFINITIONS)):
        lines = [f"    {json.dumps(row)}: {json.dumps(value)}" for row, value in rows.items()]
        members.append(f"  {json.dumps(name)}: {{\n" + ",\n".join(lines) + "\n  }")
    return "{\n" + ",\n".join(members) + "\n}\n"


def table_text(events):
    lines = [
        "# Events", "",
        "Made by `tools/events.py` from `impl/src/node/journal.def`; do not edit. What is said with each, and to whom: "
        "[control.md](control.md#events). As JSON Schema: [events.schema.json](events.schema.json).", "",
        "| event | level | when | fields |", "|---|---|---|---|",
    ]
    for event in events:
        fields = "<br>".join(f"`{f['name']}` {IN_WORDS[f['kind']]}: {f['doc']}" for f in event["fields"])
        lines.append(f"| `{event['event']}` | {event['level']} | {event['doc']} | {fields} |")
    return "\n".join(lines) + "\n"


def main():
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["--check"]):
        sys.exit(__doc__)
    done = subprocess.run([sys.argv[1], "watch", "--list", "--json"], check=True, capture_output=True, text=True)
    events = json.loads(done.stdout)
    wanted = {ROOT / "spec/events.md": table_text(events), ROOT / "spec/events.schema.json": schema_text(events)}
    if not sys.argv[2:]:
        for path, text in wanted.items():
            path.write_text(text)
        return 0
    differing = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in differing:
        print(f"{path.relative_to(ROOT)} differs: run tools/events.py build/bin/vx6")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
