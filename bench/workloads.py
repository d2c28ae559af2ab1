"""Workloads against a whole `minoots local up`, driven by the peer harness, each run in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.seed import seed

Result = dict[str, Any]
Tell = Callable[[str], None]

HARNESS = ("common.py", "peer_minoots.py", "sink.py")
# Leads are long enough for the creates to be over when the first timer is due.
A = ("--timers", "1000", "--spread", "30", "--lead", "20")
B = ("--timers", "10000", "--spread", "60", "--lead", "60")
C = ("--timers", "2000", "--spread", "0", "--lead", "40")
PARTS = {
    "workloads": ("create-1", "create-32", "a", "b", "c", "a-pending"),
    "pending": ("a", "a-pending"),
    "b": ("b",),
}
"""Which workloads a part of the benchmark runs."""
MISSING = """bench: the peer harness is not in {path}.
It is a folder of scripts, `shared/bench`, that lies beside this checkout: put it there, or say where it is
(make bench SHARED=/path/to/shared). The parts that need no harness:
make bench ARGS="--only leads,costs,cpu,imports"."""


class HarnessMissingError(Exception):
    """The peer harness is not where it was looked for."""


class Workloads:
    """Runs the harness.

    Args:
        shared: The folder that has the harness in `bench`.
        pending: How many timers the filled data directory has.
        tell: Told what is under way.

    Raises:
        HarnessMissingError: The harness is not there.
    """

    def __init__(self, shared: Path, pending: int, tell: Tell) -> None:
        self._harness = (shared / "bench").resolve()
        if not all((self._harness / name).is_file() for name in HARNESS):
            raise HarnessMissingError(MISSING.format(path=shared / "bench"))
        self._pending = pending
        self._tell = tell

    def measure(self, runs: int, names: set[str]) -> dict[str, list[Result]]:
        """Run each workload of these names `runs` times, in turn, so that a busy minute is shared by all."""
        found: dict[str, list[Result]] = {}
        with tempfile.TemporaryDirectory(prefix="minoots-bench-") as scratch:
            filled = Path(scratch) / "filled"
            if self._pending and "a-pending" in names:
                filled.mkdir()
                self._tell(f"fill a data directory with {self._pending:,} timers")
                seed(filled, self._pending)
            for run in range(runs):
                for name, arguments in self._plan(filled).items():
                    if name not in names:
                        continue
                    self._tell(f"run {run + 1} of {runs}: {name}")
                    found.setdefault(name, []).append(self._run(arguments, scratch))
        return found

    def _plan(self, filled: Path) -> dict[str, tuple[str, ...]]:
        plan: dict[str, tuple[str, ...]] = {
            "create-1": ("--role", "create", "--clients", "1", "--timers", "500"),
            "create-32": ("--role", "create", "--clients", "32", "--timers", "2000"),
            "a": A,
            "c": C,
            "b": B,
        }
        if self._pending:
            plan["a-pending"] = (*A, "--seed", str(filled))
        return plan

    def _run(self, arguments: tuple[str, ...], scratch: str) -> Result:
        env = {
            **os.environ,
            "PYTHONPATH": str(self._harness),
            "PEERSBENCH_HOME": scratch,
            "MINOOTS_BIN": str(Path(sys.executable).with_name("minoots")),
        }
        program = Path(__file__).with_name("peer.py")
        done = subprocess.run(
            [sys.executable, str(program), *arguments], env=env, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"a workload ended with status {done.returncode}; what it said is above")
        result: Result = json.loads(done.stdout.splitlines()[-1])
        return result
