"""The ``/dead-letters`` resource."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict, Unpack
from urllib.parse import quote
from uuid import uuid4

from minoots.client.paging import every_page
from minoots.client.session import Call, Session
from minoots.client.values import instant_value
from minoots_contract.dead_letters import (
    ActionKind,
    DeadLetterPage,
    DeadLetterReply,
    DiscardedReply,
    RedrivenReply,
    RefusedLetter,
)
from minoots_contract.label_lists import escaped

__all__ = ["DeadLetters", "Which", "Worked"]


class Which(TypedDict, total=False):
    """Which dead letters are meant: those that all of this holds of; without anything, all.

    Attributes:
        host: The host that they were to go to; with a port if it is named.
        url: How the URL begins that they were to go to.
        destination: The destination that their webhooks or agents' bindings name.
        kind: Their action's kind.
        reason_contains: What their reason contains, in any case of letters.
        timer_id: Their timer.
        labels: Labels of their timers.
        died_after: They died then or later: an aware datetime, or RFC 3339 text with an offset.
        died_before: They died before.
    """

    host: str | None
    url: str | None
    destination: str | None
    kind: ActionKind | None
    reason_contains: str | None
    timer_id: str | None
    labels: Mapping[str, str] | None
    died_after: datetime | str | None
    died_before: datetime | str | None


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of many dead letters.

    Attributes:
        done: How many were redriven, or discarded.
        skipped: Of how many that had been done already.
        refused: Those that were left alone, each with the reason.
        calls: How many calls it took.
    """

    done: int = 0
    skipped: int = 0
    refused: tuple[RefusedLetter, ...] = ()
    calls: int = 0


class DeadLetters:
    """Actions that exhausted their attempts; reached as ``client.dead_letters``.

    Calls that find many take what `Which` names. A redrive carries an idempotency key, one it makes up if none is
    given, and with it may be repeated: no delivery is redriven twice by it.
    """

    def __init__(self, session: Session, requested_by: str) -> None:
        self._session = session
        self._requested_by = requested_by

    def page(self, *, limit: int | None = None, cursor: str | None = None, **which: Unpack[Which]) -> DeadLetterPage:
        """Return one page, those of the newest timers first.

        Args:
            limit: The most to return; the API's own default without it.
            cursor: ``next_cursor`` of the page before, with the same filter.
            which: Which letters.

        Raises:
            ValueError: If an instant is a datetime without an offset.
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        wanted = _filter(which)
        labels = wanted.pop("labels", None)
        pairs = [escaped(f"{name}={value}") for name, value in labels.items()] if labels else None
        params = {**wanted, "label": pairs, "limit": limit, "cursor": cursor}
        return self._session.send(Call("GET", "/dead-letters", params=params), DeadLetterPage)

    def list(self, *, page_size: int | None = None, **which: Unpack[Which]) -> Iterator[DeadLetterReply]:
        """Iterate over dead letters, those of the newest timers first; pages are fetched as they are needed.

        Args:
            page_size: How many to fetch at a time; the API's own default without it.
            which: Which letters.

        Raises:
            ValueError: If an instant is a datetime without an offset.
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        for page in every_page(lambda cursor: self.page(limit=page_size, cursor=cursor, **which)):
            yield from page.dead_letters

    def get(self, letter_id: str) -> DeadLetterReply:
        """Return a letter that is dead or was redriven.

        Raises:
            NotFoundError: If this tenant has no such letter, or it was discarded.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("GET", _path(letter_id)), DeadLetterReply)

    def redrive(
        self,
        letter_id: str,
        *,
        reason: str | None = None,
        requested_by: str | None = None,
        idempotency_key: str | None = None,
    ) -> DeadLetterReply:
        """Let a delivery be tried again, with all the attempts of its policy and under its old id.

        Args:
            letter_id: Which one; one that was redriven already is returned as it is.
            reason: One line for people; the timer's timeline keeps it.
            requested_by: Who asks, instead of the client's own.
            idempotency_key: 1 to 255 printable ASCII characters, to repeat the call by hand.

        Raises:
            NotFoundError: If this tenant has no such letter, or it was discarded.
            ConflictError: If its timer is gone.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        call = Call(
            "POST", f"{_path(letter_id)}/redrive", body=self._asked(requested_by, reason), headers=_key(idempotency_key)
        )
        return self._session.send(call, DeadLetterReply)

    def redrive_all(
        self,
        *,
        reason: str | None = None,
        requested_by: str | None = None,
        idempotency_key: str | None = None,
        told: Callable[[Worked], object] = lambda _: None,
        **which: Unpack[Which],
    ) -> Worked:
        """Redrive every letter that is meant, in as many calls as it takes.

        Args:
            reason: One line for people; the timelines keep it.
            requested_by: Who asks, instead of the client's own.
            idempotency_key: To repeat it by hand after an error: letters that it redrove are not redriven again.
            told: Called after each call with what was done so far.
            which: Which letters.

        Raises:
            ValueError: If an instant is a datetime without an offset.
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        body = {**self._asked(requested_by, reason), "filter": _filter(which)}
        return self._many("redrive", body, _key(idempotency_key), RedrivenReply, told)

    def discard(self, letter_id: str, *, reason: str | None = None, requested_by: str | None = None) -> None:
        """Let a delivery that failed be; its timer stays failed.

        Raises:
            NotFoundError: If this tenant has no such letter, or it was discarded.
            ConflictError: If it was redriven.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        # Done twice it is not found the second time.
        params = self._asked(requested_by, reason)
        self._session.send_unanswered(Call("DELETE", _path(letter_id), params=params, repeatable=False))

    def discard_all(
        self,
        *,
        reason: str | None = None,
        requested_by: str | None = None,
        told: Callable[[Worked], object] = lambda _: None,
        **which: Unpack[Which],
    ) -> Worked:
        """Discard every letter that is meant, in as many calls as it takes; the arguments are `redrive_all`'s."""
        body = {**self._asked(requested_by, reason), "filter": _filter(which)}
        return self._many("discard", body, {}, DiscardedReply, told)

    def _many(
        self,
        verb: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        reply: type[RedrivenReply] | type[DiscardedReply],
        told: Callable[[Worked], object],
    ) -> Worked:
        def fetch(cursor: str | None) -> RedrivenReply | DiscardedReply:
            content = body if cursor is None else {**body, "cursor": cursor}
            return self._session.send(Call("POST", f"/dead-letters:{verb}", body=content, headers=headers), reply)

        worked = Worked()
        for page in every_page(fetch):
            done = page.redriven if isinstance(page, RedrivenReply) else page.discarded
            refused = (*worked.refused, *page.refused)
            worked = Worked(worked.done + done, worked.skipped + page.skipped, refused, worked.calls + 1)
            told(worked)
        return worked

    def _asked(self, requested_by: str | None, reason: str | None) -> dict[str, str]:
        asked = {"requestedBy": requested_by or self._requested_by}
        return asked if reason is None else {**asked, "reason": reason}


def _filter(which: Which) -> dict[str, Any]:
    wanted = {
        "host": which.get("host"),
        "url": which.get("url"),
        "destination": which.get("destination"),
        "kind": which.get("kind"),
        "reason": which.get("reason_contains"),
        "timerId": which.get("timer_id"),
        "labels": dict(which.get("labels") or {}) or None,
        "diedAfter": instant_value(which.get("died_after")),
        "diedBefore": instant_value(which.get("died_before")),
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _key(given: str | None) -> dict[str, str]:
    return {"Idempotency-Key": given or uuid4().hex}


def _path(letter_id: str) -> str:
    if not letter_id:
        raise ValueError("a dead letter's id is not empty")
    return f"/dead-letters/{quote(letter_id, safe='')}"
