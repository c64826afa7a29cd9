#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Nodes whose disk is full, or turns read-only: what was acknowledged is kept, and what is not kept is
not acknowledged, whatever is asked for. The state lies on file systems of the test's own, in a mount
namespace of its own: needs root.

usage: test_disk.py BIN_DIR
"""
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys

from harness import DEADLINE_S, Test, check, check_quietly, main
from registry import KINDS, Registry

STEP = 1 << 20


def end(node, number=signal.SIGTERM):
    node.send_signal(number)
    node.wait(timeout=DEADLINE_S)


class DiskTest(Test):
    def mount(self, who, *options):
        (self.dir / who).mkdir(mode=0o700)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", *options, "tmpfs",
                        self.dir / who], check=True)

    def fill(self, who):
        ballast = os.open(self.dir / who / "ballast", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for size in (65536, 4096, 1):
                try:
                    while True:
                        os.write(ballast, b"x" * size)
                except OSError:
                    pass
        finally:
            os.close(ballast)

    def free(self, who):
        (self.dir / who / "ballast").unlink()

    def query(self, who, sql):
        database = sqlite3.connect(f"file:{self.dir / who}/state.db?mode=ro", uri=True)
        try:
            return database.execute(sql).fetchall()
        finally:
            database.close()

    def sequence(self, who):
        return self.query(who, "SELECT sequence FROM identity")[0][0]

    def services(self, who):
        line = self.line(who)
        names = {s["name"] for s in line.ask({"command": "service_list"})["services"]}
        line.close()
        return names

    def change(self, line, name, is_added):
        request = {"command": "service_add", "target": "127.0.0.1:1", "exposure": "public"} \
            if is_added else {"command": "service_remove"}
        return line.ask({**request, "name": name})

    def refused(self, who, advice):
        """A node that does not start: one line, which says what to do."""
        node, _ = self.launch(who)
        check(node.wait(timeout=DEADLINE_S) == 1, "a node does not start without its state")
        last = self.log(who).splitlines()[-1]
        check(last.startswith("vx6-node: ") and advice in last, f"and says: {last}")

    def run(self):
        self.check_full_at_start()
        self.check_full_while_running()
        self.check_promises_on_a_full_disk()
        self.check_every_change()
        self.check_identity_files()
        self.check_read_only()

    def check_full_at_start(self):
        """VX6-CTRL-015, VX6-CTRL-018"""
        self.mount("full")
        self.fill("full")
        self.refused("full", "free some space")
        done = self.vx6("full", "init")
        check(done.returncode == 1 and "free some space" in done.stderr, f"vx6 init: {done.stderr}")
        self.free("full")
        check(not (self.dir / "full" / "state.db").exists(), "no half of a state is left")
        key = self.vx6("full", "init", check=True).stdout
        before = self.sequence("full")
        self.fill("full")
        self.refused("full", "free some space")
        self.free("full")
        check(self.sequence("full") == before, "no sequence number was taken in vain")
        self.start("full")
        check(self.vx6("full", "identity").stdout == key and self.sequence("full") == before + STEP,
              "with space again the same node starts, with new numbers")
        end(self.nodes[-1])

    def check_full_while_running(self):
        """VX6-CTRL-018"""
        self.mount("busy")
        self.start("busy")
        node, line, kept, watcher = self.nodes[-1], self.line("busy"), set(), self.line("busy")
        watcher.ask({"command": "watch", "events": ["state_unwritable", "state_writable"]})
        answer = self.change(line, "kept", True)
        check(answer["ok"], "a service is added", answer)
        self.fill("busy")
        answer = {"ok": True}
        while answer["ok"] and len(kept) < 15:  # what SQLite has laid out already may do for some
            answer = self.change(line, f"s{len(kept)}", True)
            kept |= {f"s{len(kept)}"} if answer["ok"] else set()
        kept |= {"kept"}
        check(not answer["ok"] and "free some space" in answer["error"],
              f"another is not: {answer['error']}", answer)
        check(self.services("busy") == kept, "what was refused is not offered")
        answer = self.change(line, "kept", False)
        check(not answer["ok"] and self.services("busy") == kept, "nor is one removed", answer)
        done = self.vx6("busy", "service", "add", "more", "127.0.0.1:1", "--public")
        check(done.returncode == 1 and "free some space" in done.stderr, f"vx6: {done.stderr}")
        done = self.vx6("busy", "doctor")
        check(done.returncode == 1 and "failed   disk       0 MiB are left" in done.stdout and
              "free some space" in done.stdout, "vx6 doctor says so, too", done)
        self.free("busy")
        check(self.change(line, "later", True)["ok"] and self.change(line, "kept", False)["ok"],
              "with space again all goes on")
        said = watcher.receive(), watcher.receive()
        check("free some space" in said[0]["why"] and said[1]["failures"] == 3,
              "who watches hears once that the disk is full, and once that it is not", said)
        watcher.close()
        line.close()
        kept = kept - {"kept"} | {"later"}
        end(node, signal.SIGKILL)
        self.start("busy")
        check(self.services("busy") == kept, "what was acknowledged is there after a crash", kept)
        end(self.nodes[-1])

    def check_promises_on_a_full_disk(self):
        """VX6-CTRL-010, VX6-CTRL-018: keys that cannot be kept."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            target = f"127.0.0.1:{server.getsockname()[1]}"
            addr = self.start("alice", "--name", "alice")
            self.line("alice").ask({"command": "service_add", "name": "web", "target": target,
                                    "exposure": "public"})
            self.mount("bob")
            self.start("bob", "--peer", addr)
            bob = self.nodes[-1]
            line = self.line("bob")
            self.fill("bob")
            by_addr = {"command": "connect", "addr": addr, "service": "web", "background": True}
            answer = line.ask(by_addr)
            check(not answer["ok"] and "cannot be kept" in answer["error"] and
                  "free some space" in answer["error"], f"first use: {answer.get('error')}", answer)
            answer = line.ask({"command": "connect", "name": "alice.web", "background": True})
            status = line.ask({"command": "status"})
            check(answer["ok"] and any("not kept yet" in e["error"] for e in status["errors"]),
                  "a name that is bound: status says that it is not kept yet", status["errors"])
            self.free("bob")
            check(line.ask(by_addr)["key_is_new"], "with space again, first use is first use")
            line.close()
            end(bob)
            check(self.query("bob", "SELECT label FROM binding") == [("alice",)],
                  "and the name is kept")
            end(self.nodes[-2])

    def change_much(self, line):
        """What is there then."""
        promised, draw = Registry(), random.Random(0)
        for _ in range(100):
            request, promised = promised.draw(draw)
            check_quietly(line.ask(request)["ok"], "a change is granted", request)
        return promised

    def change_all(self, line, promised, advice):
        """Changes of every kind, until each was refused: what is there then. (A key that is denied is
        shut out all the same: test_access.py.)"""
        draw, open_kinds = random.Random(1), {kind.__name__ for kind in KINDS} - {"service_deny"}
        for _ in range(1000):
            request, after = promised.draw(draw)
            if request["command"] == "service_deny":
                continue
            answer = line.ask(request)
            if answer["ok"]:  # what SQLite has laid out already may do for some
                promised = after
                continue
            check_quietly(answer["code"] == "LIMIT" and advice in answer["error"],
                          f"{request['command']} is refused, with what to do", answer)
            check_quietly(Registry.of(line) == promised, "and changes nothing", request)
            open_kinds.discard(request["command"])
            if not open_kinds:
                break
        check(not open_kinds, f"each kind of change is refused, with what to do: {advice}", open_kinds)
        return promised

    def check_every_change(self):
        """VX6-CTRL-018"""
        self.mount("every")
        self.start("every")
        line = self.line("every")
        promised = self.change_much(line)
        line.close()
        end(self.nodes[-1])
        self.start("every")  # with no log yet, in which there would be room
        node, line = self.nodes[-1], self.line("every")
        self.fill("every")
        promised = self.change_all(line, promised, "free some space")
        self.free("every")
        end(node, signal.SIGKILL)
        self.start("every")
        line = self.line("every")
        check(Registry.of(line) == promised, "after a crash all is there that was acknowledged")
        line.close()
        end(self.nodes[-1])

    def check_identity_files(self):
        """VX6-CTRL-022: no half of a file or a state is left."""
        passphrase = self.dir / "passphrase"
        passphrase.write_text("correct horse battery\n")
        words = ("--passphrase-file", passphrase)
        self.vx6("every", "identity", "export", self.dir / "identity", *words, check=True)
        self.mount("small")
        self.fill("small")
        for state, what, file in (("every", "export", self.dir / "small" / "identity"),
                                  ("small", "import", self.dir / "identity")):
            done = self.vx6(state, "identity", what, file, *words)
            check(done.returncode == 1 and "free some space" in done.stderr and
                  done.stderr.count("\n") == 1, f"{what} on a full disk: {done.stderr}", done)
        check({path.name for path in (self.dir / "small").iterdir()} <= {"ballast", "lock"},
              "nothing of them is left")

    def check_read_only(self):
        """VX6-CTRL-018: a disk with an error, which the kernel has made read-only."""
        image, where = self.dir / "image", self.dir / "worn"
        with open(image, "wb") as file:
            file.truncate(4 << 20)
        where.mkdir()
        subprocess.run(["mkfs.ext4", "-q", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, where], check=True)
        shutil.rmtree(where / "lost+found")
        os.chmod(where, 0o700)
        self.start("worn")
        node, line = self.nodes[-1], self.line("worn")
        there = self.change_much(line)
        subprocess.run(["mount", "-o", "remount,abort", where], check=True)
        answer = self.change(line, "lost", True)
        check(not answer["ok"] and "writable" in answer["error"], f"read-only: {answer['error']}",
              answer)
        check(Registry.of(line) == there and line.ask({"command": "status"})["ok"],
              "the node goes on with what it has")
        check(self.change_all(line, there, "writable") == there, "and changes none of it")
        line.close()
        end(node)
        check(node.returncode == 0, "and ends in order")
        self.refused("worn", "writable")
        subprocess.run(["umount", where], check=True)
        subprocess.run(["mount", "-o", "loop", image, where], check=True)
        subprocess.run(["mount", "-o", "remount,ro", where], check=True)
        self.refused("worn", "writable")
        done = self.vx6("worn", "doctor")
        check(done.returncode == 1 and "is read-only: make its file system writable" in done.stdout,
              "vx6 doctor says so, too", done)
        for command in ("init", "identity"):
            done = self.vx6("worn", command)
            check(done.returncode == 1 and "writable" in done.stderr,
                  f"vx6 {command}: {done.stderr}", done)
        subprocess.run(["mount", "-o", "remount,rw", where], check=True)
        self.start("worn")
        line = self.line("worn")
        check(Registry.of(line) == there, "on a disk that works, what was acknowledged is there")
        line.close()
        end(self.nodes[-1])
        subprocess.run(["umount", where], check=True)


def in_namespace():
    """Runs again where mounts are nobody else's business; 77 where that cannot be."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        print("skipped: needs root, and mount namespaces")
        return 77
    return subprocess.run(["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv],
                          env={**os.environ, "VX6_TEST_NAMESPACE": "own"}).returncode


if __name__ == "__main__":
    if "VX6_TEST_NAMESPACE" not in os.environ:
        sys.exit(in_namespace())
    sys.exit(main(DiskTest, __doc__))
