#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""vx6-node hears of a revocation that nobody brings to it: among holders that were written from spec/ alone
one has the tombstone of a client, and the others lie.

usage: test_interop_revoked.py BIN_DIR
"""
import signal
import socket
import threading
import time

import test_interop as interop
from test_interop import DEADLINE_S, Sessions, check, key_text, refused_with, start_echo

SECONDS = 15  # within which a node that has just come back has asked


class Test(interop.Test):
    def run(self):
        self.start("alice", "--name", "alice")
        self.vx6("alice", "service", "add", "web", f"127.0.0.1:{start_echo()}", "--private",
                 "--allow", key_text(self.me.key))
        self.stop()
        peers = [self.holder(b"") for _ in range(2)]
        peers += [self.holder(self.me.bundle()), self.holder(self.me.tombstone())]
        self.alice = self.start("alice", *(word for peer in peers
                                           for word in ("--peer", "%s:%d" % peer.address)))
        self.check_session()
        check(all("find_value" in peer.responder.asked for peer in peers),
              "it has asked all who could know (VX6-NAME-030)")
        self.stop()
        self.alice = self.start("alice")
        check(self.refusal() == "REVOKED", "a restart, with nobody there to ask, changes nothing")

    def stop(self):
        self.nodes[-1].send_signal(signal.SIGTERM)
        check(self.nodes[-1].wait(timeout=DEADLINE_S) == 0, "the node ends in order")

    def holder(self, value):
        """Shows this of the client, and tells nobody unasked."""
        peer = self.new_peer()
        if value:
            peer.responder.held[self.me.id] = {self.me.key: value}
        return peer

    def check_session(self):
        began = time.monotonic()
        sessions = Sessions(self.dial())
        session = sessions.open("web")
        stream = session.open_stream()
        stream.write(b"hello")
        sessions.run(lambda: stream.received == b"hello")
        check(True, "the client has come first, and is served")
        patience = threading.Timer(SECONDS, sessions.link.carrier.shutdown, (socket.SHUT_RDWR,))
        patience.start()
        link_ended = refused_with(lambda: sessions.run(lambda: session.closed))
        patience.cancel()
        took_s = time.monotonic() - began
        check(session.closed == "REVOKED",
              f"its session ends {took_s:.1f} s later, without a command (VX6-NAME-031, VX6-NAME-018)",
              (session.closed, link_ended))
        check(self.refusal() == "REVOKED", "it is not let in again")

    def refusal(self):
        sessions = Sessions(self.dial())
        session = sessions.open("web")
        sessions.run(lambda: session.closed or session.secret)
        sessions.link.close()
        return session.closed


if __name__ == "__main__":
    interop.sys.exit(interop.main(Test))
