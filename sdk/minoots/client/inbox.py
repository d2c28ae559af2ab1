"""The ``/agents/{name}/inbox`` resource."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from minoots.client.session import Call, Session
from minoots_contract.inbox import InboxMessageReply, InboxReply, ReceiptReply

__all__ = ["Inbox"]


class Inbox:
    """The inbox of one agent; made by ``client.inbox("ann")``."""

    def __init__(self, session: Session, agent: str) -> None:
        if not agent:
            raise ValueError("an agent's name is not empty")
        self._session = session
        self._path = f"/agents/{quote(agent, safe='')}/inbox"

    def fetch(self, *, wait_s: int = 0, limit: int = 10, lease_s: int = 60) -> list[InboxMessageReply]:
        """Lease messages, the oldest firings first.

        Args:
            wait_s: Seconds to wait for the first one, at most 20.
            limit: The most to return, at most 10.
            lease_s: Seconds until they come back into the inbox unless they are acknowledged.

        Raises:
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        params = {"waitS": wait_s, "max": limit, "leaseS": lease_s}
        return self._session.send(Call("GET", self._path, params=params), InboxReply).messages

    def messages(self, *, lease_s: int = 60) -> Iterator[InboxMessageReply]:
        """Iterate over messages without end, one lease at a time; wait when there are none.

        Args:
            lease_s: Seconds until a message comes back into the inbox unless it is acknowledged.

        Raises:
            MinootsClientError: While iterating: one of the tree in `minoots.client.errors`.
        """
        while True:
            yield from self.fetch(wait_s=20, limit=1, lease_s=lease_s)

    def ack(self, message: InboxMessageReply | str) -> ReceiptReply:
        """Take a message out for good; doing it again changes nothing.

        Args:
            message: The message, or its receipt; as in `nack` and `extend`.

        Raises:
            ConflictError: If the lease ran out and somebody else has the message.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("POST", self._of(message, "ack")), ReceiptReply)

    def nack(self, message: InboxMessageReply | str, *, delay_s: int = 0) -> ReceiptReply:
        """Give a message back, to be had again after a delay in seconds.

        Raises:
            ConflictError: If the message is not ours any more.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        # Done twice it is refused the second time: the receipt is worth nothing any more.
        call = Call("POST", self._of(message, "nack"), params={"delayS": delay_s}, repeatable=False)
        return self._session.send(call, ReceiptReply)

    def extend(self, message: InboxMessageReply | str, *, lease_s: int = 60) -> ReceiptReply:
        """Keep a message for so many seconds from now.

        Raises:
            ConflictError: If the message is not ours any more.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("POST", self._of(message, "extend"), params={"leaseS": lease_s}), ReceiptReply)

    def _of(self, message: InboxMessageReply | str, verb: str) -> str:
        receipt = message if isinstance(message, str) else message.receipt
        if not receipt:
            raise ValueError("a receipt is not empty")
        return f"{self._path}/{quote(receipt, safe='')}/{verb}"
