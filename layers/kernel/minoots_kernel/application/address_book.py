"""What a tenant keeps about whom an attempt calls: whether it may go there, what it carries, how it is let through."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from minoots_contract.destinations import DEFAULT_DESTINATION
from minoots_contract.instants import format_instant
from minoots_contract.urls import lies_under
from minoots_kernel.application.change_destination import change_destination
from minoots_kernel.application.circuit_ports import NO_SHIELD, Shield
from minoots_kernel.application.ports import Clock, DestinationStore, SecretBox
from minoots_kernel.domain.circuits import NO_LIMITS, Call, receiver_of_destination, receiver_of_url
from minoots_kernel.domain.destinations import Destination, disabled, gone_url, name_of_url
from minoots_kernel.domain.errors import (
    MinootsError,
    NotFoundError,
    PermanentActionError,
    SealedSecretError,
    TransientActionError,
)
from minoots_kernel.domain.putting_off import turn_of
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.webhooks import NO_CREDENTIALS, Credentials

__all__ = ["AddressBook", "Entry"]

logger = logging.getLogger(__name__)

GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Entry:
    """Whom an attempt calls.

    Attributes:
        url: Where.
        name: The destination that the caller named, if any.
        destination: The destination that signs; it may be `default` though nobody named it.
    """

    url: str
    name: str | None = None
    destination: Destination | None = None

    @property
    def named(self) -> Destination | None:
        """The destination whose headers and limits hold; `default` has none."""
        return self.destination if self.name != DEFAULT_DESTINATION and self.name else None


@dataclass(frozen=True, slots=True)
class AddressBook:
    """A tenant's destinations at the moment of an attempt, and the shield before all receivers.

    What names a destination is signed with that one's secrets, and carries its auth headers, but only to its own URL
    and below. What names `default` is signed with that one's, wherever it goes. Whatever answers 410 is not called
    again until it is enabled.
    """

    destinations: DestinationStore
    secrets: SecretBox
    clock: Clock
    shield: Shield = NO_SHIELD

    def look_up(self, tenant_id: str, name: str | None, url: str | None) -> Entry:
        """Find whom to call, once it is sure that calls are wanted and may go there.

        Args:
            tenant_id: Whose.
            name: The destination that is named; `default` signs without one, if there is any.
            url: Where to; the destination's own URL without it.

        Raises:
            PermanentActionError: If it is disabled, gone, for other URLs, or nothing says where to.
            DependencyUnavailableError: If the store does not answer.
        """
        wanted = name or DEFAULT_DESTINATION
        unnamed = [name_of_url(url)] if wanted == DEFAULT_DESTINATION and url else []
        found = self.destinations.get_many(tenant_id, [wanted, *unnamed])
        for one in found.values():
            if one.disabled_at_ms is not None:
                since = format_instant(one.disabled_at_ms)
                raise PermanentActionError(
                    f"not sent: destination '{one.name}' is disabled since {since}: {one.disabled_reason}"
                )
        destination = found.get(wanted)
        if destination is None and name:
            raise PermanentActionError(f"there is no destination '{name}' any more")
        above = destination.url if destination else None
        if above and url and not lies_under(url, above):
            raise PermanentActionError(f"the URL does not lie under that of destination '{wanted}'")
        where = url or above
        if where is None:
            raise PermanentActionError("nothing says where to: the action has no URL, nor has its destination")
        return Entry(where, name, destination)

    def credentials(self, entry: Entry, now_ms: int) -> Credentials:
        """Open what the destination adds to a request.

        Raises:
            TransientActionError: If its secrets cannot be opened.
            DependencyUnavailableError: If the secret box does not answer.
        """
        destination = entry.destination
        if destination is None:
            return NO_CREDENTIALS

        def opened(sealed: str) -> str:
            return self.secrets.open(destination.tenant_id, destination.name, sealed)

        try:
            headers = json.loads(opened(destination.sealed_auth)) if destination.sealed_auth else {}
            signing = tuple(opened(one.sealed) for one in destination.secrets if one.signs_at(now_ms))
        except SealedSecretError as error:
            # The deployment's key is disabled, or gone for good: who mends that in time need not send anything again.
            logger.error("secrets cannot be opened", extra={"destination": destination.name, "reason": str(error)})
            raise TransientActionError(
                f"the secrets of destination '{destination.name}' cannot be opened", failure="internal"
            ) from error
        return Credentials(destination.url, headers, signing)

    @contextmanager
    def calling(self, entry: Entry, timer: Timer, action_id: str, timeout_ms: int) -> Iterator[None]:
        """Call somebody for as long as the block lasts, and remember it if they are gone for good.

        Args:
            entry: Whom.
            timer: The timer whose action it is.
            action_id: Which action.
            timeout_ms: Most time that the call takes, milliseconds.

        Raises:
            PutOffError: If they may not be called now.
            DependencyUnavailableError: If that cannot be told.
        """
        receiver = receiver_of_destination(entry.named.name) if entry.named else receiver_of_url(entry.url)
        limits = entry.named.limits if entry.named else NO_LIMITS
        call = Call(timer.tenant_id, receiver, limits, timeout_ms, turn_of(timer, action_id))
        try:
            with self.shield.admitted(call):
                yield
        except PermanentActionError as error:
            if error.status_code == GONE:
                self._disable(timer.tenant_id, entry, action_id)
            raise

    def _disable(self, tenant_id: str, entry: Entry, action_id: str) -> None:
        """Remember that a destination wants no more. Should that fail, the next attempt's 410 does it."""
        now_ms = self.clock.now_ms()
        reason = f"it answered 410 to action '{action_id}'"
        target = entry.named.name if entry.named else name_of_url(entry.url)
        try:
            if entry.named is None and not self.destinations.get_many(tenant_id, [target]):
                self.destinations.create(disabled(gone_url(tenant_id, entry.url, now_ms), reason, now_ms))
            else:
                change_destination(self.destinations, tenant_id, target, lambda one: disabled(one, reason, now_ms))
        except NotFoundError:
            return  # deleted meanwhile
        except MinootsError as error:
            logger.warning("destination not disabled", extra={"destination": target, "reason": error.detail})
        else:
            logger.warning("destination disabled", extra={"destination": target})
