#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Writes vectors/crypto.jsonl, link.jsonl and query.jsonl, from code that shares nothing with the C
implementation.

crypto.py            writes the files
crypto.py --check    says whether the files are what it would write; exit status 1 if not
"""
import json
import pathlib
import sys

sys.dont_write_bytecode = True
import primitives as c  # noqa: E402

VECTORS = pathlib.Path(__file__).resolve().parent.parent.parent / "vectors"
SUITES = {"ChaChaPoly": 1, "AESGCM": 2}


def given(text, size=32):
    """Bytes that look like nothing in particular, always the same for a text."""
    out = b""
    while len(out) < size:
        out += c.sha256(b"vector ", text.encode(), len(out).to_bytes(4, "big"))
    return out[:size]


def flip(data, bit):
    out = bytearray(data)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


# ---- crypto.jsonl ----
def hashes():
    for size in (0, 3, 64, 200):
        data = given("hashed", size)
        yield dict(name=f"{size} bytes", op="sha256", input=data, output=c.sha256(data))
    for name, data in (("token of an IPv6 /64", bytes.fromhex("20010db800010002")),
                       ("token of an IPv4 address", bytes(10) + b"\xff\xff\xc0\0\2\1"),
                       ("nothing", b""), ("200 bytes", given("authenticated", 200))):
        key = given("mac key")
        yield dict(name=name, op="mac", key=key, input=data, output=c.mac(key, data))


def signatures():
    labels = ("vx6/node-record/1", "vx6/name-claim/1", "vx6/service-list/1", "vx6/contact/1", "")
    for i, label in enumerate(labels):
        seed, message = given(f"signer {i}"), given("signed", 60 * i)
        key, signature = c.identity_key(seed), c.sign(seed, label, message)
        yield dict(name=f"label {label!r}", op="sign", seed=seed, label=label, message=message,
                   public_key=key, signature=signature)
    seed, label, message = given("signer"), "vx6/contact/1", given("signed", 54)
    key, signature = c.identity_key(seed), c.sign(seed, label, message)
    scalar, _ = c.expand_seed(seed)
    signed = label.encode() + b"\0" + message

    def forge(nonce_point, nonce, name):
        r = c.point_encode(nonce_point)
        s = (nonce + c.hash_to_scalar(r, key, signed) * scalar) % c.L
        return name, dict(signature=r + s.to_bytes(32, "little"))

    large_s = (int.from_bytes(signature[32:], "little") + c.L).to_bytes(32, "little")
    nonce = 123456789
    cases = [
        ("as signed", {}),
        ("another label", dict(label="vx6/name-claim/1")),
        ("the label's end moved into the message",
         dict(label="vx6/contact", message=b"1\0" + message)),
        ("a shorter message", dict(message=message[:-1])),
        ("a bit of R flipped", dict(signature=flip(signature, 9))),
        ("a bit of S flipped", dict(signature=flip(signature, 300))),
        ("another key", dict(public_key=c.identity_key(given("somebody else")))),
        ("S is not below the order of the group", dict(signature=signature[:32] + large_s)),
        forge(c.point_multiply(nonce, c.BASE), nonce, "another nonce"),
        forge(c.point_add(c.point_multiply(nonce, c.BASE), c.TORSION), nonce,
              "R has a part of order 8"),
        forge(c.NEUTRAL, 0, "R is the neutral point"),
    ]
    good = {"as signed", "another nonce"}
    for name, changes in cases:
        vector = dict(name=name, op="verify", public_key=key, label=label, message=message,
                      signature=signature)
        vector.update(changes)
        if name not in good:
            vector["refused"] = "bad signature"
        yield vector
    # s = nonce, R = nonce * B: the equation holds for a key that is the neutral point.
    r = c.point_encode(c.point_multiply(nonce, c.BASE))
    yield dict(name="the key is the neutral point", op="verify",
               public_key=c.point_encode(c.NEUTRAL), label=label, message=message,
               signature=r + nonce.to_bytes(32, "little"), refused="bad signature")


def keys():
    point = c.point_decode(c.identity_key(given("a key")))
    negative_zero = (1 | 1 << 255).to_bytes(32, "little")
    not_on_curve = next(y.to_bytes(32, "little") for y in range(2, 100)
                        if c.point_decode(y.to_bytes(32, "little")) is None)
    cases = [("a key", c.point_encode(point)), ("the base point", c.point_encode(c.BASE))]
    for order in (1, 2, 4, 8):
        cases.append((f"order {order}", c.point_encode(c.point_multiply(8 // order, c.TORSION))))
    for order in (2, 4, 8):
        mixed = c.point_add(point, c.point_multiply(8 // order, c.TORSION))
        cases.append((f"a key plus a point of order {order}", c.point_encode(mixed)))
    cases += [("y = p", c.P.to_bytes(32, "little")), ("y = p + 1", (c.P + 1).to_bytes(32, "little")),
              ("y = 2^255 - 1", (2**255 - 1).to_bytes(32, "little")),
              ("x is minus zero", negative_zero), ("not on the curve", not_on_curve)]
    for name, key in cases:
        vector = dict(name=name, op="identity_key", key=key)
        if not c.identity_key_is_valid(key):
            vector["refused"] = "not canonical, or not of the prime-order group"
        yield vector
    for i in range(3):
        seed = given(f"node {i}")
        record_seed = c.sha256(b"vx6/record-key/1", seed)
        link_secret = c.sha256(b"vx6/link-key/1", seed)
        identity = c.identity_key(seed)
        yield dict(name=f"node {i}", op="node_keys", seed=seed, identity=identity,
                   node_id=c.sha256(b"vx6/node-id/1", identity), link_secret=link_secret,
                   link_public=c.link_public(link_secret), record_seed=record_seed,
                   record_public=c.identity_key(record_seed))
        yield dict(name=f"node {i}", op="query_public", identity=identity,
                   public_key=c.query_public(identity))
        assert c.link_public(c.query_secret(seed)) == c.query_public(identity)
    for label in ("alice", "a", "x-1", "z" * 63):
        yield dict(name=label, op="name_key", label=label, key=c.sha256(b"vx6/name/1", label.encode()))


def exchange_keys():
    for i in range(2):
        secret = given(f"secret {i}")
        yield dict(name=f"secret {i}", op="link_public", secret_key=secret,
                   public_key=c.link_public(secret))
    low = {"u = 0": 0, "u = 1": 1, "u = p - 1": c.P - 1, "u = p": c.P, "u = p + 1": c.P + 1}
    # u of a point of order 8 of the curve, both of them.
    for i, point in enumerate((c.TORSION, c.point_multiply(3, c.TORSION))):
        low[f"order 8, {i}"] = (1 + point[1]) * pow(1 - point[1], c.P - 2, c.P) % c.P
    for name, u in low.items():
        for top in (0, 1):
            key = (u | top << 255).to_bytes(32, "little")
            try:
                c.key_agreement(given("any"), key)
                raise AssertionError(name)
            except ValueError:
                pass
            yield dict(name=name + (", top bit set" if top else ""), op="x25519_key", key=key,
                       refused="low order")
    yield dict(name="a key", op="x25519_key", key=c.link_public(given("any")))
    yield dict(name="u = 2, on the twist", op="x25519_key", key=(2).to_bytes(32, "little"))


def sealing():
    for suite in SUITES:
        key = given(f"{suite} key")
        for nonce, ad, size in ((0, b"", 0), (1, b"\0\x20", 16), (2**32 + 5, b"", 100),
                                (2**64 - 2, given("ad", 40), 1000)):
            plain = given("plain", size)
            sealed = c.seal(suite, key, nonce, ad, plain)
            fields = dict(suite=suite, key=key, nonce=nonce.to_bytes(8, "big"), ad=ad)
            name = f"{suite}, nonce {nonce}, {size} bytes"
            yield dict(name=name, op="seal", **fields, plain=plain, sealed=sealed)
            yield dict(name=name + ", first bit flipped", op="open", **fields,
                       sealed=flip(sealed, 0), refused="does not authenticate")
            yield dict(name=name + ", last bit flipped", op="open", **fields,
                       sealed=flip(sealed, 8 * len(sealed) - 1), refused="does not authenticate")
            yield dict(name=name + ", a byte short", op="open", **fields, sealed=sealed[:-1],
                       refused="does not authenticate")
            fields["nonce"] = ((nonce + 1) % (2**64 - 1)).to_bytes(8, "big")
            yield dict(name=name + ", opened one place off", op="open", **fields, sealed=sealed,
                       refused="does not authenticate")
        yield dict(name=suite, op="rekey", suite=suite, key=key, next=c.rekey(suite, key))


def crypto_vectors():
    for part in (hashes, signatures, keys, exchange_keys, sealing):
        yield from part()


# ---- query.jsonl ----
def nk(header, responder_secret, responder_public, ask_ephemeral, ask_payload):
    """The transcript after message 1, and the message."""
    noise = c.Noise("NK", "ChaChaPoly", header)
    noise.mix_hash(responder_public)
    message = noise.send_key(c.link_public(ask_ephemeral))
    noise.mix_key(responder_secret, message)
    return noise, message + noise.encrypt_and_hash(ask_payload.ljust(1108, b"\0"))


def seal_ask(fields):
    seed, identity = fields["identity_seed"], fields["identity"]
    noise, message = nk(fields["ask_header"], c.query_secret(seed), c.query_public(identity),
                        fields["ask_ephemeral"], fields["ask_payload"])
    ask = fields["ask_header"] + message
    return noise, ask + mac1(identity, ask) + bytes(16)


def mac1(identity, ask):
    return c.mac(c.sha256(b"vx6 mac1", identity), ask)


def prove(ask, cookie):
    return ask[:1184] + c.mac(cookie, ask[:1184])


def seal_cookie(fields):
    return c.xchacha_seal(c.sha256(b"vx6 cook", fields["identity"]), fields["nonce"], fields["mac1"],
                          fields["cookie"])


def cookies(ask, identity):
    # draft-irtf-cfrg-xchacha-03, 2.2.1
    assert c.hchacha20(bytes(range(32)), bytes.fromhex("000000090000004a0000000031415927")).hex() == (
        "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc")
    cookie = given("cookie", 16)
    yield dict(name="an ask that is proven", op="prove", ask=ask, cookie=cookie,
               proven=prove(ask, cookie))
    for name, data in (("no proof", ask), ("another cookie", prove(ask, given("other", 16))),
                       ("mac1 flipped", flip(prove(ask, cookie), 8 * 1168)),
                       ("mac2 flipped", flip(prove(ask, cookie), 8 * 1199))):
        yield dict(name=name, op="prove", ask=ask, cookie=cookie, proven=data, refused="mac2")
    fields = dict(identity=identity, mac1=ask[1168:1184], cookie=cookie, nonce=given("nonce", 24))
    sealed = seal_cookie(fields)
    yield dict(name="a cookie", op="cookie", **fields, sealed=sealed)
    other = {"identity": given("somebody"), "mac1": given("mac1", 16), "nonce": given("number", 24)}
    for field, value in other.items():
        yield dict(name="another " + field, op="cookie", **fields,
                   sealed=seal_cookie({**fields, field: value}), refused="does not authenticate")
    for bit in (0, 8 * 16, 8 * 31 + 7):
        yield dict(name=f"bit {bit} flipped", op="cookie", **fields, sealed=flip(sealed, bit),
                   refused="does not authenticate")


def seal_answer(noise, fields):
    message = noise.send_key(c.link_public(fields["answer_ephemeral"]))
    noise.mix_key(fields["answer_ephemeral"], c.link_public(fields["ask_ephemeral"]))
    payload = fields["answer_payload"].ljust(1140, b"\0")
    return fields["answer_header"] + message + noise.encrypt_and_hash(payload)


def exchange(name, ask_message, answer_message):
    seed = given(f"responder of {name}")
    identity = c.identity_key(seed)
    query = given(f"query of {name}", 8)
    fields = dict(identity_seed=seed, identity=identity, ask_ephemeral=given(f"asker of {name}"),
                  ask_header=b"\x08\x01" + c.sha256(b"vx6/node-id/1", identity)[:2] + query,
                  ask_payload=len(ask_message).to_bytes(2, "big") + ask_message)
    noise, fields["ask"] = seal_ask(fields)
    fields.update(answer_ephemeral=given(f"answerer of {name}"),
                  answer_header=b"\x09\x01\0\0" + query,
                  answer_payload=len(answer_message).to_bytes(2, "big") + answer_message)
    fields["answer"] = seal_answer(noise, fields)
    return fields


def query_vectors():
    cases = [("ping", b"\x20", given("pong", 300)),
             ("find_node", b"\x22" + given("target"), given("nodes", 1130)),
             ("the largest", given("ask", 1106), given("answer", 1138)),
             ("no bytes", b"", b"")]
    for name, ask, answer in cases:
        fields = exchange(name, ask, answer)
        yield dict(name=name, op="ask",
                   **{k: v for k, v in fields.items() if not k.startswith("answer")})
        yield dict(name=name, op="answer", **fields)
    fields = exchange("find_node", b"\x22" + given("target"), given("nodes", 1130))
    ask, answer, identity = fields["ask"], fields["answer"], fields["identity"]

    def again(data):  # with a mac1 that fits, so that what is inside must be found wrong
        return data[:1168] + mac1(identity, data[:1168]) + data[1184:]

    other_seed = given("somebody else")
    other = dict(identity_seed=other_seed, identity=c.identity_key(other_seed))
    mine = dict(identity_seed=fields["identity_seed"], identity=identity)
    low_order = bytes(32)
    cases = [
        ("mac1: a bit flipped", mine, flip(ask, 8 * 1168)),
        ("mac1: zero", mine, ask[:1168] + bytes(32)),
        ("mac1: a bit of the header flipped", mine, flip(ask, 8 * 4)),
        ("mac1: another responder", other, ask),
        ("suite flipped, mac1 fits", mine, again(flip(ask, 8))),
        ("query ID flipped, mac1 fits", mine, again(flip(ask, 8 * 11))),
        ("ephemeral key flipped, mac1 fits", mine, again(flip(ask, 8 * 12))),
        ("ephemeral key of low order, mac1 fits", mine, again(ask[:12] + low_order + ask[44:])),
        ("first byte of the ciphertext flipped, mac1 fits", mine, again(flip(ask, 8 * 44))),
        ("last byte of the tag flipped, mac1 fits", mine, again(flip(ask, 8 * 1168 - 1))),
    ]
    _, foreign = seal_ask(dict(fields, **other))
    cases.append(("sealed to another responder, mac1 fits", mine, again(foreign)))
    for name, who, data in cases:
        reason = "mac1" if name.startswith("mac1") else "does not authenticate"
        if "low order" in name:
            reason = "low order"
        yield dict(name=name, op="ask", **who, ask=data, refused=reason)
    base = {k: fields[k] for k in ("identity_seed", "identity", "ask_ephemeral", "ask_header",
                                   "ask_payload")}
    cases = [
        ("suite flipped", "header", flip(answer, 8)),
        ("key hint set", "header", flip(answer, 16)),
        ("query ID flipped", "header", flip(answer, 8 * 11)),
        ("ephemeral key flipped", "does not authenticate", flip(answer, 8 * 12)),
        ("ephemeral key of low order", "low order", answer[:12] + low_order + answer[44:]),
        ("ciphertext flipped", "does not authenticate", flip(answer, 8 * 600)),
        ("tag flipped", "does not authenticate", flip(answer, 8 * 1200 - 1)),
    ]
    elsewhere = dict(fields, ask_ephemeral=given("another asker"))
    noise, _ = seal_ask(elsewhere)
    cases.append(
        ("the answer to another ask", "does not authenticate", seal_answer(noise, elsewhere)))
    for name, reason, data in cases:
        yield dict(name=name, op="answer", **base, answer=data, refused=reason)
    yield from cookies(ask, identity)


# ---- link.jsonl ----
def node_record(seed, sequence):
    link_key = c.link_public(c.sha256(b"vx6/link-key/1", seed))
    record_key = c.identity_key(c.sha256(b"vx6/record-key/1", seed))
    address = bytes.fromhex("20010db8000000000000000000000007") + (4242).to_bytes(2, "big") + b"\3"
    body = (b"\x10" + c.identity_key(seed) + link_key + record_key + sequence.to_bytes(8, "big") +
            (1800000000).to_bytes(8, "big") + (1800).to_bytes(4, "big") + b"\0\0" + b"\1" + address)
    return body + c.sign(seed, "vx6/node-record/1", body)


def frame(message):
    return len(message).to_bytes(2, "big") + message


HELLO = frame(b"\x40" + (1800000000 & ~15).to_bytes(4, "big") + bytes(15) + b"\1" + b"\x10\x92")
HELLO_INITIATOR = frame(b"\x40" + bytes(4) + bytes(15) + b"\1" + b"\x10\x92")
REKEY, PROBE, ALIVE = frame(b"\x42"), frame(b"\x43"), frame(b"\x44")
CLOSE = frame(b"\x41\0\0")


def handshake(fields):
    """Messages 1 to 3, without the first byte, and the state after them."""
    secrets = [c.sha256(b"vx6/link-key/1", fields[end + "_seed"]) for end in ("initiator", "responder")]
    publics = [c.link_public(secret) for secret in secrets]
    ephemerals = [fields["initiator_ephemeral"], fields["responder_ephemeral"]]
    ephemeral_publics = [c.link_public(secret) for secret in ephemerals]
    payloads = [frame(fields[end + "_record"]).ljust(320, b"\0") for end in ("initiator", "responder")]
    noise = c.Noise("XX", fields["suite"], b"vx6/link/1" + fields["first_byte"])
    one = noise.send_key(ephemeral_publics[0]) + noise.encrypt_and_hash(b"")
    two = noise.send_key(ephemeral_publics[1])
    noise.mix_key(ephemerals[0], ephemeral_publics[1])
    two += noise.encrypt_and_hash(publics[1])
    noise.mix_key(secrets[1], ephemeral_publics[0])
    two += noise.encrypt_and_hash(payloads[1])
    three = noise.encrypt_and_hash(publics[0])
    noise.mix_key(secrets[0], ephemeral_publics[1])
    three += noise.encrypt_and_hash(payloads[0])
    return (one, two, three), noise


def seal_records(noise, contents):
    """Records of both ends in the order in which they are sent; a rekey takes effect behind itself."""
    keys, nonces = list(noise.split()), [0, 0]
    for sender, frames in contents:
        length = (len(frames) + 16).to_bytes(2, "big")
        sealed = c.seal(noise.suite, keys[sender], nonces[sender], length, frames)
        nonces[sender] += 1
        if frames.endswith(REKEY):
            keys[sender] = c.rekey(noise.suite, keys[sender])
        yield dict({"from": ["initiator", "responder"][sender]}, frames=frames,
                   record=length + sealed)


def link_fields(suite, pinned):
    name = f"{suite}, responder {'known' if pinned else 'unknown'}"
    fields = dict(suite=suite, pinned=pinned)
    for number, end in enumerate(("initiator", "responder")):
        fields[end + "_seed"] = given(f"{end} of {name}")
        fields[end + "_ephemeral"] = given(f"{end} ephemeral of {name}")
        fields[end + "_record"] = node_record(fields[end + "_seed"], 7 + number)
    mask = c.sha256(b"vx6/mask/1", c.identity_key(fields["responder_seed"]))[0] & 0x7f
    first = 0x80 | (SUITES[suite] ^ mask) if pinned else 21 << 2 | SUITES[suite]
    fields["first_byte"] = bytes([first])
    messages, noise = handshake(fields)
    for number, message in enumerate(messages, 1):
        fields[f"message_{number}"] = (fields["first_byte"] if number == 1 else b"") + message
    fields["binding"] = noise.h
    fields["records"] = list(seal_records(noise, [
        (1, HELLO), (0, HELLO_INITIATOR + PROBE), (1, ALIVE + REKEY), (1, PROBE), (0, ALIVE + REKEY),
        (0, REKEY), (0, PROBE), (1, ALIVE), (1, CLOSE)]))
    return name, fields


def link_vectors():
    for suite in SUITES:
        for pinned in (False, True):
            name, fields = link_fields(suite, pinned)
            yield dict(name=name, op="link", **fields)
            del fields["records"], fields["binding"]
            changes = [(1, 8 * 0 + 4, "first byte"), (1, 8 * 1, "initiator's ephemeral key"),
                       (2, 0, "responder's ephemeral key"), (2, 8 * 40, "responder's static key"),
                       (2, 8 * 90, "responder's payload"), (3, 0, "initiator's static key"),
                       (3, 8 * 60, "initiator's payload"), (3, 8 * 384 - 1, "last tag")]
            if pinned:
                continue
            for number, bit, what in changes:
                changed = flip(fields[f"message_{number}"], bit)
                yield dict(name=f"{suite}, {what} changed", op="link", **fields,
                           changed_message=number, changed=changed, refused="does not authenticate")
            changed = fields["message_1"][:1] + bytes(32)
            yield dict(name=f"{suite}, ephemeral key of low order", op="link", **fields,
                       changed_message=1, changed=changed, refused="low order")


# ---- files ----
# Which requirement an operation tests; a negative vector may test another.
SPEC = {"sha256": "VX6-CRYPTO-001", "mac": "VX6-CRYPTO-001", "link_public": "VX6-CRYPTO-001",
        "identity_key": "VX6-CRYPTO-002", "x25519_key": "VX6-CRYPTO-003", "sign": "VX6-CRYPTO-004",
        "verify": "VX6-CRYPTO-005", "seal": "VX6-CRYPTO-008", "open": "VX6-CRYPTO-009",
        "rekey": "VX6-CRYPTO-010", "ask": "VX6-CRYPTO-011", "query_public": "VX6-CRYPTO-012",
        "prove": "VX6-CRYPTO-018", "cookie": "VX6-CRYPTO-019",
        "answer": "VX6-CRYPTO-014", "link": "VX6-LINK-003", "node_keys": "VX6-REC-002",
        "name_key": "VX6-REC-001"}
SPEC_REFUSED = {("ask", "mac1"): "VX6-CRYPTO-013", ("answer", "header"): "VX6-CRYPTO-015",
                ("ask", "low order"): "VX6-CRYPTO-003", ("answer", "low order"): "VX6-CRYPTO-003",
                ("link", "low order"): "VX6-CRYPTO-003",
                ("link", "does not authenticate"): "VX6-CRYPTO-006"}


def plain(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value


def lines(name, vectors):
    seen = set()
    for vector in vectors():
        op, refused = vector["op"], vector.get("refused")
        full = f"{op}: {vector['name']}"
        assert full not in seen, full
        seen.add(full)
        spec = SPEC_REFUSED.get((op, refused), SPEC[op])
        yield json.dumps(plain(dict(dict(set=name, name=full, spec=spec), **dict(vector, name=full))))


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit(__doc__)
    different = 0
    for name, vectors in (("crypto", crypto_vectors), ("link", link_vectors), ("query", query_vectors)):
        path = VECTORS / f"{name}.jsonl"
        text = "".join(line + "\n" for line in lines(name, vectors))
        if not sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{path} is not what this script writes")
            different += 1
    sys.exit(1 if different else 0)


main()
