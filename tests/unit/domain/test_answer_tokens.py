from __future__ import annotations

import pytest

from minoots_kernel.domain.answer_tokens import TokenPlace, digest_token, make_token, read_token

PLACE = TokenPlace("demo", "0190-t1", "look.at:it", 3)


def test_a_token_says_what_it_is_for_and_no_two_are_alike() -> None:
    first, second = (make_token(PLACE, bytes([one]) * 16) for one in (1, 2))
    assert read_token(first) == read_token(second) == PLACE
    assert first != second
    assert digest_token(first) != digest_token(second)
    assert all(character.isalnum() or character in "_-." for character in first)


def test_a_digest_does_not_tell_the_token() -> None:
    token = make_token(PLACE, bytes(16))
    assert token.rpartition(".")[2] not in digest_token(token)
    assert len(digest_token(token)) == 22


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ack_",
        "ack_.",
        "ack_e30.AAAA",
        "ack_W10.AAAA",
        "ack_!.AAAA",
        "x" * 2_000,
        "ack_é",
        "ack_WzEsMiwzLDRd.AA",
    ],
)
def test_what_is_no_token_of_ours_is_told_from_one(text: str) -> None:
    assert read_token(text) is None
