"""The invariants about changes of mind and heartbeats: each made once, as asked for, and answered with the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, Final

from minoots_contract.instants import parse_instant
from minoots_kernel.domain.errors import (
    IdempotencyMismatchError,
    InvalidTimerError,
    NotFoundError,
    StateConflictError,
    VersionMismatchError,
)
from minoots_kernel.domain.timer import Status, Timer
from tests.simulation.invariants import letters
from tests.simulation.invariants.facts import OPEN, PENDING, Facts
from tests.simulation.journal import Answered, Asked, Entry, Wrote
from tests.simulation.world import name_of

__all__ = ["VERBS", "a_beaten_timer_lives", "changes_are_made_as_asked", "told_the_truth"]

VERBS: Final = {
    "cancel": "cancelled",
    "extend": "extended",
    "reschedule": "rescheduled",
    "snooze": "snoozed",
    "pause": "paused",
    "resume": "resumed",
    "fire": "fire_requested",
}
"""What can be wanted of a timer, and the entry that it leaves in the timeline."""

CHECK_MS: Final = 30_000
REMEMBERED: Final = 4
Due = tuple[int, int | None]
"""A due time, epoch milliseconds, and what is left of a timer that is paused then, milliseconds."""


def changes_are_made_as_asked(facts: Facts) -> Iterator[str]:
    """A request changes a timer once or not at all, into what it asks for; with a key, however often it is sent."""
    for timer_id, writes in facts.writes.items():
        asked: set[tuple[int, int]] = set()
        keyed: list[str] = []
        for write in writes[1:]:
            order, attempt = _order_of(write)
            if order is None:
                yield from _left_alone(write)
                continue
            name = f"order {order.number} ({order.verb} of {name_of(timer_id)})"
            if order.verb in letters.VERBS:
                yield from _left_alone(write)  # they change nothing of when it fires
                continue
            if (order.number, attempt) in asked and order.verb != "heartbeat":
                yield f"{name} was asked for once and made twice"
            asked.add((order.number, attempt))
            if order.verb in VERBS:
                yield from _as_asked(facts, write, name)
                key = order.details.get("key")
                if key in keyed[-REMEMBERED:]:
                    yield f"{name} was made twice under its key"
                keyed += [key] if key else []


def _order_of(write: Wrote) -> tuple[Any, int]:
    """Return whose request made a write, if one did, and which time they asked."""
    return write.by.hint if isinstance(write.by.hint, tuple) else (None, 0)


def _left_alone(write: Wrote) -> Iterator[str]:
    """What nobody asked for changes nothing of when and whether a timer fires, but that it has been too late."""
    before, after = write.before, write.after
    assert before is not None
    skipped = after.cancelled_by == "late-policy"
    if after.fire_at_ms != before.fire_at_ms or (after.generation != before.generation and not skipped):
        yield f"{name_of(after.id)} v{after.version} has another due time or generation, and nobody asked for it"
    if before.remembered != after.remembered or after.timeout_ms != before.timeout_ms:
        yield f"{name_of(after.id)} v{after.version} forgot a key or its heartbeat"


def _as_asked(facts: Facts, write: Wrote, name: str) -> Iterator[str]:
    before, after, (order, attempt) = write.before, write.after, _order_of(write)
    assert before is not None
    asked = facts.asked[order.number, attempt]
    if asked.version is not None and before.version != asked.version:
        yield f"{name} was made upon version {before.version}, and asked for upon {asked.version}"
    moment = after.timeline[-1]
    if moment.event != VERBS[order.verb] or moment.version != after.version:
        yield f"{name} is not in the timeline"
        return
    if not asked.at_ms - facts.skew_ms <= moment.at_ms <= write.at_ms + facts.skew_ms:
        yield f"{name} is said to have been made at another time"
    if after.generation != before.generation + 1:
        yield f"{name} left the wake-ups under way their generation"
    if order.verb != "cancel":
        yield from _due_as_asked(before, after, order, moment.at_ms, name)


def _due_as_asked(before: Timer, after: Timer, order: Any, at_ms: int, name: str) -> Iterator[str]:
    fire_at_ms, left_ms = _DUE[order.verb](before, order, at_ms)
    paused = left_ms is not None
    if (after.fire_at_ms, after.remaining_ms) != (fire_at_ms, left_ms):
        wanted = f"{fire_at_ms - before.fire_at_ms:+} ms, {left_ms} left"
        yield f"{name} moved it by {after.fire_at_ms - before.fire_at_ms:+} ms, {after.remaining_ms} left, not {wanted}"
    if order.verb == "fire" and after.timeout_ms is not None:
        yield f"{name} left beats that may push it out again"
    if after.status is not (Status.PAUSED if paused else Status.SCHEDULED):
        yield f"{name} left it {after.status}"
    if after.next_check_at_ms != (None if paused else max(fire_at_ms, at_ms) + CHECK_MS):
        yield f"{name} has the sweep look at another time"


def _extend(before: Timer, order: Any, _: int) -> Due:
    by_ms = order.details["by"]
    return before.fire_at_ms + by_ms, before.remaining_ms + by_ms if before.remaining_ms is not None else None


def _reschedule(before: Timer, order: Any, at_ms: int) -> Due:
    fire_at_ms = due_of(order, at_ms)
    return fire_at_ms, max(0, fire_at_ms - at_ms) if before.status is Status.PAUSED else None


def _snooze(before: Timer, order: Any, at_ms: int) -> Due:
    for_ms = order.details["duration"]
    left_ms = before.remaining_ms
    return max(before.fire_at_ms, at_ms + for_ms), max(left_ms, for_ms) if left_ms is not None else None


def _resume(before: Timer, order: Any, at_ms: int) -> Due:
    kept = order.details.get("keep") == "dueTime"
    return (before.fire_at_ms if kept else at_ms + (before.remaining_ms or 0)), None


_DUE: Final[dict[str, Callable[[Timer, Any, int], Due]]] = {
    "extend": _extend,
    "reschedule": _reschedule,
    "snooze": _snooze,
    "pause": lambda before, _, at_ms: (before.fire_at_ms, max(0, before.fire_at_ms - at_ms)),
    "resume": _resume,
    "fire": lambda _, __, at_ms: (at_ms, None),
}
"""What each change makes of a due time and of what is left, told here once more and not taken from the kernel."""


def due_of(order: Any, at_ms: int) -> int:
    """Return the due time that a reschedule asks for, epoch milliseconds."""
    fixed = order.details.get("fireAt")
    return parse_instant(fixed) if fixed else at_ms + int(order.details["duration"])


def told_the_truth(facts: Facts) -> Iterator[str]:
    """A success shows what was asked for; a refusal has its reason and changed nothing."""
    by_request: defaultdict[tuple[int, int], list[Wrote]] = defaultdict(list)
    for write in facts.all_writes:
        order, attempt = _order_of(write)
        if order is not None:
            by_request[order.number, attempt].append(write)
    for answer in facts.answers:
        if answer.order.verb not in {*VERBS, "heartbeat"} or answer.outcome == "unknown":
            continue
        own = by_request[answer.order.number, answer.asked.attempt]
        timer = facts.ends[answer.timer_id or ""]
        name = f"order {answer.order.number} ({answer.order.verb} of {name_of(timer.id)})"
        if answer.outcome == "error":
            # A beat that was made, unheard of and repeated by the client may be told what came after it.
            since = answer.order.verb == "heartbeat" and timer.status not in OPEN
            if own and not since:
                yield f"{name} was refused with {answer.value!r}, and made all the same"
            yield from _refused(facts, answer, timer, name)
        elif timer.tenant_id != answer.order.tenant_id:
            yield f"{name} was done for {answer.order.tenant_id}, whose it is not"
        else:
            yield from _shown(facts, answer, own, name)


def _shown(facts: Facts, answer: Answered, own: list[Wrote], name: str) -> Iterator[str]:
    value = answer.value
    standing = _standing(facts, value.id, answer.asked, answer)
    if value not in standing:
        yield f"{name} was answered with what did not stand then"
    if answer.order.verb == "cancel" and (facts.ends[value.id].cancel_reason, "cancelled") != (
        value.cancel_reason,
        str(facts.ends[value.id].status),
    ):
        yield f"{name} was answered with cancelled, and it is {facts.ends[value.id].status}"
    if own:
        since = value.version > own[0].after.version  # its own write was found made, and another upon it
        known = answer.order.details.get("key") is not None or _is_so(facts, answer)
        if value != own[-1].after and not (since and known):
            yield f"{name} was answered with something else than what it made"
    elif not _made_before(facts, answer) and not _is_so(facts, answer):
        yield f"{name} was answered with success, and was not made"


def _made_before(facts: Facts, answer: Answered) -> bool:
    """Tell whether a request's key had been heard before, with the same request."""
    return any(
        order.verb == answer.order.verb and write.number < answer.number
        for write in facts.writes[answer.timer_id or ""]
        if (order := _order_of(write)[0]) is not None and _same_key(order, answer.order)
    )


def _same_key(one: Any, other: Any) -> bool:
    return one.details.get("key") is not None and one.details.get("key") == other.details.get("key")


def _is_so(facts: Facts, answer: Answered) -> bool:
    """Tell whether a timer is as was asked for, so that there was nothing to be done."""
    order, value = answer.order, answer.value
    from_ms, to_ms = answer.asked.at_ms - facts.skew_ms, answer.at_ms + facts.skew_ms
    if order.verb == "heartbeat":
        beaten = value.timeout_ms is not None and value.fire_at_ms >= from_ms + value.timeout_ms
        return value.status is Status.PAUSED or (value.status in PENDING and beaten)
    if order.verb == "fire":
        about_to = value.status in PENDING and value.fire_at_ms <= to_ms and value.timeout_ms is None
        return value.fired_at_ms is not None or about_to
    if order.verb == "snooze":
        for_ms = order.details["duration"]
        return value.fire_at_ms >= from_ms + for_ms and (value.remaining_ms is None or value.remaining_ms >= for_ms)
    if order.verb == "reschedule":
        return bool(due_of(order, from_ms) <= value.fire_at_ms <= due_of(order, to_ms))
    return value.status is {"cancel": Status.CANCELLED, "pause": Status.PAUSED}.get(order.verb)


def _refused(facts: Facts, answer: Answered, timer: Timer, name: str) -> Iterator[str]:
    why, order, asked = answer.value, answer.order, answer.asked
    standing = _standing(facts, timer.id, asked, answer)
    if timer.tenant_id != order.tenant_id:
        if not isinstance(why, NotFoundError):
            yield f"{name} was answered with {why!r}, and it is another tenant's"
        return
    heard = [
        write
        for write in facts.writes[timer.id]
        if (other := _order_of(write)[0]) is not None and _same_key(other, order)
    ]
    if isinstance(why, StateConflictError):
        just = any(_conflicts(order.verb, stood) for stood in standing)
    elif isinstance(why, VersionMismatchError):
        just = asked.version is not None and any(stood.version != asked.version for stood in standing)
    elif isinstance(why, IdempotencyMismatchError):
        just = any(_order_of(write)[0].number != order.number for write in heard)
    else:
        past = order.verb == "reschedule" and due_of(order, asked.at_ms) <= answer.at_ms + facts.skew_ms
        just = isinstance(why, InvalidTimerError) and past
    if not just:
        yield f"{name} was refused with {why!r}, for which there was no reason"
    made = [write for write in heard if _order_of(write)[0].number == order.number and write.number < asked.number]
    later = [write for write in facts.writes[timer.id] if made and made[-1].number < write.number < answer.number]
    if made and sum(len(write.after.remembered) > 0 for write in later) < REMEMBERED:
        yield f"{name} had been made under its key, and was refused with {why!r}"


def _conflicts(verb: str, stood: Timer) -> bool:
    if verb == "resume":
        return stood.status is not Status.PAUSED
    return stood.status not in OPEN or (verb == "heartbeat" and stood.timeout_ms is None)


def _standing(facts: Facts, timer_id: str, asked: Asked, answer: Entry) -> list[Timer]:
    """Return how a timer stood while it was asked about."""
    writes = facts.writes[timer_id]
    before = [write.after for write in writes if write.number < asked.number][-1:]
    return before + [write.after for write in writes if asked.number < write.number < answer.number]


def a_beaten_timer_lives(facts: Facts) -> Iterator[str]:
    """A beat makes its timer due a timeout after it, never sooner than before, and touches nothing else."""
    for timer_id, writes in facts.writes.items():
        name = name_of(timer_id)
        for write in writes[1:]:
            order, attempt = _order_of(write)
            if order is not None and order.verb == "heartbeat":
                yield from _beat(facts, write, facts.asked[order.number, attempt], name)
        for write in facts.woken(timer_id):
            assert write.before is not None
            lives_until_ms = max(
                (
                    (one.after.beat_at_ms or 0) + (one.after.timeout_ms or 0)
                    for one in writes
                    if one.before
                    and one.after.beats > one.before.beats
                    and one.after.generation == write.before.generation
                ),
                default=0,
            )
            if write.after.timeline[-1].at_ms < lives_until_ms:
                yield f"{name} fired {lives_until_ms - write.after.timeline[-1].at_ms} ms before it was dead"


def _beat(facts: Facts, write: Wrote, asked: Asked, name: str) -> Iterator[str]:
    before, after = write.before, write.after
    assert before is not None
    beat_ms, timeout_ms = after.beat_at_ms or 0, after.timeout_ms or 0
    if after.fire_at_ms != beat_ms + timeout_ms or after.fire_at_ms <= before.fire_at_ms:
        yield f"a beat made {name} due {after.fire_at_ms - before.fire_at_ms:+} ms from when it was"
    if not asked.at_ms - facts.skew_ms <= beat_ms <= write.at_ms + facts.skew_ms:
        yield f"a beat of {name} counts from another time"
    same = ("status", "generation", "lap", "next_check_at_ms", "timeout_ms", "timeline", "remembered", "late_policy")
    changed = [field for field in same if getattr(before, field) != getattr(after, field)]
    if changed or after.beats != before.beats + 1:
        yield f"a beat of {name} changed {', '.join(changed) or 'the count of beats by more than one'}"
