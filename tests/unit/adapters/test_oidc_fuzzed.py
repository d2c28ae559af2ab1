"""Tokens of all shapes: whatever comes in, nobody gets in by it, and nothing breaks but with an answer."""

from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from minoots_kernel.domain.errors import ForbiddenError, UnauthenticatedError
from minoots_kernel.domain.tenancy import Principal
from tests.support.issuer import part, rsa_key, shared, signed
from tests.unit.adapters.test_oidc import Trust
from tests.unit.domain.builders import NOW_MS

TRUST = Trust()
GOOD = TRUST.token()
HEADER = {"alg": "RS256", "kid": "rsa-1", "typ": "at+jwt"}
PUBLIC = rsa_key("rsa-1")

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=20)
    | st.sampled_from(["", "demo", "other", "minoots", "https://id.example.com/realm", "RS256", "none", "rsa-1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
claims_names = st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "org", "roles", "jti", "other"])
header_names = st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "other"])


def read(token: str) -> Principal | None:
    """Whom a token stands for; nobody if it is refused. Anything else that is raised fails the test."""
    try:
        return TRUST.verify(token)
    except (UnauthenticatedError, ForbiddenError):
        return None


def fits(principal: Principal) -> bool:
    """Whether a caller is one that can be shown, stored and told from others."""
    return (
        0 < len(principal.subject.encode()) <= 1024
        and principal.tenant_id.isascii()
        and principal.issuer == TRUST.issuer.url
        and principal.expires_at_ms is not None
        and "operator" not in principal.roles
    )


@given(st.text(max_size=300) | st.text(string.ascii_letters + string.digits + "-_.=", max_size=300))
@example("..")
@example("eyJ.eyJ.")
@example("." * 8_000)
def test_no_text_is_a_token(text: str) -> None:
    assert read(text) is None


@given(st.integers(0, len(GOOD) - 1), st.sampled_from(string.ascii_letters + string.digits + "-_.= \n\0é"))
@settings(max_examples=400)
def test_a_token_with_another_character_is_none(place: int, character: str) -> None:
    assume(GOOD[place] != character)
    assert read(GOOD[:place] + character + GOOD[place + 1 :]) is None


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 40))
def test_a_token_with_something_left_out_or_twice_is_none(place: int, length: int) -> None:
    assert read(GOOD[:place] + GOOD[place + length :]) is None
    assert read(GOOD[: place + length] + GOOD[place:]) is None or place + length >= len(GOOD)


@given(st.dictionaries(claims_names, json_values, max_size=4))
@example({"sub": "a\ud800b"})
@example({"sub": "\u202e"})
@example({"exp": 1e308})
@example({"aud": ["minoots"] * 200})
@settings(max_examples=400)
def test_whatever_the_issuer_signs_stands_for_somebody_who_fits_or_for_nobody(changes: dict[str, Any]) -> None:
    claims = json.dumps(TRUST.issuer.claims(NOW_MS, **changes))
    principal = read(signed(HEADER, claims, PUBLIC))
    assert principal is None or fits(principal)


@given(st.dictionaries(header_names, json_values, min_size=1, max_size=4))
@settings(max_examples=400)
def test_no_header_but_one_that_names_the_right_way_and_key_is_followed(changes: dict[str, Any]) -> None:
    header = HEADER | changes
    body, signature = GOOD.split(".")[1:]
    assert read(f"{part(header)}.{body}.{signature}") is None or header == HEADER


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@given(st.sampled_from(["pem", "der", "jwk", "modulus", "kid", "nothing"]))
def test_what_everybody_knows_of_a_key_is_no_secret_that_signs(algorithm: str, form: str) -> None:
    published = TRUST.issuer.published[0]
    secrets = {
        "pem": PUBLIC.as_pem(private=False),
        "der": PUBLIC.as_der(private=False),
        "jwk": json.dumps(published).encode(),
        "modulus": str(published["n"]).encode(),
        "kid": b"rsa-1",
        "nothing": b"",
    }
    token = shared(TRUST.issuer.claims(NOW_MS), secrets[form], algorithm)
    assert read(token) is None


def test_the_good_token_is_read() -> None:
    """Or the tests above would only show that nothing is."""
    assert read(GOOD) is not None
    assert read(signed(HEADER, TRUST.issuer.claims(NOW_MS), PUBLIC)) is not None
