"""What the drill prints."""

from __future__ import annotations

import statistics
from collections import Counter

from tests.drill.phases import PHASES
from tests.drill.rounds import LANES, RoundReport


def summary(reports: list[RoundReport], seed: str, took_s: float) -> str:
    """One paragraph about all rounds."""
    kills = [caught for report in reports for caught in report.caught]
    by_phase = Counter(phase for caught in kills for phase in caught)
    faults = Counter(fault for report in reports for fault, _ in report.verdict.faults)
    stories = [report.story for report in reports]
    statuses = Counter(timer["status"] for story in stories for timer in story.timers)
    restarts = [seconds for report in reports for seconds in report.restarts_s]
    doubled = sum(report.verdict.duplicates for report in reports)
    arrivals = sum(len(story.arrivals) for story in stories)
    lines = [
        f"crash drill: {len(reports)} rounds, {LANES} at a time, seed {seed}, {took_s:.0f} s "
        f"({took_s / len(reports):.1f} s a round)",
        f"  kills       {len(kills)}; that caught timers in: "
        + ", ".join(f"{phase} {by_phase[phase]}" for phase in PHASES),
        f"  timers      {sum(len(story.answered) for story in stories)} answered 201, "
        f"{sum(len(story.unanswered) for story in stories)} creates unanswered; in the end "
        + ", ".join(f"{status} {count}" for status, count in sorted(statuses.items())),
        f"  lost {faults['lost']}, second fires {faults['second fire']}, early {faults['early']}, "
        f"other faults {faults['outcome']}",
        f"  duplicates  {doubled} attempts of {arrivals} requests, each in flight at a kill: "
        f"{'no' if faults['duplicate'] else 'yes'}",
        f"  restart     p50 {statistics.median(restarts):.2f} s, max {max(restarts):.2f} s",
    ]
    return "\n".join(lines)


def complaints(reports: list[RoundReport]) -> str:
    """Every fault, with the seed of its round."""
    return "\n".join(
        f"round {report.story.plan.seed}, killed at {report.story.plan.kill_s:.3f} s, {fault}: {text}"
        for report in reports
        for fault, text in report.verdict.faults
    )
