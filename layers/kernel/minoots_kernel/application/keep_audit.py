"""Write the audit: what was changed, and what was refused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Final, TypeVar

from minoots_kernel.application.audit_ports import AuditStore
from minoots_kernel.application.ports import Clock, Page
from minoots_kernel.domain.audit import AuditEntry, AuditFilter, entry_id, thing_entry
from minoots_kernel.domain.authority import Authority, Thing
from minoots_kernel.domain.errors import ForbiddenError, MinootsError, PolicyRefusedError
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.tenants import Tenant
from minoots_kernel.domain.things import thing_of
from minoots_kernel.domain.timer import Via

__all__ = ["NoteRefusals", "ReadAudit", "recorded"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

ONE_BY_ONE: Final = 5
"""So many refusals of a caller in a minute have an entry each; of those after them only each tenth power has."""

MINUTE_MS: Final = 60_000
MAX_CALLERS: Final = 10_000
MAX_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class ReadAudit:
    """List a tenant's audit, the latest first."""

    store: AuditStore

    def __call__(
        self, principal: Principal, *, wanted: AuditFilter, limit: int, position: str | None
    ) -> Page[AuditEntry]:
        """Return a page; see `AuditStore.page` for the arguments."""
        return self.store.page(principal.tenant_id, wanted=wanted, limit=limit, position=position)

    def export(
        self, principal: Principal, *, wanted: AuditFilter, limit: int, position: str | None
    ) -> Page[AuditEntry]:
        """Return a page that is taken along, and have that in the audit before; as the call otherwise."""
        principal.check(Thing("Tenant", principal.tenant_id))
        return self(principal, wanted=wanted, limit=limit, position=position)


class Recorded:
    """An authority that has a change written into the audit before it is made, once it is sure that it may be.

    So there is no change without its entry; an entry may stand for a change that then failed. What an operator does to
    another tenant is in the audits of both.
    """

    def __init__(self, inner: Authority, write: Callable[[Thing, Tenant | None], None], unknown: Thing) -> None:
        self._inner = inner
        self._write = write
        self._unknown = unknown
        self._written = False

    @property
    def by_role(self) -> bool:
        """Whether the role has decided already."""
        return self._inner.by_role

    def check(self, *things: object) -> None:
        """Let a call go on that may, and write it down."""
        self._inner.check(*things)
        if not self._written:
            self._written = True
            whose = next((thing for thing in things if isinstance(thing, Tenant)), None)
            self._write(thing_of(things[-1]), whose)

    def check_each(self, thing: object) -> None:
        """Let one of many things pass; what is written down is the call about them all."""
        self._inner.check_each(thing)

    def visible(self, things: Sequence[T]) -> tuple[T, ...]:
        """Return those that the caller may see."""
        return self._inner.visible(things)

    def finish(self) -> None:
        """Write down what nobody asked about on the way."""
        self._inner.finish()
        if not self._written:
            self._written = True
            self._write(self._unknown, None)


def recorded(
    principal: Principal, store: AuditStore, clock: Clock, via: Via, *, unknown: Thing, user_agent: str | None
) -> Recorded:
    """Make the authority of a call whose change is to be in the audit."""

    def write(thing: Thing, whose: Tenant | None) -> None:
        now_ms = clock.now_ms()
        entries = [thing_entry(principal.tenant_id, now_ms, via, thing, user_agent=user_agent)]
        if whose is not None and whose.id != principal.tenant_id:
            # Who runs the service is known to its tenants by name, and not by where they are.
            known = replace(via, key_id=None, ip=None, kept_days=whose.audit_days)
            entries.append(thing_entry(whose.id, now_ms, known, thing, user_agent=None))
        store.add(entries)

    return Recorded(principal.authority, write, unknown)


@dataclass(slots=True)
class _Minute:
    began_ms: int
    count: int = 0


@dataclass(slots=True)
class NoteRefusals:
    """Write down what was refused, in bounds: nobody can have more written than a dozen entries a minute and server.

    Who is refused again and again has an entry for each of the first few times, then for the tenth, the hundredth, and
    so on, with their count.
    """

    store: AuditStore
    clock: Clock
    _minutes: dict[tuple[str, str, str | None], _Minute] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __call__(
        self, principal: Principal, via: Via, error: ForbiddenError, thing: Thing, user_agent: str | None
    ) -> None:
        """Write a refusal down. That it cannot be written changes nothing for the caller."""
        now_ms = self.clock.now_ms()
        count = self._count(principal, now_ms)
        if count > ONE_BY_ONE and count != 10 ** (len(str(count)) - 1):
            return
        entry = AuditEntry(
            principal.tenant_id,
            entry_id(now_ms, f"{via.request_id}:{via.action}:{via.subject}:{count}"),
            now_ms,
            via,
            "refused",
            thing.type,
            thing.id,
            reason=_reason(error),
            user_agent=user_agent,
            count=count if count > ONE_BY_ONE else 1,
        )
        try:
            self.store.add([entry])
        except MinootsError as lost:
            logger.warning("refusal not in the audit", extra={"requestId": via.request_id, "reason": lost.detail})

    def _count(self, principal: Principal, now_ms: int) -> int:
        who = (principal.tenant_id, principal.subject, principal.key_id or principal.issuer)
        with self._lock:
            minute = self._minutes.get(who)
            if minute is None or now_ms - minute.began_ms >= MINUTE_MS:
                if len(self._minutes) >= MAX_CALLERS:
                    self._minutes.clear()
                minute = self._minutes[who] = _Minute(now_ms)
            minute.count += 1
            return minute.count


def _reason(error: ForbiddenError) -> str:
    """Return why: the policies for those who may read the audit, whatever the caller was told."""
    if not isinstance(error, PolicyRefusedError):
        return error.detail[:MAX_REASON]
    return f"policies, version {error.version}: {', '.join(error.policies) or 'none allows it'}"[:MAX_REASON]
