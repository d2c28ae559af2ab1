"""What a history is made of, drawn from its seed: who asks for what and when, and how often what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from tests.simulation.bundles import enriched
from tests.simulation.faults import AT_CALLS, ELSEWHERE, Fault, Outage, Rates
from tests.simulation.focus import Lead, draw_focus
from tests.simulation.letter_focus import draw_letter_focus
from tests.simulation.matrix import CALLS, KINDS
from tests.simulation.wishes import beats_of, changes_of, late_policy_of, letters_of

__all__ = ["BEGIN_MS", "TENANTS", "Order", "Plan", "draw_plan"]

BEGIN_MS: Final = 1_790_000_000_000
TENANTS: Final = ("acme", "bolt", "crew")
PORTS: Final = tuple(sorted({call.partition(".")[0] for call in KINDS}))
OFTENER: Final = {Fault.INDEX_STALE: 6, Fault.FORGED_HINT: 6}
SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
DURATIONS_MS: Final = (
    (1, 5 * SECOND),
    (4 * SECOND, 70 * SECOND),
    (MINUTE, 16 * MINUTE),
    (14 * MINUTE, 40 * MINUTE),
    (HOUR, 4 * HOUR),
)
"""Timers whose wake-up the request sends itself, others by the queue, around the reach of the queue, by Scheduler."""
STRANGERS_VERBS: Final = ("cancel", "pause", "heartbeat", "get", "list", "list dead letters")
BACKOFFS_MS: Final = (100, SECOND, 20 * SECOND, 10 * MINUTE, 25 * MINUTE)


@dataclass(frozen=True)
class Order:
    """What a caller asks for.

    Attributes:
        number: Its place in the plan; it names the timer that a create makes.
        at_ms: When, true time, epoch milliseconds; of an order about another's timer with `after_due_ms` set, that
            counts from when the timer is due.
        verb: What is asked for, a name in `users.VERBS`.
        target: The order whose timer it is about.
        details: What the verb needs.
    """

    number: int
    at_ms: int
    tenant_id: str
    verb: str
    target: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """A history before it happens.

    Attributes:
        heal_ms: When the time of faults is over.
        skew_ms: Most that a function's clock is off, either way.
        latency_ms: Longest ordinary port call.
        moods: How often receivers answer what, 0 to 1 by mood.
        put_offs: How often an attempt is put off, 0 to 1.
        spared: Faults, by name, that do not strike.
    """

    seed: int
    rates: Rates
    heal_ms: int
    skew_ms: int
    latency_ms: int
    moods: Mapping[str, float]
    orders: tuple[Order, ...]
    put_offs: float = 0.0
    spared: frozenset[str] = frozenset()

    def keeping(self, orders: tuple[Order, ...]) -> Plan:
        """Return the plan with these orders only, and those about timers that are there."""
        made = {order.number for order in orders if order.verb == "create"}
        return replace(self, orders=tuple(one for one in orders if one.target is None or one.target in made))


def draw_plan(seed: int) -> Plan:
    """Draw the plan of a seed."""
    rng = Random(seed)
    rates, lead = _rates(rng)
    length = rng.choice((4 * MINUTE, 20 * MINUTE, HOUR, 3 * HOUR))
    orders = _orders(rng, length, lead)
    lasts_ms = max(order.at_ms + order.details.get("duration", 0) for order in orders)
    # Mostly faults go on past the last firing; else all is well again before.
    heal_ms = lasts_ms + rng.randint(2 * MINUTE, 30 * MINUTE) if rng.random() < 0.8 else BEGIN_MS + length
    return Plan(
        seed=seed,
        rates=rates,
        heal_ms=heal_ms,
        skew_ms=rng.choice((0, 100)) if rates.calm else rng.choice((0, 0, 100, 1_500)),
        latency_ms=rng.choice((3, 20)) if rates.calm else rng.choice((3, 20, 200)),
        moods=lead.moods or _moods(rng),
        orders=orders,
        put_offs=lead.put_offs or _put_offs(seed),
    )


def _put_offs(seed: int) -> float:
    """Draw how often attempts are put off: in most histories never."""
    rng = Random(f"{seed}: put off")
    return rng.choice((0.2, 0.5, 0.9)) if rng.random() < 0.25 else 0.0


def _rates(rng: Random) -> tuple[Rates, Lead]:
    """Draw how often what goes wrong: nothing, a cell of the matrix, an outage, a kind of fault, a few, or all.

    One in twelve is about dead letters.
    """
    at_calls = sorted({fault for faults in AT_CALLS.values() for fault in faults})
    profile = rng.random()
    if profile < 0.12:
        return Rates({}), Lead()
    if profile < 0.57 or profile >= 0.92:
        lead = draw_focus(rng) if profile < 0.57 else draw_letter_focus(rng)
        noise = rng.choice((0.0, 0.0, 0.01))
        rates = {fault: noise for fault in (*at_calls, *ELSEWHERE) if noise} | dict(lead.faults)
        return Rates(rates, lead.cells), lead
    if profile < 0.61:
        return Rates({}, {}, tuple(_outage(rng) for _ in range(rng.randint(1, 2)))), Lead()
    if profile < 0.69:
        return Rates(_drawn(rng, [rng.choice((*at_calls, *ELSEWHERE))])), Lead()
    if profile < 0.84:
        return Rates(_drawn(rng, rng.sample((*at_calls, *ELSEWHERE), rng.randint(2, 5)))), Lead()
    return Rates(_drawn(rng, [*at_calls, *ELSEWHERE])), Lead()


def _outage(rng: Random) -> Outage:
    """Draw a function that fails, or a port that does not answer, for a minute or an hour."""
    begin_ms = BEGIN_MS + rng.randrange(HOUR)
    use_case, port = (rng.choice(sorted(CALLS)), "") if rng.random() < 0.5 else ("", rng.choice(PORTS))
    fault = rng.choice((Fault.REFUSED, Fault.ANSWER_LOST, Fault.CRASH_BEFORE, Fault.CRASH_AFTER))
    return Outage(use_case, port, fault, begin_ms, begin_ms + rng.randint(MINUTE, rng.choice((10 * MINUTE, 2 * HOUR))))


def _drawn(rng: Random, faults: list[Fault]) -> dict[Fault, float]:
    worst = rng.choice((0.03, 0.1, 0.25)) / (1 if len(faults) < 6 else 4)
    return {
        fault: min(0.8, worst * rng.random() * OFTENER.get(fault, 3 if fault in ELSEWHERE else 1)) for fault in faults
    }


def _moods(rng: Random) -> Mapping[str, float]:
    kinds = ("busy", "later", "gone", "hangs", "slow", "forgets", "breaks")
    if rng.random() < 0.25:
        return {rng.choice(kinds): 0.8}
    share = rng.choice((0.0, 0.2, 0.5))
    weights = [rng.random() ** 2 for _ in kinds]
    return {kind: share * weight / sum(weights) for kind, weight in zip(kinds, weights, strict=True)}


def _orders(rng: Random, length: int, lead: Lead) -> tuple[Order, ...]:
    orders: list[Order] = []
    for _ in range(rng.choice((1, 1, 2, 2, 3, 4, 6))):
        tenant_id = rng.choice(TENANTS[:2])
        at_ms = BEGIN_MS + rng.randrange(max(1, length // 3))
        create = Order(len(orders), at_ms, tenant_id, "create", None, _wanted(rng, len(orders), lead))
        orders.append(create)
        orders += _about(rng, create, len(orders), lead)
    if rng.random() < (0.04 if lead.disaster is None else 1):
        first = next(order for order in orders if order.verb == "create")
        when = rng.uniform(0, 1.2) if lead.disaster is None else rng.uniform(*lead.disaster)
        at_ms = first.at_ms + int(when * first.details["duration"])
        orders.append(Order(len(orders), at_ms, "operator", "rebuild"))
    # From a source of their own: what else a seed draws does not depend on them.
    orders += letters_of(Random(orders[0].at_ms), orders, lead, TENANTS)
    return tuple(orders)


def _wanted(rng: Random, number: int, lead: Lead) -> dict[str, Any]:
    duration = rng.choice(lead.durations_ms) if lead.durations_ms else rng.randint(*rng.choice(DURATIONS_MS))
    wanted: dict[str, Any] = {"requestedBy": "caller", "name": f"order-{number}", "duration": duration}
    late_policy_of(rng, wanted, lead)
    if lead.beats or (not lead.durations_ms and rng.random() < 0.12):
        wanted["heartbeat"] = True
    elif rng.random() < 0.15:
        # An instant instead of a duration; at times it has passed before the request arrives.
        wanted |= {"fixed": True, "duration": duration if rng.random() < 0.8 else rng.randint(-SECOND, 10)}
    actions = 3 if lead.concurrency else 1 if lead.moods else rng.choice((0, 1, 1, 1, 2, 3))
    if actions:
        bundle = {
            "actions": [
                {"id": chr(ord("a") + index), "kind": "webhook", "parameters": {"url": "https://hooks.example/x"}}
                for index in range(actions)
            ],
            "concurrency": lead.concurrency or rng.randint(1, actions),
            "retryPolicy": {
                "maxAttempts": rng.choice((1, 2, 3, 4)),
                "backoffInitialMs": rng.choice(lead.backoffs_ms or BACKOFFS_MS),
                "backoffMultiplier": rng.choice((1, 2)),
            },
        }
        wanted["actionBundle"] = enriched(bundle)
    return wanted


def _about(rng: Random, create: Order, number: int, lead: Lead) -> list[Order]:
    """Draw what callers ask about a timer, mostly near its due time."""
    duration = max(1, int(create.details["duration"]))
    stranger = next(tenant for tenant in TENANTS if tenant != create.tenant_id)
    about: list[Order] = []

    def ask(verb: str, tenant_id: str, **details: Any) -> None:
        near = rng.choice((0, 0, 50, SECOND, 5 * SECOND))
        moment = duration + rng.randint(-near, near) if near else rng.randrange(2 * duration + 1)
        at_ms = create.at_ms + max(0, moment)
        about.append(Order(number + len(about), at_ms, tenant_id, verb, create.number, details))

    if lead.cancels:
        about.append(Order(number, create.at_ms + duration // 2, create.tenant_id, "cancel", create.number))
    else:
        for reason in rng.choice((("first",), ("first",), ("first", "second"), (), (), ())):
            ask("cancel", create.tenant_id, reason=reason)
    for verb, after_ms, details in (*beats_of(rng, create.details, lead), *changes_of(rng, create, lead)):
        at_ms = create.at_ms + max(0, after_ms)
        about.append(Order(number + len(about), at_ms, create.tenant_id, verb, create.number, details))
    for verb in ("get", "list", "list dead letters"):
        if rng.random() < (0.9 if verb in lead.verbs else 0.15):
            ask(verb, create.tenant_id)
    if rng.random() < 0.1:
        ask(rng.choice(STRANGERS_VERBS), stranger)
    return about
