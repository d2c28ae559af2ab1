from __future__ import annotations

from dataclasses import replace

import pytest

from minoots_kernel.domain.errors import IdempotencyMismatchError, VersionMismatchError
from minoots_kernel.domain.guards import MAX_REMEMBERED, UNGUARDED, Guard, remembered
from tests.unit.domain.builders import scheduled

MARK = remembered("key-1", "extend 5s")


@pytest.mark.parametrize("versions", [frozenset(), frozenset({1}), frozenset({3, 4})])
def test_a_timer_at_another_version_does_not_pass(versions: frozenset[int]) -> None:
    with pytest.raises(VersionMismatchError, match="at version 2 by now"):
        Guard(versions).check(replace(scheduled(), version=2))


@pytest.mark.parametrize("versions", [None, frozenset({2}), frozenset({1, 2, 3})])
def test_a_timer_at_an_expected_version_passes(versions: frozenset[int] | None) -> None:
    Guard(versions).check(replace(scheduled(), version=2))


def test_a_change_is_recognised_by_its_key_once_it_was_signed() -> None:
    guard = Guard(mark=MARK)
    assert not guard.has_seen(scheduled())
    assert guard.has_seen(guard.sign(scheduled()))


def test_a_key_that_comes_with_another_request_is_refused_by_its_header() -> None:
    timer = Guard(mark=MARK).sign(scheduled())
    with pytest.raises(IdempotencyMismatchError) as refused:
        Guard(mark=remembered("key-1", "extend 6s")).has_seen(timer)
    assert [field for field, _ in refused.value.fields] == ["Idempotency-Key"]
    assert not Guard(mark=remembered("key-2", "extend 6s")).has_seen(timer)


def test_only_the_latest_keys_are_remembered_and_each_takes_little_room() -> None:
    timer = scheduled()
    for number in range(MAX_REMEMBERED + 1):
        timer = Guard(mark=remembered(f"key-{number}" * 20, "extend")).sign(timer)
    seen = [
        Guard(mark=remembered(f"key-{number}" * 20, "extend")).has_seen(timer) for number in range(MAX_REMEMBERED + 1)
    ]
    assert seen == [False] + [True] * MAX_REMEMBERED
    assert all(len(mark.key) + len(mark.request) <= 28 for mark in timer.remembered)


def test_without_a_guard_everything_passes_and_nothing_is_remembered() -> None:
    timer = scheduled()
    UNGUARDED.check(timer)
    assert not UNGUARDED.has_seen(timer)
    assert UNGUARDED.sign(timer) is timer
