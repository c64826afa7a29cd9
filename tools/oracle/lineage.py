#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Vectors of rotation and revocation, written from spec/records.md and spec/messages.md alone, with
another crypto library. It shares nothing with the code under test.

    lineage.py             prints vectors/lineage.jsonl
    lineage.py --check F   exits 1 when F differs
"""
import json
import sys

from records import (ALICE, IPV6, MALLORY, NOW_S, Keys, endpoint, join, name_key, number, opaque,
                     parts, signed, with_torsion)

BEFORE, FIRST = Keys(bytes(range(32, 64))), Keys(bytes(range(64, 96)))
ROTATED_S = NOW_S - 5000


def rotation(old, new, issued_s=ROTATED_S, signer=None, signs=None, what="rotation"):
    """`old` hands over to `new`; `signs`: the successor that the signature names instead."""
    message = old.identity + (signs or new).identity + number(issued_s, 8)
    signature = (signer or old).signer.sign(b"vx6/" + what.encode() + b"/1\0" + message)
    return old.identity + number(issued_s, 8) + signature


def lineage(*rotations, owner=ALICE, signer=None, what="lineage"):
    body = b"\x14" + owner.identity + number(len(rotations), 1) + b"".join(rotations)
    return signed(what, body, (signer or owner).signer)


def revocation(owner=ALICE, label="alice", issued_s=ROTATED_S, signer=None, what="revocation"):
    body = b"\x15" + owner.identity + opaque(label.encode()) + number(issued_s, 8)
    return signed(what, body, (signer or owner).signer)


def tombstone(revoked, ancestry=b"", issued_s=NOW_S - 10, life_s=1800):
    return b"\x16" + number(issued_s, 8) + number(life_s, 4) + opaque(revoked) + opaque(ancestry)


def bundle(ancestry, **changes):
    return join(*parts(**changes), ancestry)


ONE = lineage(rotation(BEFORE, ALICE))
TWO = lineage(rotation(FIRST, BEFORE), rotation(BEFORE, ALICE, ROTATED_S + 1))


def line(kind, name, spec, data, **fields):
    return json.dumps({"set": "lineage", "name": name, "spec": f"VX6-REC-{spec:03}", "kind": kind,
                       "unix_s": NOW_S, "hex": data.hex()} | fields)


def good_bundle(name, spec, ancestry, predecessors, **changes):
    services = changes.get("services", ["ssh", "web"])
    return line("bundle", name, spec, bundle(ancestry, **changes), owner=ALICE.id.hex(),
                sequence="7", expires_s=NOW_S - 10 + 1800, label="alice", services=services,
                predecessors=[keys.identity.hex() for keys in predecessors], tombstone=False)


def good_tombstone(name, spec, data, label="alice", predecessors=(), issued_s=NOW_S - 10,
                   life_s=1800):
    return line("bundle", name, spec, data, owner=ALICE.id.hex(), sequence=str(2**63 + issued_s),
                expires_s=issued_s + life_s, label=label, services=[],
                predecessors=[keys.identity.hex() for keys in predecessors], tombstone=True)


def bad(name, spec, code, data, **fields):
    return line("bundle", name, spec, data, refused=code, **fields)


def lineages():
    yield good_bundle("one key before", 19, ONE, [BEFORE])
    yield good_bundle("two keys before", 19, TWO, [FIRST, BEFORE])
    many = ["s" * 30 + chr(ord("a") + i) for i in range(2)]
    yield good_bundle("beside services and endpoints", 19, TWO, [FIRST, BEFORE], services=many,
                      endpoints=[endpoint(IPV6, port) for port in (1, 2, 3, 4)])
    yield good_bundle("times that rise, fall and lie ahead", 18,
                      lineage(rotation(FIRST, BEFORE, 2**64 - 1), rotation(BEFORE, ALICE, 1)),
                      [FIRST, BEFORE])
    for name, spec, ancestry in (
            ("of another identity", 19, lineage(rotation(BEFORE, MALLORY), owner=MALLORY)),
            ("of another identity, which took over from it", 19,
             lineage(rotation(ALICE, MALLORY), owner=MALLORY)),
            ("no rotation in it", 19, lineage()),
            ("the own key before itself", 19, lineage(rotation(ALICE, ALICE))),
            ("a loop through the own key", 19,
             lineage(rotation(ALICE, BEFORE), rotation(BEFORE, ALICE))),
            ("a key twice", 19, lineage(rotation(BEFORE, BEFORE), rotation(BEFORE, ALICE))),
            ("signed by the key before, not by the own", 19,
             lineage(rotation(BEFORE, ALICE), signer=BEFORE)),
            ("signed by another", 19, lineage(rotation(BEFORE, ALICE), signer=MALLORY)),
            ("signed by the record key", 2, lineage(rotation(BEFORE, ALICE),
                                                    signer=type("", (), {"signer":
                                                                         ALICE.record_signer}))),
            ("signed under another label", 3, lineage(rotation(BEFORE, ALICE), what="rotation")),
            ("a rotation signed by the successor", 18,
             lineage(rotation(BEFORE, ALICE, signer=ALICE))),
            ("a rotation signed by another", 18, lineage(rotation(BEFORE, ALICE, signer=MALLORY))),
            ("a rotation to another", 18, lineage(rotation(BEFORE, ALICE, signs=MALLORY))),
            ("a rotation under another label", 18,
             lineage(rotation(BEFORE, ALICE, what="lineage"))),
            ("the first of two to another", 18,
             lineage(rotation(FIRST, BEFORE, signs=ALICE), rotation(BEFORE, ALICE))),
            ("two rotations exchanged", 18,
             lineage(rotation(BEFORE, ALICE), rotation(FIRST, BEFORE))),
            ("a time that was not signed", 18,
             lineage(BEFORE.identity + number(1, 8) + rotation(BEFORE, ALICE)[40:]))):
        yield bad(f"lineage: {name}", spec, "BAD_RECORD", bundle(ancestry))
    for name, key in (("mixed order", with_torsion(BEFORE.identity)), ("order four", bytes(32)),
                      ("not on the curve", number(2, 1) + bytes(31))):
        yield bad(f"lineage: a key before of {name}", 8, "BAD_RECORD",
                  bundle(lineage(key + rotation(BEFORE, ALICE)[32:])))
    yield bad("lineage: a claim instead", 4, "BAD_MESSAGE", bundle(parts()[1]))
    yield bad("lineage: one byte more", 3, "BAD_MESSAGE", bundle(ONE + b"\0"))
    yield bad("lineage: unsound in an expired bundle", 5, "BAD_RECORD", bundle(lineage()),
              unix_s=NOW_S + 99999)
    yield bad("lineage: badly signed in an expired bundle", 5, "EXPIRED",
              bundle(lineage(rotation(BEFORE, ALICE), signer=MALLORY)), unix_s=NOW_S + 99999)
    yield bad("lineage: none in a bundle that ends before it", 4, "BAD_MESSAGE",
              bundle(b"")[:-2])
    yield bad("lineage instead of a bundle", 4, "BAD_MESSAGE", ONE)


def tombstones():
    plain = revocation()
    yield good_tombstone("tombstone", 23, tombstone(plain))
    yield good_tombstone("tombstone without a name", 21, tombstone(revocation(label="")), label="")
    yield good_tombstone("tombstone of a key with keys before it", 22, tombstone(plain, TWO),
                         predecessors=[FIRST, BEFORE])
    yield good_tombstone("tombstone of a key revoked at the end of time", 21,
                         tombstone(revocation(issued_s=2**64 - 1)))
    yield good_tombstone("tombstone of the longest life", 6, tombstone(plain, life_s=7200),
                         life_s=7200)
    yield good_tombstone("tombstone at the edge of the skew", 7,
                         tombstone(plain, issued_s=NOW_S + 600), issued_s=NOW_S + 600)
    yield bad("tombstone beyond the skew", 7, "EXPIRED", tombstone(plain, issued_s=NOW_S + 601))
    yield bad("tombstone expired", 7, "EXPIRED", tombstone(plain, issued_s=NOW_S - 1800))
    yield bad("tombstone of too long a life", 6, "BAD_RECORD", tombstone(plain, life_s=7201))
    for name, spec, revoked in (
            ("signed by another", 21, revocation(signer=MALLORY)),
            ("signed by its successor", 21, revocation(owner=BEFORE, signer=ALICE)),
            ("under another label", 3, revocation(what="lineage")),
            ("of a name that is none", 21, revocation(label="Alice")),
            ("of a name with a dot", 21, revocation(label="alice.web")),
            ("whose key was exchanged", 21, plain[:1] + MALLORY.identity + plain[33:]),
            ("whose name was exchanged", 21, plain.replace(b"alice", b"alive")),
            ("of a key of mixed order", 8,
             plain[:1] + with_torsion(ALICE.identity) + plain[33:])):
        yield bad(f"revocation {name}", spec, "BAD_RECORD", tombstone(revoked))
    for name, ancestry in (("of another key", lineage(rotation(BEFORE, MALLORY), owner=MALLORY)),
                           ("of no rotation", lineage()),
                           ("signed by another", lineage(rotation(BEFORE, ALICE), signer=MALLORY)),
                           ("that nobody handed over in",
                            lineage(rotation(BEFORE, ALICE, signer=MALLORY)))):
        yield bad(f"tombstone with a lineage {name}", 22, "BAD_RECORD", tombstone(plain, ancestry))
    yield bad("a revocation without its tombstone", 4, "BAD_MESSAGE", plain)
    yield bad("a claim in the revocation's place", 4, "BAD_MESSAGE", tombstone(parts()[1]))
    yield bad("tombstone, one byte more", 3, "BAD_MESSAGE", tombstone(plain) + b"\0")


def places():
    held = {"its owner": ALICE.id, "the key before": BEFORE.id, "the first key": FIRST.id,
            "its name": name_key("alice")}
    foreign = {"another node": MALLORY.id, "another name": name_key("alic")}
    for what, data in (("bundle", bundle(TWO)), ("tombstone", tombstone(revocation(), TWO))):
        for where, key in (held | foreign).items():
            yield line("key", f"{what} under the key of {where}", 17, data, key=key.hex(),
                       fits=where in held)
    for what, data in (("bundle", bundle(ONE)), ("tombstone", tombstone(revocation(label=""), ONE))):
        yield line("key", f"{what} with one key before, under the key of another", 17, data,
                   key=FIRST.id.hex(), fits=False)
    yield line("key", "tombstone without a name, under a name", 17,
               tombstone(revocation(label="")), key=name_key("alice").hex(), fits=False)


def made():
    first = lineage(rotation(FIRST, BEFORE), owner=BEFORE)
    for name, old, before, new, made_of in (
            ("the first rotation", FIRST, b"", BEFORE, first),
            ("the second", BEFORE, first, ALICE,
             lineage(rotation(FIRST, BEFORE), rotation(BEFORE, ALICE))),
            ("the third, which leaves the first out", ALICE, TWO, MALLORY,
             lineage(rotation(BEFORE, ALICE, ROTATED_S + 1), rotation(ALICE, MALLORY),
                     owner=MALLORY))):
        yield line("rotate", name, 20, made_of, unix_s=ROTATED_S, seed=old.seed.hex(),
                   lineage=before.hex(), seed_next=new.seed.hex())
    for name, label, before in (("a revocation", "alice", b""), ("one without a name", "", TWO)):
        yield line("revoke", name, 21, tombstone(revocation(label=label), before, ROTATED_S, 1),
                   unix_s=ROTATED_S, seed=ALICE.seed.hex(), label=label, lineage=before.hex())


def main():
    text = "".join(row + "\n" for maker in (lineages, tombstones, places, made) for row in maker())
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[2], encoding="utf-8") as file:
            if file.read() != text:
                sys.exit(f"{sys.argv[2]} differs from what tools/oracle/lineage.py makes")
        return
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
