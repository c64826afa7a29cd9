#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What real nodes tell: events to whoever watches, and the log. Needs no privileges.

usage: test_events.py BIN_DIR
"""
import fcntl
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys

import contract
import harness
from harness import DEADLINE_S, Echo, check, check_quietly, free_port, wait_for

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
ADDRESS = re.compile(r"\[[0-9a-f:.]*:[0-9a-f:.]*\]:\d+|\d+\.\d+\.\d+\.\d+(?::\d+)?")
PER_PERIOD, PERIOD_S = 10, 10  # of what others can bring about


class EventsTest(harness.Test):
    def run(self):
        self.echo = Echo()
        self.alice = self.start("alice", "--name", "alice", "--log", "json", "--log-level", "debug")
        self.bob = self.start("bob", "--name", "bob", "--peer", self.alice, "--log-level", "debug")
        wait_for(lambda: self.ask("alice", command="status")["joined"], "each knows the other")
        self.check_command_line()
        self.check_follows()
        self.check_choice()
        self.check_addresses_in_events()
        self.check_slow_reader()
        self.check_every_command()
        self.check_flood()
        self.check_end()
        self.check_logs()
        self.check_stuck_log()
        self.check_hostile_texts()
        self.check_journald()

    def watch(self, who, **fields):
        """A line that follows events, and what it said first."""
        line = self.line(who)
        return line, line.ask({"command": "watch", **fields})

    def until(self, line, event, sentence, **fields):
        """The next event of this kind with these fields."""
        while True:
            said = line.receive()
            check_quietly(said is not None, sentence, "the line has ended")
            if said["event"] == event and fields.items() <= said.items():
                check(True, sentence)
                return said

    def ask(self, who, **request):
        line = self.line(who)
        answer = line.ask(request)
        line.close()
        return answer

    def offer(self, name="web", **fields):
        answer = self.ask("alice", command="service_add", name=name, target=self.echo.target,
                          **{"exposure": "public", **fields})
        check_quietly(answer["ok"], "a service is added", answer)

    def strangers(self, count):
        """Connections that bring garbage; all have been refused when this returns."""
        ip, port = self.alice.rsplit(":", 1)
        before = self.refused()
        for _ in range(count):
            with socket.create_connection((ip.strip("[]"), int(port)), timeout=DEADLINE_S) as stranger:
                stranger.sendall(b"\x00" + bytes(3000))
        wait_for(lambda: self.refused() >= before + count, f"{count} strangers are refused")

    def refused(self):
        return self.ask("alice", command="status")["counters"]["link_refused"]

    def popen(self, who, *words):
        return subprocess.Popen([self.bin / "vx6", "--state", self.dir / who, "watch", *words],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def check_command_line(self):
        done = self.vx6("alice", "watch", "--list")
        check({line.split()[0] for line in done.stdout.splitlines()} == set(contract.EVENTS["properties"]),
              "vx6 watch --list shows the events of the table")
        watcher = self.popen("alice")
        first = watcher.stdout.readline()
        check(re.match(r"following \d+ kinds of events of alice: joined, 1 contact, 0 services, 0 forwards", first),
              f"vx6 watch says what it follows, and how things are: {first.strip()}")
        self.offer("shown")
        said = watcher.stdout.readline()
        check(re.fullmatch(rf"{TIME} service shown leads to {self.echo.target}, .*\n", said),
              f"and what happens: {said.strip()}", said)
        watcher.send_signal(signal.SIGINT)
        check(watcher.wait(timeout=DEADLINE_S) == 0, "Ctrl-C ends it with exit code 0")
        done = self.vx6("alice", "watch", "nothing")
        check(done.returncode == 2 and "no event nothing" in done.stderr and done.stderr.count("\n") == 1,
              f"an event that there is not: {done.stderr.strip()}")
        done = self.vx6("alice", "watch", "--level", "loud")
        check(done.returncode == 2 and done.stderr.count("\n") == 1, f"a level: {done.stderr.strip()}")
        done = self.vx6("nobody", "watch")
        check(done.returncode == 3, "no node: exit code 3", done)

    def check_follows(self):
        """What a person does and what happens to them, in order."""
        alice, first = self.watch("alice")
        check(first["joined"] and first["services"] == ["shown"] and "link_up" not in first["events"] and
              "service_down" in first["events"], "the first line says how things are", first)
        bob, _ = self.watch("bob", level="debug")
        self.offer("web")
        self.until(alice, "service_added", "a service is added", service="web", exposure="public")
        forward = self.ask("bob", command="connect", name="alice.web", background=True)
        self.until(bob, "name_bound", "a name is bound", name="alice")
        up = self.until(bob, "forward_up", "a forward is up", forward=forward["forward"])
        check(up["listen"] == forward["listen"] and up["key"] == first["key"], "with whom and where", up)
        port = free_port()
        self.ask("alice", command="service_add", name="web", target=f"127.0.0.1:{port}", exposure="public")
        for by in ("status", "a connection"):
            self.use(forward)
            self.until(alice, "service_down", "its target is down", level="error", service="web")
            self.until(bob, "forward_failed", "the user hears of it", code="SERVICE_DOWN")
            with socket.create_server(("127.0.0.1", port)) as server:
                if by == "status":
                    self.ask("alice", command="status")
                else:
                    ip, local = forward["listen"].rsplit(":", 1)
                    with socket.create_connection((ip, int(local)), timeout=DEADLINE_S):
                        server.accept()[0].close()
                self.until(alice, "service_up", f"its target is up again, as {by} shows", service="web")
        self.offer("web")
        self.use(forward)
        self.offer("web", exposure="private")
        self.until(bob, "forward_down", "a session of a service that is closed ends", name="alice.web")
        self.use(forward)
        self.until(alice, "session_refused", "who comes again is refused, and the owner hears of it")
        self.ask("bob", command="disconnect", what="1")
        self.until(bob, "forward_ended", "a forward ends", name="alice.web")
        for line in (alice, bob):
            line.close()

    def use(self, forward):
        """One connection, whatever becomes of it."""
        ip, port = forward["listen"].rsplit(":", 1)
        try:
            with socket.create_connection((ip, int(port)), timeout=DEADLINE_S) as client:
                client.sendall(b"x")
                client.recv(1)
        except ConnectionError:
            pass

    def check_choice(self):
        rows = [({"events": ["name_pinned"]}, {"name_pinned"}),
                ({"events": []}, set()),
                ({"level": "error"}, {name for name, schema in contract.EVENTS["properties"].items()
                                      if schema["properties"]["level"].get("const") == "error"}),
                ({"level": "debug"}, set(contract.EVENTS["properties"]))]
        for fields, expected in rows:
            line, first = self.watch("bob", **fields)
            check(set(first["events"]) == expected, f"{fields} follows {len(expected)} events", first)
            line.close()
        for fields in ({"events": ["nothing"]}, {"events": [1]}, {"events": "name_pinned"}, {"level": "loud"},
                       {"level": 1}, {"addresses": 1}):
            check(self.ask("bob", command="watch", **fields)["code"] == "INVALID", f"{fields} is refused")

    def check_addresses_in_events(self):
        """VX6-CTRL-030"""
        for asked in (False, True):
            line, _ = self.watch("bob", addresses=asked)
            nobody = f"[::1]:{free_port()}"
            self.ask("bob", command="peer_add", addr=nobody)
            said = self.until(line, "peer_failed", "an entry peer does not answer", code="UNREACHABLE")
            check((said.get("peer") == nobody) == (nobody in said["text"]) == asked,
                  f"addresses {asked}: {said['text']}", said)
            line.close()

    def check_slow_reader(self):
        """VX6-CTRL-029"""
        line, _ = self.watch("alice", events=["link_refused", "link_closed"])

        def count():
            counters = self.ask("alice", command="status")["counters"]
            return counters["link_refused"] + counters["link_closed"]

        before = count()
        while (count() - before) * 100 < 1 << 20:  # its reader is not behind by more than is kept for it
            self.strangers(500)
        events = count() - before
        check(True, f"a reader who does not read holds nobody up, {events} events long")
        seen, lost = 0, 0
        while seen + lost < events:
            said = line.receive()
            lost += said["count"] if said["event"] == "lost" else 0
            seen += said["event"] != "lost"
            if seen + lost >= events:
                events = count() - before  # some strangers may have been let go since
        check(lost > 0 and seen + lost == events, f"it has {seen}, and is told that it lost {lost}")
        self.strangers(1)
        self.until(line, "link_refused", "and hears what comes then")
        line.close()

    def check_every_command(self):
        """VX6-CTRL-028: each has answered, and all answers keep to their schemas (harness.Line)."""
        key = self.ask("alice", command="identity")["key"]
        by_addr = {"command": "connect", "addr": self.alice, "service": "shown", "background": True}
        requests = [
            {"command": "identity"}, {"command": "status"}, {"command": "peers"}, {"command": "names"},
            {"command": "peer_add", "addr": self.alice}, {"command": "resolve", "name": "alice"},
            by_addr, {"command": "status"}, {"command": "names"}, {"command": "disconnect", "what": "shown"},
            {"command": "forget", "name": self.alice}, {"command": "rename", "name": "alice", "to": "al"},
            {"command": "forget", "name": "al"}, {"command": "pin", "name": "alice", "key": key},
            {"command": "service_add", "name": "db", "target": "127.0.0.1:1", "exposure": "private", "allow": [key]},
            {"command": "service_list"}, {"command": "service_list", "name": "alice"},
            {"command": "service_list", "addr": self.alice}, {"command": "service_deny", "name": "db", "who": "alice"},
            {"command": "service_allow", "name": "db", "who": key}, {"command": "status"},
            {"command": "service_remove", "name": "db"}, {"command": "service_host", "name": "api", "at": key},
            {"command": "service_list"}, {"command": "resolve", "name": "bob.api"}, {"command": "identity_rename", "name": "bobby"},
            {"command": "doctor"}, {"command": "watch"},
        ]
        lost = self.dir / "lost.revocation"
        self.vx6("lost", "init", check=True)
        self.vx6("lost", "identity", "revocation", str(lost), check=True)
        requests.insert(0, {"command": "revoke", "certificate": lost.read_text()})
        line, (watcher, _) = self.line("bob"), self.watch("bob")
        for request in requests:
            answer = line.ask(request)
            check_quietly(answer["ok"], f"{request['command']} works", answer)
        line.close()
        for event in ("key_revoked", "forward_up", "forward_ended", "name_renamed", "name_forgotten", "name_pinned", "service_added",
                      "service_denied", "service_allowed", "service_removed", "named"):
            self.until(watcher, event, f"{event} is told")
        watcher.close()
        sources = (contract.SPEC.parent / "impl/src/control").glob("*.c")
        commands = set(re.findall(r'\{"(\w+)", command_\w+\}', "".join(path.read_text() for path in sources)))
        export = self.vx6("carol", "init", "--json"), self.export("carol")
        check_quietly(all(done.returncode == 0 for done in export), "vx6 alone answers, too", export)
        check(commands | contract.BY_THE_CLIENT == set(contract.ANSWERS["properties"]) == contract.answered,
              f"all {len(commands)} commands have a schema, and an answer that keeps to it",
              (commands, contract.answered))
        status = self.ask("bob", command="status")
        wrong = [{**status, "more": 1}, {**status, "version": 2}, {**status, "key": "x"},
                 {name: value for name, value in status.items() if name != "errors"},
                 {**status, "counts": {**status["counts"], "links": -1}}]
        check(all(contract.faults(answer, "status") for answer in wrong), "an answer that does not is noticed")

    def export(self, who):
        passphrase = self.dir / "passphrase"
        passphrase.write_text("correct horse battery staple\n")
        return self.vx6(who, "identity", "export", str(self.dir / f"{who}.vx6"), "--passphrase-file",
                        str(passphrase), "--json")

    def check_flood(self):
        """VX6-CTRL-030"""
        written = self.log("alice").count('"of":"link_refused"')
        self.strangers(5 * PER_PERIOD)
        wait_for(lambda: self.log("alice").count('"of":"link_refused"') > written,
                 "the log says how many strangers it has left out")
        events = [json.loads(line) for line in self.log("alice").splitlines()]
        times = [event["time"] for event in events if event["event"] == "link_refused"]
        most = max(sum(other[:18] == time[:18] for other in times) for time in times)  # in ten seconds of the clock
        check(most <= 2 * PER_PERIOD, f"a flood of strangers puts {most} lines at most into {PERIOD_S} seconds of it")

    def check_end(self):
        watcher = self.popen("alice", "--json", "shutting_down")
        check_quietly(json.loads(watcher.stdout.readline())["events"] == ["shutting_down"], "it follows one")
        refused = self.refused()
        self.nodes[0].terminate()
        out, error = watcher.communicate(timeout=DEADLINE_S)
        event, end = map(json.loads, out.splitlines())
        check(event["signal"] == "SIGTERM" and end["ok"] is False and watcher.returncode == 3 and
              error.count("\n") == 1, f"the node's end: exit code 3, {error.strip()}", (out, watcher.returncode))
        check(self.nodes[0].wait(timeout=DEADLINE_S) == 0, "it ends in order")
        events = [json.loads(line) for line in self.log("alice").splitlines()]
        untold = sum(event["count"] for event in events if event.get("of") == "link_refused")
        told = sum(event["event"] == "link_refused" for event in events)
        check(told + untold == refused, f"of {refused} refused strangers the log has {told}, and counts {untold}")
        check(events[-1]["event"] in ("stopped", "repeated"), "its last word is that it has ended", events[-1])

    def check_logs(self):
        """VX6-CTRL-016, VX6-CTRL-030"""
        carol = self.start("carol", "--peer", self.bob, "--log-addresses")
        shown = self.log("carol")
        check(self.bob in ADDRESS.findall(shown), "with --log-addresses the log has them", shown)
        for who, own in (("alice", self.alice), ("bob", self.bob)):
            log = self.log(who)
            strange = {found for found in ADDRESS.findall(log) if not found.startswith("127.0.0.1:")} - {own}
            check(not strange and len(log.splitlines()) > 20,
                  f"the {len(log.splitlines())} lines of a busy node have no address of another one", strange)
            check(carol not in log and not any(form in log.lower() for form in self.seed_forms(who)), "nor its seed")
        lines = [json.loads(line) for line in self.log("alice").splitlines()]
        wrong = [fault for line in lines for fault in contract.faults(line)]
        check(not wrong, f"{len(lines)} lines of a log in JSON keep to the schemas", wrong)
        check(all(re.match(rf"{TIME} ((error|warning|debug): )?\S", line) for line in self.log("bob").splitlines()),
              "a plain line has its time, and its level unless it is news")
        check("debug: " in self.log("bob") and "debug: " not in shown, "debug is written only where it was asked for")

    def check_stuck_log(self):
        """VX6-CTRL-029: a pipe that nobody reads from, and that is full after the first line."""
        ours, theirs = os.pipe()
        fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
        node = subprocess.Popen([self.bin / "vx6-node", "--state", self.dir / "dora", "--log", "json", "--listen",
                                 f"[::1]:{free_port()}"], stderr=theirs)
        os.close(theirs)
        self.nodes.append(node)
        wait_for((self.dir / "dora" / "control.sock").is_socket, "it starts")
        service = {"command": "service_add", "name": "web", "target": self.echo.target, "exposure": "public"}
        for _ in range(40):  # 8 kB of log
            check_quietly(self.ask("dora", **service)["ok"], "it goes on")
        with os.fdopen(ours) as log:
            first = json.loads(log.readline())
            self.ask("dora", **service)
            lost, last = json.loads(log.readline()), json.loads(log.readline())
        check(first["event"] == "listening" and last["event"] == "service_added" and lost["count"] >= 40 and
              not contract.faults(lost), f"a log that nobody reads holds nothing up, and says: {lost['text']}",
              (first, lost, last))

    def check_hostile_texts(self):
        """VX6-CTRL-030"""
        hostile = "\x1b[2J\x07\r\n\u202ex"
        asn_map = self.dir / "карта"
        asn_map.write_text("2001:db8::/32 64500\n")
        database = sqlite3.connect(self.dir / "alice" / "state.db")
        with database:
            database.execute("INSERT INTO service (name, target, exposure) VALUES (?, ?, ?)",
                             (hostile, "127.0.0.1:1", "public"))
        database.close()
        for form in ("plain", "json"):
            before = len(self.log("alice"))
            self.start("alice", "--asn-map", str(asn_map), "--log", form)
            log = self.log("alice")[before:]
            check("asn_map_read" in log or "address ranges read" in log, f"{form}: a file is read", log)
            check("was left out: it is damaged" in log and "\\x1b[2J" in log.replace("\\\\", "\\"), f"{form}: one is left out", log)
            check(re.fullmatch(r"[\n -~]*", log), f"{form}: nothing in the log moves a cursor", log)
            self.nodes[-1].terminate()
            self.nodes[-1].wait(timeout=DEADLINE_S)

    def check_journald(self):
        """The service manager names the stream that it gives."""
        for is_named, expected in ((True, r"<6>listening on"), (False, TIME)):
            ours, theirs = socket.socketpair()
            ours.settimeout(DEADLINE_S)
            stat = os.fstat(theirs.fileno())
            stream = f"{stat.st_dev}:{stat.st_ino if is_named else stat.st_ino + 1}"
            with ours, theirs:
                node = subprocess.Popen(
                    [self.bin / "vx6-node", "--state", self.dir / "erin", "--listen", f"[::1]:{free_port()}"],
                    stderr=theirs, env={"JOURNAL_STREAM": stream})
                self.nodes.append(node)
                said = ours.recv(4096).decode()
                check(re.match(expected, said), f"journald at the other end, {is_named}: {said.splitlines()[0]}")
                node.terminate()
                node.wait(timeout=DEADLINE_S)


if __name__ == "__main__":
    sys.exit(harness.main(EventsTest, __doc__))
