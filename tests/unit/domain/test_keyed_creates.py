from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uuid_utils import uuid7

from minoots_kernel.domain.keyed_creates import derived_id, request_digest
from tests.unit.domain.builders import request

KEYS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255)


@given(key=KEYS)
def test_a_key_makes_one_id_for_each_tenant(key: str) -> None:
    made = UUID(derived_id("demo", key))
    assert str(made) == derived_id("demo", key) != derived_id("other", key)
    assert (made.version, made.variant) == (8, "specified in RFC 4122")


def test_a_tenants_name_and_a_key_do_not_run_into_each_other() -> None:
    assert derived_id("a", "bc") != derived_id("ab", "c")


@pytest.mark.parametrize("form", ["{}", '"{}"'])
def test_a_key_that_tells_its_time_lends_it_to_the_id(form: str) -> None:
    key = "01a2000d-190f-7229-82e4-48cb081076a8"
    made = derived_id("demo", form.format(key))
    assert made.startswith("01a2000d-190f-8")
    assert made[15:] != key[15:]


def test_an_id_of_any_other_key_comes_before_all_that_tell_their_time() -> None:
    for key in ("order-48213", "0b0c9a52-1c2d-4f7a-9d0e-1f2a3b4c5d6e", "{", ""):
        assert derived_id("demo", key) < "0001"
    assert str(uuid7()) > "0001"


def test_no_id_that_the_service_draws_can_be_derived() -> None:
    assert UUID(str(uuid7())).version != UUID(derived_id("demo", "k")).version


SAME = [
    {"duration": "30s", "metadata": {"a": 1, "b": [2]}},
    {"duration": 30_000, "metadata": {"b": [2], "a": 1}},
    {"duration": "PT30S", "metadata": {"a": 1, "b": [2]}},
]


def test_spellings_of_one_request_are_one_request() -> None:
    assert len({request_digest(request(**body)) for body in SAME}) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"duration": "31s"},
        {"metadata": {"a": 1, "b": [2, 3]}},
        {"name": "tea"},
        {"requestedBy": "ann"},
        {"metadata": {"a": 1.5, "b": [2]}},
    ],
)
def test_another_field_is_another_request(other: dict[str, object]) -> None:
    assert request_digest(request(**SAME[0])) != request_digest(request(**SAME[0] | other))
