#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What services there are, between vx6-node and the peer that was written from spec/ alone.

usage: test_interop_listing.py BIN_DIR
"""
import test_interop as interop
from test_interop import Identity, Sessions, check, encode, key_from_text, key_text, start_echo


class Test(interop.Test):
    def run(self):
        self.alice = self.start("alice", "--name", "alice")
        self.start("bob", "--peer", "%s:%d" % self.alice)
        self.key = key_from_text(self.vx6("alice", "identity")["key"])
        self.target = f"127.0.0.1:{start_echo()}"
        self.check_asking()
        self.check_bad_questions()
        self.check_answering()
        self.check_bad_answers()

    def add(self, name, *exposure):
        self.vx6("alice", "service", "add", name, self.target, *exposure)

    def offers_to(self, me):
        """Name -> use, as alice tells it."""
        sessions = Sessions(interop.Link.dial(self.alice, me))
        sessions.ask()
        sessions.run(lambda: sessions.offered)
        sessions.link.close()
        code, offers = sessions.offered
        check(code == "OK", "the node answers", code)
        return {offer["name"]: offer["use"] for offer in offers}

    def check_asking(self):
        friend, stranger = Identity("friend"), Identity("friend")
        check(self.offers_to(friend) == {}, "nothing is offered, and that is said")
        self.add("web", "--public")
        self.add("api", "--public", "--allow", key_text(friend.key))
        self.add("db", "--private", "--allow", key_text(friend.key))
        check(self.offers_to(friend) == {"api": 2, "db": 4, "web": 1}, "who is allowed is told all (VX6-SESS-026)")
        check(self.offers_to(stranger) == {"api": 3, "web": 1}, "a stranger is told nothing of what is private")
        sessions = Sessions(interop.Link.dial(self.alice, stranger))
        codes = []
        for _ in range(100):
            sessions.ask()
            sessions.run(lambda: sessions.offered)
            codes.append(sessions.offered[0])
        check(set(codes) == {"OK", "LIMIT"} and codes.count("OK") < 60,
              f"who asks a hundred times at once is answered {codes.count('OK')} times (VX6-SESS-028)", codes)
        session = sessions.open("web")
        sessions.run(lambda: session.secret)
        check(True, "and is served all the same")
        sessions.link.close()

    def check_bad_questions(self):
        def find(number=1):
            return encode("find_services", number=number)

        def services(*names, number=1, code=0):
            offers = [{"name": name, "use": 1} for name in names]
            return encode("services", number=number, code=code, offers=offers)

        rows = [("an answer to nothing", [services("web")], "UNEXPECTED"),
                ("two questions in one record", [find(), find(2)], "UNEXPECTED"),
                ("a use that there is not", [services("web")[:-1] + b"\x06"], "BAD_MESSAGE"),
                ("a question that is too long", [find() + b"x"], "BAD_MESSAGE")]
        for what, frames, code in rows:
            link = self.dial()
            link.send(*frames)
            self.check_refusal(link, code, what, "VX6-SESS-027")

    def list(self, peer):
        return self.vx6("bob", "service", "list", "--addr", "%s:%d" % peer.address)

    def check_answering(self):
        peer = self.new_peer()
        answer = self.list(peer)
        check(answer.get("services") == [{"name": "echo", "exposure": "public", "may_use": True}] and
              answer["key"] == key_text(peer.me.key), "the node asks, and shows the answer", answer)

    def check_bad_answers(self):
        def services(*names, code=0):
            offers = [{"name": name, "use": 1} for name in names]
            return lambda number: encode("services", number=number, code=code, offers=offers)

        rows = [("of another number", lambda n: services("a")((n + 1) % 2**32), "UNEXPECTED", "UNEXPECTED"),
                ("that is not sorted", services("b", "a"), "BAD_MESSAGE", "BAD_MESSAGE"),
                ("with a name twice", services("a", "a"), "BAD_MESSAGE", "BAD_MESSAGE"),
                ("with offers and a reason for none", services("a", code=1), "BAD_MESSAGE", "BAD_MESSAGE"),
                ("with a reason for none", services(code=1), "LIMIT", None)]
        for what, answer, shown, closed in rows:
            peer = self.new_peer()

            def respond(link, answer=answer, closed=closed):
                link.send(answer(link.receive()[1]["number"]))
                return link.refusal() if closed else "OK"

            peer.on_link = respond
            code = self.list(peer).get("code")
            ended = peer.ended.get(timeout=interop.DEADLINE_S)
            check(code == shown and ended == (closed or "OK"), f"an answer {what}: {code} (VX6-SESS-027)", ended)
        peer = self.new_peer()
        peer.on_link = lambda link: link.receive()[0]  # and then the carrier ends
        code = self.list(peer).get("code")
        check(code == "TRUNCATED", "a link that ends before the answer", code)


if __name__ == "__main__":
    interop.sys.exit(interop.main(Test))
