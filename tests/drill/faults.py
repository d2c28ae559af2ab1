"""`python -m tests.drill.faults 2000`: timers on a stack that refuses, loses answers and delivers twice; not a test."""

from __future__ import annotations

import sys

from minoots_local import logs
from tests.support.misfortune import MISFORTUNE, suffer


def main(timers: int) -> int:
    logs.configure("critical")  # creates that are refused are expected, and made again
    rates = MISFORTUNE.faults
    print(
        f"{timers} timers; throttles {rates.throttles:.0%}, lost answers {rates.lost_answers:.0%}, "
        f"duplicates {MISFORTUNE.duplicates:.0%}, seed {MISFORTUNE.seed}",
        flush=True,
    )
    outcome = suffer(timers, timeout_s=900)
    print("\n".join(outcome.lines()))
    return 0 if outcome.is_sound else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
