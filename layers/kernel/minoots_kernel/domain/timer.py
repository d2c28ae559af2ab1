"""What a timer is: frozen data, no behaviour beyond reading it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from pydantic import JsonValue

from minoots_contract.actions import Action, ActionBundle
from minoots_contract.agents import AgentBinding
from minoots_contract.late_policy import LatePolicy
from minoots_contract.retry import Failure
from minoots_contract.timers import Outcome
from minoots_kernel.domain.asks import Acknowledgement
from minoots_kernel.domain.put_offs import PutOffs

__all__ = [
    "NEVER_REDRIVEN",
    "ActionState",
    "ActionStatus",
    "Attempt",
    "Moment",
    "Redriven",
    "Remembered",
    "Status",
    "Timer",
    "TimerSpec",
    "Via",
]


class Status(StrEnum):
    """Where a timer stands in its life; `transitions.MOVES` says which may follow which."""

    SCHEDULED = "scheduled"
    ARMED = "armed"
    PAUSED = "paused"
    FIRED = "fired"
    SETTLED = "settled"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def pending(self) -> bool:
        """Whether the timer still waits for its time."""
        return self in {Status.SCHEDULED, Status.ARMED}

    @property
    def terminal(self) -> bool:
        """Whether the timer has ended."""
        return self in {Status.SETTLED, Status.FAILED, Status.CANCELLED}


class ActionStatus(StrEnum):
    """How far one action of a fired timer has come.

    `escalated` ended while it was still tried, because the action that it escalated to succeeded; `skipped` is a
    stand-by or a callback that is not needed, or not any more.
    """

    WAITING = "waiting"
    DISPATCHED = "dispatched"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ESCALATED = "escalated"
    SKIPPED = "skipped"

    @property
    def terminal(self) -> bool:
        """Whether the action has ended."""
        return self is not ActionStatus.WAITING and self is not ActionStatus.DISPATCHED


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of an action. Times are epoch milliseconds; `connect_ms`, `first_byte_ms`, `excerpt` as in `Answer`.

    Of one whose failure is `expired` nothing was sent: its time was over.
    """

    number: int
    started_at_ms: int
    ended_at_ms: int
    outcome: Literal["succeeded", "failed"]
    status_code: int | None = None
    error: str | None = None
    connect_ms: int | None = None
    first_byte_ms: int | None = None
    excerpt: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Redriven:
    """How often an action that had failed for good was taken up again.

    Attributes:
        times: How often; a dead letter names its death by it.
        after_tries: The attempts that had been made when it was taken up last: those of its policy count from there.
        key: Digest of the idempotency key that the latest redrive came with, if it had one.
    """

    times: int = 0
    after_tries: int = 0
    key: str | None = None


NEVER_REDRIVEN: Final = Redriven()


@dataclass(frozen=True, slots=True)
class ActionState:
    """What has become of one action.

    Attributes:
        id: The action's id in its bundle.
        status: How far it has come.
        tries: Attempts made so far; `attempts` may hold fewer, the latest.
        attempts: The latest attempts, oldest first.
        dispatched_at_ms: When the write that released the action was made.
        next_attempt_at_ms: When the next attempt is due, after a failed one or because it was put off.
        redriven: How often it was taken up again after it had failed.
        discarded: Whether somebody let its dead letter go; it stays failed then.
        put_off: That the next attempt was put off, if it was.
        given_up: Why there is no further attempt though the policy has some left, of an action that failed.
    """

    id: str
    status: ActionStatus = ActionStatus.WAITING
    tries: int = 0
    attempts: tuple[Attempt, ...] = ()
    dispatched_at_ms: int | None = None
    next_attempt_at_ms: int | None = None
    redriven: Redriven = NEVER_REDRIVEN
    discarded: bool = False
    put_off: PutOffs | None = None
    given_up: str | None = None

    @property
    def next_attempt(self) -> int:
        """The number of the attempt that comes next, from 1."""
        return self.tries + 1

    @property
    def called_for(self) -> int:
        """The latest attempt that there may be a message of: what waits for its turn, first or again, has none yet."""
        return self.tries if self.status is ActionStatus.WAITING else self.next_attempt

    @property
    def tries_this_time(self) -> int:
        """The attempts since the firing or, of an action that was redriven, since the latest redrive."""
        return self.tries - self.redriven.after_tries

    @property
    def error(self) -> str | None:
        """Why its last attempt failed, and why it was the last; none of an action that was not tried."""
        said = (self.attempts[-1].error if self.attempts else None, self.given_up)
        return "; ".join(part for part in said if part) or None


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of the timeline.

    Attributes:
        event: What happened, in the contract's words.
        at_ms: When, epoch milliseconds.
        version: What the write made the timer's version.
        by: Who asked for it.
        note: Why, or what it was.
    """

    event: str
    at_ms: int
    version: int
    by: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Remembered:
    """A change that was made under an idempotency key: short digests of the key and of what was asked."""

    key: str
    request: str


@dataclass(frozen=True, slots=True)
class Via:
    """Who asked for a write, and from where, for the audit.

    Attributes:
        action: The operation's id.
        subject: The caller.
        key_id: Its API key; of a key from a key file the first sixteen digits.
        ip: Where it called from.
        request_id: Which request it was.
        issuer: Who issued its token, if it had one.
        kept_days: How long the audit keeps its entry, days; as the deployment says if none.
    """

    action: str
    subject: str
    key_id: str | None = None
    ip: str | None = None
    request_id: str = ""
    issuer: str | None = None
    kept_days: int | None = None


@dataclass(frozen=True, slots=True)
class TimerSpec:
    """What the caller asked for beside the time.

    Attributes:
        revision: Which it is of the specs that the timer has had; empty for the one that it began with.
    """

    metadata: dict[str, JsonValue] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    bundle: ActionBundle | None = None
    agent_binding: AgentBinding | None = None
    revision: str = ""

    def action(self, action_id: str) -> Action | None:
        """Return the action or callback of that id, if there is one."""
        actions = (*self.bundle.actions, *self.bundle.callbacks) if self.bundle else ()
        return next((action for action in actions if action.id == action_id), None)


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer. Times are epoch milliseconds by the service's clock.

    Attributes:
        generation: Rises when a change of mind makes the wake-ups under way stale; each wake-up carries it.
        version: The wire's `stateVersion`; rises by one with each write.
        next_check_at_ms: When the sweep should look at the timer; none when nothing is left to be done for it.
        late_policy: What becomes of the timer when it is late; none when it fires all the same.
        paused_at_ms: Since when the timer is paused.
        remaining_ms: What a paused timer has left, milliseconds.
        timeout_ms: After how long without a heartbeat the timer fires; none when it waits for none.
        beat_at_ms: The beat that the due time counts from: always `timeout_ms` before it.
        beats: Heartbeats so far.
        lap: How often the wake-up of this generation was sent on because the due time had moved away under it; each
            wake-up carries it.
        timeline: What happened, oldest first; the events of the timer are read from here.
        remembered: The latest changes that came with an idempotency key, oldest first.
        via: Who asked for the latest write, if a caller did and the deployment's audit has what was allowed.
        decided: What came of its actions, where the status alone does not say it.
        acknowledgements: Of the actions that require one, once they have asked for it.
        request: Digest of the request that created it, if that came with an idempotency key.
    """

    id: str
    tenant_id: str
    name: str
    requested_by: str
    status: Status
    created_at_ms: int
    fire_at_ms: int
    spec: TimerSpec
    generation: int = 1
    version: int = 1
    late_policy: LatePolicy | None = None
    armed_at_ms: int | None = None
    paused_at_ms: int | None = None
    remaining_ms: int | None = None
    fired_at_ms: int | None = None
    settled_at_ms: int | None = None
    cancelled_at_ms: int | None = None
    cancelled_by: str | None = None
    cancel_reason: str | None = None
    failure_reason: str | None = None
    next_check_at_ms: int | None = None
    timeout_ms: int | None = None
    beat_at_ms: int | None = None
    beats: int = 0
    lap: int = 0
    actions: tuple[ActionState, ...] = ()
    timeline: tuple[Moment, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    via: Via | None = None
    decided: Outcome | None = None
    request: str | None = None

    @property
    def outcome(self) -> Outcome | None:
        """What came of the actions, once all but a callback have ended; none of a timer that was cancelled."""
        return self.decided or _OUTCOMES.get(self.status)

    acknowledgements: tuple[Acknowledgement, ...] = ()

    @property
    def duration_ms(self) -> int:
        """From creation to due, milliseconds."""
        return self.fire_at_ms - self.created_at_ms

    @property
    def lateness_ms(self) -> int | None:
        """How long after its time the timer fired, milliseconds."""
        return None if self.fired_at_ms is None else self.fired_at_ms - self.fire_at_ms

    @property
    def failed_at_ms(self) -> int | None:
        """When the timer failed, epoch milliseconds."""
        return next((moment.at_ms for moment in reversed(self.timeline) if moment.event == "failed"), None)

    def action(self, action_id: str) -> ActionState | None:
        """Return the state of the action of that id, if there is one."""
        return next((state for state in self.actions if state.id == action_id), None)

    def acknowledgement(self, action_id: str) -> Acknowledgement | None:
        """Return how far the acknowledgement of the action of that id has come, if it was asked for."""
        return next((one for one in self.acknowledgements if one.action_id == action_id), None)


_OUTCOMES: Final[dict[Status, Outcome]] = {Status.SETTLED: "succeeded", Status.FAILED: "failed"}
