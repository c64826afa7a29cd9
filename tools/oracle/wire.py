#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An encoder of VX6 messages written from spec/wire.md and spec/messages.md alone.

It shares nothing with the C codec and does not read the .def tables, so that the vectors it makes
check the codec and not themselves. The encoders do not check bounds: bad vectors need that.

    wire.py             prints vectors/messages.jsonl
    wire.py --check F   exits 1 when F differs
"""
import hashlib
import json
import sys

U64_MAX = 2**64 - 1
U32_MAX = 2**32 - 1


def u8(value):
    return value.to_bytes(1, "big")


def u16(value):
    return value.to_bytes(2, "big")


def u32(value):
    return value.to_bytes(4, "big")


def u64(value):
    return value.to_bytes(8, "big")


def opaque(data):
    return u16(len(data)) + data


def label(text):
    data = text.encode()
    return u8(len(data)) + data


def bytes_of(purpose, length):
    """Plain-looking bytes that are the same in every run."""
    data = b""
    while len(data) < length:
        data += hashlib.sha256(f"{purpose}/{len(data)}".encode()).digest()
    return data[:length]


# ---- elements


def endpoint(f):
    return f["ip"] + u16(f["port"]) + u8(f["carriers"])


def hint(f):
    return f["key"] + f["ip"] + u16(f["port"]) + u16(f["flags"])


def item(f):
    return f["key"] + f["owner"] + u64(f["sequence"])


def hosted(f):
    return label(f["name"]) + f["host"]


def offer(f):
    return label(f["name"]) + u8(f["use"])


def rotation(f):
    return f["key"] + u64(f["issued_s"]) + f["signature"]


def service(f):
    return label(f["name"]) + u8(f["flags"])


def many(encode, items):
    return u8(len(items)) + b"".join(encode(item) for item in items)


# ---- messages: type, scope, and the bytes after the type


def node_record(f):
    return (f["identity"] + f["link_key"] + f["record_key"] + u64(f["sequence"])
            + u64(f["issued_s"]) + u32(f["life_s"]) + u16(f["roles"])
            + many(endpoint, f["endpoints"]) + f["signature"])


def name_claim(f):
    return (f["owner"] + label(f["label"]) + u64(f["sequence"]) + u64(f["issued_s"])
            + u32(f["life_s"]) + f["signature"])


def service_list(f):
    return (f["owner"] + u64(f["sequence"]) + u64(f["issued_s"]) + u32(f["life_s"])
            + many(service, f["services"]) + many(hosted, f["hosted"]) + f["signature"])


def bundle(f):
    return (opaque(f["node"]) + opaque(f["claim"]) + opaque(f["services"])
            + opaque(f["lineage"]))


def lineage(f):
    return f["identity"] + many(rotation, f["rotations"]) + f["signature"]


def revocation(f):
    return f["identity"] + opaque(f["label"]) + u64(f["issued_s"]) + f["signature"]


def tombstone(f):
    return (u64(f["issued_s"]) + u32(f["life_s"]) + opaque(f["revocation"])
            + opaque(f["lineage"]))


def answer_head(f):
    return f["token"] + u32(f["time_s"]) + u32(f["contact_issued_s"]) + f["contact_signature"]


def pong(f):
    return answer_head(f) + opaque(f["record"])


def nodes(f):
    return answer_head(f) + many(hint, f["hints"])


def find_value(f):
    return f["key"] + u8(f["index"])


def value(f):
    return answer_head(f) + u8(f["index"]) + u8(f["count"]) + opaque(f["bundle"])


def store(f):
    return f["token"] + f["key"] + opaque(f["bundle"])


def answer_code(f):
    return answer_head(f) + u16(f["code"])


def announce(f):
    return f["token"] + f["key"] + u16(f["port"])


def sync(f):
    return many(item, f["items"])


def synced(f):
    return answer_head(f) + u16(f["wanted"])


def link_hello(f):
    return u32(f["time_s"]) + f["ip"] + u16(f["port"])


def services(f):
    return u32(f["number"]) + u16(f["code"]) + many(offer, f["offers"])


def session_open(f):
    return (u32(f["path"]) + u8(f["privacy"]) + label(f["service"]) + f["client_random"]
            + opaque(f["lineage"]))


def session_opened(f):
    return u32(f["path"]) + f["session"] + f["owner_random"]


def session_close(f):
    return u32(f["path"]) + u16(f["code"])


def stream_window(f):
    return u32(f["path"]) + u32(f["stream"]) + u64(f["window_end"])


def stream_data(f):
    return u32(f["path"]) + u32(f["stream"]) + u64(f["offset"]) + u8(f["fin"]) + f["bytes"]


def stream_ack(f):
    return u32(f["path"]) + u32(f["stream"]) + u64(f["received"]) + u64(f["window_end"])


def stream_reset(f):
    return u32(f["path"]) + u32(f["stream"]) + u16(f["code"])


def nothing(_):
    return b""


MESSAGES = {
    "node_record": (0x10, "record", node_record),
    "name_claim": (0x11, "record", name_claim),
    "service_list": (0x12, "record", service_list),
    "bundle": (0x13, "record", bundle),
    "lineage": (0x14, "record", lineage),
    "revocation": (0x15, "record", revocation),
    "tombstone": (0x16, "record", tombstone),
    "ping": (0x20, "query", nothing),
    "pong": (0x21, "query", pong),
    "find_node": (0x22, "query", lambda f: f["target"]),
    "nodes": (0x23, "query", nodes),
    "find_value": (0x24, "query", find_value),
    "value": (0x25, "query", value),
    "store": (0x26, "query", store),
    "stored": (0x27, "query", answer_code),
    "announce": (0x28, "query", announce),
    "announced": (0x29, "query", answer_code),
    "sync": (0x2a, "query", sync),
    "synced": (0x2b, "query", synced),
    "link_hello": (0x40, "link", link_hello),
    "link_close": (0x41, "link", lambda f: u16(f["code"])),
    "link_rekey": (0x42, "link", nothing),
    "link_probe": (0x43, "link", nothing),
        "link_alive": (0x44, "link", nothing),
    "link_record": (0x45, "link", lambda f: opaque(f["record"])),
    "find_services": (0x46, "link", lambda f: u32(f["number"]) + opaque(f["lineage"])),
    "services": (0x47, "link", services),
    "reach_ask": (0x48, "link", lambda f: u8(f["endpoint"]) + opaque(f["record"])),
    "reach_answer": (0x49, "link", lambda f: u16(f["code"])),
    "session_open": (0x50, "link", session_open),
    "session_opened": (0x51, "link", session_opened),
    "session_close": (0x52, "link", session_close),
    "stream_open": (0x53, "link", stream_window),
    "stream_accept": (0x54, "link", stream_window),
    "stream_data": (0x55, "link", stream_data),
    "stream_ack": (0x56, "link", stream_ack),
    "stream_reset": (0x57, "link", stream_reset),
}


def encode(name, fields):
    number, _, body = MESSAGES[name]
    return u8(number) + body(fields)


# ---- typical fields

IPV6 = bytes.fromhex("20010db8000000000000000000000007")
IPV4 = bytes.fromhex("00000000000000000000ffff" "c0000207")
HEAD = {"token": bytes_of("token", 16), "time_s": 1767225600, "contact_issued_s": 1767225601,
        "contact_signature": bytes_of("contact", 64)}
DATES = {"sequence": 7, "issued_s": 1767225600, "life_s": 1800}
LABEL_63 = "a" + "-0" * 31


def a_hint(number, **changes):
    return {"key": bytes_of(f"hint {number}", 32), "ip": IPV6, "port": 4242, "flags": 0} | changes


def an_item(number, **changes):
    return {"key": bytes_of(f"key {number}", 32), "owner": bytes_of(f"owner {number}", 32),
            "sequence": number + 1} | changes


def a_rotation(number, **changes):
    return {"key": bytes_of(f"rotation {number}", 32), "issued_s": 1767225600,
            "signature": bytes_of(f"signature {number}", 64)} | changes


TYPICAL = {
    "node_record": {"identity": bytes_of("identity", 32), "link_key": bytes_of("link", 32),
                    "record_key": bytes_of("record", 32), **DATES, "roles": 0,
                    "endpoints": [{"ip": IPV6, "port": 4242, "carriers": 3},
                                  {"ip": IPV4, "port": 4243, "carriers": 1}],
                    "signature": bytes_of("signature", 64)},
    "name_claim": {"owner": bytes_of("owner", 32), "label": "alice", **DATES,
                   "signature": bytes_of("signature", 64)},
    "service_list": {"owner": bytes_of("owner", 32), **DATES,
                     "services": [{"name": "db", "flags": 0}, {"name": "web", "flags": 0}],
                     "hosted": [{"name": "api", "host": bytes_of("host", 32)}],
                     "signature": bytes_of("signature", 64)},
    "bundle": {"node": bytes_of("node", 203), "claim": bytes_of("claim", 123),
               "services": bytes_of("services", 130), "lineage": bytes_of("lineage", 202)},
    "lineage": {"identity": bytes_of("identity", 32),
                "rotations": [a_rotation(0), a_rotation(1, issued_s=1767225601)],
                "signature": bytes_of("signature", 64)},
    "revocation": {"identity": bytes_of("identity", 32), "label": b"alice",
                   "issued_s": 1767225600, "signature": bytes_of("signature", 64)},
    "tombstone": {"issued_s": 1767225600, "life_s": 1800,
                  "revocation": bytes_of("revocation", 112),
                  "lineage": bytes_of("lineage", 202)},
    "ping": {},
    "pong": {**HEAD, "record": bytes_of("node", 203)},
    "find_node": {"target": bytes_of("target", 32)},
    "nodes": {**HEAD, "hints": [a_hint(0), a_hint(1, ip=IPV4, port=1), a_hint(2)]},
    "find_value": {"key": bytes_of("key", 32), "index": 1},
    "value": {**HEAD, "index": 1, "count": 2, "bundle": bytes_of("bundle", 462)},
    "store": {"token": bytes_of("token", 16), "key": bytes_of("key", 32),
              "bundle": bytes_of("bundle", 462)},
    "stored": {**HEAD, "code": 56},
    "announce": {"token": bytes_of("token", 16), "key": bytes_of("key", 32), "port": 4242},
    "announced": {**HEAD, "code": 0},
    "sync": {"items": [an_item(0), an_item(1)]},
    "synced": {**HEAD, "wanted": 2},
    "link_hello": {"time_s": 1767225600, "ip": IPV4, "port": 50000},
    "link_close": {"code": 19},
    "link_rekey": {},
    "link_probe": {},
        "link_alive": {},
    "link_record": {"record": bytes_of("node", 203)},
    "find_services": {"number": 1, "lineage": b""},
    "services": {"number": 1, "code": 0,
                 "offers": [{"name": "db", "use": 4}, {"name": "web", "use": 1}]},
    "reach_ask": {"endpoint": 1, "record": bytes_of("node", 203)},
    "reach_answer": {"code": 17},
    "session_open": {"path": 1, "privacy": 1, "service": "web",
                     "client_random": bytes_of("client", 32),
                     "lineage": bytes_of("lineage", 202)},
    "session_opened": {"path": 1, "session": bytes_of("session", 16),
                       "owner_random": bytes_of("owner", 32)},
    "session_close": {"path": 1, "code": 51},
    "stream_open": {"path": 1, "stream": 1, "window_end": 1048576},
    "stream_accept": {"path": 1, "stream": 1, "window_end": 1048576},
    "stream_data": {"path": 1, "stream": 1, "offset": 4096, "fin": 0,
                    "bytes": b"GET / HTTP/1.1\r\n"},
    "stream_ack": {"path": 1, "stream": 1, "received": 4112, "window_end": 1052672},
    "stream_reset": {"path": 1, "stream": 1, "code": 57},
}

# Further valid messages: name, what, changed fields.
EDGES = [
    ("node_record", "no endpoints", {"endpoints": []}),
    ("node_record", "four endpoints, largest numbers",
     {"sequence": 2**63 - 1, "issued_s": U64_MAX, "life_s": 86400,
      "endpoints": [{"ip": IPV6, "port": 65535, "carriers": 7}] * 4}),
    ("node_record", "smallest numbers", {"sequence": 1, "issued_s": 1, "life_s": 1}),
    ("name_claim", "label of one character", {"label": "0"}),
    ("name_claim", "label of 63 characters", {"label": LABEL_63}),
    ("service_list", "no service", {"services": []}),
    ("service_list", "nothing hosted", {"hosted": []}),
    ("service_list", "sixteen hosted",
     {"hosted": [{"name": f"h{i:02}", "host": bytes_of(f"host {i}", 32)} for i in range(16)]}),
    ("service_list", "sixteen services",
     {"services": [{"name": f"s{i:02}", "flags": 0} for i in range(16)]}),
    ("bundle", "node record alone", {"claim": b"", "services": b"", "lineage": b""}),
    ("bundle", "shortest and longest parts",
     {"node": bytes_of("node", 300), "claim": bytes_of("claim", 200), "services": b"",
      "lineage": bytes_of("lineage", 306)}),
    ("lineage", "no rotation", {"rotations": []}),
    ("lineage", "smallest and largest times",
     {"rotations": [a_rotation(0, issued_s=1), a_rotation(1, issued_s=U64_MAX)]}),
    ("revocation", "no label", {"label": b""}),
    ("revocation", "label of 63 bytes", {"label": LABEL_63.encode()}),
    ("revocation", "a label that is none, which the codec does not see", {"label": b"A."}),
    ("tombstone", "shortest parts", {"revocation": bytes_of("revocation", 107), "lineage": b""}),
    ("tombstone", "longest parts", {"revocation": bytes_of("revocation", 170),
                                    "lineage": bytes_of("lineage", 306)}),
    ("tombstone", "smallest numbers", {"issued_s": 1, "life_s": 1}),
    ("tombstone", "largest numbers", {"issued_s": U64_MAX, "life_s": 86400}),
    ("session_open", "no lineage", {"lineage": b""}),
    ("session_open", "longest lineage", {"lineage": bytes_of("lineage", 306)}),
    ("bundle", "shortest node record", {"node": bytes_of("node", 184)}),
    ("pong", "shortest record", {"record": bytes_of("node", 184)}),
        ("link_record", "shortest record", {"record": bytes_of("node", 184)}),
    ("link_record", "longest record", {"record": bytes_of("node", 300)}),
    ("reach_ask", "shortest record, first endpoint", {"endpoint": 0, "record": bytes_of("node", 184)}),
    ("reach_ask", "longest record, last endpoint", {"endpoint": 3, "record": bytes_of("node", 300)}),
    ("reach_answer", "reached", {"code": 0}),
    ("value", "shortest bundle", {"bundle": bytes_of("bundle", 124)}),
    ("store", "shortest bundle", {"bundle": bytes_of("bundle", 124)}),
    ("pong", "longest record", {"record": bytes_of("node", 300)}),
    ("nodes", "no hint", {"hints": []}),
    ("nodes", "twenty hints", {"hints": [a_hint(i) for i in range(20)]}),
    ("find_value", "last index", {"index": 63}),
    ("value", "longest bundle", {"index": 63, "count": 64, "bundle": bytes_of("bundle", 1000)}),
    ("store", "longest bundle", {"bundle": bytes_of("bundle", 1000)}),
    ("stored", "a code that nobody has defined", {"code": 65535}),
    ("announce", "last port", {"port": 65535}),
    ("sync", "no item", {"items": []}),
    ("sync", "fifteen items", {"items": [an_item(i) for i in range(15)]}),
    ("sync", "largest number", {"items": [an_item(0, sequence=U64_MAX)]}),
    ("synced", "nothing", {"wanted": 0}),
    ("synced", "all fifteen", {"wanted": 32767}),
    ("link_hello", "from the initiator", {"time_s": 0}),
    ("link_close", "largest code", {"code": 65535}),
    ("find_services", "smallest number", {"number": 0}),
    ("find_services", "largest number, longest lineage",
     {"number": U32_MAX, "lineage": bytes_of("lineage", 306)}),
    ("services", "none", {"offers": []}),
    ("services", "no list", {"code": 1, "offers": []}),
    ("services", "each use", {"offers": [{"name": f"s{use}", "use": use} for use in range(1, 6)]}),
    ("services", "sixteen with the longest names",
     {"number": U32_MAX, "offers": [{"name": f"{i:02}" + "a" * 61, "use": 3} for i in range(16)]}),
    ("session_open", "largest numbers", {"path": U32_MAX, "privacy": 3, "service": LABEL_63}),
    ("stream_open", "largest numbers",
     {"path": U32_MAX, "stream": U32_MAX, "window_end": U64_MAX}),
    ("stream_accept", "window of nothing", {"window_end": 0}),
    ("stream_data", "the end alone", {"fin": 1, "bytes": b""}),
    ("stream_data", "32000 bytes", {"offset": U64_MAX, "bytes": bytes_of("data", 32000)}),
    ("stream_ack", "nothing yet", {"received": 0, "window_end": 0}),
    ("stream_reset", "smallest code", {"code": 1}),
]

# Field beyond its bounds: name, what, changed fields, reason, requirement.
BEYOND = [
    ("node_record", "sequence 0", {"sequence": 0}, "sequence: too small", 2),
    ("node_record", "issued at 0", {"issued_s": 0}, "issued_s: too small", 2),
    ("node_record", "life of nothing", {"life_s": 0}, "life_s: too small", 2),
    ("node_record", "life above a day", {"life_s": 86401}, "life_s: too large", 2),
    ("node_record", "reserved roles", {"roles": 1}, "roles: too large", 2),
    ("node_record", "five endpoints",
     {"endpoints": [{"ip": IPV6, "port": 1, "carriers": 1}] * 5}, "endpoints: too many", 5),
    ("node_record", "second endpoint without port",
     {"endpoints": [{"ip": IPV6, "port": 1, "carriers": 1},
                    {"ip": IPV6, "port": 0, "carriers": 1}]},
     "endpoints[1].port: too small", 5),
    ("node_record", "endpoint without carrier",
     {"endpoints": [{"ip": IPV6, "port": 1, "carriers": 0}]},
     "endpoints[0].carriers: too small", 5),
    ("node_record", "endpoint with an unknown carrier",
     {"endpoints": [{"ip": IPV6, "port": 1, "carriers": 8}]},
     "endpoints[0].carriers: too large", 5),
    ("name_claim", "empty label", {"label": ""}, "label: not a label", 6),
    ("name_claim", "label of 64 characters", {"label": "a" * 64}, "label: not a label", 6),
    ("name_claim", "capital", {"label": "Alice"}, "label: not a label", 6),
    ("name_claim", "hyphen at the front", {"label": "-alice"}, "label: not a label", 6),
    ("name_claim", "hyphen at the end", {"label": "alice-"}, "label: not a label", 6),
    ("name_claim", "dot", {"label": "alice.web"}, "label: not a label", 6),
    ("name_claim", "underscore", {"label": "al_ice"}, "label: not a label", 6),
    ("name_claim", "beyond ASCII", {"label": "älice"}, "label: not a label", 6),
    ("service_list", "seventeen services",
     {"services": [{"name": f"s{i:02}", "flags": 0} for i in range(17)]},
     "services: too many", 5),
    ("service_list", "seventeen hosted",
     {"hosted": [{"name": f"h{i:02}", "host": bytes_of("host", 32)} for i in range(17)]},
     "hosted: too many", 5),
    ("service_list", "a hosted one with a bad name",
     {"hosted": [{"name": "w eb", "host": bytes_of("host", 32)}]}, "hosted[0].name: not a label", 6),
    ("service_list", "second service with a bad name",
     {"services": [{"name": "db", "flags": 0}, {"name": "w eb", "flags": 0}]},
     "services[1].name: not a label", 6),
    ("service_list", "reserved flags", {"services": [{"name": "db", "flags": 1}]},
     "services[0].flags: too large", 5),
    ("bundle", "node record of 301 bytes", {"node": bytes_of("node", 301)}, "node: too long", 4),
    ("bundle", "node record of 183 bytes", {"node": bytes_of("node", 183)}, "node: too short", 4),
    ("bundle", "no node record", {"node": b""}, "node: too short", 4),
    ("bundle", "claim of 201 bytes", {"claim": bytes_of("claim", 201)}, "claim: too long", 4),
    ("bundle", "services of 601 bytes", {"services": bytes_of("services", 601)},
     "services: too long", 4),
    ("bundle", "lineage of 307 bytes", {"lineage": bytes_of("lineage", 307)},
     "lineage: too long", 4),
    ("node_record", "sequence 2^63", {"sequence": 2**63}, "sequence: too large", 2),
    ("name_claim", "sequence 2^63", {"sequence": 2**63}, "sequence: too large", 2),
    ("service_list", "sequence 2^63", {"sequence": 2**63}, "sequence: too large", 2),
    ("lineage", "three rotations", {"rotations": [a_rotation(i) for i in range(3)]},
     "rotations: too many", 5),
    ("lineage", "second rotation at 0", {"rotations": [a_rotation(0), a_rotation(1, issued_s=0)]},
     "rotations[1].issued_s: too small", 5),
    ("revocation", "issued at 0", {"issued_s": 0}, "issued_s: too small", 2),
    ("revocation", "label of 64 bytes", {"label": b"a" * 64}, "label: too long", 4),
    ("tombstone", "issued at 0", {"issued_s": 0}, "issued_s: too small", 2),
    ("tombstone", "life of nothing", {"life_s": 0}, "life_s: too small", 2),
    ("tombstone", "life above a day", {"life_s": 86401}, "life_s: too large", 2),
    ("tombstone", "revocation of 106 bytes", {"revocation": bytes_of("revocation", 106)},
     "revocation: too short", 4),
    ("tombstone", "revocation of 171 bytes", {"revocation": bytes_of("revocation", 171)},
     "revocation: too long", 4),
    ("tombstone", "lineage of 307 bytes", {"lineage": bytes_of("lineage", 307)},
     "lineage: too long", 4),
    ("pong", "no record", {"record": b""}, "record: too short", 4),
    ("pong", "record of 183 bytes", {"record": bytes_of("node", 183)}, "record: too short", 4),
    ("pong", "record of 301 bytes", {"record": bytes_of("node", 301)}, "record: too long", 4),
    ("nodes", "twenty-one hints", {"hints": [a_hint(i) for i in range(21)]}, "hints: too many", 5),
    ("nodes", "third hint without port", {"hints": [a_hint(0), a_hint(1), a_hint(2, port=0)]},
     "hints[2].port: too small", 5),
    ("nodes", "reserved flags", {"hints": [a_hint(0, flags=1)]}, "hints[0].flags: too large", 5),
    ("find_value", "index 64", {"index": 64}, "index: too large", 2),
    ("value", "index 64", {"index": 64}, "index: too large", 2),
    ("value", "count 0", {"count": 0}, "count: too small", 2),
    ("value", "count 65", {"count": 65}, "count: too large", 2),
    ("value", "bundle of 123 bytes", {"bundle": bytes_of("bundle", 123)}, "bundle: too short", 4),
    ("value", "bundle of 1001 bytes", {"bundle": bytes_of("bundle", 1001)}, "bundle: too long", 4),
    ("store", "no bundle", {"bundle": b""}, "bundle: too short", 4),
    ("store", "bundle of 1001 bytes", {"bundle": bytes_of("bundle", 1001)}, "bundle: too long", 4),
    ("announce", "port 0", {"port": 0}, "port: too small", 2),
    ("sync", "sixteen items", {"items": [an_item(i) for i in range(16)]}, "items: too many", 5),
    ("sync", "second item with sequence 0", {"items": [an_item(0), an_item(1, sequence=0)]},
     "items[1].sequence: too small", 5),
    ("synced", "a sixteenth", {"wanted": 32768}, "wanted: too large", 2),
        ("link_record", "record of 183 bytes", {"record": bytes_of("node", 183)},
     "record: too short", 4),
    ("link_record", "record of 301 bytes", {"record": bytes_of("node", 301)},
     "record: too long", 4),
    ("find_services", "lineage of 307 bytes", {"lineage": bytes_of("lineage", 307)},
     "lineage: too long", 4),
    ("services", "seventeen offers",
     {"offers": [{"name": f"s{i:02}", "use": 1} for i in range(17)]}, "offers: too many", 5),
    ("services", "second offer of no use",
     {"offers": [{"name": "db", "use": 1}, {"name": "web", "use": 0}]},
     "offers[1].use: too small", 5),
    ("services", "a use that nobody has defined", {"offers": [{"name": "db", "use": 6}]},
     "offers[0].use: too large", 5),
    ("services", "a name with a capital", {"offers": [{"name": "Db", "use": 1}]},
     "offers[0].name: not a label", 6),
    ("reach_ask", "a fifth endpoint", {"endpoint": 4}, "endpoint: too large", 2),
    ("reach_ask", "record of 183 bytes", {"record": bytes_of("node", 183)}, "record: too short", 4),
    ("reach_ask", "record of 301 bytes", {"record": bytes_of("node", 301)}, "record: too long", 4),
    ("session_open", "path 0", {"path": 0}, "path: too small", 2),
    ("session_open", "privacy 0", {"privacy": 0}, "privacy: too small", 2),
    ("session_open", "privacy 4", {"privacy": 4}, "privacy: too large", 2),
    ("session_open", "lineage of 307 bytes", {"lineage": bytes_of("lineage", 307)},
     "lineage: too long", 4),
    ("session_open", "service with a dot", {"service": "alice.web"}, "service: not a label", 6),
    ("session_opened", "path 0", {"path": 0}, "path: too small", 2),
    ("session_close", "path 0", {"path": 0}, "path: too small", 2),
    ("stream_open", "stream 0", {"stream": 0}, "stream: too small", 2),
    ("stream_accept", "stream 0", {"stream": 0}, "stream: too small", 2),
    ("stream_data", "fin 2", {"fin": 2}, "fin: too large", 2),
    ("stream_data", "32001 bytes", {"bytes": bytes_of("data", 32001)}, "bytes: too long", 7),
    ("stream_ack", "path 0", {"path": 0}, "path: too small", 2),
    ("stream_reset", "code 0", {"code": 0}, "code: too small", 2),
]

# The last field of each message that has fields: what is missing when the last byte is.
LAST = {
    "node_record": "signature", "name_claim": "signature", "service_list": "signature",
    "bundle": "lineage", "lineage": "signature", "revocation": "signature",
    "tombstone": "lineage", "pong": "record", "find_node": "target", "nodes": "hints[2].flags",
    "find_value": "index", "value": "bundle", "store": "bundle", "stored": "code",
    "announce": "port", "announced": "code", "sync": "items[1].sequence", "synced": "wanted",
    "link_hello": "port", "link_close": "code", "link_record": "record",
    "find_services": "lineage", "services": "offers[1].use",
    "reach_ask": "record", "reach_answer": "code",
    "session_open": "lineage", "session_opened": "owner_random", "session_close": "code",
    "stream_open": "window_end", "stream_accept": "window_end", "stream_ack": "window_end",
    "stream_reset": "code",
}


def plain(value):
    """A field as JSON: bytes in hex, 64-bit integers as text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [plain_fields(element) for element in value]
    return value


def plain_fields(fields):
    wide = ("sequence", "issued_s", "window_end", "offset", "received")
    return {name: str(value) if name in wide else plain(value) for name, value in fields.items()}


def line(name, what, requirement, scope, data, **outcome):
    return json.dumps({"set": "messages", "name": f"{name}: {what}",
                       "spec": f"VX6-WIRE-{requirement:03}", "scope": scope, "hex": data.hex(),
                       **outcome}, ensure_ascii=False)


def accepted(name, what, fields):
    return line(name, what, 1, MESSAGES[name][1], encode(name, fields), message=name,
                fields=plain_fields(fields))


def refused(name, what, requirement, data, reason, scope=None):
    return line(name, what, requirement, scope or MESSAGES[name][1], data, refused=reason)


def malformed(name):
    data = encode(name, TYPICAL[name])
    if name == "stream_data":
        yield refused(name, "cut before fin", 11, data[:17], "stream_data.fin: truncated")
    elif name in LAST:
        yield refused(name, "last byte missing", 11, data[:-1], f"{name}.{LAST[name]}: truncated")
    if name in LAST:
        first = next(iter(TYPICAL[name]))
        yield refused(name, "the type alone", 11, data[:1], f"{name}.{first}: truncated")
    if name != "stream_data":
        yield refused(name, "one byte more", 8, data + b"\0", f"{name}: trailing bytes")
    for scope in ("record", "query", "link"):
        if scope != MESSAGES[name][1]:
            yield refused(name, f"where a {scope} message is expected", 9, data,
                          f"{name}: wrong scope", scope)


def vectors():
    for name, fields in TYPICAL.items():
        yield accepted(name, "typical", fields)
        for edge, what, changes in EDGES:
            if edge == name:
                yield accepted(name, what, fields | changes)
        yield from malformed(name)
        for beyond, what, changes, reason, requirement in BEYOND:
            if beyond == name:
                yield refused(name, what, requirement, encode(name, fields | changes),
                              f"{name}.{reason}")
    for scope in ("record", "query", "link"):
        yield line("message", f"no bytes, {scope}", 11, scope, b"", refused="message: empty")
        for number in (0x00, 0x0f, 0x1f, 0x2c, 0x4f, 0x58, 0xff):
            yield line("message", f"type {number:#04x}, {scope}", 9, scope,
                       u8(number) + bytes(40), refused="message: unknown type")


def main():
    text = "".join(row + "\n" for row in vectors())
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[2], encoding="utf-8") as file:
            if file.read() != text:
                sys.exit(f"{sys.argv[2]} differs from what tools/oracle/wire.py makes")
        return
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
