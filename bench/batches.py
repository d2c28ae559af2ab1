"""The same timers created one by one, by batches without keys, and by batches whose timers have keys."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any

from bench.meters import LOOK, SWEEP
from bench.stack import MeteredStack, metered_stack

CLIENTS = 8
BATCH = 500
DUE = "2h"
"""Far enough not to fire while it is measured."""

Create = Callable[[MeteredStack, list[dict[str, Any]]], int]
"""Creates timers; returns in how many requests."""


def _singly(stack: MeteredStack, requests: list[dict[str, Any]]) -> int:
    return len(stack.create_many(requests, CLIENTS))


def _by_batches(stack: MeteredStack, requests: list[dict[str, Any]]) -> int:
    batches = [requests[start : start + BATCH] for start in range(0, len(requests), BATCH)]
    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(stack.create_batch, batches)) == len(requests)
    return len(batches)


def _by_keyed_batches(stack: MeteredStack, requests: list[dict[str, Any]]) -> int:
    return _by_batches(stack, [{**one, "idempotencyKey": f"k{number}"} for number, one in enumerate(requests)])


WAYS: dict[str, Create] = {
    f"one by one, {CLIENTS} clients": _singly,
    f"batches of {BATCH}": _by_batches,
    f"batches of {BATCH}, each timer with a key": _by_keyed_batches,
}


def measure(runs: int, timers: int) -> dict[str, Any]:
    """Create so many timers in each way, in turn in one stack; a new stack for each run."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in WAYS}
    for _ in range(runs):
        with metered_stack() as stack:
            _singly(stack, [_request(stack, 0)])  # makes the clients, and caches the key
            stack.tell("count_what_is_new")
            for name, create in WAYS.items():
                found[name].append(_once(stack, create, timers))
    return {"timers": timers, "ways": {name: _medians(samples) for name, samples in found.items()}}


def _request(stack: MeteredStack, number: int) -> dict[str, Any]:
    return {"name": f"timer {number}", "duration": DUE, "actionBundle": stack.webhook({"id": number})}


def _once(stack: MeteredStack, create: Create, timers: int) -> dict[str, Any]:
    requests = [_request(stack, number) for number in range(timers)]
    stack.tell("reset")
    began_s = time.perf_counter()
    http = create(stack, requests)
    took_s = time.perf_counter() - began_s
    stack.tell("wait_until_quiet")
    report = stack.tell("report")
    calls: Counter[str] = Counter()
    for stage_and_call, count in report["calls"].items():
        stage, _, call = stage_and_call.partition("/")
        # Timers with keys are stored by threads of their own, which belong to no stage.
        if stage in {"ControlPlaneFunction", ""} and stage not in {LOOK, SWEEP}:
            calls[call] += count
    units = report["write_units"]
    return {"http": http, "calls": dict(calls), "units": units["table"] + units["index"], "seconds": took_s}


def _medians(samples: list[dict[str, Any]]) -> dict[str, Any]:
    calls = sorted({call for sample in samples for call in sample["calls"]})
    return {
        **{key: median(sample[key] for sample in samples) for key in ("http", "units", "seconds")},
        "calls": {call: median(sample["calls"].get(call, 0) for sample in samples) for call in calls},
    }
