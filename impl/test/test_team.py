#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Three nodes under one name: services of a team that other nodes host. Needs no privileges.

usage: test_team.py BIN_DIR
"""
import contextlib
import socket
import sys

import harness
from harness import DEADLINE_S, check


class Test(harness.ReturningTest):
    def run(self):
        self.echo = harness.Echo()
        entry = self.start("entry")
        self.key = {}
        for who, name in {"team": "team", "db": "", "spare": "", "client": "", "other": ""}.items():
            self.start(who, "--peer", entry, *(["--name", name] if name else []))
            self.key[who] = self.key_of(who)
        self.check_words()
        self.check_use()
        self.check_own_use()
        self.check_moves()
        self.check_runs()
        self.check_bounds()
        self.check_less_room()
        self.check_revocation()

    def connect(self, who, name="team.db"):
        """The code, and whom it is with; where it is up, bytes go there and back."""
        code, answer = self.ask(who, "connect", name, "--background")
        if code != "OK":
            return code, None
        ip, port = answer["listen"].rsplit(":", 1)
        with socket.create_connection((ip, int(port)), timeout=DEADLINE_S) as client:
            client.sendall(b"hello")
            check(client.recv(5, socket.MSG_WAITALL) == b"hello", "bytes go to the service and back")
        self.vx6(who, "disconnect", str(answer["forward"]), check=True)
        return code, answer["key"]

    def arrives(self, host):
        """Until others are told that the service is at this node."""
        def told():
            _, answer = self.ask("client", "resolve", "team.db")
            return {"name": "db", "host": self.key[host]} in answer["candidates"][0]["hosted"]
        harness.wait_for(told, "the team's record arrives")

    def check_words(self):
        """VX6-CTRL-027: where it is and nothing else, and what that means is told."""
        rows = [(("db", "--at", "KEY", "--public"), 2, "leave out the rest"),
                (("db", "127.0.0.1:1", "--at", "KEY"), 2, "leave out the rest"),
                (("db",), 2, "NAME --at WHO"),
                (("db", "--at", "nobody"), 2, "neither a key nor a name"),
                (("Db", "--at", "KEY"), 2, "no valid name"),
                (("db", "--at", self.key["team"]), 1, "this node itself")]
        for words, code, text in rows:
            words = [self.key["db"] if word == "KEY" else word for word in words]
            done = self.vx6("team", "service", "add", *words)
            check(done.returncode == code and text in done.stderr and done.stderr.count("\n") == 1,
                  f"refused: {text}", done)
        check(self.ask("team", "service", "list")[1]["services"] == [], "and nothing was added")
        done = self.vx6("team", "service", "add", "db", "--at", self.key["db"], check=True)
        check("whoever resolves this node is told" in done.stdout and "decided there" in done.stdout,
              "the consequence is printed", done.stdout)
        self.vx6("team", "pin", "dbhost", self.key["db"], check=True)
        self.vx6("team", "service", "add", "db", "--at", "dbhost", check=True)
        service, = self.ask("team", "status")[1]["services"]
        check((service["exposure"], service["host"], service["host_name"], service["target"]) ==
              ("hosted", self.key["db"], "dbhost", None), "status has it", service)
        check(f"db is at dbhost, {self.key['db']}" in self.vx6("team", "service", "list").stdout,
              "and so has service list")
        done = self.vx6("team", "service", "add", "db", self.echo.target, "--public")
        check(done.returncode == 1 and "at another node: remove it first" in done.stderr,
              "it does not become a service of this node by a slip", done)
        self.vx6("team", "service", "add", "web", self.echo.target, "--public", check=True)
        done = self.vx6("team", "service", "add", "web", "--at", "dbhost")
        check(done.returncode == 1 and "offered by this node" in done.stderr, "nor the other way round", done)
        for what in ("allow", "deny"):
            done = self.vx6("team", "service", what, "db", self.key["client"])
            check(done.returncode == 1 and "decided there" in done.stderr, f"who may use it is not said here: {what}", done)

    def check_use(self):
        """VX6-NAME-022, VX6-NAME-023: the host decides who may use it, and nobody but the team is bound."""
        self.arrives("db")
        check(self.connect("client") == ("NO_SERVICE", None), "a host that offers nothing says so")
        self.vx6("db", "service", "add", "db", self.echo.target, "--private", "--allow",
                 self.key["client"], check=True)
        check(self.connect("client") == ("OK", self.key["db"]), "who is allowed there gets in")
        check(self.connect("other") == ("NO_SERVICE", None), "and nobody else")
        check(self.connect("client", "team.web") == ("OK", self.key["team"]), "the rest is with the team")
        names = self.ask("client", "names")[1]["names"]
        check([(name["name"], name["key"]) for name in names] == [("team", self.key["team"])],
              "the name is bound to the team's key, and nothing to the host's", names)
        code, answer = self.ask("client", "resolve", "team.db")
        check(code == "OK" and len(answer["candidates"]) == 1 and answer["key"] == self.key["team"] and
              answer["host"]["key"] == self.key["db"] and answer["host"]["endpoints"] == [self.addr["db"]],
              "resolve shows the team and the host", answer)
        services = self.ask("client", "service", "list", "team")[1]["services"]
        check({s["name"]: (s["exposure"], s["may_use"]) for s in services} ==
              {"db": ("hosted", None), "web": ("public", True)}, "so does the team's list", services)
        code, answer = self.ask("client", "connect", "--addr", self.addr["team"], "--key",
                                self.key["team"], "db", "--background")
        check(code == "NO_SERVICE", "at the team's address there is no such service", answer)

    def check_own_use(self):
        self.vx6("db", "service", "allow", "db", self.key["team"], check=True)
        check(self.connect("team") == ("OK", self.key["db"]), "the team itself goes to the host")
        check(self.connect("db") == ("SELF", None), "the host is told that it is there itself")

    def check_moves(self):
        """VX6-NAME-024, VX6-NAME-025: the next record counts, and says nothing of what is open."""
        forward = self.ask("client", "connect", "team.db", "--background")[1]
        self.vx6("spare", "service", "add", "db", self.echo.target, "--public", check=True)
        self.vx6("team", "service", "add", "db", "--at", self.key["spare"], check=True)
        self.arrives("spare")
        check(self.connect("client") == ("OK", self.key["spare"]), "a new connection goes to the new host")
        ip, port = forward["listen"].rsplit(":", 1)
        with socket.create_connection((ip, int(port)), timeout=DEADLINE_S) as client:
            client.sendall(b"hello")
            check(client.recv(5, socket.MSG_WAITALL) == b"hello", "what was open stays with the old one")
        self.vx6("db", "service", "remove", "db", check=True)  # ends its session
        with contextlib.suppress(ConnectionError), \
                socket.create_connection((ip, int(port)), timeout=DEADLINE_S) as client:
            client.settimeout(DEADLINE_S)
            check(client.recv(1) == b"", "which is not led elsewhere")
        failure = next(f for f in self.ask("client", "status")[1]["forwards"]
                       if f["forward"] == forward["forward"])["last_failure"]
        check(failure["code"] == "KEY_MISMATCH", "but refused, since the host is another now", failure)
        self.vx6("client", "disconnect", str(forward["forward"]), check=True)
        self.vx6("team", "service", "add", "db", "--at", harness.KEY_OF_NOBODY, check=True)
        harness.wait_for(lambda: self.ask("client", "resolve", "team.db")[0] == "NO_HOST",
                         "a host that is not there")
        done = self.vx6("client", "connect", "team.db")
        check(done.returncode == 1 and "another node hosts this service" in done.stderr, "is said to be so", done)
        self.vx6("team", "service", "add", "db", "--at", self.key["spare"], check=True)
        self.arrives("spare")

    def check_runs(self):
        """VX6-CTRL-027: what was acknowledged survives kill -9."""
        before = self.ask("team", "service", "list")[1]["services"]
        self.stop("team")
        self.start("team")
        after = self.ask("team", "service", "list")[1]["services"]
        facts = [[(s["name"], s["target"], s["host"]) for s in services] for services in (before, after)]
        check(facts[0] == facts[1] and facts[0][0] == ("db", None, self.key["spare"]), "it survives kill -9", facts)
        self.arrives("spare")
        check(self.connect("client") == ("OK", self.key["spare"]), "and is found as before")
        self.vx6("team", "service", "remove", "db", check=True)
        harness.wait_for(lambda: self.connect("client")[0] == "NO_SERVICE", "what is removed is gone")

    def check_bounds(self):
        """VX6-REC-026: what the record has no room for is refused, and not left out in silence."""
        names = [f"{i:02}" + "x" * 61 for i in range(16)]
        done = [self.vx6("team", "service", "add", name, "--at", self.key["db"]) for name in names]
        codes = [d.returncode for d in done]
        count = codes.count(0)
        check(0 < count < 16 and codes == [0] * count + [1] * (16 - count) and
              "no room" in done[-1].stderr, f"{count} with the longest names fit, the next is refused", done[-1])
        listed = self.ask("team", "service", "list")[1]["services"]
        check(len(listed) == count + 1, "and is not there", listed)
        def shown():
            _, answer = self.ask("client", "resolve", f"team.{names[count - 1]}")
            return [h["name"] for h in answer["candidates"][0]["hosted"]] == names[:count]
        harness.wait_for(shown, "all that were taken are published")

    def check_less_room(self):
        """VX6-CTRL-027: a record that has grown has less room, and what is left out can be removed by its name."""
        self.start("alone", "--name", "alone")
        names = [f"{i:02}" + "x" * 61 for i in range(16)]
        names = [name for name in names if self.ask("alone", "service", "add", name, "--at", self.key["db"])[0] == "OK"]
        self.stop("alone")
        self.vx6("alone", "identity", "rotate", check=True)
        self.start("alone")
        status = self.ask("alone", "status")[1]
        left_out = [name for name in names if name not in [s["name"] for s in status["services"]]]
        said = [(e["event"], name) for e in status["errors"] for name in left_out if name in e["error"]]
        check(said == [("service_left_out", name) for name in reversed(left_out)] != [],
              "with another key the record has less room, and what is left out is said", status["errors"])
        codes = [self.ask("alone", "service", "remove", name)[0] for name in left_out * 2]
        check(codes == ["OK"] * len(left_out) + ["NO_SERVICE"] * len(left_out), "it can be removed by its name", codes)
        self.stop("alone")
        self.start("alone")
        check(self.ask("alone", "status")[1]["errors"] == [], "and is not missed any more")

    def check_revocation(self):
        """VX6-NAME-018: what is open with a host stands and falls with the name that led there."""
        self.vx6("team", "service", "remove", self.ask("team", "service", "list")[1]["services"][0]["name"], check=True)
        self.vx6("team", "service", "add", "db", "--at", self.key["spare"], check=True)
        self.arrives("spare")
        forward = self.ask("client", "connect", "team.db", "--background")[1]
        check(forward["key"] == self.key["spare"], "a session with the host", forward)
        certificate = str(self.dir / "team.revocation")
        self.vx6("team", "identity", "revocation", certificate, check=True)
        self.vx6("other", "revoke", certificate, check=True)
        harness.wait_for(lambda: [f["state"] for f in self.ask("client", "status")[1]["forwards"]] == ["down"],
                         "it ends with the team's key")
        check(self.connect("client") == ("REVOKED", None), "and is not made anew")


if __name__ == "__main__":
    sys.exit(harness.main(Test, __doc__))
