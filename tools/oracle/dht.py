#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Vectors of distances, address scopes, signed and crowded contacts, written from spec/dht.md alone, with
Python's own arithmetic and address classes. It shares nothing with the code under test.

    dht.py             prints vectors/dht.jsonl
    dht.py --check F   exits 1 when F differs
"""
import hashlib
import ipaddress
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ISSUED_S = 1767225600

# Scopes by first match; the networks of spec/dht.md, "Address scopes".
IPV4 = [("none", ["0.0.0.0/8", "224.0.0.0/3"]), ("loopback", ["127.0.0.0/8"]),
        ("link", ["169.254.0.0/16"]),
        ("private", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"])]
IPV6 = [("loopback", ["::1/128"]), ("none", ["::/120", "ff00::/8"]), ("link", ["fe80::/10"]),
        ("private", ["fc00::/7", "fec0::/10"])]
ORDER = ["none", "loopback", "link", "private", "global"]


def given(*what):
    return hashlib.sha256("/".join(map(str, what)).encode()).digest()


def flip(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def distance(a, b):
    return int.from_bytes(a, "big") ^ int.from_bytes(b, "big")


def orders():
    for count in (1, 2, 20):
        target = given("target", count)
        yield f"{count} IDs", target, [given("id", count, i) for i in range(count)]
    target = given("near")
    yield "one bit apart each", target, [flip(target, bit) for bit in (255, 0, 128, 7, 8, 63, 64, 254)]
    yield "the target itself", target, [given("a"), target, given("b")]
    base = given("same first half")[:16]
    yield "equal in the first 16 bytes", target, [base + given("tail", i)[:16] for i in range(6)]


def prefixes():
    a = given("a")
    for bit in (0, 1, 7, 8, 9, 63, 64, 127, 254, 255):
        yield a, flip(a, bit), bit
        yield a, bytes(x ^ (0xff if i > bit // 8 else 0xff >> bit % 8 if i == bit // 8 else 0)
                       for i, x in enumerate(a)), bit
    yield a, a, 256


def embedded(address):
    """The IPv4 address that decides, if there is one."""
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(address.packed[12:])
    if address in ipaddress.ip_network("2002::/16"):
        return ipaddress.IPv4Address(address.packed[2:6])
    return None


def scope(text, port):
    address = ipaddress.IPv6Address(text)
    ipv4 = embedded(address)
    if port == 0:
        return "none"
    for name, networks in IPV4 if ipv4 else IPV6:
        if any((ipv4 or address) in ipaddress.ip_network(network) for network in networks):
            return name
    return "global"


def edges():
    """The first and the last address of each network, and those next to them."""
    for table in (IPV4, IPV6):
        for _, networks in table:
            for network in map(ipaddress.ip_network, networks):
                first, last = int(network[0]), int(network[-1])
                for value in (first - 1, first, last, last + 1):
                    if 0 <= value < 2**network.max_prefixlen:
                        yield type(network[0])(value)


def addresses():
    seen = set()
    for address in edges():
        texts = [str(address)]
        if address.version == 4:
            packed = address.packed.hex()
            texts = [f"::ffff:{address}", f"64:ff9b::{address}",
                     f"2002:{packed[:4]}:{packed[4:]}::1"]
        for text in texts:
            if text not in seen:
                seen.add(text)
                yield text
    yield "2001:db8::1"
    yield "::ffff:192.0.2.1"
    yield "64:ff9b:1::1"


def contact_bytes(key, ip, port, issued_s):
    return key + ip + port.to_bytes(2, "big") + issued_s.to_bytes(4, "big")


def contacts():
    signer = Ed25519PrivateKey.from_private_bytes(given("signer"))
    key = signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    other = Ed25519PrivateKey.from_private_bytes(given("other")).public_key()
    for text in ("2001:db8::7", "::ffff:192.0.2.7"):
        ip = ipaddress.IPv6Address(text).packed
        true = dict(key=key, ip=ip, port=4242, issued_s=ISSUED_S, signature=signer.sign(
            b"vx6/contact/1\0" + contact_bytes(key, ip, 4242, ISSUED_S)))
        yield f"{text}", true, True
        for name, change in (
                ("another port", dict(port=4243)), ("another IP address", dict(ip=flip(ip, 127))),
                ("another time", dict(issued_s=ISSUED_S + 1)),
                ("another key", dict(key=other.public_bytes(Encoding.Raw, PublicFormat.Raw))),
                ("a changed signature", dict(signature=flip(true["signature"], 77))),
                ("another label", dict(signature=signer.sign(
                    b"vx6/contact/2\0" + contact_bytes(key, ip, 4242, ISSUED_S)))),
                ("no label", dict(signature=signer.sign(contact_bytes(key, ip, 4242, ISSUED_S))))):
            yield f"{text}, {name}", {**true, **change}, False


# Bits of IPv6 and of IPv4 addresses that make a group; how many in a bucket, in a table.
GROUPS = [(64, 32, 1, 4), (48, 24, 2, 8), (32, 16, 4, 32), ("asn", "asn", 4, 32)]
ASN_MAP = [("::ffff:8.0.0.0", "::ffff:8.255.255.255", 7), ("2001:100::", "2001:1ff:" + "ffff:" * 5 + "ffff", 7),
           ("2001:200::", "2001:200::ff", 9)]


def asn_of(address):
    return next((asn for first, last, asn in ASN_MAP
                 if ipaddress.IPv6Address(first) <= address <= ipaddress.IPv6Address(last)), None)


def same_group(a, b, group):
    a4, b4 = a.ipv4_mapped, b.ipv4_mapped
    if group[0] == "asn":
        return asn_of(a) is not None and asn_of(a) == asn_of(b)
    if (a4 is None) != (b4 is None) or scope(str(a), 1) != scope(str(b), 1):
        return False
    bits = group[1] if a4 else group[0]
    first, second = (a4, b4) if a4 else (a, b)
    drop = first.max_prefixlen - bits
    return int(first) >> drop == int(second) >> drop


def is_crowded(address, bucket, elsewhere):
    return any(sum(same_group(address, other, group) for other in bucket) >= group[2] or
               sum(same_group(address, other, group) for other in bucket + elsewhere) >= group[3]
               for group in GROUPS)


def crowds():
    """Each group just below and at its limits; neighbours of a group that are not in it."""
    families = {
        "site": lambda i: f"2001:db8:1:1::{i:x}", "network": lambda i: f"2001:db8:1:{i:x}::1",
        "provider": lambda i: f"2001:db8:{i:x}::1", "beyond": lambda i: f"2001:{i + 0xd00:x}::1",
        "IPv4 network": lambda i: f"::ffff:9.9.9.{i}", "IPv4 provider": lambda i: f"::ffff:9.9.{i}.1",
        "IPv4 beyond": lambda i: f"::ffff:9.{i}.1.1", "system": lambda i: f"2001:1{i:02x}::1",
        "system, IPv4": lambda i: f"::ffff:8.{i}.1.1", "not in the map": lambda i: f"2002:1{i:02x}::1",
        "loopback": lambda i: "::1", "private": lambda i: f"fd00::{i:x}"}
    for name, make in families.items():
        address = ipaddress.IPv6Address(make(99))
        for in_bucket in (0, 1, 2, 3, 4, 19):
            for in_table in (3, 4, 7, 8, 31, 32):
                if in_bucket <= in_table:
                    others = [ipaddress.IPv6Address(make(i + 1)) for i in range(in_table)]
                    yield (f"{name}, {in_bucket} in the bucket, {in_table} in all", address,
                           others[:in_bucket], others[in_bucket:])
    mixed = [ipaddress.IPv6Address(f"2001:1{i:02x}::1") for i in range(2)]
    mixed += [ipaddress.IPv6Address(f"::ffff:8.{i}.1.1") for i in range(2)]
    yield ("loopback of both versions", ipaddress.IPv6Address("::1"),
           [ipaddress.IPv6Address("::ffff:127.0.0.1")] * 3, [])
    yield "a system with both kinds of addresses", ipaddress.IPv6Address("::ffff:8.77.1.1"), mixed, []


def lines():
    for name, target, ids in orders():
        yield dict(name="order: " + name, spec="VX6-DHT-001", kind="order", target=target, ids=ids,
                   closest_first=sorted(ids, key=lambda i: distance(i, target)))
    for i, (a, b, bits) in enumerate(prefixes()):
        yield dict(name=f"prefix: {bits} bits, {i}", spec="VX6-DHT-001", kind="prefix", a=a, b=b, bits=bits)
    for text in addresses():
        yield dict(name="scope: " + text, spec="VX6-DHT-003", kind="scope",
                   ip=ipaddress.IPv6Address(text).packed, port=4242, scope=scope(text, 4242))
    yield dict(name="scope: port 0", spec="VX6-DHT-003", kind="scope",
               ip=ipaddress.IPv6Address("2001:db8::1").packed, port=0, scope=scope("2001:db8::1", 0))
    named = {"none": "ff02::1", "loopback": "::1", "link": "fe80::1", "private": "fd00::1",
             "global": "2001:db8::1"}
    for source in ORDER[1:]:
        for about in ORDER:
            line = dict(name=f"used: {about}, named by {source}", spec="VX6-DHT-003", kind="used",
                        ip=ipaddress.IPv6Address(named[about]).packed, port=4242,
                        source=ipaddress.IPv6Address(named[source]).packed)
            if about == "none" or ORDER.index(about) < ORDER.index(source):
                line["refused"] = "scope"
            yield line
    for name, address, bucket, elsewhere in crowds():
        yield dict(name="crowded: " + name, spec="VX6-DHT-042", kind="crowded", ip=address.packed,
                   bucket=[a.packed for a in bucket], elsewhere=[a.packed for a in elsewhere],
                   asn=[[ipaddress.IPv6Address(first).packed, ipaddress.IPv6Address(last).packed, asn]
                        for first, last, asn in ASN_MAP],
                   crowded=is_crowded(address, bucket, elsewhere))
    for name, fields, is_good in contacts():
        line = dict(name="contact: " + name, spec="VX6-DHT-025", kind="contact", **fields)
        if not is_good:
            line["refused"] = "signature"
        yield line


def plain(value):
    if isinstance(value, bytes):
        return value.hex()
    return [plain(item) for item in value] if isinstance(value, list) else value


def main():
    text = "".join(json.dumps({"set": "dht", **{k: plain(v) for k, v in line.items()}}) + "\n"
                   for line in lines())
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[2], encoding="utf-8") as file:
            sys.exit(0 if file.read() == text else sys.argv[2] + " differs from what dht.py makes")
    sys.stdout.write(text)


main()
