"""Callers: what they ask for, what they are told, and how often they ask again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from minoots_contract.changes import (
    CancelTimerRequest,
    ChangeRequest,
    ExtendTimerRequest,
    FireTimerRequest,
    PauseTimerRequest,
    RescheduleTimerRequest,
    ResumeTimerRequest,
    SnoozeTimerRequest,
)
from minoots_contract.instants import format_instant
from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.application.letter_work import Wanted
from minoots_kernel.domain.api_keys import key_from_file
from minoots_kernel.domain.dead_letters import ANY_LETTER
from minoots_kernel.domain.delivery_ids import delivery_id
from minoots_kernel.domain.errors import DependencyUnavailableError, MinootsError
from minoots_kernel.domain.guards import remembered
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Timer
from tests.simulation.faults import Fault
from tests.simulation.functions import Functions
from tests.simulation.journal import Answered, Asked
from tests.simulation.loop import Task
from tests.simulation.plan import TENANTS, Order, timer_id_of

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["VERBS", "Callers", "Verb"]

TRIES: Final = 3
NOT_OF_THE_BODY: Final = {"key", "guard", "stale", "action"}
Ask = Callable[[Principal], Any]


@dataclass(frozen=True)
class Verb:
    """Something that can be asked for.

    Attributes:
        use_case: As the coverage matrix names it.
        ask: Makes the call of an order, about a timer if it is about one, upon a version of it if that matters.
    """

    use_case: str
    ask: Callable[[Functions, Order, str, int | None], Ask]


def _create(functions: Functions, order: Order, *_: Any) -> Ask:
    wanted = dict(order.details)
    if wanted.pop("fixed", False):
        wanted["fireAt"] = format_instant(order.at_ms + wanted.pop("duration"))
    key = timer_id_of(order.number) if wanted.pop("keyed", False) else None
    request = CreateTimerRequest.model_validate(wanted)
    return lambda principal: functions.create(principal, request, idempotency_key=key)


def _change(model: type[ChangeRequest]) -> Callable[[Functions, Order, str, int | None], Ask]:
    def ask(functions: Functions, order: Order, timer_id: str, version: int | None) -> Ask:
        body = {name: value for name, value in order.details.items() if name not in NOT_OF_THE_BODY}
        in_body = version is not None and order.details["guard"] == "body"
        request = model.model_validate(
            {"requestedBy": "caller", **body} | ({"stateVersion": version} if in_body else {})
        )
        versions = frozenset({version}) if version is not None and not in_body else None
        key = order.details.get("key")
        return lambda who: functions.change(who, timer_id, request, versions=versions, idempotency_key=key)

    return ask


def _letter(work: str) -> Callable[[Functions, Order, str, int | None], Ask]:
    def ask(functions: Functions, order: Order, timer_id: str, _: int | None) -> Ask:
        letter_id = delivery_id(timer_id, order.details["action"])
        return lambda who: getattr(functions, work).one(who, letter_id, _wanted(order))

    return ask


def _letters(work: str) -> Callable[[Functions, Order, str, int | None], Ask]:
    def ask(functions: Functions, order: Order, *_: Any) -> Ask:
        return lambda who: getattr(functions, work).many(who, ANY_LETTER, _wanted(order), limit=4, position=None)

    return ask


def _wanted(order: Order) -> Wanted:
    key = order.details.get("key")
    return Wanted("caller", None, None if key is None else remembered(key, "redrive").key)


VERBS: Final = {
    "redrive": Verb("redrive_dead_letters", _letter("redrive")),
    "redrive all": Verb("redrive_dead_letters", _letters("redrive")),
    "discard": Verb("discard_dead_letters", _letter("discard")),
    "discard all": Verb("discard_dead_letters", _letters("discard")),
    "create": Verb("create_timer", _create),
    "cancel": Verb("cancel_timer", _change(CancelTimerRequest)),
    "extend": Verb("extend_timer", _change(ExtendTimerRequest)),
    "reschedule": Verb("reschedule_timer", _change(RescheduleTimerRequest)),
    "snooze": Verb("snooze_timer", _change(SnoozeTimerRequest)),
    "pause": Verb("pause_timer", _change(PauseTimerRequest)),
    "resume": Verb("resume_timer", _change(ResumeTimerRequest)),
    "fire": Verb("fire_timer_now", _change(FireTimerRequest)),
    "heartbeat": Verb("heartbeat_timer", lambda functions, _, timer_id, __: lambda who: functions.beat(who, timer_id)),
    "get": Verb("get_timer", lambda functions, _, timer_id, __: lambda who: functions.get(who, timer_id)),
    "list": Verb(
        "list_timers",
        lambda functions, *_: lambda who: functions.list(who, statuses=frozenset(), limit=3, position=None),
    ),
    "list dead letters": Verb(
        "list_dead_letters",
        lambda functions, *_: lambda who: functions.list_dead_letters(who, limit=3, position=None),
    ),
}


class Callers:
    """Everybody outside.

    Attributes:
        waiting: Orders that have not come to their end.
        answers: How often requests of each verb ended how.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._verbs = dict(VERBS)
        self.waiting = 0
        self.answers: Counter[tuple[str, str]] = Counter()
        self._known: dict[int, str] = {}
        self._told_of: dict[str, int] = {}
        self._upon: dict[int, int | None] = {}

    def begin(self) -> None:
        """Have every order asked for at its time."""
        for tenant_id in TENANTS:
            self._world.ports.keys.put(key_from_file(f"key of {tenant_id}", tenant_id, name="caller"))
        for order in self._world.plan.orders:
            if order.verb != "rebuild":
                self.waiting += 1
                self._world.loop.at(order.at_ms, lambda order=order: self._ask(order, 1))

    def _ask(self, order: Order, attempt: int) -> None:
        """Send a request; nobody asks about a timer that they were not told of."""
        timer_id = self._known.get(order.target, "") if order.target is not None else ""
        if order.target is not None and not timer_id:
            self.waiting -= 1
            return
        verb, functions = self._verbs[order.verb], self._world.functions
        version = self._upon.setdefault(order.number, self._version(order, timer_id))
        asked = self._world.journal.add(Asked, order.tenant_id, order, attempt, version)
        ask = verb.ask(functions, order, timer_id, version)

        def work() -> Any:
            task = self._world.cross.task
            task.hint = (order, attempt)
            task.use_case = "authenticate"
            principal = functions.authenticate(f"key of {order.tenant_id}")
            task.use_case = verb.use_case
            return ask(principal)

        subject = f"order {order.number}"
        functions.invoke(
            "control_plane", verb.use_case, subject, work, lambda main: self._told(order, asked, timer_id, main)
        )

    def _version(self, order: Order, timer_id: str) -> int | None:
        """Return the version upon which a change is wanted: the last that callers were told of, or the one before."""
        if "guard" not in order.details:
            return None
        return max(1, self._told_of[timer_id] - (1 if order.details.get("stale") else 0))

    def _told(self, order: Order, asked: Asked, timer_id: str, main: Task | None) -> None:
        fates, subject = self._world.cross.fates, f"order {order.number}"
        outcome, value = self._outcome(main)
        if fates.strikes(Fault.CALLER_DEAF, "answer", subject):
            outcome, value = "unknown", None
        self.answers[order.verb, outcome] += 1
        gone = fates.strikes(Fault.CALLER_GONE, "answer", subject)
        if not gone:
            self._world.journal.add(Answered, order.tenant_id, order, asked, outcome, value, timer_id)
            if outcome == "ok" and order.verb == "create":
                self._known[order.number] = value.id
            if outcome == "ok" and isinstance(value, Timer):
                self._told_of[value.id] = value.version
        if not gone and outcome == "unknown" and asked.attempt < TRIES:
            later_ms = self._world.loop.now_ms + self._world.chance.between(50, 8_000, "asks again", subject)
            self._world.loop.at(later_ms, lambda: self._ask(order, asked.attempt + 1))
        else:
            self.waiting -= 1

    def _outcome(self, main: Task | None) -> tuple[str, Any]:
        if main is None or isinstance(main.error, DependencyUnavailableError):
            return "unknown", None
        if isinstance(main.error, MinootsError):
            return "error", main.error
        if main.error is not None:
            self._world.journal.broken.append(f"{type(main.error).__name__}: {main.error}")
            return "unknown", None
        return "ok", main.result
