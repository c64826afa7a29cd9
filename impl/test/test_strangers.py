#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What many connections of strangers cost a real node, and those who are no strangers.

usage: test_strangers.py BIN_DIR

The strangers come from addresses of 127.0.0.0/24, the honest peer from ::1: two networks, on one host.
"""
import contextlib
import ctypes
import os
import select
import socket
import sys
import time

sys.dont_write_bytecode = True
import harness
from harness import DEADLINE_S, check

STRANGERS = 400
PENDING_MAX = 64  # link_pending_max
SITE_SHARE = PENDING_MAX // 4  # VX6-LINK-017
HANDSHAKE_S = 5  # handshake_timeout_ms
SAID = [b"", b"\x01", b"\x01\x02\x03\x04\x05", b"\x01" + bytes(31)]  # never a whole message 1
IN_ACCESS, IN_MODIFY, IN_OPEN = 0x1, 0x2, 0x20


class Watch:
    """Counts how often a file of a folder is opened, read or written, by whomever."""

    def __init__(self, folder):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_NONBLOCK)
        mask = IN_ACCESS | IN_MODIFY | IN_OPEN
        if self.fd < 0 or self.libc.inotify_add_watch(self.fd, bytes(folder), mask) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def bytes_of_events(self):
        try:
            return len(os.read(self.fd, 65536))
        except BlockingIOError:
            return 0


def ended(carrier):
    """Whether the node has closed this connection."""
    try:
        return carrier.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


class Test(harness.Test):
    def connect_strangers(self, stack, sites):
        carriers = []
        for i in range(STRANGERS):
            source = (f"127.0.0.{1 + i % sites}", 0)
            carrier = stack.enter_context(socket.create_connection(self.ipv4, DEADLINE_S, source))
            carrier.setblocking(False)
            with contextlib.suppress(ConnectionError):
                carrier.send(SAID[i % len(SAID)])
            carriers.append(carrier)
        return carriers

    def left_of(self, carriers, count):
        """The carriers still open once no more than `count` are, or at the deadline."""
        end = time.monotonic() + DEADLINE_S
        while len(carriers) > count and time.monotonic() < end:
            select.select(carriers, [], [], 0.1)
            carriers = [c for c in carriers if not ended(c)]
        return carriers

    def run(self):
        port = harness.free_port()
        self.ipv4 = ("127.0.0.1", port)
        self.addr = self.start("alice", "--name", "alice", "--listen", f"127.0.0.1:{port}")
        self.process = harness.Process(self.nodes[0].pid)
        self.start("bob")
        self.watch = Watch(self.dir / "alice")
        control = self.line("alice")
        check(control.ask({"command": "service_add", "name": "web", "exposure": "public",
                           "target": "127.0.0.1:9"})["ok"], "alice offers a service")
        check(self.watch.bytes_of_events() > 0, "which is seen to be written to her state")
        self.test_N2_connections_read_no_file_and_cost_little()
        self.test_N1_idle_connections_keep_nobody_out()
        control.close()

    def test_N1_idle_connections_keep_nobody_out(self):
        """VX6-LINK-017, VX6-LINK-019"""
        bob = self.line("bob")
        with contextlib.ExitStack() as stack:
            began = time.monotonic()
            carriers = self.left_of(self.connect_strangers(stack, 8), PENDING_MAX)
            check(len(carriers) == PENDING_MAX,
                  f"of {STRANGERS} idle connections from one network {PENDING_MAX} are kept",
                  len(carriers))
            forward = bob.ask({"command": "connect", "addr": self.addr, "service": "web",
                               "background": True})
            check(forward["ok"] and forward["state"] == "up",
                  "a peer from another network gets its session meanwhile", forward)
            check(sum(map(ended, carriers)) == 1 or time.monotonic() - began > HANDSHAKE_S,
                  "in the place of one of them")
            check(self.left_of(carriers, 0) == [] and
                  time.monotonic() - began >= HANDSHAKE_S - 1,
                  "and these are closed when the time for a handshake is over")
        bob.close()

    def test_N2_connections_read_no_file_and_cost_little(self):
        """VX6-LINK-017, VX6-NODE-010"""
        before, before_kb = self.process.descriptors(), self.process.resident_kb()
        with contextlib.ExitStack() as stack:
            carriers = self.left_of(self.connect_strangers(stack, 1), SITE_SHARE)
            descriptors, grown_kb = self.process.descriptors() - before, self.process.resident_kb() - before_kb
            check(descriptors == len(carriers) == SITE_SHARE,
                  f"{STRANGERS} connections from one site: {SITE_SHARE} descriptors", descriptors)
            check(grown_kb < 1024, "less than 1 MiB of memory", grown_kb)
            check(self.watch.bytes_of_events() == 0, "and no file of the state is touched for them")
        end = time.monotonic() + DEADLINE_S
        while self.process.descriptors() > before and time.monotonic() < end:
            time.sleep(0.02)
        check(self.process.descriptors() == before, "afterwards as many descriptors as before",
              self.process.descriptors())


if __name__ == "__main__":
    sys.exit(harness.main(Test, __doc__))
