"""Whoever does not belong to a tenant gets nothing of it from any route, and no other answer than about nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from minoots_kernel.adapters.ids import Uuid7Ids
from minoots_kernel.adapters.memory import VirtualClock
from minoots_kernel.adapters.oidc.issuers import trusted_issuers
from minoots_kernel.adapters.oidc.key_sets import KeySets
from minoots_kernel.adapters.oidc.verifier import OidcTokenVerifier
from minoots_kernel.domain.api_keys import key_from_file
from minoots_kernel.domain.errors import PermanentActionError
from minoots_kernel.domain.inbox import Receipt
from minoots_kernel.domain.policies import PolicyVersion
from minoots_kernel.domain.tenants import Tenant
from tests.support.issuer import AUDIENCE, ISSUER, Issuer, part
from tests.unit.application.world import wake_up
from tests.unit.domain.builders import NOW_MS
from tests.unit.interfaces.api import KEY, OTHER_KEY, Answer, Api

DESCRIPTION = json.loads((Path(__file__).parents[3] / "docs" / "openapi.json").read_text())
CLAIMS = {"tenantClaim": "org", "rolesClaim": "roles"}
MARK = "only-for-demo"
"""Stands in everything that belongs to the tenant `demo`."""

NOBODYS = {
    "timer_id": str(Uuid7Ids().new_id()),
    "agent": "nobodys-agent",
    "receipt": Receipt(NOW_MS, f"{Uuid7Ids().new_id()}.agent", 1).to_text(),
    "name": "nobodys-name",
    "version": "1",
    "secret_id": "nobodys-secret",
    "key_id": "a" * 16,
    "tenant_id": "nobodys-tenant",
    "letter_id": f"{Uuid7Ids().new_id()}.w",
}
"""Values of path parameters for which no tenant has anything."""

BODIES: dict[str, dict[str, Any]] = {
    "createTimer": {"duration": "1h", "tenantId": "demo"},
    "extendTimer": {"by": "5m"},
    "rescheduleTimer": {"duration": "5m"},
    "snoozeTimer": {"duration": "5m"},
    "putCommandTemplate": {"body": {"do": "it"}},
    "putDestination": {"url": "https://example.com/hooks"},
    "createKey": {"name": "eve", "roles": ["timer.read"]},
    "putPolicies": {"policies": '@id("all") permit (principal, action, resource);'},
    "testPolicies": {"principal": {"subject": "eve"}, "action": "listTimers"},
    "createTenant": {"id": "eves-own"},
    "changeTenant": {"tier": "team"},
    "createTenantKey": {"name": "eve", "roles": ["tenant.admin"]},
}
"""Bodies with which an operation gets past validation; an empty object does for the others."""


@dataclass(frozen=True)
class Operation:
    id: str
    method: str
    path: str
    names: tuple[str, ...]

    def at(self, values: dict[str, str]) -> str:
        path = self.path
        for name in self.names:
            path = path.replace(f"{{{name}}}", values[name])
        return path


def operations() -> Iterator[Operation]:
    for path, item in DESCRIPTION["paths"].items():
        for method, described in item.items():
            if described.get("security"):
                names = tuple(part[1:-1] for part in path.split("/") if part.startswith("{"))
                yield Operation(described["operationId"], method.upper(), path, names)


OPERATIONS = tuple(operations())


class Apart(Api):
    """A world in which `demo` has one of everything, and strangers of every kind have credentials."""

    def __init__(self) -> None:
        self.issuer = Issuer()
        fetch = {url: json.dumps(document).encode() for url, document in self.issuer.documents().items()}
        issuers = trusted_issuers(json.dumps([{"issuer": ISSUER, "audience": AUDIENCE, **CLAIMS}]))
        clock = VirtualClock(NOW_MS)
        super().__init__(tokens=OidcTokenVerifier(issuers, KeySets(fetch.__getitem__, clock), clock))
        self.tenants.create(Tenant("demo", "free", NOW_MS, MARK))
        self.values = {"tenant_id": "demo", "version": "1", "agent": "ann", "name": MARK}
        url = f"https://hooks.example.com/{MARK}"
        webhook = {"id": "w", "kind": "webhook", "parameters": {"url": url}}
        fired = self.post(name=MARK, duration="1s", actionBundle={"actions": [webhook]})
        self.receiver.answers.append(PermanentActionError(MARK))
        self.post(name=MARK, duration="1s", agentBinding={"adapter": "inbox", "target": "ann"}, metadata={"is": MARK})
        self.clock.advance_to(NOW_MS + 1_000)
        for timer in list(self.store.timers):
            self.fire(wake_up(timer))
        self.run_all()
        (letter,) = self.call("GET", "/dead-letters").json["deadLetters"]
        self.values["letter_id"] = letter["id"]
        waiting = self.post(name=MARK, duration="1h", metadata={"is": MARK})
        assert (fired.status, waiting.status) == (201, 201)
        self.values["timer_id"] = waiting.json["id"]
        (message,) = self.call("GET", "/agents/ann/inbox", query={"leaseS": "43200"}).json["messages"]
        self.values["receipt"] = message["receipt"]
        self.call("PUT", f"/command-templates/{MARK}", body={"body": {"is": MARK}})
        made = self.call("PUT", f"/destinations/{MARK}", body={"url": url, "authHeaders": {"X-Mark": MARK}})
        self.values["secret_id"] = made.json["signingSecrets"][0]["id"]
        self.policies.put(
            PolicyVersion("demo", 1, f'@id("{MARK}") permit (principal, action, resource);', NOW_MS, MARK)
        )
        self.policies.put(PolicyVersion("demo", 2, None, NOW_MS, MARK))
        self.values["key_id"] = self.call("POST", "/keys", body={"name": MARK, "roles": ["timer.read"]}).json["id"]

    def run_all(self) -> None:
        for message in self.actions_due():
            self.run(message)

    def belongings(self) -> str:
        """Everything that belongs to `demo`, as its own admin sees it."""
        paths = ("/timers", "/dead-letters", "/command-templates", "/destinations", "/keys", "/policies/versions")
        seen = [self.call("GET", path, key=KEY).text for path in paths]
        assert all(MARK in text for text in seen)
        timers = [timer for timer in self.store.timers if timer.tenant_id == "demo"]
        return "\n".join([*seen, repr(timers), repr(self.inboxes.__dict__), repr(self.tenants.__dict__)])


def _full_key(api: Api) -> dict[str, str]:
    return {"x-api-key": OTHER_KEY}


def _same_key_as_bearer(api: Api) -> dict[str, str]:
    return {"authorization": f"Bearer {OTHER_KEY}"}


def _operators_key(api: Api) -> dict[str, str]:
    api.keys.put(key_from_file("mnt_ops", "ops", roles=frozenset({"operator"})))
    return {"x-api-key": "mnt_ops"}


def _another_tenants_token(api: Apart) -> dict[str, str]:
    token = api.issuer.token(NOW_MS, org="other", roles=["tenant.admin"], sub="demo")
    assert api.call("GET", "/whoami", key=None, headers={"authorization": f"Bearer {token}"}).status == 200
    return {"authorization": f"Bearer {token}"}


def _a_token_without_a_tenant(api: Apart) -> dict[str, str]:
    return {"authorization": f"Bearer {api.issuer.token(NOW_MS, org=...)}"}


def _a_forged_token_of_the_tenants(api: Apart) -> dict[str, str]:
    head, _, signature = api.issuer.token(NOW_MS, org="other").split(".")
    return {"authorization": f"Bearer {head}.{part(api.issuer.claims(NOW_MS))}.{signature}"}


def _readers_key(api: Api) -> dict[str, str]:
    api.keys.put(key_from_file("mnt_reader", "other", roles=frozenset({"timer.read"})))
    return {"x-api-key": "mnt_reader"}


def _expired_key_of_the_tenants_own(api: Api) -> dict[str, str]:
    made = api.call("POST", "/keys", body={"name": "old", "roles": ["tenant.admin"], "expiresIn": "1ms"}).json
    api.clock.advance(1)
    return {"x-api-key": made["key"]}


def _id_of_a_key_without_its_secret(api: Api) -> dict[str, str]:
    made = api.call("POST", "/keys", body={"name": "old", "roles": ["tenant.admin"]}).json
    return {"x-api-key": f"mnt_{made['id']}_{'a' * 52}"}


def _nothing(api: Api) -> dict[str, str]:
    return {}


CREDENTIALS = {
    "another tenant's key": _full_key,
    "another tenant's key as a bearer token": _same_key_as_bearer,
    "another tenant's key that may only read": _readers_key,
    "an operator's key": _operators_key,
    "another tenant's token": _another_tenants_token,
    "a token without a tenant": _a_token_without_a_tenant,
    "a forged token of the tenant's": _a_forged_token_of_the_tenants,
    "the tenant's own key, expired": _expired_key_of_the_tenants_own,
    "the id of the tenant's key and another secret": _id_of_a_key_without_its_secret,
    "no credential": _nothing,
}


def ask(api: Apart, operation: Operation, values: dict[str, str], headers: dict[str, str]) -> tuple[Any, ...]:
    """The answer, with what differs by its nature taken out: the values of the path, and what is drawn or counted."""
    body = BODIES.get(operation.id, {}) if operation.method in {"POST", "PUT", "PATCH"} else None
    answer = api.call(operation.method, operation.at(values), key=None, headers=headers, body=body)
    assert MARK not in answer.text.replace(values["name"], ""), answer.text
    for value in (values[name] for name in operation.names if name != "version"):
        answer = Answer(answer.status, answer.headers, answer.text.replace(value, "…"))
    content = answer.json if answer.text else None
    return answer.status, sorted(answer.headers), _constant(content)


def _constant(content: Any) -> Any:
    drawn = {"id", "key", "signingSecret", "signingSecrets", "version", "createdAt", "updatedAt"}
    return {name: value for name, value in content.items() if name not in drawn} if content else content


@pytest.mark.parametrize("credential", CREDENTIALS.values(), ids=CREDENTIALS.keys())
def test_a_stranger_gets_the_same_answer_about_a_tenants_things_as_about_nothing(credential: Any) -> None:
    api = Apart()
    headers = credential(api)
    before = api.belongings()
    # What is deleted without a name is one's own, and gone when it is deleted again. An audit has what one asked.
    for operation in (one for one in OPERATIONS if one.id not in {"deletePolicies", "listAudit"}):
        if credential is _operators_key and operation.path.startswith("/tenants"):
            continue  # who the tenants are, and in what standing, is what operators are there for
        about_demos, about_nothing = (ask(api, operation, values, headers) for values in (api.values, NOBODYS))
        assert about_demos == about_nothing, operation
    assert api.belongings() == before


def test_the_tenant_itself_gets_other_answers() -> None:
    """Or the test above would compare one nothing with another."""
    for operation in OPERATIONS:
        api = Apart()
        if operation.path.startswith("/tenants"):
            continue
        if operation.names and operation.id not in {
            "putDestination",
            "putCommandTemplate",
            "readInbox",
            "acknowledgeMessage",
            "getPolicyVersion",
        }:
            mine, nobodys = (ask_as_owner(api, operation, values) for values in (api.values, NOBODYS))
            assert mine.status != nobodys.status, operation
            assert mine.status < 400 or mine.json["code"] == "state-conflict", (operation, mine.text)


def ask_as_owner(api: Apart, operation: Operation, values: dict[str, str]) -> Answer:
    body = BODIES.get(operation.id, {}) if operation.method in {"POST", "PUT", "PATCH"} else None
    return api.call(operation.method, operation.at(values), body=body)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
def test_every_parameter_of_a_path_has_a_value_here(operation: Operation) -> None:
    assert set(operation.names) <= set(NOBODYS)
