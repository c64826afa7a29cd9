#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes what fuzzing begins with, from the message tables and the vectors alone.

    fuzz_seeds.py            writes fuzz/vx6.dict and fuzz/corpus/*/seed-*
    fuzz_seeds.py --check    exits 1 when they differ

The other files of a corpus were found by fuzzing: see fuzz/README.md.
"""
import hashlib
import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUZZ = ROOT / "fuzz"
BEYOND = ("too many", "too long")  # what chance does not come upon
INTEGERS = {"U8": 1, "U16": 2, "U32": 4, "U64": 8}
NAMED = {
    "UINT16_MAX": 2**16 - 1, "UINT32_MAX": 2**32 - 1, "UINT64_MAX": 2**64 - 1,
    "INT64_MAX": 2**63 - 1,
}


def vectors(name):
    lines = (ROOT / f"vectors/{name}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def table(name):
    return (ROOT / f"proto/schema/{name}.def").read_text()


def number(text):
    return NAMED.get(text) or int(text, 0)


def integers():
    """(size, least, most) of every integer field."""
    for kind, least, most in re.findall(
        r"^  (U\d+) *\(\w+, (\w+), (\w+),", table("messages") + table("elements"), re.M
    ):
        yield INTEGERS[kind], number(least), number(most)


def sound_messages(scope=None):
    for vector in vectors("messages"):
        if "refused" not in vector and scope in (None, vector["scope"]):
            yield bytes.fromhex(vector["hex"])


def messages():
    yield from sound_messages()
    for vector in vectors("messages"):
        if vector.get("refused", "").endswith(BEYOND) and len(vector["hex"]) < 4000:
            yield bytes.fromhex(vector["hex"])


def sized(data):
    return len(data).to_bytes(2, "big") + data


# ---- the dictionary


def dictionary():
    words = {bytes([int(t, 16)]) for t in re.findall(r"^\w+\(\w+, (0x\w+),", table("messages"), re.M)}
    for size, least, most in integers():
        words |= {value.to_bytes(size, "big") for value in (least, most)}
    for limit in re.findall(r"^LIMIT\(\w+, (\d+)", table("limits"), re.M):
        words.add(int(limit).to_bytes(4, "big"))
    sources = "".join(path.read_text() for path in sorted((ROOT / "impl/src/control").glob("*.c")))
    quoted = set(re.findall(r'"([a-z_]{3,20})"', sources)) | {"localhost", "public"}
    words |= {f'"{word}"'.encode() for word in quoted}
    words |= {b'{"command":', b'":', b',"', b"true", b"null", b"\n", b"\\u0000", b"\\u001b", b"127.0.0.1:80"}
    words |= {b"alice.web", b"[2001:db8::7]:4242", b"::ffff:192.0.2.1", b"2001:db8::/32 64500\n"}
    return words


def dictionary_text():
    lines = ["# Made by tools/fuzz_seeds.py from the schema and the commands of the control socket."]
    for word in sorted(dictionary()):
        escaped = "".join(
            chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\x{c:02x}" for c in word
        )
        lines.append(f'"{escaped}"')
    return "\n".join(lines) + "\n"


# ---- elements: kind, count, bytes


def element_field(row, largest):
    kind, arguments = row
    if kind == "BYTES":
        return bytes([255 if largest else 1]) * int(arguments[1])
    if kind == "LABEL":
        return b"\x3f" + b"z" * 63 if largest else b"\x01a"
    return number(arguments[2 if largest else 1]).to_bytes(INTEGERS[kind], "big")


def elements():
    blocks = re.findall(r"^ELEM\((\w+),.*?^END_ELEM", table("elements"), re.M | re.S)
    texts = re.findall(r"^ELEM\(\w+,(.*?)^END_ELEM", table("elements"), re.M | re.S)
    for kind in range(len(blocks)):
        rows = [
            (name, arguments.split(", "))
            for name, arguments in re.findall(r"^  (U\d+|BYTES|LABEL) *\((.*)\)", texts[kind], re.M)
        ]
        least, most = (b"".join(element_field(row, x) for row in rows) for x in (False, True))
        yield bytes([kind, 0])
        yield bytes([kind, 2]) + least + most
        yield bytes([kind, 1]) + most[:-1]


# ---- tapes: steps of fuzz/script.c, whose numbers depend on the target

RAW, RECORD, FRAME = 0, 1, 2  # how script_frames says something
AN_ANSWER_WITH_HEAD, A_BUNDLE, HEAD_SIZE = 2, 4, 16 + 4 + 4 + 64
HONEST_ANSWERS = bytes(20)  # read from the end; those that are not needed do nothing


def say(data, step=0, how=FRAME, lane=0):
    return bytes([step, lane, how]) + sized(data)


def u32(value):
    return value.to_bytes(4, "big")


def find_services(number):
    return b"\x46" + u32(number) + sized(b"")


def services(number, code, *names):
    offers = b"".join(bytes([len(name)]) + name + b"\x01" for name in names)
    return b"\x47" + u32(number) + code.to_bytes(2, "big") + bytes([len(names)]) + offers


def session_open(path):
    return b"\x50" + u32(path) + b"\x01\x03web" + bytes(32) + bytes(2)


def session_opened(path):
    return b"\x51" + u32(path) + bytes(48)


def stream_open(path, stream):
    return b"\x53" + u32(path) + u32(stream) + (65536).to_bytes(8, "big")


def stream_accept(path, stream):
    return b"\x54" + u32(path) + u32(stream) + (65536).to_bytes(8, "big")


def stream_data(path, stream, offset, data, fin=0):
    return b"\x55" + u32(path) + u32(stream) + offset.to_bytes(8, "big") + bytes([fin]) + data


def stream_ack(path, stream, received):
    window = (received + 65536).to_bytes(8, "big")
    return b"\x56" + u32(path) + u32(stream) + received.to_bytes(8, "big") + window


def link_tapes():
    for tape in link_scenes():
        yield tape + HONEST_ANSWERS


def link_scenes():
    for flags in range(4):
        own, foreign = (2, 1) if flags & 1 else (1, 2)
        accept, write = b"\x02\x00\x00\x00\x00", b"\x02\x05\x00\x01\x00"
        data_how = FRAME | (4 if flags & 2 else 0)  # channel 1, where there are channels
        served = say(session_open(own)) + say(stream_open(own, 1)) + accept
        served += say(stream_data(own, 1, 0, b"hello"), how=data_how) + write + say(stream_ack(own, 1, 256))
        served += say(stream_data(own, 1, 5, b"", 1), how=data_how)
        used = say(session_opened(foreign)) + b"\x02\x02\x00\x00\x00"
        used += say(stream_accept(foreign, 1)) + write + say(stream_data(foreign, 1, 0, b"x", 1), how=data_how)
        yield bytes([flags]) + served
        yield bytes([flags]) + used
        yield bytes([flags]) + served + b"\x03\x02\x0f\xff" + used
    yield b"\x00" + say(find_services(0)) * 12
    for message in sound_messages("link"):
        if len(message) < 600:
            yield b"\x00" + say(message)
    yield b"\x00" + say(b"\x00\x01\x43\x00\x01\x42", how=RECORD) + say(b"\x43")
    yield b"\x00" + say(b"\x00\x20" + bytes(32), how=RAW)


def ask(message, step, with_token):
    return bytes([step, 5 if with_token else 1, 0]) + sized(message)


def store(facts, under, step=0):
    return ask(b"\x20", step, False) + bytes([step, 3, 0]) + sized(bytes([facts, under]))


def query_tapes():
    find_value = b"\x24" + hashlib.sha256(b"").digest() + b"\x00"
    for facts in (0, 5, 14):
        yield store(facts, 0) + store(facts + 8, 1) + store(facts, 2) + ask(find_value, 0, False)
        yield b"\x03" + bytes([facts, A_BUNDLE]) * 4
    for message in sound_messages("query"):
        is_ask = message[0] % 2 == 0
        if is_ask:
            yield ask(b"\x20", 0, False) + ask(message, 0, True)
        else:
            said = message[:1] + message[1 + HEAD_SIZE :]
            yield b"\x02\x07" + (said + len(said).to_bytes(2, "big") + bytes([AN_ANSWER_WITH_HEAD])) * 3
    for vector in vectors("query"):
        if vector["op"] == "ask" and "refused" not in vector:
            yield b"\x00\x00\x00" + sized(bytes.fromhex(vector["ask"]))
    yield b"\x02\x00" + bytes(8) + b"\x03" + bytes(8) + b"\x04\x02\x0f\xff"


def command(row, data=b"", peer=0, by_key_and_addr=True):
    return bytes([3, row | (0xC0 if by_key_and_addr else 0), peer]) + sized(data)


def node_tapes():
    for tape in node_scenes():
        yield tape + HONEST_ANSWERS


def node_scenes():
    accept, wait = b"\x01\x01\x00\x00", b"\x05\x02\x0f\xff"
    come_up = b"\x01\x01\x00\x00"
    serve = command(6, b"web")
    for row in range(12):
        yield command(row, b"alice.web" if row in (1, 3) else b"web") + wait
    yield serve + accept + say(session_open(1)) + say(stream_open(1, 1))
    yield command(3, b"web") + come_up + say(session_opened(2)) + b"\x02\x02\x00\x00\x00"
    yield command(17) + come_up + say(services(1, 0, b"db", b"web")) + wait
    yield command(17) + command(17) + come_up + say(services(1, 1)) + say(services(2, 0, b"b", b"a"))
    yield command(19, b"db") + command(1, b"alice.db") + command(8) + wait + bytes([14, A_BUNDLE]) * 8
    yield serve + accept + say(find_services(7)) * 2 + say(services(1, 0))
    yield command(8) + command(2, bytes(32)) + wait
    yield accept + b"\x05\x00\x00\x10" + wait
    yield accept + b"\x06\x03" + accept + wait
    yield b"\x05\x01" + (1800000000000).to_bytes(8, "big") + wait
    yield store(5, 0, step=4) + store(5, 1, step=4) + wait
    yield command(1, b"alice") + command(8) + wait + bytes([5, A_BUNDLE]) * 8


# ---- what people and programs write


def names():
    for vector in vectors("names"):
        if vector["kind"] in ("key_text", "key_parse", "name"):
            yield vector["text"].encode()
        if vector["kind"] == "key_text":
            yield bytes.fromhex(vector["key"])
    for text in ("[2001:db8::7]:4242", "192.0.2.7:4242", "[::ffff:192.0.2.7]:1", "[fe80::1%eth0]:1"):
        yield text.encode()


def control():
    key = next(vector["text"] for vector in vectors("names") if vector["kind"] == "key_text")
    requests = [
        {"command": "identity"}, {"command": "status"}, {"command": "status", "wait_ms": 1},
        {"command": "peers"}, {"command": "peer_add", "addr": "[2001:db8::1]:4242"},
        {"command": "service_add", "name": "web", "target": "127.0.0.1:80", "exposure": "public"},
        {"command": "service_add", "name": "db", "target": "127.0.0.1:5432", "exposure": "private",
         "allow": [key]}, {"command": "service_deny", "name": "db", "who": key},
        {"command": "service_allow", "name": "db", "who": key}, {"command": "service_list"},
        {"command": "service_host", "name": "api", "at": key}, {"command": "service_list", "name": "alice"}, {"command": "service_list", "addr": "192.0.2.1:4242"},
        {"command": "service_remove", "name": "web"},
        {"command": "resolve", "name": "alice.web"}, {"command": "connect", "name": "alice.web"},
        {"command": "connect", "addr": "192.0.2.1:4242", "service": "web", "background": True},
        {"command": "connect", "addr": "192.0.2.1:4242", "service": "web", "listen": "[::1]:9000"},
        {"command": "disconnect", "what": "1"}, {"command": "names"},
        {"command": "pin", "name": "alice", "key": key, "replace": True},
        {"command": "rename", "name": "alice", "to": "al"}, {"command": "forget", "name": "al"},
        {"command": "identity_rename", "name": "alicia"},
        {"command": "watch", "level": "debug", "addresses": True},
        {"command": "watch", "events": ["forward_failed", "name_pinned"]},
    ]
    lines = [json.dumps(request).encode() + b"\n" for request in requests]
    yield from lines
    yield b"".join(lines)
    yield b"\xff".join(lines)
    yield b"\xfe".join(lines)
    yield b"\xfd".join(lines)
    held = b'{"command":"connect","addr":"192.0.2.1:4242","service":"web","listen":"[::1]:9000"}\n'
    yield held + b'\xfe{"command":"disconnect","what":"1"}\n\xfe\xfd'
    watched = b'{"command":"watch","level":"debug"}\n\xfe'
    yield watched + held + b"\xfd" + b"".join(lines[5:11] + lines[17:21]) + b"\xfe\xff"
    yield b'{"command":"service_remove","name":"\\u001b[2J"}\n'
    yield b'{"command":"disconnect","what":"\\u001b[2J"}\n{"command":"\\u001b[2J"}\n'
    yield b"\n[]\n{}\n{\"command\":1}\nx"


def asnmap():
    yield b"\x002001:db8::/32 64500\n192.0.2.0 24 64501_64502\n# nothing\n\n0.0.0.0/0 1\n"
    yield b"\x00::/0 1\n::/1 2\nffff::/16 3\n"
    yield b"\x01" + bytes([1, 0, 0, 0]) + bytes([2, 2, 255, 16]) + bytes([3, 1, 15, 8])


def row(table, *values):
    """Of fuzz_store.c: a table and two values, each a kind (1 text, 2 blob) and bytes."""
    return bytes([table]) + b"".join(bytes([kind]) + sized(data) for kind, data in values)


def store_rows():
    key, addr = (2, bytes(range(32))), (1, b"[2001:db8::7]:4242")
    rows = [
        row(0, (2, bytes(32)), (0, (7).to_bytes(8, "big"))), row(1, (1, b"name"), (1, b"alice")),
        row(2, (1, b"web"), (1, b"127.0.0.1:80")), row(3, (1, b"alice"), key), row(4, addr, addr),
        row(5, key, addr), row(6, addr, key), row(2, (1, b"x" * 80), (2, b"y" * 80)),
    ]
    yield from rows
    yield b"".join(rows)


def records():
    for vector in vectors("records") + vectors("lineage"):
        if vector["kind"] in ("bundle", "node_record") and len(vector["hex"]) < 2000:
            yield bytes.fromhex(vector["hex"])


def handshake():
    for flags in range(32):
        yield bytes([flags])
        yield bytes([flags, 0, 0, 1, 0, 5, 1])
    for vector in vectors("link")[:2]:
        yield b"\x08\x00" + bytes.fromhex(vector["message_1"] + vector["message_3"])


SEEDS = {
    "asnmap": asnmap, "codec": messages, "control": control, "elements": elements,
    "handshake": handshake, "link": link_tapes, "names": names, "node": node_tapes,
    "query": query_tapes, "records": records, "store": store_rows,
}


def wanted():
    """Path -> bytes of every file that this program makes."""
    files = {FUZZ / "vx6.dict": dictionary_text().encode()}
    for name, make in SEEDS.items():
        for data in make():
            digest = hashlib.sha256(data).hexdigest()[:8]
            files[FUZZ / "corpus" / name / f"seed-{digest}"] = data
    return files


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    files = wanted()
    there = set(FUZZ.glob("corpus/*/seed-*")) | set(FUZZ.glob("*.dict"))
    differing = sorted(
        path for path in there | set(files)
        if path not in files or path not in there or path.read_bytes() != files[path]
    )
    if sys.argv[1:]:
        for path in differing:
            print(f"{path.relative_to(ROOT)} differs: run tools/fuzz_seeds.py")
        sys.exit(1 if differing else 0)
    for path in differing:
        if path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[path])
        else:
            path.unlink()
    print(f"{len(files) - 1} seeds for {len(SEEDS)} targets, {len(dictionary())} words")


main()
