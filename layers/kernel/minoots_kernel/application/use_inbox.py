"""An agent fetches its messages, and says what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from minoots_kernel.application.acknowledge_action import AcknowledgeAction
from minoots_kernel.application.agent_ports import InboxStore
from minoots_kernel.application.ports import Clock, TimerKey, TimerStore
from minoots_kernel.domain.authority import Thing
from minoots_kernel.domain.delivery_ids import delivery_of
from minoots_kernel.domain.errors import LeaseLostError
from minoots_kernel.domain.inbox import LeasedMessage, Receipt
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Timer

__all__ = ["FIRST_PAUSE_MS", "LONGEST_PAUSE_MS", "UseInbox"]

FIRST_PAUSE_MS: Final = 250
LONGEST_PAUSE_MS: Final = 1_000
"""While a caller waits, the table is looked at after 0.25 s, then 0.5 s, then every second: a wait of 20 s costs 22
looks at half a read unit each, and a message is seen half a second after it came, on average."""


@dataclass(frozen=True, slots=True)
class UseInbox:
    """Fetching, acknowledging, giving back and keeping of messages, always of the caller's own tenant.

    Attributes:
        timers: Whose messages they are.
        acknowledge_action: Takes it as an answer that a message is taken out.
    """

    store: InboxStore
    clock: Clock
    timers: TimerStore
    acknowledge_action: AcknowledgeAction

    def fetch(
        self, principal: Principal, agent: str, *, limit: int, lease_ms: int, wait_ms: int = 0
    ) -> list[LeasedMessage]:
        """Lease messages; when there are none, wait for some.

        Args:
            principal: Who calls.
            agent: Whose inbox.
            limit: Most messages to return.
            lease_ms: How long they are the caller's, milliseconds.
            wait_ms: The longest to wait for the first one, milliseconds.
        """
        principal.check(Thing("Inbox", agent))
        deadline_ms = self.clock.now_ms() + wait_ms
        pause_ms = FIRST_PAUSE_MS
        while True:
            now_ms = self.clock.now_ms()
            found = self.store.take(principal.tenant_id, agent, limit=limit, until_ms=now_ms + lease_ms, now_ms=now_ms)
            left_ms = deadline_ms - self.clock.now_ms()
            if found or left_ms <= 0:
                return found
            self.clock.sleep_ms(min(pause_ms, left_ms))
            pause_ms = min(pause_ms * 2, LONGEST_PAUSE_MS)

    def acknowledge(self, principal: Principal, agent: str, receipt: str) -> None:
        """Take a message out for good; doing it again changes nothing. It is the answer `done` if one is waited for.

        Raises:
            LeaseLostError: If the message is not the caller's any more.
        """
        principal.check(Thing("Inbox", agent))
        read = _read(receipt)
        timer_id, action_id = delivery_of(read.id)
        timer = self.timers.get(TimerKey(principal.tenant_id, timer_id))
        if read.asks:
            self._answer(principal, agent, read, timer, action_id)
        else:
            state = timer.action(action_id) if timer else None
            # While the attempt that put it has no outcome it may be made again, and would bring the message back.
            under_way = state is not None and not state.status.terminal
            self.store.acknowledge(principal.tenant_id, agent, read, remember=under_way)

    def _answer(self, principal: Principal, agent: str, receipt: Receipt, timer: Timer | None, action_id: str) -> None:
        """Answer for a message that asks, while its lease shows that it was handed over, and then take it out."""
        message = self.store.leased(principal.tenant_id, agent, receipt)
        if message is None:
            if not _was_answered(timer, action_id, agent, receipt):
                raise LeaseLostError("There is no such message any more, and taking it out was no answer.")
            return
        if timer is not None:
            self.acknowledge_action.of_inbox(timer, message)
        try:
            self.store.acknowledge(principal.tenant_id, agent, receipt)
        except LeaseLostError:
            return  # the lease ran out meanwhile, and somebody has it: the answer counts all the same

    def give_back(self, principal: Principal, agent: str, receipt: str, delay_ms: int) -> int:
        """Let others have a message after a delay; return when that is, epoch milliseconds.

        Raises:
            LeaseLostError: If the message is not the caller's any more.
        """
        return self._until(principal, agent, receipt, delay_ms, give_back=True)

    def extend(self, principal: Principal, agent: str, receipt: str, lease_ms: int) -> int:
        """Keep a message for so long from now; return until when, epoch milliseconds.

        Raises:
            LeaseLostError: If the message is not the caller's any more.
        """
        return self._until(principal, agent, receipt, lease_ms, give_back=False)

    def _until(self, principal: Principal, agent: str, receipt: str, for_ms: int, *, give_back: bool) -> int:
        principal.check(Thing("Inbox", agent))
        at_ms = self.clock.now_ms() + for_ms
        self.store.lease_until(principal.tenant_id, agent, _read(receipt), at_ms, give_back=give_back)
        return at_ms


def _was_answered(timer: Timer | None, action_id: str, agent: str, receipt: Receipt) -> bool:
    """Tell whether a message that is gone is one that this inbox was asked by and need not answer any more."""
    known = timer.acknowledgement(action_id) if timer else None
    if timer is None or known is None or timer.fired_at_ms != receipt.fired_at_ms:
        return False
    asks = [ask for ask in known.asks if ask.receiver == f"inbox {agent}"]
    return bool(asks) and (known.settled_at_ms is not None or asks[-1].over)


def _read(text: str) -> Receipt:
    receipt = Receipt.from_text(text)
    if receipt is None:
        raise LeaseLostError("The receipt is not one of ours: take it as the inbox gave it.")
    return receipt
