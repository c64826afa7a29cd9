#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Vectors of lookups, on one path and on several, written from spec/dht.md alone ("Lookup" and
"Disjoint paths"). It shares nothing with the code under test.

    lookup.py             prints vectors/lookup.jsonl
    lookup.py --check F   exits 1 when F differs

Every answer takes the same time, so answers come in the order in which asks left.
"""
import json
import random
import sys

import primitives as c

K, ALPHA, D = 20, 3, 3
HELD_BACK = 48  # hints that one path alone has heard of, over all paths
LISTED = 64


def node_id(key):
    return c.sha256(b"vx6/node-id/1", key)


def distance(a, b):
    return int.from_bytes(a, "big") ^ int.from_bytes(b, "big")


class Candidate:
    def __init__(self, index, far, path, from_table):
        self.index, self.far, self.path, self.paths = index, far, path, {path}
        self.state, self.from_table = "new", from_table

    def is_untried(self):
        return self.state == "new" and not self.from_table and len(self.paths) == 1


class Lookup:
    def __init__(self, target, ids, start, path_count):
        self.target, self.ids, self.d, self.listed, self.asked = target, ids, path_count, [], []
        for place, index in enumerate(self.closest(start)):
            self.listed.append(Candidate(index, self.far(index), place % self.d, True))

    def far(self, index):
        return distance(self.ids[index], self.target)

    def closest(self, indexes):
        return sorted(indexes, key=self.far)[:K]

    def active(self, path=None):
        return sum(x.state == "asked" and path in (None, x.path) for x in self.listed)

    def go_through(self, spare):
        """VX6-DHT-032: asks who may be asked; is anybody still wanted?"""
        counted, fallen, is_open = 0, [0] * self.d, False
        for candidate in sorted(self.listed, key=lambda x: x.far):
            path = candidate.path
            if candidate.state == "new":
                first = [path] + [p for p in range(self.d) if p != path]
                path = min((p for p in first if p in candidate.paths), key=lambda p: fallen[p])
            wanted = counted < K or fallen[path] < -(-K // self.d)
            room = self.active() < ALPHA if spare else self.active(path) < ALPHA // self.d
            if wanted and candidate.state == "new" and room:
                candidate.state, candidate.path = "asked", path
                self.asked.append(candidate)
            is_open = is_open or (wanted and candidate.state != "answered")
            counted += 1
            fallen[path] += 1
        return is_open

    def advance(self):
        is_open = self.go_through(False)
        if is_open and self.d > 1 and self.active() < ALPHA:
            is_open = self.go_through(True)
        return is_open

    def hear(self, index, path):
        for known in self.listed:
            if known.index == index:
                known.paths.add(path)
                return
        new = Candidate(index, self.far(index), path, False)
        own = [x for x in self.listed if x.is_untried() and x.path == path]
        rivals = None
        if len(own) >= HELD_BACK // self.d:
            rivals = own
        elif len(self.listed) >= LISTED:
            rivals = [x for x in self.listed if x.state == "new" and not x.from_table and path in x.paths]
        if rivals is not None:
            farther = [x for x in rivals if x.far > new.far]
            if not farther:
                return
            self.listed.remove(max(farther, key=lambda x: x.far))
        self.listed.append(new)

    def run(self, contacts):
        answered = 0
        while self.advance():
            giver = self.asked[answered]
            answered += 1
            giver.state = "answered"
            for index in self.closest(contacts[giver.index]):
                self.hear(index, giver.path)

    def result(self):
        done = sorted((x for x in self.listed if x.state == "answered"), key=lambda x: x.far)
        return [x.index for x in done[:K]]


def network(draw, size, known):
    """Every node knows the ten closest to it and some others."""
    seeds = [draw.randbytes(32) for _ in range(size)]
    ids = [node_id(c.identity_key(seed)) for seed in seeds]
    contacts = []
    for i in range(size):
        near = sorted((j for j in range(size) if j != i), key=lambda j: distance(ids[i], ids[j]))
        contacts.append(sorted(set(near[:10] + draw.sample(near, known))))
    return seeds, ids, contacts


def lines():
    draw = random.Random(6)
    for size, known, start_count in ((1, 0, 1), (2, 1, 1), (30, 8, 2), (30, 8, 3), (60, 10, 5), (120, 12, 8),
                                     (120, 40, 20), (200, 15, 12)):
        seeds, ids, contacts = network(draw, size, min(known, size - 1))
        start = draw.sample(range(size), start_count)
        label = f"name{size}x{start_count}"
        target = c.sha256(b"vx6/name/1", label.encode())
        for path_count in (1, min(D, start_count)):
            lookup = Lookup(target, ids, start, path_count)
            lookup.run(contacts)
            what = f"{path_count} paths" if path_count > 1 else "one path" if start_count == 1 else "plain"
            fields = {"set": "lookup", "name": f"{size} nodes, {start_count} known: {what}",
                      "spec": "VX6-DHT-011" if path_count == 1 else "VX6-DHT-032",
                      "label": label, "target": target.hex(), "disjoint": path_count > 1 or start_count == 1,
                      "seeds": [seed.hex() for seed in seeds], "contacts": contacts, "start": start,
                      "asked": [x.index for x in lookup.asked]}
            if path_count == 1 and start_count > 1:
                fields["closest"] = lookup.result()
            yield json.dumps(fields)
            if path_count == min(D, start_count):
                break


def main():
    text = "".join(line + "\n" for line in lines())
    if sys.argv[1:2] == ["--check"]:
        with open(sys.argv[2], encoding="utf-8") as file:
            sys.exit(0 if file.read() == text else sys.argv[2] + " differs from what lookup.py makes")
    sys.stdout.write(text)


main()
