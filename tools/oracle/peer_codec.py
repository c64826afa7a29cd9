# SPDX-License-Identifier: MIT
"""Messages of spec/messages.md as Python values, after spec/wire.md: encode and a total, strict decode.

An integer, label or byte string stands for itself, an element of a list is a dict."""

MESSAGES = """
10 node_record identity=32 link_key=32 record_key=32 sequence=u64:1:9223372036854775807 issued_s=u64:1 life_s=u32:1:86400 \
 roles=u16:0:0 endpoints=list:0:4:endpoint signature=64
11 name_claim owner=32 label=label sequence=u64:1:9223372036854775807 issued_s=u64:1 life_s=u32:1:86400 signature=64
12 service_list owner=32 sequence=u64:1:9223372036854775807 issued_s=u64:1 life_s=u32:1:86400 \
 services=list:0:16:service hosted=list:0:16:hosted signature=64
13 bundle node=opaque:184:300 claim=opaque:0:200 services=opaque:0:600 lineage=opaque:0:306
14 lineage identity=32 rotations=list:0:2:rotation signature=64
15 revocation identity=32 label=opaque:0:63 issued_s=u64:1 signature=64
16 tombstone issued_s=u64:1 life_s=u32:1:86400 revocation=opaque:107:170 lineage=opaque:0:306
20 ping
21 pong HEAD record=opaque:184:300
22 find_node target=32
23 nodes HEAD hints=list:0:20:hint
24 find_value key=32 index=u8:0:63
25 value HEAD index=u8:0:63 count=u8:1:64 bundle=opaque:124:1000
26 store token=16 key=32 bundle=opaque:124:1000
27 stored HEAD code=u16
28 announce token=16 key=32 port=u16:1
29 announced HEAD code=u16
2a sync items=list:0:15:item
2b synced HEAD wanted=u16:0:32767
40 link_hello time_s=u32 ip=16 port=u16
41 link_close code=u16
42 link_rekey
43 link_probe
44 link_alive
45 link_record record=opaque:184:300
46 find_services number=u32 lineage=opaque:0:306
47 services number=u32 code=u16 offers=list:0:16:offer
48 reach_ask endpoint=u8:0:3 record=opaque:184:300
49 reach_answer code=u16
50 session_open path=u32:1 privacy=u8:1:3 service=label client_random=32 lineage=opaque:0:306
51 session_opened path=u32:1 session=16 owner_random=32
52 session_close path=u32:1 code=u16
53 stream_open path=u32:1 stream=u32:1 window_end=u64
54 stream_accept path=u32:1 stream=u32:1 window_end=u64
55 stream_data path=u32:1 stream=u32:1 offset=u64 fin=u8:0:1 bytes=rest:0:32000
56 stream_ack path=u32:1 stream=u32:1 received=u64 window_end=u64
57 stream_reset path=u32:1 stream=u32:1 code=u16:1
"""
HEAD = "token=16 time_s=u32 contact_issued_s=u32 contact_signature=64"
ELEMENTS = """
endpoint ip=16 port=u16:1 carriers=u8:1:7
hint key=32 ip=16 port=u16:1 flags=u16:0:0
offer name=label use=u8:1:5
hosted name=label host=32
rotation key=32 issued_s=u64:1 signature=64
service name=label flags=u8:0:0
item key=32 owner=32 sequence=u64:1
"""
CODES = {
    "OK": 0, "LIMIT": 1, "INVALID": 4, "SHUTDOWN": 5, "CANCELLED": 6, "TIMEOUT": 16, "UNREACHABLE": 17,
    "TRUNCATED": 18, "IDLE": 19, "BAD_MESSAGE": 32, "BAD_SEAL": 33, "BAD_SUITE": 34, "BAD_RECORD": 35,
    "KEY_MISMATCH": 36, "FLOW": 37, "UNEXPECTED": 38, "SELF": 39, "NOT_FOUND": 48, "NO_SERVICE": 51,
    "NOT_ALLOWED": 52, "SERVICE_DOWN": 53, "BAD_TOKEN": 54, "EXPIRED": 55, "OUTDATED": 56, "RESET": 57, "NO_HOST": 59,
    "REVOKED": 58}
CODE_NAMES = {number: name for name, number in CODES.items()}
SIZES = {"u8": 1, "u16": 2, "u32": 4, "u64": 8}
LETTERS = set(b"abcdefghijklmnopqrstuvwxyz0123456789-")


class Refused(Exception):
    """Bytes that are no message, or a message that must not be believed: the reason, then a code."""

    def __init__(self, reason, code="BAD_MESSAGE"):
        super().__init__(f"{reason} ({code})" if code != "BAD_MESSAGE" else reason)
        self.reason, self.code = reason, code


def fields_of(text):
    for field in text.replace("HEAD", HEAD).split():
        name, kind = field.split("=")
        kind, *bounds = kind.split(":")
        element = bounds.pop() if kind == "list" else None
        low = int(bounds[0]) if bounds else 0
        high = int(bounds[1]) if len(bounds) > 1 else (1 << 8 * SIZES.get(kind, 8)) - 1
        yield name, kind, low, high, element


def table(text):
    return [line.split(None, 1) for line in text.strip().splitlines()]


FIELDS = {name: list(fields_of(rest)) for name, rest in table(ELEMENTS)}
NAMES, TYPES = {}, {}
for number, line in table(MESSAGES):
    message, _, rest = line.partition(" ")
    NAMES[int(number, 16)], TYPES[message] = message, int(number, 16)
    FIELDS[message] = list(fields_of(rest))


def encode_fields(what, values):
    """What may be empty need not be named."""
    out = b""
    for name, kind, low, _, element in FIELDS[what]:
        value = values.get(name, b"") if kind == "opaque" and low == 0 else values[name]
        if kind in SIZES:
            out += value.to_bytes(SIZES[kind], "big")
        elif kind == "label":
            out += len(value).to_bytes(1, "big") + value.encode()
        elif kind == "opaque":
            out += len(value).to_bytes(2, "big") + value
        elif kind == "list":
            out += len(value).to_bytes(1, "big") + b"".join(encode_fields(element, v) for v in value)
        else:
            out += value
    return out


def encode(name, **values):
    return bytes([TYPES[name]]) + encode_fields(name, values)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count, where):
        if self.at + count > len(self.data):
            raise Refused(f"{where}: truncated")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, size, where):
        return int.from_bytes(self.take(size, where), "big")

    def label(self, where):
        size = self.number(1, where)
        if not 1 <= size <= 63:
            raise Refused(f"{where}: not a label")
        text = self.take(size, where)
        if not set(text) <= LETTERS or text[0] == ord("-") or text[-1] == ord("-"):
            raise Refused(f"{where}: not a label")
        return text.decode()

    def field(self, kind, low, high, element, where):
        if kind in SIZES:
            value = self.number(SIZES[kind], where)
            if not low <= value <= high:
                raise Refused(f"{where}: too {'small' if value < low else 'large'}")
            return value
        if kind == "label":
            return self.label(where)
        if kind == "list":
            count = self.number(1, where)
            if count > high:
                raise Refused(f"{where}: too many")
            return [self.fields(element, f"{where}[{i}]") for i in range(count)]
        if kind in ("opaque", "rest"):
            size = self.number(2, where) if kind == "opaque" else len(self.data) - self.at
            if not low <= size <= high:
                raise Refused(f"{where}: too {'short' if size < low else 'long'}")
            return self.take(size, where)
        return self.take(int(kind), where)

    def fields(self, what, where):
        return {name: self.field(kind, low, high, element, f"{where}.{name}")
                for name, kind, low, high, element in FIELDS[what]}


def scope_of(number):
    return {1: "record", 2: "query", 3: "query", 4: "link", 5: "link"}.get(number >> 4)


def decode(data, scope):
    """(name, fields), or Refused."""
    if not data:
        raise Refused("message: empty")
    if data[0] not in NAMES:
        raise Refused("message: unknown type")
    name = NAMES[data[0]]
    if scope_of(data[0]) != scope:
        raise Refused(f"{name}: wrong scope")
    reader = Reader(data[1:])
    values = reader.fields(name, name)
    if reader.at != len(reader.data):
        raise Refused(f"{name}: trailing bytes")
    return name, values
