# SPDX-License-Identifier: MIT
"""The peer's codec and records against vectors/, as vectors/README.md tells: so it can judge others."""
import json

from peer_codec import FIELDS, SIZES, Refused, decode, encode
from peer_records import Identity, verify_bundle, verify_node_record


def code_of(verify):
    try:
        verify()
    except Refused as refused:
        return refused.code
    return None


def from_json(what, values):
    """What a line of vectors/messages.jsonl says, as the peer's codec has it."""
    made = {}
    for name, kind, _, _, element in FIELDS[what]:
        value = values[name]
        if kind == "list":
            made[name] = [from_json(element, item) for item in value]
        elif kind == "label":
            made[name] = value
        else:
            made[name] = int(value) if kind in SIZES else bytes.fromhex(value)
    return made


def message_vector_fits(line):
    data = bytes.fromhex(line["hex"])
    try:
        name, fields = decode(data, line["scope"])
    except Refused as refused:
        return refused.reason == line.get("refused")
    return (name == line.get("message") and fields == from_json(name, line["fields"])
            and encode(name, **fields) == data)


def record_vector_fits(line):
    data, now_s = bytes.fromhex(line["hex"]), line.get("unix_s")
    if line["kind"] == "make":
        me = Identity(line["label"], line["services"], bytes.fromhex(line["seed"]))
        me.sequence, me.issued_s, me.life_s = int(line["sequence"]), now_s, line["life_s"]
        me.hosted = {part["name"]: bytes.fromhex(part["host"]) for part in line["hosted"]}
        me.endpoints = [from_json("endpoint", dict(e, carriers=3)) for e in line["endpoints"]]
        return me.bundle() == data
    if line["kind"] == "key":
        code = code_of(lambda: verify_bundle(data, bytes.fromhex(line["key"]), now_s))
        return (code is None) == line["fits"]
    verify = verify_bundle if line["kind"] == "bundle" else verify_node_record
    return code_of(lambda: verify(data, now_s=now_s)) == line.get("refused")


FITS = {"messages": message_vector_fits, "records": record_vector_fits}


def disagreements(root, name):
    """How many vectors there are, and the names of those that the peer sees otherwise."""
    lines = [json.loads(line) for line in (root / f"vectors/{name}.jsonl").open()]
    return len(lines), [line["name"] for line in lines if not FITS[name](line)]
