# SPDX-License-Identifier: MIT
"""Nodes whose clocks are the test's, by libfaketime."""
import glob
import os

from harness import Test

FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")


class Clocked(Test):
    is_monotonic_faked = False

    def clocked(self, who):
        """The environment of a node whose wall clock, or both clocks, are the test's."""
        env = {**os.environ, "LD_PRELOAD": FAKETIME[0], "FAKETIME_NO_CACHE": "1",
               "FAKETIME_TIMESTAMP_FILE": str(self.dir / f"{who}.clock")}
        return env if self.is_monotonic_faked else {**env, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def set_clocks(self, offset_s, *names):
        for who in names:
            draft = self.dir / f"{who}.draft"
            draft.write_text(f"{offset_s:+.0f}\n")
            draft.rename(self.dir / f"{who}.clock")

    def start_clocked(self, who, *options):
        addr = self.start(who, *options, env=self.clocked(who))
        return addr, self.nodes[-1]
