#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A stack of three hosts that knows the names of one team only: nginx in front of an API in front of
PostgreSQL, each on its own 127.0.0.1. A fourth host, which knows the address of one peer, uses all of them.

usage: test_stack.py BIN_DIR
"""
import glob
import importlib.util
import json
import os
import pathlib
import pwd
import sys

import hosts
from harness import check
from hosts import run, until

ADDRESSES = {"frontend": ["2001:1000::1"], "api": ["2001:2000::1"], "db": ["2001:3000::1"],
             "visitor": ["2001:4000::1"]}
# What each host offers: the name by which all others know it, and where it listens on that host. The frontend
# is called team, and says for the others at which host they are.
OFFERED = {"page": ("frontend", "team.frontend", 8080), "orders": ("api", "team.api", 8000),
           "shell": ("api", "team.shell", 2222), "database": ("db", "team.db", 5432)}
# Who uses what, and where on its own loopback. One port everywhere: it is the host that differs.
USED = {"api": ["database"], "frontend": ["orders"], "visitor": ["page", "orders", "shell", "database"]}
LOCAL = {"page": 9080, "orders": 9000, "shell": 9022, "database": 9432}
PASSWORD = "not a secret: this database lives for a minute"
COPY_MB, SCP_MB = 50, 100
ORDERS = [{"id": 1, "item": "tea", "amount": 3}, {"id": 2, "item": "milk", "amount": 1}]


def database_url():
    return f"host=127.0.0.1 port={LOCAL['database']} user=postgres password='{PASSWORD}' dbname=postgres"


def postgres_programs():
    """Where the newest PostgreSQL of the distribution has its programs."""
    found = glob.glob("/usr/lib/postgresql/*/bin")
    return pathlib.Path(max(found, key=lambda path: int(path.split("/")[4]))) if found else None


class Test(hosts.Test):
    def __init__(self, bin_dir):
        super().__init__(bin_dir, ADDRESSES)

    def run(self):
        self.start_database()
        self.start_shell()
        self.join()
        self.offer()
        self.use("api")
        self.start_api()
        self.use("frontend")
        self.start_frontend()
        self.use("visitor")
        self.check_page()
        self.check_database()
        self.check_shell()
        for host in ADDRESSES:
            self.check_listeners(host)

    # ---- the servers ----

    def start_database(self):
        programs, home = postgres_programs(), self.dir / "database"
        home.mkdir()
        secret = home / "password"
        secret.write_text(PASSWORD)
        user = pwd.getpwnam("postgres")
        for path in (home, secret):
            os.chown(path, user.pw_uid, user.pw_gid)
        as_postgres = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        run(*as_postgres, programs / "initdb", "-D", home / "data", "-U", "postgres", "--no-sync",
            "--auth=scram-sha-256", "--pwfile", secret, cwd=home)
        self.start_program("db", *as_postgres, programs / "postgres", "-D", home / "data",
                           "-c", "listen_addresses=127.0.0.1", "-c", "port=5432", "-c", "fsync=off",
                           "-c", f"unix_socket_directories={home}", log=self.dir / "database.log", cwd=home)
        until(lambda: run(*self.inside("db"), programs / "pg_isready", "-h", "127.0.0.1",
                          expect=None).returncode == 0, "PostgreSQL answers")

    def start_shell(self):
        """An sshd that lets one key in. What it wants to have in /run, it gets in a mount of its own."""
        home = self.dir / "shell"
        home.mkdir()
        for key in ("host", "visitor"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / key)
        (home / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:2222\nHostKey {home}/host\nPidFile none\n"
            f"AuthorizedKeysFile {home}/visitor.pub\nStrictModes no\nPermitRootLogin yes\n"
            "PasswordAuthentication no\nUsePAM no\nSubsystem sftp internal-sftp\n")
        (home / "known_hosts").write_text("shell " + (home / "host.pub").read_text())
        (home / "ssh_config").write_text(
            f"Host shell\nHostname 127.0.0.1\nPort {LOCAL['shell']}\nUser root\nHostKeyAlias shell\n"
            f"IdentityFile {home}/visitor\nIdentitiesOnly yes\nUserKnownHostsFile {home}/known_hosts\n"
            "GlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\nBatchMode yes\n")
        sshd = self.dir / "shell" / "start"
        sshd.write_text("mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && "
                        f"exec /usr/sbin/sshd -D -e -f {home}/sshd_config\n")
        self.start_program("api", "sh", sshd, log=self.dir / "shell.log")
        until(lambda: "127.0.0.1:2222" in run(*self.inside("api"), "ss", "-H", "-ltn").stdout,
              "sshd listens")

    def start_api(self):
        home = pathlib.Path(__file__).resolve().parent
        self.start_program("api", "gunicorn", "--bind=127.0.0.1:8000", "--workers=2", f"--chdir={home}",
                           "stack_api", log=self.dir / "api.log",
                           env={**os.environ, "DATABASE": database_url(), "PYTHONDONTWRITEBYTECODE": "1"})
        until(lambda: self.answers("api", "http://127.0.0.1:8000/orders"), "the API answers")

    def start_frontend(self):
        site = self.dir / "site"
        site.mkdir()
        (site / "index.html").write_text("<h1>Our orders</h1>\n")
        self.start_nginx("frontend", f"""server {{
            listen 127.0.0.1:8080; root {site};
            location /orders {{ proxy_pass http://127.0.0.1:{LOCAL['orders']}; }} }}""")
        until(lambda: self.answers("frontend", "http://127.0.0.1:8080/"), "nginx answers")

    # ---- the network ----

    def join(self):
        """Each host knows one address: that of the host that came before it."""
        self.start_node("frontend", "--name", "team")
        self.start_node("api", "--peer", self.entry_addr("frontend"))
        self.start_node("db", "--peer", self.entry_addr("frontend"))
        self.start_node("visitor", "--peer", self.entry_addr("api"))

    def offer(self):
        for what, (host, name, port) in OFFERED.items():
            exposure = ["--public"]
            if what == "shell":
                exposure = ["--private", "--allow", self.ask("visitor", "identity")["key"]]
            # What the API and the page need, they reach by name: these come up later.
            service = name.split(".")[1]
            self.cli(host, "service", "add", service, f"127.0.0.1:{port}", *exposure, expect=None)
            if host != "frontend":
                self.cli("frontend", "service", "add", service, "--at", self.ask(host, "identity")["key"])

    def use(self, host):
        for what in USED[host]:
            name = OFFERED[what][1]
            until(lambda: self.cli(host, "connect", name, "--listen", f"127.0.0.1:{LOCAL[what]}",
                                   "--background", expect=None).returncode == 0, f"{host} reaches {name}")
        check(True, f"{host} has reached by name: {', '.join(OFFERED[what][1] for what in USED[host])}")

    # ---- the visitor ----

    def psql(self, script):
        return run(*self.inside("visitor"), "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
                   database_url(), input=script).stdout

    def check_page(self):
        url = f"http://127.0.0.1:{LOCAL['page']}"
        rows = ", ".join(f"({row['id']}, '{row['item']}', {row['amount']})" for row in ORDERS)
        self.psql("create table orders (id int primary key, item text, amount int); "
                  f"insert into orders values {rows};")
        page = self.curl("visitor", url + "/").stdout
        check(page == "<h1>Our orders</h1>\n", "the visitor fetches the page", page)
        through_all = self.curl("visitor", url + "/orders").stdout
        check(json.loads(through_all) == ORDERS,
              "and through it, and through the API, what the database holds", through_all)
        direct = self.curl("visitor", f"http://127.0.0.1:{LOCAL['orders']}/orders").stdout
        check(json.loads(direct) == ORDERS, "the API alone says the same", direct)

    def check_database(self):
        """Lines of 100 bytes: hex, which COPY leaves as it is."""
        sent, back = self.dir / "copy-sent", self.dir / "copy-back"
        with open(sent, "w") as lines:
            for number in range(COPY_MB * 10000):
                lines.write(f"{number:08d}\t{os.urandom(45).hex()}\n")
        answer = self.psql(f"""
            create table big (id int, line text);
            \\copy big from '{sent}'
            select count(*), sum(length(line)) from big;
            \\copy (select lpad(id::text, 8, '0'), line from big order by id) to '{back}'
            """)
        check(answer == f"{COPY_MB * 10000}|{COPY_MB * 10000 * 90}\n",
              f"COPY of {COPY_MB} MB into the database: it counts every line", answer)
        check(sent.stat().st_size == COPY_MB * hosts.BLOCK and hosts.digest_of(sent) == hosts.digest_of(back),
              f"and COPY of {COPY_MB} MB out of it, in one psql session: checksums equal")

    def check_shell(self):
        home, there = self.dir / "shell", self.dir / "shell-there"
        there.mkdir()
        config = ["-F", home / "ssh_config"]
        digest = hosts.write_random(home / "sent", SCP_MB)
        run(*self.inside("visitor"), "scp", "-q", *config, home / "sent", f"shell:{there}/copy")
        said = run(*self.inside("visitor"), "ssh", *config, "shell",
                   f"sha256sum {there}/copy; ip addr show dev up0").stdout
        check(said.startswith(digest), f"scp of {SCP_MB} MB: the checksum over ssh is equal", said)
        check(ADDRESSES["api"][0] in said, "and the shell is on the host of the API", said)
        run(*self.inside("visitor"), "scp", "-q", *config, f"shell:{there}/copy", home / "back")
        check(hosts.digest_of(home / "back") == digest, f"scp of {SCP_MB} MB back: checksums equal")


if __name__ == "__main__":
    needed = ["nginx", "psql", "gunicorn", "ssh", "scp", "sshd", "setpriv"]
    needed += [] if postgres_programs() else ["postgres"]
    needed += [] if importlib.util.find_spec("psycopg2") else ["psycopg2"]
    sys.exit(hosts.main(Test, __doc__, needed))
