# SPDX-License-Identifier: MIT
"""Hosts in network namespaces, all on one wire, with addresses of their own: what the tests share that
need more than one host. They need root; whatever happens, namespaces and processes are gone at the end."""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import harness
from harness import DEADLINE_S, check, check_printed

PORT = 4242
WIRE = "wire"
PREFIX = "vx6-test-"
BLOCK = 1000 * 1000


def until(condition, what, deadline_s=DEADLINE_S):
    """The first true value of condition(), or a failure once the deadline has passed."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline_s} s in vain: {what}")
        time.sleep(0.02)


def run(*command, expect=0, timeout=DEADLINE_S, **options):
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **options)
    if expect is not None and done.returncode != expect:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}, expected {expect}\n"
                             f"{done.stdout}{done.stderr}")
    return done


def write_random(path, blocks):
    """A file of so many megabytes that nobody can guess; its SHA-256."""
    with open(path, "wb") as file:
        for _ in range(blocks):
            file.write(os.urandom(BLOCK))
    return digest_of(path)


def digest_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Network:
    """One namespace per host and one with the bridge. Every host has a /16 to itself and is reached on the wire."""

    def __init__(self, addresses):
        """`addresses`: for each host its addresses, IPv6 or IPv4."""
        self.names = []
        remove_left_over()
        with contextlib.ExitStack() as if_it_fails:
            if_it_fails.callback(self.remove)
            self.add(WIRE)
            self.ip(WIRE, "link add bridge type bridge forward_delay 0")
            self.ip(WIRE, "link set bridge up")
            for host, addrs in addresses.items():
                self.add_host(host)
                for addr in addrs:
                    self.add_address(host, addr)
                self.ip(host, "link set up0 up")
            if_it_fails.pop_all()

    def name(self, host):
        return f"{PREFIX}{os.getpid()}-{host}"

    def enter(self, host):
        return ["ip", "netns", "exec", self.name(host)]

    def ip(self, host, words):
        return run("ip", "-n", self.name(host), *words.split())

    def add(self, host):
        run("ip", "netns", "add", self.name(host))
        self.names.append(self.name(host))
        self.ip(host, "link set lo up")

    def add_host(self, host):
        self.add(host)
        run("ip", "link", "add", "up0", "netns", self.name(host), "type", "veth",
            "peer", "name", host, "netns", self.name(WIRE))
        self.ip(WIRE, f"link set {host} master bridge up")

    def add_address(self, host, addr):
        # In use at once: nobody else is asked whether it has the address.
        self.ip(host, f"addr add {addr}/16 dev up0" + (" nodad" if ":" in addr else ""))

    def remove_address(self, host, addr):
        self.ip(host, f"addr del {addr}/16 dev up0")

    def remove(self):
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False)


def remove_left_over():
    """Namespaces of a run that was killed: their names hold its process ID."""
    for line in run("ip", "netns", "list").stdout.splitlines():
        match = re.match(rf"({PREFIX}(\d+)-\S+)", line)
        if match and not pathlib.Path("/proc", match[2]).exists():
            subprocess.run(["ip", "netns", "del", match[1]], check=False)


class Test(harness.Test):
    """Nodes and other programs on hosts. Who runs a node is the name of its host, unless told otherwise."""

    def __init__(self, bin_dir, addresses):
        super().__init__(bin_dir)
        self.bin = self.bin.resolve()
        self.addresses = addresses
        self.dir.chmod(0o711)  # servers of other users have their files in it
        self.processes = []
        self.network = Network(addresses)
        self.hosts = {}  # who runs a node elsewhere than on the host of that name

    def entry_addr(self, host):
        return f"[{self.addresses[host][0]}]:{PORT}"

    # ---- processes ----

    def inside(self, host):
        return self.network.enter(host)

    def start_program(self, host, *command, log=None, **options):
        """Runs in the host's namespace; `ip netns exec` becomes the command, with its process ID."""
        output = open(log, "a") if log else subprocess.DEVNULL
        options = {"stdout": output, "stderr": output, **options}
        process = subprocess.Popen([*self.inside(host), *map(str, command)], **options)
        self.processes.append(process)
        return process

    def stop(self, process, number=signal.SIGTERM, deadline_s=DEADLINE_S):
        process.send_signal(number)
        return self.ended(process, deadline_s)

    def ended(self, process, deadline_s=DEADLINE_S):
        """The exit code of a process that ends by itself."""
        code = process.wait(timeout=deadline_s)
        self.processes.remove(process)
        return code

    def end(self):
        for process in self.processes:  # SIGTERM first: servers take their workers along
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.network.remove()
        super().end()

    # ---- nodes ----

    def state(self, who):
        return self.dir / who

    def start_node(self, host, *options, who=None, wait=True):
        who = who or host
        self.hosts[who] = host
        node = self.start_program(host, self.bin / "vx6-node", "--state", self.state(who), *options,
                                  log=self.dir / f"{who}.log")
        if wait:
            self.cli(who, "status", "--wait")
        return node

    def cli(self, who, *words, expect=0):
        done = run(*self.inside(self.hosts.get(who, who)), self.bin / "vx6", "--state", self.state(who),
                   *words, expect=expect, timeout=60)
        check_printed(words, done.stdout)
        return done

    def ask(self, who, *words, expect=0):
        return json.loads(self.cli(who, *words, "--json", expect=expect).stdout)

    # ---- what else runs there ----

    def curl(self, host, url, *options, expect=0):
        return run(*self.inside(host), "curl", "-sS", "--max-time", "60", *options, url,
                   expect=expect, timeout=90)

    def answers(self, host, url):
        return self.curl(host, url, "-o", "/dev/null", expect=None).returncode == 0

    def start_nginx(self, host, servers):
        """An nginx with its files in the test's directory; `servers` are its server blocks."""
        home = self.dir / "nginx"
        home.mkdir(exist_ok=True)
        paths = "".join(f"{kind}_temp_path {home}/{kind};" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (home / "nginx.conf").write_text(
            f"daemon off; user root; worker_processes 1; pid {home}/nginx.pid; "
            f"error_log {home}/error.log; events {{ worker_connections 1024; }}\n"
            f"http {{ access_log {home}/access.txt; sendfile on; {paths}\n{servers}\n}}\n")
        return self.start_program(host, "nginx", "-c", home / "nginx.conf", "-e", "stderr",
                                  log=self.dir / "nginx.log")

    def check_listeners(self, host, *ports):
        """Only VX6, and only on these ports, listens where others reach it."""
        lines = run(*self.inside(host), "ss", "-H", "-ltnup").stdout.splitlines()
        public = [line for line in lines if not line.split()[4].startswith(("127.", "[::1]"))]
        allowed = {str(port) for port in ports or (PORT,)}
        check(public and all(line.split()[4].rsplit(":", 1)[1] in allowed and "vx6-node" in line
                             for line in public),
              f"on public addresses of {host} only VX6 listens", lines)


def missing(programs):
    """Why these tests cannot run here, or None."""
    if os.geteuid() != 0:
        return "it needs root, for network namespaces"
    for program in ("ip", "ss", "curl", *programs):
        if not shutil.which(program):
            return f"{program} is not installed"
    probe = f"{PREFIX}{os.getpid()}-probe"
    if subprocess.run(["ip", "netns", "add", probe], capture_output=True, check=False).returncode != 0:
        return "network namespaces cannot be made here"
    subprocess.run(["ip", "netns", "del", probe], check=False)
    return None


def main(kind, usage, programs=()):
    """Ends with 77 (skipped) where these hosts cannot be, or with 1 when VX6_NO_SKIP is set."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    reason = missing(programs)
    if reason:
        print(f"skipped: {reason}")
        return 1 if os.environ.get("VX6_NO_SKIP") else 77
    return harness.main(kind, usage)
