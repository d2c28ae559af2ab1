"""The invariants that the world outside relies on: what callers are told, what is published, how late it gets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minoots_kernel.domain.errors import NotFoundError
from minoots_kernel.domain.timer import Timer
from tests.simulation.invariants import changes, letters
from tests.simulation.invariants.facts import Facts
from tests.simulation.journal import Answered, Wrote
from tests.simulation.world import made_by, name_of

__all__ = [
    "a_key_makes_one_timer",
    "acknowledged_means_durable",
    "callers_are_told_the_truth",
    "events_are_published_once_stored",
    "it_comes_to_rest",
    "no_tenant_sees_anothers_data",
    "nothing_breaks",
]


def no_tenant_sees_anothers_data(facts: Facts) -> Iterator[str]:
    """No answer, event, delivery or dead letter crosses from one tenant to another."""
    for answer in facts.answers:
        others = {item.tenant_id for item in _shown(answer) if item.tenant_id != answer.order.tenant_id}
        if others:
            yield f"{answer.order.tenant_id} was shown what belongs to {', '.join(sorted(others))}"
        timer = facts.ends.get(answer.timer_id or "")
        asks_for_it = answer.order.verb in {"get", "heartbeat", *changes.VERBS, *letters.VERBS}
        stranger = timer is not None and asks_for_it and timer.tenant_id != answer.order.tenant_id
        if stranger and answer.outcome == "error" and not isinstance(answer.value, NotFoundError):
            yield f"{answer.order.tenant_id} was told of {name_of(answer.timer_id or '')} by {answer.value!r}"
    for post in facts.all_posts:
        if post.stood is None or post.stood.tenant_id != post.by.hint.tenant_id:
            yield f"{name_of(post.timer_id)} acted for {post.by.hint.tenant_id}"
    for published in facts.published:
        owner = facts.ends.get(published.event.subject or "")
        if owner is None or owner.tenant_id != published.event.tenantid:
            yield f"an event of {name_of(published.event.subject or '')} went to {published.event.tenantid}"


def _shown(answer: Answered) -> list[Any]:
    if answer.outcome != "ok":
        return []
    return [answer.value] if hasattr(answer.value, "tenant_id") else list(getattr(answer.value, "items", ()))


def acknowledged_means_durable(facts: Facts) -> Iterator[str]:
    """What a caller was told is done was stored before they were told."""
    for answer in facts.answers:
        if answer.outcome != "ok" or answer.order.verb not in {"create", "heartbeat", *changes.VERBS}:
            continue
        stored = [write.after for write in facts.writes[answer.value.id] if write.number < answer.number]
        if answer.value not in stored:
            yield f"{answer.order.verb} of {name_of(answer.value.id)} was acknowledged before it was stored"


def callers_are_told_the_truth(facts: Facts) -> Iterator[str]:
    """Each answer agrees with what came of it."""
    for answer in facts.answers:
        check = {"create": _create, "get": _get, "list": _list}.get(answer.order.verb)
        if check is not None and answer.outcome != "unknown":
            yield from check(facts, answer)
    yield from changes.told_the_truth(facts)
    yield from letters.told_the_truth(facts)


def _create(facts: Facts, answer: Answered) -> Iterator[str]:
    made = made_by(answer.order, answer.asked.attempt)
    # Under a key an earlier attempt, given up for lost, may come true when this one has been refused.
    if answer.outcome == "error" and made in facts.ends and facts.writes[made][0].number < answer.asked.number:
        yield f"the create of {name_of(made)} was refused with {answer.value!r}, and had been made under its key"
    elif answer.outcome == "error" and made in facts.ends and not answer.order.details.get("keyed"):
        yield f"the create of {name_of(made)} was refused, and it exists"
    if answer.outcome == "ok" and (answer.value.id != made or answer.value.name != answer.order.details["name"]):
        yield f"the create of {name_of(made)} was answered with another timer"


def a_key_makes_one_timer(facts: Facts) -> Iterator[str]:
    """However often a create is sent under a key, it makes one timer, and every answer is that one."""
    for order in facts.history.plan.orders:
        made = [timer for timer in facts.ends.values() if timer.name == order.details.get("name")]
        if order.verb == "create" and order.details.get("keyed") and len(made) > 1:
            yield f"order {order.number} was made {len(made)} times under one key"


def _get(facts: Facts, answer: Answered) -> Iterator[str]:
    name = name_of(answer.timer_id or "")
    own = facts.ends[answer.timer_id or ""].tenant_id == answer.order.tenant_id
    if answer.outcome == "error":
        if own:
            yield f"{name} was not found by its owner"
        return
    stood = [write for write in facts.writes[answer.timer_id or ""] if write.number < answer.number]
    known = max((write.after.version for write in stood if write.number < answer.asked.number), default=0)
    if answer.value.version < known or not _stood(answer.value, stood):
        yield f"{name} was shown as it did not stand"


def _list(facts: Facts, answer: Answered) -> Iterator[str]:
    if answer.outcome == "ok":
        for timer in answer.value.items:
            if not _stood(timer, [write for write in facts.writes[timer.id] if write.number < answer.number]):
                yield f"{name_of(timer.id)} was listed as it did not stand"


def _stood(timer: Timer, writes: list[Wrote]) -> bool:
    return any(write.after == timer for write in writes)


def events_are_published_once_stored(facts: Facts) -> Iterator[str]:
    """Every moment of every timer is published, at least once, after it was stored, under a key of its own."""
    stored: dict[str, tuple[int, str]] = {}
    for write in facts.all_writes:
        known = write.before.version if write.before else 0
        moments = [moment for moment in write.after.timeline if moment.version > known]
        for index, moment in enumerate(moments):
            key = f"timer:{write.after.tenant_id}:{write.after.id}:{moment.version}"
            stored[f"{key}:{moment.event}" if index else key] = (write.number, moment.event)
    published = set()
    for entry in facts.published:
        event = entry.event
        published.add(event.id)
        number, name = stored.get(event.id, (1 << 62, ""))
        if number > entry.number:
            yield f"{event.id} ({event.type}) was published before it was stored"
        elif event.type != f"io.minoots.timer.{name}.v1" or event.dedupekey != event.id:
            yield f"{event.id} is {name}, and was published as {event.type}"
    kept = {change.after.version for change in _put_aside(facts)}
    for key, (_, event_name) in stored.items():
        if key not in published and int(key.split(":")[3]) not in kept:
            yield f"{key} ({event_name}) was never published"


def _put_aside(facts: Facts) -> list[Any]:
    parked = [record.record["dynamodb"]["NewImage"] for record in facts.world.ports.parked.truth.parked]
    changes = [image["change"] for image in parked if "change" in image]
    return [*changes, *facts.world.streams["event_fabric"].given_up]


def it_comes_to_rest(facts: Facts) -> Iterator[str]:
    """Once all is done nothing goes on, and what nobody can read is put aside."""
    if facts.history.storm:
        yield facts.history.storm
    elif not facts.history.rested:
        yield "there is always something left to be done"
    else:
        parked = {
            (record.consumer, record.record["dynamodb"]["SequenceNumber"])
            for record in facts.world.ports.parked.truth.parked
        }
        for name, stream in facts.world.streams.items():
            lost = [number for number in stream.poisoned if (name, number) not in parked]
            if lost:
                yield f"{len(lost)} records that {name} cannot read were not put aside"


def nothing_breaks(facts: Facts) -> Iterator[str]:
    """No code raises what it should not."""
    yield from facts.history.journal.broken
