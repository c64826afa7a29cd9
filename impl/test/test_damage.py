#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Damaged states: a node either starts as the node that it was, or says in one line what is wrong and
what to do. It never crashes, never becomes another node, and leaves what it refuses as it was.
Needs no privileges.

usage: test_damage.py BIN_DIR [FLIPS [SEED]]

FLIPS: how many states with random bytes changed are tried (60); each SEED changes others.
"""
import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys

from harness import DEADLINE_S, Test, check, check_quietly, free_port, main

PAGE = 4096
SERVICES = {f"service-{i}": f"127.0.0.1:{4000 + i}" for i in range(12)}
KEY = re.compile(r"this node is ([a-z2-7]{56})(, called alice)?\n")
WAYS_OUT = ("restore", "move it away", "move away", "update VX6", "--name", "--state", "chown",
            "move the link away")


class DamageTest(Test):
    flips, seed = 60, 1

    def run(self):
        self.make()
        for check_one in (self.check_lengths, self.check_pages, self.check_log, self.check_schema,
                          self.check_other_things, self.check_modes, self.check_names,
                          self.check_flips):
            check_one()

    def make(self):
        """A state as a node leaves it, and one of a node that was killed with changes in the log."""
        self.golden, self.logged = self.dir / "golden", self.dir / "logged"
        self.start("golden", "--name", "alice")
        line = self.line("golden")
        for name, target in SERVICES.items():
            line.ask({"command": "service_add", "name": name, "target": target,
                      "exposure": "public"})
        self.key = line.ask({"command": "identity"})["key"]
        line.close()
        shutil.copytree(self.golden, self.logged, ignore=shutil.ignore_patterns("*.sock", "lock"))
        self.nodes[-1].terminate()
        check(self.nodes[-1].wait(timeout=DEADLINE_S) == 0, "a state is made")
        check((self.logged / "state.db-wal").stat().st_size > PAGE, "and one with a log")
        self.case = 0

    def copy(self, source=None):
        self.case += 1
        where = self.dir / f"case-{self.case}"
        shutil.copytree(source or self.golden, where)
        return where

    def try_start(self, where):
        """(key or None, what it said)"""
        node = subprocess.Popen([self.bin / "vx6-node", "--state", where, "--listen",
                                 f"[::1]:{free_port()}"], stderr=subprocess.PIPE, text=True)
        said, key = "", None
        try:
            for line in node.stderr:
                said += line
                if KEY.search(line):
                    key = KEY.search(line).group(1)
                    break
        finally:
            if key:
                node.terminate()
            said += node.communicate(timeout=DEADLINE_S)[1]
        check_quietly(node.returncode == (0 if key else 1), "no crash", (node.returncode, said))
        return key, said

    def starts(self, where, sentence, key=None):
        found, said = self.try_start(where)
        check(found == (key or self.key), sentence, said)
        shutil.rmtree(where)
        return said

    def refuses(self, where, sentence, why="", is_late=False):
        """One line, with a way out; the database is as it was, unless what is wrong shows so late
        that the numbers of this run are taken."""
        path = where / "state.db"
        before = path.read_bytes() if path.is_file() else None
        key, said = self.try_start(where)
        self.judge_refusal(key, said, sentence, why)
        after = path.read_bytes() if path.is_file() else None
        check_quietly(is_late or before == after, f"{sentence}: it is left alone", said)
        shutil.rmtree(where)

    def judge_refusal(self, key, said, sentence, why=""):
        last = said.splitlines()[-1] if said else ""
        check(key is None and last.startswith("vx6-node: ") and why in last and
              any(way in last for way in WAYS_OUT), f"{sentence}: {last}", said)

    def either(self, where, sentence):
        """Damage that may or may not show: the same node, or a refusal."""
        key, said = self.try_start(where)
        if key:
            check_quietly(key == self.key, f"{sentence}: the same node", said)
        else:
            last = said.splitlines()[-1]
            check_quietly(last.startswith("vx6-node: ") and any(w in last for w in WAYS_OUT),
                          f"{sentence}: a way out", said)
        shutil.rmtree(where)
        return key is not None

    def check_lengths(self):
        size = (self.golden / "state.db").stat().st_size
        for length in (0, 1, 15, 16, 99, 100, 512, PAGE - 1, PAGE, PAGE + 1, size // 2, size - PAGE):
            where = self.copy()
            os.truncate(where / "state.db", length)
            self.refuses(where, f"cut to {length} bytes")
        where = self.copy()
        os.truncate(where / "state.db", size - 1)
        self.either(where, "the last byte cut off")

    def overwrite(self, where, offset, data, name="state.db"):
        with open(where / name, "r+b") as file:
            file.seek(offset)
            file.write(data)

    def check_pages(self):
        size = (self.golden / "state.db").stat().st_size
        where = self.copy()
        self.overwrite(where, 0, bytes(100))
        self.refuses(where, "the header zeroed")
        for page in range(size // PAGE):
            where = self.copy()
            self.overwrite(where, page * PAGE, bytes(PAGE))
            self.refuses(where, f"page {page} of {size // PAGE} zeroed")
        for page in range(1, size // PAGE):
            where = self.copy()  # an empty table, as far as SQLite can tell
            self.overwrite(where, page * PAGE, b"\x0d" + bytes(4) + b"\x10" + bytes(PAGE - 6))
            self.either(where, f"page {page} without a row")

    def check_log(self):
        """What the log has lost is lost, but the node and its numbers are the same."""
        size = (self.logged / "state.db-wal").stat().st_size
        numbers = self.sequence(self.golden)
        for length in (0, 31, 32, 33, PAGE, size // 2, size - 1):
            where = self.copy(self.logged)
            os.truncate(where / "state.db-wal", length)
            if length == 0:
                (where / "state.db-shm").unlink()
            self.try_start(where)
            check_quietly(self.sequence(where) > numbers, "no number comes twice", length)
            self.starts(where, f"the log cut to {length} bytes: the same node")
        draw = random.Random(self.seed)
        for _ in range(10):
            where = self.copy(self.logged)
            offset = draw.randrange(size)
            self.overwrite(where, offset, bytes([draw.randrange(256)]), "state.db-wal")
            self.either(where, f"the log changed at {offset}")
        where = self.copy(self.logged)
        (where / "state.db").unlink()
        self.refuses(where, "a log without its database", "state.db-wal")

    def sequence(self, where):
        database = sqlite3.connect(where / "state.db")
        try:
            return database.execute("SELECT sequence FROM identity").fetchone()[0]
        finally:
            database.close()

    def execute(self, where, sql):
        database = sqlite3.connect(where / "state.db")
        database.executescript(sql)
        database.close()

    def check_schema(self):
        rows = (("PRAGMA user_version = 99", "update VX6"), ("PRAGMA user_version = 0", "no state"),
                ("DROP TABLE identity", "no such table"), ("DELETE FROM identity", "not whole"),
                ("UPDATE identity SET seed = zeroblob(64)", "not whole"),
                ("UPDATE identity SET seed = x''", "not whole"))
        for sql, why in rows:
            where = self.copy()
            self.execute(where, sql)
            self.refuses(where, sql, why)
        for sql, why in (("DROP TABLE binding", "no such table"),
                         ("INSERT INTO binding (label, key) VALUES ('bob', x'00')", "not whole")):
            where = self.copy()
            self.execute(where, sql)
            self.refuses(where, sql, why, is_late=True)

    def check_other_things(self):
        where = self.copy()
        (where / "state.db").write_text("this is no database\n" * 1000)
        self.refuses(where, "a text in its place", "not a database")
        where = self.copy()
        (where / "state.db").unlink()
        (where / "state.db").mkdir()
        self.refuses(where, "a directory in its place")
        where = self.copy()
        (where / "state.db").unlink()
        os.mkfifo(where / "state.db")
        self.refuses(where, "a pipe in its place", "no file")
        where = self.copy()
        (where / "state.db").rename(where / "elsewhere.db")
        (where / "state.db").symlink_to("elsewhere.db")
        self.starts(where, "a link to it: the same node")
        where = self.copy()
        (where / "state.db").unlink()
        (where / "state.db").symlink_to("/nowhere/state.db")
        self.refuses(where, "a link that leads nowhere")
        where = self.copy()
        (where / "lock").unlink(missing_ok=True)
        (where / "lock").mkdir()
        self.refuses(where, "a directory for the lock")
        where = self.copy()
        (where / "control.sock").mkdir()
        self.refuses(where, "a directory for the socket", is_late=True)
        where = self.copy()
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(where / "control.sock"))
        self.starts(where, "a socket of a node that was killed is no hindrance")

    def check_modes(self):
        """VX6-CTRL-001"""
        where = self.copy()
        (where / "state.db").chmod(0o644)
        key, said = self.try_start(where)
        check(key == self.key and (where / "state.db").stat().st_mode & 0o777 == 0o600,
              "a file that others may read is closed to them", said)
        if os.geteuid() == 0:
            os.chown(where / "state.db", 1, 1)
            self.refuses(where, "a file of another user", "another user")

    def check_names(self):
        where = self.copy()
        self.execute(where, "UPDATE setting SET value = 'al\x1bice' WHERE name = 'name'")
        self.refuses(where, "a name that is none", "--name", is_late=True)
        where = self.copy()
        self.execute(where, "UPDATE service SET target = '0.0.0.0:0' WHERE name = 'service-3';"
                            "INSERT INTO service VALUES ('A\x1bB', '127.0.0.1:1', 'public');"
                            "INSERT INTO contact VALUES (x'00', 'x'); INSERT INTO peer VALUES ('y')")
        said = self.starts(where, "services that are none are left out")
        check("service-3" in said and "\x1b" not in said, "and named, harmless for a terminal", said)

    def check_flips(self):
        """VX6-CTRL-017"""
        draw = random.Random(self.seed)
        size = (self.golden / "state.db").stat().st_size
        started = 0
        for _ in range(self.flips):
            where = self.copy()
            offsets = [draw.randrange(size) for _ in range(draw.choice((1, 8, 64)))]
            for offset in offsets:
                self.overwrite(where, offset, bytes([draw.randrange(256)]))
            started += self.either(where, f"bytes changed at {offsets}")
        check(0 < started < self.flips,
              f"of {self.flips} with bytes changed {started} start, as the same node")
        seed, digest = self.identity_bytes()
        for bytes_of, what in ((seed, "the seed"), (digest, "its digest")):
            content = (self.golden / "state.db").read_bytes()
            offset = content.index(bytes_of)
            for bit in (0, 77, 255):
                where = self.copy()
                changed = content[offset + bit // 8] ^ 1 << bit % 8
                self.overwrite(where, offset + bit // 8, bytes([changed]))
                self.refuses(where, f"bit {bit} of {what} changed", "not whole")

    def identity_bytes(self):
        database = sqlite3.connect(f"file:{self.golden}/state.db?mode=ro&immutable=1", uri=True)
        try:
            return database.execute("SELECT seed, digest FROM identity").fetchone()
        finally:
            database.close()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        DamageTest.flips = int(sys.argv[2])
    if len(sys.argv) > 3:
        DamageTest.seed = int(sys.argv[3])
    del sys.argv[2:]
    sys.exit(main(DamageTest, __doc__))
