# SPDX-License-Identifier: MIT
"""What tests of real nodes share: nodes that are started and ended, their command line and control socket,
and sentences that are checked."""
import base64
import ctypes
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import contract

DEADLINE_S = 30
CLONE_NEWNET = 0x40000000
KEY_OF_NOBODY = "aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4oo5ln"  # well formed, and of no node


def check(condition, sentence, detail=""):
    print(("ok    " if condition else "FAIL  ") + sentence, flush=True)
    if not condition:
        raise AssertionError(f"{sentence}: {detail}")


def check_quietly(condition, sentence, detail=""):
    if not condition:
        check(False, sentence, detail)


def wait_for(what, sentence, deadline_s=DEADLINE_S):
    """Until what() is true."""
    deadline = time.monotonic() + deadline_s
    while not what():
        check_quietly(time.monotonic() < deadline, sentence, "not in time")
        time.sleep(0.02)


def free_port():
    """For TCP and UDP; below those that the kernel gives to whoever asks for any."""
    while True:
        port = random.randrange(20000, 32768)
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as stream, \
                socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagrams:
            try:
                stream.bind(("::1", port))
                datagrams.bind(("::1", port))
                return port
            except OSError:
                continue


def enter_own_network():
    """A network namespace that ends with this process and its children; a reason, where none can be."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        return "no network namespace can be made: " + os.strerror(ctypes.get_errno())
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as reason:
        return f"the loopback interface cannot be used: {reason}"
    return None


class Line:
    """A connection to the control socket; what comes is held against its schema."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb")
        self.said = b""  # of a request that is not whole yet
        self.commands = []  # of those that are not answered yet

    def send(self, data):
        data = data if isinstance(data, bytes) else json.dumps(data).encode() + b"\n"
        *lines, self.said = (self.said + data).split(b"\n")
        self.commands += [command_of(line) for line in lines]
        self.socket.sendall(data)

    def receive(self):
        line = self.stream.readline()
        if not line:
            return None
        said = json.loads(line)
        command = self.commands.pop(0) if "ok" in said and self.commands else None
        wrong = contract.faults(said, command)
        check_quietly(not wrong, f"what comes keeps to its schema: {command}", (wrong, said))
        return said

    def ask(self, data):
        self.send(data)
        return self.receive()

    def close(self):
        self.stream.close()
        self.socket.close()


def command_of(request):
    """The command of a line, or None."""
    try:
        return json.loads(request)["command"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def check_printed(words, printed):
    """What `vx6 WORDS...` prints keeps to its schema."""
    command = contract.command_of(words)
    if command and "--json" in words and printed:
        wrong = contract.faults(json.loads(printed), command)
        check_quietly(not wrong, f"what vx6 prints keeps to its schema: {words}", (wrong, printed))


class Process:
    """What a process has and has spent."""

    def __init__(self, pid):
        self.pid = pid

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def resident_kb(self):
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text)[1])

    def processor_s(self):
        return int(pathlib.Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9


class Echo:
    """A local service that sends back what it gets, to many at a time."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.target = f"127.0.0.1:{self.server.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.server.accept()
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except ConnectionError:
                pass


class Test:
    def __init__(self, bin_dir):
        self.bin = pathlib.Path(bin_dir)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="vx6-test-"))
        self.nodes = []

    def address_of(self, who):
        """Where a new node listens."""
        return f"[::1]:{free_port()}"

    def launch(self, who, *options, env=None):
        """The node, which may or may not start, and its address."""
        addr = self.address_of(who)
        with open(self.dir / f"{who}.log", "a") as log:
            node = subprocess.Popen([self.bin / "vx6-node", "--state", self.dir / who, "--listen",
                                     addr, *options], stderr=log, env=env)
        self.nodes.append(node)
        return node, addr

    def start(self, who, *options, env=None):
        _, addr = self.launch(who, *options, env=env)
        self.vx6(who, "status", "--wait", "--json", check=True)
        return addr

    def vx6(self, who, *words, check=False):
        done = subprocess.run([self.bin / "vx6", "--state", self.dir / who, *words], check=check,
                              capture_output=True, text=True, timeout=DEADLINE_S)
        check_printed(words, done.stdout)
        return done

    def log(self, who):
        return (self.dir / f"{who}.log").read_text()

    def seed_forms(self, who):
        """How the identity seed could be written, in lower case."""
        database = sqlite3.connect(f"file:{self.dir / who}/state.db?mode=ro", uri=True)
        seed, = database.execute("SELECT seed FROM identity").fetchone()
        database.close()
        forms = seed.hex(), base64.b64encode(seed).decode(), base64.b32encode(seed).decode()
        return [form.lower().rstrip("=") for form in forms]

    def line(self, who):
        return Line(str(self.dir / who / "control.sock"))

    def end(self):
        for node in self.nodes:
            node.kill()
            node.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class ReturningTest(Test):
    """Nodes that are killed and come back where they were, and what their commands come to."""

    def __init__(self, bin_dir):
        super().__init__(bin_dir)
        self.node, self.addr = {}, {}

    def address_of(self, who):
        return self.addr.setdefault(who, super().address_of(who))

    def launch(self, who, *options, env=None):
        self.node[who], addr = super().launch(who, *options, env=env)
        return self.node[who], addr

    def stop(self, who):
        self.node[who].kill()
        self.node[who].wait(timeout=DEADLINE_S)

    def ask(self, who, *words):
        """The code, OK where there is none, and the answer."""
        answer = json.loads(self.vx6(who, *words, "--json").stdout)
        return answer.get("code", "OK"), answer

    def key_of(self, who):
        return self.ask(who, "identity")[1]["key"]


def main(kind, usage):
    if len(sys.argv) < 2:
        print(usage, file=sys.stderr)
        return 2
    test = kind(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # nodes are ended then, too
    try:
        test.run()
        print("all passed")
        return 0
    except (AssertionError, subprocess.SubprocessError, OSError) as failure:
        print(f"failed: {failure}")
        for path in sorted(test.dir.glob("*.log")):
            print(f"---- {path.name}\n{path.read_text()[-4000:]}")
        return 1
    finally:
        test.end()
