"""A hundred thousand timers pending, and the process is killed."""

from __future__ import annotations

import re
import time
from pathlib import Path

import httpx
import pytest

from bench.seed import seed
from tests.support.stack_process import HEADERS, StackProcess, until_ended

pytestmark = [pytest.mark.drill, pytest.mark.timeout(600)]

PENDING = 100_000
BOUND_S = 30.0


def test_a_stack_with_a_hundred_thousand_pending_is_back_within_thirty_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    seed(data, PENDING)
    stack = StackProcess(data)
    took_s: list[float] = []
    made: list[str] = []
    try:
        for _ in range(2):  # the second finds a journal that a killed process wrote
            started = time.monotonic()
            stack.start()
            took_s.append(time.monotonic() - started)
            with httpx.Client(base_url=stack.url, headers=HEADERS, timeout=20) as client:
                body = {"requestedBy": "drill", "duration": "1s"}
                made.append(client.post("/timers", json=body).raise_for_status().json()["id"])
                assert [until_ended(client, one)["status"] for one in made] == ["settled"] * len(made)
            stack.kill()
    finally:
        stack.kill()
    with capsys.disabled():
        print(f"\nrestart with {PENDING:,} pending: " + ", ".join(f"{seconds:.1f} s" for seconds in took_s))
    assert max(took_s) < BOUND_S
    *_, loaded = re.findall(r"loaded a table .*items=(\d+)", stack.log.read_text())
    assert int(loaded) > PENDING, "keys, counts of use and the first run's timer came to the seeded ones"
