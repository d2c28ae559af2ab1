from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.chance import Chance

pytestmark = pytest.mark.simulation


def test_what_is_drawn_about_one_thing_does_not_depend_on_what_is_drawn_about_others() -> None:
    alone, among_others = Chance(7), Chance(7)
    first = [alone.word("call", "t1") for _ in range(5)]
    second = []
    for number in range(5):
        among_others.word("call", f"t{number + 2}")
        second.append(among_others.word("call", "t1"))
    assert first == second
    assert len(set(first)) == 5


def test_seeds_sites_and_subjects_are_told_apart() -> None:
    words = {
        Chance(seed).word(site, subject) for seed in range(20) for site in ("a", "b") for subject in ("t1", "t2", "t3")
    }
    assert len(words) == 120


@pytest.mark.parametrize("bits", [0, 24, 40, 56])
def test_every_part_of_a_word_is_spread_evenly(bits: int) -> None:
    chance = Chance(3)
    counts = Counter(chance.word("site", f"t{number % 50}") >> bits & 7 for number in range(16_000))
    assert set(counts) == set(range(8))
    assert max(counts.values()) < 1.15 * min(counts.values())


def test_numbers_stay_within_their_bounds() -> None:
    chance = Chance(5)
    assert {chance.between(2, 4, "site", "t") for _ in range(200)} == {2, 3, 4}
    assert chance.below(1, "site", "t") == 0
    assert chance.below(0, "site", "t") == 0
