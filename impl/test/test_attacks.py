#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A node under attack: honest work goes on, nothing grows beyond its bound, status says what happens, and
afterwards all is as it was.

usage: test_attacks.py BIN_DIR [CASE]...

Needs root, for a network namespace, and python3-cryptography; without them it ends with 77 (skipped), or
with 1 when VX6_NO_SKIP is set.
"""
import sys

sys.dont_write_bytecode = True
import arena
import attackers
from arena import LIMITS, Attack, Counted
from harness import check

# What comes and goes anyway: a stream's bytes both ways, answers that wait, and as much once more that the
# allocator keeps.
SPARE_KB = 2 * (2 * LIMITS["stream_window_bytes"] + 1200 * LIMITS["datagram_pending_max"]) // 1024
# What peers of one network hold at most, each way, beside what each stream may have in any case.
STREAM_MIN = 16384
NETWORK_KB = LIMITS["node_buffer_bytes"] // 2 // 1024
RATE = 5000  # datagrams a second
# Those that wait, and those of the last second that went for others (by age, or by a draw): they linger.
PENDING = 3 * LIMITS["link_pending_max"]
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
        refused, late = counted.of("link_refused", "LIMIT"), counted.of("link_closed", "LIMIT")
        check(refused > 500 and late > 0, f"status: {refused} links refused, {late} closed for others")

    def test_connections_that_say_nothing_or_one_byte(self):
        """VX6-LINK-017, VX6-LINK-025"""
        self.hold_connections(attackers.hardly_anything)

    def test_handshakes_that_are_never_finished(self):
        self.hold_connections(attackers.message_1)

    def test_handshakes_of_the_hasty(self):
        """VX6-LINK-027"""
        counted = self.withstand(self.attack(attackers.connect, attackers.message_1, 8, 32, True),
                                 SPARE_KB, PENDING + SPARE_DESCRIPTORS)
        refused, begun = counted.of("link_refused", "LIMIT"), counted.of("link_closed", "TRUNCATED")
        check(begun <= (self.usage.took_s + 2) * (LIMITS["accepts_per_second"] / 8 +
                                                  8 * LIMITS["accepts_per_network_per_second"]) and refused,
              f"status: {begun} handshakes begun in vain, {refused} more refused")

    def test_connections_from_everywhere(self):
        """VX6-LINK-025: newcomers have to try more than once, those who are there notice nothing."""
        attack = self.attack(attackers.connect, attackers.hardly_anything, 1000, 1000)
        self.withstand(attack, SPARE_KB, PENDING + SPARE_DESCRIPTORS, works=("look_up", "request", "move"))

    # ---- datagrams ----

    def test_datagrams_that_are_none(self):
        """VX6-QUERY-002"""
        kinds = (attackers.garbage, attackers.misdirected, attackers.scanned)
        counted = self.withstand(self.attack(attackers.flood, self.key, kinds, 500, RATE), SPARE_KB,
                                 SPARE_DESCRIPTORS)
        shapeless = counted.of("datagram_refused", "BAD_MESSAGE")
        unsealed = counted.of("datagram_refused", "BAD_SEAL")
        check(shapeless > 200 and unsealed > 200,
              f"status: {shapeless} datagrams refused as BAD_MESSAGE, {unsealed} as BAD_SEAL")

    def test_asks_that_nobody_can_open(self):
        """VX6-QUERY-011, VX6-QUERY-012, VX6-QUERY-013"""
        counted = self.withstand(self.attack(attackers.flood, self.key, (attackers.unopenable,), 500, RATE),
                                 SPARE_KB, SPARE_DESCRIPTORS)
        opened, cookies = counted.of("datagram_refused", "BAD_SEAL"), counted.of("cookie_sent")
        check(opened <= (self.usage.took_s + 2) * LIMITS["asks_per_second"] and cookies > 200,
              f"status: {opened} asks opened in vain, {cookies} cookies sent")

    def test_asks_that_are_proven(self):
        """VX6-QUERY-014"""
        counted = self.withstand(self.attack(attackers.prove, self.key, RATE), SPARE_KB, SPARE_DESCRIPTORS)
        refused = counted.of("datagram_refused", "LIMIT")
        check(refused > counted.of("ask_answered"),
              f"status: {refused} asks refused, {counted.of('ask_answered')} answered")

    def processor_us(self, make, rate):
        """Of Alice's processor, for each datagram of a flood from many networks."""
        with self.attack(attackers.flood, self.key, (make,), 500, rate) as attack:
            before = self.status()
            with self.usage as usage:
                first = attack.packets.value
                self.until(lambda: attack.packets.value >= first + 2 * rate, "datagrams are sent")
            sent = attack.packets.value - first
            counted = Counted(before, self.status())
        return usage.spent_s / sent * 1e6, counted

    def test_what_a_datagram_costs(self):
        """VX6-CRYPTO-013, VX6-QUERY-011: what is refused cheaply costs no key agreement."""
        opened, counted = self.processor_us(attackers.unopenable, LIMITS["asks_per_second"] * 3 // 4)
        check(counted.of("cookie_sent") == 0, f"an ask that is opened in vain: {opened:.0f} us")
        for what, make in (("no ask", attackers.garbage), ("an ask to another node", attackers.misdirected),
                           ("an ask without mac1", attackers.scanned)):
            cost, _ = self.processor_us(make, RATE)
            check(cost < opened / 2, f"{what}: {cost:.0f} us")
        cost, counted = self.processor_us(attackers.unopenable, RATE)
        cookies, in_vain = counted.of("cookie_sent"), counted.of("datagram_refused", "BAD_SEAL")
        cookie = (cost * (cookies + in_vain) - opened * in_vain) / cookies
        check(cookie < opened / 2, f"an ask under load that is not proven: {cookie:.0f} us")

    # ---- peers ----

    def hold(self, descriptors, *what):
        """Bytes to send and those granted, half of each budget, and what each stream may have anyway."""
        return self.withstand(self.attack(attackers.hold, *what),
                              SPARE_KB + 2 * (NETWORK_KB + STREAMS * STREAM_MIN // 1024),
                              descriptors + SPARE_DESCRIPTORS)

    def test_a_peer_that_never_reads(self):
        """VX6-SESS-012, VX6-SESS-024"""
        self.hold(LIMITS["session_per_link_max"] * 16, 1, 64, 16, "pour")

    def test_a_peer_that_reads_a_byte_a_second(self):
        self.hold(LIMITS["session_per_link_max"] * 16, 1, 64, 16, "pour", 1)

    def test_a_peer_that_acknowledges_what_was_not_sent(self):
        """VX6-SESS-013"""
        counted = self.withstand(self.attack(attackers.lie), SPARE_KB, SPARE_DESCRIPTORS)
        refused = counted.of("link_refused", "UNEXPECTED")
        check(refused > 10, f"status: {refused} links refused as UNEXPECTED")

    def test_a_host_that_opens_all_sessions_and_streams(self):
        """VX6-SESS-023"""
        counted = self.hold(STREAMS + LINKS, 3, 64, 16, "echo")
        check(counted.of("session_closed", "LIMIT") > 0,
              f"status: {counted.of('session_closed', 'LIMIT')} sessions closed with LIMIT")

    def test_a_host_that_opens_all_links(self):
        """VX6-LINK-026"""
        counted = self.hold(STREAMS + LINKS, LINKS, 1, 16, "echo")
        refused = counted.of("link_refused", "LIMIT") + counted.of("link_closed", "LIMIT")
        check(refused > 0, f"status: {refused} links refused or closed with LIMIT")

    def test_a_host_that_stores_and_announces_all_it_can(self):
        """VX6-DHT-020, VX6-DHT-008"""
        before = self.status()["counts"]
        counted = self.withstand(self.attack(attackers.store, self.key), SPARE_KB, SPARE_DESCRIPTORS)
        counts = self.status()["counts"]
        more, networks = counts["bundles"] - before["bundles"], 3  # neighbours offer what they were given
        check(more <= networks * LIMITS["value_max"] // 4 and counted.of("bundle_refused", "LIMIT") > 0,
              f"status: {more} bundles more are held, {counted.of('bundle_refused', 'LIMIT')} refused")
        check(counts["contacts"] == before["contacts"] and counted.of("ask_refused", "LIMIT") > 0,
              f"and no announcement was believed, {counted.of('ask_refused', 'LIMIT')} were refused at once")


if __name__ == "__main__":
    sys.exit(arena.main(Test, __doc__))
