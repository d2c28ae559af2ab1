"""Writes `docs/benchmarks.md` and its plots from the results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.batches_page import batch_section
from bench.costs import costs_section
from bench.lateness import lateness_section
from bench.peers import PEERS
from bench.routes_page import floor_section, routes_section
from bench.svg import percentile_chart
from bench.table import figure, table

Results = dict[str, Any]
Runs = list[dict[str, Any]]

INTRO = """# Benchmarks

```sh
make bench                        # everything, three runs, about three quarters of an hour
make bench RUNS=1                 # one run of everything, a quick look
make bench ARGS="--only cpu"      # parts: workloads, pending, b, batch, leads, costs, cpu, routes, imports
```

The workloads need the peer harness, the folder `shared` beside this checkout (or `make bench SHARED=/path/to/shared`).
This page is written by that command, where parts that are left out keep their last figures; figures are medians of the
runs, ratios are taken within a run. Nothing here is a test.

All of it is the local stack: the deployed code on emulated AWS (moto) in one process, with its journal on the disk. It
says what the laptop can carry, what a timer costs in calls, units and CPU, and whether either grows with the number
pending. It does not say how fast AWS is.
"""

LATENESS = """Lateness is the arrival of the webhook less the due time, in milliseconds, on one clock; server, driver
and sink share the cores. Creates are single `POST /timers`, each answered after the journal has reached the disk. The
timers of (c) have one due time: their lateness is the queue before them, and the rate at which they settle is what the
stack sustains.
"""

PENDING = """Written into the journal beforehand, due from thirty days on.{armed} Memory: {each} MB for each 10,000
pending.
"""

PEERS_TEXT = """## Beside others

The same harness and workloads, measured elsewhere: on another two-core machine, in November 2026. They are servers made
for one machine, the local stack is an emulator of a cloud: orders of magnitude compare, figures do not.
"""

CPU = """## CPU of a timer

Milliseconds for one near webhook timer from create to settled, in {timers} timers; a stage is the function that does
it. Measured by each thread's own clock and split by layer.
"""

COLD_START = """## Cold start

A fresh process, compiled modules in the cache, medians of five: to import the handler's module, then to build the
handler (clients, routes).
"""


def write(results: Results, docs: Path) -> str:
    """Write the page and its plots; return the page."""
    sections: dict[str, Callable[[Any], str]] = {
        "workloads": lambda found: _workloads(found, results["pending"]),
        "batch": batch_section,
        "leads": lateness_section,
        "costs": costs_section,
        "cpu": _cpu,
        "routes": lambda found: "\n".join([routes_section(found), floor_section(found, results.get("cpu", []))]),
        "imports": _imports,
    }
    written = [INTRO, _machine(results), *(make(results[part]) for part, make in sections.items() if part in results)]
    if "workloads" in results:
        _plots(results["workloads"], docs / "benchmarks")
    page = "\n".join(written)
    (docs / "benchmarks.md").write_text(page, encoding="utf-8")
    return page


def _machine(results: Results) -> str:
    rows = [(name, value) for name, value in results["machine"].items()]
    return f"## Machine\n\n{table(('', ''), rows)}\nRuns: {results['runs']}.\n"


def _workloads(found: dict[str, Runs], pending: int) -> str:
    parts = ["## Throughput and lateness\n", LATENESS, "", _creates(found), _lateness(found)]
    if {"a", "a-pending"} <= found.keys():
        parts.append(_pending(found, pending))
    if {"a", "c", "create-32"} <= found.keys():
        parts.append(_peers(found))
    return "\n".join(parts)


def _creates(found: dict[str, Runs]) -> str:
    rows = []
    for clients in (1, 32):
        if runs := found.get(f"create-{clients}"):
            rows.append((clients, *(_of(runs, name) for name in ("creates_per_s", "create_p50_ms", "create_p99_ms"))))
    return table(("clients", "creates/s", "p50, ms", "p99, ms"), rows)


WORKLOADS = {
    "a": "(a) 1,000 over 30 s",
    "a-pending": "(a) with the pending timers",
    "b": "(b) 10,000 over 60 s",
    "c": "(c) 2,000 at one instant",
}


def _lateness(found: dict[str, Runs]) -> str:
    names = ("p50", "p95", "p99", "max", "early", "lost", "dup")
    rows = []
    for workload, title in WORKLOADS.items():
        if runs := found.get(workload):
            cpu_ms = _median(runs, _cpu_ms)
            rate = _of(runs, "settled_per_s") if workload == "c" else ""
            rows.append((title, *(_of(runs, name) for name in names), rate, figure(cpu_ms)))
    header = ("workload", "p50", "p95", "p99", "max", "early", "lost", "doubled", "settled/s", "CPU ms per timer")
    images = "\n".join(
        f"![Lateness of workload ({name})](benchmarks/lateness-{name}.svg)" for name in ("a", "b", "c") if name in found
    )
    return f"{table(header, rows)}\n{images}\n"


def _pending(found: dict[str, Runs], pending: int) -> str:
    full, empty = found["a-pending"], found["a"]
    pairs = list(zip(full, empty, strict=False))

    def ratio(name: str) -> str:
        return figure(median(one[name] / other[name] for one, other in pairs))

    cpu_ratio = figure(median(_cpu_ms(one) / _cpu_ms(other) for one, other in pairs))
    grown_mb = _median(pairs, lambda pair: pair[0]["rss_start_mb"] - pair[1]["rss_start_mb"])
    armed = full[-1].get("armed_at_start")
    rows = [
        ("creates/s, 32 clients", _of(empty, "creates_per_s"), _of(full, "creates_per_s"), ratio("creates_per_s")),
        ("p99 of (a), ms", _of(empty, "p99"), _of(full, "p99"), ratio("p99")),
        ("CPU per timer, ms", *(figure(_median(runs, _cpu_ms)) for runs in (empty, full)), cpu_ratio),
        ("start until the API answers, s", _of(empty, "boot_s"), _of(full, "boot_s"), ""),
        ("memory after the start, MB", _of(empty, "rss_start_mb"), _of(full, "rss_start_mb"), ""),
    ]
    head = f"## With {pending:,} far-future timers pending\n"
    said = "" if armed is None else f" The start armed {armed:,} of them before the API answered."
    note = PENDING.format(armed=said, each=figure(grown_mb / pending * 10_000))
    return f"{head}\n{table(('', 'empty', 'pending', 'ratio'), rows)}\n{note}"


def _peers(found: dict[str, Runs]) -> str:
    def three(workload: str) -> str:
        runs = found.get(workload)
        return " / ".join(_of(runs, name) for name in ("p50", "p99", "max")) if runs else ""

    largest = max(run["server_rss_mb"] for name in ("a", "c") for run in found[name])
    c = f"{_of(found['c'], 'p50')} / {_of(found['c'], 'max')}"
    mine = (
        "**MINOOTS, local stack**",
        _of(found["create-32"], "creates_per_s"),
        three("a"),
        three("b"),
        c,
        figure(largest),
    )
    header = ("", "creates/s", "(a) p50 / p99 / max", "(b) p50 / p99 / max", "(c) p50 / max", "memory, MB")
    return f"{PEERS_TEXT}\n{table(header, [mine, *PEERS])}"


def _cpu(runs: Runs) -> str:
    layers = {"code": "the project's code", "boto3": "boto3", "aws": "emulated AWS, journal"}
    rows: list[Sequence[object]] = []
    for stage in runs[0]["stages"]:
        each = [median(run["stages"][stage][layer] for run in runs) for layer in layers]
        rows.append((stage, *map(figure, each), figure(sum(each))))
    for name in runs[0]["elsewhere"]:
        rows.append((name, "", "", "", figure(median(run["elsewhere"][name] for run in runs))))
    rows.append(("**whole process**", "", "", "", _of(runs, "total")))
    operations = sorted(runs[0]["operations"].items())
    calls = [(name, figure(its["calls"]), figure(its["ms"] / its["calls"])) for name, its in operations]
    head = CPU.format(timers=runs[0]["timers"])
    by_operation = table(("operation", "calls per timer", "ms per call"), calls)
    return f"{head}\n{table(('', *layers.values(), 'sum'), rows)}\nOf the emulated AWS:\n\n{by_operation}"


def _imports(found: dict[str, dict[str, float]]) -> str:
    rows = [(name, figure(its["import_ms"]), figure(its["build_ms"])) for name, its in found.items()]
    return f"{COLD_START}\n{table(('', 'import, ms', 'build, ms'), rows)}"


def _plots(found: dict[str, Runs], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    charts = {"a": ("a", "a-pending"), "b": ("b",), "c": ("c",)}
    for name, workloads in charts.items():
        lines = {WORKLOADS[w]: _curve(found[w]) for w in workloads if w in found}
        if lines:
            chart = percentile_chart(f"Share of timers that arrived within a lateness, workload ({name})", lines)
            (folder / f"lateness-{name}.svg").write_text(chart, encoding="utf-8")


def _curve(runs: Runs) -> list[tuple[float, float]]:
    """The median of the runs' curves, percentile by percentile."""
    return [
        (points[0][0], median(late for _, late in points)) for points in zip(*(r["curve"] for r in runs), strict=True)
    ]


def _cpu_ms(run: dict[str, Any]) -> float:
    """Of one timer, created and fired."""
    return float(run["server_cpu_s"] * 1000 / run["n"])


def _of(runs: Runs, name: str) -> str:
    return figure(_median(runs, lambda run: run[name]))


def _median(runs: Iterable[Any], read: Callable[[Any], float]) -> float:
    return median(read(run) for run in runs)
