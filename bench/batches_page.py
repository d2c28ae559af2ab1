"""The page's section about batches."""

from __future__ import annotations

from typing import Any

from bench.table import table

TEXT = """## Batches

{timers:,} webhook timers, created one by one and by `POST /timers:batch` in one run, in turn. AWS calls are of the
control plane; write units are those of the new items, index included. On AWS a unit costs the same in a batch: what is
saved are requests, function time and round trips. Measured while the machine's two cores had other work, too: of the
seconds only the ratios tell.
"""


def batch_section(found: dict[str, Any]) -> str:
    """Return the section of the results."""
    ways: dict[str, Any] = found["ways"]
    slowest = max(way["seconds"] for way in ways.values())
    rows = [
        [
            name,
            f"{way['http']:,.0f}",
            ", ".join(f"{count:,.0f} {call}" for call, count in way["calls"].items() if count),
            f"{way['units']:,.0f}",
            f"{way['seconds']:.1f}",
            f"{slowest / way['seconds']:.1f}",
        ]
        for name, way in ways.items()
    ]
    heads = ["way", "HTTP requests", "AWS calls", "write units", "seconds", "times as fast"]
    return "\n".join([TEXT.format(timers=found["timers"]), table(heads, rows)])
