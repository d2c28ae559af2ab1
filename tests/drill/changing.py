"""Timers whose callers change their minds while they fall due, on a stack that is killed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import httpx

from tests.drill.told import Change, Life, Told, Verb, disagreements
from tests.support.receiver import Arrival, Receiver, receiver
from tests.support.stack_process import HEADERS, StackProcess, webhook_timer

CALLERS = 12
FALL_DUE_S = (8.0, 20.0)
FIRST_CHANGE_S = 5.0
KILLS_S = (10.0, 16.0)
PATIENCE_S = 120.0


@dataclass
class Outcome:
    """What came of the timers.

    Attributes:
        answers: Answers by verb and status.
        statuses: Of the timers in the end.
        lateness_ms: Of each timer that fired.
        doubled: Timers whose webhook came more than once.
        wrong: Whatever does not agree with what a caller was told.
    """

    timers: int = 0
    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    lateness_ms: list[int] = field(default_factory=list)
    doubled: int = 0
    wrong: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        late = sorted(self.lateness_ms) or [0]
        return [
            f"changes of mind: {self.timers} timers, killed {len(KILLS_S)} times, "
            f"{self.answers.total()} changes; in the end "
            + ", ".join(f"{status} {count}" for status, count in sorted(self.statuses.items())),
            *(
                f"  {verb:<11}" + ", ".join(f"{status} {self.answers[verb, status]}" for status in self._statuses(verb))
                for verb in get_args(Verb)
            ),
            f"  not as told {len(self.wrong)}; webhooks that came twice {self.doubled}; "
            f"lateness p50 {late[len(late) // 2]} ms, max {late[-1]} ms",
        ]

    def _statuses(self, verb: str) -> list[str]:
        return sorted(status for of, status in self.answers if of == verb)


def change_minds(timers: int, seed: str, folder: Path) -> Outcome:
    """Create timers, change them at random while they fall due and the stack is killed; compare with what was told."""
    with receiver() as hook:
        stack = StackProcess(folder / "data")
        try:
            stack.start()
            return _Drill(timers, seed, stack, hook).run()
        finally:
            stack.kill()


class _Drill:
    def __init__(self, timers: int, seed: str, stack: StackProcess, hook: Receiver) -> None:
        self._draw = random.Random(seed)
        self._timers = timers
        self._stack, self._hook = stack, hook
        self._up = threading.Event()
        self._up.set()
        self._began = time.monotonic()

    def run(self) -> Outcome:
        plans = [self._plan() for _ in range(self._timers)]
        with ThreadPoolExecutor(CALLERS) as pool:
            callers = [pool.submit(self._call, number, plans[number::CALLERS]) for number in range(CALLERS)]
            for kill_s in KILLS_S:
                self._sleep_until(kill_s)
                self._up.clear()
                self._stack.kill()
                self._stack.start()
                self._up.set()
            lives = [life for caller in callers for life in caller.result()]
        return self._outcome(lives, self._watch(lives))

    def _plan(self) -> tuple[float, list[Change]]:
        """When a timer falls due, and what is asked of it; two of five changes come just as it fires."""
        due_s = self._draw.uniform(*FALL_DUE_S)
        times = [
            due_s + self._draw.gauss(0, 0.02)
            if self._draw.random() < 0.4
            else self._draw.uniform(FIRST_CHANGE_S, due_s)
            for _ in range(self._draw.randint(1, 5))
        ]
        return due_s, [self._change(at_s) for at_s in sorted(times)]

    def _change(self, at_s: float) -> Change:
        verb = self._draw.choices(get_args(Verb), weights=(4, 4, 3, 4, 5, 1, 2))[0]
        return Change(
            verb,
            at_s,
            ms=self._draw.choice((1, 40, 500, 2_000, 7_000)),
            keep=self._draw.choice(("remaining", "dueTime")),
            guard=self._draw.choices(("none", "known", "stale"), weights=(6, 3, 1))[0],
        )

    # A caller, who has some of the timers and asks one thing at a time.

    def _call(self, number: int, plans: list[tuple[float, list[Change]]]) -> list[Life]:
        with httpx.Client(base_url=self._stack.url, headers=HEADERS, timeout=20) as client:
            lives = [self._create(client, f"c{number}-{index}", due_s) for index, (due_s, _) in enumerate(plans)]
            agenda = sorted(
                ((change.at_s, index, change) for index, (_, changes) in enumerate(plans) for change in changes),
                key=lambda entry: entry[:2],
            )
            for at_s, index, change in agenda:
                self._sleep_until(at_s)
                self._ask(client, lives[index], change)
        return lives

    def _create(self, client: httpx.Client, name: str, due_s: float) -> Life:
        lead_ms = max(1_000, round((due_s - self._elapsed_s()) * 1000))
        body = webhook_timer(f"{self._hook.url}/{name}", duration=lead_ms, name=name)
        return Life(client.post("/timers", json=body).raise_for_status().json())

    def _ask(self, client: httpx.Client, life: Life, change: Change) -> None:
        before = life.known
        path, body = f"/timers/{before['id']}/{change.verb}", change.body(before)
        while True:
            self._up.wait(PATIENCE_S)
            sent_ms = time.time() * 1000
            status, after = None, None
            try:
                answer = client.post(path, json=body)
                status = answer.status_code
                after = answer.json() if status == 200 else None
            except httpx.ConnectError:  # it was not even asked
                continue
            except httpx.TransportError:
                pass
            heard_ms = time.time() * 1000
            after = after or self._read(client, before["id"])
            life.told.append(Told(change, before, status, after, sent_ms, heard_ms))
            return

    def _read(self, client: httpx.Client, identifier: str) -> dict[str, Any]:
        while True:
            self._up.wait(PATIENCE_S)
            try:
                return dict(client.get(f"/timers/{identifier}").raise_for_status().json())
            except httpx.TransportError:
                time.sleep(0.05)

    # The end.

    def _watch(self, lives: list[Life]) -> dict[str, dict[str, Any]]:
        """Wait until all that is to fire has ended."""
        give_up = time.monotonic() + PATIENCE_S
        waiting = {life.created["id"] for life in lives}
        final: dict[str, dict[str, Any]] = {}
        with httpx.Client(base_url=self._stack.url, headers=HEADERS, timeout=20) as client:
            while waiting and time.monotonic() < give_up:
                for identifier in list(waiting):
                    final[identifier] = self._read(client, identifier)
                    if final[identifier]["status"] in {"settled", "failed", "cancelled", "paused"}:
                        waiting.discard(identifier)
        return final

    def _outcome(self, lives: list[Life], final: dict[str, dict[str, Any]]) -> Outcome:
        arrivals: dict[str, list[Arrival]] = defaultdict(list)
        for arrival in self._hook.arrivals:
            arrivals[arrival.headers["minoots-timer-id"]].append(arrival)
        found = Outcome(len(lives))
        for life in lives:
            identifier = life.created["id"]
            timer = final.get(identifier)
            found.wrong += disagreements(life, timer, arrivals[identifier])
            found.answers.update((told.change.verb, str(told.status or "no answer")) for told in life.told)
            found.doubled += len(arrivals[identifier]) > 1
            if timer:
                found.statuses[timer["status"]] += 1
                found.lateness_ms += [timer["latenessMs"]] if "latenessMs" in timer else []
        return found

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def _sleep_until(self, at_s: float) -> None:
        time.sleep(max(0.0, at_s - self._elapsed_s()))
