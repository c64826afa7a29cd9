# SPDX-License-Identifier: MIT
"""Sealed queries after spec/queries.md and spec/dht.md: an asker, and a responder that holds
bundles."""
import os
import socket
import threading
import time

import primitives as c
from peer_codec import CODES, Refused, decode, encode
from peer_records import (contact, ip_bytes, name_key, node_id, require, verify, verify_bundle)

ANSWERS = {"ping": ("pong",), "find_node": ("nodes",), "find_value": ("value", "nodes"),
           "store": ("stored",), "announce": ("announced",), "sync": ("synced",)}
SIZE, ASK_PAYLOAD, ANSWER_PAYLOAD = 1200, 1108, 1140
TRY_S, TRIES, TOKEN_LIFE_S = 1.5, 4, 120


def padded(message, size):
    return (len(message).to_bytes(2, "big") + message).ljust(size, b"\0")


def unpadded(data):
    size = int.from_bytes(data[:2], "big")
    require(size <= len(data) - 2 and not any(data[2 + size:]), "padding", "BAD_MESSAGE")
    return data[2:2 + size]


def mac1(key, data):
    return c.mac(c.sha256(b"vx6 mac1", key), data)


class Asker:
    """Asks from a socket of its own; every answer is checked whole before anybody sees it."""

    def __init__(self, ip="0.0.0.0"):
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((ip, 0))
        self.unexpected = []  # query IDs of answers to what was not asked here

    def seal(self, key, message, query_id):
        header = b"\x08\x01" + node_id(key)[:2] + query_id
        noise = c.Noise("NK", "ChaChaPoly", header)
        noise.mix_hash(c.query_public(key))
        secret = os.urandom(32)
        ask = header + noise.send_key(c.link_public(secret))
        noise.mix_key(secret, c.query_public(key))
        ask += noise.encrypt_and_hash(padded(message, ASK_PAYLOAD))
        return noise, secret, ask + mac1(key, ask) + bytes(16)

    def ask(self, address, identity, name, tries=TRIES, **fields):
        answer = self.ask_bytes(address, identity, encode(name, **fields), tries)
        require(answer[0] in ANSWERS[name], f"{answer[0]} answers {name}", "UNEXPECTED")
        return answer

    def ask_bytes(self, address, key, message, tries=TRIES):
        """(name, fields) of the answer to the last try; TimeoutError when none has come."""
        for _ in range(tries):
            query_id = os.urandom(8)
            noise, secret, ask = self.seal(key, message, query_id)
            self.socket.sendto(ask, address)
            data = self.wait(address, query_id, time.monotonic() + TRY_S)
            answer = data and self.open(address, key, noise, secret, data)
            if answer:
                return answer
        raise TimeoutError

    def wait(self, address, query_id, end):
        while time.monotonic() < end:
            self.socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                data, source = self.socket.recvfrom(2048)
            except TimeoutError:
                return None
            if source[:2] == address[:2] and len(data) == SIZE and data[:4] == b"\x09\x01\0\0":
                if data[4:12] == query_id:
                    return data
                self.unexpected.append(data[4:12])
        return None

    @staticmethod
    def open(address, key, noise, secret, data):
        noise.mix_key(secret, noise.send_key(data[12:44]))
        plain = noise.decrypt_and_hash(data[44:])
        require(plain is not None, "answer", "BAD_SEAL")
        name, fields = decode(unpadded(plain), "query")
        signed = contact(key, ip_bytes(address[0]), address[1], fields["contact_issued_s"])
        try:  # VX6-DHT-004: it decides who may enter a table; the answer is used in any case
            verify(key, "vx6/contact/1", signed, fields["contact_signature"])
            fields["is_contact"] = True
        except Refused:
            fields["is_contact"] = False
        return name, fields


class Responder:
    """Answers asks on `address` in a thread: holds bundles, and hands out the contacts in `hints`.

    It leaves the next `losses` asks unanswered, and sends `forgeries` in front of each answer."""

    def __init__(self, me, address, hints=()):
        self.me, self.hints = me, list(hints)
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.address = self.socket.getsockname()
        self.secret = c.query_secret(me.seed)
        self.public = c.query_public(me.key)
        self.token_key = os.urandom(32)
        self.held = {}  # key -> {owner: bundle}
        self.asked = []  # names of the asks that were answered
        self.announced = []
        self.seen = []  # query ID and ephemeral key of each ask
        self.losses = self.forgeries = 0
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while True:
            try:
                data, source = self.socket.recvfrom(2048)
                answer = self.answer(data, source)
                if self.losses:
                    self.losses -= 1
                    continue
                for _ in range(self.forgeries):
                    self.socket.sendto(answer[:12] + os.urandom(SIZE - 12), source)
                self.socket.sendto(answer, source)
            except Refused:
                pass  # dropped: anybody can send one
            except OSError:
                return

    def close(self):
        self.socket.close()

    def answer(self, data, source):
        require(len(data) == SIZE and data[:4] == b"\x08\x01" + self.me.id[:2], "header", "BAD_MESSAGE")
        require(data[1168:1184] == mac1(self.me.key, data[:1168]), "mac1", "BAD_SEAL")
        noise = c.Noise("NK", "ChaChaPoly", data[:12])
        noise.mix_hash(self.public)
        theirs = noise.send_key(data[12:44])
        try:
            noise.mix_key(self.secret, theirs)
        except ValueError:
            raise Refused("low-order key", "BAD_SEAL") from None
        plain = noise.decrypt_and_hash(data[44:1168])
        require(plain is not None, "ask", "BAD_SEAL")
        name, fields = decode(unpadded(plain), "query")
        require(name in ANSWERS, name, "UNEXPECTED")
        message = getattr(self, name)(source, **fields)
        self.asked.append(name)
        self.seen.append(data[4:44])
        secret = os.urandom(32)
        answer = b"\x09\x01\0\0" + data[4:12] + noise.send_key(c.link_public(secret))
        noise.mix_key(secret, theirs)
        return answer + noise.encrypt_and_hash(padded(message, ANSWER_PAYLOAD))

    # ---- what is said ----

    def token(self, source, age=0):
        period = int(time.time()) // (TOKEN_LIFE_S // 2) - age
        return c.mac(self.token_key, f"{source[0]} {period}".encode())

    def head(self, source):
        now_s = int(time.time())
        ip, port = ip_bytes(self.address[0]), self.address[1]
        return dict(token=self.token(source), time_s=now_s & ~15, contact_issued_s=now_s,
                    contact_signature=self.me.contact_signature(ip, port, now_s))

    def ping(self, source):
        return encode("pong", **self.head(source), record=self.me.record())

    def find_node(self, source, target):
        hints = sorted(self.hints, key=lambda h: [a ^ b for a, b in zip(node_id(h["key"]), target)])
        return encode("nodes", **self.head(source), hints=hints[:20])

    def find_value(self, source, key, index):
        held = list(self.held.get(key, {}).values())
        if index >= len(held):
            return self.find_node(source, key)
        return encode("value", **self.head(source), index=index, count=len(held), bundle=held[index])

    def store(self, source, token, key, bundle):
        code = "OK"
        try:
            require(token in (self.token(source), self.token(source, 1)), "token", "BAD_TOKEN")
            self.hold(key, bundle)
        except Refused as refused:
            code = refused.code
        return encode("stored", **self.head(source), code=CODES[code])

    def hold(self, key, bundle):
        verified = verify_bundle(bundle, key)
        owners = self.held.setdefault(key, {})
        owner = verified["record"]["identity"]
        if owner in owners:
            sequence = verify_bundle(owners[owner])["record"]["sequence"]
            newer = verified["record"]["sequence"] > sequence or bundle == owners[owner]
            require(newer, "sequence", "OUTDATED")
        owners[owner] = bundle

    def announce(self, source, token, key, port):
        good = token in (self.token(source), self.token(source, 1))
        if good:
            self.announced.append(dict(key=key, ip=ip_bytes(source[0]), port=port, flags=0))
        return encode("announced", **self.head(source), code=CODES["OK" if good else "BAD_TOKEN"])

    def sync(self, source, items):
        """All that is not held, or older, and not its own: with so few contacts all is its share."""
        wanted = 0
        for i, item in enumerate(items):
            sequences = [verify_bundle(bundle)["record"]["sequence"]
                         for owner, bundle in self.held.get(item["key"], {}).items()
                         if node_id(owner) == item["owner"]]
            if item["owner"] != self.me.id and item["sequence"] > max(sequences, default=0):
                wanted |= 1 << i
        return encode("synced", **self.head(source), wanted=wanted)


def publish(asker, me, address, key):
    """Offers the own bundle to one node under both of its keys; the codes of the answers."""
    codes = []
    for place in (me.id, name_key(me.label)):
        _, nodes = asker.ask(address, key, "find_node", target=place)
        _, stored = asker.ask(address, key, "store", token=nodes["token"], key=place,
                              bundle=me.bundle())
        codes.append(stored["code"])
    return codes
