#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The first commands that README.md shows, typed by Alice and Bob on hosts of their own, and all that they
see: newcomer.txt, where <time>, <key>, <short key> and <port> stand for what differs from run to run.

usage: test_newcomer.py BIN_DIR
"""
import os
import pathlib
import re
import subprocess
import sys
import threading

import hosts
from harness import check
from hosts import until

ROOT = pathlib.Path(__file__).resolve().parents[2]
ADDRESSES = {"alice": ["2001:db8::1"], "bob": ["2001:db8::2"]}
COMMANDS_MAX = 5
VOLATILE = {"time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "key": "[a-z2-7]{56}",
            "short key": r"[a-z2-7]{8}\.\.\.", "port": r"\d{4,5}"}


def readme_commands():
    """(who, command) for each line of the README that begins with a prompt."""
    section = (ROOT / "README.md").read_text().split("## Five commands")[1].split("\n## ")[0]
    return re.findall(r"^    (\w+)\$ (.*)$", section, re.M)


def transcript():
    """For each command of the transcript: who, the command, and (who sees it, line) for what comes then."""
    steps = []
    for line in (ROOT / "impl/test/newcomer.txt").read_text().splitlines():
        prompt = re.fullmatch(r"(\w+)\$ (.*)", line)
        if prompt:
            steps.append((prompt[1], prompt[2], []))
        else:
            steps[-1][2].append(tuple(line.split(maxsplit=1)))
    return steps


def fits(pattern, line):
    parts = re.split(r"<(time|key|short key|port)>", pattern)
    return re.fullmatch("".join(VOLATILE[part] if index % 2 else re.escape(part)
                                for index, part in enumerate(parts)), line)


class Terminal:
    """A shell and all that comes from it."""

    def __init__(self, test, host):
        state = test.dir / host
        state.mkdir()
        env = {**os.environ, "XDG_STATE_HOME": str(state), "HOME": str(state)}
        self.shell = test.start_program(host, "bash", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, cwd=ROOT, env=env, text=True,
                                        errors="replace")
        self.lines = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.shell.stdout:
            self.lines.append(line.rstrip("\n"))

    def type(self, command):
        self.shell.stdin.write(command + "\n")
        self.shell.stdin.flush()


class Test(hosts.Test):
    def __init__(self, bin_dir):
        super().__init__(bin_dir, ADDRESSES)

    def run(self):
        steps = transcript()
        commands = [(who, command) for who, command, _ in steps]
        check(readme_commands() == commands, "README.md shows the commands of the transcript", readme_commands())
        check(len(commands) <= COMMANDS_MAX, f"these are not more than {COMMANDS_MAX}")
        self.start_page()
        self.terminals = {host: Terminal(self, host) for host in ADDRESSES}
        for who, command, expected in steps:
            self.terminals[who].type(command)
            self.check_seen(command, expected)
        for terminal in self.terminals.values():
            terminal.type("kill $!; wait $!; echo ended with $?")
            until(lambda: "ended with 0" in terminal.lines, "the node ends in order")
            terminal.type("exit")
            self.ended(terminal.shell)

    def start_page(self):
        site = self.dir / "site"
        site.mkdir()
        (site / "index.html").write_text("<h1>This is Alice's page</h1>\n")
        self.start_nginx("alice", f"server {{ listen 127.0.0.1:8080; root {site}; }}")
        until(lambda: self.answers("alice", "http://127.0.0.1:8080/"), "nginx answers")

    def check_seen(self, command, expected):
        """These lines and no others, where lines of a node and of a command may come in any order."""
        left = list(expected)

        def take():
            for who, terminal in self.terminals.items():
                while terminal.lines:
                    line = terminal.lines.pop(0)
                    match = next((item for item in left if item[0] == who and fits(item[1], line)), None)
                    check(match is not None, f"{who} sees what the transcript says: {line}", left)
                    left.remove(match)
            return not left

        until(take, f"after {command} these lines come: {left}", 60)


if __name__ == "__main__":
    if pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "").resolve() != ROOT / "build" / "bin":
        print("skipped: this is about the programs that tools/build makes, in build/bin")
        sys.exit(77)
    sys.exit(hosts.main(Test, __doc__, ["nginx", "bash"]))
