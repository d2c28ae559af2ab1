"""Answers for actions that have to be acknowledged."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
from pydantic import JsonValue

from minoots.client.retry import RetryPolicy
from minoots.client.session import Call, Session
from minoots.clock import Clock, SystemClock
from minoots_contract.acknowledgements import AcknowledgementReply, Answered

__all__ = ["acknowledge", "acknowledged_over"]

_PATH: Final = "/acknowledgements/"


def acknowledge(  # noqa: PLR0913 - what may be said in an answer, and how it is sent
    url: str,
    status: Answered,
    *,
    by: str | None = None,
    reason: str | None = None,
    result: JsonValue = None,
    transport: httpx.BaseTransport | None = None,
    timeout: float | httpx.Timeout = 30.0,
    max_retries: int = 2,
    clock: Clock | None = None,
) -> AcknowledgementReply:
    """Answer by the URL that the agent was given; no key is needed, and the same answer twice is the same as once.

    Args:
        url: As the payload, the header ``minoots-acknowledgement`` or the message of the inbox has it.
        status: ``accepted``, ``progress``, ``done`` or ``refused``.
        by: Who answers, for people.
        reason: Why.
        result: What came of it; its first 256 characters of JSON are kept.
        transport: Carries the request instead of the network.
        timeout: Seconds for each phase of the request, or httpx's own settings.
        max_retries: Further tries.
        clock: Time for retries.

    Raises:
        ValueError: If the URL is none to answer at.
        NotFoundError: If the token was never given out.
        ConflictError: If the action has ended.
        GoneError: If this receiver was given up already.
        MinootsClientError: Any other of the tree in `minoots.client.errors`.
    """
    base_url, token = _parted(url)
    session = Session(
        base_url,
        None,
        transport=transport,
        timeout=timeout,
        retry=RetryPolicy(max_retries=max_retries),
        clock=clock or SystemClock(),
    )
    try:
        return acknowledged_over(session, token, status, by=by, reason=reason, result=result)
    finally:
        session.close()


def acknowledged_over(
    session: Session, token: str, status: Answered, *, by: str | None, reason: str | None, result: JsonValue
) -> AcknowledgementReply:
    """Answer by a token, over a session; see `acknowledge`."""
    given: dict[str, Any] = {"status": status, "by": by, "reason": reason, "result": result}
    body = {name: value for name, value in given.items() if value is not None}
    return session.send(Call("POST", f"{_PATH}{quote(token, safe='')}", body=body), AcknowledgementReply)


def _parted(url: str) -> tuple[str, str]:
    """Return the API's base URL and the token."""
    base_url, path, token = url.rpartition(_PATH)
    if not path or not token or not urlsplit(base_url).hostname:
        raise ValueError("that is no URL to acknowledge at: http(s)://host/acknowledgements/<token>")
    return base_url, token
