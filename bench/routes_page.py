"""The section on what the routes around moto bring, and where a timer's CPU goes."""

from __future__ import annotations

from statistics import median
from typing import Any

from bench.table import figure, table

Runs = list[dict[str, Any]]

ROUTES = """## What the routes around moto bring

The same work on stock moto's path and on the local stack's, in one process, in turn; CPU time of one thread, the ratio
of each pair. What each route is and why it is taken: [the guide](guides/local.md#what-is-not-motos).
"""

FLOOR = """## Where the CPU goes

Of the {total} ms of a timer, the project's own code takes {code} ({code_share} %), boto3 {boto3} ({boto3_share} %), the
emulated AWS with its journal {aws} ({aws_share} %), the HTTP server, the players and their threads {rest}
({rest_share} %).

The floor: for a call whose answer is there at once boto3 takes, in milliseconds, {calls}; so the {count} calls of a
timer take {floor} ms whoever answers them. An emulator that took nothing would leave {no_aws} ms of the {total};
without boto3's share, too, {no_boto3} ms would be left.
"""

_FLOOR_OF = {"SendMessageBatch": "SendMessage", "PutEvents": "PutEvents"}


def routes_section(runs: Runs) -> str:
    """The table of the routes."""
    rows = []
    for index, route in enumerate(runs[0]["routes"]):
        stock, ours, ratio = (median(run["routes"][index][name] for run in runs) for name in ("stock", "ours", "ratio"))
        rows.append((route["what"], route["unit"], figure(stock), figure(ours), f"{figure(ratio)}x"))
    return f"{ROUTES}\n{table(('', 'unit', 'without', 'with', 'ratio'), rows)}"


def floor_section(routes: Runs, cpu: Runs) -> str:
    """Where a timer's CPU goes, and what would be left without which part; nothing unless `cpu` was run."""
    if not cpu:
        return ""
    layers = {name: median(_layer(run, name) for run in cpu) for name in ("code", "boto3", "aws")}
    total = median(run["total"] for run in cpu)
    rest = total - sum(layers.values())
    floors = {name: median(run["floors"][name] for run in routes) for name in routes[0]["floors"]}
    operations = cpu[-1]["operations"]
    floor = sum(its["calls"] * floors.get(_FLOOR_OF.get(name, name), 0.0) for name, its in operations.items())
    shares = {f"{name}_share": round(100 * value / total) for name, value in {**layers, "rest": rest}.items()}
    return FLOOR.format(
        total=figure(total),
        rest=figure(rest),
        calls=", ".join(f"{figure(ms)} ({name})" for name, ms in floors.items()),
        count=figure(sum(its["calls"] for its in operations.values())),
        floor=figure(floor),
        no_aws=figure(total - layers["aws"]),
        no_boto3=figure(total - layers["aws"] - layers["boto3"]),
        **{name: figure(value) for name, value in layers.items()},
        **shares,
    )


def _layer(run: dict[str, Any], name: str) -> float:
    return float(sum(stage[name] for stage in run["stages"].values()))
