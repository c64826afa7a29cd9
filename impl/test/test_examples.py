#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every example that the help of both programs shows, typed as it stands there: each works.

usage: test_examples.py BIN_DIR
"""
import os
import pty
import re
import select
import signal
import subprocess
import sys

import hosts
from harness import DEADLINE_S, check, check_quietly
from hosts import until

ADDRESSES = {"alice": ["2001:db8::7", "2001:db8::1", "192.0.2.7"], "bob": ["2001:db8::8", "192.0.2.8"],
             "carol": ["2001:db8::9"]}
PASSPHRASE = "correct horse battery"
USB = "/media/usb/alice"
# Whose node it is, what has to be so before, and the example. Of alice's hint only its form is in the help.
ROWS = [
    ("new", "", "vx6 init --name alice"),
    ("alice", "", "vx6 identity"),
    ("alice", "", "vx6 identity --json | jq -r .key"),
    ("alice", "", "vx6 identity export /media/usb/alice.vx6"),
    ("restored", "", "vx6 identity import /media/usb/alice.vx6"),
    ("new", "", "vx6 identity rotate"),
    ("new", "", "vx6 identity rotate --revocation /media/usb/alice.revocation"),
    ("new", f"rm {USB}.revocation", "vx6 identity revocation /media/usb/alice.revocation"),
    ("bob", "", "vx6 revoke /media/usb/alice.revocation"),
    ("alice", "", "vx6 service add web 127.0.0.1:8080 --public"),
    ("alice", "vx6 pin bob $BOB", "vx6 service add db 127.0.0.1:5432 --private --allow bob"),
    ("alice", "vx6 pin carol $CAROL", "vx6 service add wiki 127.0.0.1:8090 --public --allow bob --allow carol"),
    ("alice", "vx6 service add ssh 127.0.0.1:22 --public", "vx6 service list"),
    ("alice", "", "vx6 service deny db bob"),
    ("alice", "", "vx6 service allow db bob"),
    ("bob", "", "vx6 service list alice"),
    ("bob", "", "vx6 peers"),
    ("bob", "", "vx6 peer add '[2001:db8::7]:4242'"),
    ("bob", "", "vx6 peer add 192.0.2.7:4242"),
    ("bob", "", "vx6 resolve alice.web"),
    ("bob", "", "vx6 resolve alice~x4k2"),
    ("bob", "", "vx6 pin alice \"$(cat key-that-alice-sent)\""),
    ("bob", "for i in 1 2 3; do vx6 connect alice.web --background; done", "vx6 disconnect 3"),
    ("bob", "", "vx6 disconnect alice.web"),
    ("bob", "", "vx6 connect alice.web -- curl -s http://{}/"),
    ("bob", "", "vx6 connect alice.ssh -- ssh -p {port} 127.0.0.1"),
    ("bob", "", "vx6 connect alice.db --listen 127.0.0.1:5432 --background"),
    ("bob", "", "vx6 connect alice.web --listen 127.0.0.1:9000"),
    ("bob", "", "vx6 connect --addr '[2001:db8::7]:4242' web"),
    ("bob", "", "vx6 status"),
    ("bob", "", "vx6 status --json | jq .forwards"),
    ("bob", "", "vx6 status --wait --timeout 60 && vx6 connect alice.web"),
    ("bob", "", "vx6 doctor --json"),
    ("bob", "", "vx6 watch"),
    ("bob", "", "vx6 watch --level debug --addresses"),
    ("bob", "", "vx6 watch --json forward_up forward_failed"),
    ("bob", "", "vx6 names"),
    ("bob", "vx6 disconnect alice.db", "vx6 rename alice alice-at-work"),
    ("bob", "vx6 rename alice-at-work alice", "vx6 forget alice"),
    ("bob", "", "vx6 forget '[2001:db8::7]:4242'"),
    ("alice", "vx6 service remove db", "vx6 service add db --at bob"),
    ("alice", "", "vx6 service remove web"),
    ("alice", "", "vx6 identity rename alicia"),
    ("carol", "", "vx6-node"),
    ("carol", "", "vx6-node --name alice --peer '[2001:db8::1]:4242'"),
    ("carol", "", "vx6-node --state /srv/second --listen '[::]:4343'"),
]
UNTIL_CTRL_C = re.compile(r"vx6-node|vx6 watch|(.*&& )?vx6 connect (?!.* -- |.*--background)")


class Test(hosts.Test):
    def __init__(self, bin_dir):
        super().__init__(bin_dir, ADDRESSES)
        self.env = {}

    def state(self, who):
        return self.dir / who / "vx6"

    def run(self):
        for place in ("alice", "bob", "carol", "new", "restored", "media/usb", "srv", "programs"):
            (self.dir / place).mkdir(parents=True)
        ssh = self.dir / "programs" / "ssh"  # what it does with its port is not what this is about
        ssh.write_text("#!/bin/sh\nexec curl -s http://127.0.0.1:$2/\n")
        ssh.chmod(0o755)
        ports = " ".join(f"listen 127.0.0.1:{port};" for port in (22, 5432, 8080, 8090))
        self.start_nginx("alice", f"server {{ {ports} return 200 page; }}")
        self.start_node("alice", "--name", "alice")
        self.start_node("bob", "--peer", self.entry_addr("alice"))
        self.cli("carol", "init")
        self.env = {who.upper(): self.ask(who, "identity")["key"] for who in ADDRESSES}
        (self.dir / "bob" / "key-that-alice-sent").write_text(self.env["ALICE"] + "\n")
        self.check_all_are_here()
        for who, before, example in ROWS:
            if before:
                done = subprocess.run(self.shell(who, before), capture_output=True, text=True, timeout=DEADLINE_S)
                check_quietly(done.returncode == 0, f"{who}: {before}", done)
            self.check_example(who, example)

    def check_all_are_here(self):
        def examples(*words):
            text = subprocess.run([self.bin / words[0], *words[1:], "--help"], check=True, capture_output=True,
                                  text=True).stdout
            behind = re.split(r"Examples?:", text)
            return re.findall(r"^\s*(vx6.*)$", behind[-1], re.M) if len(behind) > 1 else []

        listed = subprocess.run([self.bin / "vx6", "--help"], check=True, capture_output=True, text=True).stdout
        commands = set(re.findall(r"^  vx6 ([a-z]+(?: [a-z]+)?)(?: |$)", listed.split("Commands:")[1], re.M))
        shown = examples("vx6-node") + [line for command in commands for line in examples("vx6", *command.split())]
        check(sorted(shown) == sorted(example for _, _, example in ROWS), f"the help shows these {len(shown)} examples",
              set(shown) ^ {example for _, _, example in ROWS})

    def shell(self, who, line):
        """What types it: in the directory of who, whose state is where it is when nothing else is said."""
        places = "; ".join(f"mount --bind {self.dir}/{place} /{place}" for place in ("media", "srv"))
        names = " ".join(f"{name}={key}" for name, key in self.env.items())
        return [*self.inside(who if who in ADDRESSES else "carol"), "bash", "-c",
                f"{places}; cd {self.dir}/{who}; export XDG_STATE_HOME=$PWD {names} "
                f"PATH={self.bin}:{self.dir}/programs:$PATH; {line}"]

    def check_example(self, who, example):
        line = example.replace("~x4k2", "~" + self.env["ALICE"][:4])
        if UNTIL_CTRL_C.match(example):
            code, said = self.interrupted(who, line)
        else:
            code, said = self.typed(who, line)
        check(code == 0, f"{who}$ {example}", said)

    def typed(self, who, line):
        """On a terminal, where a passphrase is asked for."""
        command = self.shell(who, line)
        child, terminal = pty.fork()
        if child == 0:
            os.execvp(command[0], command)
        said, answered = "", 0
        while True:
            check_quietly(select.select([terminal], [], [], DEADLINE_S)[0], f"{line} goes on", said)
            try:
                said += os.read(terminal, 4096).decode()
            except OSError:  # all have let go of the terminal
                break
            if len(re.findall(r"(?:Passphrase|The same again): ", said)) > answered:
                os.write(terminal, f"{PASSPHRASE}\n".encode())
                answered += 1
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(terminal)
        return code, said

    def interrupted(self, who, line):
        """Once it has said something of what it is there for."""
        begun = r"ready$" if line.startswith("vx6-node") else r" is at 127\.|following |\"events\""
        log = self.dir / "example.log"
        with open(log, "w") as output:
            process = subprocess.Popen(self.shell(who, line), stdout=output, stderr=output, start_new_session=True)
        self.processes.append(process)
        until(lambda: re.search(begun, log.read_text(), re.M) or process.poll() is not None, f"{line} has begun")
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        return self.ended(process), log.read_text()


if __name__ == "__main__":
    sys.exit(hosts.main(Test, __doc__, ["nginx", "bash", "jq"]))
