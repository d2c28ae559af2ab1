"""What a round does, drawn from its seed alone: timers of every kind, and when the process is killed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["plain", "retried", "dead", "pair", "bare", "far", "cancelled"]

_WEIGHTS: dict[Kind, int] = {
    "plain": 32,
    "retried": 16,
    "dead": 14,
    "pair": 12,
    "bare": 10,
    "far": 10,
    "cancelled": 10,
}
FAR = "1d"


@dataclass(frozen=True, slots=True)
class PlannedTimer:
    """One timer of a round.

    Attributes:
        due_s: When it is due, seconds after the round's first create; for a far one of no meaning.
        failures: How many first attempts of each action the receiver answers with 500.
        max_attempts: Its retry policy's.
        answer_s: How long the receiver takes to answer.
        cancel_s: When it is cancelled, seconds after the round's first create.
    """

    name: str
    kind: Kind
    due_s: float
    failures: int = 0
    max_attempts: int = 1
    answer_s: float = 0.0
    cancel_s: float | None = None

    @property
    def actions(self) -> tuple[str, ...]:
        if self.kind == "bare":
            return ()
        return ("a", "b") if self.kind == "pair" else ("a",)

    @property
    def attempts(self) -> int:
        """How many attempts each of its actions takes."""
        return min(self.failures + 1, self.max_attempts)

    def body(self, hook: str, elapsed_s: float) -> dict[str, Any]:
        """The create's body, `elapsed_s` after the round's first create."""
        duration = FAR if self.kind == "far" else f"{max(300, round((self.due_s - elapsed_s) * 1000))}ms"
        body: dict[str, Any] = {"requestedBy": "drill", "name": self.name, "duration": duration}
        if self.actions:
            body["actionBundle"] = {
                "actions": [
                    {"id": action, "kind": "webhook", "parameters": {"url": f"{hook}/{self.name}/{action}"}}
                    for action in self.actions
                ],
                "retryPolicy": {"maxAttempts": self.max_attempts, "backoffInitialMs": 50},
            }
        return body


@dataclass(frozen=True, slots=True)
class SecondKill:
    """A kill of the process that a kill made necessary: while it starts, or `after_s` after it answers."""

    starting: bool
    after_s: float


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """A round.

    Attributes:
        kill_s: When the process is killed, seconds after the first create.
    """

    seed: str
    timers: tuple[PlannedTimer, ...]
    kill_s: float
    second: SecondKill | None


def draw_round(seed: str) -> RoundPlan:
    """Draw a round; the same seed gives the same one."""
    draw = random.Random(seed)
    bursts = [draw.uniform(1.0, 3.0) for _ in range(2)]
    timers = tuple(_timer(draw, f"t{number}", bursts) for number in range(draw.randint(20, 40)))
    return RoundPlan(seed, timers, _kill(draw, bursts), _second(draw))


def _timer(draw: random.Random, name: str, bursts: list[float]) -> PlannedTimer:
    kind = draw.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    due_s = draw.choice(bursts) if draw.random() < 0.6 else draw.uniform(1.0, 3.5)
    failures = {"retried": draw.randint(1, 2), "dead": 2}.get(kind, 0)
    max_attempts = {"retried": 3, "dead": draw.randint(1, 2)}.get(kind, 1)
    answer_s = draw.choice([0.0, draw.uniform(0, 0.05), draw.uniform(0.05, 0.4)])
    # Half of the cancels meet the firing.
    near = draw.random() < 0.5
    cancel_s = due_s + draw.uniform(-0.1, 0.05) if near else draw.uniform(0.3, due_s)
    return PlannedTimer(name, kind, due_s, failures, max_attempts, answer_s, cancel_s if kind == "cancelled" else None)


def _kill(draw: random.Random, bursts: list[float]) -> float:
    where = draw.random()
    if where < 0.2:
        return draw.uniform(0, 0.3)  # while timers are created and far ones armed
    if where < 0.65:
        return draw.choice(bursts) + draw.uniform(-0.03, 0.25)  # while many fire, are delivered and settle
    return draw.uniform(0, 4.3)


def _second(draw: random.Random) -> SecondKill | None:
    where = draw.random()
    if where < 0.2:
        return SecondKill(True, draw.uniform(0, 2.0))
    return SecondKill(False, draw.uniform(0, 0.5)) if where < 0.45 else None
