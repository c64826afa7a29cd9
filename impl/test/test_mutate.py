#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A running node, and peers who hold keys and change what they say before they seal it.

usage: test_mutate.py BIN_DIR [COUNT [SEED]]

COUNT inputs (20000) are made by mutate-node from SEED (1), see fuzz/README.md. Afterwards the node holds no more
than before, and who comes finds it by name and moves bytes.
"""
import os
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
import harness
from harness import DEADLINE_S, check

COUNT, SEED = 20000, 1
WARM_COUNT = 2000  # before the node is looked at first
GROWN_KB_MAX = 8192
REFUSED = ("link_refused", "datagram_refused", "ask_refused", "bundle_refused", "session_refused")


class Test(harness.Test):
    def status(self):
        return self.control.ask({"command": "status"})

    def open_things(self):
        counts = self.status()["counts"]
        return {what: counts[what] for what in ("links", "sessions", "streams", "operations")}

    def address_of(self, who):
        """Loopback of IPv4 has networks, of which so many handshakes are taken from each (VX6-LINK-027)."""
        return f"127.0.0.1:{harness.free_port()}"

    def mutate(self, seed, count):
        port = self.addr.rsplit(":", 1)[1]
        run = subprocess.run([self.bin / "mutate-node", "--addr", f"[::ffff:127.0.0.1]:{port}",
                              "--key", self.key,
                              "--seed", str(seed), "--count", str(count)],
                             stdout=subprocess.PIPE, text=True)
        print(run.stdout, end="")
        check(run.returncode == 0 and self.node.poll() is None,
              f"{count} changed inputs, and the node answers", run)

    def settle(self, things, descriptors):
        """Until nothing more is open than there was, or the deadline."""
        end = time.monotonic() + DEADLINE_S
        while (now := (self.open_things(), self.process.descriptors())) != (things, descriptors) and \
                time.monotonic() < end:
            time.sleep(0.05)
        return now

    def run(self):
        echo = harness.Echo()
        self.addr = self.start("dora", "--name", "dora")  # the peers claim other names
        self.node = self.nodes[0]
        self.process = harness.Process(self.node.pid)
        self.control = self.line("dora")
        self.key = self.control.ask({"command": "identity"})["key"]
        service = self.control.ask({"command": "service_add", "name": "web", "exposure": "public",
                                    "target": echo.target})
        check(service["ok"], "a node offers a service", service)
        things, descriptors = self.open_things(), self.process.descriptors()

        self.mutate(SEED + 1, WARM_COUNT)
        check(self.settle(things, descriptors) == (things, descriptors),
              "then nothing is open that was not before", self.open_things())
        before_kb = self.process.resident_kb()
        self.mutate(SEED, COUNT)
        check(self.settle(things, descriptors) == (things, descriptors),
              "then nothing is open that was not before, and no descriptor",
              (self.open_things(), self.process.descriptors(), things, descriptors))
        grown_kb = self.process.resident_kb() - before_kb
        check(grown_kb < GROWN_KB_MAX, f"memory has grown by {grown_kb} kB", grown_kb)
        counters = self.status()["counters"]
        check(all(counters[what] > 0 for what in REFUSED), "refused: " +
              ", ".join(f"{counters[what]} {what}" for what in REFUSED), counters)
        self.check_visit()
        self.control.close()

    def check_visit(self):
        self.start("carol", "--peer", self.addr)
        carol = self.line("carol")
        forward = carol.ask({"command": "connect", "name": "dora.web", "background": True})
        check(forward["ok"] and forward["key"] == self.key,
              "an honest peer connects by name", forward)
        port = int(forward["listen"].rsplit(":", 1)[1])
        sent = os.urandom(1 << 20)
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
            threading.Thread(target=client.sendall, args=(sent,), daemon=True).start()
            got = b""
            while len(got) < len(sent) and (data := client.recv(65536)):
                got += data
        check(got == sent, "and a MiB comes back from the service")
        carol.close()


if __name__ == "__main__":
    # Under AddressSanitizer freed memory is kept for a while, which is not the node's doing.
    os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=1")
    if all(argument.isdigit() for argument in sys.argv[2:4]):
        COUNT, SEED = map(int, (sys.argv[2:4] + [COUNT, SEED][len(sys.argv[2:4]):]))
        del sys.argv[2:4]
    sys.exit(harness.main(Test, __doc__))
