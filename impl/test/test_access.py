#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Who may do what with a service of a real node: resolve, list, connect. Needs no privileges.

usage: test_access.py BIN_DIR
"""
import contextlib
import json
import socket
import sqlite3
import sys
import threading

import harness
from harness import DEADLINE_S, check

SERVICES = {"open": ("--public",), "seen": ("--public", "--allow", "KEY"),
            "inner": ("--private", "--allow", "KEY")}

# Resolve shows a service, or hides it. List says how it may be used, or that it may not, or hides it. Where
# it comes to neither there is a code. Not a byte reaches a local service but where connect says OK.
TABLE = [
    # who reaches for it            service    resolve      list            connect
    ("friend, who is allowed",      "open",    "shown",     "public",       "OK"),
    ("friend, who is allowed",      "seen",    "shown",     "listed",       "OK"),
    ("friend, who is allowed",      "inner",   "hidden",    "private",      "OK"),
    ("stranger by friend's name",   "open",    "shown",     "public",       "OK"),
    ("stranger by friend's name",   "seen",    "shown",     "not allowed",  "NOT_ALLOWED"),
    ("stranger by friend's name",   "inner",   "hidden",    "hidden",       "NO_SERVICE"),
    ("stranger by friend's name",   "nothing", "hidden",    "hidden",       "NO_SERVICE"),
    ("revoked, who was allowed",    "open",    "shown",     "public",       "OK"),
    ("revoked, who was allowed",    "seen",    "shown",     "not allowed",  "NOT_ALLOWED"),
    ("revoked, who was allowed",    "inner",   "hidden",    "hidden",       "NO_SERVICE"),
    ("wrong key at the address",    "open",    "shown",     "KEY_MISMATCH", "KEY_MISMATCH"),
    ("wrong key by a pin",          "open",    "NOT_FOUND", "NOT_FOUND",    "NOT_FOUND"),
]
IMPOSTOR_BY_NAME = [  # another node calls itself owner, and offers the same to all
    ("friend, who is allowed",      "inner",   "hidden",    "private",      "OK"),
    ("stranger by friend's name",   "inner",   "hidden",    "hidden",       "NO_SERVICE"),
    ("newcomer",                    "open",    "AMBIGUOUS", "AMBIGUOUS",    "AMBIGUOUS"),
    ("newcomer by a hint",          "open",    "shown",     "public",       "OK"),
    ("newcomer by a hint",          "inner",   "hidden",    "hidden",       "NO_SERVICE"),
]
IMPOSTOR_ON_PATH = [  # another node answers at the address of owner, and offers the same to all
    ("newcomer, now allowed",       "inner",   "hidden",    "KEY_MISMATCH", "KEY_MISMATCH"),
]


class Server:
    """A local service that says hello and then stays; counts who came. Who has not come has sent nothing."""

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


class Test(harness.ReturningTest):
    def address_of(self, who):
        return super().address_of("owner" if who == "on-path" else who)

    def start_again(self):
        self.stop("owner")
        self.start("owner")

    def run(self):
        entry = self.start("entry")
        self.start("owner", "--name", "owner", "--peer", entry)
        self.key = {"owner": self.key_of("owner")}
        for who, name in {"friend": "friend", "stranger": "friend", "revoked": "", "newcomer": ""}.items():
            self.start(who, "--peer", entry, *(["--name", name] if name else []))
            self.key[who] = self.key_of(who)
        self.servers = {name: Server() for name in SERVICES}
        self.check_words()
        self.check_tables(entry)
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
        return self.ask(who, "connect", f"owner.{name}", "--background")

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

    def reach(self, row):
        """Who that is, and the words by which it means owner: to resolve, list, and connect to a service."""
        who, service = row[0].split()[0].rstrip(","), row[1]
        name = "owner"
        if row[0] == "wrong key at the address":
            there = ("--addr", self.addr["owner"], "--key", self.key["stranger"])
            return "revoked", name, there, (service, *there)
        if row[0] == "wrong key by a pin":
            who, name = "stranger", "pinned"
        if row[0] == "newcomer by a hint":
            name = f"owner~{self.key['owner'][:6]}"
        return who, name, (name,), (f"{name}.{service}",)

    def resolved(self, who, name, service):
        code, answer = self.ask(who, "resolve", name)
        if code != "OK":
            return code
        candidate, = answer["candidates"]
        return "shown" if service in candidate["services"] else "hidden"

    def listed(self, who, words, service):
        code, answer = self.ask(who, "service", "list", *words)
        if code != "OK":
            return code
        offer, = [s for s in answer["services"] if s["name"] == service] or [None]
        return "hidden" if offer is None else offer["exposure"] if offer["may_use"] else "not allowed"

    def connected(self, who, words):
        code, answer = self.ask(who, "connect", *words, "--background")
        if code == "OK":
            with self.open(answer) as client:
                check(client.recv(5) == b"hello", "it is served")
            self.end_forward(who, answer)
        return code

    def check_table(self, rows, impostor=()):
        for row in rows:
            who, name, there, service = self.reach(row)
            servers = [*self.servers.values(), *impostor]
            before = [server.count for server in servers]
            found = (self.resolved(who, name, row[1]), self.listed(who, there, row[1]),
                     self.connected(who, service))
            check(found == row[2:], f"{row[0]}: {row[1]}: {', '.join(found)}", row)
            came = [server.count - count for server, count in zip(servers, before)]
            wanted = [int(row[4] == "OK" and server is self.servers.get(row[1])) for server in servers]
            check(came == wanted, "and no local service hears of anybody else", came)

    def start_impostor(self, who, servers, *options):
        self.start(who, *options)
        for name, server in zip(SERVICES, servers):
            self.vx6(who, "service", "add", name, server.target, "--public", check=True)

    def check_tables(self, entry):
        """VX6-SESS-025, VX6-SESS-026, VX6-CTRL-026: each cell, on real nodes."""
        for who in ("friend", "stranger", "revoked", "newcomer"):
            harness.wait_for(lambda: self.resolved(who, "owner", "seen") == "shown", "the list arrives")
        for name in ("seen", "inner"):
            self.vx6("owner", "service", "allow", name, self.key["revoked"], check=True)
            check(self.listed("revoked", ("owner",), name) != "hidden" and
                  self.forward("revoked", name)[0] == "OK", f"revoked is allowed {name}, and uses it")
            self.vx6("owner", "service", "deny", name, self.key["revoked"], check=True)
        self.vx6("revoked", "disconnect", "owner.seen")
        self.vx6("revoked", "disconnect", "owner.inner")
        self.vx6("stranger", "pin", "pinned", harness.KEY_OF_NOBODY, check=True)
        self.check_table(TABLE)
        check("owner" not in self.vx6("newcomer", "names").stdout, "who has listed only has bound nothing")
        inner, nothing = (self.forward("stranger", name)[1]["error"] for name in ("inner", "nothing"))
        check(nothing.replace("nothing", "inner") == inner, "what is private sounds like what is not there")

        servers = [Server() for _ in SERVICES]
        self.start_impostor("namesake", servers, "--name", "owner", "--peer", entry)
        harness.wait_for(lambda: self.resolved("newcomer", "owner", "open") == "AMBIGUOUS", "two claim it")
        self.check_table(IMPOSTOR_BY_NAME, servers)
        self.stop("namesake")

        self.vx6("owner", "service", "allow", "inner", self.key["newcomer"], check=True)
        check(self.listed("newcomer", ("owner",), "inner") == "private", "newcomer is allowed, too")
        self.stop("owner")
        self.start_impostor("on-path", servers, "--peer", entry)
        self.check_table(IMPOSTOR_ON_PATH, servers)
        self.stop("on-path")
        self.start("owner")
        self.vx6("owner", "service", "deny", "inner", self.key["newcomer"], check=True)

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
