"""Every life that a timer can lead, against what must hold of all of them."""

from __future__ import annotations

from copy import deepcopy
from typing import Literal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from minoots_kernel.domain.commands import (
    Arm,
    Cancel,
    Change,
    Command,
    Discard,
    Extend,
    Fire,
    FireNow,
    Pause,
    Recheck,
    RecordAttempt,
    Redrive,
    Reschedule,
    Resume,
    Rewake,
    Snooze,
)
from minoots_kernel.domain.errors import (
    InvalidTimerError,
    NotDueError,
    StaleHintError,
    StateConflictError,
    UnknownHintError,
)
from minoots_kernel.domain.heartbeats import beaten
from minoots_kernel.domain.moves import MAX_TIMELINE, MOVES, Transition
from minoots_kernel.domain.timer import ActionState, ActionStatus, Status, Timer
from minoots_kernel.domain.transitions import MAX_ATTEMPTS_KEPT, apply
from tests.unit.domain.builders import NOW_MS, outcome, scheduled

HINT_ERRORS = (InvalidTimerError, NotDueError, StaleHintError, StateConflictError, UnknownHintError)
PENDING = {Status.SCHEDULED, Status.ARMED}
OPEN = PENDING | {Status.PAUSED}
ENDED = {Status.SETTLED, Status.FAILED, Status.CANCELLED}
Answer = type[Exception] | Literal["change", "nothing"]


def expected_of_hint(timer: Timer, generation: int) -> type[Exception] | None:
    if generation < timer.generation:
        return StaleHintError
    return UnknownHintError if generation > timer.generation else None


def expected(timer: Timer, command: Command, now_ms: int) -> Answer:  # noqa: PLR0911  one answer a command
    """What a command must come to, told from the rules and not from the code."""
    match command:
        case Arm(generation):
            wrong = expected_of_hint(timer, generation)
            return wrong or ("change" if timer.status is Status.SCHEDULED else StaleHintError)
        case Fire(generation):
            if wrong := expected_of_hint(timer, generation):
                return wrong
            if timer.status not in PENDING:
                return StaleHintError
            return "change" if now_ms >= timer.fire_at_ms else NotDueError
        case Change():
            return expected_of_change(timer, command, now_ms)
        case RecordAttempt(action_id, attempt):
            state = timer.action(action_id)
            mine = state is not None and state.status is ActionStatus.DISPATCHED and attempt.number == state.tries + 1
            return "change" if mine else StaleHintError
        case Rewake(generation) | Recheck(generation):
            return expected_of_hint(timer, generation) or expected_of_look(timer, command)
        case _:
            return expected_of_letter(timer, command)


def expected_of_letter(timer: Timer, command: Command) -> Answer:
    assert isinstance(command, Redrive | Discard), f"nothing is known of {command}"
    state = timer.action(command.action_id)
    if state is None:
        return StateConflictError
    if state.redriven.times > command.death:
        return "nothing" if isinstance(command, Redrive) else StateConflictError
    if state.discarded:
        return "nothing" if isinstance(command, Discard) else StateConflictError
    dead = state.status is ActionStatus.FAILED and timer.status in {Status.FIRED, Status.FAILED}
    return "change" if dead else StateConflictError


def expected_of_look(timer: Timer, command: Rewake | Recheck) -> Answer:
    if isinstance(command, Recheck):
        return "change" if timer.status in PENDING | {Status.FIRED} else StaleHintError
    if timer.status not in PENDING or command.lap < timer.lap:
        return StaleHintError
    return "change" if command.lap == timer.lap else UnknownHintError


def expected_of_change(timer: Timer, command: Change, now_ms: int) -> Answer:  # noqa: PLR0911
    match command:
        case Cancel() if timer.status is Status.CANCELLED:
            return "nothing"
        case Pause() if timer.status is Status.PAUSED:
            return "nothing"
        case Resume() if timer.status is not Status.PAUSED:
            return StateConflictError
        case FireNow() if timer.fired_at_ms or (
            timer.status in PENDING and timer.fire_at_ms <= now_ms and timer.timeout_ms is None
        ):
            return "nothing"
        case _ if timer.status not in OPEN:
            return StateConflictError
        case Reschedule(fire_at_ms=instant_ms, duration_ms=duration_ms):
            due_ms = now_ms + (duration_ms or 0) if instant_ms is None else instant_ms
            allowed = "change" if due_ms > now_ms else InvalidTimerError
            return "nothing" if due_ms == timer.fire_at_ms else allowed
        case Snooze(duration_ms=duration_ms):
            longer = timer.status is Status.PAUSED and duration_ms > (timer.remaining_ms or 0)
            return "change" if longer or now_ms + duration_ms > timer.fire_at_ms else "nothing"
        case _:
            return "change"


class TimerLife(RuleBasedStateMachine):
    timer: Timer
    concurrency = 1
    max_attempts = 1

    @initialize(
        actions=st.integers(0, 4),
        concurrency=st.integers(1, 5),
        max_attempts=st.integers(1, 3),
        duration_ms=st.integers(1, 100_000),
        mode=st.sampled_from(["fire", "skip", "deadLetter"]),
        after_ms=st.integers(1, 50_000),
        heartbeat=st.booleans(),
    )
    def begin(
        self,
        actions: int,
        concurrency: int,
        max_attempts: int,
        duration_ms: int,
        mode: str,
        after_ms: int,
        heartbeat: bool,
    ) -> None:
        self.concurrency, self.max_attempts = concurrency, max_attempts
        self.now_ms = NOW_MS
        self.fires = 0
        self.wishes: dict[tuple[str, int], int | None] = {}
        self.patience = 0
        self.turns = 0
        self.timer = scheduled(
            *(f"a{n}" for n in range(actions)),
            duration=duration_ms,
            heartbeat=heartbeat,
            concurrency=concurrency,
            latePolicy={"mode": mode} if mode == "fire" else {"mode": mode, "afterMs": after_ms},
            maxAttempts=max_attempts,
            backoffInitialMs=1000,
        )

    @property
    def under_way(self) -> list[ActionState]:
        return [state for state in self.timer.actions if state.status is ActionStatus.DISPATCHED]

    def do(self, command: Command) -> None:
        before, copy = self.timer, deepcopy(self.timer)
        self.asked = command
        answers: list[Transition | Exception] = []
        for _ in range(2):  # the same call gives the same answer
            try:
                answers.append(apply(before, command, self.now_ms))
            except HINT_ERRORS as error:
                answers.append(error)
        assert before == copy, "the timer that was given has changed"
        first, second = answers
        should = expected(before, command, self.now_ms)
        if isinstance(first, Exception):
            assert type(first) is type(second) is should
            return
        assert first == second
        assert should == ("nothing" if first.timer is before else "change")
        self.timer = first.timer
        self.check_change(before, first)

    def check_change(self, before: Timer, transition: Transition) -> None:
        timer = transition.timer
        assert transition.before is before
        if timer is before:
            assert transition.events == ()
            return
        about_a_letter = isinstance(self.asked, Redrive | Discard)
        assert before.status not in ENDED or about_a_letter
        assert timer.version == before.version + 1
        assert timer.status is before.status or timer.status in MOVES[before.status]
        told = before.timeline + transition.events
        assert timer.timeline == (told if len(told) <= MAX_TIMELINE else (told[0], *told[1 - MAX_TIMELINE :]))
        assert {(moment.at_ms, moment.version) for moment in transition.events} <= {(self.now_ms, timer.version)}
        assert {state.id for state in transition.released} == {
            state.id
            for state, old in zip(timer.actions, before.actions, strict=True)
            if old.status is not ActionStatus.DISPATCHED and state.status is ActionStatus.DISPATCHED
        }
        for old, new in zip(before.actions, timer.actions, strict=True):
            meant = about_a_letter and self.asked.action_id == old.id
            assert new == old or meant or not old.status.terminal, "an action that had ended was changed"
            assert new.tries in {old.tries, old.tries + 1}
        if isinstance(self.asked, Fire) and before.late_policy is not None:
            in_time = self.now_ms - before.fire_at_ms <= (before.late_policy.after_ms or 0)
            assert (timer.fired_at_ms is not None) == in_time
        self.fires += sum(moment.event == "fired" for moment in transition.events)
        turned = timer.generation - before.generation
        changed = (before.fire_at_ms, before.status) != (timer.fire_at_ms, timer.status)
        assert turned == (isinstance(self.asked, Change) or timer.cancelled_by == "late-policy")
        stopped_watching = timer.timeout_ms != before.timeout_ms
        less_left = timer.remaining_ms != before.remaining_ms
        assert changed or less_left or stopped_watching or not isinstance(self.asked, Change)
        assert not turned or timer.armed_at_ms is None or timer.status is Status.CANCELLED
        self.turns += turned

    @rule(ms=st.integers(0, 60_000))
    def time_passes(self, ms: int) -> None:
        self.now_ms += ms

    @precondition(lambda self: self.timer.status in PENDING)
    @rule(off=st.sampled_from([-1, 0, 1]))
    def the_due_time_is_near(self, off: int) -> None:
        self.now_ms = max(self.now_ms, self.timer.fire_at_ms + off)
        self.do(Fire(self.timer.generation))

    @rule(off=st.sampled_from([0, 0, 0, -1, 1]))
    def arm(self, off: int) -> None:
        self.do(Arm(self.timer.generation + off))

    @rule(off=st.sampled_from([0, 0, 0, 0, -1, 1]))
    def a_wake_up_comes(self, off: int) -> None:
        self.do(Fire(self.timer.generation + off))

    @precondition(lambda self: self.patience or self.timer.status in ENDED)
    @rule()
    def cancel(self) -> None:
        self.do(Cancel("somebody", "no more"))

    @rule()
    def patience_ends(self) -> None:
        self.patience += 1  # else most lives would end in a cancel before anything else can happen to them

    @rule(ms=st.integers(1, 100_000), verb=st.sampled_from([Extend, Snooze]))
    def somebody_needs_more_time(self, ms: int, verb: type) -> None:
        self.do(Extend("somebody", by_ms=ms) if verb is Extend else Snooze("somebody", duration_ms=ms))

    @rule(ms=st.integers(1, 100_000), instant=st.none() | st.integers(-100_000, 200_000))
    def somebody_names_another_time(self, ms: int, instant: int | None) -> None:
        self.do(
            Reschedule("somebody", duration_ms=ms)
            if instant is None
            else Reschedule("somebody", fire_at_ms=NOW_MS + instant)
        )

    @rule()
    def somebody_names_the_same_time(self) -> None:
        self.do(Reschedule("somebody", fire_at_ms=self.timer.fire_at_ms))

    @rule(change=st.sampled_from([Pause("somebody"), FireNow("somebody")]))
    def somebody_waves(self, change: Change) -> None:
        self.do(change)

    @precondition(lambda self: self.timer.timeout_ms is not None)
    @rule()
    def a_heartbeat_is_heard(self) -> None:
        before, pushed = self.timer, beaten(self.timer, self.now_ms)
        later = self.now_ms + (before.timeout_ms or 0) > before.fire_at_ms
        assert (pushed is not None) == (before.status in PENDING and later)
        if pushed is not None:
            assert (pushed.fire_at_ms, pushed.beats) == (self.now_ms + (before.timeout_ms or 0), before.beats + 1)
            assert (pushed.generation, pushed.timeline) == (before.generation, before.timeline)
            self.timer = pushed

    @rule(off=st.sampled_from([0, 0, 0, -1, 1]))
    def a_wake_up_is_to_be_sent_on(self, off: int) -> None:
        self.do(Rewake(self.timer.generation, self.timer.lap + off))

    @rule(keep_due_time=st.booleans())
    def somebody_resumes(self, keep_due_time: bool) -> None:
        self.do(Resume("somebody", keep_due_time=keep_due_time))

    @precondition(lambda self: self.under_way)
    @rule(
        which=st.integers(0, 3), good=st.booleans(), permanent=st.booleans(), wish=st.none() | st.integers(0, 100_000)
    )
    def an_attempt_ends(self, which: int, good: bool, permanent: bool, wish: int | None) -> None:
        state = self.under_way[which % len(self.under_way)]
        self.wishes[state.id, state.tries + 1] = wish
        result: Literal["succeeded", "failed"] = "succeeded" if good else "failed"
        self.do(outcome(state.id, state.tries + 1, self.now_ms, result, permanent=permanent, retry_after_ms=wish))

    @precondition(lambda self: self.timer.actions)
    @rule(which=st.integers(0, 3), off=st.sampled_from([-1, 0, 1]), good=st.booleans())
    def an_attempt_ends_that_may_be_another(self, which: int, off: int, good: bool) -> None:
        state = self.timer.actions[which % len(self.timer.actions)]
        self.do(outcome(state.id, state.tries + 1 + off, self.now_ms, "succeeded" if good else "failed"))

    @precondition(lambda self: self.timer.actions)
    @rule(
        which=st.integers(0, 3),
        off=st.sampled_from([0, 0, 0, 0, -1, 1]),
        verb=st.sampled_from([Redrive, Redrive, Discard]),
    )
    def somebody_works_with_a_dead_letter(self, which: int, off: int, verb: type) -> None:
        dead = [state for state in self.timer.actions if state.status is ActionStatus.FAILED]
        state = (dead or self.timer.actions)[which % len(dead or self.timer.actions)]
        self.do(verb(action_id=state.id, death=state.redriven.times + off, requested_by="somebody"))

    @rule()
    def somebody_redrives_a_stranger(self) -> None:
        self.do(Redrive(action_id="stranger", death=0, requested_by="somebody"))

    @rule()
    def an_attempt_of_a_stranger_ends(self) -> None:
        self.do(outcome("stranger", 1, self.now_ms))

    @rule(ms=st.integers(1, 100_000), off=st.sampled_from([0, 0, 0, -1, 1]))
    def the_sweep_looks(self, ms: int, off: int) -> None:
        self.do(Recheck(self.timer.generation + off, self.now_ms + ms))

    @invariant()
    def fires_once_and_never_early(self) -> None:
        fired_at = self.timer.fired_at_ms
        assert self.fires == (0 if fired_at is None else 1)
        assert fired_at is None or fired_at >= self.timer.fire_at_ms
        assert self.timer.lateness_ms == (None if fired_at is None else fired_at - self.timer.fire_at_ms)

    @invariant()
    def a_heartbeat_timer_counts_its_time_from_its_beat(self) -> None:
        if self.timer.timeout_ms is not None:
            assert self.timer.beat_at_ms == self.timer.fire_at_ms - self.timer.timeout_ms

    @invariant()
    def actions_run_in_order_and_not_too_many_at_once(self) -> None:
        states = [state.status for state in self.timer.actions]
        assert states.count(ActionStatus.DISPATCHED) <= self.concurrency
        never_redriven = [state.status for state in self.timer.actions if not state.redriven.times]
        begun = [status is not ActionStatus.WAITING for status in never_redriven]
        assert begun == sorted(begun, reverse=True), "an action was released before one that comes earlier"
        if self.timer.status is Status.FIRED:
            under_way = states.count(ActionStatus.DISPATCHED)
            assert under_way == min(self.concurrency, under_way + states.count(ActionStatus.WAITING))
            assert under_way, "nothing is left that could end this timer"
        elif self.timer.status in OPEN | {Status.CANCELLED}:
            assert not any(begun)

    @invariant()
    def the_status_says_how_the_actions_ended(self) -> None:
        timer = self.timer
        states = [state.status for state in timer.actions]
        fired = timer.fired_at_ms is not None
        too_late = timer.status is Status.FAILED and not fired
        all_ended = (fired or too_late) and all(status.terminal for status in states)
        any_failed = ActionStatus.FAILED in states or too_late
        assert (timer.status is Status.SETTLED) == (all_ended and not any_failed)
        assert (timer.status is Status.FAILED) == (all_ended and any_failed)
        assert (timer.failure_reason is not None) == (timer.status is Status.FAILED)

    @invariant()
    def no_action_gets_more_attempts_than_it_may(self) -> None:
        for state in self.timer.actions:
            assert 0 <= state.tries_this_time <= self.max_attempts
            first = max(1, state.tries - MAX_ATTEMPTS_KEPT + 1)
            assert [attempt.number for attempt in state.attempts] == list(range(first, state.tries + 1))
            waits = state.status is ActionStatus.DISPATCHED and state.tries_this_time > 0
            assert (state.next_attempt_at_ms is not None) == waits
            if state.next_attempt_at_ms is not None:
                waits_ms = state.next_attempt_at_ms - state.attempts[-1].ended_at_ms
                wish_ms = self.wishes.get((state.id, state.tries))
                assert waits_ms >= 500 if wish_ms is None else waits_ms == wish_ms

    @invariant()
    def the_sweep_looks_at_what_lives_and_at_nothing_else(self) -> None:
        # A failed timer has dead letters to be stored, and is looked after until that is written.
        if self.timer.status is not Status.FAILED:
            assert (self.timer.next_check_at_ms is None) == (self.timer.status in ENDED | {Status.PAUSED})

    @invariant()
    def a_paused_timer_has_time_left_and_no_other_has(self) -> None:
        paused = self.timer.status is Status.PAUSED
        assert (self.timer.paused_at_ms is not None) == (self.timer.remaining_ms is not None) == paused
        assert (self.timer.remaining_ms or 0) >= 0

    @invariant()
    def the_timeline_tells_what_the_fields_say(self) -> None:
        timer = self.timer
        told = {moment.event: moment.at_ms for moment in timer.timeline if moment.event != "attempt_failed"}
        events = [moment.event for moment in timer.timeline]
        since = events[len(events) - events[::-1].index("redriven") :] if "redriven" in events else events
        ended = {*since} & {"settled", "failed", "cancelled"}
        assert timer.timeline[0].event == "created"
        assert told["created"] == timer.created_at_ms
        for event in ("fired", "settled", "cancelled"):
            assert told.get(event) == getattr(timer, f"{event}_at_ms")
        assert timer.armed_at_ms in {None, told.get("armed")}
        assert len(ended) == (timer.status in ENDED)
        assert ("skipped" in told) == (timer.cancelled_by == "late-policy")
        assert [moment.version for moment in timer.timeline] == sorted(moment.version for moment in timer.timeline)
        assert timer.timeline[-1].version <= timer.version
        assert timer.generation == 1 + self.turns


TestTimerLife = TimerLife.TestCase
TestTimerLife.settings = settings(settings(), max_examples=120, stateful_step_count=30)
