"""A history in words, for whoever wants to know what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Final

from minoots_kernel.domain.timer import Timer
from tests.simulation.journal import (
    Acked,
    Answered,
    Armed,
    Asked,
    Called,
    Crashed,
    Entry,
    Fired,
    Posted,
    Published,
    Sent,
    Struck,
    Wrote,
)  # fmt: skip
from tests.simulation.loop import Task
from tests.simulation.plan import BEGIN_MS
from tests.simulation.world import History, name_of

__all__ = ["digest", "lines"]


def lines(history: History) -> list[str]:
    """Return the whole history, a line for each thing that happened."""
    plan = history.plan
    outages = plan.rates.outages
    rates = ", ".join(f"{fault} {rate:.3f}" for fault, rate in plan.rates.of.items() if rate)
    cells = ", ".join(f"{'/'.join(map(str, cell))} {rate}" for cell, rate in plan.rates.cells.items())
    head = [
        f"seed {plan.seed}: faults until {_when(plan.heal_ms)}, clocks off by up to {plan.skew_ms} ms, "
        f"calls of up to {plan.latency_ms} ms",
        f"rates: {rates or 'none'}; {cells or 'no cell'}; receivers {dict(plan.moods)}",
        *(
            f"outage of {one.use_case}/{one.port}: {one.fault}, {_when(one.begin_ms)} to {_when(one.end_ms)}"
            for one in outages
        ),
        f"spared: {len(plan.spared)} faults",
    ]
    orders = [
        f"order {order.number} at {_when(order.at_ms)}: {order.tenant_id} {order.verb}"
        + (f" of order {order.target}" if order.target is not None else "")
        + (f" {_details(order.details)}" if order.details else "")
        for order in plan.orders
    ]
    told = (line(entry) for entry in history.journal.entries if not _idle(entry))
    return [*head, *orders, "", *told]


def _idle(entry: Entry) -> bool:
    """Tell whether an entry is one of the sweep's many looks at its index that need no telling."""
    return isinstance(entry, Called) and entry.call == "TimerStore.due_for_check" and not entry.end


def line(entry: Entry) -> str:
    """Return an entry in words."""
    by = entry.by.name if isinstance(entry.by, Task) else str(entry.by)
    return f"{_when(entry.at_ms):>14}  {by:<20} {_WORDS[type(entry)](entry)}"


def _when(at_ms: int) -> str:
    minutes, ms = divmod(at_ms - BEGIN_MS, 60_000)
    return f"{minutes}:{ms // 1000:02}.{ms % 1000:03}"


def _details(details: Mapping[str, Any]) -> str:
    bundle = details.get("actionBundle")
    if not bundle:
        return " ".join(f"{name}={value}" for name, value in details.items() if name not in {"requestedBy", "name"})
    policy = bundle["retryPolicy"]
    actions = "".join(action["id"] for action in bundle["actions"])
    return (
        f"duration={details['duration']} actions={actions} concurrency={bundle['concurrency']} "
        f"attempts={policy['maxAttempts']} backoff={policy['backoffInitialMs']}x{policy['backoffMultiplier']}"
    )


def _hint(hint: Any) -> str:
    name = name_of(hint.timer_id)
    if hint.action_id is not None:
        return f"{name}.{hint.action_id}#{hint.attempt}"
    return f"{name} g{hint.generation}"


def _timer(timer: Timer) -> str:
    actions = " ".join(f"{state.id}:{state.status}/{state.tries}" for state in timer.actions)
    check = _when(timer.next_check_at_ms) if timer.next_check_at_ms is not None else "none"
    return f"{name_of(timer.id)} v{timer.version} {timer.status} g{timer.generation} check {check} {actions}".rstrip()


def _value(value: Any) -> str:
    if isinstance(value, Timer):
        return _timer(value)
    if hasattr(value, "items"):
        return f"{len(value.items)} items"
    return repr(value)


def _acked(entry: Acked) -> str:
    if entry.hint is None:
        return "done with a message that cannot be read"
    if hasattr(entry.hint, "after"):
        return f"done with the record of {_timer(entry.hint.after)}"
    return f"done with {_hint(entry.hint)}{', delivered before' if entry.again else ''}"


_WORDS: Final[Mapping[type, Callable[[Any], str]]] = {
    Called: lambda entry: f"{entry.call} {entry.about}{f'  [{entry.end}]' if entry.end else ''}",
    Wrote: lambda entry: f"WROTE {_timer(entry.after)}",
    Sent: lambda entry: f"sent {_hint(entry.message)} for {_when(entry.due_at_ms)}",
    Armed: lambda entry: f"scheduled {_hint(entry.wake_up)} for {_when(entry.at)}{'' if entry.made else ', again'}",
    Fired: lambda entry: f"delivers {_hint(entry.wake_up)}",
    Posted: lambda entry: f"POST {name_of(entry.timer_id)}.{entry.action_id}#{entry.attempt}: receiver {entry.mood}",
    Published: lambda entry: f"published {entry.event.type} {name_of(entry.event.subject)} v{entry.event.stateversion}",
    Acked: _acked,
    Asked: lambda entry: f"asks for order {entry.order.number}, {entry.order.verb}, time {entry.attempt}",
    Answered: lambda entry: f"is told of order {entry.order.number}: {entry.outcome} {_value(entry.value)}",
    Struck: lambda entry: f"FAULT {entry.name}",
    Crashed: lambda entry: f"CRASH {entry.why}",
}  # fmt: skip


def digest(history: History) -> str:
    """Return what tells two histories apart: a hash of every word of them."""
    return blake2b("\n".join(lines(history)).encode(), digest_size=16).hexdigest()
