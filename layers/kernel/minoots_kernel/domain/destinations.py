"""Where webhooks go: a URL, the secrets that go along, and whether it still wants them. Secrets are sealed here."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from minoots_contract.destinations import (
    DEFAULT_DESTINATION,
    UNNAMED_PREFIX,
    DestinationWithSecret,
    SigningSecretReply,
)
from minoots_contract.limits import RateLimit
from minoots_contract.urls import same_origin
from minoots_kernel.domain.circuits import NO_LIMITS, Limits, Pace
from minoots_kernel.domain.errors import InvalidTimerError, NotFoundError, StateConflictError

__all__ = [
    "MAX_SECRETS",
    "Destination",
    "SigningSecret",
    "check_limits",
    "check_move",
    "check_url",
    "destination_reply",
    "disabled",
    "enabled",
    "gone_url",
    "name_of_url",
    "with_limits",
    "with_secret",
    "without_secret",
]

MAX_SECRETS: Final = 3
"""Most secrets that sign at the same time: each makes every request longer."""


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """A signing secret. Times are epoch milliseconds.

    Attributes:
        sealed: The secret as the secret box gave it.
        expires_at_ms: When it ceases to sign; none for the newest.
    """

    id: str
    created_at_ms: int
    sealed: str
    expires_at_ms: int | None = None

    def signs_at(self, now_ms: int) -> bool:
        """Say whether requests are signed with it."""
        return self.expires_at_ms is None or now_ms < self.expires_at_ms


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination. Times are epoch milliseconds.

    Attributes:
        url: Where its webhooks go, or what they go below; none of the default one.
        secrets: The newest first.
        auth_names: Names of its auth headers.
        sealed_auth: Those headers as JSON, as the secret box gave it.
        version: Rises by one with each write.
        disabled_at_ms: Since when it wants no more.
        disabled_reason: Why.
        limits: How much it may be asked for.
    """

    tenant_id: str
    name: str
    url: str | None
    created_at_ms: int
    updated_at_ms: int
    secrets: tuple[SigningSecret, ...] = ()
    auth_names: tuple[str, ...] = ()
    sealed_auth: str | None = None
    version: int = 1
    disabled_at_ms: int | None = None
    disabled_reason: str | None = None
    limits: Limits = NO_LIMITS


def check_url(name: str, url: str | None, auth_names: tuple[str, ...], refusal: str | None = None) -> None:
    """Hold a destination to what its name stands for, and to where the deployment lets anything be sent.

    Args:
        name: Its name.
        url: Its URL.
        auth_names: The headers that it is to have.
        refusal: Why nothing may be sent to the URL, if so.

    Raises:
        InvalidTimerError: If it cannot have that URL or those auth headers.
    """
    if name.startswith(UNNAMED_PREFIX):
        raise _refused("name", f"names that begin with '{UNNAMED_PREFIX}' are the service's own")
    if name != DEFAULT_DESTINATION:
        if url is None:
            raise _refused("url", "give the URL that webhooks of this destination go to")
        if refusal is not None:
            raise _refused("url", refusal)
        return
    if url is not None:
        raise _refused("url", f"'{DEFAULT_DESTINATION}' is for webhooks to any URL: leave it out")
    if auth_names:
        raise _refused("authHeaders", f"they would go to any URL: give them to another destination than '{name}'")


def check_move(before: Destination, url: str | None) -> None:
    """Let a destination that keeps its auth headers move within its scheme, host and port only.

    Who may change a destination need not know them, and would learn them from the first request to a host of theirs.
    Secrets that sign are no such matter: a signature gives nothing away.

    Raises:
        InvalidTimerError: If the headers would go to another receiver than the one that they were given for.
    """
    if before.auth_names and (before.url is None or url is None or not same_origin(before.url, url)):
        message = "they were given for another scheme, host or port than that of 'url': give them anew, or {} for none"
        raise _refused("authHeaders", message)


def check_limits(name: str, limits: Limits) -> None:
    """Hold a destination to what its name stands for.

    Raises:
        InvalidTimerError: If it cannot have limits.
    """
    if name == DEFAULT_DESTINATION and limits != NO_LIMITS:
        field = "rateLimit" if limits.pace else "maxInFlight"
        raise _refused(field, f"'{DEFAULT_DESTINATION}' is for webhooks to any URL: limit the destination of one")


def with_limits(before: Limits, given: Set[str], rate_limit: RateLimit | None, max_in_flight: int | None) -> Limits:
    """Return limits with those replaced that a request gave.

    Args:
        before: What holds so far.
        given: Names of the request's fields that were not left out.
        rate_limit: The field `rate_limit`.
        max_in_flight: The field `max_in_flight`.
    """
    pace = Pace(rate_limit.per_second, rate_limit.burst) if rate_limit else None
    return Limits(
        pace=pace if "rate_limit" in given else before.pace,
        max_in_flight=max_in_flight if "max_in_flight" in given else before.max_in_flight,
    )


def with_secret(destination: Destination, secret: SigningSecret, overlap_ms: int, now_ms: int) -> Destination:
    """Return the destination with a new secret; the others sign for the overlap, or until they would have ended.

    Raises:
        StateConflictError: If too many would sign.
    """
    until_ms = now_ms + overlap_ms
    older = tuple(
        replace(one, expires_at_ms=min(until_ms, one.expires_at_ms or until_ms))
        for one in destination.secrets
        if one.signs_at(now_ms)
    )
    if len(older) >= MAX_SECRETS:
        raise StateConflictError(
            f"{MAX_SECRETS} secrets of '{destination.name}' sign already: delete one of them, or wait until it expires."
        )
    return _changed(destination, now_ms, secrets=(secret, *older))


def without_secret(destination: Destination, secret_id: str, now_ms: int) -> Destination:
    """Return the destination without a secret.

    Raises:
        NotFoundError: If it has no such secret.
        StateConflictError: If no other would sign: webhooks would go out unsigned.
    """
    left = tuple(one for one in destination.secrets if one.id != secret_id)
    if len(left) == len(destination.secrets):
        raise NotFoundError(f"The destination '{destination.name}' has no secret '{secret_id[:64]}'.")
    if not any(one.signs_at(now_ms) for one in left):
        raise StateConflictError("It is the only secret that signs: add another one first.")
    # Whichever is the newest now signs until it is replaced.
    newest = replace(left[0], expires_at_ms=None) if destination.secrets[0].id == secret_id else left[0]
    return _changed(destination, now_ms, secrets=(newest, *left[1:]))


def disabled(destination: Destination, reason: str, now_ms: int) -> Destination:
    """Return the destination as one that wants no more webhooks; one that is disabled already keeps its reason."""
    if destination.disabled_at_ms is not None:
        return destination
    return _changed(destination, now_ms, disabled_at_ms=now_ms, disabled_reason=reason)


def enabled(destination: Destination, now_ms: int) -> Destination:
    """Return the destination as one that wants webhooks."""
    if destination.disabled_at_ms is None:
        return destination
    return _changed(destination, now_ms, disabled_at_ms=None, disabled_reason=None)


def name_of_url(url: str) -> str:
    """Return the name under which a URL is disabled that is no named destination's: its query plays no part."""
    return UNNAMED_PREFIX + sha256(_without_query(url).encode()).hexdigest()[:20]


def gone_url(tenant_id: str, url: str, now_ms: int) -> Destination:
    """Return a destination for a URL that no caller has named."""
    return Destination(tenant_id, name_of_url(url), _without_query(url), now_ms, now_ms)


def destination_reply(destination: Destination, now_ms: int, made: str | None = None) -> DestinationWithSecret:
    """Return the wire's view.

    Args:
        destination: The destination.
        now_ms: The service's clock; secrets that have expired are not shown.
        made: A signing secret that was just made for it, to be shown this once.
    """
    return DestinationWithSecret.model_construct(
        name=destination.name,
        url=destination.url,
        status="enabled" if destination.disabled_at_ms is None else "disabled",
        disabled_at=destination.disabled_at_ms,
        disabled_reason=destination.disabled_reason,
        auth_headers=list(destination.auth_names),
        signing_secrets=[
            SigningSecretReply.model_construct(id=one.id, created_at=one.created_at_ms, expires_at=one.expires_at_ms)
            for one in destination.secrets
            if one.signs_at(now_ms)
        ],
        rate_limit=_rate_limit(destination.limits.pace),
        max_in_flight=destination.limits.max_in_flight,
        created_at=destination.created_at_ms,
        updated_at=destination.updated_at_ms,
        version=destination.version,
        signing_secret=made,
    )


def _rate_limit(pace: Pace | None) -> RateLimit | None:
    return RateLimit.model_construct(per_second=pace.per_second, burst=pace.burst) if pace else None


def _changed(destination: Destination, now_ms: int, **changes: object) -> Destination:
    return replace(destination, updated_at_ms=now_ms, version=destination.version + 1, **changes)  # type: ignore[arg-type]


def _without_query(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path or '/'}"


def _refused(field: str, message: str) -> InvalidTimerError:
    return InvalidTimerError("The destination is not valid.", ((field, message),))
