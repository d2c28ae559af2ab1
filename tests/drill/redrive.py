"""A receiver that was broken is mended, and every delivery that it refused is redriven: `make redrive` calls it."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from minoots.client import Client
from tests.support.receiver import Receiver, receiver
from tests.support.stack_process import HEADERS, StackProcess, stack_process, webhook_timer

__all__ = ["Round", "redrive_round"]

CREATORS = 8
PATIENCE_S = 300


@dataclass(frozen=True)
class Round:
    """What came of a round.

    Attributes:
        letters: Dead letters that there were.
        redriven: How many the calls said they redrove.
        calls: How many calls it took.
        called_s: How long these took together, seconds.
        all_there_s: From the first call until the last delivery had come, seconds.
        deliveries: Ids of what came after the receiver was mended, in order.
        refused: Ids of what came before.
        left: Dead letters that are left.
        statuses: Of all timers, at the end.
    """

    letters: int
    redriven: int
    calls: int
    called_s: float
    all_there_s: float
    deliveries: list[str]
    refused: list[str]
    left: int
    statuses: set[str]


def redrive_round(stack: StackProcess, hook: Receiver, count: int) -> Round:
    """Let so many timers die at a broken receiver, mend it, and redrive them all."""
    hook.answer = lambda _: 404
    with httpx.Client(base_url=stack.url, headers=HEADERS, timeout=60) as http, Client(stack.url, "mnt_example") as sdk:
        policy = {"maxAttempts": 3, "backoffInitialMs": 100}
        body = webhook_timer(f"{hook.url}/mended", duration="1s", retryPolicy=policy)
        with ThreadPoolExecutor(CREATORS) as pool:
            created = list(pool.map(lambda _: http.post("/timers", json=body).raise_for_status(), range(count)))
        ours = {answer.json()["id"] for answer in created}
        host = hook.url.removeprefix("http://")
        _until(lambda: sum(1 for _ in sdk.dead_letters.list(page_size=200, host=host)) >= count)
        refused = [arrival.delivery for arrival in hook.arrivals]
        hook.answer = lambda _: 200
        began_s = time.monotonic()
        worked = sdk.dead_letters.redrive_all(host=host, reason="mended")
        called_s = time.monotonic() - began_s
        arrivals = hook.wait_for(len(refused) + count, PATIENCE_S)
        all_there_s = time.monotonic() - began_s
        _until(lambda: _statuses(sdk, ours) == {"settled"})
        return Round(
            letters=count,
            redriven=worked.done,
            calls=worked.calls,
            called_s=called_s,
            all_there_s=all_there_s,
            deliveries=[arrival.delivery for arrival in arrivals[len(refused) :]],
            refused=refused,
            left=sum(1 for _ in sdk.dead_letters.list(page_size=200, host=host)),
            statuses=_statuses(sdk, ours),
        )


def _statuses(sdk: Client, ours: set[str]) -> set[str]:
    return {str(timer.status) for timer in sdk.timers.list(page_size=200) if timer.id in ours}


def _until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline_s, "it took too long"
        time.sleep(0.2)


def main() -> int:
    """Run one round and say what came of it; returns the process's exit code."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory() as folder, stack_process(Path(folder) / "data") as stack, receiver() as hook:
        done = redrive_round(stack, hook, count)
    once = len(done.deliveries) == len(set(done.deliveries)) == count
    same = set(done.deliveries) == set(done.refused)
    print(
        f"{done.letters} dead letters, {done.redriven} redriven in {done.calls} calls of {done.called_s:.1f} s together"
    )
    print(f"all delivered after {done.all_there_s:.1f} s; each once: {once}; under its old id: {same}")
    print(f"dead letters left: {done.left}; timers: {', '.join(sorted(done.statuses))}")
    return 0 if once and same and not done.left and done.statuses == {"settled"} else 1


if __name__ == "__main__":
    sys.exit(main())
