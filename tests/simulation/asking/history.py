"""One history of actions that have to be acknowledged, drawn from its seed.

The use cases are the real ones, over the memory adapters. Around them: agents that answer in the call, later, twice,
too late or never; a state machine whose executions start late, die, time out early, come back late or lose messages;
queues that lose, double and delay; somebody who redrives and discards dead letters, or cancels; calls that stall while
all else goes on, crash or go unanswered; and the sweep.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from minoots_kernel.domain.dead_letters import DeadLetter
from minoots_kernel.domain.errors import MinootsError
from minoots_kernel.domain.timer import Timer
from tests.simulation.asking.fate import KINDS, Calls, Kind, Time, Write
from tests.simulation.asking.machine import Machine
from tests.simulation.asking.people import Asked, Operator, People, Said
from tests.simulation.asking.queues import Delivered, Queues
from tests.unit.application.world import DEMO, Crash, World
from tests.unit.domain.asking import COLLEAGUE, PERSON, ask_bundle
from tests.unit.domain.builders import NOW_MS, request

__all__ = ["History", "live"]

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
FAULTS_END_MS: Final = 3 * HOUR
LIMIT_MS: Final = 12 * HOUR
LATEST_MS: Final = 20 * MINUTE
"""Whatever comes late, and whoever wants something of the dead, comes within so long."""


@dataclass
class History:
    """What happened.

    Attributes:
        timer: The timer at the end.
        asked: Who was asked when.
        said: Who answered what.
        writes: Every write of the timer.
        letters: Dead letters at the end, by action.
        outdated: Messages that the inbox handed over though it was asked something else by then.
        delivered: Every message of the queues, and how its deliveries ended.
        redrives: How often a redrive of each action was asked for.
        struck: How many calls met with anything.
        at_rest: Whether it came to an end.
    """

    seed: int
    kind: Kind
    timer: Timer
    asked: list[Asked]
    said: list[Said]
    writes: list[Write]
    outdated: list[str]
    delivered: list[Delivered]
    redrives: dict[str, int]
    struck: int = 0
    letters: dict[str, DeadLetter] = field(default_factory=dict)
    at_rest: bool = False
    faults_end_ms: int = NOW_MS + FAULTS_END_MS


class _Life:
    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.calls = Calls(self.rng.choice(KINDS), self.rng, lambda: self.time)
        self.world = world = World(self.calls)  # type: ignore[arg-type]
        self.time = Time(world.clock)
        self.queues = Queues(world, self.time, self.calls, lambda: self.now)
        self.people = People(world, self.time, self.calls, lambda: self.now)
        self.operator = Operator(world, self.time, self.calls, lambda: self.now)
        machine = Machine(world, self.time, self.calls, self.queues.send)
        self.calls.meanwhile = (self.people.interrupt, self.queues.copy)
        self.time.pump, self.time.next_message_ms = self.queues.pump, self.queues.next_ms
        workflow = world.workflow
        workflow.start, workflow.wake, workflow.keep = machine.start, machine.wake, machine.keep  # type: ignore[method-assign]
        world.receiver.send = self.people.receive  # type: ignore[method-assign]
        world.inboxes.put = self.people.put  # type: ignore[method-assign]
        self.created = self._create(seed)

    @property
    def now(self) -> Timer:
        return self.world.now(self.created)

    def _create(self, seed: int) -> Timer:
        """Create the timer, with which nothing goes wrong here."""
        self.calls.over = True
        timer = self.world.create(DEMO, request(actionBundle=_bundle(self.rng, seed), duration="3s"))
        self.calls.over = False
        return timer

    def sweep(self) -> None:
        try:
            with self.calls.by("sweep"):
                self.world.sweep()
        except (Crash, MinootsError):
            pass
        self.time.at(MINUTE, self.sweep)

    def calm_down(self) -> None:
        self.calls.over = True

    def go(self) -> bool:
        """Let everything happen; whether it comes to rest."""
        time = self.time
        time.at(MINUTE, self.sweep)
        time.at(7 * SECOND, self.people.look_into_inbox)
        time.at(SECOND, self.operator.look)
        time.at(FAULTS_END_MS, self.calm_down)
        if self.rng.random() < 0.08:
            time.at(3 * SECOND + self.rng.choice((-20, -1, 0, 1, 20)), self.operator.cancel)
        rest_ms = 0
        while time.clock.now_ms() < NOW_MS + LIMIT_MS:
            time.pass_until(time.clock.now_ms() + MINUTE)
            timer = self.now
            at_rest = timer.status.terminal and timer.next_check_at_ms is None
            rest_ms = rest_ms + MINUTE if at_rest else 0
            if rest_ms >= LATEST_MS:
                return True
        return False


def live(seed: int) -> History:
    """Let the history of a seed happen."""
    life = _Life(seed)
    people = life.people
    at_rest = life.go()
    history = History(
        seed,
        life.calls.kind,
        life.now,
        people.asked,
        people.said,
        life.calls.writes,
        people.outdated,
        life.queues.delivered,
        life.operator.wanted,
        life.calls.struck,
        at_rest=at_rest,
    )
    history.letters = {letter.action_id: letter for letter in life.world.dead_letters.letters}
    return history


def _bundle(rng: Random, seed: int) -> dict[str, Any]:
    required: dict[str, Any] = {"maxAttempts": rng.choice((1, 2, 3)), "escalation": _chain(rng, seed)}
    if rng.random() < 0.4:
        required["doneWithinMs"] = 20 * SECOND
    others: list[dict[str, Any]] = []
    if rng.random() < 0.4:
        others.append({"id": "b", "kind": "agent_prompt", "parameters": {"binding": COLLEAGUE}})
    if rng.random() < 0.5:
        (other,) = ask_bundle(maxAttempts=rng.choice((1, 2)), escalation=_chain(rng, -seed))["actions"]
        others.append(other | {"id": "c"})
    return ask_bundle(*others, **required) | {"concurrency": rng.choice((1, 1, 2))}


def _chain(rng: Random, seed: int) -> list[dict[str, Any]]:
    steps = [
        {"binding": COLLEAGUE, "timeoutMs": 5_000, "maxAttempts": rng.choice((1, 2))},
        {"webhook": PERSON, "timeoutMs": 7_000, "maxAttempts": rng.choice((1, 2))},
    ]
    chosen = steps[: rng.choice((0, 1, 2, 2))]
    last_of_all = {"binding": COLLEAGUE, "timeoutMs": 15_000, "maxAttempts": 1}
    return [*chosen, last_of_all] if chosen and Random(f"chain {seed}").random() < 0.3 else chosen
