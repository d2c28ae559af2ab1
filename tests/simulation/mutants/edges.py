"""Mistakes at the edges: what is acknowledged, published, armed, and shown to whom."""

from __future__ import annotations

from typing import Any, Final

from minoots_kernel.application import arm_timers, change_of_mind, create_timer, hints, publish_events, read_timers
from minoots_kernel.domain import events
from minoots_kernel.domain.events import TimerChange, cloud_events
from minoots_kernel.domain.transitions import apply
from minoots_kernel.interfaces import arming, queues, streams
from tests.simulation.invariants import deliveries, lateness, outside, promises
from tests.simulation.mutants.planting import Mutant, Plant, Undo, edit
from tests.simulation.world import World

__all__ = ["MUTANTS"]

CREATE, CHANGE = create_timer.CreateTimer, change_of_mind.ChangeOfMind


class _PublishesFirst:
    """A change of mind that tells the bus what it is about to store."""

    def __init__(self) -> None:
        self._world: World | None = None

    def meet(self, world: World) -> None:
        """Learn of the world's bus."""
        self._world = world

    def plant(self) -> Undo:
        """Publish before each change is stored."""
        change_timer = change_of_mind.change_timer

        def publishing(store: Any, timer: Any, command: Any, now_ms: int, guard: Any) -> Any:
            assert self._world is not None
            transition = apply(timer, command, now_ms)
            told = [event for _, event in cloud_events(TimerChange(timer, transition.timer))]
            if told:
                self._world.ports.bus.publish(told)
            return change_timer(store, timer, command, now_ms, guard)

        change_of_mind.change_timer = publishing

        def undo() -> None:
            change_of_mind.change_timer = change_timer

        return undo


_PUBLISHES_FIRST: Final = _PublishesFirst()


def _found_by_id_alone() -> Plant:
    return edit(
        read_timers.GetTimer.__call__,
        "self.store.get(TimerKey(principal.tenant_id, timer_id))",
        "next((found for one in ('acme', 'bolt') if (found := self.store.get(TimerKey(one, timer_id)))), None)",
    )


MUTANTS: Final = (
    Mutant(
        "messages of a batch wait one after another",
        (lateness.lateness_is_bounded,),
        (
            edit(
                queues.QueueConsumer.__call__,
                "self._pool.map(self._succeeds, records)",
                "[success for record in records for success in self._pool.map(self._succeeds, [record])]",
            ),
        ),
    ),
    Mutant(
        "messages that failed are acknowledged",
        (deliveries.acknowledged_hints_are_done,),
        (edit(queues.QueueConsumer._succeeds, "return False", "return True"),),
    ),
    Mutant(
        "a poison record holds up its shard",
        (outside.it_comes_to_rest,),
        (edit(streams.StreamConsumer.__call__, "failed += self._park(record, str(error))", "failed.append(record)"),),
    ),
    Mutant(
        "a poison record is skipped",
        (outside.it_comes_to_rest,),
        (edit(streams.StreamConsumer.__call__, "failed += self._park(record, str(error))", "continue"),),
    ),
    Mutant(
        "a batch of changes that failed is taken for done",
        (outside.events_are_published_once_stored,),
        (edit(streams.StreamConsumer._handled, "set(range(len(changes))), error.detail", "set(), error.detail"),),
    ),
    Mutant(
        "events that the bus refuses are forgotten",
        (outside.events_are_published_once_stored,),
        (
            edit(
                publish_events.PublishEvents.__call__,
                "return {owner[event.id] for event in refused}",
                "return set()",
            ),
        ),
    ),
    Mutant(
        "the events of one write share a key",
        (outside.events_are_published_once_stored,),
        (edit(events.cloud_events, 'key = f"{key}:{moment.event}" if key in keys else key', "pass"),),
    ),
    Mutant(
        "published before it is stored",
        (outside.events_are_published_once_stored,),
        (_PUBLISHES_FIRST.plant,),
        _PUBLISHES_FIRST.meet,
    ),
    Mutant(
        "wake-ups that could not be sent are taken for armed",
        (deliveries.acknowledged_hints_are_done,),
        (
            edit(
                hints.send_near,
                "return {delayed.message: error.detail for delayed in near}",
                "return {}",
            ),
        ),
    ),
    Mutant(
        "called armed before there is a schedule",
        (promises.the_timer_item_is_the_truth,),
        (
            edit(
                arm_timers.ArmTimers._arm_far,
                "self.schedules.put(wake_up, leg.at_ms)\n    try:\n",
                "try:\n"
                "        change_timer(self.store, timer, Arm(wake_up.generation), self.clock.now_ms())\n"
                "        self.schedules.put(wake_up, leg.at_ms)\n"
                "        return\n",
            ),
        ),
    ),
    Mutant(
        "the schedule of a cancelled timer stays",
        (promises.a_stale_wake_up_dies,),
        (edit(arming.ArmChanges._disarm, "self.disarm(wake_up_for(before))", "pass"),),
    ),
    Mutant(
        "the wake-up is sent before the timer is stored",
        (promises.the_timer_item_is_the_truth,),
        (
            edit(
                CREATE.__call__,
                "self._store_charged(principal, timer)\n",
                "wake_directly(timer, self.wake_queue, self.clock)\n        self._store_charged(principal, timer)\n",
            ),
        ),
    ),
    Mutant(
        "a create is acknowledged though the store did not answer",
        (outside.acknowledged_means_durable, promises.never_lost),
        (
            edit(
                CREATE.__call__,
                "self._store_charged(principal, timer)\n",
                "from minoots_kernel.domain.errors import MinootsError\n"
                "        try:\n            self._store_charged(principal, timer)\n        except MinootsError:\n"
                "            pass\n",
            ),
        ),
    ),
    Mutant(
        "a repeated create makes another timer",
        (outside.a_key_makes_one_timer, outside.callers_are_told_the_truth),
        (edit(CREATE.once, "self.drafted(principal, request, timer_id, permit)", "self.drafted(principal, request)"),),
    ),
    Mutant(
        "a repeated create is refused",
        (outside.callers_are_told_the_truth,),
        (edit(CREATE.once, "if stored.request != digest:", "if stored.request == digest:"),),
    ),
    Mutant(
        "the loser of a cancel is not told",
        (outside.callers_are_told_the_truth, outside.acknowledged_means_durable),
        (
            edit(
                CHANGE.__call__,
                "changed = change_timer(self.store, timer, command, self.clock.now_ms(), guard).timer",
                "from minoots_kernel.domain.errors import StateConflictError\n"
                "    try:\n"
                "        changed = change_timer(self.store, timer, command, self.clock.now_ms(), guard).timer\n"
                "    except StateConflictError:\n"
                "        return timer",
            ),
        ),
    ),
    Mutant(
        "timers are found by their id alone",
        (outside.no_tenant_sees_anothers_data, outside.callers_are_told_the_truth),
        (_found_by_id_alone(),),
    ),
    Mutant(
        "everybody is shown one tenant's list",
        (outside.no_tenant_sees_anothers_data,),
        (edit(read_timers.ListTimers.__call__, "principal.tenant_id", "'acme'"),),
    ),
)
