"""What a run came to, as Markdown: for the terminal, and for `docs/simulation.md`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.simulation import matrix
from tests.simulation.faults import Fault
from tests.simulation.mutants import WITHIN, Catch, Mutant
from tests.simulation.tally import Tally

__all__ = ["mutant_lines", "run_lines", "write_between"]

YEAR_MS: Final = 365 * 86_400_000


def run_lines(tally: Tally, wall_s: float, first: int, processes: int) -> list[str]:
    """Return the counts of a run, its faults by kind, and its coverage matrix."""
    missing = matrix.unreached(tally.cells)
    rows = {
        "histories": f"{tally.histories:,}, seeds {first:,} to {first + tally.histories - 1:,}",
        "that broke an invariant": f"{len(tally.failures):,}",
        "of them calm": f"{tally.calm:,}",
        "timers": ", ".join(f"{status} {count:,}" for status, count in sorted(tally.timers.items())),
        "answers to callers": ", ".join(f"{end} {count:,}" for end, count in sorted(_ends(tally).items())),
        "port calls": f"{sum(tally.calls.values()):,}",
        "events": f"{tally.events:,}",
        "faults": f"{sum(tally.faults.values()):,}",
        "cells of the matrix reached": f"{len(matrix.CELLS) - len(missing)} of {len(matrix.CELLS)}",
        "time in the histories": f"{tally.virtual_ms / YEAR_MS:,.1f} years",
        "time it took": f"{wall_s:,.0f} s in {processes} processes, {tally.cpu_s:,.0f} s of CPU",
        "speed": f"{tally.histories / tally.cpu_s:,.0f} histories a second of CPU",
    }
    lines = ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items()), ""]
    lines += ["| fault | times |", "| --- | ---: |"]
    lines += [f"| {fault} | {tally.faults[fault]:,} |" for fault in Fault]
    return [*lines, "", *matrix.table(tally.cells, tally.calls)]


def mutant_lines(catches: Sequence[tuple[Mutant, Catch | None]]) -> list[str]:
    """Return the mutants and what caught them."""
    caught = sum(catch is not None for _, catch in catches)
    lines = [
        f"{caught} of {len(catches)} caught, each within {WITHIN} seeds from 0.",
        "",
        "| mutant | caught by seed | invariant |",
        "| --- | ---: | --- |",
    ]
    for mutant, catch in catches:
        lines.append(
            f"| {mutant.name} | {catch.seed if catch else '-'} | {catch.invariant if catch else '**missed**'} |"
        )
    return lines


def write_between(page: Path, marker: str, lines: Sequence[str]) -> None:
    """Put lines into a page between `<!-- marker -->` and `<!-- /marker -->`."""
    text = page.read_text(encoding="utf-8")
    begin, end = f"<!-- {marker} -->\n", f"<!-- /{marker} -->"
    head, _, rest = text.partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise ValueError(f"{page} has no place for {marker}")
    page.write_text(head + begin + "\n" + "\n".join(lines) + "\n\n" + end + tail, encoding="utf-8")


def _ends(tally: Tally) -> dict[str, int]:
    ends: dict[str, int] = {}
    for (_, end), count in tally.answers.items():
        ends[end] = ends.get(end, 0) + count
    return ends
