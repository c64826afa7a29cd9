#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What reaches a third party at whom a node is aimed: by forged sources, by records, by hints, by
announcements and by names. Each case says how much the attacker spent and how much the victim got.

usage: test_reflection.py BIN_DIR [CASE]...

Needs root, for a network namespace, and python3-cryptography; without them it ends with 77 (skipped), or
with 1 when VX6_NO_SKIP is set.
"""
import os
import select
import socket
import sys
import time

sys.dont_write_bytecode = True
import arena
import attackers
from arena import LIMITS, NEWCOMERS, PORT, source_of
from peer_codec import CODES, encode
from peer_link import Link
from peer_query import SIZE, Asker, Responder, publish
from peer_records import Identity, ip_bytes, key_text, name_key
from harness import check

VICTIM = arena.ADDRESS["victim"]
# Of a query that nobody answers, and from when on the site may be asked again: after its last try.
TRIES = LIMITS["query_tries"]
LOST_S = LIMITS["query_timeout_min_ms"] / 1000 * (2**TRIES - 1)
IN_FLIGHT = LIMITS["site_queries_max"]


class Victim:
    """One address with a port, TCP and UDP: what comes is counted, nothing is answered."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self.socket.bind((VICTIM, 0))
        self.port = self.socket.getsockname()[1]
        self.listener = socket.create_server((VICTIM, self.port), family=socket.AF_INET6, backlog=1024)
        self.address = (VICTIM, self.port)
        self.socket.setblocking(False)
        self.listener.setblocking(False)

    def gets(self, wait_s=0.0):
        """(datagrams, bytes, connections) until so long nothing has come."""
        datagrams = size = connections = 0
        while ready := select.select([self.socket, self.listener], [], [], wait_s)[0]:
            if self.socket in ready:
                size += len(self.socket.recv(2048))
                datagrams += 1
            if self.listener in ready:
                self.listener.accept()[0].close()
                connections += 1
        return datagrams, size, connections


class Test(arena.Arena):
    def run(self):
        self.open()
        self.victim = Victim()
        self.run_cases()

    def asked(self, sent, what, most):
        """What the victim has got once nothing is under way any more."""
        datagrams, size, connections = self.victim.gets(2 * LOST_S)
        check(0 < datagrams <= most and connections == 0,
              f"{what}: the victim gets {datagrams} of at most {most} datagrams;"
              f" {sent} bytes became {size}, {size / sent:.1f} times as many", connections)

    def test_answers_to_forged_sources(self):
        """VX6-QUERY-001, VX6-QUERY-012: an answer has the size of its ask, a cookie is smaller."""
        count = LIMITS["asks_per_second"] * 4
        asker = Asker(VICTIM)
        asks = [asker.seal(self.key, encode("ping"), os.urandom(8))[2] for _ in range(100)]
        pace = attackers.Pace(count)
        for number in range(count):
            self.victim.socket.sendto(asks[number % 100], self.target)
            pace.wait()
        datagrams, size, _ = self.victim.gets(0.5)
        sent = count * SIZE
        check(0 < size <= sent / 2 and datagrams <= count,
              f"{sent} bytes of asks became {size} bytes of {datagrams} answers, {size / sent:.2f} times as many")

    def test_records_shown_over_links(self):
        """VX6-DHT-028, VX6-DHT-003: a node that comes says that it answers queries at the victim."""
        sent, began = 0, time.monotonic()
        for _ in range(100):
            liar = Identity()
            liar.listen_on(*self.victim.address)
            source = (source_of(next(self.numbers), networks=NEWCOMERS), 0)
            link = Link.dial(self.target, liar, source=source)
            sent += 33 + 384 + link.nonces["own"] * 2 + 100
            link.close()
        took = time.monotonic() - began
        most = IN_FLIGHT * TRIES * (1 + int((took + LOST_S) / LOST_S))
        self.asked(sent, "100 links", most)

    def test_announcements(self):
        """VX6-DHT-026: the address announced is the one that it comes from; only the port is free."""
        asker = Asker(VICTIM)  # on the victim's own host
        token = asker.ask(self.target, self.key, "ping")[1]["token"]
        for _ in range(50):
            code = asker.ask(self.target, self.key, "announce", token=token, key=Identity().key,
                             port=self.victim.port)[1]["code"]
        check(code in (CODES["OK"], CODES["LIMIT"]), "announcements are taken or refused", code)
        self.asked(51 * SIZE, "50 announcements", LIMITS["newcomer_max"] * TRIES * 3)
        elsewhere = Asker(source_of(1))
        code = elsewhere.ask(self.target, self.key, "announce", token=token, key=Identity().key,
                             port=self.victim.port)[1]["code"]
        check(code == CODES["BAD_TOKEN"], "and from elsewhere none is", code)

    def test_hints(self):
        """VX6-DHT-028: a contact of the node tells of many nodes, all of them at the victim."""
        liar = Identity()
        responder = Responder(liar, (source_of(2), PORT))
        victim = dict(ip=ip_bytes(VICTIM), port=self.victim.port, flags=0)
        responder.hints = [dict(key=Identity().key, **victim) for _ in range(20)]
        liar.listen_on(*responder.address[:2])
        Link.dial(self.target, liar, source=(source_of(2), 0)).close()
        known = {"addr": f"[{source_of(2)}]:{PORT}", "key": key_text(liar.key)}
        self.until(lambda: known in self.alice.ask({"command": "peers"})["contacts"], "a liar is a contact")
        self.victim.gets(2 * LOST_S)
        before = len(responder.asked)
        for _ in range(3):
            self.alice.ask({"command": "resolve", "name": f"nobody-{next(self.numbers)}"})
        answers = len(responder.asked) - before
        self.asked(answers * SIZE, f"{answers} answers with 20 hints each", answers * IN_FLIGHT * TRIES)
        responder.close()

    def test_names_that_lead_to_the_victim(self):
        """VX6-LINK-018: whoever wants the name dials the victim, and only so often."""
        liar = Identity("lure", ["web"])
        liar.endpoints = [dict(ip=ip_bytes(VICTIM), port=port, carriers=3)
                          for port in (self.victim.port, 81, 82, 83)]
        liar.renew()
        publish(Asker(source_of(3)), liar, self.target, self.key)
        self.victim.gets(0.1)
        codes = []
        for _ in range(20):
            self.bob.send({"command": "connect", "name": "lure.web", "background": True})
            connections = 0
            while not select.select([self.bob.socket], [], [], 0)[0]:
                connections += self.victim.gets(0.05)[2]
            codes.append((self.bob.receive()["code"], connections))
        connections = sum(count for _, count in codes) + self.victim.gets(0.5)[2]
        most = LIMITS["dials_per_target_per_minute"]
        check(0 < connections <= most and codes[-1][0] == "LIMIT",
              f"20 wishes: the victim gets {connections} of at most {most} connections", codes)


if __name__ == "__main__":
    sys.exit(arena.main(Test, __doc__))
