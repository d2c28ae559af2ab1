"""One round: a stack that is created on, killed, started again on the same data and watched until all is done."""

from __future__ import annotations

import queue
import random
import socket
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.drill.checks import Kill, Story, Verdict, attempt_of, judge
from tests.drill.phases import Attempt, Seen, phases_on_disk
from tests.drill.plan import PlannedTimer, RoundPlan, draw_round
from tests.support.receiver import Arrival, Receiver, receiver
from tests.support.stack_process import HEADERS, StackProcess

LANES = 3
"""Rounds at a time: each waits more than it works."""

CREATORS = 3
PATIENCE_S = 40.0
ENDED = {"settled", "failed", "cancelled"}
_LAST = "last"
UNPROTECTED = ("--parameter", "Protection=off")
"""One receiver plays those that take their timers and those that fail; a circuit would put all off for minutes."""


@dataclass(slots=True)
class RoundReport:
    """What became of a round.

    Attributes:
        caught: For each kill, how many timers it caught in which phase.
        restarts_s: How long each start after a kill took until the API answered.
    """

    story: Story
    verdict: Verdict = field(default_factory=Verdict)
    caught: list[Counter[str]] = field(default_factory=list)
    restarts_s: list[float] = field(default_factory=list)


def run_round(seed: str, folder: Path) -> RoundReport:
    """Run the round that a seed stands for, in a folder of its own."""
    plan = draw_round(seed)
    try:
        with receiver() as hook:
            return _Round(plan, hook, StackProcess(folder / "data", _quiet_port(), UNPROTECTED)).run()
    except Exception as error:
        error.add_note(f"in round {seed}")
        raise


def _quiet_port() -> int:
    """A free port below those that outgoing connections take: it is to be free again after a kill, too."""
    while True:
        port = random.SystemRandom().randint(12_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class _Round:
    def __init__(self, plan: RoundPlan, hook: Receiver, stack: StackProcess) -> None:
        self._plan = plan
        self._hook = hook
        self._stack = stack
        self._planned = {planned.name: planned for planned in plan.timers}
        self._answered: set[Attempt] = set()
        self._asked: set[str] = set()
        self._to_create: queue.SimpleQueue[PlannedTimer] = queue.SimpleQueue()
        self._up = threading.Event()
        self._began = 0.0
        self._story = Story(plan)
        self._report = RoundReport(self._story)
        hook.answer = self._answer
        for planned in plan.timers:
            self._to_create.put(planned)

    def run(self) -> RoundReport:
        self._stack.start()
        self._up.set()
        self._began = time.monotonic()
        try:
            with ThreadPoolExecutor(CREATORS + 1) as pool:
                work: list[Future[None]] = [pool.submit(self._create_all) for _ in range(CREATORS)]
                work.append(pool.submit(self._cancel_all))
                self._kill_as_planned()
                for done in work:
                    done.result()
            self._watch()
        finally:
            self._stack.kill()
        self._story.arrivals = list(self._hook.arrivals)
        self._report.verdict = judge(self._story)
        return self._report

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def _sleep_until(self, at_s: float) -> None:
        time.sleep(max(0.0, at_s - self._elapsed_s()))

    def _answer(self, arrival: Arrival) -> int:
        planned = self._planned.get(arrival.path.split("/")[1])
        if planned is None:  # the round's last
            return 200
        time.sleep(planned.answer_s)
        attempt = attempt_of(arrival)
        self._answered.add(attempt)
        return 500 if attempt[1] <= planned.failures else 200

    # The callers.

    def _create_all(self) -> None:
        with httpx.Client(base_url=self._stack.url, headers=HEADERS, timeout=20) as client:
            while True:
                self._up.wait(PATIENCE_S)
                try:
                    planned = self._to_create.get_nowait()
                except queue.Empty:
                    return
                self._create(client, planned)

    def _create(self, client: httpx.Client, planned: PlannedTimer) -> None:
        self._asked.add(planned.name)
        try:
            answer = client.post("/timers", json=planned.body(self._hook.url, self._elapsed_s()))
        except httpx.ConnectError:  # it was not even asked
            self._to_create.put(planned)
        except httpx.TransportError:
            self._story.unanswered.add(planned.name)
        else:
            if answer.status_code == 201:
                self._story.answered[planned.name] = answer.json()["id"]
            else:
                self._story.refused[planned.name] = answer.text
        self._asked.discard(planned.name)

    def _cancel_all(self) -> None:
        due = [planned for planned in self._plan.timers if planned.cancel_s is not None]
        with httpx.Client(base_url=self._stack.url, headers=HEADERS, timeout=20) as client:
            for planned in sorted(due, key=lambda planned: planned.cancel_s or 0):
                self._sleep_until(planned.cancel_s or 0)
                self._up.wait(PATIENCE_S)
                identifier = self._story.answered.get(planned.name)
                self._story.cancels[planned.name] = self._cancel(client, identifier) if identifier else 409

    @staticmethod
    def _cancel(client: httpx.Client, identifier: str) -> int | None:
        try:
            return client.post(f"/timers/{identifier}/cancel", json={"requestedBy": "drill"}).status_code
        except httpx.TransportError:
            return None

    # The killer.

    def _kill_as_planned(self) -> None:
        self._sleep_until(self._plan.kill_s)
        killed_ms = self._kill()
        started = self._launch(killed_ms)
        second = self._plan.second
        if second and second.starting:
            time.sleep(second.after_s)
            killed_ms = self._kill(starting=True)
            started = self._launch(killed_ms)
        self._come_up(started)
        if second and not second.starting:
            time.sleep(second.after_s)
            killed_ms = self._kill()
            self._come_up(self._launch(killed_ms))

    def _kill(self, *, starting: bool = False) -> float:
        self._up.clear()
        asked = len(self._asked)
        killed_ms = time.time() * 1000
        self._stack.kill()
        with self._hook.changed:
            got = frozenset(attempt_of(arrival) for arrival in self._hook.arrivals)
        far = {planned.name for planned in self._plan.timers if planned.kind == "far"}
        seen = Seen(got, frozenset(self._answered))
        caught = phases_on_disk(self._stack.data / "tables.journal", killed_ms, far, seen)
        if asked and not starting:
            caught["create"] = asked
        if starting:
            caught["restart"] = 1
        self._report.caught.append(caught)
        return killed_ms

    def _launch(self, killed_ms: float) -> float:
        self._story.kills.append(Kill(killed_ms, time.time() * 1000))
        started = time.monotonic()
        self._stack.launch()
        return started

    def _come_up(self, started: float) -> None:
        self._stack.wait_until_up()
        self._report.restarts_s.append(time.monotonic() - started)
        self._up.set()

    # The watch.

    def _watch(self) -> None:
        """Wait until all that is due has ended, then for one more timer: what was still to come has come by then."""
        with httpx.Client(base_url=self._stack.url, headers=HEADERS, timeout=20) as client:
            give_up = time.monotonic() + PATIENCE_S
            while not self._look(client) and time.monotonic() < give_up:
                time.sleep(0.1)
            action = {"id": "a", "kind": "webhook", "parameters": {"url": f"{self._hook.url}/{_LAST}/a"}}
            body = {"requestedBy": "drill", "name": _LAST, "duration": "300ms", "actionBundle": {"actions": [action]}}
            identifier = client.post("/timers", json=body).raise_for_status().json()["id"]
            while client.get(f"/timers/{identifier}").json()["status"] != "settled" and time.monotonic() < give_up:
                time.sleep(0.05)
            self._look(client)

    def _look(self, client: httpx.Client) -> bool:
        """Read everything; whether all that is due has ended and every failure has its letter."""
        self._story.timers = _all(client, "/timers", "timers")
        due = [
            timer
            for timer in self._story.timers
            if timer["name"] != _LAST and self._planned[timer["name"]].kind != "far"
        ]
        if any(timer["status"] not in ENDED for timer in due):
            return False
        self._story.letters = {letter["id"]: letter for letter in _all(client, "/dead-letters", "deadLetters")}
        buried = {letter["timerId"] for letter in self._story.letters.values()}
        return all(timer["id"] in buried for timer in due if timer["status"] == "failed")


def _all(client: httpx.Client, path: str, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    parameters: dict[str, Any] = {"limit": 200}
    while True:
        page = client.get(path, params=parameters).raise_for_status().json()
        found += page[name]
        if "nextCursor" not in page:
            return found
        parameters["cursor"] = page["nextCursor"]
