#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A node that is killed at random moments, as it starts and under load: no change that it acknowledged is
lost, one that was under way is there as a whole or not at all, no sequence number comes twice, in its state
nor in the records that a peer is given, and it starts again as if nothing had been. Needs no privileges.

usage: test_crash.py BIN_DIR [KILLS [SEED]]

KILLS: how often (500); each SEED draws other changes and moments (from the clock, and printed).
"""
import os
import random
import sqlite3
import sys
import tempfile
import threading
import time

from harness import DEADLINE_S, Line, Test, check, check_quietly, free_port, main, wait_for
from registry import KINDS, Registry

from peer import Peer
from peer_records import Identity, verify_bundle

STEP = 1 << 20
START_S, LOAD_S = 0.02, 0.06  # kills come within so much of a start, or of its end
EARLY, PUBLISHED = 0.2, 0.05  # so many of them as it starts, and so many after it has published


class Witness(Peer):
    """An entry peer that holds what it is given, and compares."""

    def __init__(self):
        super().__init__(Identity("witness", []))
        self.records = {}  # sequence number -> the record
        self.reused = []
        hold = self.responder.store

        def store(source, token, key, bundle):
            record = verify_bundle(bundle, key)["record"]
            if self.records.setdefault(record["sequence"], record) != record:
                self.reused.append(record["sequence"])
            return hold(source, token, key, bundle)
        self.responder.store = store

    def endpoint(self):
        ip, port = self.address[:2]
        return f"{ip}:{port}"


class CrashTest(Test):
    kills, seed = 500, int(time.time())

    def run(self):
        print(f"seed {self.seed}", flush=True)
        self.random = random.Random(self.seed)
        self.witness = Witness()
        self.addr = f"127.0.0.1:{free_port()}"
        self.promised = self.possible = Registry()
        self.sequence, self.key, self.changes, self.early = 0, None, {kind.__name__: 0 for kind in KINDS}, 0
        for _ in range(self.kills):
            self.live_and_die()
        self.start_and_look().kill()
        check(self.early > 0 and all(self.changes.values()),
              f"killed {self.early} times as it started, {self.kills - self.early} times among "
              f"{sum(self.changes.values())} changes: all that was acknowledged is there", self.changes)
        check(not self.witness.reused and len(self.witness.records) >= self.kills * PUBLISHED / 4,
              f"a peer was given {len(self.witness.records)} records, no two with one number",
              self.witness.reused)

    def address_of(self, who):
        return self.addr

    def live_and_die(self):
        if self.random.random() < EARLY:
            node, _ = self.launch("killed", "--peer", self.witness.endpoint())
            time.sleep(self.random.uniform(0, START_S))  # the moment of its end, and nothing waits for it
            self.early += 1
        else:
            node = self.start_and_look()
            if self.random.random() < PUBLISHED:
                before = len(self.witness.records)
                wait_for(lambda: len(self.witness.records) > before, "it publishes")
            timer = threading.Timer(self.random.uniform(0, LOAD_S), node.kill)
            timer.start()
            self.change_until_it_dies()
            timer.join()
        node.kill()
        node.wait(timeout=DEADLINE_S)
        self.nodes.remove(node)

    def connect(self, node):
        """As soon as it listens."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                return Line(str(self.dir / "killed" / "control.sock"))
            except OSError:
                check_quietly(node.poll() is None and time.monotonic() < deadline, "it starts again",
                              self.log("killed")[-1000:])
                time.sleep(0.001)

    def start_and_look(self):
        node, _ = self.launch("killed", "--peer", self.witness.endpoint())
        self.control = self.connect(node)
        found = Registry.of(self.control)
        check_quietly(found in (self.promised, self.possible), "all that was acknowledged is there",
                      (found, self.promised, self.possible))
        self.promised = self.possible = found
        status = self.control.ask({"command": "status"})
        check_quietly(status["key"] == (self.key or status["key"]), "it is the same node", status["key"])
        check_quietly(status["errors"] == [], "it starts without a complaint", status["errors"])
        self.key = status["key"]
        taken = self.taken()
        check_quietly(taken >= self.sequence + STEP, "no sequence number comes twice", taken)
        self.sequence = taken
        return node

    def taken(self):
        database = sqlite3.connect(f"file:{self.dir}/killed/state.db?mode=ro", uri=True)
        try:
            return database.execute("SELECT sequence FROM identity").fetchone()[0]
        finally:
            database.close()

    def change_until_it_dies(self):
        try:
            while True:
                request, self.possible = self.promised.draw(self.random)
                answer = self.control.ask(request)
                if answer is None:
                    break
                check_quietly(answer["ok"], "a change is granted", (request, answer))
                self.promised = self.possible
                self.changes[request["command"]] += 1
        except OSError:  # it has gone
            pass
        self.control.close()


if __name__ == "__main__":
    if os.path.isdir("/dev/shm"):  # what is on the disk is not at stake, and this is faster
        tempfile.tempdir = "/dev/shm"
    if len(sys.argv) > 2:
        CrashTest.kills = int(sys.argv[2])
    if len(sys.argv) > 3:
        CrashTest.seed = int(sys.argv[3])
    del sys.argv[2:]
    sys.exit(main(CrashTest, __doc__))
