"""Thousands of histories hold every invariant, reach every cell of the matrix, and are the same each time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import matrix
from tests.simulation.faults import Fault
from tests.simulation.plan import draw_plan
from tests.simulation.shrink import shrink
from tests.simulation.tally import Tally, count_seeds
from tests.simulation.trace import digest, lines
from tests.simulation.world import run

pytestmark = pytest.mark.simulation

SEEDS = 5_000
ROOT = Path(__file__).parents[2]


def told(tally: Tally) -> str:
    """The first failure, shrunk, as whoever breaks the kernel wants to see it."""
    seed, broken = next(iter(tally.failures.items()))
    small = shrink(draw_plan(seed), broken[0].invariant)
    story = "\n".join(lines(small))
    return f"{broken[0].invariant}: {broken[0].what}\n{story}\nreplay it with: make simulate SEED={seed}"


def test_thousands_of_histories_hold_every_invariant_and_reach_every_cell_of_the_matrix() -> None:
    tally = count_seeds(0, SEEDS, processes=2)
    assert not tally.failures, told(tally)
    assert matrix.unreached(tally.cells) == []
    assert matrix.unlisted(tally.calls) == [], "the matrix must grow with the kernel"
    assert {str(fault) for fault in Fault} == set(tally.faults), "each kind of fault strikes"
    assert tally.calm > SEEDS / 20, "calm histories show what must not happen without a fault"


def digests(hash_seed: str) -> list[str]:
    command = [sys.executable, "-m", "tests.simulation", "--digest", "--seeds", "12"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.split()


def test_a_seed_is_one_history_to_the_last_word_in_every_process() -> None:
    first = digests("1")
    assert len(set(first)) == len(first) == 12, "seeds differ"
    assert digests("2") == first
    assert [digest(run(draw_plan(seed))) for seed in range(12)] == first
