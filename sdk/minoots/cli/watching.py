"""Watching timers until they end: what to look at and when. How it looks is in `minoots.cli.live`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Final, Protocol

from minoots.cli.patience import Patience
from minoots.client import Client, MinootsClientError
from minoots.client.pace import LONGEST_S, has_ended, next_look_s
from minoots.clock import Clock
from minoots_contract.timers import TimerReply, TimerStatus

__all__ = ["ActiveTimers", "NamedTimers", "Watched", "follow"]

_ACTIVE: Final[tuple[TimerStatus, ...]] = ("scheduled", "armed", "paused", "fired")
# What fits a screen, more or less; the rest of a large tenant is what `list` is for.
_MOST_SHOWN: Final = 100
_MOST_ENDED: Final = 10
_LISTING_EVERY_S: Final = 5.0


class Watched(Protocol):
    """A set of timers that is looked at again and again."""

    @property
    def timers(self) -> Sequence[TimerReply]:
        """The timers as last seen, in the order to show them."""
        ...

    def look(self) -> None:
        """Ask the API about those whose time has come."""
        ...

    def pause_s(self) -> float:
        """Return the seconds until the next look."""
        ...

    def over(self) -> bool:
        """Tell whether there is nothing left to wait for."""
        ...


class _Rhythm:
    """Timers as last seen, and when each is worth another look."""

    def __init__(self, client: Client, clock: Clock, ids: Sequence[str] = ()) -> None:
        self._client = client
        self._clock = clock
        self.seen: dict[str, TimerReply] = {}
        self.next_look_s = dict.fromkeys(ids, clock.monotonic_s())

    def note(self, timer_id: str, timer: TimerReply) -> None:
        """Keep what was seen of a timer, under the id that it was asked for."""
        self.seen[timer_id] = timer
        if has_ended(timer):
            self.next_look_s.pop(timer_id, None)
        else:
            pause_s = next_look_s(timer, now_ms=self._clock.now_ms())
            self.next_look_s[timer_id] = self._clock.monotonic_s() + pause_s

    def look(self) -> None:
        """Ask about each timer whose time has come."""
        for timer_id, when_s in list(self.next_look_s.items()):
            if when_s <= self._clock.monotonic_s():
                self.note(timer_id, self._client.timers.get(timer_id))

    def pause_s(self, longest_s: float = LONGEST_S) -> float:
        """Return the seconds until the first of them is worth a look."""
        first_s = min(self.next_look_s.values(), default=float("inf"))
        return min(max(0.0, first_s - self._clock.monotonic_s()), longest_s)


class NamedTimers:
    """Timers given by id, each looked at in its own rhythm, until all have ended."""

    def __init__(self, client: Client, clock: Clock, ids: Sequence[str]) -> None:
        self._rhythm = _Rhythm(client, clock, ids)

    @property
    def timers(self) -> Sequence[TimerReply]:
        """The timers in the order in which they were named."""
        return tuple(self._rhythm.seen.values())

    def look(self) -> None:
        """Ask about each timer whose time has come.

        Raises:
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        self._rhythm.look()

    def pause_s(self) -> float:
        """Return the seconds until the first of them is worth a look."""
        return self._rhythm.pause_s()

    def over(self) -> bool:
        """Tell whether all have ended."""
        return not self._rhythm.next_look_s


class ActiveTimers:
    """The tenant's timers that have not ended, and the few that ended while watched. Never over.

    All are listed once. Then the first page is enough to find new ones, since the newest come first, and each of the
    others is looked at in its own rhythm.
    """

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._rhythm = _Rhythm(client, clock)
        self._next_listing_s: float | None = None

    @property
    def timers(self) -> Sequence[TimerReply]:
        """Those that ended at the top, the others below them by due time."""
        seen = tuple(self._rhythm.seen.values())
        return tuple(sorted(seen, key=lambda timer: (not has_ended(timer), timer.fire_at)))

    def look(self) -> None:
        """List what is active, and ask about those that were not listed and whose time has come.

        Raises:
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        now_s = self._clock.monotonic_s()
        if self._next_listing_s is None or self._next_listing_s <= now_s:
            for timer in self._listing():
                self._rhythm.note(timer.id, timer)
            self._next_listing_s = now_s + _LISTING_EVERY_S
        self._rhythm.look()
        self._forget()

    def pause_s(self) -> float:
        """Return the seconds until the next listing, or less if a timer is worth a look before."""
        until_listing_s = (self._next_listing_s or 0.0) - self._clock.monotonic_s()
        return self._rhythm.pause_s(max(0.0, until_listing_s))

    def over(self) -> bool:
        """Tell that new ones may always come."""
        return False

    def _listing(self) -> Iterable[TimerReply]:
        if self._next_listing_s is None:
            return islice(self._client.timers.list(status=_ACTIVE, page_size=_MOST_SHOWN), _MOST_SHOWN)
        return self._client.timers.page(status=_ACTIVE, limit=_MOST_SHOWN).timers

    def _forget(self) -> None:
        ended = [timer for timer in self._rhythm.seen.values() if has_ended(timer)]
        active = [timer for timer in self._rhythm.seen.values() if not has_ended(timer)]
        ended.sort(key=lambda timer: timer.fire_at)
        active.sort(key=lambda timer: timer.fire_at)
        for timer in [*ended[:-_MOST_ENDED], *active[_MOST_SHOWN:]]:
            del self._rhythm.seen[timer.id]
            self._rhythm.next_look_s.pop(timer.id, None)


def follow(watched: Watched, clock: Clock, tell: Callable[[str | None], None]) -> None:
    """Look until the watch is over.

    Failures that may pass are told and outlived for a minute; the first look must succeed.

    Args:
        watched: What to look at.
        clock: Time.
        tell: Called after each look, with None or with what is the matter.

    Raises:
        MinootsClientError: One of the tree in `minoots.client.errors`.
    """
    patience = Patience(clock, tell)
    watched.look()
    patience.well()
    while not watched.over():
        clock.sleep(watched.pause_s())
        try:
            watched.look()
        except MinootsClientError as error:
            patience.bear(error)
        else:
            patience.well()
