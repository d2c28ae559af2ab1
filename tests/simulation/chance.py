"""Choices that depend on the seed and on what is chosen about, not on the order in which choices are made.

So a history can be shrunk: without one of its timers, or one of its faults, everything else meets the same fate. And
plans can grow: what is drawn for one concern, and which of many a history is about, do not move when there is one more.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from random import Random
from zlib import crc32

__all__ = ["Chance", "choose", "source"]

MASK = (1 << 64) - 1
ODD = 0x9E3779B97F4A7C15
SPAN = 1 << 24


class _Numbers(dict[str, int]):
    """A number for each text, the same in every process."""

    def __missing__(self, text: str) -> int:
        number = self[text] = crc32(text.encode())
        return number


class Chance:
    """Chance of one seed. The n-th draw about a subject at a site is the same in every run of the seed."""

    def __init__(self, seed: int) -> None:
        self._seed = (seed + 1) * ODD & MASK
        self._times: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._numbers = _Numbers()

    def draw(self, site: str, subject: str) -> tuple[int, int]:
        """Return 64 bits, and how many draws about this subject came before at this site."""
        key = (site, subject)
        time = self._times[key]
        self._times[key] = time + 1
        # Hashes of numbers, unlike those of text, are the same in every process.
        word = hash((self._seed, self._numbers[site], self._numbers[subject], time)) & MASK
        word = (word ^ word >> 31) * ODD & MASK
        word = (word ^ word >> 29) * ODD & MASK
        return word ^ word >> 32, time

    def word(self, site: str, subject: str) -> int:
        """Return 64 bits."""
        return self.draw(site, subject)[0]

    def below(self, limit: int, site: str, subject: str) -> int:
        """Return a whole number from 0 to below the limit."""
        return (self.word(site, subject) >> 16) % limit if limit > 0 else 0

    def between(self, low: int, high: int, site: str, subject: str) -> int:
        """Return a whole number from low to high, both possible."""
        return low + self.below(high - low + 1, site, subject)


def source(seed: int, concern: str) -> Random:
    """Return a source of a seed's chances for one concern: what it gives depends on no other concern's draws."""
    return Random(f"{seed}: {concern}")


def choose(seed: int, concern: str, weights: Mapping[str, float]) -> str:
    """Return one of the names, each as likely as its weight says.

    Each name has a number of its own for the seed, and the highest wins (weighted rendezvous hashing). So a name more
    is chosen by the seeds that it wins, and all others choose as before.
    """
    chance = Chance(seed)

    def rank(name: str) -> float:
        part = ((chance.word(concern, name) >> 11) + 1) / (1 << 53)
        return math.log(part) / weights[name]

    return max(weights, key=rank)
