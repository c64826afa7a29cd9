#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a person at a terminal sees: help with examples for every command, and what takes long is shown
while it does. Two nodes on loopback; needs no privileges.

usage: test_person.py BIN_DIR
"""
import fcntl
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

import harness
from harness import DEADLINE_S, check

COLUMNS = 80


class Terminal:
    """A program on a terminal of its own, and what it has written there."""

    def __init__(self, *command):
        self.side, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("4H", 25, COLUMNS, 0, 0))
        self.process = subprocess.Popen(command, stdin=other, stdout=other, stderr=other,
                                        start_new_session=True)
        os.close(other)
        self.text = ""

    def shows(self, pattern):
        """Reads until there is such a text."""
        deadline = time.monotonic() + DEADLINE_S
        while not re.search(pattern, self.text):
            harness.check_quietly(time.monotonic() < deadline, f"the terminal shows {pattern}", self.text)
            try:
                self.text += os.read(self.side, 4096).decode()
            except OSError:  # the program has ended, and with it the other side
                return bool(re.search(pattern, self.text))
        return True

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        os.close(self.side)
        return code


class Test(harness.Test):
    def run(self):
        self.check_help()
        self.check_waiting()
        self.addr = self.start("alice", "--name", "alice")
        self.start("bob", "--peer", self.addr)
        self.check_first_steps()
        self.check_traffic()

    def check_help(self):
        def help_of(*words):
            return subprocess.run([self.bin / words[0], *words[1:], "--help"], check=True, capture_output=True,
                                  text=True).stdout

        listed = help_of("vx6")
        commands = re.findall(r"^  vx6 ([a-z]+(?: [a-z]+)?)(?: |$)", listed.split("Commands:")[1], re.M)
        check(len(commands) > 20 and {"connect", "service add", "status"} <= set(commands),
              f"vx6 --help lists {len(commands)} commands", listed)
        texts = {command: help_of("vx6", *command.split()) for command in commands}
        asked = {command: subprocess.run([self.bin / "vx6", "help", *command.split()], check=True,
                                         capture_output=True, text=True).stdout for command in commands}
        check(asked == texts, "vx6 help COMMAND says what vx6 COMMAND --help does")
        lacking = [command for command, text in texts.items()
                   if not re.search(rf"Examples?:\s+vx6 {command}\b", text)]
        check(not lacking, "the help of each has an example of it", lacking)
        texts |= {"vx6": listed, "vx6-node": help_of("vx6-node")}
        check("vx6-node --name alice" in texts["vx6-node"], "and so has that of vx6-node")
        wide = [line for text in texts.values() for line in text.splitlines() if len(line) > COLUMNS]
        check(not wide, "and all of it fits a terminal", wide)

    def check_waiting(self):
        terminal = Terminal(self.bin / "vx6", "--state", self.dir / "carol", "status", "--wait")
        check(terminal.shows(r"waiting up to 2\d s more: the node does not run yet"),
              "status --wait shows that it waits for the node")
        node, _ = self.launch("carol", "--peer", f"[::1]:{harness.free_port()}")
        check(terminal.shows("no peer has answered yet"), "and then that it waits for a peer")
        terminal.end()
        node.terminate()
        node.wait()
        self.nodes.remove(node)

    def check_first_steps(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        target = f"127.0.0.1:{self.server.getsockname()[1]}"
        said = self.vx6("alice", "service", "add", "web", target, "--public", check=True).stdout
        check(said.endswith("others reach it with vx6 connect alice.web\n"), "who shares hears what others type",
              said)
        said = self.vx6("bob", "service", "add", "web", target, "--public", check=True).stdout
        check("this node has no name: with vx6 identity rename NAME others reach it as NAME.web" in said,
              "and without a name, what is missing", said)

    def check_traffic(self):
        """VX6-CTRL-009: what goes through a forward, once a second, and its news on lines of their own."""
        terminal = Terminal(self.bin / "vx6", "--state", self.dir / "bob", "connect", "alice.web")
        check(terminal.shows(r"alice\.web is at 127\.0\.0\.1:\d+\r\n"), "connect says where")
        port = int(re.search(r"127\.0\.0\.1:(\d+)", terminal.text)[1])
        check(terminal.shows(r"\r0 open, 0 so far, sent 0 B"), "then nothing goes through")
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
            client.sendall(bytes(5000))
            service, _ = self.server.accept()
            with service:
                service.settimeout(DEADLINE_S)
                taken = 0
                while taken < 5000:
                    taken += len(service.recv(5000))
                service.sendall(bytes(2000000))
                taken = 0
                while taken < 2000000:
                    taken += len(client.recv(65536))
                check(terminal.shows(r"\r1 open, 1 so far, sent 5\.0 kB \(.*received 2\.0 MB \("),
                      "and then what does")
        check(terminal.shows(r"\r0 open, 1 so far"), "until it ends")
        self.server.close()
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as client:
            check(terminal.shows(r"\nvx6: .*SERVICE_DOWN"), "a failure has a line of its own", terminal.text)
        check(terminal.shows(r"2 so far, 1 failed"), "and is counted")
        check(terminal.end() == 0, "Ctrl-C ends it in order")


if __name__ == "__main__":
    sys.exit(harness.main(Test, __doc__))
