"""Make a destination, or change its URL, auth headers and limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from minoots_contract.destinations import PutDestinationRequest
from minoots_contract.signatures import format_secret
from minoots_kernel.application.change_destination import change_destination
from minoots_kernel.application.ports import Clock, DestinationStore, SecretBox
from minoots_kernel.domain.circuits import NO_LIMITS, Limits
from minoots_kernel.domain.destinations import (
    Destination,
    SigningSecret,
    check_limits,
    check_move,
    check_url,
    with_limits,
)
from minoots_kernel.domain.errors import AlreadyExistsError
from minoots_kernel.domain.guards import check_version
from minoots_kernel.domain.tenancy import Principal

__all__ = ["MadeSecret", "PutDestination", "SecretMaker"]

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class MadeSecret:
    """A destination after a request that gave it a secret.

    Attributes:
        made: The signing secret if it was made here; nobody can read it again.
        created: Whether the destination is new.
    """

    destination: Destination
    made: str | None = None
    created: bool = False


@dataclass(frozen=True, slots=True)
class SecretMaker:
    """Makes and seals signing secrets."""

    box: SecretBox
    random_bytes: Callable[[int], bytes]

    def __call__(self, tenant_id: str, name: str, given: str | None, now_ms: int) -> tuple[SigningSecret, str | None]:
        """Seal the secret that was given, or make one; the second of the pair is a made one in clear."""
        made = None if given else format_secret(self.random_bytes(SECRET_BYTES))
        sealed = self.box.seal(tenant_id, name, given or made or "")
        return SigningSecret(f"ss_{self.random_bytes(6).hex()}", now_ms, sealed), made


@dataclass(frozen=True, slots=True)
class PutDestination:
    """Store a destination. Its secrets are sealed before they are stored, and never read again here.

    Attributes:
        refusal: As of `CheckReceivers`. One that stands may be read, disabled and deleted whatever it says.
    """

    store: DestinationStore
    secrets: SecretMaker
    clock: Clock
    refusal: Callable[[str], str | None]

    def __call__(
        self,
        principal: Principal,
        name: str,
        request: PutDestinationRequest,
        *,
        versions: frozenset[int] | None = None,
    ) -> MadeSecret:
        """Make the destination of that name, or change it.

        Args:
            principal: Who calls.
            name: Its name.
            request: What it is to be.
            versions: The versions upon which that may be done, 0 for one that is not there; any when none.

        Raises:
            VersionMismatchError: If it stands at another version.
            InvalidTimerError: If nothing may be sent to that URL, it cannot have that URL or those headers, or it keeps
                headers that were given for another scheme, host or port.
            AlreadyExistsError: If it exists and the request brings a signing secret: those are rotated.
            DependencyUnavailableError: If the store or the secret box does not answer.
        """
        tenant_id = principal.tenant_id
        refusal = self.refusal(request.url) if request.url else None
        check_url(name, request.url, tuple(request.auth_headers or ()), refusal)
        limits = _limited(NO_LIMITS, request)
        check_limits(name, limits)
        if self.store.get_many(tenant_id, [name]):
            return self._change(principal, name, request, versions)
        check_version(0, versions)
        now_ms = self.clock.now_ms()
        secret, made = self.secrets(tenant_id, name, request.signing_secret, now_ms)
        new = Destination(tenant_id, name, request.url, now_ms, now_ms, secrets=(secret,), limits=limits)
        principal.check(new)
        new = self._with_auth(new, request.auth_headers)
        self.store.create(new)
        return MadeSecret(new, made, created=True)

    def _change(
        self, principal: Principal, name: str, request: PutDestinationRequest, versions: frozenset[int] | None
    ) -> MadeSecret:
        if request.signing_secret is not None:
            raise AlreadyExistsError(
                f"There is a destination '{name}' already: add a secret with POST /destinations/{name}/secrets.",
                (("signingSecret", "leave it out"),),
            )
        now_ms = self.clock.now_ms()

        def change(before: Destination) -> Destination:
            if request.auth_headers is None:
                check_move(before, request.url)
            moved = replace(before, url=request.url, updated_at_ms=now_ms, version=before.version + 1)
            moved = replace(moved, limits=_limited(before.limits, request))
            return self._with_auth(moved, request.auth_headers)

        changed = change_destination(
            self.store, principal.tenant_id, name, change, principal.check, versions, principal.check_each
        )
        return MadeSecret(changed)

    def _with_auth(self, destination: Destination, headers: dict[str, str] | None) -> Destination:
        if headers is None:
            return destination
        if not headers:
            return replace(destination, auth_names=(), sealed_auth=None)
        text = json.dumps(headers, separators=(",", ":"))
        sealed = self.secrets.box.seal(destination.tenant_id, destination.name, text)
        return replace(destination, auth_names=tuple(sorted(headers)), sealed_auth=sealed)


def _limited(before: Limits, request: PutDestinationRequest) -> Limits:
    return with_limits(before, request.model_fields_set, request.rate_limit, request.max_in_flight)
