#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What ends a wait: every command on a node that is stopped, and connect by signals. Needs no privileges.

usage: test_waiting.py BIN_DIR
"""
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import harness
import test_person
from harness import DEADLINE_S, KEY_OF_NOBODY, check, check_quietly, wait_for

ASKING = [  # each command that asks the node
    "status", "status --wait", "doctor", "peers", "peer add [::1]:1", "service add a 127.0.0.1:1 --public",
    "service add a --at {KEY}", "service allow a {KEY}", "service deny a {KEY}", "service list", "service list b",
    "service remove a", "connect a.b", "connect a.b -- true", "disconnect a.b", "resolve a", "names",
    "pin a {KEY}", "forget a", "rename a b", "identity rename a", "watch",
]
CANCELLED = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


class Test(harness.Test):
    def run(self):
        self.addr = self.start("alice", "--name", "alice")
        self.start("bob", "--peer", self.addr)
        self.alice, self.bob = self.nodes
        with self.stopped(self.bob):
            self.check_stopped()
            self.check_crowd()
        self.check_going_on()
        self.check_terminal()
        self.check_watching()
        self.check_refusing()
        self.check_interrupted()
        self.check_answered_meanwhile()
        self.check_signal_at_any_time()

    @contextlib.contextmanager
    def stopped(self, node):
        node.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            node.send_signal(signal.SIGCONT)

    def begin(self, *words):
        return subprocess.Popen([self.bin / "vx6", "--state", self.dir / "bob", *words], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)

    def check_stopped(self):
        """VX6-CTRL-037: nobody waits for a stopped node without a word, or for ever."""
        started = time.monotonic()
        running = [(words, self.begin(*words.format(KEY=KEY_OF_NOBODY).split(" -- ")[0].split(), "--timeout", "1",
                                      *(["--", "true"] if " -- " in words else [])))
                   for words in ASKING]
        for words, process in running:
            _, said = process.communicate(timeout=DEADLINE_S)
            if words == "doctor":
                said = said.splitlines()
                check(process.returncode == 1 and not said, "doctor has found what is wrong", said)
            else:
                check(process.returncode == 3 and said.count("\n") == 1 and "has not answered within 1 s" in said,
                      f"vx6 {words}: a line, and exit code 3", (process.returncode, said))
        check(time.monotonic() - started < DEADLINE_S, "all in time")
        done = self.vx6("bob", "names", "--timeout", "3", "--json")
        lines = done.stderr.splitlines()
        check(done.returncode == 3 and len(lines) == 2 and "waiting for up to 3 s" in lines[0] and
              "--timeout" in lines[1] and json.loads(done.stdout)["code"] == "TIMEOUT",
              "a longer wait begins with a word", done)

    def check_crowd(self):
        """Where so many wait for the node that the system takes no more."""
        with contextlib.ExitStack() as crowd:
            taken = True
            while taken:
                one = crowd.enter_context(socket.socket(socket.AF_UNIX))
                one.setblocking(False)
                taken = one.connect_ex(str(self.dir / "bob" / "control.sock")) == 0
            done = self.vx6("bob", "names", "--timeout", "1")
            check(done.returncode == 3 and "has not answered" in done.stderr, "a crowd before the door is no other case",
                  done)

    def check_going_on(self):
        with self.stopped(self.bob):
            waiting = self.begin("peers")
            said = waiting.stderr.readline()
            check("no answer yet" in said, "who waits hears of it", said)
        check("answered" in waiting.communicate(timeout=DEADLINE_S)[0] and waiting.returncode == 0,
              "and has the answer when the node goes on")

    def check_terminal(self):
        """What is shown while it goes on is looked for in between, and holds nobody up."""
        with self.stopped(self.bob):
            terminal = test_person.Terminal(self.bin / "vx6", "--state", self.dir / "bob", "status", "--wait",
                                            "--timeout", "3")
            check(terminal.shows("more: the node does not answer"), "status --wait shows for what it waits")
            check(terminal.shows("has not answered within 3 s"), "until the time is over")
            check(terminal.process.wait(DEADLINE_S) == 3, "and ends with 3")
        self.echo = harness.Echo()
        self.vx6("alice", "service", "add", "web", self.echo.target, "--public", check=True)
        terminal = test_person.Terminal(self.bin / "vx6", "--state", self.dir / "bob", "connect", "alice.web")
        check(terminal.shows("0 open, 0 so far"), "a forward is up")
        with self.stopped(self.bob):
            check(terminal.end() == 0, "Ctrl-C ends it though the node is stopped", terminal.text)
        wait_for(self.no_forward, "the node has no forward left")

    @contextlib.contextmanager
    def posing(self, who):
        """What listens where the node of this state would, with its directory."""
        (self.dir / who).mkdir(mode=0o700, exist_ok=True)
        path = self.dir / who / "control.sock"
        with socket.socket(socket.AF_UNIX) as server:
            server.settimeout(DEADLINE_S)
            server.bind(str(path))
            server.listen()
            yield server
        path.unlink()

    def check_refusing(self):
        """One that takes nobody more is not asked as fast as it can say so."""
        with self.posing("full") as server:
            terminal = test_person.Terminal(self.bin / "vx6", "--state", self.dir / "full", "status", "--wait",
                                            "--timeout", "3")
            looks = 0
            while terminal.process.poll() is None:
                server.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    server.accept()[0].close()
                    looks += 1
                check_quietly(looks < 20, "status --wait looks once a second", looks)
            check(looks >= 2, f"status --wait looks once a second: {looks} looks in 3 s")

    def check_answered_meanwhile(self):
        """VX6-CTRL-048: a forward in the background that is up before the node hears of the signal is no secret."""
        up = {"ok": True, "forward": 1, "name": "a.b", "listen": "127.0.0.1:1", "addr": None, "key_is_new": False}
        for answer, code, shown in ((up, 0, "a.b is at 127.0.0.1:1"), (None, 130, "")):
            with self.posing("crossing") as server:
                process = subprocess.Popen([self.bin / "vx6", "--state", self.dir / "crossing", "connect", "a.b",
                                            "--background"], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                line, _ = server.accept()
                with line:
                    line.recv(4096)
                    process.send_signal(signal.SIGINT)
                    check_quietly(line.recv(1) == b"", "the node hears that nobody waits")
                    with contextlib.suppress(BrokenPipeError):
                        line.sendall(json.dumps(answer).encode() + b"\n" if answer else b"")
                printed, said = process.communicate(timeout=DEADLINE_S)
                check(process.returncode == code and printed.strip() == shown,
                      f"interrupted, and {'answered meanwhile' if answer else 'not answered'}: {code}", (printed, said))

    def check_watching(self):
        """Who follows a node waits with it."""
        watching, connected = self.begin("watch", "--json"), self.begin("connect", "alice.web", "--json")
        watching.stdout.readline()
        listen = json.loads(connected.stdout.readline())["listen"]
        with self.stopped(self.bob):
            done = self.vx6("bob", "names", "--timeout", "3")
            check(done.returncode == 3 and watching.poll() is None and connected.poll() is None,
                  "watch and connect outlive a stop that ends others")
        self.vx6("bob", "pin", "carol", KEY_OF_NOBODY, check=True)
        said = ""
        while "name_pinned" not in said:
            said = watching.stdout.readline()
            check_quietly(said != "", "watch goes on with the node")
        ip, port = listen.rsplit(":", 1)
        with socket.create_connection((ip, int(port)), timeout=DEADLINE_S) as client:
            client.sendall(b"hello")
            check(client.recv(5, socket.MSG_WAITALL) == b"hello", "and so does the forward")
        for process in (watching, connected):
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=DEADLINE_S)
            check_quietly(process.returncode == 0, "and each ends as it does when it is told to", process.args)
        wait_for(self.no_forward, "the forward is gone")

    def no_forward(self):
        return json.loads(self.vx6("bob", "status", "--json", check=True).stdout)["forwards"] == []

    def opening(self):
        forwards = json.loads(self.vx6("bob", "status", "--json", check=True).stdout)["forwards"]
        return [f["state"] for f in forwards] == ["opening"]

    def check_interrupted(self):
        """VX6-CTRL-048: a connect that still waits ends with a line, and nothing of it stays."""
        mark = self.dir / "mark"
        for number, code in CANCELLED:
            for words in (["--", "touch", str(mark)], ["--json"], ["--background"]):
                with self.stopped(self.alice):
                    # By another name of that address: there is no session yet that could be used.
                    waiting = self.begin("connect", "web", "--addr", self.addr, *words)
                    wait_for(self.opening, "the forward is being opened")
                    waiting.send_signal(number)
                    printed, said = waiting.communicate(timeout=DEADLINE_S)
                    check(waiting.returncode == code and said.count("\n") == 1 and "web is not connected" in said,
                          f"connect {words[0]} ended by {number.name}: {said.strip()}, {code}", (waiting.returncode, said))
                    refused = json.loads(printed)["code"] if words == ["--json"] else printed
                    check_quietly(refused in ("", "CANCELLED"), "for programs it is a refusal", printed)
                    wait_for(self.no_forward, "nothing is left in the node")
        wait_for(lambda: self.vx6("bob", "resolve", "alice").returncode == 0, "alice goes on")
        check(not mark.exists(), "no program was started")

    def check_signal_at_any_time(self):
        """However late it comes, it ends a program or keeps it from being started. VX6-CTRL-044"""
        for delay_ms in range(0, 60, 3):
            process = self.begin("connect", "alice.web", "--", "sleep", "600")
            time.sleep(delay_ms / 1000)  # which moment that is does not matter
            os.kill(process.pid, signal.SIGTERM)
            process.communicate(timeout=DEADLINE_S)
            # Of itself, of a program that was told, or, before it had begun, as the system does it.
            check(process.returncode in (143, -signal.SIGTERM), f"SIGTERM after {delay_ms} ms: {process.returncode}")
            try:
                os.killpg(process.pid, 0)
                left = True
            except ProcessLookupError:
                left = False
            check_quietly(not left, "no program runs on")
            wait_for(self.no_forward, "and no forward is left")


if __name__ == "__main__":
    sys.exit(harness.main(Test, __doc__))
