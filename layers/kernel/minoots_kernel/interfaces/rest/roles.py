"""Which role each operation takes: the one table. A route that is not in it cannot be described, and so not be made."""

from __future__ import annotations

from typing import Final

from minoots_contract.identity import RoleName

__all__ = ["REQUIRED_ROLES"]

REQUIRED_ROLES: Final[dict[str, RoleName | None]] = {
    "createTimer": "timer.write",
    "listTimers": "timer.read",
    "getTimer": "timer.read",
    "cancelTimer": "timer.cancel",
    "extendTimer": "timer.write",
    "rescheduleTimer": "timer.write",
    "snoozeTimer": "timer.write",
    "heartbeatTimer": "timer.write",
    "pauseTimer": "timer.manage",
    "resumeTimer": "timer.manage",
    "fireTimer": "timer.manage",
    "listDeadLetters": "timer.read",
    "getDeadLetter": "timer.read",
    "redriveDeadLetter": "timer.manage",
    "redriveDeadLetters": "timer.manage",
    "discardDeadLetter": "timer.manage",
    "discardDeadLetters": "timer.manage",
    "readInbox": "timer.write",
    "acknowledgeMessage": "timer.write",
    "returnMessage": "timer.write",
    "keepMessage": "timer.write",
    "listCommandTemplates": "timer.read",
    "getCommandTemplate": "timer.read",
    "getCommandTemplateVersion": "timer.read",
    "putCommandTemplate": "timer.manage",
    "deleteCommandTemplate": "timer.manage",
    "listDestinations": "timer.read",
    "getDestination": "timer.read",
    "putDestination": "timer.manage",
    "deleteDestination": "timer.manage",
    "enableDestination": "timer.manage",
    "addSigningSecret": "timer.manage",
    "removeSigningSecret": "timer.manage",
    "getSettings": "timer.read",
    "putSettings": "timer.manage",
    "whoAmI": None,
    "listKeys": "tenant.admin",
    "getKey": "tenant.admin",
    "createKey": "tenant.admin",
    "rotateKey": "tenant.admin",
    "revokeKey": "tenant.admin",
    "getPolicies": "tenant.admin",
    "putPolicies": "tenant.admin",
    "deletePolicies": "tenant.admin",
    "testPolicies": "tenant.admin",
    "listPolicyVersions": "tenant.admin",
    "getPolicyVersion": "tenant.admin",
    "listAudit": "tenant.admin",
    "getUsage": "timer.read",
    "listTenants": "operator",
    "getTenant": "operator",
    "createTenant": "operator",
    "changeTenant": "operator",
    "createTenantKey": "operator",
    "suspendTenant": "operator",
    "resumeTenant": "operator",
}
"""Operation id to role; none where any caller who is known will do. Operations without a key are not in it."""
