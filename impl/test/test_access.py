#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Who may do what with a service of a real node: friend, stranger, and stranger by a friend's name, with
services that are public, listed and private. Needs no privileges.

usage: test_access.py BIN_DIR
"""
import contextlib
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading

import harness
from harness import DEADLINE_S, check

SERVICES = {"open": ("--public",), "seen": ("--public", "--allow", "KEY"),
            "inner": ("--private", "--allow", "KEY")}
REFUSED = {"seen": "NOT_ALLOWED", "inner": "NO_SERVICE"}


class Server:
    """A local service that says hello and then stays; counts who came."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.count, self.open = 0, []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.socket.accept()
                self.count += 1
                self.open.append(client)
                client.sendall(b"hello")


class Test(harness.Test):
    def run(self):
        self.addr = self.start("owner", "--name", "owner")
        self.start("friend", "--name", "friend", "--peer", self.addr)
        self.start("stranger", "--name", "friend", "--peer", self.addr)  # and says the friend's name
        self.key = {who: json.loads(self.vx6(who, "identity", "--json", check=True).stdout)["key"]
                    for who in ("owner", "friend", "stranger")}
        self.servers = {name: Server() for name in SERVICES}
        self.check_words()
        self.check_matrix()
        self.check_revoking()
        self.check_closing()
        self.check_runs()
        self.check_unkept()

    def add(self, name, *exposure, check_it=True):
        words = [self.key["friend"] if word == "KEY" else word for word in exposure]
        return self.vx6("owner", "service", "add", name, self.servers[name].target, *words,
                        check=check_it)

    def forward(self, who, name):
        """The code of connecting, OK when it is up, and the forward."""
        done = self.vx6(who, "connect", f"owner.{name}", "--background", "--json")
        answer = json.loads(done.stdout)
        return answer.get("code", "OK"), answer

    def end_forward(self, who, answer):
        self.vx6(who, "disconnect", str(answer["forward"]), check=True)

    def open(self, answer):
        ip, port = answer["listen"].rsplit(":", 1)
        client = socket.create_connection((ip, int(port)), timeout=DEADLINE_S)
        client.settimeout(DEADLINE_S)
        return client

    def check_words(self):
        """VX6-CTRL-006: who may use it has to be said, and what was said is told."""
        done = self.vx6("owner", "service", "add", "open", "127.0.0.1:1")
        check(done.returncode == 2 and "--private" in done.stderr, "no exposure is refused", done)
        done = self.vx6("owner", "service", "add", "open", "127.0.0.1:1", "--public", "--private")
        check(done.returncode == 2, "two are refused", done)
        done = self.vx6("owner", "service", "add", "inner", "127.0.0.1:1", "--private", "--allow", "nobody")
        check(done.returncode == 2 and "nobody is neither a key" in done.stderr,
              "a name that is bound to no key is refused", done)
        check("inner" not in self.vx6("owner", "service", "list").stdout, "and nothing was added")
        texts = {name: self.add(name, *exposure).stdout for name, exposure in SERVICES.items()}
        check("whoever resolves this node" in texts["open"] and
              "1 key; whoever resolves this node sees" in texts["seen"] and
              "1 key; nobody else learns" in texts["inner"], "the consequence is printed", texts)
        done = self.vx6("owner", "service", "allow", "open", self.key["friend"])
        check(done.returncode == 1 and "public" in done.stderr, "nobody is allowed what all may use", done)
        done = self.vx6("owner", "service", "deny", "seen", self.key["stranger"])
        check(done.returncode == 1 and "not allowed" in done.stderr, "nor denied what he had not", done)

    def listed(self, who):
        def services():
            answer = json.loads(self.vx6(who, "resolve", "owner", "--json").stdout)
            found = answer.get("candidates", [])
            return set(found[0]["services"]) if len(found) == 1 else set()
        harness.wait_for(lambda: "seen" in services(), "the list arrives")
        return services()

    def check_matrix(self):
        """Each cell: resolve, list, connect; and not a byte where it is forbidden."""
        for who in ("friend", "stranger"):
            check(self.listed(who) == {"open", "seen"}, f"{who} is shown what is open and what is listed")
            for name, server in self.servers.items():
                before = server.count
                code, answer = self.forward(who, name)
                expected = REFUSED.get(name, "OK") if who == "stranger" else "OK"
                check(code == expected, f"{who} connects to owner.{name}: {code}", answer)
                if code == "OK":
                    with self.open(answer) as client:
                        check(client.recv(5) == b"hello", "and is served")
                    self.end_forward(who, answer)
                check(server.count == before + (code == "OK"), "the local service heard of none but these")
        code, answer = self.forward("stranger", "nothing")
        inner = self.forward("stranger", "inner")[1]
        check(answer["error"].replace("nothing", "inner") == inner["error"],
              "what is private sounds like what is not there", (answer, inner))

    def check_revoking(self):
        """VX6-SESS-025, VX6-CTRL-021: at once, on a stream that is open, and by name."""
        self.vx6("owner", "pin", "bob", self.key["stranger"], check=True)
        self.vx6("owner", "service", "allow", "inner", "bob", check=True)
        self.check_replaced()
        code, answer = self.forward("stranger", "inner")
        check(code == "OK", "a key that was allowed by its name gets in", answer)
        with self.open(answer) as client:
            check(client.recv(5) == b"hello", "a stream is open")
            shown = self.vx6("owner", "service", "list").stdout
            check(f"{self.key['stranger']}, bob" in shown, "service list shows who is allowed", shown)
            self.vx6("owner", "service", "deny", "inner", "bob", check=True)
            try:
                end = client.recv(1)
            except ConnectionResetError:
                end = "reset"
            check(end == "reset", "it is reset when the key is denied, not ended in order", end)
        with self.servers["inner"].open[-1] as served:
            served.settimeout(DEADLINE_S)
            try:
                end = served.recv(1)
            except ConnectionResetError:
                end = "reset"
            check(end in ("reset", b""), "and so is the owner's side", end)
        before = self.servers["inner"].count
        # The forward is still there; its next session is refused, perhaps while this still connects.
        with contextlib.suppress(ConnectionResetError), self.open(answer) as client:
            check(client.recv(1) == b"", "nothing comes")
        check(self.servers["inner"].count == before, "who was denied does not get in again")
        self.end_forward("stranger", answer)

    def check_replaced(self):
        """VX6-CTRL-039: a key that loses its name still gets in, and that is said."""
        key = self.key["stranger"]
        done = self.vx6("owner", "pin", "bob", self.key["friend"], "--replace", check=True)
        check(f"vx6 service deny inner {key}" in done.stdout and done.stdout.count("\n") == 2,
              "who replaces a key hears what the old one may use, and how to end it", done)
        answer = json.loads(self.vx6("owner", "pin", "bob", key, "--replace", "--json", check=True).stdout)
        check(answer["replaced"] == self.key["friend"] and
              answer["replaced_may_use"] == ["inner", "seen"], "all that it may use", answer)
        answer = json.loads(self.vx6("owner", "pin", "bob", key, "--json", check=True).stdout)
        check(answer["replaced"] is None and answer["replaced_may_use"] == [],
              "the same key replaces nothing", answer)

    def check_closing(self):
        """A public service that becomes private sends away who is not allowed, and keeps who is."""
        forwards = {who: self.forward(who, "open")[1] for who in ("friend", "stranger")}
        clients = {who: self.open(answer) for who, answer in forwards.items()}
        for client in clients.values():
            check(client.recv(5) == b"hello", "both are served while it is public")
        self.add("open", "--private", "--allow", "KEY")
        try:
            end = clients["stranger"].recv(1)
        except ConnectionResetError:
            end = "reset"
        check(end == "reset", "the stranger is sent away", end)
        for server_side in self.servers["open"].open:
            with contextlib.suppress(OSError):
                server_side.sendall(b"still here")
        check(clients["friend"].recv(10) == b"still here", "the friend stays")
        for who, client in clients.items():
            client.close()
            self.end_forward(who, forwards[who])

    def start_again(self):
        owner = self.nodes[0]
        owner.send_signal(signal.SIGKILL)
        owner.wait(timeout=DEADLINE_S)
        with open(self.dir / "owner.log", "a") as log:
            self.nodes[0] = subprocess.Popen(
                [self.bin / "vx6-node", "--state", self.dir / "owner", "--listen", self.addr], stderr=log)
        self.vx6("owner", "status", "--wait", check=True)

    def check_unkept(self):
        """VX6-CTRL-021: a deny that could not be kept is in force; it can be repeated, and is kept then."""
        def allowed(name):
            answer = json.loads(self.vx6("owner", "service", "list", "--json", check=True).stdout)
            return [who["key"] for s in answer["services"] if s["name"] == name for who in s["allowed"]]
        key = self.key["friend"]
        database = sqlite3.connect(self.dir / "owner" / "state.db", isolation_level=None)
        database.execute("BEGIN IMMEDIATE")
        done = self.vx6("owner", "service", "allow", "seen", key)
        check(done.returncode == 0, "who is allowed already needs no writing", done)
        code, answer = self.forward("friend", "seen")
        check(code == "OK", "and stays allowed", answer)
        self.end_forward("friend", answer)
        done = self.vx6("owner", "service", "deny", "seen", key)
        check(done.returncode == 1 and "after a restart" in done.stderr, "it is said that it is not kept", done)
        code, answer = self.forward("friend", "seen")
        check(code == "NOT_ALLOWED" and allowed("seen") == [], "but it is in force, and shown so", answer)
        database.execute("ROLLBACK")
        self.vx6("owner", "service", "deny", "seen", key, check=True)
        check(allowed("seen") == [], "the next one is kept")
        self.check_unreadable(database, allowed)
        # A row that cannot be read leaves no keys to a service that takes its place.
        database.execute("UPDATE service SET target = 'nowhere' WHERE name = 'inner'")
        database.close()
        self.start_again()
        check(allowed("seen") == [], "after a restart, too")
        self.vx6("owner", "service", "add", "inner", "127.0.0.1:1", "--private", check=False)
        check(allowed("inner") == [], "a service added anew is open to nobody")

    def check_unreadable(self, database, allowed):
        """VX6-CTRL-038: who may use a service is what is in force, whatever has become of the disk."""
        before = allowed("inner")
        database.execute("ALTER TABLE allowed RENAME TO elsewhere")
        check(allowed("inner") == before != [], "a disk that fails makes no list empty", before)
        database.execute("ALTER TABLE elsewhere RENAME TO allowed")

    def check_runs(self):
        """Who may do what is the same after kill -9."""
        before = json.loads(self.vx6("owner", "service", "list", "--json", check=True).stdout)
        self.start_again()
        after = json.loads(self.vx6("owner", "service", "list", "--json", check=True).stdout)
        facts = [[(s["name"], s["target"], s["exposure"], s["allowed"]) for s in answer["services"]]
                 for answer in (before, after)]
        check(facts[0] == facts[1] and len(facts[0]) == 3, "services and their keys survive kill -9", facts)
        def may(who, name):
            code, answer = self.forward(who, name)
            if code == "OK":
                self.end_forward(who, answer)
            return code
        harness.wait_for(lambda: may("friend", "inner") == "OK", "the friend gets in again")
        check(may("stranger", "inner") == "NO_SERVICE" and may("stranger", "seen") == "NOT_ALLOWED" and
              may("stranger", "open") == "NO_SERVICE", "the stranger does not")


if __name__ == "__main__":
    sys.exit(harness.main(Test, __doc__))
