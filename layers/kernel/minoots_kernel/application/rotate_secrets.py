"""Add a signing secret to a destination, and take one away."""

from __future__ import annotations

from dataclasses import dataclass

from minoots_contract.destinations import AddSecretRequest
from minoots_kernel.application.change_destination import change_destination, find_destination
from minoots_kernel.application.ports import Clock, DestinationStore
from minoots_kernel.application.put_destination import MadeSecret, SecretMaker
from minoots_kernel.domain.destinations import Destination, with_secret, without_secret
from minoots_kernel.domain.tenancy import Principal

__all__ = ["AddSecret", "RemoveSecret"]


@dataclass(frozen=True, slots=True)
class AddSecret:
    """Rotate: the new secret signs from now on, the older ones beside it until the overlap is over."""

    store: DestinationStore
    secrets: SecretMaker
    clock: Clock

    def __call__(
        self, principal: Principal, name: str, request: AddSecretRequest, *, versions: frozenset[int] | None = None
    ) -> MadeSecret:
        """Add a secret, if the destination stands at one of the versions.

        Raises:
            VersionMismatchError: If it stands at another.
            NotFoundError: If there is no such destination.
            StateConflictError: If too many secrets sign already.
            DependencyUnavailableError: If the store or the secret box does not answer.
        """
        find_destination(self.store, principal.tenant_id, name, principal.check)
        now_ms = self.clock.now_ms()
        secret, made = self.secrets(principal.tenant_id, name, request.signing_secret, now_ms)

        def change(before: Destination) -> Destination:
            return with_secret(before, secret, request.overlap, now_ms)

        after = change_destination(self.store, principal.tenant_id, name, change, principal.check, versions)
        return MadeSecret(after, made, created=True)


@dataclass(frozen=True, slots=True)
class RemoveSecret:
    """Take a secret away at once, as when it has leaked."""

    store: DestinationStore
    clock: Clock

    def __call__(
        self, principal: Principal, name: str, secret_id: str, *, versions: frozenset[int] | None = None
    ) -> Destination:
        """Remove a secret, if the destination stands at one of the versions.

        Raises:
            VersionMismatchError: If it stands at another.
            NotFoundError: If there is no such destination or secret.
            StateConflictError: If it is the only one that signs.
        """
        now_ms = self.clock.now_ms()
        return change_destination(
            self.store,
            principal.tenant_id,
            name,
            lambda before: without_secret(before, secret_id, now_ms),
            principal.check,
            versions,
        )
