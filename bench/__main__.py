"""`python -m bench`: measures, prints, and writes `docs/benchmarks.md`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import batches, cpu, imports, kinds, leads, machine, routes
from bench.page import write
from bench.workloads import PARTS as WORKLOADS
from bench.workloads import HarnessMissingError, Workloads

PARTS = ("workloads", "batch", "leads", "costs", "cpu", "routes", "imports")
"""What is measured unless `--only` says otherwise; `pending` and `b` are workloads that can be asked for alone."""
DOCS = Path("docs")
RESULTS = "results.json"

_began = time.monotonic()


def main() -> int:
    arguments = _arguments()
    if arguments.render:
        print(write(_last(Path(arguments.docs)), Path(arguments.docs)))
        return 0
    try:
        results = _measure(arguments)
    except HarnessMissingError as error:
        print(error, file=sys.stderr)
        return 2
    docs = Path(arguments.docs)
    results = _last(docs) | results
    (docs / "benchmarks").mkdir(parents=True, exist_ok=True)
    (docs / "benchmarks" / RESULTS).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(write(results, docs))
    return 0


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    parts = arguments.only.split(",")
    if unknown := set(parts) - {*PARTS, *WORKLOADS}:
        raise SystemExit(f"bench: no such part: {', '.join(unknown)}; there are {', '.join({*PARTS, *WORKLOADS})}")
    results: dict[str, Any] = {"machine": machine.describe(), "runs": arguments.runs, "pending": arguments.pending}
    if wanted := {name for part in parts for name in WORKLOADS.get(part, ())}:
        workloads = Workloads(Path(arguments.shared), arguments.pending, _tell)
        measured = workloads.measure(arguments.runs, wanted)
        results["workloads"] = _last(Path(arguments.docs)).get("workloads", {}) | measured
    for part, what, measure in _SINGLE:
        if part in parts:
            _tell(what)
            results[part] = measure(arguments)
    return results


def _cpu(arguments: argparse.Namespace) -> list[Any]:
    return [cpu.measure(arguments.cpu_timers) for _ in range(arguments.runs)]


_SINGLE: tuple[tuple[str, str, Callable[[argparse.Namespace], Any]], ...] = (
    (
        "leads",
        "lateness on the model of AWS, with real leads",
        lambda arguments: leads.measure(arguments.runs, arguments.leads_timers),
    ),
    ("batch", "creates by batches and one by one", lambda arguments: batches.measure(arguments.runs, arguments.batch)),
    ("costs", "AWS calls and units by kind of timer", lambda arguments: kinds.measure(arguments.runs)),
    ("cpu", "CPU by stage", _cpu),
    ("routes", "routes around moto", lambda arguments: routes.measure(arguments.runs)),
    ("imports", "imports", lambda _arguments: imports.measure(5)),
)
"""The parts that are no workload: what is said while each is measured, and how it is."""


def _last(docs: Path) -> dict[str, Any]:
    """The results of last time: parts that were not measured now keep them."""
    kept = docs / "benchmarks" / RESULTS
    return dict(json.loads(kept.read_text(encoding="utf-8"))) if kept.exists() else {}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each workload; the page shows medians")
    parser.add_argument("--shared", default="../shared", help="folder that has the peer harness in `bench`")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, of {', '.join(PARTS)}")
    parser.add_argument("--pending", type=int, default=100_000, help="far-future timers pending; 0 leaves that out")
    parser.add_argument("--cpu-timers", type=int, default=400, help="timers of a CPU run")
    parser.add_argument("--leads-timers", type=int, default=1000, help="far timers with real leads; as many near")
    parser.add_argument("--batch", type=int, default=10_000, help="timers created by batches, and as many one by one")
    parser.add_argument("--docs", default=str(DOCS), help="where the page is written")
    parser.add_argument("--render", action="store_true", help="write the page again from the last results")
    return parser.parse_args()


def _tell(what: str) -> None:
    print(f"[{time.monotonic() - _began:6.0f} s] {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
