"""Signatures of Standard Webhooks 1.0: HMAC-SHA256 over `<id>.<timestamp>.<body>`, one for each secret that is valid.

A receiver checks a delivery with `verify`, with the libraries of the standard (`standardwebhooks`), or with Svix's.
While a secret is being rotated a delivery carries a signature of each, so that receivers may change over at leisure.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final

__all__ = [
    "SECRET_PREFIX",
    "InvalidSecretError",
    "InvalidSignatureError",
    "format_secret",
    "parse_secret",
    "sign",
    "verify",
]

SECRET_PREFIX: Final = "whsec_"
TOLERANCE_S: Final = 300
"""How far a timestamp may be from the receiver's clock: the standard's recommendation against replays."""

_MIN_BYTES, _MAX_BYTES = 24, 64
_VERSION: Final = "v1"


class InvalidSecretError(ValueError):
    """Not `whsec_` and the base64 of 24 to 64 bytes."""


class InvalidSignatureError(ValueError):
    """The delivery is not one that a holder of the secret sent just now."""


def format_secret(key: bytes) -> str:
    """Write a key of 24 to 64 random bytes as a secret."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def parse_secret(secret: str) -> bytes:
    """Return the key that a secret stands for.

    Raises:
        InvalidSecretError: If it is not well formed; the message does not repeat it.
    """
    if not secret.startswith(SECRET_PREFIX):
        raise InvalidSecretError(f"a signing secret begins with '{SECRET_PREFIX}'")
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidSecretError(f"what follows '{SECRET_PREFIX}' is not base64") from None
    if not _MIN_BYTES <= len(key) <= _MAX_BYTES:
        raise InvalidSecretError(f"a signing secret has {_MIN_BYTES} to {_MAX_BYTES} bytes, before base64")
    return key


def sign(secrets: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: a signature per secret, separated by blanks.

    Args:
        secrets: The secrets that are valid now, the newest first.
        message_id: The value of `webhook-id`, the same on every attempt; without a dot.
        timestamp_s: The value of `webhook-timestamp`, the attempt's own, epoch seconds.
        body: What is sent, byte for byte; empty without a body.

    Raises:
        ValueError: If the id has a dot: the standard forbids it, as what is signed could be read in two ways.
    """
    if "." in message_id:
        raise ValueError("an id with a dot in it cannot be signed")
    content = f"{message_id}.{timestamp_s}.".encode() + body
    return " ".join(f"{_VERSION},{_mac(secret, content)}" for secret in secrets)


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
    tolerance_s: int = TOLERANCE_S,
) -> None:
    """Check that a delivery was signed with a secret, a short while ago.

    Args:
        secret: The receiver's secret, `whsec_…`.
        headers: The request's headers; the case of their names does not matter.
        body: The request's body as it came, not parsed and written anew.
        now_s: The receiver's clock, epoch seconds.
        tolerance_s: How old, or how far ahead, the timestamp may be.

    Raises:
        InvalidSecretError: If the secret is not well formed.
        InvalidSignatureError: If the delivery is not authentic, or is too old to tell it from a replay.
    """
    given = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, timestamp, signatures = (given[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
    except KeyError as error:
        raise InvalidSignatureError(f"the header {error} is missing") from None
    if "." in message_id:
        raise InvalidSignatureError("webhook-id has a dot in it, which the standard forbids")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        raise InvalidSignatureError("webhook-timestamp is not a whole number of seconds")
    if abs(now_s - int(timestamp)) > tolerance_s:
        raise InvalidSignatureError("webhook-timestamp is too far from now")
    expected = f"{_VERSION},{_mac(secret, f'{message_id}.{timestamp}.'.encode() + body)}".encode()
    if not any(hmac.compare_digest(expected, one.encode(errors="replace")) for one in signatures.split(" ")):
        raise InvalidSignatureError("no signature is of this secret")


def _mac(secret: str, content: bytes) -> str:
    return base64.b64encode(hmac.new(parse_secret(secret), content, hashlib.sha256).digest()).decode()
