"""What one timer of each kind asks of AWS, alone: nothing is shared with others in a batch."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from bench.stack import TERMINAL, MeteredStack, metered_stack

HOUR_MS = 3_600_000
LEAD_S = 74
"""A schedule is for 75 s before the due time at the latest: this close to it, each has fired."""

Play = Callable[[MeteredStack], None]


def _ended(timer: dict[str, Any]) -> bool:
    return timer["status"] in TERMINAL


def _near(stack: MeteredStack, answers: list[int], **request: Any) -> None:
    """A timer whose wake-up goes through the stream to the queue: due later than the request itself would send it."""
    stack.answers[:] = answers
    timer = stack.create({"duration": 5_500, **request})
    stack.wait(timer, _ended)


def _far(stack: MeteredStack) -> None:
    timer = stack.create({"duration": HOUR_MS, "actionBundle": stack.webhook({"id": "t1"})})
    stack.wait(timer, lambda found: found["status"] == "armed")
    stack.tell("jump", HOUR_MS / 1000 - LEAD_S)
    stack.wait(timer, lambda _found: _hint_came(stack))
    stack.tell("wait_until_quiet")
    stack.tell("jump", LEAD_S - 3)
    stack.wait(timer, _ended)


def _hint_came(stack: MeteredStack) -> bool:
    """Whether the schedule has fired and the early wake-up has been sent again."""
    return "KernelFireFunction/SendMessage" in stack.tell("report")["calls"]


def _cancelled(stack: MeteredStack, duration_ms: int, status: str) -> None:
    timer = stack.create({"duration": duration_ms, "actionBundle": stack.webhook({"id": "t1"})})
    stack.wait(timer, lambda found: found["status"] == status)
    stack.tell("wait_until_quiet")
    stack.cancel(timer)


def kinds() -> dict[str, Play]:
    """The kinds by name."""
    small = {"id": "t1", "due": 1795298400.5}
    return {
        "webhook, near": lambda s: _near(s, [], actionBundle=s.webhook(small)),
        "webhook, due within 5 s": lambda s: _near(s, [], duration=3_000, actionBundle=s.webhook(small)),
        "webhook, far": _far,
        "no action, near": lambda s: _near(s, []),
        "webhook, retried once": lambda s: _near(
            s, [503], actionBundle=s.webhook(small, maxAttempts=3, backoffInitialMs=1000)
        ),
        "webhook, failed for good": lambda s: _near(s, [404], actionBundle=s.webhook(small)),
        "webhook with a body of 2 KB": lambda s: _near(s, [], actionBundle=s.webhook({"text": "x" * 2000})),
        "cancelled, near": lambda s: _cancelled(s, 120_000, "scheduled"),
        "cancelled, far": lambda s: _cancelled(s, HOUR_MS, "armed"),
    }


def measure(repeats: int) -> dict[str, Any]:
    """Play each kind some times, and take the median of each figure."""
    found: dict[str, Any] = {}
    with metered_stack() as stack:
        _near(stack, [])  # makes the clients, and caches the key
        for name, play in kinds().items():
            found[name] = _median([_once(stack, play) for _ in range(repeats)])
    return found


def _once(stack: MeteredStack, play: Play) -> dict[str, Any]:
    stack.tell("wait_until_quiet")
    stack.tell("reset")
    play(stack)
    stack.tell("wait_until_quiet")
    report: dict[str, Any] = stack.tell("report")
    others = report["not_of_timers"]
    return {
        "calls": {key: count for key, count in report["calls"].items() if key.split("/")[0] not in others},
        "entries": report["entries"],
        "reads": sum(units for stage, units in report["reads"].items() if stage not in others),
        "table": report["write_units"]["table"],
        "index": report["write_units"]["index"],
        "failed_conditions": sum(report["failed_conditions"].values()),
    }


def _median(samples: list[dict[str, Any]]) -> dict[str, Any]:
    names = sorted({name for sample in samples for name in sample["calls"]})
    return {
        **{key: median(sample[key] for sample in samples) for key in ("reads", "table", "index", "failed_conditions")},
        "calls": {name: median(sample["calls"].get(name, 0) for sample in samples) for name in names},
        "entries": {
            name: median(sample["entries"].get(name, 0) for sample in samples)
            for name in sorted({name for sample in samples for name in sample["entries"]})
        },
    }
