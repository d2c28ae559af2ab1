"""Command line of the model of acknowledgements: `make askings` calls it."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from pathlib import Path

from tests.simulation.asking.history import live
from tests.simulation.asking.invariants import violations
from tests.simulation.asking.mutants import MUTANTS, WITHIN, hunt
from tests.simulation.asking.tally import Count, lived
from tests.simulation.report import write_between


def main() -> int:
    """Do what the arguments say; returns the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.asking", description="Simulate acknowledgements.")
    parser.add_argument("--seeds", type=int, default=1_000, help="how many histories")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="live this one alone, and show its writes")
    parser.add_argument(
        "--report", type=Path, help="hunt the planted mistakes, too, and write the figures into this page"
    )
    arguments = parser.parse_args()
    if arguments.seed is not None:
        return _show(arguments.seed)
    logging.disable(logging.WARNING)  # what functions log of thousands of mishaps
    began_s = time.monotonic()
    found = lived(range(arguments.first, arguments.first + arguments.seeds), arguments.processes)
    lines = _lines(found, arguments.first, arguments.seeds, time.monotonic() - began_s)
    catches = [(one.name, *(hunt(one) or ("-", "**missed**"))) for one in MUTANTS] if arguments.report else []
    if arguments.report:
        lines += ["", f"| mistake, seen within {WITHIN:,} seeds | by seed | by invariant |", "| --- | ---: | --- |"]
        lines += [f"| {name} | {seed} | {invariant} |" for name, seed, invariant in catches]
        write_between(arguments.report, "askings", lines)
    print("\n".join(lines))
    for seed, said in found.broken.items():
        print(f"seed {seed}: {'; '.join(said)}; replay it with: make askings SEED={seed}")
    return 1 if found.broken or any(seed == "-" for _, seed, _ in catches) else 0


def _lines(found: Count, first: int, seeds: int, took_s: float) -> list[str]:
    rows = {
        "histories": f"{seeds:,}, seeds {first:,} to {first + seeds - 1:,}",
        "that broke an invariant": f"{len(found.broken):,}",
        "askings, answers, messages": f"{found.askings:,}, {found.answers:,}, {found.messages:,}",
        "calls that met with something": f"{found.struck:,}",
        "came to": ", ".join(f"{name} {count:,}" for name, count in sorted(found.reached.items())),
        "time it took": f"{took_s:,.0f} s",
    }
    return ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())]


def _show(seed: int) -> int:
    history = live(seed)
    for write in history.writes:
        states = ", ".join(f"{one.id} {one.status} after {one.tries}" for one in write.after.actions)
        print(f"{write.at_ms - history.writes[0].at_ms:>9} ms  {write.after.timeline[-1].event}: {states}")
    said = violations(history)
    print("\n".join([f"seed {seed}, {history.kind.name}", *map(str, said or ["every invariant holds"])]))
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
