#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Vectors of records and names, written from spec/records.md, spec/names.md and spec/messages.md alone,
with another crypto library. It shares nothing with the code under test.

    records.py records             prints vectors/records.jsonl
    records.py names               prints vectors/names.jsonl
    records.py records --check F   exits 1 when F differs
"""
import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NOW_S = 1767225600
U64_MAX = 2**64 - 1


def sha256(data):
    return hashlib.sha256(data).digest()


def number(value, size):
    return value.to_bytes(size, "big")


def opaque(data):
    return number(len(data), 2) + data


def label(text):
    return number(len(text), 1) + text.encode()


def raw(public_key):
    return public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def node_id(key):
    return sha256(b"vx6/node-id/1" + key)


def name_key(text):
    return sha256(b"vx6/name/1" + text.encode())


class Keys:
    def __init__(self, seed):
        self.seed = seed
        self.signer = Ed25519PrivateKey.from_private_bytes(seed)
        self.identity = raw(self.signer.public_key())
        self.id = node_id(self.identity)
        self.link = raw(X25519PrivateKey.from_private_bytes(
            sha256(b"vx6/link-key/1" + seed)).public_key())
        self.record_signer = Ed25519PrivateKey.from_private_bytes(
            sha256(b"vx6/record-key/1" + seed))
        self.record = raw(self.record_signer.public_key())


ALICE = Keys(bytes(range(32)))
MALLORY = Keys(bytes(range(100, 132)))


# ---- a little of Ed25519, for signatures that no library would make (RFC 8032)

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
BASE_Y = 4 * pow(5, P - 2, P) % P


def x_of(y, sign):
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * pow(2, (P - 1) // 4, P) % P
    return P - x if x % 2 != sign else x


def add(a, b):
    t = D * a[0] * b[0] * a[1] * b[1] % P
    return ((a[0] * b[1] + a[1] * b[0]) * pow(1 + t, P - 2, P) % P,
            (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, P - 2, P) % P)


def times(n, point):
    total = (0, 1)
    while n > 0:
        if n % 2:
            total = add(total, point)
        point = add(point, point)
        n //= 2
    return total


def encode_point(point):
    return (point[1] | (point[0] % 2) << 255).to_bytes(32, "little")


def sign_under(seed, public_key, message):
    """A signature that hashes `public_key` instead of the seed's own key."""
    expanded = hashlib.sha512(seed).digest()
    secret = int.from_bytes(expanded[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    r = int.from_bytes(hashlib.sha512(expanded[32:] + message).digest(), "little") % L
    base = (x_of(BASE_Y, 0), BASE_Y)
    point = encode_point(times(r, base))
    h = int.from_bytes(hashlib.sha512(point + public_key + message).digest(), "little")
    signature = point + ((r + h * secret) % L).to_bytes(32, "little")
    return signature, h % L


def with_torsion(key):
    """The key plus the point of order two, (0, -1): (x, y) becomes (-x, -y)."""
    encoded = int.from_bytes(key, "little")
    sign, y = encoded >> 255, encoded & ((1 << 255) - 1)
    return ((P - y) | (1 - sign) << 255).to_bytes(32, "little")


# ---- records

IPV6 = bytes.fromhex("20010db8000000000000000000000007")
OTHER_IPV6 = bytes.fromhex("20010db8000000000000000000000008")


def ipv4(a, b, c, d):
    return bytes(10) + b"\xff\xff" + bytes([a, b, c, d])


def endpoint(ip, port, carriers=3):
    return ip + number(port, 2) + number(carriers, 1)


def signed(what, body, signer):
    return body + signer.sign(b"vx6/" + what.encode() + b"/1\0" + body)


def node_body(f):
    return (b"\x10" + f["identity"] + f["link_key"] + f["record_key"] + number(f["sequence"], 8) +
            number(f["issued_s"], 8) + number(f["life_s"], 4) + number(0, 2) +
            number(len(f["endpoints"]), 1) + b"".join(f["endpoints"]))


def head(f, part):
    """The fields that claim and list must share with the node record, unless spoilt."""
    return {key: f.get(f"{part}_{key}", f[key]) for key in ("sequence", "issued_s", "life_s")}


def claim_body(f):
    h = head(f, "claim")
    return (b"\x11" + f["claim_owner"] + label(f["label"]) + number(h["sequence"], 8) +
            number(h["issued_s"], 8) + number(h["life_s"], 4))


def list_body(f):
    h = head(f, "list")
    return (b"\x12" + f["list_owner"] + number(h["sequence"], 8) + number(h["issued_s"], 8) +
            number(h["life_s"], 4) + number(len(f["services"]), 1) +
            b"".join(label(name) + b"\0" for name in f["services"]) +
            number(len(f["hosted"]), 1) + b"".join(label(name) + host for name, host in f["hosted"]))


SOUND = {
    "identity": ALICE.identity, "link_key": ALICE.link, "record_key": ALICE.record,
    "sequence": 7, "issued_s": NOW_S - 10, "life_s": 1800,
    "endpoints": [endpoint(IPV6, 4242), endpoint(ipv4(192, 0, 2, 7), 4243)],
    "claim_owner": ALICE.id, "list_owner": ALICE.id, "label": "alice", "services": ["ssh", "web"],
    "hosted": [],
    "node_signer": ALICE.signer, "claim_signer": ALICE.record_signer,
    "list_signer": ALICE.record_signer,
    "node_label": "node-record", "claim_label": "name-claim", "list_label": "service-list",
}


def parts(**changes):
    f = SOUND | changes
    node = signed(f["node_label"], node_body(f), f["node_signer"])
    claim = signed(f["claim_label"], claim_body(f), f["claim_signer"]) if f["label"] else b""
    services = b""
    if f["services"] is not None:
        services = signed(f["list_label"], list_body(f), f["list_signer"])
    return node, claim, services


def join(node, claim, services, lineage=b""):
    return b"\x13" + opaque(node) + opaque(claim) + opaque(services) + opaque(lineage)


def bundle(**changes):
    return join(*parts(**changes))


def line(set_name, kind, name, spec, **fields):
    return json.dumps({"set": set_name, "name": name, "spec": spec, "kind": kind} | fields)


def good(name, spec, unix_s=NOW_S, **changes):
    f = SOUND | changes
    fields = {"owner": node_id(f["identity"]).hex(), "sequence": str(f["sequence"]),
              "expires_s": f["issued_s"] + f["life_s"], "label": f["label"],
              "services": f["services"] or [],
              "hosted": [{"name": name, "host": host.hex()} for name, host in f["hosted"]]}
    return line("records", "bundle", name, spec, unix_s=unix_s, hex=bundle(**changes).hex(),
                **fields)


def bad(name, spec, code, data=None, unix_s=NOW_S, **changes):
    if data is None:
        data = bundle(**changes)
    return line("records", "bundle", name, spec, unix_s=unix_s, hex=data.hex(), refused=code)


def made(name, services, text, endpoints, hosted=()):
    """What the owner of a seed must publish, byte for byte: Ed25519 draws no random numbers."""
    owner = [endpoint(ip, port) for ip, port in endpoints]
    listed = sorted(services) if services or hosted else None
    data = bundle(endpoints=owner, label=text, services=listed, hosted=list(hosted),
                  issued_s=NOW_S, sequence=9)
    return line("records", "make", name, "VX6-REC-002", seed=ALICE.seed.hex(), unix_s=NOW_S,
                sequence="9", life_s=1800, label=text, services=services,
                hosted=[{"name": name, "host": host.hex()} for name, host in hosted],
                endpoints=[{"ip": ip.hex(), "port": port} for ip, port in endpoints],
                hex=data.hex())


def flipped(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def torsion_bundle():
    """Everything holds, the signature included, but the identity is not of the prime-order group:
    its owner could appear under two node IDs."""
    identity = with_torsion(ALICE.identity)
    for sequence in range(1, 100):
        f = SOUND | {"identity": identity, "sequence": sequence}
        body = node_body(f)
        signature, h = sign_under(ALICE.seed, identity, b"vx6/node-record/1\0" + body)
        if h % 2 == 0:
            owner = node_id(identity)
            _, claim, services = parts(sequence=sequence, claim_owner=owner, list_owner=owner)
            return join(body + signature, claim, services)
    raise AssertionError("no even hash")


def torsion_record_bundle():
    """The same for the record key: claim and list would verify under two keys."""
    key = with_torsion(ALICE.record)
    seed = sha256(b"vx6/record-key/1" + ALICE.seed)
    for sequence in range(1, 1000):
        f = SOUND | {"record_key": key, "sequence": sequence}
        claim, services = claim_body(f), list_body(f)
        claim_signature, h = sign_under(seed, key, b"vx6/name-claim/1\0" + claim)
        list_signature, g = sign_under(seed, key, b"vx6/service-list/1\0" + services)
        if h % 2 == 0 and g % 2 == 0:
            node, _, _ = parts(record_key=key, sequence=sequence)
            return join(node, claim + claim_signature, services + list_signature)
    raise AssertionError("no even hashes")


def keyed(identity):
    """Changes that give the bundle to another identity, which cannot sign."""
    owner = node_id(identity)
    return {"identity": identity, "claim_owner": owner, "list_owner": owner}


def bundles():
    yield good("sound", "VX6-REC-003")
    yield good("no claim", "VX6-REC-010", label="")
    yield good("no services", "VX6-REC-010", services=None)
    yield good("only a node record without endpoints", "VX6-REC-010", label="", services=None,
               endpoints=[])
    yield good("last second", "VX6-REC-007", unix_s=NOW_S - 10 + 1799)
    yield bad("expired", "VX6-REC-007", "EXPIRED", unix_s=NOW_S - 10 + 1800)
    yield good("at the edge of the skew", "VX6-REC-007", issued_s=NOW_S + 600)
    yield bad("beyond the skew", "VX6-REC-007", "EXPIRED", issued_s=NOW_S + 601)
    yield bad("issued in 2099", "VX6-REC-007", "EXPIRED", issued_s=4070908800)
    yield bad("issued at the end of time", "VX6-REC-007", "EXPIRED", issued_s=U64_MAX)
    yield bad("clock before 1970", "VX6-REC-007", "EXPIRED", unix_s=-5)
    yield good("longest life", "VX6-REC-006", life_s=7200)
    yield bad("life too long", "VX6-REC-006", "BAD_RECORD", life_s=7201)
    yield bad("expired and badly signed", "VX6-REC-005", "EXPIRED", unix_s=NOW_S + 9999,
              node_signer=MALLORY.signer)
    yield bad("too long a life and expired", "VX6-REC-005", "BAD_RECORD", unix_s=NOW_S + 99999,
              life_s=7201)
    yield bad("unsorted and expired", "VX6-REC-005", "BAD_RECORD", unix_s=NOW_S + 9999,
              services=["web", "ssh"])
    for part in ("claim", "list"):
        for key in ("sequence", "issued_s", "life_s"):
            for by in (-1, 1):
                yield bad(f"{part} of another {key}, {by:+}", "VX6-REC-011", "BAD_RECORD",
                          **{f"{part}_{key}": SOUND[key] + by})
        yield bad(f"{part} of another owner", "VX6-REC-011", "BAD_RECORD",
                  **{f"{part}_owner": MALLORY.id})
        yield bad(f"{part} signed by another", "VX6-REC-002", "BAD_RECORD",
                  **{f"{part}_signer": MALLORY.record_signer})
        yield bad(f"{part} signed by the identity", "VX6-REC-002", "BAD_RECORD",
                  **{f"{part}_signer": ALICE.signer})
        yield bad(f"{part} signed under another label", "VX6-REC-003", "BAD_RECORD",
                  **{f"{part}_label": "node-record"})
    yield bad("node record signed by another", "VX6-REC-002", "BAD_RECORD",
              node_signer=MALLORY.signer)
    yield bad("node record signed by the record key", "VX6-REC-002", "BAD_RECORD",
              node_signer=ALICE.record_signer)
    yield bad("node record signed under another label", "VX6-REC-003", "BAD_RECORD",
              node_label="name-claim")
    yield bad("foreign record key", "VX6-REC-002", "BAD_RECORD", record_key=MALLORY.record)
    yield bad("unsorted services", "VX6-REC-012", "BAD_RECORD", services=["web", "ssh"])
    yield bad("a service twice", "VX6-REC-012", "BAD_RECORD", services=["ssh", "ssh"])
    yield bad("the longer name first", "VX6-REC-012", "BAD_RECORD", services=["web2", "web"])
    yield bad("a list of no services", "VX6-REC-012", "BAD_RECORD", services=[])
    one = [("db", MALLORY.identity)]
    yield good("a hosted service", "VX6-REC-025", hosted=one)
    yield good("hosted services alone", "VX6-REC-025", services=[], hosted=[("api", bytes(32))] + one)
    yield bad("unsorted hosted services", "VX6-REC-025", "BAD_RECORD", hosted=one + [("api", bytes(32))])
    yield bad("a hosted service twice", "VX6-REC-025", "BAD_RECORD", hosted=one + one)
    yield bad("hosted, and offered too", "VX6-REC-025", "BAD_RECORD", hosted=[("web", MALLORY.identity)])
    yield bad("hosted by the owner itself", "VX6-REC-025", "BAD_RECORD", hosted=[("db", ALICE.identity)])
    yield bad("the host changed by one bit", "VX6-REC-003", "BAD_RECORD",
              flipped(bundle(hosted=one, services=[], label=""), 8 * (len(bundle(
                  hosted=one, services=[], label="")) - 2 - 64 - 1)))
    for name, ip in (("unspecified", bytes(16)), ("unspecified IPv4", ipv4(0, 0, 0, 0)),
                     ("multicast", b"\xff\x02" + bytes(13) + b"\1"),
                     ("IPv4 multicast", ipv4(224, 0, 0, 1)),
                     ("broadcast", ipv4(255, 255, 255, 255))):
        yield bad(f"{name} endpoint", "VX6-REC-009", "BAD_RECORD", endpoints=[endpoint(ip, 4242)])
    yield good("loopback endpoint", "VX6-REC-009", endpoints=[endpoint(bytes(15) + b"\1", 4242)])
    yield good("one address, two ports", "VX6-REC-009",
               endpoints=[endpoint(IPV6, 4242), endpoint(IPV6, 4243)])
    yield bad("an endpoint twice", "VX6-REC-009", "BAD_RECORD",
              endpoints=[endpoint(IPV6, 4242), endpoint(OTHER_IPV6, 4242), endpoint(IPV6, 4242, 1)])
    yield bad("identity of mixed order, with a signature that holds", "VX6-REC-008", "BAD_RECORD",
              torsion_bundle())
    yield bad("record key of mixed order, with signatures that hold", "VX6-REC-008", "BAD_RECORD",
              torsion_record_bundle())
    for name, key in (("neutral element", number(1, 1) + bytes(31)),
                      ("neutral element, not canonical", b"\xee" + b"\xff" * 30 + b"\x7f"),
                      ("order two", b"\xec" + b"\xff" * 30 + b"\x7f"), ("order four", bytes(32)),
                      ("not on the curve", number(2, 1) + bytes(31))):
        yield bad(f"identity: {name}", "VX6-REC-008", "BAD_RECORD", **keyed(key))
        yield bad(f"record key: {name}", "VX6-REC-008", "BAD_RECORD", record_key=key)
    node, claim, services = parts()
    sound = join(node, claim, services)
    yield bad("claim and list exchanged", "VX6-REC-004", "BAD_MESSAGE",
              join(node, services, claim))
    yield bad("a node record in the claim's place", "VX6-REC-004", "BAD_MESSAGE",
              join(node, parts(endpoints=[])[0], b""))
    yield bad("a node record instead of a bundle", "VX6-REC-004", "BAD_MESSAGE", node)
    yield bad("no node record", "VX6-REC-010", "BAD_MESSAGE", join(b"", claim, services))
    yield bad("one byte more", "VX6-REC-003", "BAD_MESSAGE", sound + b"\0")
    yield bad("one byte more inside", "VX6-REC-003", "BAD_MESSAGE",
              join(node + b"\0", claim, services))
    yield bad("one byte less", "VX6-REC-003", "BAD_MESSAGE", sound[:-1])
    many = [chr(ord("a") + i) * 63 for i in range(9)]
    yield bad("more than 1,000 bytes", "VX6-REC-004", "BAD_MESSAGE",
              bundle(label="a" * 63, services=many,
                     endpoints=[endpoint(IPV6, port) for port in (1, 2, 3, 4)]))
    at = 3 + 97 + 8 + 8
    yield bad("the life changed by one bit", "VX6-REC-011", "BAD_RECORD",
              flipped(sound, 8 * (at + 3)))
    yield bad("the link key changed by one bit", "VX6-REC-003", "BAD_RECORD",
              flipped(sound, 8 * (3 + 33)))
    yield bad("an address changed by one bit", "VX6-REC-003", "BAD_RECORD",
              flipped(sound, 8 * (at + 4 + 2 + 1 + 15)))
    yield bad("the last byte changed by one bit", "VX6-REC-003", "BAD_RECORD",
              flipped(sound, 8 * (len(sound) - 2) - 1))


def records():
    yield from bundles()
    yield made("everything", ["web", "ssh", "we"], "alice", [(IPV6, 4242), (OTHER_IPV6, 1)])
    yield made("no name", ["web"], "", [(IPV6, 4242)])
    yield made("no services", [], "alice", [(ipv4(192, 0, 2, 7), 4242)])
    yield made("nothing but keys", [], "", [])
    yield made("hosted services", ["web"], "alice", [(IPV6, 4242)], [("api", bytes(range(32))), ("db", MALLORY.identity)])
    yield made("hosted services alone", [], "alice", [], [("db", MALLORY.identity)])
    node, claim, _ = parts()
    fields = {"unix_s": NOW_S}
    yield line("records", "node_record", "alone", "VX6-REC-003", hex=node.hex(), **fields)
    yield line("records", "node_record", "a claim instead", "VX6-REC-004", hex=claim.hex(),
               refused="BAD_MESSAGE", **fields)
    yield line("records", "node_record", "signed by another", "VX6-REC-003",
               hex=parts(node_signer=MALLORY.signer)[0].hex(), refused="BAD_RECORD", **fields)
    for name, key, fits in (("its owner", ALICE.id, True), ("its name", name_key("alice"), True),
                            ("another node", MALLORY.id, False),
                            ("another name", name_key("alic"), False),
                            ("its owner's key, not hashed", ALICE.identity, False)):
        yield line("records", "key", f"under the key of {name}", "VX6-REC-017", unix_s=NOW_S,
                   hex=bundle().hex(), key=key.hex(), fits=fits)


# ---- names

def key_text(key):
    return base64.b32encode(key + sha256(b"vx6/key-text/1" + key)[:3]).decode().lower()


LABELS = ["a", "alice", "0", "a-b", "x--y", "z" * 63]


def names():
    def row(kind, name, spec, **fields):
        return line("names", kind, name, spec, **fields)

    for name, keys in (("alice", ALICE), ("mallory", MALLORY)):
        yield row("node_id", f"id of {name}", "VX6-REC-001", key=keys.identity.hex(),
                  id=keys.id.hex())
        yield row("key_text", f"key of {name}", "VX6-NAME-002", key=keys.identity.hex(),
                  text=key_text(keys.identity))
    for text in LABELS:
        yield row("name_key", f"key of the label {text}", "VX6-NAME-004", label=text,
                  key=name_key(text).hex())
    text = key_text(ALICE.identity)
    yield row("key_parse", "capitals", "VX6-NAME-003", text=text.upper(),
              key=ALICE.identity.hex())
    yield row("key_parse", "mixed", "VX6-NAME-003", text=text[:20].upper() + text[20:],
              key=ALICE.identity.hex())
    last = text[:-1] + ("a" if text[-1] != "a" else "b")
    for name, wrong in (("wrong checksum", last), ("one character changed", "b" + text[1:]
                        if text[0] != "b" else "c" + text[1:]),
                        ("two characters swapped", text[:3] + text[4] + text[3] + text[5:]),
                        ("too short", text[:-1]), ("too long", text + "a"), ("empty", ""),
                        ("padding", text + "="), ("a digit that is not of the alphabet",
                                                  text[:9] + "1" + text[10:]),
                        ("a space", text[:9] + " " + text[10:]),
                        ("no point of the curve", key_text(number(2, 1) + bytes(31))),
                        ("the neutral element", key_text(number(1, 1) + bytes(31))),
                        ("mixed order", key_text(with_torsion(ALICE.identity)))):
        yield row("key_parse", name, "VX6-NAME-003", text=wrong, refused="INVALID")
    for user, hint, service in (("alice", "", ""), ("alice", "", "web"), ("a", "", "b"),
                                ("0-0", "", "9"), ("a" * 63, "", "b" * 63),
                                ("alice", "x4k2", ""), ("alice", "x4k2", "web"),
                                ("a", "2" * 56, "b"), ("z" * 63, text, "9" * 63)):
        full = user + ("~" + hint if hint else "") + ("." + service if service else "")
        yield row("name", f"name {full[:20]}, {len(full)}", "VX6-NAME-001", text=full, label=user,
                  hint=hint, service=service)
    for text in ("", ".", "alice.", ".web", "alice..web", "alice.web.", "a.b.c", "Alice",
                 "alice.WEB", "-a", "a-", "a.-b", "a.b-", "al ice", "al_ice", "alice\n",
                 "alice.web\u001b[2J", "\u00e4lice", "a" * 64, "a." + "b" * 64, "alice~",
                 "alice~x4k", "alice~x4k.web", "alice~X4K2", "alice~x4k1.web", "alice~x4-2",
                 "alice~" + "a" * 57, "~x4k2", "~x4k2.web", "alice.web~x4k2", "alice~x4k2~x4k2",
                 "alice~x4k2.", "alice~.web"):
        yield row("name", f"refused {json.dumps(text)[1:21]}, {len(text)}", "VX6-NAME-001",
                  text=text, refused="INVALID")


def main():
    makers = {"records": records, "names": names}
    text = "".join(row + "\n" for row in makers[sys.argv[1]]())
    if sys.argv[2:3] == ["--check"]:
        with open(sys.argv[3], encoding="utf-8") as file:
            if file.read() != text:
                sys.exit(f"{sys.argv[3]} differs from what tools/oracle/records.py makes")
        return
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
