"""One history of an action that has to be acknowledged, drawn from its seed.

The use cases are the real ones, over the memory adapters. Around them: agents that answer in the call, later, twice,
too late or never; a state machine whose executions start late, die, time out early, are doubled or lose messages;
a queue that loses, doubles and delays; one call of a port that crashes or goes unanswered; and the sweep.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

from minoots_contract.acknowledgements import AcknowledgementRequest
from minoots_kernel.application.ports import TimerKey
from minoots_kernel.application.use_inbox import UseInbox
from minoots_kernel.domain.answer_tokens import digest_token
from minoots_kernel.domain.answers import Answer
from minoots_kernel.domain.chains import chain_of
from minoots_kernel.domain.errors import (
    DependencyUnavailableError,
    MinootsError,
    TransientActionError,
    UnknownHintError,
)
from minoots_kernel.domain.executions import Execution, NextMove
from minoots_kernel.domain.inbox import InboxMessage
from minoots_kernel.domain.messages import ActionMessage
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.webhooks import WebhookRequest
from tests.unit.application.world import DEMO, Crash, Faults, World
from tests.unit.domain.asking import COLLEAGUE, PERSON, ask_bundle
from tests.unit.domain.builders import NOW_MS, request

__all__ = ["Asking", "History", "Said", "live"]

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
LIMIT_MS: Final = 12 * HOUR
WORDS: Final = ("done", "done", "accepted", "progress", "refused")


@dataclass(frozen=True)
class Asking:
    """An agent was asked."""

    at_ms: int
    step: int
    attempt: int


@dataclass(frozen=True)
class Said:
    """An answer, and what came of it: `ok`, the class of the error, or `unknown`."""

    at_ms: int
    step: int
    word: str
    outcome: str


@dataclass
class Running:
    """An execution: whether it lives, and the token that it waits by."""

    execution: Execution
    alive: bool = True
    waits: int = 0


@dataclass
class History:
    """What happened.

    Attributes:
        timer: The timer at the end.
        asked: Who was asked when.
        said: Who answered what.
        versions: The timer after each write.
        letters: Dead letters at the end.
        outdated: Messages that the inbox handed over though it was asked something else by then.
        at_rest: Whether it came to an end.
    """

    seed: int
    timer: Timer
    asked: list[Asking] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    versions: list[tuple[int, Timer]] = field(default_factory=list)
    letters: int = 0
    outdated: list[str] = field(default_factory=list)
    at_rest: bool = False


class _Life:
    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        faults = None
        if self.rng.random() < 0.7:
            error = self.rng.choice((None, DependencyUnavailableError("no answer")))
            faults = Faults(self.rng.randint(3, 60), after=self.rng.random() < 0.5, error=error)
        self.world = World(faults)
        self.kind = self.rng.choice(("calm", "calm", "rough"))
        self.heap: list[tuple[int, int, Callable[[], None]]] = []
        self.count = 0
        self.running: dict[str, Running] = {}
        self.history: History | None = None
        self.inbox = UseInbox(self.world.inboxes, self.world.clock, self.world.store, self.world.acknowledge)
        self._replace_ports()

    def _replace_ports(self) -> None:
        workflow, receiver = self.world.workflow, self.world.receiver
        workflow.start, workflow.wake, workflow.keep = self.start, self.wake, self.keep  # type: ignore[method-assign]
        receiver.send = self.receive  # type: ignore[method-assign]

    # Time.

    def at(self, delay_ms: int, action: Callable[[], None]) -> None:
        self.count += 1
        heappush(self.heap, (self.world.clock.now_ms() + delay_ms, self.count, action))

    def happens(self, share: float) -> bool:
        return self.kind == "rough" and self.rng.random() < share

    def soon(self) -> int:
        return self.rng.choice((0, 5, 50, 400, 3_000) if self.kind == "rough" else (0, 5, 50))

    def attempt(self, work: Callable[[], object], then: Callable[[], None] | None = None) -> bool:
        """Do something that may crash; whether it did not. What crashed is tried again later."""
        try:
            work()
        except (Crash, MinootsError, UnknownHintError):
            if then is not None:
                self.at(self.rng.choice((2, 15, 90)) * SECOND, then)
            return False
        return True

    # The state machine.

    def start(self, execution: Execution) -> None:
        if execution.name in self.running:
            return
        running = self.running[execution.name] = Running(execution)
        if self.happens(0.25):
            running.alive = False  # it was lost, and its name is taken
            return
        if self.happens(0.3):
            self.at(self.rng.randint(0, 40 * SECOND), lambda: self._abort(running))
        self.at(self.soon(), lambda: self._ask(running, execution.first))

    def _abort(self, running: Running) -> None:
        running.alive = False

    def _ask(self, running: Running, move: NextMove) -> None:
        running.waits += 1
        token = f"{running.execution.name}:{running.waits}"
        if not self.happens(0.15):
            message = ActionMessage(
                "demo", running.execution.timer_id, "a", move.attempt, token, running.execution.name
            )
            for _ in range(2 if self.happens(0.15) else 1):
                self.at(self.soon(), lambda: self._deliver(message))
        self._wait(running, move.seconds)

    def _wait(self, running: Running, seconds: int) -> None:
        running.seconds = seconds  # type: ignore[attr-defined]
        waits = running.waits
        early = self.happens(0.2)
        length_ms = seconds * SECOND // (3 if early else 1)
        self.at(length_ms, lambda: self._over(running, waits))

    def _over(self, running: Running, waits: int) -> None:
        if running.alive and running.waits == waits:
            running.waits += 1
            self._look(running)

    def _look(self, running: Running) -> None:
        if not running.alive:
            return
        moves: list[NextMove] = []
        key = TimerKey("demo", running.execution.timer_id)
        name = running.execution.name
        if not self.attempt(lambda: moves.append(self.world.look(key, "a", name)), lambda: self._look(running)):
            return
        (move,) = moves
        if move.do == "ask":
            self._ask(running, move)
        elif move.do == "pause":
            self.at(move.seconds * SECOND, lambda: self._look(running))
        else:
            running.alive = False

    def _waiting(self, token: str) -> Running | None:
        name, _, waits = token.rpartition(":")
        running = self.running.get(name)
        return running if running is not None and running.alive and running.waits == int(waits) else None

    def wake(self, token: str) -> bool:
        running = self._waiting(token)
        if running is None:
            return False
        if not self.happens(0.1):
            running.waits += 1
            self.at(self.soon(), lambda: self._look(running))
        return True

    def keep(self, token: str) -> bool:
        running = self._waiting(token)
        if running is None:
            return False
        # A wait that begins anew has another number, and its token stays: the old number is let to run out.
        waits, seconds = running.waits, running.seconds  # type: ignore[attr-defined]
        self.at(seconds * SECOND, lambda: self._over(running, waits))
        return True

    # Queues.

    def _deliver(self, message: ActionMessage) -> None:
        self.attempt(lambda: self.world.run(message), lambda: self._deliver_again(message))

    def _deliver_again(self, message: ActionMessage) -> None:
        self.attempt(lambda: self.world.run(message, again=True))

    def pump(self) -> None:
        """Hand over what is due in the queues."""
        for message in self.world.actions_due():
            if self.happens(0.1):
                continue
            for _ in range(2 if self.happens(0.1) else 1):
                self.at(self.soon(), lambda message=message: self._deliver(message))
        for hint in self.world.wake_ups_due():
            if not self.happens(0.1):
                self.attempt(lambda hint=hint: self.world.fire(hint), lambda hint=hint: self._fire_again(hint))

    def _fire_again(self, hint: Any) -> None:
        self.attempt(lambda: self.world.fire(hint, again=True))

    def sweep(self) -> None:
        self.attempt(self.world.sweep)
        self.at(MINUTE, self.sweep)

    # Agents.

    def receive(self, asked: WebhookRequest) -> Answer:
        assert self.history is not None
        url = asked.headers["minoots-acknowledgement"]
        token = url.rpartition("/")[2]
        step = 0 if asked.url.startswith("https://agent.example") else 2
        now_ms = self.world.clock.now_ms()
        self.history.asked.append(Asking(now_ms, step, int(asked.headers["minoots-attempt"])))
        mood = self.rng.random()
        if mood < 0.15:
            raise TransientActionError("no answer")
        if mood < 0.35:
            self._say(token, step, self.rng.choice(WORDS), 0)
        elif mood < 0.7:
            for _ in range(self.rng.choice((1, 1, 2, 3))):
                delay_ms = self.rng.choice((10, SECOND, 4 * SECOND, 12 * SECOND, 90 * SECOND))
                word = self.rng.choice(WORDS)
                self.at(delay_ms, lambda word=word: self._say(token, step, word, 0))
        return Answer(200)

    def _say(self, token: str, step: int, word: str, tries: int) -> None:
        assert self.history is not None
        now_ms = self.world.clock.now_ms()
        try:
            self.world.acknowledge(token, AcknowledgementRequest.model_validate({"status": word}))
            outcome = "ok"
        except (Crash, DependencyUnavailableError):
            outcome = "unknown"
            if tries < 3:
                self.at(SECOND, lambda: self._say(token, step, word, tries + 1))
        except MinootsError as error:
            outcome = type(error).__name__
        self.history.said.append(Said(now_ms, step, word, outcome))

    def look_into_inbox(self) -> None:
        assert self.history is not None
        found = self.inbox.fetch(DEMO, "bob", limit=5, lease_ms=20 * SECOND)
        for message in found:
            self.note_if_outdated(message.message)
            if self.rng.random() < 0.3:
                self.attempt(
                    lambda message=message: self.inbox.acknowledge(DEMO, "bob", message.receipt),
                    lambda message=message: self.attempt(lambda: self.inbox.acknowledge(DEMO, "bob", message.receipt)),
                )
        self.at(7 * SECOND, self.look_into_inbox)

    def note_if_outdated(self, message: InboxMessage) -> None:
        assert self.history is not None
        timer = self.world.now(self.history.timer)
        known = timer.acknowledgement(message.action_id)
        ask = known.ask(known.step) if known and known.waits else None
        if message.acknowledgement is None or ask is None or ask.receiver != "inbox bob":
            return
        if digest_token(message.acknowledgement["token"]) not in ask.tokens:
            self.history.outdated.append(f"step {message.occasion.step} instead of {ask.step}")


def live(seed: int) -> History:
    """Let the history of a seed happen."""
    life = _Life(seed)
    rng, world = life.rng, life.world
    required: dict[str, Any] = {"maxAttempts": rng.choice((1, 2, 3)), "escalation": _chain(rng, seed)}
    if rng.random() < 0.4:
        required["doneWithinMs"] = 20 * SECOND
    other = {"id": "b", "kind": "agent_prompt", "parameters": {"binding": COLLEAGUE}}
    others = [other] if rng.random() < 0.4 else []
    created = None
    while created is None:
        try:
            created = world.create(DEMO, request(actionBundle=ask_bundle(*others, **required), duration="3s"))
        except (Crash, DependencyUnavailableError):
            continue
    life.history = history = History(seed, created)
    life.at(MINUTE, life.sweep)
    life.at(7 * SECOND, life.look_into_inbox)
    life.pump()
    while world.clock.now_ms() < NOW_MS + LIMIT_MS:
        pending = [*(one.due_at_ms for one in (*world.wake_queue.sent, *world.action_queue.sent)), life.heap[0][0]]
        world.clock.advance_to(max(world.clock.now_ms(), min(pending)))
        life.pump()
        while life.heap and life.heap[0][0] <= world.clock.now_ms():
            heappop(life.heap)[2]()
        timer = world.now(created)
        if not history.versions or history.versions[-1][1].version != timer.version:
            history.versions.append((world.clock.now_ms(), timer))
        if timer.status.terminal and timer.next_check_at_ms is None:
            history.at_rest = True
            break
    history.timer = world.now(created)
    assert chain_of(history.timer, "a") is not None
    history.letters = len(world.dead_letters.page("demo", limit=10).items)
    return history


def _chain(rng: Random, seed: int) -> list[dict[str, Any]]:
    steps = [
        {"binding": COLLEAGUE, "timeoutMs": 5_000, "maxAttempts": rng.choice((1, 2))},
        {"webhook": PERSON, "timeoutMs": 7_000, "maxAttempts": rng.choice((1, 2))},
    ]
    chosen = steps[: rng.choice((0, 1, 2, 2))]
    last_of_all = {"binding": COLLEAGUE, "timeoutMs": 15_000, "maxAttempts": 1}
    return [*chosen, last_of_all] if chosen and Random(f"chain {seed}").random() < 0.3 else chosen
