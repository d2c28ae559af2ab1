from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_contract.events import EVENT_TYPES, CloudEvent, event_type
from minoots_contract.timers import TimerReply
from minoots_kernel.domain.commands import (
    Arm,
    Cancel,
    Discard,
    Extend,
    Fire,
    FireNow,
    Pause,
    Recheck,
    Redrive,
    Reschedule,
    Resume,
    Snooze,
    Update,
)
from minoots_kernel.domain.events import TimerChange, cloud_events
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.transitions import apply
from minoots_kernel.domain.views import timer_reply
from tests.unit.domain.asking import answered, asking, waiting
from tests.unit.domain.builders import NOW_MS, after, fired, outcome, scheduled

DUE_MS = NOW_MS + 30_000


def changes_of(*lives: list[Timer]) -> list[TimerChange]:
    return [TimerChange(before, now) for life in lives for before, now in zip([None, *life], life, strict=False)]


def whole_life() -> list[Timer]:
    """A timer with two actions, of which the second fails for good at its second attempt."""
    life = [scheduled("a", "b", maxAttempts=2)]
    for command, now_ms in (
        (Arm(1), NOW_MS + 1),
        (Fire(1), DUE_MS),
        (outcome("a", 1, DUE_MS + 1), DUE_MS + 1),
        (outcome("b", 1, DUE_MS + 2, "failed"), DUE_MS + 2),
        (Recheck(1, DUE_MS + 99_000), DUE_MS + 3),
        (outcome("b", 2, DUE_MS + 5_000, "failed"), DUE_MS + 5_000),
    ):
        life.append(apply(life[-1], command, now_ms).timer)
    return life


def changed_often() -> Timer:
    """A timer of which everything was wanted."""
    changes = (
        Extend("x", by_ms=5),
        Reschedule("x", "rain", duration_ms=60_000),
        Snooze("x", duration_ms=90_000),
        Pause("x"),
        Resume("x"),
        FireNow("x"),
        Cancel("x"),
    )
    return after(scheduled(), *((change, NOW_MS + number) for number, change in enumerate(changes)))


def names(change: TimerChange) -> list[str]:
    return [moment.event for moment, _ in cloud_events(change)]


def test_a_whole_life_is_told_from_created_to_failed() -> None:
    assert [names(change) for change in changes_of(whole_life())] == [
        ["created"],
        ["armed"],
        ["fired"],
        [],
        ["attempt_failed"],
        [],
        ["attempt_failed", "failed"],
    ]


def test_a_timer_without_actions_fires_and_settles_as_two_events_of_one_write() -> None:
    timer = scheduled()
    events = cloud_events(TimerChange(timer, apply(timer, Fire(1), DUE_MS).timer))
    assert [event.dedupekey for _, event in events] == ["timer:demo:0190-t1:2", "timer:demo:0190-t1:2:settled"]
    assert [event.type for _, event in events] == [event_type("fired"), event_type("settled")]
    assert {event.stateversion for _, event in events} == {2}


def test_every_event_has_an_id_of_its_own() -> None:
    cancelled = after(scheduled(timer_id="0190-t2"), (Cancel("x"), NOW_MS))
    other_tenant = [replace(timer, tenant_id="other") for timer in whole_life()]
    changes = changes_of(whole_life(), [cancelled], [scheduled(timer_id="0190-t3"), fired(timer_id="0190-t3")])
    events = [event for change in [*changes, *changes_of(other_tenant)] for _, event in cloud_events(change)]
    assert len({event.id for event in events}) == len(events) == 17
    assert all(event.id == event.dedupekey for event in events)


def test_the_same_change_makes_the_same_events() -> None:
    for change in changes_of(whole_life()):
        assert cloud_events(change) == cloud_events(change)


def test_events_of_skipped_writes_are_not_lost() -> None:
    life = whole_life()
    assert names(TimerChange(life[0], life[2])) == ["armed", "fired"]
    assert names(TimerChange(None, life[2])) == ["created", "armed", "fired"]


def test_an_event_is_a_cloud_event_with_the_timer_as_it_stood() -> None:
    life = whole_life()
    ((_, event),) = cloud_events(TimerChange(life[1], life[2]))
    wire = event.wire()
    assert {name: wire[name] for name in ("specversion", "source", "type", "subject", "time", "datacontenttype")} == {
        "specversion": "1.0",
        "source": "/tenants/demo/timers",
        "type": "io.minoots.timer.fired.v1",
        "subject": "0190-t1",
        "time": "2026-09-21T14:13:50.000Z",
        "datacontenttype": "application/json",
    }
    assert wire["tenantid"] == "demo"
    assert wire["dedupekey"] == "timer:demo:0190-t1:3"
    assert wire["data"]["timer"]["status"] == "fired"
    assert CloudEvent.model_validate(wire) == event


def test_what_happens_to_timers_has_its_name_in_the_contract() -> None:
    told = {moment.event for timer in [*whole_life(), fired()] for moment in timer.timeline}
    told |= {moment.event for moment in changed_often().timeline}
    skipped = after(scheduled(latePolicy={"mode": "skip", "afterMs": 1}), (Fire(1), DUE_MS + 2))
    told |= {moment.event for moment in skipped.timeline}
    called = fired("a", "b", escalations={"a": {"escalatesTo": "b"}}, maxAttempts=2)
    told |= {moment.event for moment in after(called, (outcome("a", 1, DUE_MS, "failed"), DUE_MS)).timeline}
    told |= {moment.event for moment in after(scheduled(), (Recheck(1, DUE_MS, "unfired"), NOW_MS)).timeline}
    told |= {moment.event for moment in after(scheduled(), (Update("ann", patch={"name": "x"}), NOW_MS)).timeline}
    for command in (Redrive, Discard):
        failed = after(fired("a"), (outcome("a", 1, DUE_MS, "failed"), DUE_MS))
        told |= {
            moment.event
            for moment in after(failed, (command(action_id="a", death=0, requested_by="ann"), DUE_MS)).timeline
        }
    for timer in (answered(waiting(asking()), "done"), answered(waiting(asking()), "refused")):
        told |= {moment.event for moment in timer.timeline}
    assert told == set(EVENT_TYPES)


@pytest.mark.parametrize("timer", [*whole_life(), changed_often(), after(scheduled(), (Pause("x"), NOW_MS))])
def test_the_view_of_a_timer_is_one_that_its_readers_accept(timer: Timer) -> None:
    wire = timer_reply(timer).wire()
    assert TimerReply.model_validate(wire).wire() == wire
    assert wire["stateVersion"] == timer.version
    assert wire["durationMs"] == timer.duration_ms
    assert [entry["event"] for entry in wire["timeline"]] == [moment.event for moment in timer.timeline]


def test_the_view_shows_what_became_of_each_action() -> None:
    wire = timer_reply(whole_life()[5]).wire()
    good, retried = wire["actions"]
    assert (good["state"], good["deliveryId"], len(good["attempts"])) == ("succeeded", "0190-t1_a", 1)
    assert (retried["state"], retried["attempts"][0]["statusCode"]) == ("dispatched", 503)
    assert retried["nextAttemptAt"] > retried["attempts"][0]["endedAt"]


def test_the_view_of_a_plain_timer_leaves_out_what_it_has_not() -> None:
    wire = timer_reply(scheduled()).wire()
    assert not wire.keys() & {"actions", "actionBundle", "firedAt", "cancelReason", "failureReason", "settledAt"}


def test_events_leave_out_what_may_be_secret_and_what_the_stream_does_not_carry() -> None:
    timer = scheduled("a")
    (_, seen), *_ = cloud_events(TimerChange(None, timer))
    (_, large), *_ = cloud_events(TimerChange(None, timer, whole=False))
    assert "actionBundle" not in seen.data["timer"]
    assert {"metadata", "labels"} <= seen.data["timer"].keys()
    assert not {"actionBundle", "metadata", "labels"} & large.data["timer"].keys()
