"""Lists of labels in a query: what is written is read again, wherever a gateway cut it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minoots_contract.label_lists import escaped, split_list

ENTRIES = st.lists(st.text(st.sampled_from("ab=,\\ ")), min_size=1, max_size=6)


@given(entries=ENTRIES)
def test_what_is_written_is_read_again_wherever_it_was_cut(entries: list[str]) -> None:
    written = ",".join(map(escaped, entries))
    assert split_list([written]) == split_list(written.split(",")) == entries


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("a=1,b=2", ["a=1", "b=2"]),
        ("a=1\\,2", ["a=1,2"]),
        ("a=1\\\\,b=2", ["a=1\\", "b=2"]),
        ("a=C:\\temp", ["a=C:\\temp"]),
        ("a=1,", ["a=1", ""]),
        ("a=1\\", ["a=1\\"]),
        ("", [""]),
    ],
)
def test_a_backslash_is_itself_unless_a_comma_or_another_follows(text: str, entries: list[str]) -> None:
    assert split_list([text]) == entries
