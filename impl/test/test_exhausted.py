#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A node without descriptors does not spin, goes on with what it has, and works again once some are
free; one whose clock jumps keeps its sessions and has its records found again. Needs no privileges;
the part about clocks needs libfaketime.

usage: test_exhausted.py BIN_DIR
"""
import os
import resource
import socket
import sys
import time

from clocks import FAKETIME, Clocked
from harness import DEADLINE_S, Echo, Process, check, check_quietly, main, wait_for

DAY_S = 86400


class ExhaustedTest(Clocked):
    newcomers = 0

    def run(self):
        self.echo = Echo()
        self.check_descriptors()
        self.check_memory()
        if FAKETIME:
            self.check_clocks()
        else:
            print("skipped: clocks, since libfaketime is not installed")

    def check_rest(self, nodes, sentence, seconds=2):
        """The nodes have nothing to do, and do nothing."""
        before = [Process(node.pid).processor_s() for node in nodes]
        time.sleep(seconds)  # measured, not waited for
        spent = [Process(node.pid).processor_s() - b for node, b in zip(nodes, before)]
        check(max(spent) < 0.1 * seconds, f"{sentence}: {max(spent):.2f} s of CPU in {seconds} s",
              spent)

    def connect(self, forward):
        port = int(forward["listen"].rsplit(":", 1)[1])
        return socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)

    def speak(self, client, sentence):
        word = os.urandom(1000)
        client.sendall(word)
        answer = b""
        while len(answer) < len(word):
            data = client.recv(4096)
            check_quietly(data, sentence, "ended")
            answer += data
        check(answer == word, sentence)

    def speaks(self, forward):
        try:
            with self.connect(forward) as client:
                client.sendall(b"v")
                return client.recv(1) == b"v"
        except ConnectionError:
            return False

    def served_again(self, forward, sentence):
        wait_for(lambda: self.speaks(forward), sentence)
        check(True, sentence)

    def offer(self, who):
        answer = self.line(who).ask({"command": "service_add", "name": "echo",
                                     "target": self.echo.target, "exposure": "public"})
        check(answer["ok"], f"{who} offers an echo", answer)

    # ---- descriptors ----

    def without_descriptors(self, node, spare):
        used = max(int(fd) for fd in os.listdir(f"/proc/{node.pid}/fd"))
        _, hard = resource.prlimit(node.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(node.pid, resource.RLIMIT_NOFILE, (used + 1 + spare, hard))

    def with_descriptors(self, node):
        _, hard = resource.prlimit(node.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(node.pid, resource.RLIMIT_NOFILE, (hard, hard))

    def check_descriptors(self):
        addr = self.start("alice", "--name", "alice")
        alice = self.nodes[-1]
        self.offer("alice")
        self.start("bob")
        bob, line = self.nodes[-1], self.line("bob")
        forward = line.ask({"command": "connect", "addr": addr, "service": "echo",
                            "background": True})
        client = self.connect(forward)
        self.speak(client, "a stream carries bytes")
        host, port = addr.rsplit(":", 1)
        where = (host.strip("[]"), int(port))

        self.without_descriptors(alice, 2)
        strangers = [socket.create_connection(where, timeout=DEADLINE_S) for _ in range(20)]
        for _ in range(3):
            done = self.vx6("alice", "status")
            check_quietly(done.returncode == 0 and "ulimit -n" in done.stdout,
                          "vx6 status says what is wrong", done)
        check(True, "no descriptor left for links: vx6 status says so, again and again")
        controls = []
        for _ in range(5):
            controls.append(socket.socket(socket.AF_UNIX))
            controls[-1].connect(str(self.dir / "alice" / "control.sock"))
        self.check_rest([alice], "nor for more than one at the control socket")
        self.speak(client, "a session goes on meanwhile")
        end = b"?"
        try:
            with self.connect(forward) as refused:
                end = refused.recv(1)
        except ConnectionResetError:  # so early that connect() may say it already
            end = None
        check(end is None, "a stream whose service cannot be reached is reset", end)
        for other in strangers + controls:
            other.close()
        status = self.line("alice").ask({"command": "status"})
        said = [e["error"] for e in status["errors"]]
        check(any("cannot be connected to" in e for e in said), "also of the service", said)
        self.served_again(forward, "new streams are served again")
        self.with_descriptors(alice)

        self.without_descriptors(bob, 1)
        waiting = [self.connect(forward) for _ in range(20)]
        self.check_rest([bob], "no descriptor left for a forward")
        self.speak(client, "a session goes on meanwhile")
        for other in waiting:
            other.close()
        self.with_descriptors(bob)
        self.served_again(forward, "with more of them it serves new connections")
        client.close()
        line.close()
        for node in (alice, bob):
            node.terminate()
            check(node.wait(timeout=DEADLINE_S) == 0, "the node ends in order")

    # ---- memory ----

    def without_memory(self, node, spare_kb):
        kb = [int(line.split()[1]) for line in open(f"/proc/{node.pid}/status")
              if line.startswith("VmData")][0]
        _, hard = resource.prlimit(node.pid, resource.RLIMIT_DATA)
        resource.prlimit(node.pid, resource.RLIMIT_DATA, ((kb + spare_kb) * 1024, hard))

    def with_memory(self, node):
        _, hard = resource.prlimit(node.pid, resource.RLIMIT_DATA)
        resource.prlimit(node.pid, resource.RLIMIT_DATA, (hard, hard))

    def flood(self, forward, who):
        """More than fits: streams whose echo nobody reads, and requests whose answer nobody reads."""
        clients, deadline = [], time.monotonic() + 3
        for _ in range(24):
            try:
                clients.append(self.connect(forward))
            except OSError:
                continue
            clients[-1].setblocking(False)
            clients.append(socket.socket(socket.AF_UNIX))
            clients[-1].setblocking(False)
            clients[-1].connect(str(self.dir / who / "control.sock"))
        request = b'{"command":"status"}\n' * 100
        while clients and time.monotonic() < deadline:
            for client in clients[:]:
                try:
                    client.send(request if client.family == socket.AF_UNIX else b"v" * 65536)
                except BlockingIOError:
                    pass
                except OSError:  # ended for lack of memory
                    clients.remove(client)
        for client in clients:
            client.close()

    def check_memory(self):
        addr = self.start("fred")
        fred = self.nodes[-1]
        self.offer("fred")
        self.start("gwen")
        gwen, line = self.nodes[-1], self.line("gwen")
        forward = line.ask({"command": "connect", "addr": addr, "service": "echo",
                            "background": True})
        check(forward["ok"] and self.speaks(forward), "a stream carries bytes", forward)
        line.close()
        for who, node in (("fred", fred), ("gwen", gwen)):
            for spare_kb in (0, 512):  # few, since dials of one target are bounded
                self.without_memory(node, spare_kb)
                self.flood(forward, who)
                check_quietly(node.poll() is None, "no crash for lack of memory", node.returncode)
                self.with_memory(node)
                self.served_again(forward, f"{who} had {spare_kb} kB: it lives, and serves again")
                status = self.vx6(who, "status", "--json")
                check_quietly(status.returncode == 0, "status", status)
        check("out of memory" in self.log("gwen"), "memory did run out")
        for node in (gwen, fred):
            node.terminate()
            check(node.wait(timeout=DEADLINE_S) == 0, "the node ends in order")

    # ---- clocks ----

    def found_by_a_newcomer(self, entry, offset_s, sentence):
        """Who has no older record to go by."""
        self.newcomers += 1
        who = f"newcomer-{self.newcomers}"
        self.set_clocks(offset_s, who)
        _, node = self.start_clocked(who, "--peer", entry)
        line = self.line(who)
        wait_for(lambda: line.ask({"command": "resolve", "name": "carol"})["ok"], sentence)
        check(True, sentence)
        line.close()
        node.kill()
        node.wait()

    def check_clocks(self):
        """VX6-CTRL-019, VX6-NODE-012"""
        everybody = ("entry", "carol", "dave")
        present = ("to the present", 0, everybody)
        self.is_monotonic_faked = False
        self.check_jumps(everybody, (
            ("a day forward", DAY_S, everybody), present, ("a day back", -DAY_S, everybody),
            ("to 1970", 100 - time.time(), everybody), present,
            ("a day forward, carol's alone", DAY_S, ("carol",)), present))
        # All time passes at once, as for a machine that was halted.
        self.is_monotonic_faked = True
        self.check_jumps(everybody, (("an hour on, as all time", 3600, everybody),
                                     ("a day on, as all time", DAY_S, everybody)))

    def check_jumps(self, everybody, rows):
        self.set_clocks(0, *everybody)
        entry, _ = self.start_clocked("entry")
        self.start_clocked("carol", "--name", "carol", "--peer", entry)
        self.offer("carol")
        self.start_clocked("dave", "--peer", entry)
        nodes = self.nodes[-3:]
        line = self.line("dave")
        forward = line.ask({"command": "connect", "name": "carol.echo", "background": True})
        check(forward["ok"], "a session by name", forward)
        client = self.connect(forward)
        self.speak(client, "a stream carries bytes")
        for sentence, offset_s, whose in rows:
            seen = len(self.log("carol"))
            self.set_clocks(offset_s, *whose)
            self.speak(client, f"clocks set {sentence}: the stream goes on")
            if whose == everybody:
                self.found_by_a_newcomer(entry, offset_s, f"clocks set {sentence}: carol is found")
            self.check_rest(nodes, f"clocks set {sentence}: no storm", 1)
            said = self.log("carol")[seen:]
            check(("clock was set" in said) != self.is_monotonic_faked and "error" not in said,
                  f"clocks set {sentence}: the log says so", said)
        client.close()
        line.close()
        for node in nodes:
            node.terminate()
            check(node.wait(timeout=DEADLINE_S) == 0, "the node ends in order")


if __name__ == "__main__":
    sys.exit(main(ExhaustedTest, __doc__))
