"""The ``/keys`` resource."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from minoots.client.paging import every_page
from minoots.client.session import Call, Session
from minoots.client.values import duration_value, instant_value
from minoots_contract.identity import KeyPage, KeyReply, KeyWithSecret, RevokedKeyReply, RoleName

__all__ = ["Keys"]


class Keys:
    """The tenant's API keys; reached as ``client.keys``. All of it takes the role ``tenant.admin``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(
        self,
        name: str,
        roles: Sequence[RoleName],
        *,
        expires_in: str | int | timedelta | None = None,
        expires_at: datetime | str | None = None,
    ) -> KeyWithSecret:
        """Make a key.

        Args:
            name: Who uses it: what it creates and changes is told under this name.
            roles: What it may do.
            expires_in: How long it works (``"30d"``, milliseconds or a timedelta); for ever without this and the next.
            expires_at: When it ends.

        Returns:
            The key; its text, ``.key``, can never be read again.

        Raises:
            PermissionDeniedError: If a role is more than the caller has.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        body = {"name": name, "roles": list(roles), **_ending(expires_in, expires_at)}
        # Done twice it makes two keys.
        return self._session.send(Call("POST", "/keys", body=body, repeatable=False), KeyWithSecret)

    def get(self, key_id: str) -> KeyReply:
        """Return what is known of a key.

        Raises:
            NotFoundError: If there is none.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("GET", _path(key_id)), KeyReply)

    def list(self, *, page_size: int | None = None) -> Iterator[KeyReply]:
        """Iterate over the tenant's keys by id; pages are fetched as they are needed.

        Raises:
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        for page in every_page(lambda cursor: self._page(page_size, cursor)):
            yield from page.keys

    def rotate(
        self,
        key_id: str,
        *,
        overlap: str | int | timedelta | None = None,
        expires_in: str | int | timedelta | None = None,
        expires_at: datetime | str | None = None,
    ) -> KeyWithSecret:
        """Give a key a new text.

        Args:
            key_id: Which key.
            overlap: How long what it was before goes on working; a day without it.
            expires_in: How long it works from now; as long as before without this and the next.
            expires_at: When it ends.

        Raises:
            ConflictError: If it has expired, or came from a key file.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        body = _ending(expires_in, expires_at)
        if overlap is not None:
            body["overlap"] = duration_value(overlap)
        return self._session.send(Call("POST", f"{_path(key_id)}/rotate", body=body, repeatable=False), KeyWithSecret)

    def revoke(self, key_id: str) -> RevokedKeyReply:
        """Remove a key; the answer says until when it may still work.

        Raises:
            NotFoundError: If there is none.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("DELETE", _path(key_id), repeatable=False), RevokedKeyReply)

    def _page(self, limit: int | None, cursor: str | None) -> KeyPage:
        return self._session.send(Call("GET", "/keys", params={"limit": limit, "cursor": cursor}), KeyPage)


def _ending(expires_in: str | int | timedelta | None, expires_at: datetime | str | None) -> dict[str, Any]:
    ending = {"expiresIn": duration_value(expires_in), "expiresAt": instant_value(expires_at)}
    return {name: value for name, value in ending.items() if value is not None}


def _path(key_id: str) -> str:
    if not key_id:
        raise ValueError("a key's id is not empty")
    return f"/keys/{quote(key_id, safe='')}"
