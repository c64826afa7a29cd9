# SPDX-License-Identifier: MIT
"""Ways from a local TCP port to an HTTP server on the same host, each as its users would start it, and the
processor time that its processes have spent."""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "impl" / "test"))
import harness

NEEDS = {"nginx": "nginx-light", "ssh": "openssh-client", "sshd": "openssh-server", "stunnel4": "stunnel4",
         "socat": "socat", "curl": "curl", "wrk": "wrk", "openssl": "openssl", "ip": "iproute2"}
PORTS = {"direct": 18080, "vx6": 18081, "ssh -L": 18082, "stunnel": 18083, "socat": 18084}
SSHD_PORT, TLS_PORT = 18022, 18443
TICKS = os.sysconf("SC_CLK_TCK")
CHUNK = 1 << 20

NGINX = """
worker_processes 1; daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx.log; user root;
events {{ worker_connections 8192; }}
http {{
    access_log off; sendfile on; keepalive_requests 1000000;
    client_body_temp_path {dir}; proxy_temp_path {dir}; fastcgi_temp_path {dir}; uwsgi_temp_path {dir};
    scgi_temp_path {dir};
    server {{ listen 127.0.0.1:{port} backlog=4096; root {dir}/www; }}
}}
"""
SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey {dir}/host
AuthorizedKeysFile {dir}/user.pub
PidFile none
StrictModes no
PermitRootLogin yes
UsePAM no
"""
STUNNEL = """
foreground = yes
pid =
syslog = no
[{end}]
"""


def missing():
    """What has to be installed first."""
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    return sorted({package for program, package in NEEDS.items() if not shutil.which(program)})


def is_listening(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def children_of():
    """Process -> its children."""
    found = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            found.setdefault(parent, []).append(int(stat.parent.name))
    return found


def processor_s(pids):
    """What these processes, their children and those of their children that have ended have spent."""
    children, waiting, total = children_of(), list(pids), 0
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / TICKS


class Rivals:
    """All the ways to files that lie in memory: open() or fail, then end()."""

    def __init__(self, build):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="vx6-bench-", dir="/dev/shm"))
        self.processes = []
        self.pids = {name: [] for name in PORTS}
        self.nodes = harness.Test(build / "bin")

    def open(self, megabytes):
        self.make_files(megabytes)
        self.start_origin()
        self.start_vx6()
        self.start_ssh()
        self.start_stunnel()
        self.start_socat()
        self.descriptors_at_rest = self.descriptors()

    def make_files(self, megabytes):
        (self.dir / "www").mkdir()
        self.dir.chmod(0o755)
        (self.dir / "www" / "small").write_bytes(b"x" * 1000)
        with open(self.dir / "www" / "big", "wb") as big:
            for _ in range(megabytes):
                big.write(os.urandom(CHUNK))

    def start(self, route, *command):
        with open(self.dir / "log", "ab") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append(process)
        self.pids[route].append(process.pid)

    def ready(self, route, port=None):
        port = port or PORTS[route]
        deadline = time.monotonic() + harness.DEADLINE_S
        while not is_listening(port):
            if time.monotonic() > deadline:
                raise OSError(f"{route} does not listen on port {port}:\n{(self.dir / 'log').read_text()}")
            time.sleep(0.02)

    def file(self, name, text, **values):
        path = self.dir / name
        path.write_text(text.format(dir=self.dir, **values))
        return path

    def start_origin(self):
        self.start("direct", "nginx", "-c", self.file("nginx.conf", NGINX, port=PORTS["direct"]))
        self.ready("direct")

    def start_vx6(self):
        nodes = self.nodes
        entry = nodes.start("alice", "--name", "alice")
        nodes.vx6("alice", "service", "add", "web", f"127.0.0.1:{PORTS['direct']}", "--public", check=True)
        nodes.start("bob", "--peer", entry)
        nodes.vx6("bob", "connect", "alice.web", "--listen", f"127.0.0.1:{PORTS['vx6']}", "--background",
                  check=True)
        self.pids["vx6"] = [node.pid for node in nodes.nodes]
        self.lines = [nodes.line(who) for who in ("alice", "bob")]

    def start_ssh(self):
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.dir / key], check=True)
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)
        self.start("ssh -L", shutil.which("sshd"), "-D", "-e", "-f", self.file("sshd.conf", SSHD, port=SSHD_PORT))
        self.ready("ssh -L", SSHD_PORT)
        self.start("ssh -L", "ssh", "-N", "-F", "none", "-c", "aes128-gcm@openssh.com", "-p", str(SSHD_PORT),
                   "-i", self.dir / "user", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                   "-o", "LogLevel=ERROR", "-L", f"127.0.0.1:{PORTS['ssh -L']}:127.0.0.1:{PORTS['direct']}", "127.0.0.1")
        self.ready("ssh -L")

    def start_stunnel(self):
        certificate, key = self.dir / "certificate.pem", self.dir / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", "/CN=bench",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        for name, accept, connect, more in (
                ("server", TLS_PORT, PORTS["direct"], f"cert = {certificate}\nkey = {key}"),
                ("client", PORTS["stunnel"], TLS_PORT, "client = yes\nsslVersion = TLSv1.3")):
            text = f"{STUNNEL}accept = 127.0.0.1:{accept}\nconnect = 127.0.0.1:{connect}\n{more}\n"
            self.start("stunnel", "stunnel4", self.file(f"{name}.conf", text, end=name))
            self.ready("stunnel", accept)

    def start_socat(self):
        self.start("socat", "socat", f"TCP-LISTEN:{PORTS['socat']},fork,reuseaddr,bind=127.0.0.1,backlog=4096",
                   f"TCP:127.0.0.1:{PORTS['direct']}")
        self.ready("socat")

    def links(self):
        """Of the two nodes: they have some of their own, to see whether others reach them."""
        return sum(line.ask({"command": "status"})["counts"]["links"] for line in self.lines)

    def descriptors(self):
        """That the two nodes have open, but for links."""
        return sum(harness.Process(pid).descriptors() for pid in self.pids["vx6"]) - self.links()

    def descriptors_left(self):
        """Of connections that have ended, once the nodes have had the time to close them."""
        deadline = time.monotonic() + harness.DEADLINE_S
        while self.descriptors() > self.descriptors_at_rest and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.descriptors() - self.descriptors_at_rest

    def processor_s(self, route):
        return processor_s(self.pids[route])

    def end(self):
        self.nodes.end()
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
