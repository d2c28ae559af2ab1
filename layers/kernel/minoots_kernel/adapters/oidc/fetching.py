"""Fetches what issuers publish, by the same guarded way as webhooks go out."""

from __future__ import annotations

from typing import Final

from minoots_kernel.adapters.oidc.key_sets import FetchError
from minoots_kernel.adapters.webhook.conversation import Conversations
from minoots_kernel.adapters.webhook.guard import AddressGuard
from minoots_kernel.domain.errors import ActionError, PutOffError

__all__ = ["GuardedFetch"]

TIMEOUT_MS: Final = 5_000
MAX_BYTES: Final = 262_144


class GuardedFetch:
    """Gets documents from public addresses, and others that the deployment names; follows no redirect.

    Args:
        conversations: How to reach a server.
    """

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    @classmethod
    def over(cls, guard: AddressGuard) -> GuardedFetch:
        """Make one that reaches what a guard lets pass."""
        return cls(Conversations(guard))

    def __call__(self, url: str) -> bytes:
        """Return what is at a URL.

        Raises:
            FetchError: If it cannot be had within five seconds, or is larger than 256 KiB.
        """
        try:
            with (
                self._conversations.within(TIMEOUT_MS) as conversation,
                conversation.ask("GET", url, {"accept": "application/json"}) as answer,
            ):
                if answer.status != 200:
                    raise FetchError(f"{url} answered {answer.status}")
                return _bounded("\n".join(answer.lines()).encode(), url)
        except (ActionError, PutOffError) as error:
            raise FetchError(f"{url}: {error.reason}") from error


def _bounded(content: bytes, url: str) -> bytes:
    if len(content) > MAX_BYTES:
        raise FetchError(f"{url} is larger than {MAX_BYTES} bytes")
    return content
