#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Three hosts in network namespaces: an entry peer, Alice with nginx, Bob with curl.

usage: test_hosts.py BIN_DIR
"""
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import hosts
from harness import DEADLINE_S, check
from hosts import PORT, run, until

REFUSED = (7, 52, 56)  # what curl says when a connection is reset, by how far it has got
BIG_MB, MIDDLE_MB = 200, 1
ADDR = {"entry": "2001:1000::1", "alice": "2001:2000::1", "bob": "2001:3000::1"}
ADDR4 = {"entry": "10.77.1.1", "alice": "10.77.2.1", "bob": "10.77.3.1"}


class Test(hosts.Test):
    def __init__(self, bin_dir):
        super().__init__(bin_dir, {host: (ADDR[host], ADDR4[host]) for host in ADDR})

    def role(self, host, role, *arguments, **options):
        return self.start_program(host, sys.executable, os.path.abspath(__file__), "--role", role,
                                  *arguments, log=self.dir / "roles.log", stdout=subprocess.PIPE,
                                  text=True, **options)

    def curl_of_bob(self, url, *options, expect=0):
        return self.curl("bob", url, *options, expect=expect)

    def make_site(self):
        site = self.dir / "site"
        site.mkdir()
        (site / "index.html").write_text("<h1>Alice</h1>\n")
        self.middle_sum = hosts.write_random(site / "middle", MIDDLE_MB)
        self.big_sum = hosts.write_random(site / "big", BIG_MB)

    def serve_site(self):
        (self.dir / "nginx" / "status.sock").unlink(missing_ok=True)
        nginx = self.start_nginx("alice", f"""
            server {{ listen 127.0.0.1:8080; root {self.dir}/site; }}
            server {{ listen unix:{self.dir}/nginx/status.sock; location / {{ stub_status; }} }}""")
        until(lambda: self.answers("alice", "http://127.0.0.1:8080/"), "nginx answers")
        return nginx

    def nginx_accepts(self):
        """Connections that nginx has accepted so far, those of this function included."""
        text = self.curl("alice", "http://status/", "--unix-socket", f"{self.dir}/nginx/status.sock").stdout
        return int(text.splitlines()[2].split()[0])

    # ---- the story ----

    def run(self):
        self.make_site()
        self.nginx = self.serve_site()
        self.running = {"entry": self.start_node("entry", "--name", "entry")}
        entry = self.entry_addr("entry")
        self.running["alice"] = self.start_node("alice", "--name", "alice", "--peer", entry)
        self.running["bob"] = self.start_node("bob", "--peer", entry)
        self.check_start()
        self.check_by_name()
        self.check_foreground()
        self.check_program()
        self.check_half_close()
        self.check_by_addr()
        self.check_first_use()
        self.check_addresses()
        for host in ADDR:
            self.check_listeners(host, *[PORT, 4343] if host == "bob" else [PORT])
        self.check_bad_input()
        self.check_service_down()
        self.check_owner_gone_and_back()
        self.check_other_key()
        self.check_end()

    def check_start(self):
        added = self.cli("alice", "service", "add", "web", "127.0.0.1:8080", "--public")
        check("web" in added.stdout, "a service is added while the node runs")
        listed = self.ask("alice", "service", "list")["services"]
        check([s["target"] for s in listed] == ["127.0.0.1:8080"], "and listed with its target")
        status = self.ask("alice", "status")
        check(status["endpoints"][:2] == [f"[{ADDR['alice']}]:{PORT}", f"{ADDR4['alice']}:{PORT}"],
              "a wildcard listener is published as the host's addresses, IPv6 first", status)
        check(status["joined"] and status["counts"]["contacts"] >= 1, "the node has joined")
        resolved = until(lambda: self.resolves_web(), "alice.web resolves with its service")
        self.alice_key = self.ask("alice", "identity")["key"]
        check(resolved["key"] == self.alice_key, "alice.web resolves to the key of alice")

    def resolves_web(self):
        answer = self.cli("bob", "resolve", "alice.web", "--json", expect=None)
        resolved = json.loads(answer.stdout)
        return resolved if resolved["ok"] and resolved["candidates"] else None

    def fetch_big(self, url, how):
        began = time.monotonic()
        self.curl_of_bob(url + "/big", "-o", str(self.dir / "fetched"))
        took = time.monotonic() - began
        check(hosts.digest_of(self.dir / "fetched") == self.big_sum,
              f"{BIG_MB} MB {how}: checksums equal ({BIG_MB / took:.0f} MB/s)")

    def check_by_name(self):
        out = self.cli("bob", "connect", "alice.web", "--listen", "127.0.0.1:9000", "--background")
        check(out.stdout == "alice.web is at 127.0.0.1:9000\nits key is " + self.alice_key + ", kept from "
              "this first use on: compare it with its owner's\n",
              "connect by name says where, and whose key the name means from now on", out)
        page = self.curl_of_bob("http://127.0.0.1:9000/").stdout
        check(page == "<h1>Alice</h1>\n", "curl fetches a page by name", page)
        self.fetch_big("http://127.0.0.1:9000", "by name")
        many = self.role("bob", "many", 9000, 50, stdin=subprocess.PIPE)
        line = many.stdout.readline()
        check(line == "all open\n", "50 connections at once", line)
        forward = self.ask("bob", "status")["forwards"][0]
        check(forward["open"] == 50 and forward["state"] == "up",
              "status counts them on one forward", forward)
        many.stdin.write("go on\n")
        many.stdin.flush()
        sums = many.stdout.readline().split()
        check(sums == [self.middle_sum] * 50, "and each gets its bytes", sums)
        self.ended(many)
        until(lambda: self.ask("bob", "status")["counts"]["streams"] == 0, "their streams end")

    def check_foreground(self):
        process = self.start_program("bob", self.bin / "vx6", "--state", self.state("bob"),
                                     "connect", "alice.web", stdout=subprocess.PIPE, text=True)
        line = process.stdout.readline()
        match = re.fullmatch(r"alice\.web is at (127\.0\.0\.1:\d+)\n", line)
        check(match, "connect in the foreground says where", line)
        check("Alice" in self.curl_of_bob(f"http://{match[1]}/").stdout, "and works")
        check(self.stop(process, signal.SIGINT) == 0, "Ctrl-C ends it with exit code 0")
        until(lambda: len(self.ask("bob", "status")["forwards"]) == 1, "the forward ends with it")
        check(self.curl_of_bob(f"http://{match[1]}/", expect=None).returncode == 7, "and its port closes")

    def check_program(self):
        """VX6-CTRL-044: a forward for as long as a program runs."""
        done = self.cli("bob", "connect", "alice.web", "--", "curl", "-sS", "http://{}/")
        check(done.stdout == "<h1>Alice</h1>\n" and done.stderr == "", "a program uses a forward", done)
        done = self.cli("bob", "connect", "alice.web", "--", "sh", "-c", "echo {port} {}\nexit 7", expect=7)
        check(re.fullmatch(r"(\d+) 127\.0\.0\.1:\1\n", done.stdout),
              "and its words have the address and the port; its exit code is that of vx6", done)
        self.cli("bob", "connect", "alice.web", "--", "no-such-program", expect=127)
        self.cli("bob", "connect", "alice.web", "--", "sh", "-c", "kill -9 $$", expect=128 + 9)
        process = self.start_program("bob", self.bin / "vx6", "--state", self.state("bob"), "connect",
                                     "alice.web", "--", "sh", "-c", "echo started; exec sleep 60",
                                     stdout=subprocess.PIPE, text=True)
        check(process.stdout.readline() == "started\n", "a program that goes on")
        check(self.stop(process) == 128 + signal.SIGTERM, "is ended with vx6, by SIGTERM")
        until(lambda: len(self.ask("bob", "status")["forwards"]) == 1, "and the forwards end with them")

    def check_half_close(self):
        server = self.role("alice", "half-close-server", 8090)
        check(server.stdout.readline() == "listening\n", "a service that waits for the end of input")
        self.cli("alice", "service", "add", "digest", "127.0.0.1:8090", "--public")
        self.cli("bob", "connect", "alice.digest", "--listen", "127.0.0.1:9001", "--background")
        client = self.role("bob", "half-close-client", 9001)
        line = client.stdout.readline()
        check(line == "both directions ended one by one\n", "half-close works both ways", line)
        for process in (client, server):
            self.ended(process)
        ended = self.cli("bob", "disconnect", "alice.digest").stdout
        check(ended == "alice.digest at 127.0.0.1:9001 ended\n", "disconnect ends a forward", ended)
        self.cli("alice", "service", "remove", "digest")
        refused = self.cli("bob", "connect", "alice.digest", expect=1)
        check("NO_SERVICE" in refused.stderr, "a service that was removed is refused", refused)

    def check_by_addr(self):
        """A fresh node that knows nobody."""
        self.running["carol"] = self.start_node("bob", "--listen", "[::]:4343", who="carol")
        addr = f"[{ADDR['alice']}]:{PORT}"
        before = self.nginx_accepts()
        entry_key = self.ask("entry", "identity")["key"]
        wrong = self.cli("carol", "connect", "--addr", addr, "--key", entry_key, "web", expect=1)
        check("another key than the one given" in wrong.stderr and "KEY_MISMATCH" in wrong.stderr and
              wrong.stderr.count("\n") == 1, "a wrong --key is refused, in one line that says why",
              wrong)
        check(self.nginx_accepts() == before + 1, "and not one connection has reached nginx")
        right = self.cli("carol", "connect", "--addr", addr, "--key", self.alice_key, "web",
                         "--listen", "127.0.0.1:9100", "--background").stdout
        check(right == f"web of {addr} is at 127.0.0.1:9100\n", "the right --key connects", right)
        self.fetch_big("http://127.0.0.1:9100", "by --addr with --key, no discovery")
        contacts = self.ask("carol", "peers")["entry"]
        check(contacts == [], "no peer was ever added", contacts)
        self.cli("carol", "disconnect", "127.0.0.1:9100")

    def check_first_use(self):
        addr4 = f"{ADDR4['alice']}:{PORT}"
        first = self.cli("carol", "connect", "--addr", addr4, "web", "--listen", "127.0.0.1:9101",
                         "--background").stdout
        check(self.alice_key in first and "first use" in first,
              "without --key the key is shown and kept; IPv4 works too", first)
        check("Alice" in self.curl_of_bob("http://127.0.0.1:9101/").stdout, "and the page comes")
        again = self.cli("carol", "connect", "--addr", addr4, "web", "--background").stdout
        check("as before" in again, "the second time the key is the one kept", again)

    def check_addresses(self):
        second = "2001:3000::2"
        published = lambda: self.ask("bob", "status")["endpoints"]
        self.network.add_address("bob", second)
        until(lambda: f"[{second}]:{PORT}" in published(), "a new address is published")
        # Whichever address the kernel prefers: what is asked there must answer from there.
        for addr in (ADDR["bob"], second, ADDR4["bob"]):
            added = self.cli("entry", "peer", "add", f"[{addr}]:{PORT}" if ":" in addr
                             else f"{addr}:{PORT}")
            check("answered" in added.stdout, f"a host answers from the address asked, {addr}")
        self.network.remove_address("bob", second)
        until(lambda: f"[{second}]:{PORT}" not in published(), "and withdrawn when it is gone")

    def check_line(self, sentence, expected_code, pattern, *command, host="bob"):
        done = run(*self.inside(host), *command, expect=None, timeout=60)
        lines = done.stderr.splitlines()
        check(done.returncode == expected_code and len(lines) == 1 and
              re.search(pattern, lines[0]) and done.stdout == "", sentence,
              f"exit {done.returncode}\n{done.stdout}{done.stderr}")

    def check_bad_input(self):
        alice = f"[{ADDR['alice']}]:{PORT}"
        rows = [
            ("unknown name", 1, "NOT_FOUND: no live record", "connect", "nobody.web"),
            ("unknown name to resolve", 1, "NOT_FOUND", "resolve", "nobody"),
            ("unknown service", 1, "NO_SERVICE: .*check the service", "connect", "alice.ftp"),
            ("name without a service", 2, "must look like alice.web", "connect", "alice"),
            ("name in capitals", 2, "must look like alice.web", "connect", "Alice.web"),
            ("taken local port", 2, "taken by forward 1 of this node.*--listen", "connect", "alice.web",
             "--listen", "127.0.0.1:9000"),
            ("public local port", 2, "not on loopback", "connect", "alice.web", "--listen",
             "0.0.0.0:9009"),
            ("unreachable peer", 1, "UNREACHABLE: nothing answers", "peer", "add",
             f"[{ADDR['alice']}]:9"),
            ("unreachable address", 1, "UNREACHABLE: nothing answers", "connect", "--addr",
             f"[{ADDR['entry']}]:9", "web"),
            ("address without a port", 2, "has no port", "peer", "add", "192.0.2.7"),
            ("address without brackets", 2, "without brackets", "peer", "add", "2001:db8::7:4242"),
            ("address with a bad port", 2, "no valid port", "peer", "add", "[2001:db8::7]:70000"),
            ("host name as an address", 2, "host names are not", "peer", "add", "example.org:4242"),
            ("mistyped key", 2, "the key is mistyped", "connect", "--addr", alice, "--key", "abc",
             "web"),
            ("key without an address", 2, "connect takes", "connect", "--key", "abc", "alice.web"),
            ("service without its exposure", 2, "--public", "service", "add", "db",
             "127.0.0.1:5432"),
            ("service whose target is not up", 1, "nothing listens at its target 127.0.0.1:5432: start",
             "service", "add", "idle", "127.0.0.1:5432", "--public"),
            ("service with a bad target", 2, "target", "service", "add", "db", "127.0.0.1",
             "--public"),
            ("service with a bad name", 2, "no valid name", "service", "add", "D_B", "127.0.0.1:5432",
             "--public"),
            ("service that is not there", 1, "no service db", "service", "remove", "db"),
            ("forward that is not there", 1, "no forward 77", "disconnect", "77"),
            ("a program in the background", 2, "in the foreground", "connect", "alice.web", "--background",
             "--", "true"),
            ("a program without --", 2, "unexpected argument true", "connect", "alice.web", "true"),
            ("unknown command", 2, "no command fly", "fly"),
            ("half a command", 2, "what to do with service", "service"),
            ("unknown option", 2, "unrecognized option '--fast'", "status", "--fast"),
            ("missing argument", 2, "peer add needs ADDR", "peer", "add"),
            ("name of a running node", 1, "vx6 identity rename robert", "init", "--name", "robert"),
            ("control bytes are not echoed", 2, "control characters", "connect", "\x1b[31m.web"),
        ]
        for sentence, code, pattern, *arguments in rows:
            self.check_line(sentence, code, pattern, self.bin / "vx6", "--state", self.state("bob"),
                            *arguments)
        vx6, node = self.bin / "vx6", self.bin / "vx6-node"
        nowhere, dave = self.state("nowhere"), self.state("dave")
        self.check_line("no node is running", 3, "no node is running.*start it", vx6, "--state", nowhere,
                        "status")
        self.check_line("no identity yet", 1, "run vx6 init", vx6, "--state", nowhere, "identity")
        self.check_line("second node on the same state", 1, "another node is running", node, "--state",
                        self.state("bob"), "--listen", "[::]:5000")
        self.check_line("malformed --listen", 2, "--listen has no port", node, "--state", dave,
                        "--listen", "4242")
        self.check_line("bad --name", 2, "no valid name", node, "--state", dave, "--name", "Dave!")
        done = run(*self.inside("bob"), node, "--state", dave, expect=1)
        check("TCP [::]:4242 is taken" in done.stderr and done.stderr.count("\n") == 1,
              "taken port: one line, exit code 1", done.stderr)

    def check_service_down(self):
        check(self.stop(self.nginx, signal.SIGQUIT) == 0, "nginx stops")
        began = time.monotonic()
        done = self.curl_of_bob("http://127.0.0.1:9000/", expect=None)
        check(done.returncode in REFUSED and time.monotonic() - began < 5,
              "service down: the client's connection is closed at once", done)
        forward = until(lambda: self.ask("bob", "status")["forwards"][-1]["last_failure"],
                        "the failure shows")
        check(forward["code"] == "SERVICE_DOWN" and "its owner must start it" in forward["error"],
              "the client's status says why", forward)
        check("SERVICE_DOWN" in self.log("bob") and "SERVICE_DOWN" in self.log("alice"),
              "and both logs")
        errors = self.ask("alice", "status")["errors"]
        check(any("127.0.0.1:8080 does not accept" in e["error"] for e in errors),
              "the owner's status names the target", errors)
        self.nginx = self.serve_site()
        check("Alice" in self.curl_of_bob("http://127.0.0.1:9000/").stdout,
              "service up again: the same forward works")

    def check_owner_gone_and_back(self):
        page = "http://127.0.0.1:9000/"
        slow = self.start_program("bob", "curl", "-sS", "--limit-rate", "1M", "-o", "/dev/null", page + "big")
        until(lambda: self.ask("alice", "status")["counts"]["streams"] == 1, "a fetch is under way")
        began = time.monotonic()
        code = self.stop(self.running["alice"])
        took = time.monotonic() - began
        check(code == 0 and took < 2.5, f"SIGTERM ends a busy node in order ({took:.2f} s)",
              self.log("alice"))
        check(self.ended(slow, 5) in (18, 56), "the fetch under way ends with an error at once")
        until(lambda: self.ask("bob", "status")["forwards"][-1]["state"] == "down", "bob notices")
        done = self.curl_of_bob(page, expect=None)
        check(done.returncode in REFUSED, "owner gone: the client's connection is closed", done)
        self.check_back("a restart")
        self.stop(self.running["alice"], signal.SIGKILL)
        self.check_back("a restart after a crash")

    def check_back(self, what):
        self.running["alice"] = self.start_node("alice")
        again = self.ask("alice", "status")
        check(again["key"] == self.alice_key and again["name"] == "alice" and
              [s["name"] for s in again["services"]] == ["web"] and again["joined"],
              f"{what} keeps identity, name, services and peers", again)
        fetched = until(lambda: self.curl_of_bob("http://127.0.0.1:9000/", expect=None).stdout,
                        "the forward opens its session again")
        check("Alice" in fetched, "and the old forward works again")

    def check_other_key(self):
        self.stop(self.running.pop("alice"))
        self.running["mallory"] = self.start_node("alice", who="mallory")
        self.cli("mallory", "service", "add", "web", "127.0.0.1:8080", "--public")
        before = self.nginx_accepts()
        addr4 = f"{ADDR4['alice']}:{PORT}"
        refused = self.cli("carol", "connect", "--addr", addr4, "web", expect=1)
        check("KEY_MISMATCH" in refused.stderr and "kept since the first use" in refused.stderr and
              refused.stderr.count("\n") == 1, "another key at a known address is refused", refused)
        check(self.nginx_accepts() == before + 1, "and not one connection has reached nginx")

    def check_end(self):
        self.cli("carol", "connect", "--addr", f"{ADDR4['alice']}:{PORT}", "--key",
                 self.ask("mallory", "identity")["key"], "web", "--background")
        check(self.stop(self.running.pop("carol")) == 0 and
              "SHUTDOWN: this node is shutting down" in self.log("carol") and
              "the node there is shutting down" not in self.log("carol").split("is at")[-1],
              "a node that ends says of its forwards that it is this node", self.log("carol"))
        for who, node in self.running.items():
            check(self.stop(node) == 0, f"SIGTERM: {who} ends with exit code 0", self.log(who))
        for who in self.hosts:
            for path in self.state(who).iterdir():
                check(path.stat().st_mode & 0o077 == 0, f"{who}/{path.name} is private")


# ---- programs that run inside the namespaces ----

def role_many(port, count):
    """`count` connections that are all open at once; then the rest of each."""
    sockets = [socket.create_connection(("127.0.0.1", int(port)), timeout=DEADLINE_S)
               for _ in range(int(count))]
    for s in sockets:
        s.sendall(b"GET /middle HTTP/1.1\r\nHost: x\r\n\r\n")
    first = [s.recv(1) for s in sockets]
    print("all open" if all(first) else "not all", flush=True)
    sys.stdin.readline()
    sums = []
    for s in sockets:
        stream = s.makefile("rb")
        length = 0
        while (line := stream.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        sums.append(hashlib.sha256(stream.read(length)).hexdigest())
    print(*sums, flush=True)


HALF = 5 * 1000 * 1000


def read_all(s):
    data = b""
    while block := s.recv(65536):
        data += block
    return data


def role_half_close_server(port):
    """First reads to the end, then answers; on the second connection the other way round."""
    with socket.create_server(("127.0.0.1", int(port))) as server:
        print("listening", flush=True)
        s, _ = server.accept()
        s.settimeout(DEADLINE_S)
        s.sendall(hashlib.sha256(read_all(s)).digest())
        s.close()
        s, _ = server.accept()
        s.settimeout(DEADLINE_S)
        s.sendall(b"x" * HALF)
        s.shutdown(socket.SHUT_WR)
        if read_all(s) != b"thanks":
            sys.exit("the client's last words did not arrive")
        s.close()


def role_half_close_client(port):
    data = os.urandom(HALF)
    s = socket.create_connection(("127.0.0.1", int(port)), timeout=DEADLINE_S)
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    first = read_all(s) == hashlib.sha256(data).digest()
    s = socket.create_connection(("127.0.0.1", int(port)), timeout=DEADLINE_S)
    second = len(read_all(s)) == HALF
    s.sendall(b"thanks")
    s.shutdown(socket.SHUT_WR)
    print("both directions ended one by one" if first and second else f"{first} {second}",
          flush=True)


ROLES = {"many": role_many, "half-close-server": role_half_close_server,
         "half-close-client": role_half_close_client}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--role"]:
        sys.exit(ROLES[sys.argv[2]](*sys.argv[3:]))
    sys.exit(hosts.main(Test, __doc__, ["nginx"]))
