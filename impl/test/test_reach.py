#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Whether a node can be reached, as it learns from its peers: in status, in its log, at once by vx6 doctor;
and a service whose program has gone. Nodes of many networks, one of which others cannot connect to.

usage: test_reach.py BIN_DIR

Needs root, for a network namespace, and python3-cryptography; without them it ends with 77 (skipped), or
with 1 when VX6_NO_SKIP is set.
"""
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
import arena
from arena import PORT, source_of
from harness import Test, check, main, wait_for

HELPERS = 12  # on one host all ask from one address, and so share what each of them dials in a minute


class ReachTest(Test):
    networks = {}

    def address_of(self, who):
        return f"[{source_of(self.networks.setdefault(who, len(self.networks)))}]:{PORT}"

    def run(self):
        self.program = socket.create_server(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self.program.getsockname()[1]}"
        entry = self.start("entry")
        for number in range(HELPERS):
            self.start(f"helper-{number}", "--peer", entry)
        self.start("alice", "--name", "alice", "--peer", entry)
        self.alice = self.line("alice")
        added = self.alice.ask({"command": "service_add", "name": "web", "target": self.target, "exposure": "public"})
        check(added["ok"], "alice offers a service", added)
        self.check_reached()
        self.check_blocked()
        self.check_target()
        self.check_split(entry)
        self.check_alone()
        self.check_no_address()

    def reach(self):
        return self.alice.ask({"command": "status"})["reach"]

    def service(self):
        return self.alice.ask({"command": "status"})["services"][0]

    def shown(self):
        return self.vx6("alice", "status").stdout

    def block(self, who, is_blocked):
        """TCP connections to its port lead nowhere."""
        rule = ["to", source_of(self.networks[who]), "ipproto", "tcp", "dport", str(PORT), "unreachable", "pref", "10"]
        subprocess.run(["ip", "-6", "rule", "add" if is_blocked else "del", *rule], check=True)

    def check_reached(self):
        """VX6-CTRL-033"""
        wait_for(lambda: self.reach()["endpoints"][0]["peers"] >= 2, "two peers say that alice is reached")
        reach, service = self.reach(), self.service()
        check(reach["state"] == "reachable" and reach["endpoints"][0]["state"] == "reachable" and
              reach["endpoints"][0]["code"] is None and reach["reached_unix_ms"], "alice is reachable", reach)
        check(service["reachable"] is True and service["target_is_up"] is True and service["reachable_unix_ms"],
              "and so is her service", service)
        check("others reach this node at" in self.log("alice"), "the log says so")
        check("is reached by others" in self.shown(), "and so does status", self.shown())

    def check_blocked(self):
        """VX6-CTRL-033: the first that could not is followed by others soon."""
        self.block("alice", True)
        before = self.reach()["reached_unix_ms"]
        self.ask_now()
        self.learns("unreachable", "alice learns that she is not reached any more")
        reach, service = self.reach(), self.service()
        check(reach["endpoints"][0]["code"] == "UNREACHABLE" and reach["reached_unix_ms"] == before,
              "how, and when she last was", reach)
        check(service["reachable"] is False and service["reachable_unix_ms"] and service["target_is_up"] is True,
              "her service cannot be reached, and when it last could", service)
        wait_for(lambda: "others cannot reach this node at" in self.log("alice"), "the log says so")
        shown = self.shown()
        check("cannot be reached by others (UNREACHABLE), last " in shown and
              "open its port in the firewall" in shown and
              "cannot be reached: this node cannot, last " in shown, "status says so, and what to do", shown)
        done = self.vx6("alice", "doctor")
        check(done.returncode == 1 and "cannot be reached by others: " in done.stdout and
              ": open its port in the firewall" in done.stdout, "vx6 doctor asks, says so and what to do, and ends with 1", done)
        self.block("alice", False)
        self.ask_now()
        self.learns("reachable", "alice learns that she is reached again")
        check(self.service()["reachable"] is True, "and so is her service")

    def learns(self, state, sentence):
        try:
            wait_for(lambda: self.reach()["state"] == state, sentence)
        except AssertionError:
            print(self.alice.ask({"command": "status"}), self.log("alice"))
            raise

    def ask_now(self):
        self.alice.ask({"command": "doctor"})

    def check_target(self):
        """VX6-CTRL-033"""
        self.program.close()
        service = self.service()
        check(service["target_is_up"] is False and service["reachable"] is False and
              service["target_up_unix_ms"] and service["reachable_unix_ms"], "its program has gone", service)
        check(f"cannot be reached: nothing listens at {self.target}, last " in self.shown(), "status says so",
              self.shown())

    def check_split(self, entry):
        """One peer has reached the node, the next one could not; the one after that is asked 2 s later."""
        self.start("erin", "--peer", entry)
        erin = self.line("erin")

        def endpoint():
            return erin.ask({"command": "status"})["reach"]["endpoints"][0]

        wait_for(lambda: endpoint()["heard"] == 1, "one peer has spoken")
        self.block("erin", True)
        wait_for(lambda: (endpoint()["state"], endpoint()["peers"], endpoint()["heard"]) == ("unknown", 0, 2),
                 "the next one says something else")
        shown = self.vx6("erin", "status").stdout
        check("is reached by some and not by others (UNREACHABLE)" in shown and "no peer has said so" not in shown,
              "status says that they are split, not that nobody has said so", shown)
        self.block("erin", False)

    def check_alone(self):
        """Nobody can say."""
        self.start("carol")
        answer = self.line("carol").ask({"command": "status"})["reach"]
        check(answer["state"] == "unknown" and answer["endpoints"][0]["code"] == "NO_PEERS", "a node alone", answer)
        check("no peer has said so yet" in self.vx6("carol", "status").stdout, "says so")

    def check_no_address(self):
        """VX6-CTRL-031: a host whose interfaces are all down."""
        self.nodes.append(subprocess.Popen(["unshare", "-n", self.bin / "vx6-node", "--state", self.dir / "dora"],
                                           stderr=subprocess.DEVNULL))
        self.vx6("dora", "status", "--wait", "--json", check=True)
        done = self.vx6("dora", "doctor")
        check(done.returncode == 1 and "failed   listening  there is no address" in done.stdout,
              "a node without an address says so", done)


def prepare():
    """The rules of this test come before the table of local addresses."""
    reason = arena.enter_network()
    for words in (["add", "pref", "20", "lookup", "local"], ["del", "pref", "0"]):
        if reason is None and subprocess.run(["ip", "-6", "rule", *words], capture_output=True).returncode:
            reason = "no rules for routes can be made"
    return reason


if __name__ == "__main__":
    reason = prepare()
    sys.exit(arena.skip(reason) if reason else main(ReachTest, __doc__))
