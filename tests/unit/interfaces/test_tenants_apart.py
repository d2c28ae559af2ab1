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
from minoots_kernel.interfaces.rest.document import document
from tests.support.issuer import AUDIENCE, ISSUER, Issuer, part
from tests.unit.application.world import wake_up
from tests.unit.domain.builders import NOW_MS
from tests.unit.interfaces.api import KEY, OTHER_KEY, Answer, Api

DESCRIPTION = json.loads((Path(__file__).parents[3] / "docs" / "openapi.json").read_text())
CLAIMS = {"tenantClaim": "org", "rolesClaim": "roles"}
MARK = "only-for-demo"
"""Stands in everything that belongs to the tenant `demo`."""

NAME, AGENT = "demos-own", "demos-agent"
"""Of `demo`'s destination and command template, and of its agent."""

NOBODYS = {
    "timer_id": str(Uuid7Ids().new_id()),
    "agent": "nobodys-agent",
    "receipt": Receipt(NOW_MS, f"{Uuid7Ids().new_id()}_agent", 1).to_text(),
    "name": "nobodys-name",
    "version": "1",
    "secret_id": "nobodys-secret",
    "key_id": "a" * 16,
    "tenant_id": "nobodys-tenant",
    "letter_id": f"{Uuid7Ids().new_id()}_w",
}
"""Values of path parameters for which no tenant has anything."""

BODIES: dict[str, dict[str, Any]] = {
    "createTimer": {"duration": "1h", "tenantId": "demo"},
    "createTimers": {"timers": [{"duration": "1h", "tenantId": "demo"}]},
    "extendTimer": {"by": "5m"},
    "rescheduleTimer": {"duration": "5m"},
    "snoozeTimer": {"duration": "5m"},
    "redriveDeadLetters": {"filter": {}},
    "discardDeadLetters": {"filter": {}},
    "putCommandTemplate": {"body": {"do": "it"}},
    "putDestination": {"url": "https://example.com/hooks", "authHeaders": {}},
    "createKey": {"name": "eve", "roles": ["timer.read"]},
    "putPolicies": {"policies": '@id("all") permit (principal, action, resource);'},
    "testPolicies": {"principal": {"subject": "eve"}, "action": "listTimers"},
    "createTenant": {"id": "eves-own"},
    "changeTenant": {"tier": "team"},
    "createTenantKey": {"name": "eve", "roles": ["tenant.admin"]},
}
"""Bodies with which an operation gets past validation; an empty object does for the others."""

Query = dict[str, str]

_TIMERS: list[dict[str, Any]] = [
    {
        "duration": "1h",
        "actionBundle": {
            "actions": [{"id": "w", "kind": "webhook", "parameters": {"destination": "{name}", "body": {}}}]
        },
    },
    {
        "duration": "1h",
        "agentBinding": {"adapter": "inbox", "target": "{agent}"},
        "actionBundle": {"actions": [{"id": "c", "kind": "command", "parameters": {"template": "{name}"}}]},
    },
    {"duration": "1h", "agentBinding": {"adapter": "custom", "destination": "{name}"}},
]
"""Timers that name what is a tenant's own: a destination, a command template and an inbox, an agent's destination."""

REFERENCES: dict[str, list[tuple[Query, dict[str, Any] | None]]] = {
    "createTimer": [({}, timer) for timer in _TIMERS],
    "createTimers": [({}, {"timers": _TIMERS})],
    "listDeadLetters": [({"timerId": "{timer_id}"}, None), ({"destination": "{name}"}, None)],
    "redriveDeadLetters": [({}, {"filter": {"timerId": "{timer_id}"}}), ({}, {"filter": {"destination": "{name}"}})],
    "discardDeadLetters": [({}, {"filter": {"timerId": "{timer_id}"}}), ({}, {"filter": {"destination": "{name}"}})],
    "listAudit": [({"keyId": "{key_id}"}, None), ({"resource": "{timer_id}"}, None)],
    "exportAudit": [({"keyId": "{key_id}"}, None), ({"resource": "{timer_id}"}, None)],
}
"""Queries and bodies that name a tenant's things, by what stands for them in `NOBODYS`."""

AUDITS = {"listAudit", "exportAudit"}
"""What these answer has in it what was asked before."""

LOOKED_UP_NOWHERE = {
    ("createTimer", "tenantId"),
    ("createTimers", "tenantId"),
    ("testPolicies", "keyId"),
    ("testPolicies", "timerId"),
}
"""Fields that are called as what names things, and name none: a tenant is compared, and a question is made up."""


@dataclass(frozen=True)
class Operation:
    id: str
    method: str
    path: str
    names: tuple[str, ...]

    def at(self, values: dict[str, str]) -> str:
        return filled(self.path, values)

    @property
    def attempts(self) -> list[tuple[Query, dict[str, Any] | None]]:
        """Queries and bodies that it is to be tried with; what names things is to be filled in."""
        body = BODIES.get(self.id, {}) if self.method in {"POST", "PUT", "PATCH"} else None
        return [({}, body), *REFERENCES.get(self.id, [])]


def filled(template: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def operations() -> Iterator[Operation]:
    for path, item in DESCRIPTION["paths"].items():
        for method, described in item.items():
            if described.get("security"):
                names = tuple(part[1:-1] for part in path.split("/") if part.startswith("{"))
                yield Operation(described["operationId"], method.upper(), path, names)


def fields_of(operation: Operation) -> set[str]:
    """The names of all query parameters and of all fields of the body, however deep."""
    described = DESCRIPTION["paths"][operation.path][operation.method.lower()]
    found = {one["name"] for one in described.get("parameters", []) if one["in"] == "query"}
    schemas = [one["schema"] for one in described.get("requestBody", {}).get("content", {}).values()]
    seen: set[str] = set()
    while schemas:
        schema = schemas.pop()
        if isinstance(schema, list):
            schemas += schema
        elif isinstance(schema, dict):
            reference = schema.get("$ref", "")
            if reference and reference not in seen:
                seen.add(reference)
                schemas.append(DESCRIPTION["components"]["schemas"][reference.rsplit("/", 1)[1]])
            found |= set(schema.get("properties", {}))
            schemas += list(schema.get("properties", {}).values())
            schemas += [schema[name] for name in ("items", "anyOf", "oneOf", "allOf") if name in schema]
    return found


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
        self.values = {"tenant_id": "demo", "version": "1", "agent": AGENT, "name": NAME}
        url = f"https://hooks.example.com/{MARK}"
        webhook = {"id": "w", "kind": "webhook", "parameters": {"url": url}}
        fired = self.post(name=MARK, duration="1s", actionBundle={"actions": [webhook]})
        self.receiver.answers.append(PermanentActionError(MARK))
        self.post(name=MARK, duration="1s", agentBinding={"adapter": "inbox", "target": AGENT}, metadata={"is": MARK})
        self.clock.advance_to(NOW_MS + 1_000)
        for timer in list(self.store.timers):
            self.fire(wake_up(timer))
        self.run_all()
        (letter,) = self.call("GET", "/dead-letters").json["deadLetters"]
        self.values["letter_id"] = letter["id"]
        waiting = self.post(name=MARK, duration="1h", metadata={"is": MARK})
        assert (fired.status, waiting.status) == (201, 201)
        self.values["timer_id"] = waiting.json["id"]
        (message,) = self.call("GET", f"/agents/{AGENT}/inbox", query={"leaseS": "43200"}).json["messages"]
        self.values["receipt"] = message["receipt"]
        self.call("PUT", f"/command-templates/{NAME}", body={"description": MARK, "body": {"is": MARK}})
        made = self.call("PUT", f"/destinations/{NAME}", body={"url": url, "authHeaders": {"X-Mark": MARK}})
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


def _revoked_key_of_the_tenants_own(api: Api) -> dict[str, str]:
    made = api.call("POST", "/keys", body={"name": "old", "roles": ["tenant.admin"]}).json
    assert api.call("DELETE", f"/keys/{made['id']}").status == 200
    return {"x-api-key": made["key"]}


def _text_of_the_tenants_key_before_its_rotation(api: Api) -> dict[str, str]:
    made = api.call("POST", "/keys", body={"name": "old", "roles": ["tenant.admin"]}).json
    assert api.call("POST", f"/keys/{made['id']}/rotate", body={"overlap": "1ms"}).status == 200
    api.clock.advance(1)
    return {"x-api-key": made["key"]}


def _suspended_tenants_key(api: Api) -> dict[str, str]:
    api.tenants.create(Tenant("other", "free", NOW_MS, suspended_at_ms=NOW_MS))
    return {"x-api-key": OTHER_KEY}


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
    "the tenant's own key, revoked": _revoked_key_of_the_tenants_own,
    "the tenant's own key as it was before its rotation": _text_of_the_tenants_key_before_its_rotation,
    "a suspended tenant's key": _suspended_tenants_key,
    "no credential": _nothing,
}


def ask(api: Apart, operation: Operation, values: dict[str, str], headers: dict[str, str]) -> list[tuple[Any, ...]]:
    """The answers, with what differs by its nature taken out: the names of things, and what is drawn or counted."""
    found: list[tuple[Any, ...]] = []
    for answer in tried(api, operation, values, headers=headers):
        assert MARK not in answer.text, answer.text
        text = answer.text
        for name, value in values.items():
            if name != "version" and (name != "tenant_id" or name in operation.names):
                text = text.replace(value, "…")
        content = json.loads(text) if text else None
        found.append((answer.status, sorted(answer.headers), _constant(content)))
    return found


def tried(api: Apart, operation: Operation, values: dict[str, str], **how: Any) -> list[Answer]:
    """The answers to all the ways in which an operation is to be tried."""
    return [
        api.call(
            operation.method,
            operation.at(values),
            key=how.get("key"),
            headers=how.get("headers"),
            query=json.loads(filled(json.dumps(query), values)),
            body=json.loads(filled(json.dumps(body), values)),
        )
        for query, body in operation.attempts
    ]


def _constant(content: Any) -> Any:
    drawn = {"id", "key", "signingSecret", "signingSecrets", "version", "createdAt", "updatedAt"}
    return {name: value for name, value in content.items() if name not in drawn} if content else content


@pytest.mark.parametrize("credential", CREDENTIALS.values(), ids=CREDENTIALS.keys())
def test_a_stranger_gets_the_same_answer_about_a_tenants_things_as_about_nothing(credential: Any) -> None:
    api = Apart()
    headers = credential(api)
    before = api.belongings()
    # What is deleted without a name is one's own, and gone when it is deleted again; a name of a key is taken when it
    # is given again. An audit has what one asked.
    for operation in (one for one in OPERATIONS if one.id not in {"deletePolicies", "createKey", *AUDITS}):
        if credential is _operators_key and operation.path.startswith("/tenants"):
            continue  # who the tenants are, and in what standing, is what operators are there for
        about_demos, about_nothing = (ask(api, operation, values, headers) for values in (api.values, NOBODYS))
        assert about_demos == about_nothing, operation
    assert api.belongings() == before


@pytest.mark.parametrize("credential", CREDENTIALS.values(), ids=CREDENTIALS.keys())
def test_a_strangers_audit_has_nothing_of_a_tenant_but_what_the_stranger_asked_for(credential: Any) -> None:
    api = Apart()
    headers = credential(api)
    for operation in (one for one in OPERATIONS if one.id in AUDITS):
        for answer in tried(api, operation, api.values, headers=headers):
            assert MARK not in answer.text
            lines = [json.loads(line) for line in answer.text.splitlines()]
            entries = lines[0].get("entries", []) if operation.id == "listAudit" and lines else lines
            assert {one["id"] for one in entries if answer.status == 200} <= set(api.audit._ids.get("other", ()))


def key_for(api: Apart, operation: Operation) -> str:
    """The key of whoever an operation is there for: the tenant itself, or operators."""
    return _operators_key(api)["x-api-key"] if operation.path.startswith("/tenants") else KEY


def test_the_tenant_itself_gets_other_answers() -> None:
    """Or the tests above would compare one nothing with another."""
    alike = {"putDestination", "putCommandTemplate", "readInbox", "acknowledgeMessage", "getPolicyVersion"}
    alike |= {"resetTenantPolicies"}  # demo has none left to be reset
    for operation in OPERATIONS:
        if operation.names and operation.id not in alike:
            api = Apart()
            key = key_for(api, operation)
            mine, nobodys = (tried(api, operation, values, key=key)[0] for values in (api.values, NOBODYS))
            assert mine.status != nobodys.status, operation


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
def test_an_operation_is_tried_in_ways_that_do_what_they_ask_for_where_that_may_be(operation: Operation) -> None:
    """If this fails for a new route, it is not tried yet: see `BODIES`, and what `Apart` has."""
    api = Apart()
    assert set(operation.names) <= set(NOBODYS) & set(api.values), "values for its path are wanted"
    for answer in tried(api, operation, api.values, key=key_for(api, operation)):
        done = answer.status < 400 or answer.json["code"] in {"state-conflict", "already-exists"}
        assert '"failed":' not in answer.text or answer.json["failed"] == 0, answer.text
        without = operation.id in {"deletePolicies", "resetTenantPolicies"} and answer.status == 404
        assert done or without, answer.text


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
def test_what_names_things_in_a_query_or_a_body_is_tried(operation: Operation) -> None:
    """If this fails for a new field, its answer may tell whether another tenant has such a thing: see `REFERENCES`."""
    naming = {f"{first}{''.join(map(str.title, rest))}" for first, *rest in (name.split("_") for name in NOBODYS)}
    naming = {one for one in naming if one.endswith("Id")} | {"destination"}
    naming |= {f"{one}s" for one in naming}
    written = json.dumps(REFERENCES.get(operation.id, []))
    for field in fields_of(operation) & naming:
        assert f'"{field}"' in written or (operation.id, field) in LOOKED_UP_NOWHERE, field


def test_the_description_is_of_the_routes_that_there_are() -> None:
    described = {(path, method) for path, item in DESCRIPTION["paths"].items() for method in item}
    routes = document(Api().control_plane._app)["paths"]
    assert described == {(path, method) for path, item in routes.items() for method in item}
    assert len(described) - len(OPERATIONS) == 2, "health, and acknowledgements by a token in their path"


def test_every_way_to_show_who_one_is_is_tried() -> None:
    headers = {"ApiKey": "x-api-key", "Bearer": "authorization"}
    assert set(DESCRIPTION["components"]["securitySchemes"]) == set(headers)
    shown = {name for credential in CREDENTIALS.values() for name in credential(Apart())}
    assert shown == set(headers.values())
