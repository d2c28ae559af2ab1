from __future__ import annotations

from typing import Any

import pytest

from minoots_kernel.adapters.memory import MemoryInboxStore, VirtualClock
from minoots_kernel.application.use_inbox import UseInbox
from minoots_kernel.domain.errors import LeaseLostError
from minoots_kernel.domain.inbox import InboxMessage
from tests.unit.application.world import DEMO, World
from tests.unit.domain.builders import NOW_MS


def a_message(number: int = 1) -> InboxMessage:
    name = f"0190-t{number}"
    return InboxMessage("demo", "ann", f"{name}.a", name, "a", "agent_prompt", NOW_MS, {}, NOW_MS + 1_000_000)


class Looked(MemoryInboxStore):
    """Notes when it was looked at; a message comes as time passes."""

    def __init__(self, clock: VirtualClock, comes_at_ms: int | None = None) -> None:
        super().__init__()
        self.looks: list[int] = []
        self._clock, self._comes_at_ms = clock, comes_at_ms

    def take(self, *arguments: Any, **named: Any) -> Any:
        self.looks.append(self._clock.now_ms() - NOW_MS)
        if self._comes_at_ms is not None and self._clock.now_ms() >= self._comes_at_ms:
            self.put(a_message())
        return super().take(*arguments, **named)


def inbox(comes_after_ms: int | None = None) -> tuple[UseInbox, Looked, VirtualClock]:
    clock = VirtualClock(NOW_MS)
    store = Looked(clock, None if comes_after_ms is None else NOW_MS + comes_after_ms)
    world = World()
    return UseInbox(store, clock, world.store, world.acknowledge), store, clock


def test_without_a_wait_there_is_one_look() -> None:
    use, store, clock = inbox()
    assert use.fetch(DEMO, "ann", limit=10, lease_ms=1_000) == []
    assert (store.looks, clock.now_ms()) == ([0], NOW_MS)


def test_a_wait_looks_less_and_less_often_and_ends_in_time() -> None:
    use, store, clock = inbox()
    assert use.fetch(DEMO, "ann", limit=10, lease_ms=1_000, wait_ms=20_000) == []
    assert clock.now_ms() == NOW_MS + 20_000
    assert store.looks[:5] == [0, 250, 750, 1_750, 2_750]
    assert store.looks[-1] == 20_000
    assert len(store.looks) == 23


def test_a_wait_ends_with_the_first_message_and_its_lease_begins_then() -> None:
    use, _, clock = inbox(comes_after_ms=5_000)
    (leased,) = use.fetch(DEMO, "ann", limit=10, lease_ms=60_000, wait_ms=20_000)
    assert clock.now_ms() == NOW_MS + 5_750
    assert leased.leased_until_ms == clock.now_ms() + 60_000


def test_a_message_goes_from_hand_to_hand_until_it_is_acknowledged() -> None:
    use, store, clock = inbox()
    store.put(a_message())
    (first,) = use.fetch(DEMO, "ann", limit=1, lease_ms=1_000)
    assert use.extend(DEMO, "ann", first.receipt, 10_000) == NOW_MS + 10_000
    clock.advance_to(NOW_MS + 9_999)
    assert use.fetch(DEMO, "ann", limit=1, lease_ms=1_000) == []
    assert use.give_back(DEMO, "ann", first.receipt, 500) == NOW_MS + 10_499
    clock.advance_to(NOW_MS + 10_499)
    (second,) = use.fetch(DEMO, "ann", limit=1, lease_ms=1_000)
    use.acknowledge(DEMO, "ann", second.receipt)
    assert store.messages == []


@pytest.mark.parametrize("receipt", ["", "nonsense", "x" * 1_000])
def test_what_is_no_receipt_is_refused(receipt: str) -> None:
    use, _, _ = inbox()
    with pytest.raises(LeaseLostError, match="not one of ours"):
        use.acknowledge(DEMO, "ann", receipt)
