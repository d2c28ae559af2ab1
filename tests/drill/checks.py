"""What must hold after a round, whatever was killed when."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from minoots_contract.instants import parse_instant
from tests.drill.phases import Attempt
from tests.drill.plan import PlannedTimer, RoundPlan
from tests.support.receiver import Arrival

# No sender of the next process can be there so soon after its start; one of the killed process may still be read.
_UNBORN_MS = 300

Fault = Literal["lost", "second fire", "early", "duplicate", "outcome"]


@dataclass(frozen=True, slots=True)
class Kill:
    """A kill, and when the next process was started, epoch milliseconds."""

    at_ms: float
    next_start_ms: float


@dataclass(slots=True)
class Story:
    """All that was seen from outside in a round.

    Attributes:
        answered: Ids of timers whose create was answered 201, by name.
        unanswered: Names of timers whose create got no answer: they may exist or not.
        refused: What creates were answered that were not answered 201, by name.
        cancels: Status of each cancel by name; none if it got no answer.
        timers: The timers as they were in the end.
        letters: The dead letters by id.
    """

    plan: RoundPlan
    kills: list[Kill] = field(default_factory=list)
    answered: dict[str, str] = field(default_factory=dict)
    unanswered: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)
    cancels: dict[str, int | None] = field(default_factory=dict)
    timers: list[dict[str, Any]] = field(default_factory=list)
    letters: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrivals: list[Arrival] = field(default_factory=list)


@dataclass(slots=True)
class Verdict:
    """What was wrong, and how many attempts came more than once."""

    faults: list[tuple[Fault, str]] = field(default_factory=list)
    duplicates: int = 0


def judge(story: Story) -> Verdict:
    """Check every invariant of a round."""
    verdict = Verdict()
    by_name: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for timer in story.timers:
        by_name[timer["name"]].append(timer)
    arrivals: dict[Attempt, list[Arrival]] = defaultdict(list)
    for arrival in story.arrivals:
        arrivals[attempt_of(arrival)].append(arrival)
    for planned in story.plan.timers:
        verdict.faults += _existence(planned, by_name[planned.name], story)
        for timer in by_name[planned.name]:
            verdict.faults += _firing(planned, timer, story)
            verdict.faults += _ending(planned, timer, story)
            verdict.faults += _deliveries(planned, timer, arrivals, verdict, story)
    known = {(f"{timer['id']}_{action['id']}") for timer in story.timers for action in timer.get("actions", [])}
    verdict.faults += [("outcome", f"{name} was answered {text}") for name, text in story.refused.items()]
    strangers = {delivery for delivery, _ in arrivals} - known
    verdict.faults += [("outcome", f"{delivery} was sent by no timer that fired") for delivery in strangers]
    return verdict


def attempt_of(arrival: Arrival) -> Attempt:
    """Which attempt a request is of."""
    return arrival.delivery, int(arrival.headers["minoots-attempt"])


def _existence(planned: PlannedTimer, found: list[dict[str, Any]], story: Story) -> Iterator[tuple[Fault, str]]:
    ids = [timer["id"] for timer in found]
    if planned.name in story.answered and story.answered[planned.name] not in ids:
        yield "lost", f"{planned.name} was answered 201 and is not there"
    if len(found) > 1:
        yield "outcome", f"{planned.name} is there {len(found)} times"


def _firing(planned: PlannedTimer, timer: dict[str, Any], story: Story) -> Iterator[tuple[Fault, str]]:
    fired = [entry for entry in timer["timeline"] if entry["event"] == "fired"]
    should = planned.kind != "far" and timer["status"] != "cancelled"
    if len(fired) > 1:
        yield "second fire", f"{planned.name} fired {len(fired)} times"
    if len(fired) < should:
        yield "lost", f"{planned.name} never fired: {timer}"
    if fired and not should:
        yield "outcome", f"{planned.name} is {timer['status']}, and fired"
    due_ms = parse_instant(timer["fireAt"])
    if fired and parse_instant(timer["firedAt"]) < due_ms:
        yield "early", f"{planned.name} was due at {timer['fireAt']} and fired at {timer['firedAt']}"
    for arrival in story.arrivals:
        if arrival.headers["minoots-timer-id"] == timer["id"] and arrival.at_ms < due_ms:
            yield "early", f"{planned.name} was due at {timer['fireAt']} and came at {arrival.at_ms}"


def _ending(planned: PlannedTimer, timer: dict[str, Any], story: Story) -> Iterator[tuple[Fault, str]]:
    status = timer["status"]
    allowed = {"far": {"scheduled", "armed"}, "dead": {"failed"}}.get(planned.kind, {"settled"})
    if planned.name in story.cancels:
        allowed = {200: {"cancelled"}, 409: {"settled"}, None: {"cancelled", "settled"}}.get(
            story.cancels[planned.name], set()
        )
    if status not in allowed:
        fault: Fault = "lost" if status in {"scheduled", "armed", "fired"} else "outcome"
        yield fault, f"{planned.name} ({planned.kind}) should be one of {allowed}: {timer}"
    if status in {"settled", "failed"} and {action["id"] for action in timer.get("actions", [])} != set(
        planned.actions
    ):
        yield "outcome", f"{planned.name} has not the actions that were asked for: {timer}"
    letters = {identifier for identifier, letter in story.letters.items() if letter["timerId"] == timer["id"]}
    failed = {f"{timer['id']}_{action}" for action in planned.actions} if status == "failed" else set()
    if letters != failed:
        yield ("lost" if failed - letters else "outcome"), f"{planned.name}: letters {letters}, failed {failed}"


def _deliveries(
    planned: PlannedTimer,
    timer: dict[str, Any],
    arrivals: dict[Attempt, list[Arrival]],
    verdict: Verdict,
    story: Story,
) -> Iterator[tuple[Fault, str]]:
    for action in timer.get("actions", []):
        delivery = f"{timer['id']}_{action['id']}"
        recorded = {attempt["attempt"]: attempt for attempt in action["attempts"]}
        due = planned.attempts if timer["status"] in {"settled", "failed"} else 0
        if sorted(recorded) != list(range(1, due + 1)):
            yield "outcome", f"{delivery} should take {due} attempts: {action}"
        made = {number for identifier, number in arrivals if identifier == delivery}
        if made != set(recorded):
            yield "outcome", f"{delivery} came with attempts {made}, recorded are {set(recorded)}"
        for number, attempt in recorded.items():
            came = sorted(arrivals.get((delivery, number), []), key=lambda arrival: arrival.at_ms)
            verdict.duplicates += len(came) > 1
            yield from _one_attempt(f"{delivery} attempt {number}", came, attempt, story.kills)
            if any(arrival.path != f"/{planned.name}/{action['id']}" for arrival in came):
                yield "outcome", f"{delivery} came to {[arrival.path for arrival in came]}"


def _one_attempt(
    what: str, came: list[Arrival], attempt: dict[str, Any], kills: list[Kill]
) -> Iterator[tuple[Fault, str]]:
    ended_ms = parse_instant(attempt["endedAt"])
    for arrival in came:
        if int(arrival.at_ms) > ended_ms:
            yield "duplicate", f"{what} ended at {ended_ms} and came at {arrival.at_ms}"
    for earlier, later in itertools.pairwise(came):
        between = [
            kill
            for kill in kills
            if earlier.at_ms < kill.next_start_ms + _UNBORN_MS <= later.at_ms and int(kill.at_ms) <= ended_ms
        ]
        if not between:
            yield "duplicate", f"{what} came at {earlier.at_ms} and {later.at_ms}, no kill between: {kills}"
