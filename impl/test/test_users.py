#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Another user of the same machine and the control socket: no word, whatever the modes of the files are.
Needs root, to be another user; ends with 77 without.

usage: test_users.py BIN_DIR
"""
import os
import shutil
import subprocess
import sys

import harness
from harness import DEADLINE_S, check

NOBODY = 65534


class Test(harness.Test):
    def ask_as(self, user):
        """What comes of one request to the socket."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.setuid(user)
            try:
                answer = "answered" if self.line("alice").ask({"command": "identity"}) else "closed"
            except OSError as error:
                answer = type(error).__name__
            os.write(writer, answer.encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            return pipe.read()

    def run(self):
        """VX6-CTRL-001"""
        self.start("alice", "--name", "alice")
        check(self.ask_as(0) == "answered", "root is answered")
        self.dir.chmod(0o755)
        check(self.ask_as(NOBODY) == "PermissionError", "another user does not get to the socket")
        (self.dir / "alice").chmod(0o755)
        (self.dir / "alice" / "control.sock").chmod(0o666)
        shown = self.ask_as(NOBODY)
        check(shown in ("closed", "BrokenPipeError", "ConnectionResetError"),
              "and where the modes let them, they are closed without a word", shown)
        self.vx6("alice", "status", check=True)
        program = shutil.copy(self.bin / "vx6", self.dir)
        done = subprocess.run([program, "--state", self.dir / "alice", "peers"], user=NOBODY, cwd="/",
                              capture_output=True, text=True, timeout=DEADLINE_S)
        check(done.returncode == 3 and done.stdout == "" and done.stderr.count("\n") == 1,
              "vx6 says in one line that it was not heard", done)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("needs root, to be another user")
        sys.exit(77)
    sys.exit(harness.main(Test, __doc__))
