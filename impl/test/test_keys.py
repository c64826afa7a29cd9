#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Keys that change and keys that are revoked, on real nodes: names and lists of keys go along, a thief's
change is refused, a revocation ends what is open and survives restarts. Five nodes on loopback; needs no
privileges.

usage: test_keys.py BIN_DIR
"""
import json
import os
import pathlib
import shutil
import socket
import sqlite3
import stat
import sys
import time

import harness
from harness import check, wait_for

SECONDS = 10  # within which live nodes hear of a revocation


class Test(harness.Test):
    def run(self):
        self.running = {}
        self.hub = self.begin("hub")
        for who in ("alice", "bob", "carol"):
            self.begin(who, "--name", who)
        self.first = {who: self.key(who) for who in ("alice", "bob", "carol")}
        self.offer()
        self.check_arguments()
        self.check_rotation()
        self.check_list()
        self.check_thief()
        self.check_revocation()
        self.check_way_out()
        self.check_long_ago()
        self.check_own()
        self.check_own_way_out()
        self.check_export()
        self.check_unkept()

    # ---- nodes

    def begin(self, who, *options):
        entry = ("--peer", self.hub) if who != "hub" else ()
        node, addr = self.launch(who, *options, *entry)
        self.vx6(who, "status", "--wait", "--json", check=True)
        self.running[who] = node
        return addr

    def stop(self, who):
        node = self.running.pop(who)
        node.terminate()
        harness.check_quietly(node.wait(harness.DEADLINE_S) == 0, f"{who} ends in order")

    def again(self, who):
        """At another address; the others find it by what they know."""
        self.stop(who)
        addr = self.begin(who)
        self.hub = addr if who == "hub" else self.hub

    def ask(self, who, *words):
        done = self.vx6(who, *words, "--json")
        harness.check_quietly(done.returncode == 0, f"{who}: vx6 {' '.join(words)}", done)
        return json.loads(done.stdout)

    def refused(self, who, code, *words):
        done = self.vx6(who, *words, "--json")
        answer = json.loads(done.stdout)
        check(done.returncode in (1, 2, 3) and answer["code"] == code and done.stderr.count("\n") == 1,
              f"{who}: vx6 {' '.join(words)[:50]!r}: {code}", done)
        return answer

    def key(self, who):
        return self.ask(who, "identity")["key"]

    def name(self, who, label):
        return next(item for item in self.ask(who, "names")["names"] if item["name"] == label)

    def offer(self):
        """alice has a service for all and one for bob; bob's is for all."""
        self.echo = harness.Echo()
        self.vx6("alice", "service", "add", "pub", self.echo.target, "--public", check=True)
        self.vx6("alice", "service", "add", "web", self.echo.target, "--private",
                 f"--allow={self.first['bob']}", check=True)
        self.vx6("bob", "service", "add", "pub", self.echo.target, "--public", check=True)

    def connect(self, who, name):
        """A forward that carries bytes."""
        forward = self.ask(who, "connect", name, "--background")
        port = int(forward["listen"].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port), harness.DEADLINE_S) as connection:
            connection.sendall(b"hello")
            harness.check_quietly(connection.recv(5) == b"hello", f"{name} carries bytes")
        return forward

    def disconnect(self, who, forward):
        self.vx6(who, "disconnect", str(forward["forward"]), check=True)

    # ---- what is checked

    def check_arguments(self):
        """One line, an exit code, and nothing changed."""
        before = self.key("alice")
        self.refused("alice", "INVALID", "identity", "rotate")  # its node runs
        check(self.key("alice") == before and not list((self.dir / "alice").glob("*.revocation")),
              "no key changes under a node that runs")
        self.refused("nobody", "NOT_FOUND", "identity", "rotate")
        self.refused("alice", "INVALID", "identity", "revocation", str(self.dir / "no" / "file"))
        odd = self.dir / "odd"
        line = self.line("alice")
        for text in (b"", b"\0", b"vx6-revocation-1\n", b"vx6-revocation-1\nAAAA\n", b"\x1b[2J",
                     b"vx6-revocation-1\n" + b"A" * 100000, os.urandom(3000)):
            odd.write_bytes(text)
            done = self.vx6("alice", "revoke", str(odd))
            harness.check_quietly(done.returncode == 1 and done.stderr.count("\n") == 1 and
                                  done.stderr[:-1].isprintable(), "what is no certificate", done)
            answer = line.ask({"command": "revoke",
                               "certificate": text.decode("latin-1")[:8000].replace("\0", "")})
            harness.check_quietly(answer["code"] == "INVALID", "nor is it one on the socket", answer)
        for request in ({"command": "revoke"}, {"command": "revoke", "certificate": 1},
                        {"command": "revoke", "certificate": "", "more": 1}):
            harness.check_quietly(line.ask(request)["code"] == "INVALID", "a request that is none")
        line.close()
        odd.unlink()
        done = self.vx6("alice", "revoke", str(odd))
        check(done.returncode == 1 and done.stderr.count("\n") == 1, "no file, no revocation", done)
        self.refused("nobody", "UNREACHABLE", "revoke", self.certificate("carol", "spare"))

    def certificate(self, who, name):
        """VX6-CTRL-024"""
        path = self.dir / name
        self.vx6(who, "identity", "revocation", str(path), check=True)
        check(stat.S_IMODE(path.stat().st_mode) == 0o600 and
              path.read_text().startswith("vx6-revocation-1\n"), "a certificate is its owner's alone")
        self.refused(who, "INVALID", "identity", "revocation", str(path))  # it is there
        return str(path)

    def check_rotation(self):
        """VX6-CTRL-023, VX6-NAME-016: bob's names follow, without a command."""
        self.disconnect("bob", self.connect("bob", "alice.pub"))
        self.stop("alice")
        shutil.copytree(self.dir / "alice", self.dir / "thief")
        answer = self.ask("alice", "identity", "rotate")
        shown = self.ask("alice", "identity")
        check(answer["key_before"] == self.first["alice"] and shown["key"] == answer["key"] and
              shown["before"] == [self.first["alice"]] and shown["name"] == "alice",
              "alice has another key, which says what it was before", shown)
        self.old_alice = answer["file"]
        check(stat.S_IMODE(pathlib.Path(self.old_alice).stat().st_mode) == 0o600,
              "the certificate against the old key lies beside the state, for alice alone")
        self.begin("alice")
        harness.check_quietly(self.key("alice") == answer["key"], "alice runs with it")
        done = self.vx6("bob", "connect", "alice.pub", "--background")
        check(done.returncode == 0 and "its key has changed" in done.stdout and
              answer["key"] in done.stdout, "bob connects to alice.pub as before, and is told", done)
        self.disconnect("bob", self.ask("bob", "status")["forwards"][0])
        forward = self.connect("bob", "alice.pub")
        item = self.name("bob", "alice")
        check(forward["key"] == answer["key"] == item["key"] and
              item["key_before"] == self.first["alice"] and item["followed_unix_ms"] > 0 and
              not item["revoked"], "vx6 names shows what it followed", item)
        check("in the place of" in self.vx6("bob", "names").stdout and
              "has handed over to" in self.log("bob"), "in words, too, and the log has it")
        self.disconnect("bob", forward)
        self.again("bob")
        check(self.name("bob", "alice") == item, "a restart changes nothing of that")
        self.disconnect("bob", self.connect("bob", "alice.pub"))
        self.disconnect("carol", self.connect("carol", "alice.pub"))

    def check_list(self):
        """VX6-NAME-021: the list of keys follows bob, when he asks."""
        self.disconnect("bob", self.connect("bob", "alice.web"))
        self.stop("bob")
        keys = [self.ask("bob", "identity", "rotate", "--revocation", str(self.dir / f"bob{i}"))["key"]
                for i in range(2)]
        self.begin("bob")
        self.disconnect("bob", self.connect("bob", "alice.web"))
        allowed = [item["key"] for service in self.ask("alice", "service", "list")["services"]
                   for item in service["allowed"]]
        check(allowed == [keys[-1]], "alice's list has bob's new key, two changes later, and it alone",
              allowed)
        self.again("alice")
        self.disconnect("bob", self.connect("bob", "alice.web"))
        check(True, "also after a restart")

    def check_thief(self):
        """VX6-NAME-017: somebody else has alice's old key, and changes it as well."""
        alice = self.key("alice")
        thief = self.ask("thief", "identity", "rotate")["key"]
        self.begin("thief")
        self.vx6("thief", "service", "add", "pub", self.echo.target, "--public", check=True)
        self.again("bob")  # what it knew of alice's address is gone
        forward = self.connect("bob", "alice.pub")
        check(forward["key"] == alice, "bob still comes to alice")
        wait_for(lambda: thief in self.log("bob"), "bob's log names the thief's key")
        check("is refused" in self.log("bob") and self.name("bob", "alice")["key"] == alice,
              "who is refused, and why, stands in bob's log")
        self.disconnect("bob", forward)
        self.stop("thief")

    def check_revocation(self):
        """VX6-NAME-018, VX6-NAME-019, VX6-CTRL-025: carol publishes it, bob's forward ends."""
        forward = self.connect("bob", "alice.pub")
        begin = time.monotonic()
        answer = self.ask("carol", "revoke", self.old_alice)
        check(answer["key"] == self.first["alice"], "carol revokes the key that alice had first")

        wait_for(lambda: self.ask("bob", "status")["forwards"][0]["state"] == "down", "it is told")
        check(time.monotonic() - begin < SECONDS, "within seconds, bob's live session has ended")
        self.disconnect("bob", forward)
        refusal = self.refused("bob", "REVOKED", "connect", "alice.pub")
        check("--replace" in refusal["error"], "and is told the way out", refusal)
        check(self.name("bob", "alice")["revoked"] and
              "revoked by its owner" in self.vx6("bob", "names").stdout, "vx6 names says so")
        self.disconnect("carol", self.connect("carol", "alice.pub"))
        check(True, "carol, who knows the new key alone, is not concerned")
        for who in ("hub", "carol", "bob"):
            self.again(who)
        self.refused("bob", "REVOKED", "connect", "alice.pub")
        check(self.name("bob", "alice")["revoked"], "it survives that every node was restarted")
        wait_for(lambda: self.ask("carol", "status")["counters"].get("bundle_held", 0) > 0,
                 "carol goes on to tell it")

    def check_way_out(self):
        alice = self.key("alice")
        self.refused("bob", "REVOKED", "pin", "alice", self.first["alice"], "--replace")
        self.refused("bob", "KEY_MISMATCH", "pin", "alice", self.first["carol"])
        self.vx6("bob", "pin", "alice", alice, "--replace", check=True)
        item = self.name("bob", "alice")
        check(not item["revoked"] and item["key_before"] is None, "bob binds the name anew", item)
        self.disconnect("bob", self.connect("bob", "alice.pub"))

    def check_long_ago(self):
        """VX6-NAME-026: bob has changed his key twice; that the first is revoked concerns who let him in by it."""
        forward = self.connect("bob", "alice.web")
        self.vx6("carol", "revoke", str(self.dir / "bob0"), check=True)
        wait_for(lambda: self.ask("bob", "status")["forwards"][0]["state"] == "down", "bob is sent away")
        self.disconnect("bob", forward)
        self.refused("bob", "REVOKED", "connect", "alice.web")
        self.again("alice")
        self.refused("bob", "REVOKED", "connect", "alice.web")
        check(True, "a key of long ago can be revoked, and stays so")
        self.vx6("alice", "service", "allow", "web", self.key("bob"), check=True)
        self.disconnect("bob", self.connect("bob", "alice.web"))
        self.again("alice")
        self.disconnect("bob", self.connect("bob", "alice.web"))
        check(True, "until alice lets him in for his own sake, also after a restart")

    def check_own(self):
        """Sessions of a client end as well, and its node hears that its own key is gone."""
        path = self.certificate("bob", "bob-now")
        self.disconnect("carol", self.connect("carol", "bob.pub"))
        self.connect("bob", "alice.web")
        self.vx6("alice", "revoke", path, check=True)
        wait_for(lambda: "it is this node's own" in self.log("bob"), "bob is told")
        check(True, "a node whose key was revoked is told")
        wait_for(lambda: self.ask("bob", "status")["forwards"][0]["state"] == "down", "it is sent away")
        self.refused("bob", "REVOKED", "connect", "alice.web")
        check("the key of this node itself was revoked" in self.vx6("bob", "connect", "alice.web").stderr and
              self.ask("bob", "status")["revoked"] and "is revoked" in self.vx6("bob", "status").stdout,
              "and that it is its own, not that of alice, is what connect and status say")

    def check_own_way_out(self):
        """VX6-CTRL-045: status and doctor say so, in this run and the next, and what doctor advises works."""
        def says():
            done = self.vx6("bob", "doctor", "--json")
            key = next(item for item in json.loads(done.stdout)["checks"] if item["check"] == "key")
            return done.returncode, key["result"], key["todo"] or ""
        status, shown = self.ask("bob", "status"), self.vx6("bob", "status").stdout
        check(status["revoked"] and not status["joined"] and not status["ready"], "status says so", status)
        check("not joined" in shown and "is revoked, and nobody believes it" in shown, "in words, too", shown)
        code, result, todo = says()
        check((code, result) == (1, "failed") and "identity rotate" in todo and "pin" in todo and "allow" in todo,
              f"and doctor what to do: {todo}")
        self.refused("bob", "REVOKED", "status", "--wait")
        self.stop("bob")
        self.running["bob"], _ = self.launch("bob", "--peer", self.hub)
        self.refused("bob", "REVOKED", "status", "--wait")
        check(self.log("bob").count("it is this node's own") == 2, "the next run says it again")
        self.stop("bob")
        done = self.vx6("bob", "identity", "rotate", "--revocation", str(self.dir / "bob2"), check=True)
        check("nobody goes along by itself" in done.stdout and "has signed" not in done.stdout,
              "rotate tells what is to be done", done.stdout)
        self.begin("bob")
        key = self.key("bob")
        check(not self.ask("bob", "status")["revoked"] and says()[1] == "ok", "another key is not revoked")
        self.refused("carol", "REVOKED", "connect", "bob.pub")
        self.vx6("carol", "pin", "bob", key, "--replace", check=True)
        self.disconnect("carol", self.connect("carol", "bob.pub"))
        self.refused("bob", "NO_SERVICE", "connect", "alice.web")  # it is private
        self.vx6("alice", "service", "allow", "web", key, check=True)
        self.disconnect("bob", self.connect("bob", "alice.web"))
        self.disconnect("hub", self.connect("hub", "bob.pub"))
        check(True, "who is given the new key reaches the node as before, and so does who never knew the old one")

    def check_unkept(self):
        """VX6-CTRL-018, VX6-CTRL-021: as long as a change of key that is in force cannot be kept, nothing that
        builds on it is acknowledged."""
        self.begin("dora", "--name", "dora")
        self.vx6("dora", "service", "add", "pub", self.echo.target, "--public", check=True)
        self.begin("emil", "--name", "emil")
        self.disconnect("emil", self.connect("emil", "dora.pub"))
        self.vx6("emil", "service", "add", "shop", self.echo.target, "--private", "--allow=dora", check=True)
        self.stop("dora")
        self.ask("dora", "identity", "rotate")
        self.begin("dora")
        database = sqlite3.connect(self.dir / "emil" / "state.db", isolation_level=None)
        database.execute("CREATE TRIGGER no BEFORE UPDATE ON binding BEGIN SELECT raise(ABORT, 'worn out'); END")
        wait_for(lambda: self.vx6("emil", "connect", "dora.pub", "--background").returncode == 0,
                 "emil reaches dora, whose records are on their way")
        self.disconnect("emil", self.ask("emil", "status")["forwards"][0])
        names, key = self.ask("emil", "names"), self.key("dora")
        check(names["names"][0]["key"] == key, "emil goes along with dora, which cannot be kept")
        for words in (("pin", "other", self.key("hub")), ("forget", "dora"), ("rename", "dora", "d"),
                      ("service", "allow", "shop", self.key("hub")), ("service", "deny", "shop", key)):
            answer = self.refused("emil", "LIMIT", *words)
            harness.check_quietly("worn out" in answer["error"], "it says why", answer)
        check(self.ask("emil", "names") == names, "the names are as they were")
        self.refused("dora", "NO_SERVICE", "connect", "emil.shop")
        check(self.ask("emil", "service", "list")["services"][0]["allowed"] == [], "who was denied is shut out")
        database.execute("DROP TRIGGER no")
        database.close()
        self.vx6("emil", "service", "deny", "shop", key, check=True)
        self.running["emil"].kill()
        self.running.pop("emil").wait()
        self.begin("emil")
        check(self.ask("emil", "names") == names and
              self.ask("emil", "service", "list")["services"][0]["allowed"] == [],
              "once it can be kept, it is, and what was denied stays so after a crash")

    def check_export(self):
        """VX6-CTRL-022: the keys before go along with an identity."""
        secret = self.dir / "passphrase"
        secret.write_text("correct horse battery\n")
        file = str(self.dir / "alice.identity")
        self.vx6("alice", "identity", "export", file, "--passphrase-file", str(secret), check=True)
        shown = self.ask("copy", "identity", "import", file, "--passphrase-file", str(secret))
        alice = self.ask("alice", "identity")
        check((shown["key"], shown["before"]) == (alice["key"], alice["before"]),
              "an exported key keeps what it was before", shown)


if __name__ == "__main__":
    sys.exit(harness.main(Test, __doc__))
