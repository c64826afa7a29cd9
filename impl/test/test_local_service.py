#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Local services that stall, reset, close half or take nobody: the client hears a defined end, what was
sent before an end arrives, no other stream of the session waits, and memory stays bounded. Needs no
privileges.

usage: test_local_service.py BIN_DIR
"""
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

from harness import DEADLINE_S, Process, Test, check, check_quietly, main, wait_for

HALF = 3_000_000
MEMORY_MAX_KB = 24_000
CONNECT_TIMEOUT_S = 10
RUSH = 500  # at once


class Service:
    """What it does with a connection is the first byte's meaning."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.target = f"127.0.0.1:{self.server.getsockname()[1]}"
        self.released = threading.Event()
        self.received = {}
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.server.accept()
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def talk(self, connection):
        kind = connection.recv(1)
        try:
            {b"e": self.echo, b"s": self.stall, b"r": self.reset, b"h": self.half,
             b"c": self.collect, b"d": self.drip}[kind](connection)
        except (ConnectionError, KeyError):
            pass
        connection.close()

    def echo(self, connection):
        while data := connection.recv(65536):
            connection.sendall(data)

    def stall(self, connection):
        """Reads nothing, until it is let."""
        self.released.wait()
        while connection.recv(1 << 20):
            pass

    def reset(self, connection):
        """In the middle of both directions."""
        connection.recv(10000)
        connection.sendall(b"x" * 10000)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def half(self, connection):
        """Says much, ends its side, and goes on reading."""
        connection.sendall(b"h" * HALF)
        connection.shutdown(socket.SHUT_WR)
        self.collect(connection)

    def collect(self, connection):
        total = 0
        while data := connection.recv(1 << 20):
            total += len(data)
        self.received[threading.get_ident()] = total

    def drip(self, connection):
        for _ in range(20):
            connection.sendall(b"d")
            time.sleep(0.05)  # is what it is: slow


class LocalServiceTest(Test):
    def run(self):
        self.service = Service()
        self.addr = self.start("alice", "--name", "alice")
        self.start("bob")
        self.alice, self.bob = self.nodes[-2:]
        self.here = self.line("bob")
        self.forward = self.open("mixed", self.service.target)
        self.check_echo("an echo")
        self.check_stall()
        self.check_reset()
        self.check_half_closes()
        self.check_slow()
        self.check_refused()
        self.check_backlog()
        self.check_rush()
        for node in (self.alice, self.bob):
            node.terminate()
            check(node.wait(timeout=DEADLINE_S) == 0, "the node ends in order")

    def open(self, name, target):
        answer = self.line("alice").ask({"command": "service_add", "name": name, "target": target,
                                         "exposure": "public"})
        check_quietly(answer["ok"], f"service {name}", answer)
        forward = self.here.ask({"command": "connect", "addr": self.addr, "service": name,
                                 "background": True})
        check_quietly(forward["ok"], f"a session with {name}", forward)
        return forward

    def connect(self, first=b"", forward=None):
        port = int((forward or self.forward)["listen"].rsplit(":", 1)[1])
        client = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S)
        client.sendall(first)
        return client

    def read_to_end(self, client):
        """(bytes, True when the end was orderly)"""
        total = 0
        try:
            while data := client.recv(1 << 20):
                total += len(data)
            return total, True
        except ConnectionResetError:
            return total, False

    def check_echo(self, sentence):
        word = os.urandom(200_000)
        with self.connect(b"e") as client:
            sender = threading.Thread(target=lambda: (client.sendall(word),
                                                      client.shutdown(socket.SHUT_WR)))
            sender.start()
            answer = b""
            while data := client.recv(65536):
                answer += data
            sender.join()
        check(answer == word, f"{sentence}: another stream of the session moves")

    def memory_kb(self):
        return max(Process(node.pid).resident_kb() for node in (self.alice, self.bob))

    def check_stall(self):
        before = self.memory_kb()
        clients = [self.connect(b"s") for _ in range(8)]
        sent = 0
        for client in clients:
            client.setblocking(False)
        while writable := select.select([], clients, [], 1.0)[1]:
            for client in writable:
                sent += client.send(b"v" * 65536)
            check_quietly(sent < 200_000_000, "a service that reads nothing stops its clients", sent)
        grown = self.memory_kb() - before
        check(grown < MEMORY_MAX_KB,
              f"a service that reads nothing: {sent // 1000} kB on their way, {grown} kB more memory")
        self.check_echo("eight that stall")
        self.service.released.set()
        for client in clients:
            client.settimeout(DEADLINE_S)
            client.shutdown(socket.SHUT_WR)
        check(all(self.read_to_end(client) == (0, True) for client in clients),
              "when it reads on, each of them ends in order")
        for client in clients:
            client.close()

    def check_reset(self):
        with self.connect(b"r" + b"x" * 50000) as client:
            total, is_orderly = self.read_to_end(client)
        check(not is_orderly and total <= 10000,
              f"a service that resets: the client is reset, after {total} bytes")
        self.check_echo("one that was reset")

    def check_half_closes(self):
        """VX6-CTRL-012"""
        with self.connect(b"h") as client:
            check(self.read_to_end(client) == (HALF, True),
                  f"a service that ends its side: all {HALF} bytes come, then the end")
            for _ in range(30):
                client.sendall(b"c" * 100_000)
        self.check_collected(HALF, "and it still gets what the client says")
        with self.connect(b"c") as client:
            for _ in range(30):
                client.sendall(b"c" * 100_000)
            client.shutdown(socket.SHUT_WR)
            check(self.read_to_end(client) == (0, True),
                  "a client that ends its side hears the service's orderly end")
        self.check_collected(HALF, "and all that it said has arrived")

    def check_collected(self, total, sentence):
        deadline = time.monotonic() + DEADLINE_S
        while not self.service.received and time.monotonic() < deadline:
            time.sleep(0.02)
        check(list(self.service.received.values()) == [total], sentence, self.service.received)
        self.service.received.clear()

    def check_slow(self):
        with self.connect(b"d") as client:
            check(self.read_to_end(client) == (20, True), "a slow service: every byte, then the end")

    def check_refused(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            target = f"127.0.0.1:{probe.getsockname()[1]}"
        forward = self.open("refuses", target)
        self.check_down(forward, self.end_of(forward), "a service that refuses")

    def end_of(self, forward):
        try:
            with self.connect(forward=forward) as client:
                return self.read_to_end(client)
        except ConnectionError:  # so early that connect() may say it already
            return 0, False

    def check_down(self, forward, end, sentence):
        check(end == (0, False), f"{sentence}: the client is reset", end)
        status = self.here.ask({"command": "status"})
        failed = [f for f in status["forwards"] if f["forward"] == forward["forward"]][0]
        check(failed["last_failure"]["code"] == "SERVICE_DOWN",
              f"{sentence}: {failed['last_failure']['error']}", failed)
        said = self.line("alice").ask({"command": "status"})["errors"][0]["error"]
        check(said.startswith("SERVICE_DOWN"), f"{sentence}: its owner reads: {said}")

    def check_backlog(self):
        """One that accepts nothing, with more waiting than the kernel holds for it."""
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(0)
            waiting = [socket.socket() for _ in range(4)]
            for client in waiting:
                client.setblocking(False)
                client.connect_ex(server.getsockname())
            forward = self.open("silent", f"127.0.0.1:{server.getsockname()[1]}")
            began = time.monotonic()
            ends = []
            stuck = threading.Thread(target=lambda: ends.append(self.end_of(forward)))
            stuck.start()
            self.check_echo("one that never answers")
            check(stuck.is_alive(), "while the node waits for it")
            stuck.join()
            self.check_down(forward, ends[0], "one that never answers")
            took = time.monotonic() - began
            check(took < CONNECT_TIMEOUT_S + 5, f"it is given up after {took:.0f} s")
            for client in waiting:
                client.close()

    def state_of(self, forward):
        return [f["state"] for f in self.here.ask({"command": "status"})["forwards"]
                if f["forward"] == forward["forward"]][0]

    def check_rush(self):
        """VX6-CTRL-040: the session is down, and its owner slow to open another."""
        forward = self.open("rushed", self.service.target)
        owner = self.line("alice")
        owner.ask({"command": "service_remove", "name": "rushed"})
        owner.ask({"command": "service_add", "name": "rushed", "target": self.service.target, "exposure": "public"})
        wait_for(lambda: self.state_of(forward) == "down", "the session goes down")
        self.alice.send_signal(signal.SIGSTOP)
        clients = [self.connect(b"e?", forward) for _ in range(RUSH)]
        wait_for(lambda: self.state_of(forward) == "opening", "the next connection opens it")
        self.alice.send_signal(signal.SIGCONT)
        answers = [self.answer_of(client) for client in clients]
        check(answers == [b"?"] * RUSH, f"a rush of {RUSH} before the session is up: each is served",
              f"{answers.count(b'?')} were")
        for client in clients:
            client.close()

    def answer_of(self, client):
        try:
            return client.recv(1)
        except ConnectionResetError:
            return None


if __name__ == "__main__":
    sys.exit(main(LocalServiceTest, __doc__))
