"""`python -m tests.drill.flaky 2000`: webhooks to a receiver that fails in every way there is; not a test."""

from __future__ import annotations

import sys

from minoots_local import logs
from tests.support.flaky import MOODS, endure


def main(timers: int) -> int:
    logs.configure("critical")  # attempts that fail are what this is about
    moods = ", ".join(f"{mood} {share:.0%}" for mood, share in MOODS.items())
    print(f"{timers} timers; {moods}", flush=True)
    story = endure(timers, timeout_s=1800)
    print("\n".join(story.lines()))
    return 1 if story.faults or story.off() else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
