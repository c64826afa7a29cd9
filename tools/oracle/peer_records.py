# SPDX-License-Identifier: MIT
"""An identity and its records, made and verified after spec/records.md."""
import base64
import ipaddress
import os
import time

import primitives as c
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from peer_codec import Refused, decode, encode

LIFE_MAX_S, SKEW_S = 7200, 600
SIGNATURE = 64


def node_id(key):
    return c.sha256(b"vx6/node-id/1", key)


def name_key(label):
    return c.sha256(b"vx6/name/1", label.encode())


def key_text(key):
    full = key + c.sha256(b"vx6/key-text/1", key)[:3]
    return base64.b32encode(full).decode().lower().rstrip("=")


def key_from_text(text):
    raw = base64.b32decode(text.upper())
    if key_text(raw[:32]) != text.lower():
        raise Refused("key: checksum")
    return raw[:32]


def ip_bytes(text):
    address = ipaddress.ip_address(text)
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def require(condition, reason, code):
    if not condition:
        raise Refused(reason, code)


def verify(key, label, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, label.encode() + b"\0" + message)
    except InvalidSignature:
        raise Refused(f"{label}: signature", "BAD_RECORD") from None


class Identity:
    """The secrets of a node and what it says of itself."""

    def __init__(self, label=None, services=(), seed=None):
        self.seed = seed or os.urandom(32)
        self.key = c.identity_key(self.seed)
        self.id = node_id(self.key)
        self.link_secret = c.sha256(b"vx6/link-key/1", self.seed)
        self.record_seed = c.sha256(b"vx6/record-key/1", self.seed)
        self.label, self.services = label, sorted(services)
        self.hosted = {}  # name -> identity key of another node
        self.endpoints = []
        self.sequence = int(time.time() * 1000)  # rises from run to run
        self.issued_s = int(time.time())
        self.life_s = 1800

    def renew(self):
        """A new version of all records: more than before, now."""
        self.sequence += 1
        self.issued_s = int(time.time())

    def listen_on(self, ip, port, carriers=3):
        self.endpoints = [dict(ip=ip_bytes(ip), port=port, carriers=carriers)]
        self.renew()

    def signed(self, name, seed, **fields):
        body = encode(name, signature=b"", sequence=self.sequence, issued_s=self.issued_s,
                      life_s=self.life_s, **fields)
        return body + c.sign(seed, f"vx6/{name.replace('_', '-')}/1", body)

    def record(self):
        return self.signed("node_record", self.seed, identity=self.key,
                           link_key=c.link_public(self.link_secret),
                           record_key=c.identity_key(self.record_seed), roles=0,
                           endpoints=self.endpoints)

    def bundle(self):
        claim = services = b""
        if self.label:
            claim = self.signed("name_claim", self.record_seed, owner=self.id, label=self.label)
        if self.services or self.hosted:
            services = self.signed("service_list", self.record_seed, owner=self.id,
                                   services=[dict(name=name, flags=0) for name in self.services],
                                   hosted=[dict(name=name, host=key)
                                           for name, key in sorted(self.hosted.items())])
        return encode("bundle", node=self.record(), claim=claim, services=services, lineage=b"")

    def tombstone(self):
        now_s = int(time.time())
        body = encode("revocation", identity=self.key, label=(self.label or "").encode(), issued_s=now_s,
                      signature=b"")
        revocation = body + c.sign(self.seed, "vx6/revocation/1", body)
        return encode("tombstone", issued_s=now_s, life_s=self.life_s, revocation=revocation, lineage=b"")

    def contact_signature(self, ip, port, issued_s):
        return c.sign(self.seed, "vx6/contact/1", contact(self.key, ip, port, issued_s))


def contact(key, ip, port, issued_s):
    return key + ip + port.to_bytes(2, "big") + issued_s.to_bytes(4, "big")


def decode_as(name, data):
    what, fields = decode(data, "record")
    require(what == name, f"{name}: is a {what}", "BAD_MESSAGE")
    return fields


def is_nowhere(ip):
    """Scope none of spec/dht.md."""
    address = ipaddress.IPv6Address(ip)
    inner = address.ipv4_mapped or address.sixtofour
    if ip[:12] == b"\0\x64\xff\x9b" + bytes(8):
        inner = ipaddress.IPv4Address(ip[12:])
    if inner:
        return inner.packed[0] == 0 or inner.packed[0] >= 224
    return address.is_multicast or ip[:15] == bytes(15) and ip[15] != 1


def check_endpoints(record):
    seen = [(e["ip"], e["port"]) for e in record["endpoints"]]
    require(len(set(seen)) == len(seen), "node_record.endpoints: twice", "BAD_RECORD")
    require(not any(is_nowhere(ip) for ip, _ in seen), "node_record.endpoints: nowhere", "BAD_RECORD")


def check_times(record, now_s):
    require(record["life_s"] <= LIFE_MAX_S, "life_s", "BAD_RECORD")
    require(record["issued_s"] <= now_s + SKEW_S and now_s < record["issued_s"] + record["life_s"],
            "expired", "EXPIRED")


def check_node_signature(record, data):
    for key in (record["identity"], record["record_key"]):
        require(c.identity_key_is_valid(key), "node_record: key", "BAD_RECORD")
    verify(record["identity"], "vx6/node-record/1", data[:-SIGNATURE], record["signature"])


def verify_node_record(data, now_s=None):
    record = decode_as("node_record", data)
    check_endpoints(record)
    check_times(record, int(time.time()) if now_s is None else now_s)
    check_node_signature(record, data)
    return record


def check_part(record, part):
    same = all(part[name] == record[name] for name in ("sequence", "issued_s", "life_s"))
    require(same and part["owner"] == node_id(record["identity"]), "parts differ", "BAD_RECORD")


def verify_bundle(data, key=None, now_s=None):
    """{record, label, services}; `key` is where it was stored, if anywhere."""
    require(len(data) <= 1000, "bundle: too long", "BAD_MESSAGE")
    parts = decode_as("bundle", data)
    record, claim, services = decode_as("node_record", parts["node"]), None, []
    check_endpoints(record)
    if parts["claim"]:
        claim = decode_as("name_claim", parts["claim"])
        check_part(record, claim)
    if parts["services"]:
        listed = decode_as("service_list", parts["services"])
        check_part(record, listed)
        services = [service["name"] for service in listed["services"]]
        hosted = [part["name"] for part in listed["hosted"]]
        require(services + hosted and sorted(set(services)) == services and
                sorted(set(hosted)) == hosted, "service_list: order", "BAD_RECORD")
        require(not set(services) & set(hosted) and
                all(part["host"] != record["identity"] for part in listed["hosted"]),
                "service_list: hosted", "BAD_RECORD")
    check_times(record, int(time.time()) if now_s is None else now_s)
    check_node_signature(record, parts["node"])
    for label, part in (("vx6/name-claim/1", parts["claim"]),
                        ("vx6/service-list/1", parts["services"])):
        if part:
            verify(record["record_key"], label, part[:-SIGNATURE], part[-SIGNATURE:])
    label = claim["label"] if claim else None
    if key is not None:
        fits = key == node_id(record["identity"]) or label and key == name_key(label)
        require(fits, "bundle: another key", "INVALID")
    return dict(record=record, label=label, services=services)
