from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minoots_kernel.domain.answers import EXCERPT_CHARACTERS, MASK, excerpt_of, maskable


@pytest.mark.parametrize(
    ("body", "excerpt"),
    [
        (b"", None),
        (b" \r\n ", None),
        (b"no such hook", "no such hook"),
        (b'{"error":\n\t"no"}\r\n', '{"error":  "no"}'),
        ("Gr\u00fc\u00dfe".encode(), "Gr\u00fc\u00dfe"),
        (b"\xff\x00ok\x1b[31m", "\ufffd ok [31m"),
        (b"x" * 300, "x" * EXCERPT_CHARACTERS),
    ],
)
def test_an_excerpt_is_one_line_of_the_bodys_beginning(body: bytes, excerpt: str | None) -> None:
    assert excerpt_of(body, ()) == excerpt


@pytest.mark.parametrize(
    ("body", "excerpt"),
    [
        ("key hunter2!", f"key {MASK}!"),
        ("hunter2hunter2", MASK),
        ("hunter2 hunter2", f"{MASK} {MASK}"),
        ("xhunter22x", f"x{MASK}x"),
        ("ababab", MASK),
        ("nothing", "nothing"),
        ("x" * 252 + "hunter2", "x" * 252 + MASK),
        ("x" * 255 + "hunter2", "x" * 255 + MASK[:1]),
        ("x" * 256 + "hunter2", "x" * 256),
        ("hunter2" * 40 + "x" * 300, MASK),
    ],
)
def test_secrets_are_masked_wherever_they_stand_even_over_the_edge(body: str, excerpt: str) -> None:
    assert excerpt_of(body.encode(), {"hunter2", "hunter22", "abab"}) == excerpt


@given(
    st.lists(st.sampled_from(["secret-one", "one-two!", "x", " ", "two!se", "\u00e9"]), max_size=80).map("".join),
    st.sampled_from([("secret-one",), ("secret-one", "one-two!"), ("one-two!", "two!secret", "secret-one")]),
)
def test_no_secret_is_ever_to_be_seen(body: str, secrets: tuple[str, ...]) -> None:
    shown = excerpt_of(body.encode(), secrets) or ""
    assert not any(secret in shown for secret in secrets)
    assert len(shown) <= EXCERPT_CHARACTERS


def test_of_a_header_its_credentials_are_secret_on_their_own_too() -> None:
    assert maskable(["Bearer abc-123", "Basic  dXNlcg==", "plain", "abc", "v1,sig v1,other"]) == {
        "Bearer abc-123",
        "abc-123",
        "Basic  dXNlcg==",
        "dXNlcg==",
        "plain",
        "v1,sig v1,other",
    }


@pytest.mark.parametrize(
    "echoed",
    [
        "Basic dXNlcjpw\\/YXNz",
        "Basic%20dXNlcjpw%2FYXNz",
        "Basic+dXNlcjpw%2fYXNz",
        'pa\\"ss\\\\<wor\u00eb>',
        'pa\\"ss\\\\<wor\\u00eb>',
        "pa&quot;ss\\&lt;wor\u00eb&gt;",
        "pa%22ss%5C%3Cwor%C3%AB%3E",
    ],
)
def test_secrets_are_masked_however_an_answer_escapes_them(echoed: str) -> None:
    secrets = maskable(["Basic dXNlcjpw/YXNz", 'pa"ss\\<wor\u00eb>'])
    assert excerpt_of(f"no: {echoed}.".encode(), secrets) == f"no: {MASK}."
