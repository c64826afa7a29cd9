# SPDX-License-Identifier: MIT
"""What a node has promised to keep: services and who may use them, names, its own name. Draws changes, and
knows what is there after each."""
import copy
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "oracle"))

import primitives
from peer_records import key_text

KEYS = [key_text(primitives.identity_key(bytes([i]) * 32)) for i in range(1, 9)]
SERVICES = [f"s{i}" for i in range(8)]
LABELS = [f"n{i}" for i in range(8)]
EXPOSURES = ["public", "listed", "private"]


class Registry:
    def __init__(self):
        self.own = ""
        self.services = {}  # name -> [target, exposure, keys that may use it]
        self.names = {}  # label -> key

    def __eq__(self, other):
        return vars(self) == vars(other)

    def __repr__(self):
        return str(vars(self))

    @staticmethod
    def of(line):
        """What the node says is there."""
        said = Registry()
        said.own = line.ask({"command": "identity"})["name"]
        for service in line.ask({"command": "service_list"})["services"]:
            said.services[service["name"]] = [service["target"], service["exposure"],
                                              {who["key"] for who in service["allowed"]}]
        for name in line.ask({"command": "names"})["names"]:
            said.names[name["name"]] = name["key"]
        return said

    def draw(self, random):
        """A request that the node should grant, and what is there afterwards."""
        after = copy.deepcopy(self)
        while True:
            kind = random.choice(KINDS)
            request = kind(after, random)
            if request:
                return {"command": kind.__name__, **request}, after

    # Each changes what is there and returns the fields of its request; None: not now.

    def service_add(self, random):
        name, exposure = random.choice(SERVICES), random.choice(EXPOSURES)
        allow = [] if exposure == "public" else random.sample(KEYS, random.randrange(4))
        target = f"192.0.2.7:{random.randrange(1, 65536)}"  # of another host: nothing is looked up
        before = self.services.get(name, [None, None, set()])[2]
        self.services[name] = [target, exposure, before | set(allow)]
        return {"name": name, "target": target, "exposure": exposure, "allow": allow}

    def service_allow(self, random):
        closed = [name for name, (_, exposure, _) in self.services.items() if exposure != "public"]
        if not closed:
            return None
        name, key = random.choice(closed), random.choice(KEYS)
        self.services[name][2].add(key)
        return {"name": name, "who": key}

    def service_deny(self, random):
        some = [(name, key) for name, (_, exposure, keys) in self.services.items()
                if exposure != "public" for key in sorted(keys)]
        if not some:
            return None
        name, key = random.choice(some)
        self.services[name][2].remove(key)
        return {"name": name, "who": key}

    def service_remove(self, random):
        if not self.services:
            return None
        name = random.choice(sorted(self.services))
        del self.services[name]
        return {"name": name}

    def pin(self, random):
        label, key = random.choice(LABELS), random.choice(KEYS)
        if label == self.own:
            return None
        self.names[label] = key
        return {"name": label, "key": key, "replace": True}

    def forget(self, random):
        if not self.names:
            return None
        label = random.choice(sorted(self.names))
        del self.names[label]
        return {"name": label}

    def rename(self, random):
        label, to = random.choice(sorted(self.names) or [None]), random.choice(LABELS)
        if label is None or to in self.names or to == self.own:
            return None
        self.names[to] = self.names.pop(label)
        return {"name": label, "to": to}

    def identity_rename(self, random):
        label = random.choice(LABELS)
        if label in self.names:
            return None
        self.own = label
        return {"name": label}


KINDS = [Registry.service_add, Registry.service_allow, Registry.service_deny, Registry.service_remove,
         Registry.pin, Registry.forget, Registry.rename, Registry.identity_rename]
