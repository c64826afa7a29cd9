#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Whatever is typed at vx6 and vx6-node, and whatever comes over the control socket: one clear line, the exit
code that is documented, nothing that moves a terminal's cursor, and a state that is as it was. Commands and
options are taken from the programs' own help, and requests from the written schema: what has no row here is a
failure. Needs no privileges.

usage: test_bad_input.py BIN_DIR
"""
import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys

import contract
import harness
from harness import DEADLINE_S, check, check_quietly
from registry import KEYS

KEY, OTHER_KEY = KEYS[:2]
LONG = "x" * 100_000  # about as much as a system passes on in one argument

# Refused before anything else is looked at, by both programs.
HOSTILE = [b"\xff\xfe", b"a\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"a\x1b[2Jb", b"a\nb", b"\x07", b"\x7f",
           "a\x9bb".encode(), "\u202eecila".encode(), LONG.encode()]

# What is wrong for each kind of argument.
BAD_LABELS = ["", ".", "a.", "Alice", "a" * 64, "al ice", "al_ice", "ä", "中文", "иван", "../x",
              "a..b", "$(reboot)", "%s%n", "'; DROP TABLE binding; --", "x" * 4000]
BAD_ADDRS = ["", ":", "::1", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:1x", "1.2.3.4:-1",
             "[::1]:99999999999999999999", "[::1", "[::1]", "[]:1", "[fe80::1%eth0]:1", "host.example:1",
             "1.2.3:1", "256.1.1.1:1", "中:1", "x" * 4000 + ":1"]
BAD_KEYS = ["", "a", KEY[:-1], KEY + "a", KEY[:-1] + ("a" if KEY[-1] != "a" else "b"), "ä" * 56,
            " " + KEY]
BAD = {
    "label": BAD_LABELS + ["alice.web", "alice~x4k2"],
    "addr": BAD_ADDRS,
    "key": BAD_KEYS,
    "who": BAD_KEYS + ["nobody", "alice.web"],
    "target": BAD_ADDRS + ["0.0.0.0:80", "[::]:80", "[fe80::1]:80", "localhost", "localhost:0", "localhost:x"],
    "local": BAD_ADDRS + ["0.0.0.0:9000", "192.0.2.1:9000"],
    "name": BAD_LABELS,
    "service": BAD_LABELS + ["alice", "alice.", ".web"],
    "forgettable": ["", ".", "Alice", "::1", "1.2.3.4:0", "al ice", "[::1", "ä"],
    "seconds": ["", "0", "-1", "601", "1e3", "5s", "1.5", " ", "99999999999999999999", "0x10"],
    "level": ["", "bogus", "Info", "1", "ä"],
    "form": ["", "JSON", "xml", "ä"],
    "event": ["", "bogus", "Started", "ä", "x" * 4000],
    "dir": ["", "x" * 200, "x" * 2000],
}
# What is well formed, and not there: that is no mistake in asking.
MISSING = {
    "forward": ["", "0", "99999999999999999999", "nobody.web", "127.0.0.1:1", "ä"],
    "file": ["", "/nowhere/x", "/", "EMPTY", "NUL", "HUGE"],
    "map": ["", "/nowhere/x", "/", "NUL", "HUGE"],
    "new file": ["", "/nowhere/x", "/", "/dev/null", "EMPTY"],
}
GOOD = {"label": "carol", "addr": "127.0.0.1:1", "key": KEY, "who": KEY, "target": "127.0.0.1:1",
        "local": "127.0.0.1:0", "name": "carol", "service": "carol.web", "forgettable": "carol",
        "seconds": "5", "forward": "1", "event": "forward_up"}

# The kinds of a command's words (? may be absent, * any number, + and then a program of the user's), and of what
# its options take. `--state` and `--json` are everybody's.
WAIT = {"timeout": "seconds"}
COMMANDS = {
    "init": ("", {"name": "label"}),
    "identity": ("", {}),
    "identity rename": ("label", WAIT),
    "identity export": ("new file", {"passphrase-file": "file"}),
    "identity import": ("file", {"passphrase-file": "file"}),
    "identity rotate": ("", {"revocation": "new file"}),
    "identity revocation": ("new file", {}),
    "status": ("", {"wait": None, **WAIT}),
    "doctor": ("", {"repair": None, **WAIT}),
    "peers": ("", WAIT),
    "peer add": ("addr", WAIT),
    "service add": ("label, target", {"public": None, "private": None, "allow": "who", "at": "who", **WAIT}),
    "service allow": ("label, who", WAIT),
    "service deny": ("label, who", WAIT),
    "service list": ("name?", {"addr": "addr", "key": "key", **WAIT}),
    "service remove": ("label", WAIT),
    "connect": ("service+", {"addr": "addr", "key": "key", "listen": "local", "background": None, **WAIT}),
    "disconnect": ("forward", WAIT),
    "resolve": ("name", WAIT),
    "names": ("", WAIT),
    "pin": ("label, key", {"replace": None, **WAIT}),
    "forget": ("forgettable", WAIT),
    "revoke": ("file", WAIT),
    "rename": ("label, label", WAIT),
    "watch": ("event*", {"level": "level", "addresses": None, "list": None, **WAIT}),
}
EVERYBODYS = {"state": "dir", "json": None}
NODE_OPTIONS = {"state": "dir", "listen": "addr", "name": "label", "peer": "addr", "asn-map": "map",
                "log": "form", "log-level": "level", "log-addresses": None}

REQUESTS = {
    "identity": "", "identity_rename": "name", "status": "wait_ms?", "doctor": "", "peers": "", "peer_add": "addr",
    "service_add": "name target exposure allow?", "service_allow": "name who", "service_deny": "name who",
    "service_list": "name? addr? key?", "service_remove": "name", "resolve": "name", "names": "",
    "pin": "name key replace?", "forget": "name", "rename": "name to", "disconnect": "what",
    "revoke": "certificate", "service_host": "name at",
    "connect": "name? addr? service? key? listen? background?", "watch": "events? level? addresses?",
}
# Fields of requests that are no strings.
FIELD_TYPES = {"wait_ms": int, "allow": list, "replace": bool, "background": bool, "events": list,
               "addresses": bool}
VALUES = [None, True, 1, 1.5, -(1 << 63), "x", [], {}, ["x"], {"x": 1}]
LINES = [
    b"", b"{}", b"[]", b"null", b'"status"', b"{", b'{"command":"status"', b'{"command":"status"}}',
    b'{"command":"status"} {"command":"status"}', b'\xef\xbb\xbf{"command":"status"}',
    b'{"command":"status\\u0000"}', b'{"command":"sta\0tus"}', b'{"command":"\\ud800"}', b'{"command":"\xff"}',
    b'{"command":"status","command":"status"}', b'{"command":"status","wait_ms":1e400}',
    b'{"command":"status","wait_ms":9223372036854775808}', b'{"command":"status","wait_ms":-0.5}',
    b'{"command":"status","wait_ms":18446744073709551615}', b"{'command':'status'}", b'{"command":NaN}',
    b"[" * 16000, b'{"command":' * 1400, b'{"a":' * 2000 + b"1" + b"}" * 2000, b'{"command":["status"]}',
    b'{"command":"Status"}', b'{"command":"init"}', b'{"command":"\\u001b[2J"}',
]


class BadInputTest(harness.Test):
    def run(self):
        self.start("alice", "--name", "alice")
        self.vx6("alice", "service", "add", "web", "192.0.2.7:80", "--private", "--allow", KEY, check=True)
        self.vx6("alice", "pin", "bob", OTHER_KEY, check=True)
        self.files = {name: self.dir / name.lower() for name in ("EMPTY", "NUL", "HUGE", "PASSPHRASE")}
        for name, content in (("EMPTY", b""), ("NUL", b"correct\0horse\n"), ("HUGE", b"x" * 10_000_000),
                              ("PASSPHRASE", b"correct horse battery\n")):
            self.files[name].write_bytes(content)
        self.before, self.count = self.dump(), 0
        self.check_help()
        for name in COMMANDS:
            self.check_command(name)
        self.check_program()
        self.check_node()
        self.check_environment()
        self.check_lines()
        self.check_requests()
        check(self.vx6("alice", "status").returncode == 0, "and the node is well")

    def dump(self):
        database = sqlite3.connect(f"file:{self.dir}/alice/state.db?mode=ro", uri=True)
        try:
            return list(database.iterdump())
        finally:
            database.close()

    def help(self, program, *words):
        return subprocess.run([self.bin / program, *words, "--help"], capture_output=True, text=True,
                              check=True).stdout

    def check_help(self):
        """VX6-CTRL-037: the rows are those of the programs."""
        found = set(re.findall(r"^  vx6 ([a-z]+(?: [a-z]+)?)", self.help("vx6"), re.M))
        check(found == set(COMMANDS), "each command has a row", found ^ set(COMMANDS))
        for name, (_, options) in COMMANDS.items():
            check_quietly(self.options("vx6", *name.split()) == {**options, **EVERYBODYS}.keys(),
                          f"each option of {name} has a row", self.options("vx6", *name.split()))
        check(self.options("vx6-node") == NODE_OPTIONS.keys(), "and each option of vx6-node")

    def options(self, program, *words):
        shown = set(re.findall(r"^ +(?:-\w, )?--([a-z-]+)", self.help(program, *words), re.M))
        return shown - {"help", "usage", "version"}

    # ---- what is typed

    def judge(self, done, codes, words):
        """One line, plain, with the right exit code; and the same as an object, where that is asked for."""
        shown = [word if len(word) < 60 else word[:60] + b"..." for word in words]
        check_quietly(done.returncode in codes, f"{shown} ends with {codes}", done)
        check_quietly(done.stderr.endswith(b"\n") and done.stderr.count(b"\n") == 1 and
                      done.stderr[:-1].decode().isprintable() and len(done.stderr) < 5000,
                      f"{shown}: one plain line", done)
        text = done.stdout.decode()
        check_quietly(all(c == "\n" or c.isprintable() for c in text), f"{shown}: plain output", done)
        if text and b"--json" in words:
            answer = json.loads(text)
            check_quietly(answer["ok"] is False and answer["error"] in done.stderr.decode(),
                          f"{shown}: the same as an object", done)
        self.count += 1

    def refused(self, codes, *words, state="alice", program="vx6"):
        words = [os.fsencode(self.files.get(word, word)) for word in words]
        options = [b"--state", os.fsencode(self.dir / state)] if state else []
        done = subprocess.run([self.bin / program, *options, *words], capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=DEADLINE_S, check=False)
        self.judge(done, codes, words)

    def unchanged(self, sentence):
        after = self.dump()
        check(after == self.before, f"{sentence}: {self.count} mistakes so far, and the state is as it was",
              set(after) ^ set(self.before))

    def bad(self, kind):
        """(exit code, argument) of all that is wrong for a kind."""
        if kind in MISSING:
            return [(1, value) for value in MISSING[kind]]
        return [(2, value) for value in BAD[kind]]

    def check_command(self, name):
        kinds, options = COMMANDS[name]
        needed = kinds.count(",") + 1 if kinds and kinds[-1] not in "?*" else 0
        is_open, runs = kinds.endswith("*"), kinds.endswith("+")
        kinds = kinds.rstrip("?*+").split(", ") if kinds else []
        options = {**options, **EVERYBODYS}
        command = name.split()
        good = [GOOD.get(kind, "/nowhere/x") for kind in kinds]
        # Behind `--` a word may begin with a dash; before it, that is an option.
        for count in range(needed):
            self.refused({2}, *command, *good[:count])
        for words in (["--bogus"], ["-z"], ["-"], ["another"], ["--json=x"], ["--state"]):
            self.refused({2}, *command, *good, *words)
        if not runs:
            self.refused({2}, *command, *good, "--", "another")
        self.refused({2}, *command, *good, *["another"] * 65 if is_open else ["another", "--help-me"])
        for option, kind in options.items():
            self.refused({2}, *command, *good, *([f"--{option}=x"] if kind is None else [f"--{option}"]))
        passphrase = ["--passphrase-file", "PASSPHRASE"] if "passphrase-file" in options else []
        state = "fresh" if name == "identity import" else "alice"
        for place, kind in enumerate(kinds):
            for code, value in self.bad(kind):
                words = good[:place] + [value] + good[place + 1:]
                exposure = ["--public"] if "public" in options else []
                dashes = [] if runs else ["--"]
                self.refused({code}, *command, *passphrase, *exposure, "--json", *dashes, *words, state=state)
            for dashes in [], ["--"]:
                self.check_hostile(lambda value: [*command, *dashes, *good[:place], value, *good[place + 1:]])
            self.refused({2}, *command, *good[:place], "-a", *good[place + 1:])
        for option, kind in options.items():
            for code, value in self.bad(kind) if kind else []:
                self.refused({code}, *command, f"--{option}={self.files.get(value, value)}", *good,
                             state=None if option == "state" else state)
            self.check_hostile(lambda value: [*command, *good, f"--{option}=".encode() + value])
        check_quietly(not (self.dir / "fresh").exists(), "nothing is made")
        self.unchanged(name)

    def check_hostile(self, words_with, program="vx6"):
        for value in HOSTILE:
            self.refused({2}, *words_with(value), program=program)

    def check_program(self):
        for words in ([], ["bogus"], ["service"], ["service", "bogus"], ["Init"], [""], ["--bogus"], ["--", "--"],
                      ["--state"], ["init", "identity"], ["ä"], ["x" * 4000]):
            self.refused({2}, *words)
        self.check_hostile(lambda value: [value])
        self.check_hostile(lambda value: ["service", value])
        self.refused({2}, "pin", "carol", *["x"] * 5000)
        many = [word for _ in range(65) for word in ("--allow", KEY)]
        self.refused({2}, "service", "add", "carol", GOOD["target"], "--private", *many)
        long = [word for _ in range(64) for word in ("--allow", "x" * 4000)]
        self.refused({2}, "service", "add", "carol", GOOD["target"], "--private", *long)
        self.unchanged("vx6")

    def check_node(self):
        """A mistake in the options touches nothing, and so does a file that is none."""
        node = {"program": "vx6-node", "state": "made"}
        for option, kind in NODE_OPTIONS.items():
            self.refused({2}, f"--{option}=x" if kind is None else f"--{option}", **node)
            for code, value in self.bad(kind) if kind else []:
                self.refused({code}, f"--{option}={self.files.get(value, value)}",
                             **{**node, "state": None if option == "state" else "made"})
            self.check_hostile(lambda value: [f"--{option}=".encode() + value], program="vx6-node")
        for words in (["another"], ["--bogus"], ["-z"], ["--", "another"], ["--name"], ["--state=x=y" * 99],
                      ["--peer", "127.0.0.1:1"] * 99, ["--listen", "127.0.0.1:1"] * 99):
            self.refused({2}, *words, **node)
        check(not (self.dir / "made" / "state.db").exists(), "no state is made by a mistake")
        self.unchanged("vx6-node")

    def check_environment(self):
        for name, value in (("XDG_STATE_HOME", "/tmp/a\x1b[2J"), ("HOME", "/\udcff"), ("HOME", "/x\n"),
                            ("HOME", "/" + "x" * 5000)):
            environment = {**{key: text for key, text in os.environ.items() if key != "XDG_STATE_HOME"},
                           name: value}
            for words in (["vx6", "names"], ["vx6", "init"], ["vx6-node"]):
                done = subprocess.run([self.bin / words[0], *words[1:]], capture_output=True, env=environment,
                                      timeout=DEADLINE_S, check=False)
                self.judge(done, {1, 2}, [os.fsencode(word) for word in words])
        check(True, "a state directory that nobody can name is refused")

    # ---- what comes over the socket

    def answered(self, line, data, codes=("INVALID",)):
        """A refusal in plain words; the connection stays."""
        answer = line.ask(data)
        check_quietly(answer and answer["ok"] is False and answer["code"] in codes and
                      answer["error"].isprintable(), f"{data[:80]!r} is refused", answer)
        self.count += 1

    def check_lines(self):
        """VX6-CTRL-002, VX6-CTRL-004"""
        line = self.line("alice")
        for data in LINES:
            self.answered(line, data + b"\n")
        line.close()
        for size in (16 * 1024 + 1, 10_000_000):
            for ending in (b"", b"\n"):
                line = self.line("alice")
                with contextlib.suppress(ConnectionError):  # it has had enough
                    line.send(b'{"command":"' + b"x" * size + ending)
                answer = line.receive()
                with contextlib.suppress(ConnectionError):  # since not all was read that was sent
                    check_quietly(answer["code"] == "INVALID" and line.receive() is None,
                                  f"a line of {size} bytes is refused, and the connection closed", answer)
                line.close()
        self.unchanged("lines")

    def check_requests(self):
        """VX6-CTRL-002: each field of each request, missing, unknown, repeated and of another type."""
        good = {"name": "carol", "who": KEY, "target": "127.0.0.1:1", "exposure": "private", "allow": [],
                "addr": "::", "key": KEY, "replace": True, "to": "dora", "what": "0", "wait_ms": 1,
                "service": "web", "listen": "0.0.0.0:1", "background": True, "events": [], "level": "info",
                "addresses": True, "certificate": "vx6-revocation-1", "at": KEY}
        line = self.line("alice")
        check(REQUESTS.keys() == contract.ANSWERS["properties"].keys() - contract.BY_THE_CLIENT, "each request has a row")
        for command, fields in REQUESTS.items():
            fields = fields.split()
            names = [field.rstrip("?") for field in fields]
            whole = {"command": command, **{name: good[name] for name in names}}
            self.answered(line, json.dumps({**whole, "bogus": 1}).encode() + b"\n")
            for name, field in zip(names, fields):
                left = {key: value for key, value in whole.items() if key != name}
                if not field.endswith("?"):
                    self.answered(line, json.dumps(left).encode() + b"\n")
                twice = json.dumps(left)[:-1] + 2 * f",{json.dumps(name)}:{json.dumps(good[name])}" + "}"
                self.answered(line, twice.encode() + b"\n")
                for value in VALUES:
                    if type(value) is not FIELD_TYPES.get(name, str):
                        self.answered(line, json.dumps({**whole, name: value}).encode() + b"\n")
                for value in ("", "\x1b[2J", "a\nb", "\u202e", "x" * 15000, "中") if name not in FIELD_TYPES else ():
                    self.answered(line, json.dumps({**whole, name: value}).encode() + b"\n",
                                  ("INVALID", "NOT_FOUND"))
        line.close()
        self.unchanged("requests")


if __name__ == "__main__":
    sys.exit(harness.main(BadInputTest, __doc__))
