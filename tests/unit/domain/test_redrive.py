from __future__ import annotations

import json
from dataclasses import replace

import pytest

from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.domain.commands import Bury, Discard, Fire, Redrive
from minoots_kernel.domain.creation import new_timer
from minoots_kernel.domain.dead_letters import DeadLetter, LetterFilter, LetterState, dead_letter, follows
from minoots_kernel.domain.dispatch import message_for, overdue_messages
from minoots_kernel.domain.errors import StateConflictError
from minoots_kernel.domain.releasing import REDISPATCH_AFTER_MS
from minoots_kernel.domain.repair import repair_of
from minoots_kernel.domain.timer import ActionStatus, Attempt, Redriven, Status, Timer
from minoots_kernel.domain.transitions import apply
from tests.unit.domain.asking import asking, state_of
from tests.unit.domain.builders import NOW_MS, after, fired, outcome, scheduled

DUE_MS = NOW_MS + 30_000
LATER_MS = DUE_MS + 3_600_000


def failed(*ids: str, attempts: int = 2, **changes: object) -> Timer:
    """A timer whose actions all used up their attempts, its letters stored."""
    timer, at_ms = fired(*ids, maxAttempts=attempts, **changes), DUE_MS
    for action_id in ids:
        for number in range(1, attempts + 1):
            at_ms += 10_000
            timer = after(timer, (outcome(action_id, number, at_ms, "failed"), at_ms))
    return after(timer, (Bury(), at_ms))


def redrive(action_id: str = "a", death: int = 0, **more: str) -> Redrive:
    return Redrive(action_id=action_id, death=death, requested_by="ann", **more)


def discard(action_id: str = "a", death: int = 0, **more: str) -> Discard:
    return Discard(action_id=action_id, death=death, requested_by="ann", **more)


def test_a_redriven_action_is_dispatched_again_and_keeps_its_story() -> None:
    before = failed("a")
    transition = apply(before, redrive(reason="mended"), LATER_MS)
    timer, (state,) = transition.timer, transition.timer.actions
    assert (timer.status, timer.failure_reason, timer.fired_at_ms) == (Status.FIRED, None, before.fired_at_ms)
    assert (state.status, state.attempts, state.tries) == (ActionStatus.DISPATCHED, before.actions[0].attempts, 2)
    assert transition.released == [state]
    assert message_for(timer, state).attempt == 3, "numbers go on"
    told = timer.timeline[-1]
    assert (told.event, told.by, told.note) == ("redriven", "ann", "a: mended")
    assert timer.generation == before.generation


def test_a_redriven_action_has_all_the_attempts_of_its_policy_and_their_delays() -> None:
    timer = after(failed("a", attempts=3, backoffInitialMs=1000), (redrive(), LATER_MS))
    waits = []
    for number in (4, 5, 6):
        assert timer.status is Status.FIRED
        timer = after(timer, (outcome("a", number, LATER_MS, "failed"), LATER_MS))
        waits.append((timer.actions[0].next_attempt_at_ms or LATER_MS) - LATER_MS)
    assert (timer.status, timer.actions[0].tries) == (Status.FAILED, 6)
    assert 500 <= waits[0] <= 1_000 <= waits[1] <= 2_000


def test_the_sweep_looks_after_a_redriven_action_and_sends_it_again() -> None:
    timer = after(failed("a"), (redrive(), LATER_MS))
    assert timer.next_check_at_ms == LATER_MS + REDISPATCH_AFTER_MS
    assert repair_of(timer, LATER_MS + REDISPATCH_AFTER_MS - 1) is None
    repair = repair_of(timer, LATER_MS + REDISPATCH_AFTER_MS)
    assert repair is not None
    assert (repair.kind, [message.attempt for message, _ in repair.attempts]) == ("undispatched", [3])
    assert overdue_messages(timer, LATER_MS + REDISPATCH_AFTER_MS) == [message_for(timer, timer.actions[0])]


def test_what_succeeds_after_a_redrive_settles_the_timer() -> None:
    timer = after(failed("a"), (redrive(), LATER_MS), (outcome("a", 3, LATER_MS + 5), LATER_MS + 5))
    assert (timer.status, timer.settled_at_ms, timer.failure_reason) == (Status.SETTLED, LATER_MS + 5, None)
    assert [moment.event for moment in timer.timeline[-3:]] == ["failed", "redriven", "settled"]


def test_a_timer_stays_failed_by_the_letters_that_nobody_redrove() -> None:
    timer = after(failed("a", "b"), (redrive(), LATER_MS), (outcome("a", 3, LATER_MS + 5), LATER_MS + 5))
    assert timer.status is Status.FAILED
    assert timer.next_check_at_ms == LATER_MS + 5 + REDISPATCH_AFTER_MS, "there may be letters to be stored"


def test_an_action_can_be_redriven_while_others_are_under_way() -> None:
    running = after(fired("a", "b", concurrency=2), (outcome("a", 1, DUE_MS + 5, "failed"), DUE_MS + 5))
    timer = after(running, (redrive(), DUE_MS + 50))
    assert [state.status for state in timer.actions] == [ActionStatus.DISPATCHED] * 2
    assert timer.status is Status.FIRED


def test_a_redriven_action_waits_for_its_turn() -> None:
    running = after(fired("a", "b"), (outcome("a", 1, DUE_MS + 5, "failed"), DUE_MS + 5))
    waiting = apply(running, redrive(), DUE_MS + 50)
    assert [state.status for state in waiting.timer.actions] == [ActionStatus.WAITING, ActionStatus.DISPATCHED]
    assert waiting.released == []
    freed = apply(waiting.timer, outcome("b", 1, DUE_MS + 60), DUE_MS + 60)
    assert [message_for(freed.timer, state).attempt for state in freed.released] == [2]


def test_one_redrive_undoes_one_death() -> None:
    timer = after(failed("a", attempts=1), (redrive(), LATER_MS))
    assert apply(timer, redrive(), LATER_MS + 1).timer is timer, "asked once more"
    again = after(timer, (outcome("a", 2, LATER_MS + 5, "failed"), LATER_MS + 5))
    assert apply(again, redrive(), LATER_MS + 9).timer is again, "that was about the first death"
    assert after(again, (redrive(death=1), LATER_MS + 9)).actions[0].redriven == Redriven(2, 2, None)


def test_one_key_redrives_once_whatever_has_died_since() -> None:
    timer = after(failed("a", attempts=1), (redrive(key="k"), LATER_MS))
    again = after(timer, (outcome("a", 2, LATER_MS + 5, "failed"), LATER_MS + 5))
    assert apply(again, redrive(death=1, key="k"), LATER_MS + 9).timer is again
    assert after(again, (redrive(death=1, key="other"), LATER_MS + 9)).status is Status.FIRED


def test_a_timer_that_was_too_late_fires_by_a_redrive() -> None:
    policy = {"mode": "deadLetter", "afterMs": 1}
    late = after(scheduled("a", "b", latePolicy=policy), (Fire(1), DUE_MS + 2), (Bury(), DUE_MS + 3))
    timer = after(late, (redrive("b"), LATER_MS))
    assert (timer.status, timer.fired_at_ms) == (Status.FIRED, LATER_MS)
    assert [moment.event for moment in timer.timeline[-2:]] == ["redriven", "fired"]
    assert [state.status for state in timer.actions] == [ActionStatus.FAILED, ActionStatus.DISPATCHED]
    done = after(timer, (outcome("b", 1, LATER_MS + 5), LATER_MS + 5), (redrive("a"), LATER_MS + 9))
    assert done.fired_at_ms == LATER_MS, "it fires once"


def test_what_was_discarded_stays_failed_and_is_not_redriven() -> None:
    before = failed("a", "b")
    timer = after(before, (discard(reason="too old"), LATER_MS))
    assert (timer.status, timer.actions[0].discarded) == (Status.FAILED, True)
    told = timer.timeline[-1]
    assert (told.event, told.by, told.note) == ("discarded", "ann", "a: too old")
    assert timer.next_check_at_ms is None
    assert apply(timer, discard(), LATER_MS + 1).timer is timer
    with pytest.raises(StateConflictError, match="discarded"):
        apply(timer, redrive(), LATER_MS + 1)


def test_of_a_redrive_and_a_discard_the_first_wins() -> None:
    with pytest.raises(StateConflictError, match="redriven"):
        after(failed("a"), (redrive(), LATER_MS), (discard(), LATER_MS + 1))


@pytest.mark.parametrize("command", [redrive(), discard()])
def test_only_what_is_dead_can_be_redriven_or_discarded(command: Redrive | Discard) -> None:
    settled = after(fired("a"), (outcome("a", 1, DUE_MS), DUE_MS))
    for timer in (scheduled("a"), fired("a"), settled):
        with pytest.raises(StateConflictError, match="nothing is dead"):
            apply(timer, command, LATER_MS)
    with pytest.raises(StateConflictError, match="no action 'stranger'"):
        apply(failed("a"), replace(command, action_id="stranger"), LATER_MS)


def letter(**changes: object) -> DeadLetter:
    timer = failed("a", labels={"customer": "acme", "team": "x"})
    return replace(dead_letter(timer, timer.actions[0]), **changes)


def attempts(*numbers: int) -> tuple[Attempt, ...]:
    return tuple(Attempt(number, DUE_MS + number, DUE_MS + number, "failed") for number in numbers)


def test_the_letter_of_a_second_death_tells_the_whole_story() -> None:
    first, second = letter(attempts=attempts(1, 2, 3)), letter(attempts=attempts(3, 4, 5), death=1)
    told = follows(second, first)
    assert told is not None
    assert [attempt.number for attempt in told.attempts] == [1, 2, 3, 4, 5]
    assert told.death == 1


def test_a_letter_gives_way_to_none_of_its_own_death_or_of_an_earlier_one() -> None:
    later = letter(death=1)
    assert follows(letter(), later) is follows(later, later) is None


def test_a_letter_says_which_death_it_is_of() -> None:
    timer = after(failed("a", attempts=1), (redrive(), LATER_MS), (outcome("a", 2, LATER_MS, "failed"), LATER_MS))
    assert dead_letter(timer, timer.actions[0]).death == 1


def test_a_letter_names_the_agent_that_its_timer_binds() -> None:
    binding = {"adapter": "custom", "target": "https://ann.example/wake", "headers": {"Authorization": "s3cret"}}
    timer = failed("a")
    request = {"requestedBy": "x", "duration": "30s", "agentBinding": binding}
    bound = new_timer(CreateTimerRequest.model_validate(request), timer_id="t", tenant_id="demo", now_ms=NOW_MS)
    made = dead_letter(replace(timer, spec=bound.spec), replace(timer.actions[0], id="agent"))
    assert (made.target, made.request["binding"]["headers"]) == ("https://ann.example/wake", ["Authorization"])


def test_a_dead_letter_has_no_header_values_of_those_who_are_asked_in_somebodys_place() -> None:
    steps = [
        {"binding": {"adapter": "custom", "target": "https://b.example/", "headers": {"Authorization": "s3cret"}}},
        {"webhook": {"url": "https://p.example/", "headers": {"X-Key": "s3cret"}}},
    ]
    timer = asking(escalation=steps)
    request = dead_letter(timer, state_of(timer)).request
    assert "s3cret" not in json.dumps(request)
    first, second = request["requiresAcknowledgement"]["escalation"]
    assert (first["binding"]["headers"], second["webhook"]["headers"]) == (["Authorization"], ["X-Key"])


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (LetterFilter(), True),
        (LetterFilter(host="example.org"), True),
        (LetterFilter(host="EXAMPLE.org:8443"), True),
        (LetterFilter(host="example.org:443"), False),
        (LetterFilter(host="ample.org"), False),
        (LetterFilter(url_prefix="https://example.org:8443/ho"), True),
        (LetterFilter(url_prefix="https://example.org/hook"), False),
        (LetterFilter(kind="webhook"), True),
        (LetterFilter(kind="command"), False),
        (LetterFilter(reason="NO luck"), True),
        (LetterFilter(reason="timeout"), False),
        (LetterFilter(timer_id="0190-t1"), True),
        (LetterFilter(timer_id="0190-t"), False),
        (LetterFilter(labels=(("customer", "acme"),)), True),
        (LetterFilter(labels=(("customer", "acme"), ("team", "y"))), False),
        (LetterFilter(destination="billing"), False),
        (LetterFilter(died_after_ms=DUE_MS + 20_000), True),
        (LetterFilter(died_after_ms=DUE_MS + 20_001), False),
        (LetterFilter(died_before_ms=DUE_MS + 20_001), True),
        (LetterFilter(died_before_ms=DUE_MS + 20_000), False),
    ],
)
def test_a_filter_matches_what_it_says(wanted: LetterFilter, matches: bool) -> None:
    one = letter(request={"url": "https://Example.org:8443/hook"})
    one = replace(one, request={"url": "https://example.org:8443/hook"}) if wanted.url_prefix else one
    assert wanted.matches(one) is matches
    assert not wanted.matches(replace(one, state=LetterState.REDRIVEN))
    assert not wanted.matches(replace(one, state=LetterState.DISCARDED))


@pytest.mark.parametrize(
    ("request_", "target"),
    [
        ({"destination": "billing"}, "destination billing"),
        ({"binding": {"adapter": "inbox", "target": "ann"}}, "ann"),
        (
            {"target": "queue", "arn": "arn:aws:sqs:us-east-1:123456789012:orders"},
            "arn:aws:sqs:us-east-1:123456789012:orders",
        ),
        ({}, ""),
    ],
)
def test_a_letter_knows_where_it_was_to_go(request_: dict[str, object], target: str) -> None:
    assert letter(request=request_).target == target
    assert not LetterFilter(host="example.org").matches(letter(request=request_))
