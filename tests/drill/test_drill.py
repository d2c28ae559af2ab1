"""`kill -9` at random moments, round after round: what was acknowledged happens, once, and never early.

Every round is drawn from a seed, which the summary prints: `make drill ROUNDS=300 SEED=...`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.drill.rounds import LANES, RoundReport, run_round
from tests.drill.summary import complaints, summary

ROUNDS = int(os.environ.get("DRILL_ROUNDS", "100"))
SEED = os.environ.get("DRILL_SEED") or secrets.token_hex(3)


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(5, marks=pytest.mark.stack, id="few"),
        pytest.param(ROUNDS, marks=[pytest.mark.drill, pytest.mark.timeout(300 + 30 * ROUNDS)], id="all"),
    ],
)
def test_whatever_is_killed_when_nothing_is_lost_fired_twice_or_early(
    rounds: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started = time.monotonic()
    with ThreadPoolExecutor(LANES) as pool:
        reports = list(pool.map(lambda number: _round(f"{SEED}-{number}", tmp_path), range(rounds)))
    with capsys.disabled():
        print("\n" + summary(reports, SEED, time.monotonic() - started))
    if wrong := complaints(reports):
        pytest.fail(wrong, pytrace=False)
    assert sum(len(report.story.answered) for report in reports) >= 15 * rounds


def _round(seed: str, folder: Path) -> RoundReport:
    place = folder / seed
    place.mkdir()
    report = run_round(seed, place)
    if not report.verdict.faults:
        shutil.rmtree(place)
    return report
