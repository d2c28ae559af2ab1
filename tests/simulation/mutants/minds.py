"""Mistakes in what a change of mind, a heartbeat and a late policy make of a timer, and how often."""

from __future__ import annotations

from typing import Final

from minoots_kernel.application import change, fire_timer
from minoots_kernel.domain import changes_of_mind, guards, heartbeats, repair, transitions
from minoots_kernel.interfaces import arming
from tests.simulation.invariants import changes, deliveries, lateness, outside, promises
from tests.simulation.mutants.planting import Mutant, edit

__all__ = ["MUTANTS"]

T, MINDS = transitions, changes_of_mind
FIRE = fire_timer.FireTimer

MUTANTS: Final = (
    Mutant(
        "a pause leaves the wake-ups under way their generation",
        (promises.a_stale_wake_up_dies, changes.changes_are_made_as_asked),
        (edit(MINDS._pause, "generation=timer.generation + 1,", ""),),
    ),
    Mutant(
        "a timer that moved keeps its generation",
        (changes.changes_are_made_as_asked,),
        (edit(MINDS._due, "generation=timer.generation + 1,", ""),),
    ),
    Mutant(
        "a paused timer stays in the sweep's index",
        (changes.changes_are_made_as_asked, promises.the_timer_item_is_the_truth),
        (edit(MINDS._pause, "next_check_at_ms=None,", ""),),
    ),
    Mutant(
        "a resume keeps the old due time",
        (changes.changes_are_made_as_asked,),
        (edit(MINDS._resume, "timer.fire_at_ms if command.keep_due_time else", "timer.fire_at_ms if True else"),),
    ),
    Mutant(
        "an extend counts from now",
        (changes.changes_are_made_as_asked,),
        (edit(MINDS._extend, "timer.fire_at_ms + command.by_ms", "now_ms + command.by_ms"),),
    ),
    Mutant(
        "a snooze brings the due time forward",
        (changes.changes_are_made_as_asked,),
        (edit(MINDS._snooze, "max(timer.fire_at_ms, now_ms + command.duration_ms)", "now_ms + command.duration_ms"),),
    ),
    Mutant(
        "a timer that is told to fire still hears beats",
        (changes.changes_are_made_as_asked,),
        (edit(MINDS._fire_now, ", timeout_ms=None, beat_at_ms=None", ""),),
    ),
    Mutant(
        "what was not heard of is made again",
        (changes.changes_are_made_as_asked, outside.callers_are_told_the_truth),
        (edit(change._check_known, "set(transition.events) & set(read.timeline)", "False"),),
    ),
    Mutant(
        "the version is not looked at again",
        (changes.changes_are_made_as_asked,),
        (edit(change.change_timer, "guard.check(current)", "timer is not current or guard.check(current)"),),
    ),
    Mutant(
        "the version is not looked at",
        (changes.changes_are_made_as_asked,),
        (edit(guards.Guard.check, "timer.version not in self.versions", "False"),),
    ),
    Mutant(
        "the key is not looked for",
        (changes.changes_are_made_as_asked, outside.callers_are_told_the_truth),
        (edit(change.change_timer, "if guard.has_seen(current):", "if False:"),),
    ),
    Mutant(
        "the key is not kept",
        (changes.changes_are_made_as_asked,),
        (edit(guards.Guard.sign, "if self.mark is None:", "if True:"),),
    ),
    Mutant(
        "a beat makes a timer due sooner",
        (changes.a_beaten_timer_lives,),
        (edit(heartbeats.beaten, " or timer.beat_at_ms >= now_ms", ""),),
    ),
    Mutant(
        "beats only count",
        (changes.a_beaten_timer_lives, outside.callers_are_told_the_truth),
        (edit(heartbeats.beaten, "fire_at_ms=now_ms + timer.timeout_ms", "fire_at_ms=timer.fire_at_ms"),),
    ),
    Mutant(
        "every copy of a wake-up goes on",
        (promises.a_stale_wake_up_dies,),
        (
            edit(
                FIRE._send_on,
                "wake_up_for(change_timer(self.store, timer, rewake, now_ms).timer)",
                "wake_up_for(self.store.get(TimerKey(wake_up.tenant_id, wake_up.timer_id)) or timer)",
            ),
        ),
    ),
    Mutant(
        "a wake-up that cannot be sent on is forgotten",
        (deliveries.acknowledged_hints_are_done,),
        (edit(FIRE._send_on, "raise DependencyUnavailableError(reason)", "pass"),),
    ),
    Mutant(
        "a wake-up that failed while it was sent on is taken for a copy",
        (deliveries.acknowledged_hints_are_done,),
        (edit(FIRE._send_on, "if not again or read is None", "if True"),),
    ),
    Mutant(
        "a lap that was counted unheard is taken for a copy's",
        (deliveries.acknowledged_hints_are_done,),
        (edit(FIRE._send_on, "again = again or error.unsure", "again = again"),),
    ),
    Mutant(
        "the sweep looks at what was beaten a day later",
        (lateness.lateness_is_bounded,),
        (
            edit(
                repair.repair_of,
                "look_again_at_ms=check_at(timer.fire_at_ms, now_ms)",
                "look_again_at_ms=now_ms + 86_400_000",
            ),
        ),
    ),
    Mutant(
        "late is a minute later than the policy says",
        (lateness.late_timers_keep_to_their_policy,),
        (edit(T._fire, "tolerates(now_ms - timer.fire_at_ms)", "tolerates(now_ms - timer.fire_at_ms - 60_000)"),),
    ),
    Mutant(
        "the sweep's own delay is not counted as late",
        (lateness.late_timers_keep_to_their_policy,),
        (
            edit(
                T._fire,
                "tolerates(now_ms - timer.fire_at_ms)",
                "tolerates(now_ms - (timer.next_check_at_ms or now_ms))",
            ),
        ),
    ),
    Mutant(
        "the dead letters of a late timer are left to the sweep",
        (deliveries.acknowledged_hints_are_done,),
        (edit(FIRE._finish, "if timer.status is Status.FAILED:", "if False:"),),
    ),
    Mutant(
        "only new timers are armed",
        (deliveries.acknowledged_hints_are_done,),
        (
            edit(
                arming.ArmChanges.__call__,
                "if change.after.status is Status.SCHEDULED:",
                "if change.after.status is Status.SCHEDULED and before is None:",
            ),
        ),
    ),
)
