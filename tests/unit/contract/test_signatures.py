"""Signatures, with the standard's own verifiers as the judges: two in Python, one in JavaScript."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime

import pytest
import standardwebhooks
import svix
from hypothesis import given
from hypothesis import strategies as st

from minoots_contract.signatures import (
    InvalidSecretError,
    InvalidSignatureError,
    format_secret,
    parse_secret,
    sign,
    verify,
)
from tests.support.node_verifier import Delivery, UnavailableError, node_says

OLD, NEW, OTHER = (format_secret(bytes([byte]) * size) for byte, size in ((1, 24), (2, 32), (3, 64)))
BODY = '{"name":"Zo\u00eb","n":1}'


def signed(*secrets: str, body: str = BODY, message_id: str = "0190-t1_a", at_s: int | None = None) -> dict[str, str]:
    timestamp_s = int(time.time()) if at_s is None else at_s
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": sign(secrets, message_id, timestamp_s, body.encode()),
    }


def test_the_standards_own_example_has_the_standards_own_signature() -> None:
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    signature = sign([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def accept(secret: str, headers: dict[str, str], body: str = BODY) -> list[bool]:
    """Return what each verifier in Python makes of a delivery: ours, the standard's, Svix's."""
    verdicts = []
    for check, refusal in (
        (lambda: verify(secret, headers, body.encode(), time.time()), InvalidSignatureError),
        (lambda: standardwebhooks.Webhook(secret).verify(body, headers), standardwebhooks.WebhookVerificationError),
        (lambda: svix.Webhook(secret).verify(body, headers), svix.WebhookVerificationError),
    ):
        try:
            check()
        except refusal:
            verdicts.append(False)
        else:
            verdicts.append(True)
    return verdicts


@pytest.mark.parametrize("secret", [OLD, NEW, OTHER])
def test_every_verifier_accepts_what_is_signed(secret: str) -> None:
    assert accept(secret, signed(secret)) == [True] * 3


def test_while_a_secret_rotates_receivers_with_either_accept_and_others_do_not() -> None:
    headers = signed(NEW, OLD)
    assert headers["webhook-signature"].count("v1,") == 2
    assert [accept(secret, headers) for secret in (OLD, NEW, OTHER)] == [[True] * 3, [True] * 3, [False] * 3]


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        ({"webhook-id": "0190-t1_b"}, BODY),
        ({"webhook-timestamp": str(int(time.time()) - 7)}, BODY),
        ({"webhook-signature": "v1,AAAA"}, BODY),
        ({"webhook-signature": "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}, BODY),
        ({}, BODY + " "),
        ({}, "{}"),
    ],
)
def test_no_verifier_accepts_what_was_changed(changes: dict[str, str], body: str) -> None:
    assert accept(NEW, signed(NEW) | changes, body) == [False] * 3


@pytest.mark.parametrize("off_s", [-301, -100_000, 302, 100_000])
def test_no_verifier_accepts_what_is_old_or_from_the_future(off_s: int) -> None:
    assert accept(NEW, signed(NEW, at_s=int(time.time()) + off_s)) == [False] * 3


def test_the_timestamp_may_be_five_minutes_off_and_no_more() -> None:
    headers = signed(NEW, at_s=1_000_000)
    for now_s in (999_700, 1_000_000, 1_000_300):
        verify(NEW, headers, BODY.encode(), now_s)
    for now_s in (999_699, 1_000_301):
        with pytest.raises(InvalidSignatureError, match="too far from now"):
            verify(NEW, headers, BODY.encode(), now_s)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_named(name: str) -> None:
    headers = {key: value for key, value in signed(NEW).items() if key != name}
    with pytest.raises(InvalidSignatureError, match=name):
        verify(NEW, headers, BODY.encode(), time.time())


@pytest.mark.parametrize("timestamp", ["", "x", "-5", "1e9", "1.5", "\u0661", "9" * 400])
def test_a_timestamp_that_is_no_number_is_refused(timestamp: str) -> None:
    with pytest.raises(InvalidSignatureError, match="whole number"):
        verify(NEW, signed(NEW) | {"webhook-timestamp": timestamp}, BODY.encode(), time.time())


@pytest.mark.parametrize("signature", ["", " ", "v1", "v1,", "v2,x", "\u00e9", "v1,\ud800"])
def test_a_signature_that_is_none_is_refused_and_breaks_nothing(signature: str) -> None:
    with pytest.raises(InvalidSignatureError, match="no signature"):
        verify(NEW, signed(NEW) | {"webhook-signature": signature}, BODY.encode(), time.time())


def test_the_case_of_header_names_does_not_matter() -> None:
    verify(NEW, {name.title(): value for name, value in signed(NEW).items()}, BODY.encode(), time.time())


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("", "begins with"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with"),
        ("whsec_", "24 to 64"),
        ("whsec_!!!!", "base64"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "base64"),
        ("whsec_\u00e9", "base64"),
        ("whsec_" + "AAAA" * 7, "24 to 64"),
        ("whsec_" + "AAAA" * 22, "24 to 64"),
    ],
)
def test_a_secret_that_is_not_well_formed_is_refused_and_not_repeated(secret: str, says: str) -> None:
    with pytest.raises(InvalidSecretError, match=says) as refused:
        parse_secret(secret)
    assert len(secret) < 8 or secret[6:] not in str(refused.value)


def test_an_id_with_a_dot_is_neither_signed_nor_accepted() -> None:
    with pytest.raises(ValueError, match="dot"):
        sign([NEW], "m.1900000000", 1_795_330_400, b"5")
    key, content = parse_secret(NEW), b"m.1.1900000000.5"
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "m.1", "webhook-timestamp": "1900000000", "webhook-signature": f"v1,{signature}"}
    with pytest.raises(InvalidSignatureError, match="dot"):
        verify(NEW, headers, b"5", now_s=1_900_000_000)


@given(st.binary(min_size=24, max_size=64), st.text(alphabet=st.characters(codec="utf-8")), st.integers(0, 2**31))
def test_any_key_and_body_is_signed_as_the_reference_signs_it(key: bytes, body: str, timestamp_s: int) -> None:
    secret = format_secret(key)
    assert parse_secret(secret) == key
    reference = standardwebhooks.Webhook(secret).sign("m_1", datetime.fromtimestamp(timestamp_s, UTC), body)
    assert sign([secret], "m_1", timestamp_s, body.encode()) == reference


def test_node_accepts_the_same_deliveries_and_refuses_the_same() -> None:
    rotating, single = signed(NEW, OLD), signed(NEW)
    cases: list[tuple[Delivery, bool]] = [
        (Delivery(NEW, single, BODY), True),
        (Delivery(OLD, rotating, BODY), True),
        (Delivery(NEW, rotating, BODY), True),
        (Delivery(NEW, signed(NEW, body=""), ""), True),
        (Delivery(OTHER, rotating, BODY), False),
        (Delivery(OLD, single, BODY), False),
        (Delivery(NEW, single, BODY + " "), False),
        (Delivery(NEW, single | {"webhook-id": "x"}, BODY), False),
        (Delivery(NEW, signed(NEW, at_s=int(time.time()) - 400), BODY), False),
    ]
    try:
        said = node_says([delivery for delivery, _ in cases])
    except UnavailableError as reason:
        pytest.skip(f"no verifier in JavaScript: {reason}")
    verdicts = [one == "ok" for one in said]
    assert verdicts == [expected for _, expected in cases], json.dumps(said)
