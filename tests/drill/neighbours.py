"""`python -m tests.drill.neighbours 5000`: one tenant's receiver hangs; how late are another tenant's webhooks?

Not a test by itself; `tests/stack/test_protection.py` runs it with a few. The stack is a process, the receivers are
sockets. What is measured is the time from due to arrival, of timers that the quiet tenant makes all the while.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from minoots_contract.instants import format_instant, parse_instant
from tests.support.receiver import Receiver, receiver
from tests.support.stack_process import HEADERS, StackProcess, webhook_timer

QUIET = {"x-api-key": "mnt_other"}
QUIET_PER_S = 4.0
QUIET_AHEAD_S = 3.0
CREATORS = 8


@dataclass
class Hanging:
    """A receiver that accepts whoever comes and never answers."""

    url: str = ""
    requests: int = 0
    open_now: int = 0
    most_open: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read a request, and wait until its sender has had enough."""
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        with suppress(ConnectionError):
            if await reader.read(65_536):
                self.requests += 1
            while await reader.read(65_536):
                pass
        self.open_now -= 1
        writer.close()


@contextmanager
def hanging() -> Iterator[Hanging]:
    """Run a hanging receiver on a free port for as long as the block lasts."""
    hung, ready, over = Hanging(), threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        server = await asyncio.start_server(hung.serve, "127.0.0.1", 0, backlog=1_024)
        hung.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hangs"
        loops.append(asyncio.get_running_loop())
        ready.set()
        await over.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield hung
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join()


@dataclass
class Lateness:
    """Milliseconds from due to arrival, and how many never arrived."""

    values: list[float] = field(default_factory=list)
    missing: int = 0

    def at(self, share: float) -> float:
        """Return the value that so many of all are at or below; infinite where nothing arrived."""
        ranked = [*sorted(self.values), *[float("inf")] * self.missing]
        return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else float("nan")

    def line(self, name: str) -> str:
        """Return one line for people."""
        shown = " ".join(f"{label} {self.at(share):,.0f}" for label, share in (("p50", 0.5), ("p99", 0.99), ("max", 1)))
        return f"{name}: {len(self.values)} arrived, {self.missing} did not; lateness in ms {shown}"


@dataclass
class Outcome:
    """What a run showed.

    Attributes:
        before: The quiet tenant's lateness while nothing is wrong.
        during: From when the first of the noisy tenant's actions is due until some time after the last.
        hung: What the hanging receiver saw.
        put_off: Of a sample of the noisy tenant's timers, how many wait because they were put off.
    """

    before: Lateness
    during: Lateness
    hung: Hanging
    put_off: str

    def lines(self) -> list[str]:
        """Return what there is to tell."""
        return [
            self.before.line("quiet tenant before"),
            self.during.line("quiet tenant during"),
            f"hanging receiver: {self.hung.requests} requests, at most {self.hung.most_open} open at once",
            f"noisy tenant: {self.put_off}",
        ]


class _Run:
    def __init__(self, http: httpx.Client, hook: Receiver, hung: Hanging) -> None:
        self._http, self._hook, self._hung = http, hook, hung
        self._due: dict[str, tuple[str, float]] = {}

    def make_noise(self, actions: int, first_s: float, spread_s: float) -> list[str]:
        """Create the noisy tenant's timers, due one after another; returns their ids."""

        def create(number: int) -> str:
            due_ms = int((first_s + spread_s * number / actions) * 1000)
            body = webhook_timer(self._hung.url, fireAt=format_instant(due_ms), retryPolicy={"maxAttempts": 3})
            return str(self._http.post("/timers", json=body, headers=HEADERS).raise_for_status().json()["id"])

        with ThreadPoolExecutor(CREATORS) as pool:
            return list(pool.map(create, range(actions)))

    def keep_making_quiet_timers(self, phase: str, until_s: float) -> None:
        """Create timers of the quiet tenant, so many a second, due a little later each."""
        number = 0
        while (now_s := time.time()) < until_s:
            path = f"/quiet/{phase}/{number}"
            body = webhook_timer(self._hook.url + path, duration=f"{int(QUIET_AHEAD_S * 1000)}ms")
            made = self._http.post("/timers", json=body, headers=QUIET).raise_for_status().json()
            self._due[path] = phase, parse_instant(made["fireAt"])
            number += 1
            time.sleep(max(0.0, now_s + 1 / QUIET_PER_S - time.time()))

    def lateness(self, phase: str) -> Lateness:
        """Return how late a phase's webhooks arrived, of what has arrived by now."""
        came: dict[str, float] = {}
        for arrival in list(self._hook.arrivals):
            came.setdefault(arrival.path, arrival.at_ms)
        found = Lateness()
        for path, (of_phase, due_ms) in self._due.items():
            if of_phase == phase and path in came:
                found.values.append(came[path] - due_ms)
            elif of_phase == phase:
                found.missing += 1
        return found

    def put_off(self, timer_ids: list[str]) -> str:
        """Say of a sample of timers how they stand."""
        sample = timer_ids[:: max(1, len(timer_ids) // 50)]
        states: dict[str, int] = {}
        for timer_id in sample:
            timer: dict[str, Any] = self._http.get(f"/timers/{timer_id}", headers=HEADERS).raise_for_status().json()
            action = (timer.get("actions") or [{}])[0]
            state = "put off" if "putOff" in action else timer["status"]
            states[state] = states.get(state, 0) + 1
        return f"of {len(sample)} timers " + ", ".join(f"{count} {state}" for state, count in sorted(states.items()))


def measure(actions: int, per_s: float, *, protection: str, calm_s: float, after_s: float, folder: Path) -> Outcome:
    """Run it.

    Args:
        actions: The noisy tenant's.
        per_s: How many of them are due each second.
        protection: `on` or `off`.
        calm_s: How long the quiet tenant is watched before.
        after_s: And after the last of the noisy tenant's actions was due.
        folder: Where the stack keeps its data.
    """
    stack = StackProcess(folder / f"data-{protection}", options=("--parameter", f"Protection={protection}"))
    http = httpx.Client(base_url=stack.url, timeout=60, trust_env=False)
    with receiver() as hook, hanging() as hung, http:
        stack.start()
        try:
            run = _Run(http, hook, hung)
            # Not faster than a busy machine creates some thirty a second.
            ready_s = time.time() + actions / 30 + 2
            first_s = ready_s + calm_s
            noisy = run.make_noise(actions, first_s, actions / per_s)
            time.sleep(max(0.0, ready_s - QUIET_AHEAD_S - time.time()))
            run.keep_making_quiet_timers("before", first_s - QUIET_AHEAD_S)
            run.keep_making_quiet_timers("during", first_s + actions / per_s + after_s)
            time.sleep(QUIET_AHEAD_S + 12)  # one timeout of an attempt more
            return Outcome(run.lateness("before"), run.lateness("during"), hung, run.put_off(noisy))
        finally:
            stack.kill()


def main() -> int:
    """Run it with the protection off and on, and print what it showed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("actions", type=int, nargs="?", default=5_000)
    parser.add_argument("--per-s", type=float, default=40.0, help="noisy actions due each second")
    parser.add_argument("--only", choices=["on", "off"], help="with the protection on, or off, alone")
    arguments = parser.parse_args()
    for protection in [arguments.only] if arguments.only else ["off", "on"]:
        with tempfile.TemporaryDirectory(prefix="minoots-neighbours-") as folder:
            outcome = measure(
                arguments.actions,
                arguments.per_s,
                protection=protection,
                calm_s=20,
                after_s=20,
                folder=Path(folder),
            )
        print(f"protection {protection}, {arguments.actions} actions to a receiver that hangs")
        print("\n".join(f"  {line}" for line in outcome.lines()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
