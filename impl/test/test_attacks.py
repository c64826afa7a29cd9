#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A node under attack: honest work goes on, nothing grows beyond its bound, status says what happens, and
afterwards all is as it was.

usage: test_attacks.py BIN_DIR [CASE]...

Needs root, for a network namespace; without it it ends with 77 (skipped), or with 1 when VX6_NO_SKIP is set.
"""
import sys

sys.dont_write_bytecode = True
import arena
import attackers
from arena import LIMITS, Attack
from test_control import check

MB = 1024
# What comes and goes anyway: a stream's bytes both ways, answers that wait, and as much once more that the
# allocator keeps.
SPARE_KB = 2 * (2 * LIMITS["stream_window_bytes"] + 1200 * LIMITS["datagram_pending_max"]) // 1024
# What peers of one network hold at most, each way: half of the budget, and what each stream has in any case.
STREAM_MIN = 16384
NETWORK_KB = LIMITS["node_buffer_bytes"] // 2 // 1024
PENDING = LIMITS["link_pending_max"]
# Peers have three quarters of these, and each is a descriptor.
LINKS = LIMITS["link_max"] * 3 // 4
STREAMS = LIMITS["stream_max"] * 3 // 4
# Honest work has descriptors too, and connections that were closed linger for a second.
SPARE_DESCRIPTORS = 100


class Test(arena.Arena):
    def run(self):
        self.open()
        self.run_cases()

    def attack(self, function, *arguments):
        return Attack(function, self.target, *arguments)

    # ---- connections ----

    def hold_connections(self, says):
        counted = self.withstand(self.attack(attackers.connect, says, 8, 1000), SPARE_KB,
                                 PENDING + SPARE_DESCRIPTORS)
        refused, late = counted.of("link_refused", "LIMIT"), counted.of("link_closed", "TIMEOUT")
        check(refused + late > 1000, f"status: {refused} links refused, {late} closed for their time")

    def test_connections_that_say_nothing(self):
        """VX6-LINK-017, VX6-LINK-025"""
        self.hold_connections(attackers.nothing)

    def test_connections_that_say_one_byte(self):
        self.hold_connections(attackers.one_byte)

    def test_handshakes_that_are_never_finished(self):
        self.hold_connections(attackers.message_1)

    def test_handshakes_of_the_hasty(self):
        counted = self.withstand(self.attack(attackers.connect, attackers.message_1, 8, 32, True),
                                 SPARE_KB, PENDING + SPARE_DESCRIPTORS)
        print(counted.reasons, counted.events)

    # ---- datagrams ----

    def test_datagrams_of_all_kinds_that_are_none(self):
        """VX6-QUERY-002"""
        kinds = (attackers.garbage, attackers.misdirected, attackers.scanned)
        attack = self.attack(attackers.flood, self.key, kinds, 500, 5000)
        counted = self.withstand(attack, SPARE_KB, SPARE_DESCRIPTORS)
        check(counted.of("datagram_refused", "BAD_MESSAGE") > 1000 and
              counted.of("datagram_refused", "BAD_SEAL") > 1000, "status: refused", counted.reasons)

    def test_asks_that_nobody_can_open(self):
        """VX6-QUERY-011, VX6-QUERY-012, VX6-QUERY-013"""
        attack = self.attack(attackers.flood, self.key, (attackers.unopenable,), 500, 5000)
        counted = self.withstand(attack, SPARE_KB, SPARE_DESCRIPTORS)
        opened = counted.of("datagram_refused", "BAD_SEAL")
        check(opened <= (self.usage.took_s + 2) * LIMITS["asks_per_second"] and
              counted.of("cookie_sent") > 1000,
              f"status: {opened} asks opened in vain, {counted.of('cookie_sent')} cookies sent")

    def test_asks_that_are_proven(self):
        attack = self.attack(attackers.prove, self.key, 5000)
        counted = self.withstand(attack, SPARE_KB, SPARE_DESCRIPTORS)
        print(counted.reasons, counted.events)

    # ---- peers ----

    def test_a_peer_that_never_reads(self):
        """VX6-SESS-012, VX6-SESS-024"""
        self.withstand(self.attack(attackers.hold, 1, 64, 16, "pour"), SPARE_KB + NETWORK_KB + 1024 * STREAM_MIN // 1024, 1024 + SPARE_DESCRIPTORS)

    def test_a_peer_that_reads_a_byte_a_second(self):
        self.withstand(self.attack(attackers.hold, 1, 64, 16, "pour", 1), 80 * MB,
                       1024 + SPARE_DESCRIPTORS)

    def test_a_peer_that_acknowledges_what_was_not_sent(self):
        """VX6-SESS-013"""
        counted = self.withstand(self.attack(attackers.lie), SPARE_KB, SPARE_DESCRIPTORS)
        check(counted.of("link_refused", "UNEXPECTED") > 10, "status: links refused", counted.reasons)

    def test_a_host_that_opens_all_sessions_and_streams(self):
        """VX6-SESS-023"""
        counted = self.withstand(self.attack(attackers.hold, 3, 64, 16, "echo"), 80 * MB,
                                 STREAMS + LINKS + SPARE_DESCRIPTORS)
        print(counted.reasons)

    def test_a_host_that_opens_all_links(self):
        """VX6-LINK-026"""
        counted = self.withstand(self.attack(attackers.hold, 192, 1, 16, "echo"), 80 * MB,
                                 STREAMS + LINKS + SPARE_DESCRIPTORS)
        print(counted.reasons)


if __name__ == "__main__":
    sys.exit(arena.main(Test, __doc__))
