"""What a history is made of, drawn from its seed: who asks for what and when, and how often what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final
from uuid import UUID

from tests.simulation.bundles import enriched
from tests.simulation.chance import choose, source
from tests.simulation.faults import AT_CALLS, ELSEWHERE, Fault, Outage, Rates
from tests.simulation.focus import Lead, draw_focus
from tests.simulation.letter_focus import draw_letter_focus
from tests.simulation.matrix import CALLS, KINDS
from tests.simulation.shield import PutOffs
from tests.simulation.wishes import beats_of, changes_of, late_policy_of, letters_of

__all__ = ["BEGIN_MS", "TENANTS", "Order", "Plan", "draw_plan", "timer_id_of"]

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
CANCELS: Final = (("first",), ("first",), ("first", "second"), (), (), ())
"""Why a timer is cancelled, if it is."""

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


def timer_id_of(order: int, attempt: int = 1) -> str:
    """Return the id of the timer that an order makes at an attempt, and the key under which some orders are given."""
    return str(UUID(int=((order + 1) * 8 + attempt << 80) | (7 << 76) | (0b10 << 62)))


@dataclass(frozen=True)
class Plan:
    """A history before it happens.

    Attributes:
        heal_ms: When the time of faults is over.
        skew_ms: Most that a function's clock is off, either way.
        latency_ms: Longest ordinary port call.
        moods: How often receivers answer what, 0 to 1 by mood.
        put_offs: How attempts are put off, and how often.
        spared: Faults, by name, that do not strike.
    """

    seed: int
    rates: Rates
    heal_ms: int
    skew_ms: int
    latency_ms: int
    moods: Mapping[str, float]
    orders: tuple[Order, ...]
    put_offs: PutOffs = field(default_factory=PutOffs)
    spared: frozenset[str] = frozenset()

    def keeping(self, orders: tuple[Order, ...]) -> Plan:
        """Return the plan with these orders only, and those about timers that are there."""
        made = {order.number for order in orders if order.verb == "create"}
        return replace(self, orders=tuple(one for one in orders if one.target is None or one.target in made))


def draw_plan(seed: int) -> Plan:
    """Draw the plan of a seed; each concern from a source of its own, so that none moves when another asks for more."""
    rates, lead = _rates(seed)
    length = source(seed, "length").choice((4 * MINUTE, 20 * MINUTE, HOUR, 3 * HOUR))
    orders = _orders(seed, length, lead)
    return Plan(
        seed=seed,
        rates=rates,
        heal_ms=_heal_ms(source(seed, "healing"), orders, length, lead),
        skew_ms=source(seed, "clocks").choice((0, 100) if rates.calm else (0, 0, 100, 1_500)),
        latency_ms=source(seed, "latency").choice((3, 20) if rates.calm else (3, 20, 200)),
        moods=lead.moods or _moods(source(seed, "moods")),
        orders=orders,
        put_offs=lead.put_offs or _put_offs(source(seed, "put-offs")),
    )


def _heal_ms(rng: Random, orders: tuple[Order, ...], length: int, lead: Lead) -> int:
    """Draw when faults are over: mostly after the last firing; else all is well again before."""
    lasts_ms = max(order.at_ms + order.details.get("duration", 0) for order in orders)
    heals_late, more_ms = rng.random() < 0.8, rng.randint(2 * MINUTE, 30 * MINUTE)
    return lasts_ms + more_ms + lead.faulty_ms if heals_late or lead.faulty_ms else BEGIN_MS + length


def _put_offs(rng: Random) -> PutOffs:
    """Draw how attempts are put off: in most histories never."""
    return PutOffs(rng.choice((0.2, 0.5, 0.9))) if rng.random() < 0.25 else PutOffs()


def _rates(seed: int) -> tuple[Rates, Lead]:
    """Draw how often what goes wrong: nothing, a cell of the matrix, an outage, a kind of fault, a few, or all.

    One in nine is about dead letters.
    """
    at_calls = sorted({fault for faults in AT_CALLS.values() for fault in faults})
    rng = source(seed, "what goes wrong")
    profile = rng.random()
    if profile < 0.10:
        return Rates({}), Lead()
    if profile < 0.57 or profile >= 0.89:
        lead = draw_focus(seed) if profile < 0.57 else draw_letter_focus(seed)
        noise = rng.choice((0.0, 0.0, 0.01))
        rates = {fault: noise for fault in (*at_calls, *ELSEWHERE) if noise} | dict(lead.faults)
        return Rates(rates, lead.cells), lead
    if profile < 0.61:
        return Rates({}, {}, tuple(_outage(seed, number) for number in range(rng.randint(1, 2)))), Lead()
    if profile < 0.68:
        return Rates(_drawn(rng, [rng.choice((*at_calls, *ELSEWHERE))])), Lead()
    if profile < 0.82:
        return Rates(_drawn(rng, rng.sample((*at_calls, *ELSEWHERE), rng.randint(2, 5)))), Lead()
    return Rates(_drawn(rng, [*at_calls, *ELSEWHERE])), Lead()


def _outage(seed: int, number: int) -> Outage:
    """Draw a function that fails, or a port that does not answer, for a minute or an hour."""
    rng, where = source(seed, f"outage {number}"), f"outage {number}"
    begin_ms = BEGIN_MS + rng.randrange(HOUR)
    of_function = rng.random() < 0.5
    use_case = choose(seed, where, dict.fromkeys(CALLS, 1)) if of_function else ""
    port = "" if of_function else choose(seed, where, dict.fromkeys(PORTS, 1))
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


def _orders(seed: int, length: int, lead: Lead) -> tuple[Order, ...]:
    rng = source(seed, "timers")
    # Creates are numbered first, so that their timers keep their ids when more is asked about them.
    creates = [
        Order(
            number,
            BEGIN_MS + rng.randrange(max(1, length // 3)),
            rng.choice(TENANTS[:2]),
            "create",
            None,
            _wanted(seed, number, lead),
        )
        for number in range(rng.choice((1, 1, 2, 2, 3, 4, 6)))
    ]
    orders = list(creates)
    for create in creates:
        orders += _about(seed, create, len(orders), lead)
    rng = source(seed, "disaster")
    if rng.random() < (0.04 if lead.disaster is None else 1):
        first = creates[0]
        when = rng.uniform(0, 1.2) if lead.disaster is None else rng.uniform(*lead.disaster)
        at_ms = first.at_ms + int(when * first.details["duration"])
        orders.append(Order(len(orders), at_ms, "operator", "rebuild"))
    orders += letters_of(source(seed, "letters"), orders, lead, TENANTS)
    return tuple(orders)


def _wanted(seed: int, number: int, lead: Lead) -> dict[str, Any]:
    """Draw the timer of a create."""
    rng = source(seed, f"time of {number}")
    duration = rng.choice(lead.durations_ms) if lead.durations_ms else rng.randint(*rng.choice(DURATIONS_MS))
    wanted: dict[str, Any] = {"requestedBy": "caller", "name": f"order-{number}", "duration": duration}
    if lead.keyed or source(seed, f"key of {number}").random() < 0.25:
        wanted["keyed"] = True
    late_policy_of(source(seed, f"late policy of {number}"), wanted, lead)
    if lead.beats or (not lead.durations_ms and rng.random() < 0.12):
        wanted["heartbeat"] = True
    elif rng.random() < 0.15:
        # An instant instead of a duration; at times it has passed before the request arrives.
        wanted |= {"fixed": True, "duration": duration if rng.random() < 0.8 else rng.randint(-SECOND, 10)}
    rng = source(seed, f"actions of {number}")
    actions = 3 if lead.concurrency else 1 if lead.moods else rng.choice((0, 1, 1, 1, 2, 3))
    if actions:
        wanted["actionBundle"] = enriched(_bundle(rng, actions, lead))
    return wanted


def _bundle(rng: Random, actions: int, lead: Lead) -> dict[str, Any]:
    return {
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


def _about(seed: int, create: Order, number: int, lead: Lead) -> list[Order]:
    """Draw what callers ask about a timer, mostly near its due time."""
    duration = max(1, int(create.details["duration"]))
    stranger = next(tenant for tenant in TENANTS if tenant != create.tenant_id)
    about: list[Order] = []

    def about_it(concern: str) -> Random:
        return source(seed, f"{concern} of {create.number}")

    def ask(rng: Random, verb: str, tenant_id: str, **details: Any) -> None:
        near = rng.choice((0, 0, 50, SECOND, 5 * SECOND))
        moment = duration + rng.randint(-near, near) if near else rng.randrange(2 * duration + 1)
        at_ms = create.at_ms + max(0, moment)
        about.append(Order(number + len(about), at_ms, tenant_id, verb, create.number, details))

    if lead.cancels:
        about.append(Order(number, create.at_ms + duration // 2, create.tenant_id, "cancel", create.number))
    rng = about_it("cancels")
    for reason in rng.choice(CANCELS) if not lead.cancels and not lead.undisturbed else ():
        ask(rng, "cancel", create.tenant_id, reason=reason)
    wishes = (*beats_of(about_it("beats"), create.details, lead), *changes_of(about_it("changes"), create, lead))
    about += [
        Order(
            len(about) + number + place, create.at_ms + max(0, after_ms), create.tenant_id, verb, create.number, details
        )
        for place, (verb, after_ms, details) in enumerate(wishes)
    ]
    for verb in ("get", "list", "list dead letters"):
        rng = about_it(verb)
        if rng.random() < (0.9 if verb in lead.verbs else 0.15):
            ask(rng, verb, create.tenant_id)
    rng = about_it("strangers")
    if rng.random() < 0.1:
        ask(rng, rng.choice(STRANGERS_VERBS), stranger)
    return about
