"""Validators that lie."""
from __future__ import annotations


class LyingTongue:
    def __init__(self, machine):
        self.machine = machine

    def frames_for(self, link, frame):
        return [frame]

    def on_frame(self, frame):
        pass


def make_liar(kind, machine):
    return LyingTongue(machine)
