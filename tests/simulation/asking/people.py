"""Whoever is asked, and whoever has to do with dead letters: what they do, and what they are told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from minoots_contract.acknowledgements import AcknowledgementRequest
from minoots_kernel.application.letter_work import Wanted
from minoots_kernel.application.use_inbox import UseInbox
from minoots_kernel.domain.answer_tokens import digest_token, read_token
from minoots_kernel.domain.answers import Answer
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.errors import (
    DependencyUnavailableError,
    MinootsError,
    NotFoundError,
    PutOffError,
    TransientActionError,
)
from minoots_kernel.domain.inbox import InboxMessage, LeasedMessage
from minoots_kernel.domain.put_offs import Cause
from minoots_kernel.domain.timer import ActionStatus, Timer
from minoots_kernel.domain.webhooks import WebhookRequest
from tests.simulation.asking.fate import Calls, Time
from tests.unit.application.world import DEMO, Crash, World
from tests.unit.domain.asking import AGENT, COLLEAGUE, PERSON

__all__ = ["Asked", "Operator", "People", "Said"]

SECOND, MINUTE = 1_000, 60_000
WORDS: Final = ("done", "done", "accepted", "progress", "refused")
CURT: Final = ("refused", "refused", "refused", "progress", "done")
MOODS: Final = ((0.15, 0.3, 0.7, WORDS), (0.4, 0.45, 0.9, CURT), (0.1, 0.15, 0.3, WORDS))
MOST_REDRIVES: Final = 3


@dataclass(frozen=True)
class Asked:
    """Somebody was asked: the URL or inbox it went to, and the digest of the token that came along."""

    at_ms: int
    where: str
    action_id: str
    step: int
    attempt: int
    digest: str


@dataclass(frozen=True)
class Said:
    """An answer, and what came of it: `ok`, the class of the error, or `unknown`.

    Attributes:
        step: As the token has it.
        before: The timer when it was given; `after`, when it had its answer.
        strand: By what its writes are known.
    """

    at_ms: int
    action_id: str
    step: int
    digest: str
    word: str
    outcome: str
    before: Timer
    after: Timer
    strand: object


class People:
    """Agents and a person on call, some behind an inbox.

    Attributes:
        asked: Who was asked what when.
        said: Who answered what.
        outdated: Messages that the inbox handed over though it was asked something else by then.
    """

    def __init__(self, world: World, time: Time, calls: Calls, now: Callable[[], Timer]) -> None:
        self._world, self._time, self._calls, self._now = world, time, calls, now
        self._rng = calls.rng
        # How often a request fails though it was read, and how often whoever read it answers in the call, or later.
        *self._moods, self._words = self._rng.choice(MOODS)
        self._inbox = UseInbox(world.inboxes, world.clock, world.store, world.acknowledge)
        self._put = world.inboxes.put
        self.asked: list[Asked] = []
        self.said: list[Said] = []
        self._tokens: dict[str, str] = {}
        self.outdated: list[str] = []

    def receive(self, request: WebhookRequest) -> Answer:
        """Get a request, and perhaps answer it: within the call, later, twice, or never."""
        if self._calls.happens(self._calls.kind.put_off):
            now_ms = self._time.clock.now_ms()
            raise PutOffError(Cause.SHORTAGE, "busy", now_ms + self._rng.choice((0, 2, 30)) * SECOND, 10 * MINUTE)
        token = request.headers["minoots-acknowledgement"].rpartition("/")[2]
        self._note(request.url, token, int(request.headers["minoots-attempt"]))
        mood = self._rng.random()
        if self._calls.happens(self._calls.kind.late / 2):
            self._calls.stall(self._rng.choice((100, 3_000, 20_000)))
        fails, at_once, later = self._moods
        if mood < fails:
            if self._rng.random() < 0.5:
                self._answer_later(token)
            raise TransientActionError("no answer")
        if mood < at_once:
            self._say(token, self._rng.choice(self._words), 0)
        elif mood < later:
            for _ in range(self._rng.choice((1, 1, 2, 3))):
                self._answer_later(token)
        return Answer(200)

    def _answer_later(self, token: str) -> None:
        delay_ms = self._rng.choice((10, 300, SECOND, 4 * SECOND, 12 * SECOND, 30 * SECOND, 90 * SECOND, 10 * MINUTE))
        word = self._rng.choice(self._words)
        self._time.at(delay_ms, lambda: self._say(token, word, 0))

    def interrupt(self) -> None:
        """Answer now, whoever was asked of late."""
        if self.asked:
            token = self._tokens[self._rng.choice(self.asked[-2:]).digest]
            self._say(token, self._rng.choice((*self._words, *CURT)), 3)

    def put(self, message: InboxMessage) -> None:
        """Let a message into the inbox."""
        if message.acknowledgement is not None:
            self._note(f"inbox {message.agent}", message.acknowledgement["token"], message.occasion.attempt)
        self._put(message)

    def look_into_inbox(self) -> None:
        """Fetch what the inbox has, and take some of it out, at once or later; and so on."""
        found: list[LeasedMessage] = self._inbox.fetch(DEMO, "bob", limit=5, lease_ms=90 * SECOND)
        for message in found:
            self._note_if_outdated(message.message)
            if self._rng.random() < 0.3:
                self._time.at(self._rng.choice((0, 0, 5, 40)) * SECOND, lambda one=message: self._take_out(one, 0))
        self._time.at(7 * SECOND, self.look_into_inbox)

    def _note(self, where: str, token: str, attempt: int) -> None:
        place = read_token(token)
        assert place is not None
        digest = digest_token(token)
        self._tokens[digest] = token
        self.asked.append(Asked(self._time.clock.now_ms(), where, place.action_id, place.step, attempt, digest))

    def _take_out(self, message: LeasedMessage, tries: int) -> None:
        try:
            with self._calls.by(message.message):
                self._inbox.acknowledge(DEMO, "bob", message.receipt)
        except (Crash, DependencyUnavailableError):
            if tries < 3:
                self._time.at(SECOND, lambda: self._take_out(message, tries + 1))
        except MinootsError:
            return  # it is somebody else's by now, or gone

    def _say(self, token: str, word: str, tries: int) -> None:
        place, now_ms, before, strand = read_token(token), self._time.clock.now_ms(), self._now(), object()
        assert place is not None
        try:
            with self._calls.by(strand):
                self._world.acknowledge(token, AcknowledgementRequest.model_validate({"status": word}))
            outcome = "ok"
        except (Crash, DependencyUnavailableError):
            outcome = "unknown"
            if tries < 3:
                self._time.at(SECOND, lambda: self._say(token, word, tries + 1))
        except MinootsError as error:
            outcome = type(error).__name__
        self.said.append(
            Said(now_ms, place.action_id, place.step, digest_token(token), word, outcome, before, self._now(), strand)
        )

    def _note_if_outdated(self, message: InboxMessage) -> None:
        known = self._now().acknowledgement(message.action_id)
        ask = known.ask(known.step) if known and known.waits else None
        if message.acknowledgement is None or ask is None or ask.receiver != "inbox bob":
            return
        if digest_token(message.acknowledgement["token"]) not in ask.tokens:
            self.outdated.append(f"step {message.occasion.step} instead of {ask.step}")


class Operator:
    """Redrives and discards dead letters, soon after they died or later, once or twice, and cancels timers.

    Attributes:
        wanted: How often a redrive of each action was asked for.
    """

    def __init__(self, world: World, time: Time, calls: Calls, now: Callable[[], Timer]) -> None:
        self._world, self._time, self._calls, self._now = world, time, calls, now
        self.wanted: dict[str, int] = {}
        self._seen: set[tuple[str, int]] = set()

    def look(self) -> None:
        """Find out who died, and make up one's mind."""
        rng = self._calls.rng
        for state in self._now().actions:
            death = (state.id, state.redriven.times)
            if state.status is not ActionStatus.FAILED or death in self._seen:
                continue
            self._seen.add(death)
            if rng.random() < 0.7 and self.wanted.get(state.id, 0) < MOST_REDRIVES:
                for _ in range(rng.choice((1, 1, 2))):
                    self._later(lambda which=state.id: self._redrive(which, 0))
            if rng.random() < 0.15:
                self._later(lambda which=state.id: self._discard(which, 0))
        self._time.at(rng.choice((SECOND, 20 * SECOND)), self.look)

    def cancel(self) -> None:
        """Change one's mind; too late, mostly."""
        self._try(lambda: self._world.cancel_it(self._now()), self.cancel, 3)

    def _later(self, what: Callable[[], None]) -> None:
        self._time.at(self._calls.rng.choice((0, 0, SECOND, 10 * SECOND, 5 * MINUTE)), what)

    def _redrive(self, action_id: str, tries: int) -> None:
        self.wanted[action_id] = self.wanted.get(action_id, 0) + 1
        key = self._calls.rng.choice((None, "key"))
        identity = delivery_id(self._now().id, action_id)
        self._try(
            lambda: self._world.redrive.one(DEMO, identity, Wanted("ann", None, key)),
            lambda: self._redrive(action_id, tries + 1),
            tries,
        )

    def _discard(self, action_id: str, tries: int) -> None:
        identity = delivery_id(self._now().id, action_id)
        self._try(
            lambda: self._world.discard.one(DEMO, identity, Wanted("ann")),
            lambda: self._discard(action_id, tries + 1),
            tries,
        )

    def _try(self, what: Callable[[], object], again: Callable[[], None], tries: int) -> None:
        try:
            with self._calls.by("operator"):
                what()
        except (Crash, DependencyUnavailableError, NotFoundError):
            if tries < 3:
                self._time.at(2 * SECOND, again)
        except MinootsError:
            return  # it is not to be


RECEIVERS: Final[Sequence[str]] = (str(AGENT["target"]), f"inbox {COLLEAGUE['target']}", str(PERSON["url"]))
"""Where those who are asked are."""
