# SPDX-License-Identifier: MIT
"""Links after spec/links.md over a blocking socket. What breaks a rule raises Refused with its code,
and `bend` lets a test break rules itself."""
import os
import socket
import time

import primitives as c
from peer_codec import CODE_NAMES, CODES, Refused, decode, encode
from peer_records import require, verify_node_record

SUITES = {1: "ChaChaPoly", 2: "AESGCM"}
PAYLOAD, RECORD_MAX, DEADLINE_S = 320, 300, 20
MESSAGE_2, MESSAGE_3 = 416, 384


class Closed(Exception):
    """The link is over; `code` is its close message's, or TRUNCATED without one."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def mask(key):
    return c.sha256(b"vx6/mask/1", key)[0] & 0x7f


def payload(record):
    return (len(record).to_bytes(2, "big") + record).ljust(PAYLOAD, b"\0")


def record_in(data):
    size = int.from_bytes(data[:2], "big")
    require(size <= RECORD_MAX and not any(data[2 + size:]), "payload", "BAD_MESSAGE")
    return data[2:2 + size]


class Link:
    """`bend` says what to do against the rules: `record`, `payload`, `first_byte` and `message_3` are
    sent instead of the true ones, `no_hello` leaves the hello to the caller."""

    def __init__(self, carrier, me, **bend):
        self.carrier, self.me, self.bend = carrier, me, bend
        self.carrier.settimeout(DEADLINE_S)
        self.carrier.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.frames, self.peer, self.peer_hello = [], None, None

    @classmethod
    def dial(cls, address, me, suite=1, expected=None, source=None, **bend):
        link = cls(socket.create_connection(address, DEADLINE_S, source), me, **bend)
        link.is_initiator = True
        try:
            link.initiate(suite, expected)
            if not bend.get("no_hello"):
                link.send(link.hello(0))
                link.receive_hello()
        except BaseException:
            link.carrier.close()
            raise
        return link

    @classmethod
    def accept(cls, carrier, me, **bend):
        link = cls(carrier, me, **bend)
        link.is_initiator = False
        link.respond()
        link.send(link.hello(int(time.time()) & ~15))
        link.receive_hello()
        return link

    # ---- handshake ----

    def initiate(self, suite, expected):
        first = (os.urandom(1)[0] & 0x7c) | suite
        if expected:
            first = 0x80 | (suite ^ mask(expected))
        first = bytes([self.bend.get("first_byte", first)])
        secret = os.urandom(32)
        self.carrier.sendall(first + c.link_public(secret))
        message = self.read(MESSAGE_2)
        try:
            noise, theirs = self.open_message_2(suite, first, secret, message)
        except Refused as reason:
            if expected and reason.code == "BAD_SEAL":  # VX6-LINK-006: somebody else, perhaps
                self.open_message_2(3 - suite, first, secret, message)
                raise Refused("peer's key", "KEY_MISMATCH") from None
            raise
        require(expected in (None, self.peer["identity"]), "peer's key", "KEY_MISMATCH")
        message = noise.encrypt_and_hash(c.link_public(self.me.link_secret))
        self.mix(noise, self.me.link_secret, theirs)
        message += noise.encrypt_and_hash(self.own_payload())
        self.carrier.sendall(self.bend.get("message_3", message))
        self.start(noise, *noise.split())

    def open_message_2(self, suite, first, secret, message):
        noise = c.Noise("XX", SUITES[suite], b"vx6/link/1" + first)
        noise.send_key(c.link_public(secret))
        noise.encrypt_and_hash(b"")
        theirs = noise.send_key(message[:32])
        self.mix(noise, secret, theirs)
        their_static = self.open(noise, message[32:80])
        self.mix(noise, secret, their_static)
        self.check_record(self.open(noise, message[80:]), their_static)
        return noise, theirs

    def respond(self):
        first = self.read(1)
        suite = first[0] & 3
        if first[0] & 0x80:
            suite = (first[0] & 0x7f) ^ mask(self.me.key)
            suite = suite if suite in SUITES else 1
        require(suite in SUITES, "suite", "BAD_SUITE")
        noise = c.Noise("XX", SUITES[suite], b"vx6/link/1" + first)
        theirs = noise.send_key(self.read(32))
        noise.encrypt_and_hash(b"")
        secret = os.urandom(32)
        message = noise.send_key(c.link_public(secret))
        self.mix(noise, secret, theirs)
        message += noise.encrypt_and_hash(c.link_public(self.me.link_secret))
        self.mix(noise, self.me.link_secret, theirs)
        self.carrier.sendall(message + noise.encrypt_and_hash(self.own_payload()))
        message = self.read(MESSAGE_3)
        their_static = self.open(noise, message[:48])
        self.mix(noise, secret, their_static)
        opened = self.open(noise, message[48:])
        theirs, own = noise.split()
        self.start(noise, own, theirs)
        try:
            self.check_record(opened, their_static)
        except Refused as reason:
            self.close(reason.code)
            raise

    def own_payload(self):
        return self.bend.get("payload") or payload(self.bend.get("record") or self.me.record())

    def check_record(self, opened, static):
        record = verify_node_record(record_in(opened))
        require(record["link_key"] == static, "link key", "BAD_RECORD")
        require(record["identity"] != self.me.key, "own key", "SELF")
        self.peer = record

    @staticmethod
    def mix(noise, secret, public):
        try:
            noise.mix_key(secret, public)
        except ValueError:
            raise Refused("low-order key", "BAD_SEAL") from None

    @staticmethod
    def open(noise, data):
        plain = noise.decrypt_and_hash(data)
        require(plain is not None, "handshake", "BAD_SEAL")
        return plain

    # ---- records ----

    def start(self, noise, own, theirs):
        self.suite, self.binding = noise.suite, noise.h
        self.keys, self.nonces = {"own": own, "theirs": theirs}, {"own": 0, "theirs": 0}

    def next_key(self, whose):
        self.keys[whose] = c.rekey(self.suite, self.keys[whose])

    def seal(self, plain):
        header = (len(plain) + 16).to_bytes(2, "big")
        sealed = c.seal(self.suite, self.keys["own"], self.nonces["own"], header, plain)
        self.nonces["own"] += 1
        return header + sealed

    def send(self, *messages):
        """All of them as the frames of one record."""
        plain = b"".join(len(m).to_bytes(2, "big") + m for m in messages)
        self.carrier.sendall(self.seal(plain))

    def rekey(self):
        self.send(encode("link_rekey"))
        self.next_key("own")

    def read(self, count):
        data = b""
        while len(data) < count:
            try:
                piece = self.carrier.recv(count - len(data))
            except ConnectionResetError:
                piece = b""
            if not piece:
                raise Closed(f"TRUNCATED after {len(data)} bytes" if data else "TRUNCATED")
            data += piece
        return data

    def read_record(self):
        header = self.read(2)
        size = int.from_bytes(header, "big")
        require(19 <= size <= 32784, "record length", "BAD_MESSAGE")
        plain = c.open_sealed(self.suite, self.keys["theirs"], self.nonces["theirs"], header,
                              self.read(size))
        require(plain is not None, "record", "BAD_SEAL")
        self.nonces["theirs"] += 1
        at = 0
        while at < len(plain):
            size = int.from_bytes(plain[at:at + 2], "big")
            require(0 < size <= len(plain) - at - 2, "frame", "BAD_MESSAGE")
            self.frames.append(plain[at + 2:at + 2 + size])
            at += 2 + size

    def receive_any(self):
        if not self.frames:
            self.read_record()
        return decode(self.frames.pop(0), "link")

    def receive(self):
        """The next frame for the parts above: link frames are dealt with here."""
        while True:
            name, fields = self.receive_any()
            if name == "link_close":
                self.carrier.close()
                raise Closed(CODE_NAMES.get(fields["code"], str(fields["code"])))
            if name == "link_rekey":
                require(not self.frames, "rekey", "UNEXPECTED")
                self.next_key("theirs")
            elif name == "link_probe":
                self.send(encode("link_alive"))
            elif name != "link_alive":
                return name, fields

    def hello(self, time_s):
        address = self.carrier.getpeername()
        ip = socket.inet_pton(socket.AF_INET6, address[0] if ":" in address[0]
                              else f"::ffff:{address[0]}")
        return encode("link_hello", time_s=time_s, ip=ip, port=address[1])

    def receive_hello(self):
        name, fields = self.receive()
        require(name == "link_hello", f"{name} before hello", "UNEXPECTED")
        if not self.is_initiator:
            require(fields["time_s"] == 0, "initiator's time", "BAD_MESSAGE")
        self.peer_hello = fields

    def close(self, code="OK"):
        try:
            self.send(encode("link_close", code=CODES[code]))
        except OSError:
            pass
        self.carrier.close()

    def refusal(self):
        """The code with which the peer ends the link; whatever it says before is skipped."""
        try:
            while True:
                self.receive()
        except Closed as closed:
            return closed.code
