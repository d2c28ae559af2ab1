"""The section on what a timer costs on AWS."""

from __future__ import annotations

from typing import Any

from bench.table import figure, table

# US dollars per million requests in us-east-1, November 2026: write and read units, SQS requests, schedules, events.
PRICE_WRITE, PRICE_READ, PRICE_SQS, PRICE_SCHEDULE, PRICE_EVENT = 0.625, 0.125, 0.40, 1.00, 1.00
SQS_REQUESTS = 3
"""Of a message that travels alone: sent, received, deleted."""

TEXT = f"""## What a timer costs on AWS

Each kind alone, so that nothing is shared in a batch: under load ten messages or events travel in one call. Write
units are computed from the items as their stream records show them: one per kilobyte, begun, of the larger of the old
and the new item; for an index entry one to insert or delete it, two to change its key, none to leave it; a failed
condition one. Strongly consistent reads cost one unit per four kilobytes; of a batch each key does, whether there is
an item or not. The reads of the API key and of the tenant's policies and settings, which are kept for a minute, are
left out. Those of a receiver's circuit, which is kept for a second, and of its destination are not: who sends more
than once a second to a receiver pays less. With `Audit=all` each change that a caller asks for costs one write unit
more; by default none does.

Dollars are per million timers for these services only, us-east-1, {SQS_REQUESTS} requests for each message (sent,
received, deleted) and one for each event on the bus: the last column is what is left with `BusEvents=none`. The HTTP
API's $1.00 for a million requests and Lambda come on top.
"""


def costs_section(costs: dict[str, Any]) -> str:
    rows = [_row(kind, its) for kind, its in costs.items()]
    header = (
        "timer",
        "write units",
        "of them index",
        "read units",
        "sends",
        "schedules",
        "events",
        "$/million",
        "without the bus",
    )
    calls = [(kind, _calls(its["calls"])) for kind, its in costs.items()]
    return f"{TEXT}\n{table(header, rows)}\n{table(('timer', 'calls'), calls)}"


def _row(kind: str, its: dict[str, Any]) -> tuple[str, ...]:
    sends = _count(its["calls"], "SendMessage")
    schedules = _count(its["calls"], "CreateSchedule")
    events = _count(its["entries"], "PutEvents")
    writes = its["table"] + its["index"]
    dollars = (
        writes * PRICE_WRITE + its["reads"] * PRICE_READ + sends * SQS_REQUESTS * PRICE_SQS + schedules * PRICE_SCHEDULE
    )
    figures = (writes, its["index"], its["reads"], sends, schedules, events)
    return (kind, *map(figure, figures), f"{dollars + events * PRICE_EVENT:.2f}", f"{dollars:.2f}")


def _count(counts: dict[str, float], operation: str) -> float:
    return sum(count for name, count in counts.items() if name.partition("/")[2] == operation)


def _calls(calls: dict[str, float]) -> str:
    by_function: dict[str, list[str]] = {}
    for name, count in calls.items():
        if not count:
            continue  # in one of the repeats only: something that is read once a minute
        function, _, operation = name.partition("/")
        times = "" if count == 1 else f" (x{figure(count)})"
        by_function.setdefault(function.removesuffix("Function"), []).append(f"{operation}{times}")
    return "; ".join(f"{function}: {', '.join(operations)}" for function, operations in by_function.items())
