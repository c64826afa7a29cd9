#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Which keys names mean to a real node: first use, pins, renaming, forgetting, from run to run, also
after kill -9. Three nodes on loopback; needs no privileges.

usage: test_names.py BIN_DIR
"""
import json
import signal
import socket
import sqlite3
import sys
import time

import harness
from harness import DEADLINE_S, check

LABEL_MAX = 63
HOSTILE = ["", ".", "alice.web", "Alice", "a" * (LABEL_MAX + 1), "al ice", "a\x1b[2Jb", "alice~x4k2",
           "-a", "ä"]


class Test(harness.Test):
    def run(self):
        self.addr = self.start("alice", "--name", "alice")
        self.twin_addr = self.start("twin", "--name", "alice", "--peer", self.addr)
        self.start_bob()
        self.keys = {who: json.loads(self.vx6(who, "identity", "--json", check=True).stdout)["key"]
                     for who in ("alice", "twin", "bob")}
        self.offer()
        self.check_words()
        self.check_clash()
        self.check_pins()
        self.check_in_use()
        self.check_opening()
        self.check_rename_and_forget()
        self.check_addresses()
        self.check_own_name()
        self.check_runs()
        self.check_moved()

    def offer(self):
        """Both who are called alice offer a service, which says whose it is."""
        self.servers = {}
        for who in ("alice", "twin"):
            server = socket.create_server(("127.0.0.1", 0))
            self.servers[who] = server
            port = server.getsockname()[1]
            self.vx6(who, "service", "add", "web", f"127.0.0.1:{port}", "--public", check=True)

    def names(self):
        answer = json.loads(self.vx6("bob", "names", "--json", check=True).stdout)
        return {item["name"]: (item["key"], item["how"]) for item in answer["names"]}

    def refused(self, code, *words):
        done = self.vx6("bob", *words, "--json")
        answer = json.loads(done.stdout)
        check(done.returncode == (2 if code == "INVALID" else 1) and answer["code"] == code and
              done.stderr.count("\n") == 1, f"vx6 {' '.join(words)[:60]!r}: {code}", done)
        return answer

    def check_words(self):
        """Whatever is wrong is said in one line, and changes nothing."""
        before = self.names()
        key = self.keys["alice"]
        line = self.line("bob")
        for label in HOSTILE:
            for request in ({"command": "pin", "name": label, "key": key},
                            {"command": "forget", "name": label},
                            {"command": "rename", "name": label, "to": "x"},
                            {"command": "rename", "name": "x", "to": label}):
                answer = line.ask(request)
                harness.check_quietly(
                    answer["code"] == "INVALID" and answer["error"].isprintable(),
                    f"{request} is refused in plain words", answer)
        for fault in (key[:-1], key + "a", key[:-1] + ("a" if key[-1] != "a" else "b"), "", "x" * 9999):
            answer = line.ask({"command": "pin", "name": "x", "key": fault})
            harness.check_quietly(answer["code"] == "INVALID", "a mistyped key is refused", answer)
        line.close()
        check(self.names() == before == {}, "names and keys that are none are refused, and change nothing")
        self.refused("NOT_FOUND", "forget", "nobody")
        self.refused("NOT_FOUND", "rename", "nobody", "somebody")
        self.refused("SELF", "pin", "bob", key)

    def connect(self, name, expect=True):
        done = self.vx6("bob", "connect", name, "--background", "--json")
        answer = json.loads(done.stdout)
        check(answer["ok"] == expect, f"bob connects to {name}: {expect}", done)
        return answer

    def check_clash(self):
        """VX6-NAME-008, VX6-NAME-013: who is meant has to be said, and is remembered."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            done = self.vx6("bob", "resolve", "alice.web", "--json")
            answer = json.loads(done.stdout)
            if len(answer.get("candidates", [])) == 2:
                break
            harness.check_quietly(time.monotonic() < deadline, "both claim the name", answer)
        check(answer["code"] == "AMBIGUOUS" and done.returncode == 1, "two nodes are called alice")
        text = self.vx6("bob", "resolve", "alice.web")
        shown = {item["name"]: item["key"] for item in answer["candidates"]}
        check(all(name in text.stdout and key in text.stdout for name, key in shown.items()),
              "vx6 resolve shows both, each with a name of its own", text)
        longer = f"alice~{self.keys['alice'][:20]}"
        answer = json.loads(self.vx6("bob", "resolve", longer, "--json", check=True).stdout)
        check([item["name"] for item in answer["candidates"]] == [longer],
              "who was asked for by a long hint is not shown with a shorter one", answer)
        check(self.connect("alice.web", expect=False)["code"] == "AMBIGUOUS" and self.names() == {},
              "none is chosen, and nothing bound")
        mine = next(name for name, key in shown.items() if key == self.keys["alice"])
        forward = self.connect(mine)
        check(forward["key"] == self.keys["alice"], f"{mine} leads to the one that is meant")
        check(self.names() == {"alice": (self.keys["alice"], "first_use")}, "and binds alice to it")
        self.vx6("bob", "disconnect", str(forward["forward"]), check=True)
        forward = self.connect("alice.web")
        check(forward["key"] == self.keys["alice"], "from then on alice alone will do")
        self.vx6("bob", "disconnect", str(forward["forward"]), check=True)

    def check_pins(self):
        """VX6-NAME-005: a bound name goes to another key by a command only, which says so."""
        answer = self.refused("KEY_MISMATCH", "pin", "alice", self.keys["twin"])
        check(self.keys["alice"] in answer["error"] and "--replace" in answer["error"],
              "the refusal shows the key that alice is bound to, and the way out", answer)
        self.vx6("bob", "pin", "alice", self.keys["alice"], check=True)
        check(self.names()["alice"] == (self.keys["alice"], "pinned"), "the same key is pinned at once")
        self.vx6("bob", "pin", "alice", self.keys["twin"], "--replace", check=True)
        forward = self.connect("alice.web")
        check(forward["key"] == self.keys["twin"], "with --replace, alice is the other one")
        self.twin_forward = str(forward["forward"])

    def check_in_use(self):
        """VX6-CTRL-020: a forward would open its session again by the name, and reach somebody else."""
        for words in (("pin", "alice", self.keys["alice"], "--replace"), ("forget", "alice"),
                      ("rename", "alice", "al")):
            answer = self.refused("UNEXPECTED", *words)
            check(f"vx6 disconnect {self.twin_forward}" in answer["error"],
                  "a name in use stays, and the line says what to end first", answer)
        self.vx6("bob", "disconnect", self.twin_forward, check=True)

    def check_opening(self):
        """VX6-CTRL-020: the same while a forward by the name, which it may bind, is on its way."""
        opening = self.line("bob")
        twin = self.nodes[1]
        for name, commands in (
                ("alice", (("pin", "alice", self.keys["alice"], "--replace"), ("forget", "alice"),
                           ("rename", "alice", "al"))),
                (f"other~{self.keys['twin'][:4]}", (("identity", "rename", "other"),
                                                    ("rename", "alice", "other")))):
            if name != "alice":
                self.vx6("twin", "identity", "rename", "other", check=True)
                harness.wait_for(lambda: self.vx6("bob", "resolve", name).returncode == 0,
                                 "the twin is found by its other name")
            twin.send_signal(signal.SIGSTOP)
            opening.send({"command": "connect", "name": f"{name}.web", "background": True})
            harness.wait_for(lambda: self.forward_states() == ["opening"], "a forward is opening")
            for words in commands:
                self.refused("UNEXPECTED", *words)
            check(self.forward_states() == ["opening"], "it was opening all the time")
            twin.send_signal(signal.SIGCONT)
            answer = opening.receive()
            check(answer["key"] == self.keys["twin"], "then it is up, with the key that was meant", answer)
            self.vx6("bob", "disconnect", str(answer["forward"]), check=True)
        check(self.names()["other"] == (self.keys["twin"], "first_use"), "and its name is bound")
        self.vx6("bob", "forget", "other", check=True)
        self.vx6("twin", "identity", "rename", "alice", check=True)
        harness.wait_for(
            lambda: self.vx6("bob", "resolve", f"alice~{self.keys['twin'][:20]}").returncode == 0,
            "the twin is called alice again")
        opening.close()

    def forward_states(self):
        return [f["state"] for f in json.loads(self.vx6("bob", "status", "--json").stdout)["forwards"]]

    def check_rename_and_forget(self):
        self.vx6("bob", "rename", "alice", "al", check=True)
        check(self.names() == {"al": (self.keys["twin"], "pinned")}, "alice is called al from now on")
        forward = self.connect("al.web")
        check(forward["key"] == self.keys["twin"], "al.web leads to the key that al means here")
        self.vx6("bob", "disconnect", str(forward["forward"]), check=True)
        check(self.connect("alice.web", expect=False)["code"] == "AMBIGUOUS",
              "alice is free, and so a question again")
        self.vx6("bob", "pin", "alice", self.keys["alice"], check=True)
        self.refused("UNEXPECTED", "rename", "al", "alice")
        self.refused("UNEXPECTED", "rename", "al", "bob")
        self.vx6("bob", "forget", "al", check=True)
        check(self.names() == {"alice": (self.keys["alice"], "pinned")}, "al is forgotten")

    def check_addresses(self):
        """VX6-CTRL-010: the key kept for an address is shown, and can be forgotten."""
        self.refused("NOT_FOUND", "forget", self.addr)
        for is_new in (True, False):
            done = self.vx6("bob", "connect", "--addr", self.addr, "web", "--background", "--json", check=True)
            forward = json.loads(done.stdout)
            check(forward["key_is_new"] == is_new, "a key is new at an address once", forward)
            answer = self.refused("UNEXPECTED", "forget", self.addr)
            check(f"vx6 disconnect {forward['forward']}" in answer["error"],
                  "an address in use stays, and the line says what to end first", answer)
            self.vx6("bob", "disconnect", str(forward["forward"]), check=True)
        shown = self.vx6("bob", "names", check=True).stdout
        check(f"{self.addr} is {self.keys['alice']}" in shown, "vx6 names shows it", shown)
        self.vx6("bob", "forget", self.addr, check=True)
        check(json.loads(self.vx6("bob", "names", "--json").stdout)["addresses"] == [], "and it is forgotten")
        self.check_damaged_address()

    def check_damaged_address(self):
        """VX6-CTRL-036: a key that cannot be read hides no names, and can be forgotten."""
        with sqlite3.connect(self.dir / "bob" / "state.db") as database:
            database.execute("INSERT INTO known_key VALUES ('192.0.2.7:1', x'00')")
        answer = self.refused("LIMIT", "names")
        check("vx6 forget 192.0.2.7:1" in answer["error"] and
              [item["name"] for item in answer["names"]] == ["alice"],
              "one damaged row: the names are shown, and what to do", answer)
        done = self.vx6("bob", "names")
        check(f"alice is {self.keys['alice']}" in done.stdout and done.returncode == 1,
              "to people, too", done)
        self.vx6("bob", "forget", "192.0.2.7:1", check=True)
        self.vx6("bob", "names", check=True)

    def check_own_name(self):
        """VX6-REC-013: alice calls herself otherwise; bob, who has bound her name, finds her by it."""
        self.refused("UNEXPECTED", "identity", "rename", "alice")
        self.refused("INVALID", "identity", "rename", "Al")
        self.vx6("alice", "identity", "rename", "alicia", check=True)
        check(json.loads(self.vx6("alice", "identity", "--json").stdout)["name"] == "alicia",
              "the new name is kept")
        self.check_own_name_at_start()

        def found():
            return json.loads(self.vx6("bob", "resolve", "alicia.web", "--json").stdout).get("key")
        harness.wait_for(lambda: found() == self.keys["alice"], "she is found by her new name")
        forward = self.connect("alice.web")
        check(forward["key"] == self.keys["alice"], "and by the name that bob knows her by")
        self.vx6("bob", "disconnect", str(forward["forward"]), check=True)

    def check_own_name_at_start(self):
        """VX6-CTRL-020: nor does a node take it when it starts, or is made."""
        self.bob_node.terminate()
        self.bob_node.wait(timeout=DEADLINE_S)
        node, _ = self.launch("bob", "--name", "alice")
        check(node.wait(timeout=DEADLINE_S) == 1 and "somebody else" in self.log("bob").splitlines()[-1],
              "vx6-node --name of a bound name is refused", self.log("bob"))
        done = self.vx6("bob", "init", "--name", "alice")
        check(done.returncode == 1 and "somebody else" in done.stderr and done.stderr.count("\n") == 1,
              "and so is vx6 init --name", done)
        self.start_bob()
        check(json.loads(self.vx6("bob", "identity", "--json").stdout)["name"] == "bob", "bob is bob still")

    def start_bob(self):
        self.bob_node, _ = self.launch("bob", "--name", "bob", "--peer", self.addr)
        self.vx6("bob", "status", "--wait", check=True)

    def check_moved(self):
        """VX6-CTRL-022: alice goes on elsewhere, with the key that bob knows."""
        passphrase, key_file = self.dir / "passphrase", self.dir / "alice.identity"
        passphrase.write_text("correct horse battery\n")
        def identity(who, what, *words):
            return self.vx6(who, "identity", what, key_file, "--passphrase-file", passphrase, *words)
        check(identity("alice", "export").returncode == 0 and key_file.stat().st_mode & 0o777 == 0o600,
              "the identity is exported, for its owner alone")
        done = identity("alice", "export")
        check(done.returncode == 1 and "there already" in done.stderr, "never over another file", done)
        done = identity("bob", "import")
        check(done.returncode == 1 and "already" in done.stderr, "nor imported into a node's state", done)
        self.nodes[0].send_signal(signal.SIGKILL)
        self.nodes[0].wait(timeout=DEADLINE_S)
        done = identity("moved", "import", "--json")
        check(json.loads(done.stdout)["key"] == self.keys["alice"], "it is imported where there is none", done)
        identity("again", "import")
        numbers = [sqlite3.connect(self.dir / who / "state.db").execute(
            "SELECT sequence FROM identity").fetchone()[0] for who in ("alice", "moved", "again")]
        check(numbers[0] + (1 << 40) <= numbers[1] < numbers[2],
              "each import goes on above all that there may have been", numbers)
        done = identity("moved", "import")
        check(done.returncode == 1 and "already" in done.stderr, "and only there", done)
        passphrase.write_text("wrong horse battery\n")
        done = identity("other", "import")
        check(done.returncode == 1 and not (self.dir / "other").exists(),
              "by another passphrase nothing is imported, and nothing left behind", done)
        passphrase.write_bytes(b"correct horse\0 battery\n")
        for what, who in (("export", "bob"), ("import", "other")):
            done = identity(who, what)
            check(done.returncode == 1 and "NUL" in done.stderr, f"{what}: no passphrase is cut in silence", done)
        self.start("moved", "--name", "alicia", "--peer", self.twin_addr)
        target = f"127.0.0.1:{self.servers['alice'].getsockname()[1]}"
        self.vx6("moved", "service", "add", "web", target, "--public", check=True)
        harness.wait_for(lambda: self.vx6("bob", "connect", "alice.web", "--background").returncode == 0,
                         "bob finds her at the new place")
        self.vx6("bob", "disconnect", "alice.web", check=True)

    def check_runs(self):
        """What was acknowledged is there after kill -9, and in force."""
        for number in (signal.SIGKILL, signal.SIGTERM):
            self.vx6("bob", "pin", f"n{number:d}", self.keys["twin"], check=True)
            before = self.names()
            self.bob_node.send_signal(number)
            self.bob_node.wait(timeout=DEADLINE_S)
            self.start_bob()
            check(self.names() == before and len(before) > 1,
                  f"all names are there after {signal.Signals(number).name}", self.names())
        check(self.connect("alice.web")["key"] == self.keys["alice"], "and mean what they meant")
        shown = self.vx6("bob", "names").stdout
        check(f"alice is {self.keys['alice']}, pinned 2" in shown, "vx6 names says how and since when",
              shown)


if __name__ == "__main__":
    sys.exit(harness.main(Test, __doc__))
