#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""vx6-node against a peer that was written from spec/ alone (tools/oracle/peer.py), on loopback.

usage: test_interop.py BIN_DIR

Needs python3-cryptography; without it it ends with 77 (skipped), or with 1 when VX6_NO_SKIP is set.
A line per check names the requirements that it holds the node to.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "oracle"))
sys.dont_write_bytecode = True
try:
    import peer_query
    import peer_vectors
    from peer import Peer
    from peer_codec import CODES, Refused, encode
    from peer_link import Closed, Link, payload
    from peer_query import Asker, publish
    from peer_records import (Identity, key_from_text, key_text, name_key, verify_bundle,
                              node_id, verify_node_record)
    from peer_session import WINDOW, Sessions
except ModuleNotFoundError as missing:
    print(f"skipped: {missing}")
    sys.exit(1 if os.environ.get("VX6_NO_SKIP") else 77)

DEADLINE_S = 20
PAYLOAD = os.urandom(600000)  # several windows


class Failed(Exception):
    pass


def check(condition, sentence, detail=""):
    print(("ok    " if condition else "FAIL  ") + sentence, flush=True)
    if not condition:
        raise Failed(f"{sentence}\n{detail}")


def until(condition, what):
    end = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        if time.monotonic() > end:
            raise Failed(f"waited {DEADLINE_S} s in vain: {what}")
        time.sleep(0.02)
    return value


def refused_with(function):
    """The code with which `function` ends, or None."""
    try:
        function()
    except (Refused, Closed) as reason:
        return reason.code
    return None


def flipped(data, at):
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


# ---- services behind the real node ----


def start_echo():
    """A TCP server that sends back what it gets, then END."""
    def serve(carrier):
        with carrier, contextlib.suppress(ConnectionError):
            while data := carrier.recv(65536):
                carrier.sendall(data)
            carrier.sendall(b"END")

    def accept():
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def free_port(family=socket.AF_INET, ip="127.0.0.1"):
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((ip, 0))
        return probe.getsockname()[1]


class Test:
    def __init__(self, bin_dir):
        self.bin = pathlib.Path(bin_dir)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="vx6-interop-"))
        self.nodes = []
        self.asker, self.me = Asker(), Identity("stranger", ["echo"])
        self.hosts = 0

    def start(self, who, *options):
        address = ("127.0.0.1", free_port())
        with open(self.dir / f"{who}.log", "a") as log:
            node = subprocess.Popen([self.bin / "vx6-node", "--state", self.dir / who, "--listen",
                                     "%s:%d" % address, *options], stderr=log)
        self.nodes.append(node)
        self.vx6(who, "status", "--wait")
        return address

    def vx6(self, who, *arguments):
        done = subprocess.run([self.bin / "vx6", "--state", self.dir / who, *arguments, "--json"],
                              capture_output=True, text=True, timeout=DEADLINE_S)
        answer = json.loads(done.stdout)
        if done.returncode:
            answer.setdefault("code", "none")
        return answer

    def end(self):
        for node in self.nodes:
            node.kill()
            node.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self):
        for name in peer_vectors.FITS:
            count, wrong = peer_vectors.disagreements(ROOT, name)
            check(not wrong, f"the peer agrees with {count} vectors of {name}", wrong)
        port6 = free_port(socket.AF_INET6, "::1")
        self.alice6 = ("::1", port6)
        self.alice = self.start("alice", "--name", "alice", "--listen", f"[::1]:{port6}")
        for name, port in (("web", start_echo()), ("down", free_port())):
            self.vx6("alice", "service", "add", name, f"127.0.0.1:{port}", "--public")
        self.key = key_from_text(self.vx6("alice", "identity")["key"])
        silent = socket.create_connection(self.alice, DEADLINE_S)
        self.check_links()
        self.check_bad_handshakes()
        self.check_pending()
        self.check_sessions()
        self.check_bad_frames()
        self.start("bob", "--peer", "%s:%d" % self.alice)
        self.check_queries()
        self.check_bad_queries()
        self.check_publishing()
        self.check_announcing()
        self.check_entry()
        self.check_theft()
        self.check_dialled()
        self.check_bad_responders()
        check(silent.recv(1) == b"",
              "who says nothing is closed without a byte (VX6-LINK-007, VX6-LINK-019)")
        for node in self.nodes:
            node.send_signal(signal.SIGTERM)
            check(node.wait(timeout=DEADLINE_S) == 0, "SIGTERM ends the node with exit code 0")

    # ---- links: the node accepts ----

    def dial(self, **options):
        return Link.dial(self.alice, self.me, **options)

    def check_links(self):
        for suite in (1, 2):
            for expected in (None, self.key):
                link = self.dial(suite=suite, expected=expected)
                own, seen = link.carrier.getsockname(), link.peer_hello
                good = (link.peer["identity"] == self.key and seen["port"] == own[1]
                        and seen["ip"][12:] == socket.inet_aton(own[0])
                        and seen["time_s"] % 16 == 0 and abs(seen["time_s"] - time.time()) < 60)
                how = "known" if expected else "unknown"
                check(good, f"a link, suite {suite}, key {how}: record, hello"
                      " (VX6-LINK-001, VX6-LINK-010)", seen)
                link.rekey()
                link.send(encode("link_probe"), encode("link_probe"))
                check(link.receive_any()[0] == "link_alive",
                      "after a change of key a probe is answered (VX6-LINK-012, VX6-LINK-013)")
                link.close()
            wrong = Identity().key
            code = refused_with(lambda: self.dial(suite=suite, expected=wrong))
            check(code == "KEY_MISMATCH", "who expects somebody else learns whom it has reached"
                  f" (VX6-LINK-002, VX6-LINK-006), suite {suite}", code)

    def check_bad_handshakes(self):
        def shown(**bend):
            return refused_with(lambda: self.dial(**bend))

        record, other, old = self.me.record(), Identity(), Identity()
        old.issued_s -= 1800
        early = Identity()
        early.issued_s += 3600
        long_lived = Identity()
        long_lived.life_s = 7201
        rows = [
            ("a record with a changed signature", dict(record=flipped(record, -1)), "BAD_RECORD"),
            ("a record with a changed field", dict(record=flipped(record, 100)), "BAD_RECORD"),
            ("somebody else's record", dict(record=other.record()), "BAD_RECORD"),
            ("an expired record", dict(record=old.record()), "EXPIRED"),
            ("a record of the future", dict(record=early.record()), "EXPIRED"),
            ("a record that lives too long", dict(record=long_lived.record()), "BAD_RECORD"),
            ("no record", dict(payload=bytes(320)), "BAD_MESSAGE"),
            ("a bundle in place of a record", dict(record=self.me.bundle()[:300]), "BAD_MESSAGE"),
            ("padding that is not zero", dict(payload=flipped(payload(record), 319)), "BAD_MESSAGE"),
            ("a length above 300", dict(payload=payload(record.ljust(301, b"\0"))), "BAD_MESSAGE"),
            ("a message 3 that does not open", dict(message_3=bytes(384)), "TRUNCATED"),
            ("a suite that does not exist", dict(first_byte=0x7f), "TRUNCATED"),
        ]
        for what, bend, code in rows:
            got = shown(**bend)
            check(got == code, f"refused with {code}: {what} (VX6-LINK-005, VX6-LINK-007)", got)
        with socket.create_connection(self.alice, DEADLINE_S) as carrier:
            carrier.sendall(b"\x01" + bytes(32))
            check(carrier.recv(1) == b"", "a key of low order gets no answer (VX6-CRYPTO-003)")

    # ---- sessions: the node is the owner ----

    def check_sessions(self):
        link = self.dial(suite=2)
        sessions = Sessions(link)
        session, second = sessions.open("web"), sessions.open("web")
        stream, other = session.open_stream(), session.open_stream()
        stream.write(PAYLOAD, fin=True)
        other.write(b"a few bytes")
        sessions.run(lambda: stream.is_done and other.received == b"a few bytes")
        check(stream.received == PAYLOAD + b"END",
              f"{len(PAYLOAD)} bytes there and back, half-closed, acknowledged"
              " (VX6-SESS-009, VX6-SESS-014, VX6-SESS-015)")
        other.write(b"", fin=True)
        sessions.run(lambda: other.is_done)
        check(other.received == b"a few bytesEND", "another stream of the session at the same time")
        sessions.run(lambda: second.secret)
        check(session.secret != second.secret,
              "two sessions of one client (VX6-SESS-002, VX6-SESS-008)")

        stream.message("stream_data", offset=0, fin=0, bytes=b"late")
        stream.message("stream_reset", code=CODES["RESET"])
        down = sessions.open("down").open_stream()
        sessions.run(lambda: down.reset)
        check(down.reset == "SERVICE_DOWN", "frames of a stream that has ended are ignored, and a"
              " service that is down resets (VX6-SESS-006, VX6-SESS-009)", down.reset)
        missing = sessions.open("missing")
        sessions.run(lambda: missing.closed)
        check(missing.closed == "NO_SERVICE", "a service that is not offered (VX6-SESS-003)")
        missing = sessions.open("missing")
        missing.send("stream_open", stream=1, window_end=0)  # may follow at once
        sessions.run(lambda: missing.closed)
        session.close()
        late = session.streams[1]
        late.message("stream_ack", received=0, window_end=0)
        link.send(encode("link_probe"))
        check(link.receive_any()[0] == "link_alive", "frames of a session that has ended are ignored")

        hasty = sessions.open("web")
        hasty.close()  # before it is opened
        link.send(*[encode("link_probe")] * 10922)
        names = [link.receive_any()[0]]
        if names == ["session_opened"]:  # unless the close came before it was sent
            names.append(link.receive_any()[0])
        check(names[-1] == "link_alive", "a client may close what is not open yet; a record may be full"
              " (VX6-SESS-007, VX6-LINK-009)", names)

        slow = second.open_stream(window=0)
        slow.write(b"0123456789")
        sessions.run(lambda: slow.acknowledged == 10)
        silent = slow.received == b""
        slow.window = 4
        slow.acknowledge()
        sessions.run(lambda: slow.received)
        check(silent and slow.received == b"0123",
              "the node sends no byte beyond the window (VX6-SESS-012)", slow.received)
        link.close()

    def check_bad_frames(self):
        """One link each: what is sent after both hellos, and the code with which the node closes."""
        def opened(*frames):
            return [encode("session_open", path=1, privacy=1, service="web", client_random=bytes(32), lineage=b""),
                    encode("stream_open", path=1, stream=1, window_end=0), *frames]

        def data(offset, size=1, fin=0, stream=1, path=1):
            return encode("stream_data", path=path, stream=stream, offset=offset, fin=fin,
                          bytes=bytes(size))

        def session_open(path=1, privacy=1):
            return encode("session_open", path=path, privacy=privacy, service="web",
                          client_random=bytes(32), lineage=b"")

        def stream_open(stream=1, path=1):
            return encode("stream_open", path=path, stream=stream, window_end=0)

        def ack(received, window_end=0):
            return encode("stream_ack", path=1, stream=1, received=received, window_end=window_end)

        opened_only = encode("session_opened", path=1, session=bytes(16), owner_random=bytes(32))
        rows = [
            ("an unknown path", [data(0, path=9)], "UNEXPECTED", "VX6-SESS-006"),
            ("an unknown stream", opened(data(0, stream=7)), "UNEXPECTED", "VX6-SESS-006"),
            ("an even path from the initiator", [session_open(2)], "UNEXPECTED", "VX6-SESS-004"),
            ("a path twice", [session_open(3), session_open(3)], "UNEXPECTED", "VX6-SESS-004"),
            ("a path below another", [session_open(3), session_open(1)], "UNEXPECTED",
             "VX6-SESS-004"),
            ("relays only, over a link", [session_open(privacy=2)], "UNEXPECTED", "VX6-SESS-005"),
            ("what only an owner says", opened(opened_only), "UNEXPECTED", "VX6-SESS-001"),
            ("an acceptance by the client", opened(encode(
                "stream_accept", path=1, stream=1, window_end=0)), "UNEXPECTED", "VX6-SESS-001"),
            ("an answer to nothing", [opened_only], "UNEXPECTED", "VX6-SESS-006"),
            ("a stream number left out", opened(stream_open(3)), "UNEXPECTED", "VX6-SESS-010"),
            ("data before the stream is accepted", opened(data(0)), "UNEXPECTED", "VX6-SESS-009"),
            ("the last offset before that", opened(data(2**64 - 1)), "UNEXPECTED", "VX6-SESS-011"),
            ("an acknowledgement before that", opened(ack(0)), "UNEXPECTED", "VX6-SESS-009"),
            ("no bytes and no fin", opened(data(0, size=0)), "BAD_MESSAGE", "VX6-SESS-011"),
            ("a reserved type", [b"\x58" + bytes(30)], "BAD_MESSAGE", "VX6-WIRE-009"),
            ("a query", [b"\x20"], "BAD_MESSAGE", "VX6-WIRE-009"),
            ("an empty frame", [b""], "BAD_MESSAGE", "VX6-LINK-011"),
            ("a message with a byte too many", [encode("link_probe") + b"\0"], "BAD_MESSAGE",
             "VX6-WIRE-008"),
            ("a second hello", [encode("link_hello", time_s=0, ip=bytes(16), port=0)], "UNEXPECTED",
             "VX6-LINK-010"),
            ("a change of key that is not last", [encode("link_rekey"), encode("link_probe")],
             "UNEXPECTED", "VX6-LINK-013"),
        ]
        for what, frames, code, requirement in rows:
            link = self.dial()
            link.send(*frames)
            self.check_refusal(link, code, what, requirement)

        def accepted():
            sessions = Sessions(self.dial())
            stream = sessions.open("web").open_stream()
            sessions.run(lambda: stream.accepted)
            return sessions.link, stream

        rows = [
            ("a byte beyond the window", lambda s: data(s.may_send_to), "FLOW"),
            ("bytes at the last offset", lambda s: data(2**64 - 1), "FLOW"),
            ("an end beyond the window", lambda s: data(s.may_send_to + 1, size=0, fin=1),
             "UNEXPECTED"),
            ("a gap", lambda s: data(1), "UNEXPECTED"),
            ("an acknowledgement of what was not sent", lambda s: ack(1), "UNEXPECTED"),
        ]
        for what, frame, code in rows:
            link, stream = accepted()
            link.send(frame(stream))
            self.check_refusal(link, code, what, "VX6-SESS-011, VX6-SESS-013")
        link, stream = accepted()
        link.send(data(0, size=5, fin=1), data(5))
        self.check_refusal(link, "UNEXPECTED", "bytes after the end", "VX6-SESS-011")
        link, stream = accepted()
        link.send(data(0, size=5, fin=1), data(0, size=4, fin=1))
        self.check_refusal(link, "UNEXPECTED", "another end", "VX6-SESS-011")
        link, stream = accepted()
        link.send(ack(0, 100), ack(0, 99))
        self.check_refusal(link, "UNEXPECTED", "a window that falls", "VX6-SESS-013")
        self.check_bad_records()
        link = self.dial()
        link.send(encode("stream_reset", path=9, stream=9, code=1))
        for _ in range(20):
            link.send(*[bytes(32000)])
        self.check_refusal(link, "UNEXPECTED", "bytes that follow do not destroy the reason",
                           "VX6-LINK-014")

    def check_refusal(self, link, code, what, requirement):
        got = link.refusal()
        check(got == code, f"the link is closed with {code}: {what} ({requirement})", got)

    def check_bad_records(self):
        rows = [
            ("a record that does not open", lambda k: flipped(k.seal(b"\0\1\x43"), -1), "BAD_SEAL"),
            ("a changed length", lambda k: flipped(k.seal(b"\0\1\x43\0\1\x43"), 1) + b"x",
             "BAD_SEAL"),
            ("a record without a frame", lambda k: k.seal(b""), "BAD_MESSAGE"),
            ("a record that is too long", lambda k: b"\x80\x11", "BAD_MESSAGE"),
            ("a frame that exceeds its record", lambda k: k.seal(b"\0\2\x43"), "BAD_MESSAGE"),
        ]
        for what, record, code in rows:
            link = self.dial()
            link.carrier.sendall(record(link))
            self.check_refusal(link, code, what, "VX6-LINK-009, VX6-LINK-011")
        rows = [
            ("a session before the hello", lambda k: [encode(
                "session_open", path=1, privacy=1, service="web", client_random=bytes(32), lineage=b"")],
             "UNEXPECTED"),
            ("an initiator that tells the time", lambda k: [k.hello(1800000000)], "BAD_MESSAGE"),
        ]
        for what, frames, code in rows:
            link = self.dial(no_hello=True)
            link.send(*frames(link))
            self.check_refusal(link, code, what, "VX6-LINK-010")

    # ---- sealed queries ----

    def ask(self, name, **fields):
        return self.asker.ask(self.alice, self.key, name, **fields)

    def check_queries(self):
        name, pong = self.ask("ping")
        record = verify_node_record(pong["record"])
        check(name == "pong" and record["identity"] == self.key and pong["time_s"] % 16 == 0
              and pong["is_contact"],
              "ping: the record and a signed contact (VX6-CRYPTO-011 to VX6-CRYPTO-015)")
        name, pong = Asker("::1").ask(self.alice6, self.key, "ping")
        check(name == "pong" and pong["is_contact"],
              "over IPv6 the contact is the IPv6 endpoint (VX6-DHT-025)")
        bob = key_from_text(self.vx6("bob", "identity")["key"])
        name, nodes = self.ask("find_node", target=bytes(32))
        check(bob in [hint["key"] for hint in nodes["hints"]], "find_node: the other node is a hint")

        def own_bundle():
            name, value = self.ask("find_value", key=name_key("alice"), index=0)
            return name == "value" and value

        value = until(own_bundle, "alice is found by name")
        bundle = verify_bundle(value["bundle"], name_key("alice"))
        check(bundle["record"]["identity"] == self.key and bundle["services"] == ["down", "web"]
              and bundle["label"] == "alice" and (value["index"], value["count"]) == (0, 1),
              "find_value: the node's own name, claim and list verified"
              " (VX6-REC-005, VX6-REC-011, VX6-REC-012)")
        name, nodes = self.ask("find_value", key=name_key("nobody"), index=0)
        check(name == "nodes", "find_value of nobody's name: nodes")
        name, nodes = self.ask("find_value", key=name_key("alice"), index=1)
        check(name == "nodes", "find_value beyond the last bundle: nodes")

    def check_bad_queries(self):
        """Each is dropped without an answer; that of the ping behind it comes first."""
        ping = encode("ping")
        asker, honest_mac = self.asker, peer_query.mac1

        def sealed(message):
            return asker.seal(self.key, message, os.urandom(8))[2]

        def with_mac(ask):
            return ask[:1168] + honest_mac(self.key, ask[:1168]) + ask[1184:]

        _, _, foreign = asker.seal(self.me.key, ping, os.urandom(8))
        rows = [
            ("a changed mac1", flipped(sealed(ping), 1170), "VX6-CRYPTO-013"),
            ("suite 2", with_mac(b"\x08\x02" + sealed(ping)[2:]), "VX6-QUERY-002"),
            ("a changed seal", with_mac(flipped(sealed(ping), 500)), "VX6-CRYPTO-011"),
            ("an ask to another identity", with_mac(flipped(foreign, 3)), "VX6-CRYPTO-012"),
            ("a datagram that is too short", sealed(ping)[:-1], "VX6-CRYPTO-011"),
            ("a datagram that is too long", sealed(ping) + b"\0", "VX6-CRYPTO-011"),
            ("an answer instead of an ask", sealed(encode(
                "stored", token=bytes(16), time_s=0, contact_issued_s=0, contact_signature=bytes(64),
                code=0)), "messages.md"),
            ("a frame instead of a query", sealed(encode("link_probe")), "VX6-WIRE-009"),
            ("no message", sealed(b""), "VX6-WIRE-011"),
            ("a message with a byte too many", sealed(ping + b"\0"), "VX6-WIRE-008"),
        ]
        for what, datagram, requirement in rows:
            asker.socket.sendto(datagram, self.alice)
            asker.ask(self.alice, self.key, "ping", tries=1)
            check(datagram[4:12] not in asker.unexpected,
                  f"dropped without a word: {what} ({requirement})")

        asker.socket.sendto(sealed(ping)[:1184] + os.urandom(16), self.alice)
        check(len(asker.socket.recv(2048)) == 1200, "without load mac2 is not looked at (VX6-QUERY-011)")

    def store(self, key, bundle, token=None):
        token = token or self.ask("find_node", target=key)[1]["token"]
        code = self.ask("store", token=token, key=key, bundle=bundle)[1]["code"]
        return next(name for name, number in CODES.items() if number == code)

    def check_publishing(self):
        self.peer = self.new_peer(self.me)
        check(publish(self.asker, self.me, self.alice, self.key) == [0, 0],
              "store: the node takes the peer's bundle under both keys (VX6-REC-015)")
        bundle, place = self.me.bundle(), name_key("stranger")
        old, stranger = Identity("stranger", seed=self.me.seed), Identity("stranger")
        old.sequence = self.me.sequence - 1
        stranger.issued_s -= 1800
        held = dict(key=place, owner=self.me.id, sequence=self.me.sequence)
        alice = node_id(self.key)
        items = [held, {**held, "sequence": self.me.sequence + 1}, {**held, "owner": os.urandom(32)},
                 dict(key=alice, owner=alice, sequence=2**64 - 1)]
        name, synced = self.ask("sync", items=items)
        check((name, synced["wanted"]) == ("synced", 0b0110),
              "sync: wanted is what is newer or of a new owner, and not its own (VX6-DHT-054)", synced)
        rows = [
            ("a token of nobody", place, bundle, os.urandom(16), "BAD_TOKEN", "messages.md"),
            ("a changed bundle", place, flipped(bundle, -3), None, "BAD_RECORD", "VX6-REC-005"),
            ("an older bundle", place, old.bundle(), None, "OUTDATED", "VX6-NAME-011"),
            ("an expired bundle", place, stranger.bundle(), None, "EXPIRED", "VX6-REC-007"),
            ("a bundle under another key", bytes(32), bundle, None, "INVALID", "VX6-REC-017"),
            ("the same bytes again", place, bundle, None, "OK", "VX6-DHT-018"),
            ("a bundle that is none", place, b"\x13" + bytes(190), None, "BAD_MESSAGE", "VX6-REC-004"),
        ]
        for what, key, data, token, code, requirement in rows:
            got = self.store(key, data, token)
            check(got == code, f"store answered with {code}: {what} ({requirement})", got)
        found = self.vx6("bob", "resolve", "stranger.echo")
        check(found.get("key") == key_text(self.me.key), "bob resolves the peer's name", found)
        self.check_forward("bob", "stranger.echo")
        self.check_forward("alice", "stranger.echo")  # stored at alice from there: VX6-NAME-009
        self.check_claimants()

    def check_claimants(self):
        """Two nodes claim one name."""
        twins = [Identity("twin"), Identity("twin")]
        for twin in twins:
            twin.listen_on("127.0.1.99", 4242)
            publish(self.asker, twin, self.alice, self.key)
        for index, twin in enumerate(twins):
            name, value = self.ask("find_value", key=name_key("twin"), index=index)
            owner = verify_bundle(value["bundle"], name_key("twin"))["record"]["identity"]
            check((name, value["count"], owner) == ("value", 2, twin.key),
                  f"bundle {index} of two, in the order in which their owners came (VX6-DHT-014)")
        found = self.vx6("bob", "resolve", "twin")
        keys = {candidate["key"] for candidate in found.get("candidates", [])}
        check(found.get("code") == "AMBIGUOUS" and keys == {key_text(twin.key) for twin in twins},
              "bob is shown both, and none is chosen (VX6-NAME-008)", found)
        for candidate in found["candidates"]:
            picked = self.vx6("bob", "resolve", candidate["name"])
            check(picked.get("key") == candidate["key"],
                  f"{candidate['name']} is the one that is meant (VX6-NAME-013)", picked)

    def check_theft(self):
        thief = Identity("stranger")
        thief.listen_on("127.0.1.99", 4242)
        publish(self.asker, thief, self.alice, self.key)
        found = self.vx6("bob", "resolve", "stranger")
        check(found.get("key") == key_text(self.me.key),
              "a bound name stays with its key, whoever claims it (VX6-NAME-006)", found)

    def check_forward(self, who, *what):
        forward = self.vx6(who, "connect", *what, "--background")
        check(forward.get("state") == "up", f"{who} connects to {' '.join(what)}", forward)
        ip, port = forward["listen"].rsplit(":", 1)
        with socket.create_connection((ip, int(port)), DEADLINE_S) as local:
            writer = threading.Thread(target=lambda: (local.sendall(PAYLOAD),
                                                      local.shutdown(socket.SHUT_WR)))
            writer.start()
            back = b""
            while data := local.recv(65536):
                back += data
            writer.join()
        check(back == PAYLOAD, f"{len(PAYLOAD)} bytes to the peer's service and back, half-closed")
        self.vx6(who, "disconnect", str(forward["forward"]))

    def check_announcing(self):
        ip, port = self.peer.address
        self.asker = Asker(ip)  # an announcement is of the address that it comes from
        token = self.ask("ping")[1]["token"]
        code = self.ask("announce", token=bytes(16), key=self.me.key, port=port)[1]["code"]
        check(code == CODES["BAD_TOKEN"], "announce with a token of nobody is refused")
        for what, key in (("SELF", self.key), ("INVALID", b"\2" + bytes(31))):
            code = self.ask("announce", token=token, key=key, port=port)[1]["code"]
            check(code == CODES[what], f"announce answered with {what} (VX6-DHT-026)", code)
        code = self.ask("announce", token=token, key=self.me.key, port=port)[1]["code"]
        known = {"addr": "%s:%d" % self.peer.address, "key": key_text(self.me.key)}
        until(lambda: known in self.vx6("alice", "peers")["contacts"], "the peer becomes a contact")
        check(code == 0 and "ping" in self.peer.responder.asked,
              "announce: the node asks the peer itself, and then has it in its table (VX6-DHT-008)")
        target = os.urandom(32)
        keys = [hint["key"] for hint in self.ask("find_node", target=target)[1]["hints"]]
        ordered = sorted(keys, key=lambda k: [a ^ b for a, b in zip(node_id(k), target)])
        check(len(keys) >= 2 and keys == ordered, "hints come closest first (VX6-DHT-002)")

    def check_entry(self):
        """A node that knows nobody but the peer joins through it."""
        bundle = self.me.bundle()
        for key in (self.me.id, name_key("stranger")):
            self.peer.responder.hold(key, bundle)
        responder = self.peer.responder
        responder.losses = 1  # alice holds the bundle herself; she waits for who may name the address
        self.check_forward("alice", "stranger.echo")
        responder.losses, responder.forgeries = 1, 3
        self.start("carol", "--peer", "%s:%d" % self.peer.address, "--name", "carol")
        held = until(lambda: self.peer.responder.held.get(name_key("carol")), "carol's bundle")
        check(list(held) == [key_from_text(self.vx6("carol", "identity")["key"])],
              "carol joins through the peer alone and publishes there, for all the lost and forged"
              " answers (VX6-DHT-022, VX6-QUERY-004, VX6-QUERY-006)")
        until(lambda: set(held) <= {hint["key"] for hint in responder.announced}, "the announcement")
        halves = [half for seen in responder.seen for half in (seen[:8], seen[8:])]
        check(len(set(halves)) == len(halves) and not responder.losses,
              "each try has a query ID and an ephemeral key of its own (VX6-QUERY-005)")
        responder.forgeries = 0
        found = self.vx6("carol", "resolve", "stranger")
        check(found.get("key") == key_text(self.me.key), "carol finds the peer's name at the peer")

    # ---- links: the node dials ----

    def new_peer(self, me=None):
        """Each on an address of its own: a node dials no site too often (VX6-LINK-018)."""
        self.hosts += 1
        return Peer(me or Identity(f"peer-{self.hosts}", ["echo"]), f"127.0.1.{self.hosts}")

    def connect(self, peer, key=None):
        answer = self.vx6("bob", "connect", "--addr", "%s:%d" % peer.address, "echo", "--background",
                          *(["--key", key_text(key)] if key else []))
        return answer.get("code", "OK")

    def check_dialled(self):
        peer = self.new_peer()
        check(self.connect(peer, peer.me.key) == "OK", "the node dials with the peer's key")
        peer = self.new_peer()
        code, ended = self.connect(peer, Identity().key), peer.ended.get(timeout=DEADLINE_S)
        check((code, ended) == ("KEY_MISMATCH", "TRUNCATED"),
              "with another key it refuses and sends no message 3 (VX6-LINK-005, VX6-LINK-006)",
              (code, ended))
        record = peer.me.record()
        old = Identity()
        old.issued_s -= 1800
        rows = [("a changed signature", dict(record=flipped(record, -1)), "BAD_RECORD"),
                ("somebody else's record", dict(record=self.me.record()), "BAD_RECORD"),
                ("an expired record", dict(record=old.record()), "EXPIRED"),
                ("padding that is not zero", dict(payload=flipped(payload(record), 319)),
                 "BAD_MESSAGE")]
        for what, bend, expected in rows:
            peer = self.new_peer()
            peer.bend = bend
            code, ended = self.connect(peer), peer.ended.get(timeout=DEADLINE_S)
            check((code, ended) == (expected, "TRUNCATED"),
                  f"it refuses {what} with {expected} and sends no message 3", (code, ended))

    def check_bad_responders(self):
        def opened(path):
            return encode("session_opened", path=path, session=bytes(16), owner_random=bytes(32))

        rows = [
            ("an answer for an unknown path", lambda p: [opened(p + 2)], "UNEXPECTED"),
            ("two answers", lambda p: [opened(p), opened(p)], "UNEXPECTED"),
            ("what only a client says", lambda p: [encode(
                "stream_open", path=p, stream=1, window_end=0)], "UNEXPECTED"),
            ("an acceptance of no stream", lambda p: [opened(p), encode(
                "stream_accept", path=p, stream=1, window_end=0)], "UNEXPECTED"),
            ("an acceptance before the session is", lambda p: [encode(
                "stream_accept", path=p, stream=1, window_end=0)], "UNEXPECTED"),
            ("a refusal with OK", lambda p: [encode("session_close", path=p, code=0)], "UNEXPECTED"),
        ]
        for what, frames, code in rows:
            peer = self.new_peer()

            def answer(link, frames=frames):
                name, fields = link.receive()
                link.send(*frames(fields["path"]))
                return f"{name}, {link.refusal()}"

            peer.on_link = answer
            self.connect(peer)
            ended = peer.ended.get(timeout=DEADLINE_S)
            check(ended == f"session_open, {code}", f"the node closes with {code}: {what}", ended)
        peer = self.new_peer()
        peer.on_link = lambda link: link.receive()[0]  # and then the carrier ends
        code = self.connect(peer)
        check(code == "TRUNCATED", "an end without a close message is TRUNCATED (VX6-LINK-014)", code)
        peer = self.new_peer()
        peer.services = {}
        check(self.connect(peer) == "NO_SERVICE", "a refused session gives its code")
        self.check_owner_beyond_window()
        sessions = Sessions(self.dial())
        many = [sessions.open("web") for _ in range(65)]
        sessions.run(lambda: many[64].closed)
        check(many[64].closed == "LIMIT" and all(session.secret for session in many[:64]),
              "64 sessions over one link and no more (VX6-SESS-020)", many[64].closed)
        sessions.link.close()
        self.check_dial_rate()

    def check_owner_beyond_window(self):
        def overflow(link):
            sessions = Sessions(link, {"echo": lambda stream: None})
            sessions.run(lambda: sessions.paths and sessions.paths[1].streams)
            stream = sessions.paths[1].streams[1]
            stream.message("stream_data", offset=stream.may_send_to, fin=0, bytes=b"x")
            return link.refusal()

        peer = self.new_peer()
        peer.on_link = overflow
        forward = self.vx6("bob", "connect", "--addr", "%s:%d" % peer.address, "echo", "--background")
        ip, port = forward["listen"].rsplit(":", 1)
        try:
            with socket.create_connection((ip, int(port)), DEADLINE_S) as local:
                end = local.recv(1)
        except ConnectionResetError:
            end = "reset"
        ended = peer.ended.get(timeout=DEADLINE_S)
        check(ended == "FLOW", "the node closes with FLOW: a byte beyond its window", ended)
        check(end == "reset", "and the local program sees a reset (VX6-CTRL-012)", end)

    def check_dial_rate(self):
        peer = self.new_peer()
        peer.on_link = lambda link: "OK"  # ends the carrier at once
        codes = [self.connect(peer) for _ in range(13)]
        check(codes == 12 * ["TRUNCATED"] + ["LIMIT"],
              "one address is dialled twelve times a minute and no more (VX6-LINK-018)", codes)

    def check_pending(self):
        """A quarter of 64 for one site; the node's hello to another link shows that all were taken."""
        silent = [socket.create_connection(self.alice, DEADLINE_S, ("127.0.2.1", 0))
                  for _ in range(17)]
        self.dial().close()
        try:
            end = silent[16].recv(1)
        except ConnectionResetError:
            end = b""
        silent[15].sendall(b"\x01" + Identity().key)
        good = len(silent[15].recv(1000)) > 0
        check(end == b"" and good, "the 17th silent link from one site is refused (VX6-LINK-017)")
        for carrier in silent:
            carrier.close()


def main(kind=Test):
    test = kind(sys.argv[1])
    began = time.monotonic()
    try:
        test.run()
        print(f"all good in {time.monotonic() - began:.1f} s")
        return 0
    except Failed as failed:
        print(failed)
        for log in sorted(test.dir.glob("*.log")):
            print(f"---- {log.name}\n{log.read_text()[-3000:]}")
        return 1
    finally:
        test.end()


if __name__ == "__main__":
    sys.exit(main())
