# SPDX-License-Identifier: MIT
"""Where nodes are attacked: a network of the test's own, three nodes, honest work with its times, and
what the node under attack spends. The attackers are in attackers.py, the cases in test_attacks.py.

Alice is attacked. Bob, from another network, works with her; so do newcomers, each from a network of its
own. All are on one host and share its processors with the attackers, which are nicer than they are."""
import asyncio
import contextlib
import itertools
import multiprocessing
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "oracle"))
sys.dont_write_bytecode = True
import harness
from harness import DEADLINE_S, check, check_quietly, wait_for


def skip(reason):
    print(f"skipped: {reason}")
    return 1 if os.environ.get("VX6_NO_SKIP") else 77


try:
    from peer_link import Closed, Link
    from peer_records import Identity, key_from_text
    from peer_session import Sessions
except ModuleNotFoundError as missing:
    sys.exit(skip(missing))

LIMITS = {name: int(value) for name, value in re.findall(
    r"^LIMIT\((\w+), (\d+),", (ROOT / "proto/schema/limits.def").read_text(), re.M)}
ADDRESS = {"victim": "2001:4000::1", "entry": "2001:1000::1", "alice": "2001:2000::1", "bob": "2001:3000::1"}
PORT = 4242
NETWORKS = "2400::/16"  # every address in it is of this host, and each /48 a network by itself
NEWCOMERS = "2600::/16"
WORKS = ("look_up", "request", "move", "come")
ROUNDS, TRIALS = int(os.environ.get("VX6_ATTACK_ROUNDS", 3)), 3
# What a work may take longer for other reasons: it is made of hundreds of switches between processes,
# and where all processors are busy some of them wait for a slice of a scheduler (3 ms) or two.
SLACK_S = 0.15
SANITIZER_KB = 1 << 19  # its quarantine, and red zones around all that is allocated
FORK = multiprocessing.get_context("fork")


def source_of(number, host=1, networks=NETWORKS):
    """Address `host` of network `number`."""
    return f"{networks.split(':')[0]}:{number >> 16:x}:{number & 0xffff:x}::{host:x}"


def enter_network():
    """The test's own network, with its addresses; a reason, where there can be none."""
    if reason := harness.enter_own_network():
        return reason
    commands = [f"-6 addr add {ip}/128 dev lo nodad" for ip in ADDRESS.values()]
    commands += [f"-6 route add local {block} dev lo" for block in (NETWORKS, NEWCOMERS)]
    try:
        for command in commands:
            subprocess.run(["ip", *command.split()], check=True, capture_output=True)
        pathlib.Path("/proc/sys/net/ipv6/ip_nonlocal_bind").write_text("1")
    except (OSError, subprocess.CalledProcessError) as reason:
        return f"addresses cannot be set: {reason}"
    return None


# ---- services behind Alice ----


async def echo(reader, writer):
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


async def pour(reader, writer):
    """Sends for as long as somebody takes it."""
    while True:
        writer.write(bytes(1 << 16))
        await writer.drain()


def serve(service, listener):
    async def handle(reader, writer):
        with contextlib.suppress(ConnectionError):
            await service(reader, writer)
        writer.close()

    async def run():
        await asyncio.start_server(handle, sock=listener)
        await asyncio.Event().wait()

    asyncio.run(run())


class Attack:
    """A process that runs `function(attack, ...)` until the `with` block ends. It says by attack.begun()
    when it is in full swing, and counts by attack.count() what it has spent."""

    def __init__(self, function, *arguments):
        self.is_begun, self.is_over = FORK.Event(), FORK.Event()
        self.packets, self.bytes = FORK.Value("Q"), FORK.Value("Q")
        self.process = FORK.Process(target=self.run, args=(function, arguments), daemon=True)

    def run(self, function, arguments):
        os.nice(10)
        with contextlib.suppress(KeyboardInterrupt):
            function(self, *arguments)

    def goes_on(self):
        return not self.is_over.is_set()

    def begun(self):
        self.is_begun.set()

    def count(self, packets, size):
        with self.packets.get_lock():
            self.packets.value += packets
            self.bytes.value += packets * size

    def __enter__(self):
        self.process.start()
        check(self.is_begun.wait(DEADLINE_S), "the attack has begun")
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.process.join(DEADLINE_S)
        if self.process.is_alive():
            self.process.kill()
        check(self.process.exitcode == 0, "the attacker has ended in order", self.process.exitcode)


class Usage(harness.Process):
    """The same before `with`, and the most of it until its end."""

    def watch(self):
        while not self.is_over.wait(0.25):
            self.most_kb = max(self.most_kb, self.resident_kb())
            self.most_descriptors = max(self.most_descriptors, self.descriptors())

    def __enter__(self):
        self.before_kb = self.most_kb = self.resident_kb()
        self.before_descriptors = self.most_descriptors = self.descriptors()
        self.before_s, self.began = self.processor_s(), time.monotonic()
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.spent_s, self.took_s = self.processor_s() - self.before_s, time.monotonic() - self.began
        self.is_over.set()
        self.thread.join()

    def grown_kb(self):
        return self.most_kb - self.before_kb

    def more_descriptors(self):
        return self.most_descriptors - self.before_descriptors


class Counted:
    """What a node counted between two answers to status."""

    def __init__(self, before, after):
        self.events = {event: count - before["counters"][event]
                       for event, count in after["counters"].items()}
        self.reasons = {(event, code): count - before["reasons"].get(event, {}).get(code, 0)
                        for event, codes in after["reasons"].items() for code, count in codes.items()}

    def of(self, event, code=None):
        return self.reasons.get((event, code), 0) if code else self.events[event]


class Arena(harness.Test):
    """`numbers` go on for ever, so that no name and no network is used twice."""

    spare_kb = 0

    def __init__(self, bin_dir):
        super().__init__(bin_dir)
        self.services = []
        if b"__asan_init" in (self.bin / "vx6-node").read_bytes():
            self.spare_kb = SANITIZER_KB

    def address_of(self, who):
        return f"[{ADDRESS[who]}]:{PORT}"

    def open(self):
        targets = {service.__name__: self.start_service(service) for service in (echo, pour)}
        self.start("entry")
        self.start("alice", "--name", "alice", "--peer", self.address_of("entry"))
        self.start("bob", "--peer", self.address_of("alice"))
        self.alice, self.bob = self.line("alice"), self.line("bob")
        for name, target in targets.items():
            added = self.alice.ask({"command": "service_add", "name": name, "target": target,
                                    "exposure": "public"})
            check(added["ok"] and added["target_is_up"], f"alice offers {name}", added)
        self.key = key_from_text(self.alice.ask({"command": "identity"})["key"])
        self.target = (ADDRESS["alice"], PORT)
        self.usage = Usage(self.nodes[1].pid)
        self.numbers, self.dials = itertools.count(), 0
        self.until(lambda: self.bob.ask({"command": "resolve", "name": "alice.echo"})["ok"],
                   "bob finds alice")
        lines = (self.alice, self.bob, self.line("entry"))
        self.until(lambda: all(map(self.is_reached_by_both, lines)),
                   "each has dialled both others, and knows that they reach it")

    @staticmethod
    def is_reached_by_both(line):
        return line.ask({"command": "status"})["reach"]["endpoints"][0]["peers"] == 2

    @staticmethod
    def until(condition, sentence, deadline_s=DEADLINE_S):
        wait_for(condition, sentence, deadline_s)
        check(True, sentence)

    def start_service(self, service):
        """Each in a process of its own: who pours must not hold up who answers."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.services.append(FORK.Process(target=serve, args=(service, listener)))
        self.services[-1].start()
        return "127.0.0.1:%d" % listener.getsockname()[1]

    def run_cases(self):
        for name in sys.argv[2:] or [name for name in dir(self) if name.startswith("test_")]:
            print(f"---- {name[5:].replace('_', ' ')}", flush=True)
            getattr(self, name)()

    def end(self):
        for service in self.services:
            service.kill()
        super().end()

    # ---- honest work ----

    def look_up(self):
        """Names that nobody has: Alice is asked, and has to answer. No faster than one site may ask."""
        pause_s, taken_s = 2 / LIMITS["asks_per_site_per_second"], 0
        for _ in range(20):
            began = time.monotonic()
            answer = self.bob.ask({"command": "resolve", "name": f"nobody-{next(self.numbers)}"})
            taken_s += time.monotonic() - began
            check_quietly(answer["code"] == "NOT_FOUND" and answer["queries"] == 2,
                          "a lookup asks both nodes", answer)
            time.sleep(pause_s)
        return taken_s

    def connect(self):
        answer = self.bob.ask({"command": "connect", "name": "alice.echo", "background": True})
        check_quietly(answer["ok"], "bob connects by name", answer)
        ip, port = answer["listen"].rsplit(":", 1)
        return answer["listen"], (ip, int(port))

    @staticmethod
    def exchange(carrier, size):
        data, back = os.urandom(size), 0
        sender = threading.Thread(target=carrier.sendall, args=(data,))
        sender.start()
        while back < size:
            piece = carrier.recv(1 << 16)
            check_quietly(piece and piece == data[back:back + len(piece)], "bytes come back", back)
            back += len(piece)
        sender.join()

    def request(self):
        """A session by name, and connections one after the other."""
        listen, where = self.connect()
        for _ in range(100):
            with socket.create_connection(where, DEADLINE_S) as carrier:
                self.exchange(carrier, 1000)
        self.bob.ask({"command": "disconnect", "what": listen})

    def move(self):
        listen, where = self.connect()
        with socket.create_connection(where, DEADLINE_S) as carrier:
            self.exchange(carrier, 16 << 20)
        self.bob.ask({"command": "disconnect", "what": listen})

    def dial(self):
        """A link from a network that was never heard of; tried again where there is no place."""
        source = (source_of(next(self.numbers), networks=NEWCOMERS), 0)
        end = time.monotonic() + DEADLINE_S
        while True:
            self.dials += 1
            try:
                return Link.dial(self.target, Identity(), expected=self.key, source=source)
            except Closed:
                check_quietly(time.monotonic() < end, "a newcomer finds a place")

    def come(self):
        """Peers that were never here before, with links and sessions of their own."""
        for _ in range(20):
            sessions = Sessions(self.dial())
            stream = sessions.open("echo").open_stream()
            stream.write(b"hello")
            sessions.run(lambda: stream.received == b"hello")
            sessions.link.close()

    def times(self, works):
        """Seconds that each of the works takes: of several rounds the median."""
        samples = {work: [] for work in works}
        for _ in range(ROUNDS):
            for work in works:
                began = time.monotonic()
                taken = getattr(self, work)()
                samples[work].append(taken or time.monotonic() - began)
        return {work: statistics.median(taken) for work, taken in samples.items()}

    # ---- judgement ----

    def status(self):
        return self.alice.ask({"command": "status"})

    def withstand(self, attack, kb, descriptors, works=WORKS):
        """Honest work under the attack takes at most twice as long as without, Alice needs no more than
        so much, and when it is over she has what she had. Gives what was counted meanwhile: by event, and
        by event and code."""
        kb += self.spare_kb
        quiet = self.times(works)
        before = self.status()
        with self.usage as usage, attack:
            for _ in range(TRIALS):  # neighbours of this machine come and go
                loud = self.times(works)
                if goes_on := all(loud[work] <= 2 * quiet[work] + SLACK_S for work in works):
                    break
            under_attack = self.status()
        shown = ", ".join(f"{work} {quiet[work] * 1e3:.0f} to {loud[work] * 1e3:.0f} ms" for work in works)
        check(goes_on, f"honest work goes on within twice its time: {shown}")
        print(f"      alice has {usage.spent_s / usage.took_s:.0%} of a processor")
        check(usage.grown_kb() <= kb, f"memory grows by {usage.grown_kb()} of at most {kb} kB")
        check(usage.more_descriptors() <= descriptors,
              f"{usage.more_descriptors()} of at most {descriptors} descriptors more")
        self.calm_down(before["counts"])
        return Counted(before, under_attack)

    def calm_down(self, counts):
        """Neighbours may have met meanwhile, for reach_ask say: such a link goes when it was idle long enough."""
        def is_calm():
            now = self.status()["counts"]
            return all(now[what] <= counts[what] for what in ("links", "sessions", "streams"))

        self.until(is_calm, "afterwards links, sessions and streams are those of before",
                   LIMITS["link_idle_ms"] / 1000 + DEADLINE_S)
        self.until(lambda: self.usage.descriptors() <= self.usage.before_descriptors, "and descriptors")


def main(kind, usage):
    reason = enter_network()
    if reason:
        return skip(reason)
    return harness.main(kind, usage)
