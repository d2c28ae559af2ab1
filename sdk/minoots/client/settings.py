"""The ``/settings`` resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minoots.client.session import Call, Session
from minoots.client.values import if_match, said
from minoots_contract.retry import RetryPolicy
from minoots_contract.settings import SettingsReply

__all__ = ["TenantSettings"]


class TenantSettings:
    """What the tenant settles for all its timers; reached as ``client.settings``."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self) -> SettingsReply:
        """Return the settings; the defaults, at version 0, as long as nothing was settled.

        Raises:
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        return self._session.send(Call("GET", "/settings"), SettingsReply)

    def put(self, *, retry_policy: RetryPolicy | Mapping[str, Any], version: int | None = None) -> SettingsReply:
        """Settle anew, for timers that are created from now on; all that was settled before is replaced.

        Args:
            retry_policy: For the fields that neither a bundle nor an action names; a model, or a mapping in the
                wire's spelling.
            version: Change nothing unless the settings stand at this version.

        Raises:
            BadRequestError: If the contract has no such policy.
            APIStatusError: With status 412, if the version is another.
            MinootsClientError: Any other of the tree in `minoots.client.errors`.
        """
        body = {"retryPolicy": said(retry_policy)}
        # Settled twice it is the same, but upon a version the second try would be refused.
        call = Call("PUT", "/settings", body=body, headers=if_match(version), repeatable=version is None)
        return self._session.send(call, SettingsReply)
