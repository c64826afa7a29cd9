#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The control socket of one node on loopback, spoken to directly. Needs no privileges.

usage: test_control.py BIN_DIR
"""
import json
import os
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time

import harness
from harness import DEADLINE_S, check, check_quietly, free_port, wait_for


class Test(harness.Test):
    def run(self):
        self.addr = self.start("alice", "--name", "alice")
        self.check_lines()
        self.check_refusals()
        self.check_services()
        self.check_status()
        self.check_connect()
        self.check_peer_add()
        self.check_slow_reader()
        self.check_strangers()
        self.check_modes_and_secrets()
        for node in self.nodes:
            node.send_signal(signal.SIGTERM)
            check(node.wait(timeout=DEADLINE_S) == 0, "SIGTERM ends the node with exit code 0")

    def check_lines(self):
        """VX6-CTRL-003, VX6-CTRL-004, VX6-CTRL-005"""
        line = self.line("alice")
        line.send(b'{"command":"identity"}\n{"command":"nothing"}\n{"command":"service_list"}\n')
        answers = [line.receive() for _ in range(3)]
        check([a["ok"] for a in answers] == [True, False, True] and "services" in answers[2],
              "answers come in the order of the requests", answers)
        line.send(b'{"command":"iden')
        line.send(b'tity"}\n')
        check(line.receive()["name"] == "alice", "a request may come in pieces")
        line.send(b'{"command":"identity"}\n')
        line.socket.shutdown(socket.SHUT_WR)
        check(line.receive()["ok"] and line.receive() is None, "the last answer comes, then the end")
        line.close()

        line = self.line("alice")
        line.send(b'{"command":"' + b"x" * 20000)
        check(line.receive()["code"] == "INVALID" and line.receive() is None,
              "a line that is too long is refused and the connection closed")
        line.close()

        line = self.line("alice")
        line.send({"command": "resolve", "name": "nobody"})
        line.close()  # cancels it
        busy = [self.line("alice") for _ in range(64)]
        check(all(b.ask({"command": "identity"})["ok"] for b in busy[:60]), "60 at the same time")
        for b in busy:
            b.close()

    def check_refusals(self):
        """VX6-CTRL-002"""
        line = self.line("alice")
        rows = [
            b"", b"null", b"[]", b"{}", b"{", b"\xff\xfe", b'"status"', b'{"command":1}',
            b'{"command":"status","command":"status"}', b'{"command":"status","other":1}',
            b'{"command":"status","wait_ms":"1"}', b'{"command":"status","wait_ms":-1}',
            b'{"command":"status","wait_ms":600001}', b'{"command":"peer_add"}',
            b'{"command":"peer_add","addr":4242}', b'{"command":"peer_add","addr":"::1"}',
            b'{"command":"resolve","name":"A"}', b'{"command":"resolve","name":"a..b"}',
            b'{"command":"connect"}', b'{"command":"connect","name":"alice"}',
            b'{"command":"connect","name":"a.b","addr":"[::1]:1","service":"b"}',
            b'{"command":"connect","addr":"[::1]:1"}',
            b'{"command":"connect","addr":"[::]:1","service":"web"}',
            b'{"command":"connect","name":"a.b","background":1}',
            b'{"command":"service_remove","name":"../x"}', b'{"command":"service_list","name":"a.b"}',
            b'{"command":"service_list","name":"a","addr":"[::1]:1"}', b'{"command":"service_list","key":"a"}',
            b'{"command":"service_list","addr":"[::]:1"}', b'{"command":"service_list","addr":"[::1]:1","key":"a"}',
            b'{"command":"exec","path":"/bin/sh"}', b"[" * 10000,
        ]
        for row in rows:
            answer = line.ask(row + b"\n")
            check(answer["ok"] is False and answer["code"] == "INVALID" and
                  "\n" not in answer["error"], f"refused: {row[:60].decode(errors='replace')}",
                  answer)
        line.close()

    def check_services(self):
        """VX6-CTRL-006, VX6-CTRL-011"""
        line = self.line("alice")
        for exposure in ("hidden", "", "PUBLIC"):
            answer = line.ask({"command": "service_add", "name": "web", "target": "127.0.0.1:1",
                               "exposure": exposure})
            check(answer["code"] == "INVALID", f"exposure {exposure!r} is refused", answer)
        for target in ("0.0.0.0:80", "[::]:80", "example.org:80", "80", "127.0.0.1:0"):
            answer = line.ask({"command": "service_add", "name": "web", "target": target,
                               "exposure": "public"})
            check(answer["code"] == "INVALID", f"target {target} is refused", answer)
        check(line.ask({"command": "service_list"})["services"] == [], "and nothing was added")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.dead_target = f"127.0.0.1:{probe.getsockname()[1]}"
        for i in range(16):
            answer = line.ask({"command": "service_add", "name": f"s{i}",
                               "target": self.dead_target, "exposure": "public"})
            check(answer["ok"] and answer["target_is_up"] is False,
                  f"service {i + 1} of 16, with the news that its target is not up", answer)
        answer = line.ask({"command": "service_add", "name": "more", "target": self.dead_target,
                           "exposure": "public"})
        check(not answer["ok"] and "remove one" in answer["error"], "and no seventeenth", answer)
        for i in range(1, 16):
            line.ask({"command": "service_remove", "name": f"s{i}"})
        line.close()

    def check_status(self):
        """VX6-CTRL-013"""
        line = self.line("alice")
        status = line.ask({"command": "status", "wait_ms": 1000})
        for field in ("ready joined key node_id name uptime_ms listen endpoints counts links "
                      "services forwards counters reasons errors").split():
            check(field in status, f"status has {field}")
        check(status["ready"] and status["listen"] == [self.addr] == status["endpoints"],
              "without entry peers a node is ready once it listens", status)
        check(set(status["counters"]) >= {"link_up", "published", "stream_opened"},
              "counters have the names of events")
        line.close()
        # A node whose only entry peer is not there.
        with open(self.dir / "eve.log", "w") as log:
            node = subprocess.Popen([self.bin / "vx6-node", "--state", self.dir / "eve", "--listen",
                                     f"[::1]:{free_port()}", "--peer", f"[::1]:{free_port()}"],
                                    stderr=log)
        self.nodes.append(node)
        done = subprocess.run([self.bin / "vx6", "--state", self.dir / "eve", "status", "--wait",
                               "--timeout", "1"], capture_output=True, text=True)
        check(done.returncode == 1 and "has not joined" in done.stderr and
              done.stderr.count("\n") == 1, "status --wait says when the time is over", done)
        check(self.line("eve").ask({"command": "peers"})["entry"][0]["state"] == "failed",
              "and peers which entry peer has failed")

    def check_connect(self):
        """VX6-CTRL-007, VX6-CTRL-008, VX6-CTRL-009, VX6-CTRL-010, VX6-CTRL-012"""
        self.start("bob")
        key = self.line("alice").ask({"command": "identity"})["key"]
        line = self.line("bob")
        ask = {"command": "connect", "addr": self.addr, "service": "s0"}
        for listen in ("0.0.0.0:0", "0.0.0.0:9000", "[::]:9000", "192.0.2.1:9000"):
            check(line.ask({**ask, "listen": listen})["code"] == "INVALID",
                  f"listening on {listen} is refused")
        answer = line.ask({**ask, "service": "s1"})
        check(answer["code"] == "NO_SERVICE", "a connect is answered when it has failed", answer)
        check(line.ask({"command": "status"})["forwards"] == [], "and leaves nothing")
        first = line.ask({**ask, "background": True})
        check(first["ok"] and first["key"] == key and first["key_is_new"] and
              first["state"] == "up" and first["listen"].startswith("127.0.0.1:"),
              "a connect is answered when the session is up, with the key of first use", first)

        held = self.line("bob")
        forward = held.ask({**ask, "key": key})
        check(forward["ok"] and not forward["key_is_new"], "a foreground forward", forward)
        port = int(forward["listen"].rsplit(":", 1)[1])
        end = b"?"
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
                end = client.recv(1)
        except ConnectionResetError:  # so early that connect() may say it already
            end = None
        check(end is None, "a service that is down: the connection is reset")
        news = held.receive()
        check(news["event"] == "failed" and news["code"] == "SERVICE_DOWN",
              "and the foreground hears why", news)
        status = line.ask({"command": "status"})
        failed = [f for f in status["forwards"] if f["forward"] == forward["forward"]][0]
        check(failed["last_failure"]["code"] == "SERVICE_DOWN" and
              "SERVICE_DOWN" in status["errors"][0]["error"], "and so does status", failed)
        held.close()
        end = time.monotonic() + DEADLINE_S
        while len(line.ask({"command": "status"})["forwards"]) > 1 and time.monotonic() < end:
            time.sleep(0.02)
        forwards = line.ask({"command": "status"})["forwards"]
        check([f["forward"] for f in forwards] == [first["forward"]],
              "it ends with its connection; the one in the background stays", forwards)
        ended = line.ask({"command": "disconnect", "what": first["listen"]})["ended"]
        check(len(ended) == 1, "until it is disconnected", ended)
        line.close()

    def check_peer_add(self):
        """VX6-CTRL-018: an entry peer that the next start would not know is not acknowledged."""
        line, ask = self.line("bob"), {"command": "peer_add", "addr": self.addr}
        database = sqlite3.connect(self.dir / "bob" / "state.db", isolation_level=None)
        database.execute("CREATE TRIGGER no BEFORE INSERT ON peer BEGIN SELECT raise(ABORT, 'worn out'); END")
        answer = line.ask(ask)
        check(answer["code"] == "LIMIT" and "has answered" in answer["error"] and "worn out" in answer["error"],
              "one that cannot be kept is refused", answer)
        check(line.ask({"command": "peers"})["entry"] == [], "and is no entry peer")
        database.execute("DROP TRIGGER no")
        check(line.ask(ask)["ok"] and line.ask({"command": "peers"})["entry"][0]["addr"] == self.addr and
              database.execute("SELECT addr FROM peer").fetchall() == [(self.addr,)], "one that can be is kept")
        database.close()
        node, addr = self.launch("carol")
        wait_for(lambda: line.ask({**ask, "addr": addr})["ok"], "another is kept")
        node.kill()
        node.wait()
        self.nodes.remove(node)
        wait_for(lambda: addr not in [link["peer"] for link in line.ask({"command": "status"})["links"]],
                 "its end is noticed")
        answer = line.ask({**ask, "addr": addr})
        check(answer["code"] == "UNREACHABLE", "one that is kept and gone has not answered", answer)
        line.close()

    def check_slow_reader(self):
        """A client that does not read stops the service, and nothing grows; then all arrives."""
        size = 64 * 1000 * 1000
        line = self.line("bob")
        with socket.create_server(("127.0.0.1", 0)) as server:
            target = f"127.0.0.1:{server.getsockname()[1]}"
            self.line("alice").ask({"command": "service_add", "name": "bulk", "target": target,
                                    "exposure": "public"})
            forward = line.ask({"command": "connect", "addr": self.addr, "service": "bulk",
                                "background": True})
            port = int(forward["listen"].rsplit(":", 1)[1])
            client = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
            source, _ = server.accept()
        source.setblocking(False)
        block = b"v" * 65536
        sent = 0
        while select.select([], [source], [], 1.0)[1]:
            sent += source.send(block)
            if sent > size:
                break
        check(sent < 32 * 1000 * 1000, f"the service is stopped after {sent // 1000} kB")
        received = 0
        while received < size:
            readable, writable, _ = select.select([client], [source] if sent < size else [], [],
                                                  DEADLINE_S)
            check_quietly(readable or writable, "bytes flow again", (sent, received))
            if writable:
                sent += source.send(block[:min(len(block), size - sent)])
                if sent == size:
                    source.close()
            if readable:
                data = client.recv(1 << 20)
                check_quietly(data, "no early end", (sent, received))
                received += len(data)
        check(client.recv(1) == b"", "and all arrives when it reads, then the end")
        client.close()
        line.ask({"command": "disconnect", "what": forward["listen"]})
        line.close()

    def check_strangers(self):
        """Whatever strangers send, the node stays up and useful."""
        ip, port = self.addr.rsplit(":", 1)
        where = (ip.strip("[]"), int(port))
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            for size in [0, 1, 11, 12, 1199, 1200, 1201, 1400, 8000] * 50:
                s.sendto(os.urandom(size), where)
        for size in (0, 1, 2, 3, 100, 5000):
            for _ in range(5):
                with socket.create_connection(where, timeout=DEADLINE_S) as s:
                    s.sendall(b"\x01" + os.urandom(size))
        line = self.line("bob")
        forward = line.ask({"command": "connect", "addr": self.addr, "service": "s0",
                            "background": True})
        check(forward["ok"], "garbage over TCP and UDP does no harm", forward)
        reasons = self.line("alice").ask({"command": "status"})["reasons"]
        shown = subprocess.run([self.bin / "vx6", "--state", self.dir / "alice", "status"], text=True,
                               check=True, capture_output=True, timeout=DEADLINE_S).stdout
        check(reasons["datagram_refused"]["BAD_MESSAGE"] >= 10 and
              reasons["link_closed"]["TRUNCATED"] >= 10 and
              f"datagram refused: BAD_MESSAGE {reasons['datagram_refused']['BAD_MESSAGE']}" in shown,
              "and status says how much of it was refused, and why", (reasons, shown))
        line.ask({"command": "disconnect", "what": forward["listen"]})
        line.close()

    def check_modes_and_secrets(self):
        """VX6-CTRL-001, VX6-CTRL-016"""
        state = self.dir / "alice"
        check(state.stat().st_mode & 0o777 == 0o700, "the state directory is private")
        for path in state.iterdir():
            check(path.stat().st_mode & 0o177 == 0, f"{path.name} is private")
        shown = (self.dir / "alice.log").read_text()
        line = self.line("alice")
        for command in ("status", "identity", "peers", "service_list"):
            shown += json.dumps(line.ask({"command": command}))
        line.close()
        check(not any(form in shown.lower() for form in self.seed_forms("alice")),
              "the identity seed is nowhere to be seen")


if __name__ == "__main__":
    sys.exit(harness.main(Test, __doc__))
