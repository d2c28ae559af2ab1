"""What each operation is about, for policies: the one table beside that of roles. A test holds both to one another."""

from __future__ import annotations

from typing import Final

from minoots_kernel.application.errand import Errand
from minoots_kernel.domain.authority import ThingType
from minoots_kernel.interfaces.rest.roles import REQUIRED_ROLES

__all__ = ["ABOUT", "EACH_BY", "RECORDED", "errand"]

MAX_USER_AGENT: Final = 128
MAX_NAME: Final = 256

ABOUT: Final[dict[str, ThingType | None]] = {
    "createTimer": "Timer",
    "createTimers": "Tenant",
    "listTimers": "Tenant",
    "getTimer": "Timer",
    "updateTimer": "Timer",
    "cancelTimer": "Timer",
    "extendTimer": "Timer",
    "rescheduleTimer": "Timer",
    "snoozeTimer": "Timer",
    "heartbeatTimer": "Timer",
    "pauseTimer": "Timer",
    "resumeTimer": "Timer",
    "fireTimer": "Timer",
    "listDeadLetters": "Tenant",
    "getDeadLetter": "DeadLetter",
    "redriveDeadLetter": "DeadLetter",
    "redriveDeadLetters": "Tenant",
    "discardDeadLetter": "DeadLetter",
    "discardDeadLetters": "Tenant",
    "readInbox": "Inbox",
    "acknowledgeMessage": "Inbox",
    "returnMessage": "Inbox",
    "keepMessage": "Inbox",
    "listCommandTemplates": "Tenant",
    "getCommandTemplate": "CommandTemplate",
    "getCommandTemplateVersion": "CommandTemplate",
    "putCommandTemplate": "CommandTemplate",
    "deleteCommandTemplate": "CommandTemplate",
    "listDestinations": "Tenant",
    "getDestination": "Destination",
    "putDestination": "Destination",
    "deleteDestination": "Destination",
    "disableDestination": "Destination",
    "enableDestination": "Destination",
    "addSigningSecret": "Destination",
    "removeSigningSecret": "Destination",
    "getSettings": "Tenant",
    "putSettings": "Tenant",
    "whoAmI": None,
    "listKeys": "Tenant",
    "getKey": "Key",
    "createKey": "Key",
    "rotateKey": "Key",
    "revokeKey": "Key",
    "getUsage": "Tenant",
    "listTenants": None,
    "getTenant": None,
    "createTenant": None,
    "changeTenant": None,
    "createTenantKey": None,
    "suspendTenant": None,
    "resumeTenant": None,
    "resetTenantPolicies": None,
    "getPolicies": "Tenant",
    "putPolicies": "Tenant",
    "deletePolicies": "Tenant",
    "testPolicies": "Tenant",
    "listPolicyVersions": "Tenant",
    "getPolicyVersion": "Tenant",
    "listAudit": "Tenant",
    "exportAudit": "Tenant",
}
"""Operation id to the sort of thing that policies are asked about: `Tenant` at the door, the others by the use case
once it has been read. None where a tenant's policies have no say: what everybody may know, and what operators do."""

EACH_BY: Final[dict[str, str]] = {
    "createTimers": "createTimer",
    "listTimers": "getTimer",
    "listDeadLetters": "getDeadLetter",
    "redriveDeadLetters": "redriveDeadLetter",
    "discardDeadLetters": "discardDeadLetter",
    "listDestinations": "getDestination",
    "listCommandTemplates": "getCommandTemplate",
    "listKeys": "getKey",
}
"""Operations on many things, and the one on a single thing that decides upon each of them."""


RECORDED: Final[frozenset[str]] = frozenset(
    {
        "putCommandTemplate",
        "deleteCommandTemplate",
        "putDestination",
        "deleteDestination",
        "disableDestination",
        "enableDestination",
        "addSigningSecret",
        "removeSigningSecret",
        "createKey",
        "rotateKey",
        "revokeKey",
        "putPolicies",
        "deletePolicies",
        "putSettings",
        "exportAudit",
        "createTenant",
        "changeTenant",
        "createTenantKey",
        "suspendTenant",
        "resumeTenant",
        "resetTenantPolicies",
    }
)
"""Rare changes of what is no timer, which the audit has before they are made, and exports of it. Those of timers the
stream tells."""


def errand(operation: str, *, request_id: str, ip: str | None, user_agent: str | None, named: str) -> Errand:
    """Return what a request wants.

    Args:
        operation: The operation's id.
        request_id: Which request it is.
        ip: Where it came from.
        user_agent: What the caller says it is.
        named: The first id or name in its path.
    """
    return Errand(
        operation,
        REQUIRED_ROLES[operation],
        ABOUT[operation],
        EACH_BY.get(operation),
        request_id,
        ip,
        None if user_agent is None else user_agent[:MAX_USER_AGENT],
        named[:MAX_NAME],
        operation in RECORDED,
    )
