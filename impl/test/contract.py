# SPDX-License-Identifier: MIT
"""The written form of what comes from the control socket: every line that any test receives is checked against
spec/control.schema.json and spec/events.schema.json. VX6-CTRL-028"""
import json
import pathlib

from jsonschema import Draft202012Validator

BY_THE_CLIENT = {"identity_export"}  # asks no node
SHOWS_IDENTITY = {"init": "identity", "identity_import": "identity"}
SPEC = pathlib.Path(__file__).resolve().parent.parent.parent / "spec"
answered = set()  # the commands of which an answer was seen
happened = set()  # the events that were seen


def strict(schema):
    """With no field beyond those that are written down, though a client has to ignore such. A refusal of status has its
    other fields, too."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: strict(value) for name, value in schema.items()}
    if "required" in schema and schema["properties"].get("ok") != {"const": False}:
        closed["additionalProperties"] = False
    return closed


def load(name):
    schema = json.loads((SPEC / name).read_text())
    Draft202012Validator.check_schema(schema)
    return schema


ANSWERS, EVENTS = load("control.schema.json"), load("events.schema.json")
ANSWER, EVENT = Draft202012Validator(strict(ANSWERS)), Draft202012Validator(strict(EVENTS))
REFUSAL, NEWS = (Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": strict(ANSWERS["$defs"])})
                 for name in ("refusal", "news"))


def command_of(words):
    """The command whose answer is what `vx6 WORDS...` prints, or None."""
    if tuple(words[:2]) in (("identity", "rotate"), ("identity", "revocation")):
        return None  # they ask nobody
    if tuple(words[:2]) == ("service", "add") and "--at" in words:
        return "service_host"
    for name in ("_".join(words[:2]), words[0]):
        name = SHOWS_IDENTITY.get(name, name)
        if name in ANSWERS["properties"]:
            return name
    return None


def faults(line, command=None):
    """What is wrong with a line; `command`: what it answers, if that is known."""
    if "time" in line:
        happened.add(line["event"])
        known, validator, instance = line["event"] in EVENTS["properties"], EVENT, {line["event"]: line}
    elif "event" in line:
        known, validator, instance = True, NEWS, line
    elif not line["ok"] or command is None:
        known, validator, instance = True, REFUSAL, line
    else:
        answered.add(command)
        known, validator, instance = command in ANSWERS["properties"], ANSWER, {command: line}
    if not known:
        return [f"no schema has {command or line['event']}"]
    return [error.message for error in validator.iter_errors(instance)]
