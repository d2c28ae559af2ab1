"""Working on an agent's messages one after the other, for as long as there is somebody to do it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from minoots.cli.patience import Patience
from minoots.client import ConflictError, MinootsClientError
from minoots.client.inbox import Inbox
from minoots.clock import Clock
from minoots_contract.inbox import InboxMessageReply

__all__ = ["Worker", "listen_to"]

Tell = Callable[[str | None], None]

_WAIT_S: Final = 20
# A server, or something before it, that does not let anybody wait must not be asked as fast as it answers.
_QUICK_S: Final = 1.0
_FIRST_DELAY_S: Final = 5
_LONGEST_DELAY_S: Final = 600


def listen_to(
    inbox: Inbox, clock: Clock, work: Callable[[InboxMessageReply], None], tell: Tell, *, lease_s: int
) -> None:
    """Hand over messages as they come, without end. An API that goes away is waited for, for a minute.

    Args:
        inbox: Where they wait.
        clock: Time.
        work: Called with each.
        tell: Called with what is the matter, if anything.
        lease_s: Seconds until a message comes back into the inbox.

    Raises:
        MinootsClientError: One of the tree in `minoots.client.errors`, if it does not pass.
    """
    patience = Patience(clock, tell)
    while True:
        asked_s = clock.monotonic_s()
        try:
            found = inbox.fetch(wait_s=_WAIT_S, limit=1, lease_s=lease_s)
            patience.well()
            for message in found:
                work(message)
        except ConflictError as error:
            tell(f"somebody else has it now: {error}")
        except MinootsClientError as error:
            patience.bear(error)
        else:
            if not found and clock.monotonic_s() - asked_s < _QUICK_S:
                clock.sleep(_QUICK_S)


class Worker:
    """Runs a command for each message, and keeps the message while it runs.

    Args:
        inbox: Where the messages are from.
        command: The program and its arguments; it reads the message as one line of JSON from its standard input.
        lease_s: Seconds until a message comes back unless it is kept.
        tell: Called with what is the matter, if anything.
    """

    def __init__(self, inbox: Inbox, command: Sequence[str], lease_s: int, tell: Tell) -> None:
        self._inbox, self._command, self._lease_s, self._tell = inbox, list(command), lease_s, tell

    def work(self, message: InboxMessageReply) -> None:
        """Run the command: a message is taken out if it ends well, else given back, for longer each time.

        Raises:
            ConflictError: If somebody else has the message by now.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        try:
            status = self._run(message)
        except BaseException:  # Ctrl-C among them: nobody works on it any more
            with suppress(MinootsClientError):
                self._inbox.nack(message)
            raise
        if status == 0:
            self._inbox.ack(message)
            return
        delay_s = min(_FIRST_DELAY_S << min(message.received - 1, 10), _LONGEST_DELAY_S)
        self._tell(f"{self._command[0]} ended with {status}: {message.delivery_id} is given back for {delay_s} s")
        self._inbox.nack(message, delay_s=delay_s)

    def _run(self, message: InboxMessageReply) -> int:
        content = json.dumps(message.wire(), separators=(",", ":")).encode() + b"\n"
        with subprocess.Popen(self._command, stdin=subprocess.PIPE) as process:
            try:
                return self._finish(process, content, message)
            except BaseException:
                process.terminate()
                raise

    def _finish(self, process: subprocess.Popen[bytes], content: bytes, message: InboxMessageReply) -> int:
        given: bytes | None = content
        while True:
            try:
                process.communicate(given, timeout=self._lease_s / 2)
            except subprocess.TimeoutExpired:
                given = None
                self._inbox.extend(message, lease_s=self._lease_s)
            else:
                return process.returncode
