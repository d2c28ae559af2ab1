"""What callers want of their timers once these are made: changes of mind, heartbeats, late policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any, Final

from minoots_contract.instants import format_instant
from tests.simulation.focus import Lead

if TYPE_CHECKING:
    from tests.simulation.plan import Order

__all__ = ["beats_of", "changes_of", "late_policy_of", "letters_of"]

SECOND, MINUTE = 1_000, 60_000
BEATEN_FOR_MS: Final = 8 * 60 * MINUTE
AMOUNTS_MS: Final = (1, 900, 3 * SECOND, 20 * SECOND, 3 * MINUTE, 20 * MINUTE, 90 * MINUTE)
ALLOWED_MS: Final = (100, 2 * SECOND, 20 * SECOND, 70 * SECOND, 10 * MINUTE)
WEIGHTS: Final = {"extend": 5, "reschedule": 4, "snooze": 3, "pause": 3, "resume": 3, "fire": 2, "cancel": 1}
LETTER_VERBS: Final = ("redrive", "redrive", "redrive all", "discard", "discard all")
AFTER_DEATH_MS: Final = (1 * SECOND, 5 * SECOND, 40 * SECOND, 4 * MINUTE, 40 * MINUTE)
Wish = tuple[str, int, dict[str, Any]]
"""What is wanted, how long after the create, milliseconds, and how exactly."""


def late_policy_of(rng: Random, wanted: dict[str, Any], lead: Lead) -> None:
    """Give a timer a late policy, or none."""
    if lead.late or rng.random() < 0.2:
        wanted["latePolicy"] = _late_policy(rng, lead.late)


def _late_policy(rng: Random, mode: str = "") -> dict[str, Any]:
    mode = mode or rng.choice(("skip", "skip", "deadLetter", "deadLetter", "fire"))
    return {"mode": mode} if mode == "fire" else {"mode": mode, "afterMs": rng.choice(ALLOWED_MS)}


def beats_of(rng: Random, wanted: Mapping[str, Any], lead: Lead) -> Iterator[Wish]:
    """Beat a heartbeat timer for a while, more or less in time, and leave it to die."""
    if not wanted.get("heartbeat"):
        if rng.random() < 0.02:
            yield "heartbeat", wanted["duration"] // 2, {}
        return
    timeout_ms, at_ms = wanted["duration"], 0
    slowest = rng.choice((0.5, 0.9, 1.0, 1.02))
    for _ in range(rng.choice((1, 3, 8, 20)) if not lead.beats else 8):
        at_ms += max(1, int(timeout_ms * rng.uniform(0.2, slowest)))
        if at_ms > BEATEN_FOR_MS:
            return
        yield "heartbeat", at_ms, {}


def changes_of(rng: Random, create: Order, lead: Lead) -> list[Wish]:
    """Change a timer's mind: at any time, near its due time, many at one moment."""
    if lead.changes:
        verbs = list(lead.changes)
    elif not lead.cancels and not lead.undisturbed and rng.random() < (0.45 if lead == Lead() else 0.1):
        verbs = rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=rng.choice((1, 1, 2, 3, 6)))
    else:
        return []
    duration = max(1, int(create.details["duration"]))
    at_ms = rng.choice((rng.randrange(duration), max(0, duration - rng.choice((50, SECOND, 5 * SECOND)))))
    wishes: list[Wish] = []
    for verb in verbs:
        details = _details(rng, verb, create.at_ms + at_ms) | _care(rng, len(wishes), create.number)
        wishes.append((verb, at_ms, details))
        if rng.random() < 0.1:
            wishes.append((verb, at_ms + rng.choice((0, 500, 20 * SECOND)), dict(details)))  # asked for once more
        if verb == "pause" and not lead.changes and rng.random() < 0.7:
            kept = {"keep": rng.choice(("remaining", "dueTime"))}
            wishes.append(("resume", at_ms + rng.choice(AMOUNTS_MS), kept | _care(rng, len(wishes), create.number)))
        at_ms += rng.choice((0, 20, SECOND, 10 * SECOND, MINUTE, 15 * MINUTE))
    return wishes


def _details(rng: Random, verb: str, at_ms: int) -> dict[str, Any]:
    """Draw how a change is wanted exactly."""
    amount_ms = rng.choice(AMOUNTS_MS)
    if verb == "extend":
        return {"by": amount_ms}
    if verb == "snooze":
        return {"duration": amount_ms}
    if verb == "resume":
        return {"keep": rng.choice(("remaining", "dueTime"))}
    if verb == "reschedule":
        when = {"duration": amount_ms} if rng.random() < 0.5 else {"fireAt": format_instant(at_ms + amount_ms)}
        return when | ({"latePolicy": _late_policy(rng)} if rng.random() < 0.25 else {})
    return {}


def _care(rng: Random, number: int, timer: int) -> dict[str, Any]:
    """Draw how careful a caller is: with a key, perhaps one that was used, and upon which version."""
    care: dict[str, Any] = {}
    if rng.random() < 0.4:
        care["key"] = f"k{timer}-{number if rng.random() < 0.9 else 0}"
    if rng.random() < 0.3:
        care |= {"guard": rng.choice(("header", "body")), "stale": rng.random() < 0.15}
    return care


def letters_of(rng: Random, orders: Sequence[Order], lead: Lead, tenants: Sequence[str]) -> list[Order]:
    """Redrive and discard what may have died by then: one's own letters, or all of a tenant's; some twice at once."""
    made = [order for order in orders if order.verb == "create" and order.details.get("actionBundle")]
    wanted: list[Order] = []

    def ask(create: Order, verb: str, after_due_ms: int) -> None:
        actions = create.details["actionBundle"]["actions"]
        details: dict[str, Any] = {"action": rng.choice(actions)["id"]}
        if rng.random() < 0.7:
            details["key"] = f"l{create.number}-{rng.choice('aab')}"
        at_ms = create.at_ms + max(0, int(create.details["duration"])) + after_due_ms
        target = None if verb.endswith("all") else create.number
        number = len(orders) + len(wanted)
        asker = create.tenant_id if rng.random() < 0.95 else rng.choice(tenants)
        order = replace(create, number=number, tenant_id=asker, at_ms=at_ms, verb=verb, target=target, details=details)
        wanted.append(order)

    for create in made:
        if not lead.letters and rng.random() > 0.2:
            continue
        after_ms = rng.choice(lead.letters_at_ms or AFTER_DEATH_MS)
        for verb in lead.letters or rng.choices(LETTER_VERBS, k=rng.choice((1, 1, 2, 3))):
            ask(create, verb, after_ms)
            if rng.random() < 0.2:
                ask(create, rng.choice(LETTER_VERBS), after_ms)
            after_ms += rng.choice((0, 30, SECOND, 20 * SECOND, 3 * MINUTE, 40 * MINUTE))
    return wanted
