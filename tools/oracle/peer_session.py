# SPDX-License-Identifier: MIT
"""Sessions and streams after spec/sessions.md over one Link, for either end.

Nothing here runs by itself: `Sessions.run` sends, receives and hands on until a condition holds."""
import os

import primitives as c
from peer_codec import CODE_NAMES, CODES, encode
from peer_records import require

WINDOW, CHUNK = 65536, 16384


class Stream:
    """One end. `to_send` are bytes that are not sent yet; `received` those that came so far; `window`
    is how far beyond these the other end may send."""

    def __init__(self, session, number, window=WINDOW):
        self.session, self.number = session, number
        self.to_send, self.received = b"", b""
        self.sent = self.acknowledged = self.may_send_to = 0
        self.wants_fin = self.fin_sent = self.fin_received = False
        self.accepted, self.reset = False, None
        self.window = self.window_end = window

    def message(self, name, **fields):
        self.session.send(name, stream=self.number, **fields)

    def write(self, data, fin=False):
        self.to_send += data
        self.wants_fin |= fin

    def flush(self):
        while self.accepted and self.reset is None and not self.fin_sent:
            size = min(len(self.to_send), self.may_send_to - self.sent, CHUNK)
            piece, self.to_send = self.to_send[:size], self.to_send[size:]
            fin = self.wants_fin and not self.to_send
            if not piece and not fin:
                return
            self.message("stream_data", offset=self.sent, fin=fin, bytes=piece)
            self.sent += size
            self.fin_sent = fin

    @property
    def is_done(self):
        """VX6-SESS-015: closed in order."""
        return self.fin_received and self.fin_sent and self.acknowledged == self.sent + 1

    # ---- what the other end says ----

    def stream_accept(self, window_end):
        require(self.session.is_client and not self.accepted, "stream_accept", "UNEXPECTED")
        self.accepted, self.may_send_to = True, window_end

    def stream_data(self, offset, fin, bytes):
        end, held = offset + len(bytes), len(self.received)
        require(bytes or fin, "no bytes", "BAD_MESSAGE")
        require(end <= self.window_end or not bytes, "beyond the window", "FLOW")
        require(self.accepted, "not accepted", "UNEXPECTED")
        require(offset <= held and not (self.fin_received and end > held), "gap", "UNEXPECTED")
        require(not fin or end >= held, "fin", "UNEXPECTED")
        self.received += bytes[held - offset:]
        self.fin_received |= bool(fin)
        self.acknowledge()

    def acknowledge(self):
        self.window_end = max(self.window_end, len(self.received) + self.window)
        self.message("stream_ack", received=len(self.received) + self.fin_received,
                     window_end=self.window_end)

    def stream_ack(self, received, window_end):
        require(self.acknowledged <= received <= self.sent + self.fin_sent, "ack", "UNEXPECTED")
        require(window_end >= self.may_send_to, "window falls", "UNEXPECTED")
        self.acknowledged, self.may_send_to = received, window_end

    def stream_reset(self, code):
        self.reset = CODE_NAMES.get(code, str(code))


class Session:
    def __init__(self, sessions, path, is_client, client_random):
        self.sessions, self.path, self.is_client = sessions, path, is_client
        self.client_random = client_random
        self.streams, self.secret, self.closed = {}, None, None

    def send(self, name, **fields):
        self.sessions.link.send(encode(name, path=self.path, **fields))

    def opened(self, session, owner_random):
        self.secret = c.sha256(b"vx6/session-secret/1", session, self.client_random, owner_random)

    def open_stream(self, window=WINDOW):
        stream = Stream(self, len(self.streams) + 1, window)
        self.streams[stream.number] = stream
        stream.message("stream_open", window_end=stream.window_end)
        return stream

    def close(self, code="OK"):
        self.closed = code
        self.send("session_close", code=CODES[code])


class Sessions:
    """All sessions of a link. `services`: name -> function(stream), called after each frame of a stream
    of that service, to take and write bytes; the one thing that an owner brings."""

    def __init__(self, link, services=None):
        self.link, self.services = link, services or {}
        self.paths = {}
        self.next_path = 1 if link.is_initiator else 2
        self.peer_path = 0  # the highest that the peer has used
        self.question = None  # its number, while it has no answer
        self.offered = None  # the last answer: its code and its offers

    def open(self, service, privacy=1):
        session = Session(self, self.next_path, True, os.urandom(32))
        self.paths[session.path] = session
        self.next_path += 2
        session.send("session_open", privacy=privacy, service=service,
                     client_random=session.client_random, lineage=b"")
        return session

    def ask(self):
        """VX6-SESS-027: which services there are for this peer."""
        self.question, self.offered = int.from_bytes(os.urandom(4), "big"), None
        self.link.send(encode("find_services", number=self.question))

    def on_offers(self, number, code, offers):
        names = [offer["name"] for offer in offers]
        require(number == self.question, "services", "UNEXPECTED")
        require(names == sorted(set(names)) and (code == 0 or not names), "services", "BAD_MESSAGE")
        self.question, self.offered = None, (CODE_NAMES.get(code, str(code)), offers)

    def run(self, until):
        """Until the condition holds; Closed or Refused where the link ends before."""
        while True:
            for session in self.paths.values():
                for stream in session.streams.values():
                    stream.flush()
            if until():
                return
            self.handle(*self.link.receive())

    def handle(self, name, fields):
        if name == "find_services":
            offers = [{"name": service, "use": 1} for service in sorted(self.services)]
            return self.link.send(encode("services", number=fields["number"], code=0, offers=offers))
        if name == "services":
            return self.on_offers(**fields)
        if name == "reach_ask":  # it dials nobody for others
            return self.link.send(encode("reach_answer", code=CODES["LIMIT"]))
        path = fields.pop("path")
        if name == "session_open":
            return self.on_open(path, fields)
        session = self.paths.get(path)
        require(session, "unknown path", "UNEXPECTED")
        if session.closed:
            return None
        if name == "session_opened":
            require(session.is_client and not session.secret, name, "UNEXPECTED")
            return session.opened(**fields)
        if name == "session_close":
            session.closed = CODE_NAMES.get(fields["code"], str(fields["code"]))
            return None
        return self.on_stream(session, name, fields)

    def on_open(self, path, fields):
        ours = 1 if self.link.is_initiator else 0
        require(path > self.peer_path and path % 2 != ours, "path number", "UNEXPECTED")
        require(fields["privacy"] == 1, "privacy class", "UNEXPECTED")
        self.peer_path = path
        session = Session(self, path, False, fields["client_random"])
        self.paths[path] = session
        session.service = self.services.get(fields["service"])
        if not session.service:
            return session.close("NO_SERVICE")
        answer = dict(session=os.urandom(16), owner_random=os.urandom(32))
        session.send("session_opened", **answer)
        return session.opened(**answer)

    @staticmethod
    def on_stream(session, name, fields):
        number = fields.pop("stream")
        if name == "stream_open":
            require(not session.is_client and number == len(session.streams) + 1, name, "UNEXPECTED")
            stream = session.streams[number] = Stream(session, number)
            stream.accepted, stream.may_send_to = True, fields["window_end"]
            stream.message("stream_accept", window_end=stream.window_end)
        else:
            stream = session.streams.get(number)
            require(stream, "unknown stream", "UNEXPECTED")
            if stream.reset is None:
                getattr(stream, name)(**fields)
        if not session.is_client:
            session.service(stream)


def echo(stream):
    """A service that sends back what it gets, and ends when its client ends."""
    done = getattr(stream, "echoed", 0)
    stream.echoed = len(stream.received)
    stream.write(stream.received[done:], fin=stream.fin_received)
