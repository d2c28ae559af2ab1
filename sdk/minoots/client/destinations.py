"""The ``/destinations`` resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Final, Literal
from urllib.parse import quote

from minoots.client.paging import every_page
from minoots.client.session import Call, Session
from minoots.client.values import duration_value, if_match
from minoots_contract.destinations import DestinationPage, DestinationReply, DestinationWithSecret

__all__ = ["KEEP", "Destinations", "Keep"]


class Keep(Enum):
    """Says that something is to stay as it is, where None takes it away."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


class Destinations:
    """Where webhooks go, with their secrets and limits; reached as ``client.destinations``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def put(
        self,
        name: str,
        url: str | None = None,
        *,
        auth_headers: Mapping[str, str] | None = None,
        signing_secret: str | None = None,
        rate_limit: float | tuple[float, int] | Literal[Keep.KEEP] | None = KEEP,
        max_in_flight: int | Literal[Keep.KEEP] | None = KEEP,
        if_version: int | None = None,
    ) -> DestinationWithSecret:
        """Make a destination, or change one.

        Args:
            name: Its name; ``default`` signs the webhooks that name no other.
            url: Where its webhooks go, or what they go below; none for ``default`` only.
            auth_headers: Added to every request. None leaves them as they are, an empty mapping takes them away. Those
                that a destination has do not go along to a URL of another scheme, host or port: give them anew.
            signing_secret: For a new one only; the service makes one without it, and the reply shows it this once.
            rate_limit: Attempts that may begin in a second, or these and how many at once after a pause. None takes the
                limit away; left out it stays as it is.
            max_in_flight: Attempts that may be under way at once; the same.
            if_version: Only if it stands at this version; 0 only if there is none.

        Raises:
            APIStatusError: With status 412, if it stands at another version.
            ConflictError: If it exists and a signing secret is given: those are rotated by `add_secret`.
            BadRequestError: If something does not fit.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        given: dict[str, Any] = {"url": url, "authHeaders": auth_headers, "signingSecret": signing_secret}
        body = {field: value for field, value in given.items() if value is not None}
        if rate_limit is not KEEP:
            body["rateLimit"] = _rate_limit(rate_limit)
        if max_in_flight is not KEEP:
            body["maxInFlight"] = max_in_flight
        # Made twice, the second reply would not have the secret that the first one made.
        call = Call("PUT", _path(name), body=body, headers=if_match(if_version), repeatable=False)
        return self._session.send(call, DestinationWithSecret)

    def get(self, name: str) -> DestinationReply:
        """Return a destination, without what is secret.

        Raises:
            NotFoundError: If there is none.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("GET", _path(name)), DestinationReply)

    def page(self, *, limit: int | None = None, cursor: str | None = None) -> DestinationPage:
        """Return one page, by name.

        Args:
            limit: The most to return; the API's own default without it.
            cursor: ``next_cursor`` of the page before.

        Raises:
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        return self._session.send(
            Call("GET", "/destinations", params={"limit": limit, "cursor": cursor}), DestinationPage
        )

    def list(self, *, page_size: int | None = None) -> Iterator[DestinationReply]:
        """Iterate over all destinations by name; pages are fetched as they are needed.

        Raises:
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        for page in every_page(lambda cursor: self.page(limit=page_size, cursor=cursor)):
            yield from page.destinations

    def add_secret(
        self, name: str, *, signing_secret: str | None = None, overlap: str | int | timedelta | None = None
    ) -> DestinationWithSecret:
        """Rotate: the new secret signs at once, the older ones beside it until the overlap is over.

        Args:
            name: The destination.
            signing_secret: The new one; the service makes one without it, and the reply shows it this once.
            overlap: A day without it.

        Raises:
            NotFoundError: If there is no such destination.
            ConflictError: If too many secrets sign already.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        given = {"signingSecret": signing_secret, "overlap": duration_value(overlap)}
        body = {field: value for field, value in given.items() if value is not None}
        call = Call("POST", f"{_path(name)}/secrets", body=body, repeatable=False)
        return self._session.send(call, DestinationWithSecret)

    def remove_secret(self, name: str, secret_id: str) -> DestinationReply:
        """Take a secret away at once, as when it has leaked.

        Raises:
            NotFoundError: If there is no such destination or secret.
            ConflictError: If it is the only one that signs.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        if not secret_id:
            raise ValueError("a secret's id is not empty")
        path = f"{_path(name)}/secrets/{quote(secret_id, safe='')}"
        return self._session.send(Call("DELETE", path, repeatable=False), DestinationReply)

    def disable(self, name: str, reason: str | None = None) -> DestinationReply:
        """Send nothing more to a destination; actions that name it fail until it is enabled.

        Args:
            name: The destination.
            reason: One line for people, told of every action that is not sent. One that is disabled already keeps its.

        Raises:
            NotFoundError: If there is no such destination.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        body = {} if reason is None else {"reason": reason}
        return self._session.send(Call("POST", f"{_path(name)}/disable", body=body), DestinationReply)

    def enable(self, name: str) -> DestinationReply:
        """Send to a destination again that was disabled, by its owner or because it answered 410.

        Raises:
            NotFoundError: If there is no such destination.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("POST", f"{_path(name)}/enable"), DestinationReply)

    def delete(self, name: str) -> None:
        """Forget a destination and its secrets. Actions that name it fail from now on.

        Raises:
            NotFoundError: If there is none.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        self._session.send_unanswered(Call("DELETE", _path(name), repeatable=False))


def _rate_limit(value: float | tuple[float, int] | None) -> dict[str, float] | None:
    if value is None:
        return None
    per_second, burst = value if isinstance(value, tuple) else (value, None)
    return {"perSecond": per_second} | ({} if burst is None else {"burst": burst})


def _path(name: str) -> str:
    if not name:
        raise ValueError("a destination's name is not empty")
    return f"/destinations/{quote(name, safe='')}"
