"""When the sweep will next find something: read from the very index that it queries."""

from collections.abc import Callable, Mapping

from minoots_local.aws.account import Account
from minoots_local.functions import LocalFunction

SWEEP = "KernelSweepFunction"

FirstCheck = Callable[[float], float]
"""Tells the first check (epoch milliseconds) that is due after an instant; infinite when there is none."""


def first_check(account: Account, functions: Mapping[str, LocalFunction]) -> FirstCheck | None:
    """The checks of the kernel's sweep; none in a template that has no such function."""
    sweep = functions.get(SWEEP)
    table = account.tables.lean_tables.get(sweep.env.get("MINOOTS_TABLE", "")) if sweep else None
    if table is None:
        return None
    # Deferred: the kernel is only there to be imported when the template is the real one.
    from minoots_kernel.bootstrap.kernel_sweep import CHECKS

    index, partitions = CHECKS

    def first(after_ms: float) -> float:
        with account.gate.lock:
            return table.first_in(index, partitions, after_ms)

    return first
