# SPDX-License-Identifier: MIT
"""What attackers do, each in a process of its own (arena.Attack): floods of datagrams, connections that
come to nothing, and peers that have a key and take all that they can get."""
import itertools
import os
import random
import select
import socket
import sys
import time

import primitives as c
from arena import source_of
from peer_codec import encode
from peer_link import MESSAGE_2, Closed, Link
from peer_query import SIZE, Asker, mac1
from peer_records import Identity, node_id
from peer_session import Sessions

PADDED = 1168  # bytes of an ask that mac1 is over
NEVER_FULL = 2**63  # a window that nobody fills


class Pace:
    """Waits so that no more than `rate` things happen each second, in bursts of a hundredth of it."""

    def __init__(self, rate):
        self.rate, self.began, self.done = rate, time.monotonic(), 0

    def wait(self):
        self.done += 1
        ahead = self.began + self.done / self.rate - time.monotonic()
        if ahead > 0.01:
            time.sleep(ahead)


# ---- datagrams ----


def garbage(_):
    """Neither for this node nor for anybody."""
    return os.urandom(SIZE)


def misdirected(key):
    """An ask to another node, as far as its two bytes of the node ID say."""
    hint = bytes(b ^ 0xff for b in node_id(key)[:2])
    return b"\x08\x01" + hint + os.urandom(SIZE - 4)


def scanned(key):
    """From somebody who knows two bytes of the node ID and not the key."""
    return b"\x08\x01" + node_id(key)[:2] + os.urandom(SIZE - 4)


def unopenable(key):
    """From somebody who knows the key: only a key agreement shows that nothing is in it."""
    ask = scanned(key)[:PADDED]
    return ask + mac1(key, ask) + bytes(16)


def pour_out(attack, target, sockets, datagrams, rate):
    """What comes back is left unread."""
    for one in sockets:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    pace = Pace(rate)
    for number in itertools.count():
        if number == rate // 2:
            attack.begun()
        if not attack.goes_on():
            return
        sockets[number % len(sockets)].sendto(datagrams[number % len(datagrams)], target)
        attack.count(1, SIZE)
        pace.wait()


def flood(attack, target, key, makers, networks, rate):
    """Datagrams from many networks."""
    sockets = [Asker(source_of(number)).socket for number in range(networks)]
    pour_out(attack, target, sockets, [make(key) for _ in range(100) for make in makers], rate)


def prove(attack, target, key, rate):
    """Asks that are proven, from one address: whoever took the trouble of getting a cookie."""
    asker = Asker(source_of(1))
    asker.socket.settimeout(1)
    cookie = None
    while cookie is None:
        _, _, ask = asker.seal(key, encode("ping"), os.urandom(8))
        for _ in range(20):  # until there is load; no more at a time than a socket holds
            for _ in range(30):
                asker.socket.sendto(scanned(key), target)
            time.sleep(0.005)
        asker.socket.sendto(ask, target)
        cookie = take_cookie(asker, key, ask)
    asks = []
    for _ in range(256):
        _, _, ask = asker.seal(key, encode("ping"), os.urandom(8))
        asks.append(ask[:-16] + c.mac(cookie, ask[:-16]))
    pour_out(attack, target, [asker.socket], asks, rate)


def take_cookie(asker, key, ask):
    """VX6-CRYPTO-019"""
    try:
        while True:
            data = asker.socket.recv(2048)
            if len(data) == 68 and data[4:12] == ask[4:12]:
                return c.xchacha_open(c.sha256(b"vx6 cook", key), data[12:36], ask[PADDED:PADDED + 16],
                                      data[36:])
    except TimeoutError:
        return None


# ---- connections ----


def connect(attack, target, says, networks, count, is_hasty=False):
    """`count` connections that say so much and no more; those that the node closes come again. Hasty ones
    leave by themselves as soon as they are answered."""
    carriers = {}
    poll = select.poll()
    numbers = itertools.count()

    def come():
        carrier = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
        carrier.bind((source_of(next(numbers) % networks), 0))
        carrier.setblocking(False)
        carrier.connect_ex(target)
        carriers[carrier.fileno()] = carrier
        poll.register(carrier.fileno(), select.POLLOUT)

    for _ in range(count):
        come()
    pace = Pace(2000)
    for number in itertools.count():
        if number == 20:
            attack.begun()
        if not attack.goes_on():
            return
        for fd, what in poll.poll(100):
            carrier = carriers[fd]
            try:
                if what & select.POLLOUT:
                    carrier.send(says())
                    poll.modify(fd, select.POLLIN)
                    continue
                if carrier.recv(MESSAGE_2) and not is_hasty:
                    continue
            except OSError:
                pass
            poll.unregister(fd)
            carriers.pop(fd).close()
            come()
            attack.count(1, 0)
            pace.wait()


def hardly_anything():
    """Nothing, or one byte."""
    return random.choice((b"", b"\x01"))


def message_1():
    """A whole first message, which costs the node two key agreements; the third never comes."""
    return b"\x01" + c.link_public(os.urandom(32))


# ---- peers with keys ----


def hold(attack, target, links, sessions, streams, service, bytes_per_s=0):
    """As many links from one host as there is place for, with so many sessions over each and streams in
    each of these. Of what comes it reads hardly anything, and acknowledges nothing."""
    made = []
    for _ in range(links):
        try:
            link = Link.dial(target, Identity(), source=(source_of(1), 0))
        except Closed:
            break
        frames = []
        for path in range(1, 2 * sessions, 2):
            frames.append(encode("session_open", path=path, privacy=1, service=service,
                                 client_random=bytes(32), lineage=b""))
            frames += [encode("stream_open", path=path, stream=number + 1, window_end=NEVER_FULL)
                       for number in range(streams)]
        for at in range(0, len(frames), 500):
            link.send(*frames[at:at + 500])
        made.append(link)
        attack.count(1, 0)
    attack.begun()
    for number in itertools.count():
        if not attack.goes_on():
            return
        time.sleep(0.1)
        if bytes_per_s and number % 10 == 0:
            for link in made:
                link.carrier.recv(bytes_per_s)


def lie(attack, target):
    """Acknowledges what was never sent, and comes again when the link is closed for it."""
    closed, pace = set(), Pace(20)  # slower than VX6-LINK-027 refuses
    while attack.goes_on():
        pace.wait()
        link = Link.dial(target, Identity(), source=(source_of(1), 0))
        sessions = Sessions(link)
        stream = sessions.open("echo").open_stream()
        sessions.run(lambda: stream.accepted)
        stream.message("stream_ack", received=2**40, window_end=NEVER_FULL)
        closed.add(link.refusal())
        attack.count(1, 0)
        attack.begun()
    if closed != {"UNEXPECTED"}:
        sys.exit(f"closed with {closed}")


def store(attack, target, key):
    """Bundles of many owners under their node IDs, and as many announcements of nodes that are not there."""
    asker = Asker(source_of(1))
    while attack.goes_on():
        token = asker.ask(target, key, "ping")[1]["token"]
        for _ in range(50):
            owner = Identity()
            owner.listen_on(source_of(1), 9)
            asker.ask(target, key, "store", token=token, key=owner.id, bundle=owner.bundle())
            asker.ask(target, key, "announce", token=token, key=owner.key, port=9)
            attack.count(2, SIZE)
        if attack.packets.value >= 600:
            attack.begun()
