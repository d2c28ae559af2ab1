"""Retries against a receiver that fails in every way there is; `make flaky` runs the same with two thousand."""

from __future__ import annotations

import pytest

from minoots_contract.instants import format_instant
from tests.support.flaky import MAX_ATTEMPTS, TAKEN, Story, endure, judge_arrivals, mood_of

pytestmark = pytest.mark.stack


def test_every_action_settles_or_leaves_a_dead_letter_and_none_runs_again() -> None:
    story = endure(60)
    assert story.faults == []
    assert story.states.total() == story.wanted
    assert story.off() == []
    assert len(story.failures) >= 3, "connections, timeouts, errors of the server"


def test_the_receiver_has_every_mood_and_the_expectation_is_that_of_its_moods() -> None:
    story = Story(wanted=20_000)
    for number in range(story.wanted):
        moods = [mood_of(f"t{number}_w", attempt) for attempt in range(1, MAX_ATTEMPTS + 1)]
        good = [mood in TAKEN for mood in moods]
        story.tries[good.index(True) + 1 if any(good) else MAX_ATTEMPTS] += 1
        story.dead |= set() if any(good) else {f"t{number}_w"}
    assert story.off() == []
    story.tries[1] -= 500
    assert story.off(), "a histogram that is off is seen"


def test_only_a_copy_that_was_handed_over_before_the_end_was_stored_may_come_after_it() -> None:
    ended_ms = 1_800_000_000_000
    attempts = [{"endedAt": format_instant(ended_ms)}]

    def judged(*copy: tuple[float, float]) -> Story:
        story = Story()
        story.spans["d"] = [(ended_ms - 100, ended_ms + 20), *copy]
        judge_arrivals(story, "d", attempts, [(1, ended_ms - 90), (1, ended_ms + 400)])
        return story

    assert judged((ended_ms + 10, ended_ms + 500)).late_twins_ms == [400]
    for copies in ([(ended_ms + 30, ended_ms + 500)], [(ended_ms + 10, ended_ms + 300)], []):
        assert judged(*copies).faults == ["d was sent again 400 ms after it had ended"]
