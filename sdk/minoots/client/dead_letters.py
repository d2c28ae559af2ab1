"""The ``/dead-letters`` resource."""

from __future__ import annotations

from collections.abc import Iterator

from minoots.client.paging import every_page
from minoots.client.session import Call, Session
from minoots_contract.timers import DeadLetterPage, DeadLetterReply

__all__ = ["DeadLetters"]


class DeadLetters:
    """Actions that exhausted their attempts; reached as ``client.dead_letters``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def page(self, *, limit: int | None = None, cursor: str | None = None) -> DeadLetterPage:
        """Return one page, those of the newest timers first.

        Args:
            limit: The most to return; the API's own default without it.
            cursor: ``next_cursor`` of the page before.

        Raises:
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        params = {"limit": limit, "cursor": cursor}
        return self._session.send(Call("GET", "/dead-letters", params=params), DeadLetterPage)

    def list(self, *, page_size: int | None = None) -> Iterator[DeadLetterReply]:
        """Iterate over all dead letters, those of the newest timers first; pages are fetched as they are needed.

        Args:
            page_size: How many to fetch at a time; the API's own default without it.

        Raises:
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        for page in every_page(lambda cursor: self.page(limit=page_size, cursor=cursor)):
            yield from page.dead_letters
