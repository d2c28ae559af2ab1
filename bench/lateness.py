"""The section on lateness by the model of AWS."""

from __future__ import annotations

from statistics import median, quantiles
from typing import Any

from bench.table import figure, table

HEAD = """## Lateness on the model of AWS, with real leads

{timers:,} far timers (due in 20 minutes to 30 days, so that leads cover their whole range of 75-840 s) and as many near
ones (due in 1 s to 15 minutes, one created every two seconds) on `--model-aws --no-cold-starts --clock virtual`: queue
hops, stream hops and Scheduler's minute are drawn from published percentiles, and a month passes in under a minute.
Milliseconds, medians of {runs}; max is that of all. FIRE is `latenessMs`; arrival is at the webhook's receiver.
Not in it: cold starts, and DynamoDB's own milliseconds for the write that fires.
"""

FOOT = """A timer fires on the millisecond: its wake-up lies in the queue until 0.3 to 1.3 s before, which hardly one
hop in ten thousand uses up, and the last bit is waited out with the timer already read. What arrival adds is one hop of
the action queue (p50 16, p99 105 ms) and about 4 ms of this machine. The stream hop (p99 552 ms) is over seconds before
anything is due. A cold start of the orchestrator would add its 150-400 ms to single arrivals, one for each new
environment. Scheduler alone takes its minute, and up to a second more because its times have no fraction.
"""

ROWS = {
    "far fire": "far timers, FIRE",
    "far arrival": "far timers, arrival",
    "near fire": "near timers, FIRE",
    "near arrival": "near timers, arrival",
    "alone": "EventBridge Scheduler alone, a schedule at the due time, arrival in its queue",
    "alone by its model": "EventBridge Scheduler alone, drawn from the model of its minute",
}


def lateness_section(runs: list[dict[str, Any]]) -> str:
    """The one table, and what makes its figures."""
    rows = []
    for name, title in ROWS.items():
        lates = [run["late"][name] for run in runs]
        p50, p99 = (figure(round(median(_percentile(late, at) for late in lates), 1)) for at in (50, 99))
        rows.append((title, figure(len(lates[0])), p50, p99, figure(round(max(map(max, lates)), 1))))
    said = "one run" if len(runs) == 1 else f"{len(runs)} runs"
    header = ("", "timers", "p50", "p99", "max")
    return f"{HEAD.format(timers=runs[0]['timers'], runs=said)}\n{table(header, rows)}\n{FOOT}"


def _percentile(late: list[float], percent: int) -> float:
    return quantiles(late, n=100, method="inclusive")[percent - 1]
