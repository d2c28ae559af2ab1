"""Inboxes in memory."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

from minoots_kernel.domain.errors import LeaseLostError
from minoots_kernel.domain.inbox import Arrival, InboxMessage, LeasedMessage, Receipt

__all__ = ["MemoryInboxStore"]


@dataclass
class _Entry:
    message: InboxMessage
    lease: int = 0
    received: int = 0
    visible_at_ms: int = 0
    done: bool = False


class MemoryInboxStore:
    """Messages in a dictionary per inbox."""

    def __init__(self) -> None:
        self._inboxes: dict[tuple[str, str], dict[tuple[int, str], _Entry]] = {}
        self._lock = Lock()

    @property
    def messages(self) -> list[InboxMessage]:
        """Every message that is not acknowledged."""
        with self._lock:
            entries = [entry for inbox in self._inboxes.values() for entry in inbox.values()]
            return [entry.message for entry in entries if not entry.done]

    def put(self, message: InboxMessage) -> None:
        """Put a message into its inbox; see the port."""
        with self._lock:
            inbox = self._inboxes.setdefault((message.tenant_id, message.agent), {})
            entry = inbox.setdefault((message.fired_at_ms, message.id), _Entry(message))
            arrival = message.arrives_at(entry.message.occasion, done=entry.done)
            if arrival is not Arrival.STAYS:
                entry.message = message
            if arrival is Arrival.BEGINS:
                entry.lease, entry.received, entry.visible_at_ms, entry.done = entry.lease + 1, 0, 0, False

    def take(self, tenant_id: str, agent: str, *, limit: int, until_ms: int, now_ms: int) -> list[LeasedMessage]:
        """Lease messages that nobody has, the oldest firings first."""
        taken: list[LeasedMessage] = []
        with self._lock:
            for (fired_at_ms, message_id), entry in sorted(self._inboxes.get((tenant_id, agent), {}).items()):
                kept = entry.message.forgotten_at_ms // 1000 > now_ms // 1000
                if len(taken) == limit or entry.visible_at_ms > now_ms or not kept or entry.done:
                    continue
                entry.lease, entry.received, entry.visible_at_ms = entry.lease + 1, entry.received + 1, until_ms
                asks = entry.message.acknowledgement is not None
                receipt = Receipt(fired_at_ms, message_id, entry.lease, asks).to_text()
                taken.append(LeasedMessage(entry.message, receipt, entry.received, until_ms))
        return taken

    def leased(self, tenant_id: str, agent: str, receipt: Receipt) -> InboxMessage | None:
        """Return the message of a lease; none if it is not in the inbox."""
        with self._lock:
            entry = self._standing(tenant_id, agent, receipt)
            return entry.message if entry else None

    def acknowledge(self, tenant_id: str, agent: str, receipt: Receipt, *, remember: bool = False) -> None:
        """Take a message out for good; that it is gone already is no error."""
        with self._lock:
            entry = self._standing(tenant_id, agent, receipt)
            if entry is None:
                return
            if remember:
                entry.done, entry.lease = True, entry.lease + 1
            else:
                del self._inboxes[tenant_id, agent][receipt.fired_at_ms, receipt.id]

    def lease_until(self, tenant_id: str, agent: str, receipt: Receipt, at_ms: int, *, give_back: bool) -> None:
        """Have a leased message come back at a time."""
        with self._lock:
            entry = self._standing(tenant_id, agent, receipt)
            if entry is None:
                raise LeaseLostError("The message is not there any more.")
            entry.visible_at_ms = at_ms
            entry.lease += give_back

    def _standing(self, tenant_id: str, agent: str, receipt: Receipt) -> _Entry | None:
        """Return the entry of a receipt that is the latest lease's; none if there is none, or it was taken out."""
        entry = self._inboxes.get((tenant_id, agent), {}).get((receipt.fired_at_ms, receipt.id))
        if entry is None or entry.done:
            return None
        if entry.lease != receipt.lease:
            raise LeaseLostError("The message is not yours any more.")
        return entry
