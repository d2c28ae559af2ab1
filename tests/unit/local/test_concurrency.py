"""How many batches are handled at once."""

from __future__ import annotations

from minoots_local.players.concurrency import Concurrency


def full(first: int = 3, most: int = 5) -> Concurrency:
    scale = Concurrency(first, most)
    assert all(scale.begin(1_000 + number) for number in range(first))
    return scale


def test_no_more_begin_than_there_is_room_for_until_one_ends() -> None:
    scale = full()
    assert not scale.begin(1_100)
    scale.end(1_001)
    assert scale.begin(1_101)
    assert not scale.begin(1_102)


def test_while_the_oldest_is_stuck_room_is_made_one_by_one_up_to_the_most() -> None:
    scale = full()
    assert scale.next_room_ms(1_100) == 2_000
    assert not scale.begin(1_999)
    assert scale.begin(2_000)
    assert not scale.begin(2_100)
    assert scale.next_room_ms(2_100) == 2_200
    assert scale.begin(2_200)
    assert not scale.begin(9_000)
    assert scale.next_room_ms(9_000) is None


def test_a_backlog_that_is_worked_off_makes_no_room() -> None:
    scale = Concurrency(1, 5)
    for began_ms in range(1_000, 9_000, 500):
        assert scale.begin(began_ms)
        assert not scale.begin(began_ms + 499), "none has been under way for a second"
        scale.end(began_ms)
    assert scale.room == 1


def test_room_that_was_made_stays() -> None:
    scale = full()
    assert scale.begin(2_000)
    for began_ms in (1_000, 1_001, 1_002, 2_000):
        scale.end(began_ms)
    assert scale.room == 4
