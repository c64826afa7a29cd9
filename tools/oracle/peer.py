#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An independent VX6 peer, written from spec/ alone: it shares nothing with the C code.

peer.py serve [--listen IP:PORT] [--name LABEL] [--publish IP:PORT]
    a node with the service `echo`, whose bundle is offered to the node at --publish
peer.py link IP:PORT [--key KEY] [--suite 1|2]
    opens a link and prints the record of the node there
peer.py ask IP:PORT KEY ping|NAME
    asks whether the node lives, or for the first bundle of a name
peer.py echo IP:PORT SERVICE
    standard input to a service, what comes back to standard output

Slow, blocking, one thread per link; tests use its modules to keep the rules and to break them."""
import argparse
import json
import queue
import socket
import sys
import threading

from peer_codec import Refused
from peer_link import Closed, Link
from peer_query import Asker, Responder, publish
from peer_reach import dial_back
from peer_records import Identity, key_from_text, key_text, name_key, verify_bundle
from peer_session import Sessions, echo


class Peer:
    """A node of its own on one port: answers queries and takes links, each in a thread.

    `bend` is for accepted links (see Link); `on_link` may take over once a link is up; `reach` says
    whether who asks can be reached. How each link ended, as the name of a code, comes out of `ended`."""

    def __init__(self, me, ip="127.0.0.1", port=0):
        self.me, self.services = me, {"echo": echo}
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self.listener = socket.create_server((ip, port), family=family)
        self.address = self.listener.getsockname()[:2]
        me.listen_on(*self.address)
        self.responder = Responder(me, self.address)
        self.bend, self.on_link, self.reach, self.ended = {}, None, dial_back, queue.Queue()
        self.carriers = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                carrier, _ = self.listener.accept()
            except OSError:
                return
            self.carriers.append(carrier)
            threading.Thread(target=self.serve, args=(carrier,), daemon=True).start()

    def serve(self, carrier):
        try:
            with carrier:
                code = self.serve_link(carrier)
        except Closed as closed:
            code = closed.code
        except TimeoutError:
            code = "TIMEOUT"
        except OSError:
            code = "TRUNCATED"
        self.ended.put(code)

    def serve_link(self, carrier):
        try:
            link = Link.accept(carrier, self.me, **self.bend)
        except Refused as refused:
            return refused.code
        try:
            if self.on_link:
                return self.on_link(link)
            Sessions(link, self.services, self.reach).run(lambda: False)
        except Refused as refused:
            link.close(refused.code)
            return refused.code

    def close(self):
        self.listener.close()
        self.responder.close()


def address_of(text):
    ip, port = text.rsplit(":", 1)
    return ip.strip("[]"), int(port)


def shown(value):
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(value)


def serve(options):
    peer = Peer(Identity(options.name, ["echo"]), *options.listen)
    print(f"{key_text(peer.me.key)} at {peer.address[0]}:{peer.address[1]}", flush=True)
    if options.publish:
        link = Link.dial(options.publish, peer.me)
        link.close()
        codes = publish(Asker(), peer.me, options.publish, link.peer["identity"])
        print("published:", codes, flush=True)
    while True:
        print("a link ended:", peer.ended.get(), flush=True)


def show_link(options):
    link = Link.dial(options.address, Identity(), options.suite, options.key)
    print(json.dumps(dict(link.peer, text=key_text(link.peer["identity"])), default=shown))
    link.close()


def ask(options):
    if options.what == "ping":
        answer = Asker().ask(options.address, options.key, "ping")
    else:
        answer = Asker().ask(options.address, options.key, "find_value", key=name_key(options.what),
                             index=0)
    name, fields = answer
    if name == "value":
        fields["bundle"] = verify_bundle(fields["bundle"], name_key(options.what))
    print(json.dumps({name: fields}, default=shown))


def echo_once(options):
    link = Link.dial(options.address, Identity())
    sessions = Sessions(link)
    session = sessions.open(options.service)
    stream = session.open_stream()
    stream.write(sys.stdin.buffer.read(), fin=True)
    sessions.run(lambda: stream.is_done or stream.reset or session.closed)
    sys.stdout.buffer.write(stream.received)
    reason = None if stream.is_done else session.closed or stream.reset
    link.close()
    return reason


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, run in (("serve", serve), ("link", show_link), ("ask", ask), ("echo", echo_once)):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        if name == "serve":
            command.add_argument("--listen", type=address_of, default=("127.0.0.1", 0))
            command.add_argument("--name", default="stranger")
            command.add_argument("--publish", type=address_of)
            continue
        command.add_argument("address", type=address_of)
        if name == "link":
            command.add_argument("--key", type=key_from_text)
            command.add_argument("--suite", type=int, choices=(1, 2), default=1)
        elif name == "ask":
            command.add_argument("key", type=key_from_text)
            command.add_argument("what")
        else:
            command.add_argument("service")
    options = parser.parse_args()
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
