#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Nodes whose clocks are wrong, among nodes of many networks: they are found, reach others, and say so.

usage: test_clock.py BIN_DIR

Needs root, for a network namespace, python3-cryptography and libfaketime; without them it ends with 77
(skipped), or with 1 when VX6_NO_SKIP is set.
"""
import sys

sys.dont_write_bytecode = True
import arena
from arena import LIMITS, PORT, source_of
from clocks import FAKETIME, Clocked
from harness import Echo, check, main, wait_for

DAY_S = 86400
RIGHT, WRONG = 10, 3  # nodes that do nothing but answer
ROUNDING_S = 20  # of what is stated, and what it takes to say it


class ClockTest(Clocked):
    def address_of(self, who):
        return f"[{source_of(self.networks.setdefault(who, len(self.networks)))}]:{PORT}"

    def run(self):
        self.networks = {}
        self.echo = Echo()
        entry = self.start("entry")
        for number in range(RIGHT):
            self.start(f"right-{number}", "--peer", entry)
        self.start("alice", "--name", "alice", "--peer", entry)
        self.offer("alice")
        self.check_wrong("walter", -DAY_S, entry)
        self.check_wrong("wanda", DAY_S, entry)
        self.check_minority(entry)
        self.check_mended("wanda")
        self.check_set("alice")
        self.check_beyond_help(entry)

    def offer(self, who):
        answer = self.line(who).ask({"command": "service_add", "name": "echo",
                                     "target": self.echo.target, "exposure": "public"})
        check(answer["ok"], f"{who} offers an echo", answer)

    def clock(self, who):
        return self.line(who).ask({"command": "status"})["clock"]

    def connects(self, who, name):
        line = self.line(who)  # the forward ends with it
        answer = line.ask({"command": "connect", "name": name})
        line.close()
        return answer["ok"]

    def is_corrected(self, who, by_s):
        clock = self.clock(who)
        return clock["state"] == "corrected" and abs(clock["correction_s"] - by_s) < ROUNDING_S

    def set_while_it_runs(self, who, offset_s):
        """libfaketime tells nobody: the node sees it with its next input."""
        self.set_clocks(offset_s, who)
        self.line(who).ask({"command": "resolve", "name": "nobody"})

    def check_wrong(self, who, wrong_s, entry):
        """VX6-QUERY-017, VX6-QUERY-018, VX6-QUERY-019, VX6-CTRL-032"""
        self.set_clocks(wrong_s, who)
        self.start_clocked(who, "--name", who, "--peer", entry)
        self.offer(who)
        way = "slow" if wrong_s < 0 else "fast"
        check(self.is_corrected(who, -wrong_s), f"{who}, a day {way}, is corrected", self.clock(who))
        check(f"clock is 24 hours {way}, say" in self.log(who), "its log says so", self.log(who))
        shown = self.vx6(who, "status").stdout
        check(f"24 hours {way}, and corrected" in shown, "and its status", shown)
        said = self.vx6(who, "doctor").stdout
        check(f"warning  clock      the clock is 24 hours {way}, and corrected: set it" in said, "and vx6 doctor", said)
        wait_for(lambda: self.connects(who, "alice.echo"), f"{who} reaches a service of others")
        wait_for(lambda: self.connects("alice", f"{who}.echo"), f"a service of {who} is reached")
        check(True, f"{who} reaches others, and is reached")

    def check_minority(self, entry):
        """Those that are a day fast are three and wanda, of all."""
        liars = [f"liar-{number}" for number in range(WRONG)]
        self.set_clocks(DAY_S, *liars)
        for who in liars:
            self.start_clocked(who, "--peer", entry)
            check(self.is_corrected(who, -DAY_S), f"{who}, a day fast, is corrected", self.clock(who))
        for who in ["entry", "alice", *[f"right-{number}" for number in range(RIGHT)]]:
            clock = self.clock(who)
            check(clock["correction_s"] == 0 and clock["state"] in ("right", "unknown"),
                  f"{who} believes its own clock", clock)

    def check_mended(self, who):
        self.set_while_it_runs(who, 0)
        wait_for(lambda: self.clock(who)["state"] == "right", f"{who}'s clock has been set right")
        check("used as it is again" in self.log(who), "the log says that it is right", self.log(who))
        wait_for(lambda: self.connects("alice", f"{who}.echo"), f"{who} is still reached")
        check("clock  " not in self.vx6(who, "status").stdout, "and its status says no more of it")

    def check_set(self, who):
        """VX6-QUERY-017"""
        self.set_clocks(0, "ursula")
        self.start_clocked("ursula", "--name", "ursula", "--peer", self.address_of("entry"))
        self.offer("ursula")
        self.set_while_it_runs("ursula", -DAY_S)
        wait_for(lambda: self.is_corrected("ursula", DAY_S), "one that is set a day back is corrected")
        wait_for(lambda: self.connects(who, "ursula.echo"), "and reached")
        check(True, "a clock that is set wrong while the node runs is corrected")

    def check_beyond_help(self, entry):
        too_far_s = LIMITS["clock_correct_max_s"] + 3600
        self.set_clocks(-too_far_s, "nora")
        self.launch("nora", "--peer", entry, env=self.clocked("nora"))
        self.vx6("nora", "status", "--wait", "--timeout", "1")  # it listens
        wait_for(lambda: self.clock("nora")["state"] == "wrong", "one beyond help knows")
        shown = self.vx6("nora", "status").stdout
        check("3 days slow, too far to be corrected" in shown, "a clock beyond help is said", shown)
        check(self.clock("nora")["correction_s"] == 0, "and not corrected")
        check("networks, too far to be corrected: nobody takes this node's records: set it" in self.log("nora"),
              "its log says so, and what to do", self.log("nora"))
        done = self.vx6("nora", "doctor")
        check(done.returncode == 1 and "failed   clock " in done.stdout, "vx6 doctor says so, and ends with 1", done)


if __name__ == "__main__":
    reason = arena.enter_network() if FAKETIME else "libfaketime is not installed"
    sys.exit(arena.skip(reason) if reason else main(ClockTest, __doc__))
