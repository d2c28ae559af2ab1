"""Command line of the simulation: `make simulate` calls it."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from tests.simulation.invariants import violations
from tests.simulation.mutants import MUTANTS, WITHIN, hunt
from tests.simulation.plan import draw_plan
from tests.simulation.report import mutant_lines, run_lines, write_between
from tests.simulation.shrink import shrink
from tests.simulation.tally import Tally, count_seeds
from tests.simulation.trace import digest, lines
from tests.simulation.world import run

MAX_SHOWN = 3


def main() -> int:
    """Do what the arguments say; returns the process's exit code."""
    arguments = _parser().parse_args()
    if arguments.digest:
        print(
            "\n".join(
                digest(run(draw_plan(seed))) for seed in range(arguments.first, arguments.first + arguments.seeds)
            )
        )
        return 0
    if arguments.seed is not None:
        return _replay(arguments.seed, whole=arguments.trace)
    failed = _run(arguments)
    return (_hunt(arguments.report) if arguments.mutants else 0) or failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Simulate the kernel.")
    parser.add_argument("--seeds", type=int, default=2_000, help="how many histories")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="replay this one alone, and shrink it if it fails")
    parser.add_argument("--trace", action="store_true", help="with --seed: show the whole history as it was")
    parser.add_argument("--mutants", action="store_true", help="hunt the planted mutants, too")
    parser.add_argument("--report", type=Path, help="write the figures into this page")
    parser.add_argument("--digest", action="store_true", help="show what tells each history apart, and nothing else")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    began_s = time.monotonic()

    def told(tally: Tally) -> None:
        if sys.stderr.isatty():
            print(f"\r{tally.histories:,} histories, {len(tally.failures)} broken", end="", file=sys.stderr)

    tally = count_seeds(arguments.first, arguments.seeds, arguments.processes, told)
    report = run_lines(tally, time.monotonic() - began_s, arguments.first, arguments.processes)
    print("\n" + "\n".join(report))
    if arguments.report:
        write_between(arguments.report, "run", report)
    for seed, broken in list(tally.failures.items())[:MAX_SHOWN]:
        print(f"\nseed {seed}: {broken[0].invariant}: {broken[0].what}")
        _replay(seed, whole=False)
    others = list(tally.failures)[MAX_SHOWN:]
    if others:
        print(f"\nfurther seeds that fail: {' '.join(map(str, others[:50]))}")
    return 1 if tally.failures else 0


def _replay(seed: int, *, whole: bool) -> int:
    history = run(draw_plan(seed))
    broken = violations(history)
    if broken and not whole:
        history = shrink(history.plan, broken[0].invariant)
    if broken or whole:
        print("\n".join(lines(history)), end="\n\n")
    for violation in violations(history):
        print(f"BROKEN {violation.invariant}: {violation.what}")
    print(f"seed {seed}: {'broken' if broken else 'every invariant holds'}; replay it with: make simulate SEED={seed}")
    return 1 if broken else 0


def _hunt(report: Path | None) -> int:
    catches = [(mutant, hunt(mutant, range(WITHIN))) for mutant in MUTANTS]
    found = mutant_lines(catches)
    print("\n" + "\n".join(found))
    if report:
        write_between(report, "mutants", found)
    return 0 if all(catch for _, catch in catches) else 1


if __name__ == "__main__":
    sys.exit(main())
