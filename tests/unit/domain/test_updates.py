from __future__ import annotations

from typing import Any

import pytest

from minoots_kernel.domain.commands import Cancel, Pause, Update
from minoots_kernel.domain.errors import InvalidTimerError, StateConflictError
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.transitions import apply
from minoots_kernel.domain.updates import MAX_LABELS, merged
from tests.unit.domain.builders import NOW_MS, after, fired, scheduled

# The examples of RFC 7396, appendix A: target, patch, result.
EXAMPLES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), EXAMPLES)
def test_values_are_merged_as_the_standard_shows(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


def update(timer: Timer, **patch: Any) -> Timer:
    return apply(timer, Update("ann", patch=patch), NOW_MS + 7).timer


def test_what_is_patched_changes_and_nothing_of_when_it_fires() -> None:
    timer = scheduled("a", labels={"env": "prod", "team": "x"}, metadata={"order": {"id": 7, "note": "n"}})
    changed = update(timer, name="other", labels={"env": None, "new": "1"}, metadata={"order": {"note": None}})
    assert (changed.name, changed.spec.labels) == ("other", {"team": "x", "new": "1"})
    assert changed.spec.metadata == {"order": {"id": 7}}
    for field in ("status", "generation", "fire_at_ms", "next_check_at_ms", "actions"):
        assert getattr(changed, field) == getattr(timer, field)
    moment = changed.timeline[-1]
    assert (moment.event, moment.by, moment.note, moment.version) == ("updated", "ann", "name, labels, metadata", 2)
    assert changed.spec.bundle == timer.spec.bundle


def test_what_is_so_already_changes_nothing() -> None:
    timer = scheduled(labels={"a": "b"}, metadata={"n": 1}, name="tea")
    assert update(timer, name="tea", labels={"a": "b", "c": None}, metadata={}) is timer
    assert update(timer, metadata={"n": 1.0}) is not timer, "1.0 is not 1"


def test_null_takes_all_labels_or_all_metadata_away_but_not_the_name() -> None:
    timer = scheduled(labels={"a": "b"}, metadata={"n": 1})
    assert update(timer, labels=None).spec.labels == {}
    assert update(timer, metadata=None).spec.metadata == {}
    with pytest.raises(InvalidTimerError):
        update(timer, name=None)


def test_a_timer_keeps_to_the_bound_of_its_labels() -> None:
    timer = scheduled(labels={f"l{n}": "" for n in range(MAX_LABELS)})
    with pytest.raises(InvalidTimerError):
        update(timer, labels={"one-more": ""})
    assert len(update(timer, labels={"one-more": "", "l0": None}).spec.labels) == MAX_LABELS


def test_each_spec_of_a_timer_has_a_name_of_its_own() -> None:
    timer = scheduled()
    revisions = [update(timer, metadata={"n": n}).spec.revision for n in range(5)]
    assert len({timer.spec.revision, *revisions}) == 6
    assert update(timer, name="other").spec is timer.spec


def test_a_paused_timer_may_change_and_one_whose_actions_are_under_way_may_not() -> None:
    paused = after(scheduled("a"), (Pause("ann"), NOW_MS))
    assert update(paused, metadata={"n": 1}).status is paused.status
    for patch in ({"name": "x"}, {"labels": {"a": "b"}}, {"metadata": {"n": 1}}):
        with pytest.raises(StateConflictError):
            update(fired("a"), **patch)


def test_a_timer_that_has_ended_may_be_filed_under_other_names_but_says_what_it_said() -> None:
    ended = after(scheduled("a"), (Cancel("ann"), NOW_MS))
    assert update(ended, name="x", labels={"seen": "yes"}).spec.labels == {"seen": "yes"}
    with pytest.raises(StateConflictError):
        update(ended, metadata={"n": 1})
