#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""vx6 doctor: each check on a state or node for which it fails, and the way out of a damaged database. Needs no
privileges. What takes a network is in test_reach.py and test_clock.py, a full disk in test_disk.py.

usage: test_doctor.py BIN_DIR
"""
import fcntl
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys

from harness import DEADLINE_S, Test, check, check_quietly, main
from registry import primitives

PAGE = 4096
PINNED, FIRST_USE = (primitives.identity_key(bytes([seed]) * 32) for seed in (1, 2))


class DoctorTest(Test):
    def run(self):
        self.check_well()
        self.check_node()
        self.check_places()
        self.check_without_node()
        self.check_rows()
        self.check_advice()
        self.check_revoked()
        self.check_killed()
        self.check_pages()
        self.check_lost_identity()

    def doctor(self, who, *words):
        """(exit code, what it says: list of checks)"""
        done = self.vx6(who, "doctor", "--json", *words)
        answer = json.loads(done.stdout)
        failed = sum(item["result"] == "failed" for item in answer["checks"])
        check_quietly(done.returncode == (failed > 0) and answer["failed"] == failed, "exit code", done)
        for item in answer["checks"]:
            check_quietly(item["what"] and (item["todo"] or item["result"] == "ok") and
                          "\n" not in item["what"], "one line, and what to do", item)
        return answer

    def says(self, who, check_name, result, words, *options):
        answer = self.doctor(who, *options)
        found = [item for item in answer["checks"]
                 if item["check"] == check_name and item["result"] == result and words in item["what"]]
        check(found, f"{check_name} is {result}: {words}", answer)
        return answer

    def check_well(self):
        """VX6-CTRL-031"""
        self.start("alice", "--name", "alice")
        with socket.create_server(("127.0.0.1", 0)) as program:
            target = f"127.0.0.1:{program.getsockname()[1]}"
            self.line("alice").ask({"command": "service_add", "name": "web", "target": target, "exposure": "public"})
            answer = self.doctor("alice")
        check(answer["failed"] == 0 and answer["running"] and
              {item["check"] for item in answer["checks"]} == {"directory", "files", "disk", "registry", "node",
                                                               "key", "listening", "reach", "clock", "peers",
                                                               "service"},
              "a node that is well: each check has its say, and none has failed", answer)
        shown = self.vx6("alice", "doctor").stdout.splitlines()
        check(len(shown) == len(answer["checks"]) and
              all(line.startswith(("ok ", "warning ", "failed ")) for line in shown), "one line each", shown)
        self.target = target

    def check_node(self):
        self.says("alice", "service", "failed", f"nothing listens at its target {self.target}")
        self.says("alice", "peers", "warning", "knows nobody")
        self.says("alice", "reach", "warning", "is not known")
        self.launch("lost", "--peer", self.address_of("nobody"))
        self.vx6("lost", "status", "--wait", "--timeout", "1")
        self.says("lost", "peers", "failed", "has not joined")
        before = self.state("alice")
        self.says("alice", "repair", "failed", "stop it, then run vx6 doctor --repair again", "--repair")
        check(self.state("alice") == before, "a running node's state is not repaired")

    def state(self, who):
        return sorted(path.name for path in (self.dir / who).iterdir() if "damaged" in path.name or path.suffix == ".db")

    def check_places(self):
        """VX6-CTRL-001"""
        answer = self.says("nowhere", "directory", "failed", "there is no")
        check(not answer["running"] and not (self.dir / "nowhere").exists(), "and none is made", answer)
        (self.dir / "alice").chmod(0o755)
        self.says("alice", "directory", "failed", "others may look into")
        (self.dir / "alice").chmod(0o700)
        (self.dir / "alice" / "state.db").chmod(0o644)
        self.says("alice", "files", "failed", "others may look into")
        (self.dir / "alice" / "state.db").chmod(0o600)
        if os.geteuid() == 0:
            os.chown(self.dir / "alice" / "state.db", 1, 1)
            self.says("alice", "files", "failed", "belongs to another user")
            os.chown(self.dir / "alice" / "state.db", 0, 0)

    def check_without_node(self):
        self.vx6("bob", "init", "--name", "bob", check=True)
        self.key, self.other = (json.loads(self.vx6(who, "identity", "--json", check=True).stdout)["key"]
                                for who in ("bob", "alice"))
        answer = self.says("bob", "node", "warning", "no node is running")
        check(answer["failed"] == 0 and not answer["running"], "a state without a node is well", answer)
        with open(self.dir / "bob" / "lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.says("bob", "node", "failed", "does not answer")
        with socket.socket(socket.AF_INET6) as stream, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagrams:
            for taken in (stream, datagrams):
                try:
                    taken.bind(("::", 4242))
                except OSError:
                    pass  # somebody else has it, then
            stream.listen()
            self.says("bob", "port", "warning", "[::]:4242, TCP, cannot be had")
            self.says("bob", "port", "warning", "[::]:4242, UDP, cannot be had")

    # ---- damage ----

    def execute(self, who, sql, *values):
        database = sqlite3.connect(self.dir / who / "state.db")
        with database:
            rows = database.execute(sql, values).fetchall()
        database.close()
        return rows

    def make(self, who, source="bob"):
        shutil.copytree(self.dir / source, self.dir / who)

    def fill(self, who):
        """What a person would miss."""
        self.make(who)
        for number in range(100):
            self.execute(who, "INSERT INTO binding (label, key, pinned) VALUES (?, ?, 1)", f"friend-{number}", PINNED)
        self.execute(who, "INSERT INTO service VALUES ('web', '127.0.0.1:80', 'private'), ('far', ?, 'hosted')", self.other)
        self.execute(who, "INSERT INTO allowed (service, key) VALUES ('web', ?)", FIRST_USE)

    def lines(self, answer, result="warning"):
        return [item["what"] for item in answer["checks"] if item["check"] == "repair" and item["result"] == result]

    def copy_of(self, who):
        copies = [path for path in (self.dir / who).glob("state.db.damaged-*") if not path.name.endswith("-wal")]
        check(len(copies) == 1 and copies[0].stat().st_mode & 0o777 == 0o600, "a copy is kept, its owner's alone", copies)
        return copies[0].read_bytes()

    def starts(self, who):
        node, _ = self.launch(who)
        self.vx6(who, "status", "--wait", check=True)
        found = self.line(who).ask({"command": "identity"})["key"]
        node.terminate()
        check(node.wait(timeout=DEADLINE_S) == 0 and found == self.key, "the node starts, and is the same", found)

    def check_rows(self):
        """VX6-CTRL-034: what is lost is named, and what is not is kept."""
        self.fill("rows")
        for sql in ("INSERT INTO binding (label, key) VALUES ('mallory', x'00')",
                    "INSERT INTO binding (label, key) VALUES ('a\x1b[31m', zeroblob(32))",
                    "INSERT INTO allowed VALUES ('web', zeroblob(32), zeroblob(33))",
                    "INSERT INTO service VALUES ('Web!', '127.0.0.1:1', 'public')",
                    "INSERT INTO known_key VALUES ('not an address', zeroblob(32))",
                    "INSERT INTO contact VALUES (x'0102', '[::1]:1')"):
            self.execute("rows", sql)
        answer = self.says("rows", "registry", "failed", "binding mallory: its key is not whole")
        found = [item["what"] for item in answer["checks"] if item["check"] == "registry"]
        check(len(found) == 6 and not any("\x1b" in line for line in found), "each row is named, harmlessly", found)
        before, sequence = (self.dir / "rows" / "state.db").read_bytes(), self.execute("rows", "SELECT sequence FROM identity")
        answer = self.says("rows", "repair", "ok", "all that is whole was kept", "--repair")
        check(answer["failed"] == 0 and sorted(self.lines(answer)) == sorted(found), "the same are said to be lost", answer)
        check(self.copy_of("rows") == before, "the copy is what was there")
        check(self.execute("rows", "SELECT count(*), min(key), min(pinned) FROM binding") == [(100, PINNED, 1)] and
              self.execute("rows", "SELECT name, exposure FROM service") == [("far", "hosted"), ("web", "private")] and
              self.execute("rows", "SELECT service, key FROM allowed") == [("web", FIRST_USE)], "all else is kept")
        check(self.execute("rows", "SELECT sequence FROM identity")[0][0] >= sequence[0][0] + 2**40,
              "no number comes twice")
        self.starts("rows")

    def check_advice(self):
        """Each kind of row that a node cannot use is named, and what sets it right fits its kind."""
        rows = [("INSERT INTO setting VALUES ('colour', 'blue')", "setting colour: there is no such", "--name"),
                ("UPDATE setting SET value = 'Bob'", "setting name: it is no name", "--name"),
                ("INSERT INTO service VALUES ('s1', '127.0.0.1:1', 'open')", "service s1: it does not say who", "service add"),
                ("INSERT INTO service VALUES ('s2', '0.0.0.0:1', 'public')", "service s2: its target", "service add"),
                ("INSERT INTO service VALUES ('s3', '127.0.0.1:1', 'hosted')", "service s3: its target", "service add"),
                ("INSERT INTO allowed (service, key) VALUES ('web', zeroblob(32))", "allowed web: its key is none", "service allow"),
                ("INSERT INTO binding (label, key) VALUES ('carol', x'01')", "binding carol: its key", "vx6 pin"),
                ("INSERT INTO peer VALUES ('nowhere')", "peer nowhere: its address", "peer add"),
                ("INSERT INTO contact VALUES (x'02', '[::1]:1')", "contact : its key", "by itself"),
                ("INSERT INTO known_key VALUES ('[::1]:1', x'03')", "known_key [::1]:1: its key", "--key"),
                ("INSERT INTO revoked VALUES (x'04', x'', 0)", "revoked : its key", "vx6 revoke")]
        self.fill("advice")
        for sql, _, _ in rows:
            self.execute("advice", sql)
        found = {item["what"] for item in self.doctor("advice")["checks"] if item["check"] == "registry"}
        lost = {item["what"]: item["todo"] for item in self.doctor("advice", "--repair")["checks"]
                if item["check"] == "repair" and item["result"] == "warning"}
        check(found == set(lost) and len(lost) == len(rows), "each of them is named, and left out", (found, lost))
        for _, line, todo in rows:
            fits = [what for what in lost if what.startswith(line) and todo in lost[what]]
            check_quietly(len(fits) == 1, f"{line}: {todo}", lost)
        check(self.doctor("advice")["failed"] == 0, "and what is to be done fits the kind of row")

    def check_revoked(self):
        """VX6-CTRL-036: a revocation that is damaged keeps no node from starting, and is not lost in silence."""
        for who in ("culprit", "other"):
            self.vx6(who, "init", check=True)
            self.vx6(who, "identity", "revocation", str(self.dir / f"{who}.revocation"), check=True)
        self.start("rev", "--name", "bob")
        for who in ("culprit", "other"):
            self.vx6("rev", "revoke", str(self.dir / f"{who}.revocation"), check=True)
        self.stop_last()
        whole = self.execute("rev", "SELECT key, certificate FROM revoked ORDER BY key")
        for sql, values in (("UPDATE revoked SET certificate = x'00' WHERE key = ?", (whole[0][0],)),
                            ("UPDATE revoked SET certificate = ? WHERE key = ?", (whole[1][1], whole[0][0])),
                            ("UPDATE revoked SET certificate = zeroblob(3000) WHERE key = ?", (whole[0][0],)),
                            ("UPDATE revoked SET key = x'00' WHERE key = ?", (whole[0][0],))):
            shutil.rmtree(self.dir / "damaged", ignore_errors=True)
            self.make("damaged", "rev")
            self.execute("damaged", sql, *values)
            self.says("damaged", "registry", "failed", "its key is not whole" if "SET key" in sql
                      else "its certificate does not revoke it")
            self.start("damaged")
            errors = self.line("damaged").ask({"command": "status"})["errors"]
            check([error["event"] for error in errors] == ["revocation_left_out"], "it is left out, and that is said",
                  errors)
            self.stop_last()
        self.says("damaged", "repair", "ok", "all that is whole", "--repair")
        check(self.execute("damaged", "SELECT key, certificate FROM revoked") == [whole[1]], "the other one is kept")

    def stop_last(self):
        self.nodes[-1].terminate()
        check_quietly(self.nodes[-1].wait(timeout=DEADLINE_S) == 0, "the node ends in order")

    def check_killed(self):
        """VX6-CTRL-031: to look changes nothing, not even where a node has left its log behind."""
        self.make("killed")
        self.start("killed")
        self.line("killed").ask({"command": "pin", "name": "friend", "key": self.other})
        self.nodes[-1].kill()
        self.nodes[-1].wait()
        def files():
            return {name: (self.dir / "killed" / name).read_bytes() for name in ("state.db", "state.db-wal")}
        before = files()
        check(len(before["state.db-wal"]) > 0, "a node that was killed leaves a log")
        answer = self.doctor("killed")
        check(answer["failed"] == 0 and files() == before, "vx6 doctor leaves each byte as it is", answer)
        self.execute_in_log("killed", "UPDATE identity SET seed = zeroblob(32)")
        before = files()
        self.says("killed", "repair", "failed", "the identity is lost", "--repair")
        check(files() == before, "and so does a repair that is none")
        self.make("quiet")
        self.doctor("quiet")
        left = {path.name for path in (self.dir / "quiet").iterdir()}
        check(left == {"state.db", "lock"}, "where there was no log, none is left", left)

    def execute_in_log(self, who, sql):
        """As the statement of a process that is killed behind it."""
        script = ("import os, sqlite3, sys; database = sqlite3.connect(sys.argv[1]);"
                  "database.execute(sys.argv[2]); database.commit(); os._exit(0)")
        subprocess.run([sys.executable, "-c", script, self.dir / who / "state.db", sql], check=True)

    def check_pages(self):
        """A page of a table gone: its other rows are kept, and that some are not is said."""
        self.fill("pages")
        path = self.dir / "pages" / "state.db"
        content = path.read_bytes()
        page = content.index(b"friend-50") // PAGE
        path.write_bytes(content[:page * PAGE] + bytes(PAGE) + content[(page + 1) * PAGE:])
        self.says("pages", "registry", "failed", "binding: not all rows can be read")
        answer = self.says("pages", "repair", "ok", "all that is whole was kept", "--repair")
        check(any("binding: some rows could not be read" in line for line in self.lines(answer)), "which table is said",
              answer)
        left = self.execute("pages", "SELECT count(*) FROM binding")[0][0]
        check(0 < left < 100 and self.execute("pages", "SELECT service, key FROM allowed") == [("web", FIRST_USE)],
              f"{left} of 100 names are left, and all else", left)
        self.starts("pages")

    def check_lost_identity(self):
        self.make("nobody")
        self.execute("nobody", "UPDATE identity SET seed = zeroblob(32)")
        before = (self.dir / "nobody" / "state.db").read_bytes()
        self.says("nobody", "registry", "failed", "the identity in it is not whole")
        self.says("nobody", "repair", "failed", "the identity is lost", "--repair")
        check((self.dir / "nobody" / "state.db").read_bytes() == before, "and the state is as it was")


if __name__ == "__main__":
    sys.exit(main(DoctorTest, __doc__))
