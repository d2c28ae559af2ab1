"""Nobody becomes more, or for longer, by the keys that they make, rotate and revoke."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from minoots_contract.identity import RoleName
from minoots_contract.instants import format_instant
from minoots_kernel.adapters.cedar import CedarEngine
from minoots_kernel.domain.api_keys import key_from_file
from minoots_kernel.domain.authority import Thing
from minoots_kernel.domain.policies import Question
from minoots_kernel.domain.tenancy import Principal
from tests.unit.domain.builders import NOW_MS
from tests.unit.interfaces.api import CACHE_MS, KEY, Answer, Api

DEFAULTS = CedarEngine().defaults()
HELPDESK = DEFAULTS + (
    '@id("auditor") permit (principal == Caller::"auditor", action == Action::"listAudit", resource);'
    '@id("helpdesk") permit (principal == Caller::"helpdesk",'
    ' action in [Action::"createKey", Action::"rotateKey", Action::"revokeKey"], resource is Key);'
)
MINUTE_MS = 60_000


@pytest.fixture
def api() -> Api:
    return Api()


def key_of(api: Api, name: str, *roles: RoleName, ends_at_ms: int | None = None) -> str:
    """Put a key into the store that may be rotated, whatever its roles; its text."""
    text = f"mnt_{(name * 16)[:16]}_{'a' * 52}"
    key = key_from_file(text, "demo", name=name, roles=frozenset(roles))
    api.keys.put(replace(key, expires_at_ms=ends_at_ms))
    return text


def id_of(text: str) -> str:
    return text[4:20]


def make(api: Api, name: str, *roles: RoleName, key: str = KEY, **how: Any) -> Answer:
    return api.call("POST", "/keys", key=key, body={"name": name, "roles": list(roles) or ["timer.read"], **how})


def rotate(api: Api, key_id: str, key: str = KEY, **how: Any) -> Answer:
    return api.call("POST", f"/keys/{key_id}/rotate", key=key, body=how)


def outcomes(api: Api) -> list[tuple[str, str]]:
    entries = api.call("GET", "/audit").json["entries"]
    return [(one["action"], one["outcome"]) for one in entries]


def in_force(api: Api, text: str) -> None:
    assert api.call("PUT", "/policies", body={"policies": text}).status == 200


@pytest.mark.parametrize(("method", "way", "action"), [("POST", "/rotate", "rotateKey"), ("DELETE", "", "revokeKey")])
def test_a_key_that_may_do_more_is_neither_rotated_nor_revoked_and_the_audit_says_refused(
    api: Api, method: str, way: str, action: str
) -> None:
    operator = key_of(api, "operator", "operator", "timer.read")
    refused = api.call(method, f"/keys/{id_of(operator)}{way}")
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert outcomes(api) == [(action, "refused")]
    assert api.call("GET", "/timers", key=operator).status == 200


def test_policies_let_nobody_make_a_key_by_whose_name_they_give_more_than_its_maker_has(api: Api) -> None:
    helpdesk = key_of(api, "helpdesk", "timer.read")
    in_force(api, HELPDESK)
    assert api.call("GET", "/audit", key=helpdesk).status == 403
    refused = make(api, "auditor", key=helpdesk)
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    assert make(api, "auditor").status == 201


def test_policies_let_nobody_take_the_place_of_another_by_rotating_its_key(api: Api) -> None:
    helpdesk = key_of(api, "helpdesk", "timer.read")
    in_force(api, HELPDESK)
    auditor = make(api, "auditor").json
    assert rotate(api, auditor["id"], helpdesk).status == 403
    assert rotate(api, id_of(helpdesk), helpdesk).status == 200
    assert api.call("DELETE", f"/keys/{auditor['id']}", key=helpdesk).status == 200


def test_a_name_is_one_keys_as_long_as_that_works(api: Api) -> None:
    for number in range(120):
        assert make(api, f"robot {number}").status == 201
    taken = make(api, "robot 77")
    assert (taken.status, taken.json["code"]) == (409, "already-exists")
    brief = make(api, "brief", expiresIn="1m").json
    assert make(api, "brief").status == 409
    api.clock.advance(MINUTE_MS)
    assert make(api, "brief").status == 201
    assert api.call("DELETE", f"/keys/{brief['id']}").status == 200
    assert make(api, "brief", key="mnt_other").status == 201


def test_an_operator_too_finds_the_name_of_a_tenants_key_taken(api: Api) -> None:
    api.keys.put(key_from_file("mnt_ops", "ops", roles=frozenset({"operator"})))
    assert api.call("POST", "/tenants", key="mnt_ops", body={"id": "demo"}).status == 201
    body = {"name": "admin", "roles": ["tenant.admin"]}
    made = [api.call("POST", "/tenants/demo/keys", key="mnt_ops", body=body).status for _ in range(2)]
    assert made == [201, 409]


@pytest.mark.parametrize("name", ["https://id.example.com#alice", "HTTP://localhost:1/realm?a=b#"])
def test_a_key_is_not_called_like_somebody_with_a_token(api: Api, name: str) -> None:
    answer = make(api, name)
    assert (answer.status, answer.fields) == (400, ["name"])


@pytest.mark.parametrize("name", ["build #7", "https://ci.example.com/builds"])
def test_a_name_with_a_number_sign_or_of_a_url_alone_is_as_good_as_any(api: Api, name: str) -> None:
    assert make(api, name).status == 201


def test_policies_do_not_take_a_key_for_a_token_though_it_is_called_like_one() -> None:
    rules = CedarEngine().compile(
        '@id("alice") permit (principal == Caller::"https://id.example.com#alice", action, resource);'
    )
    token = Principal("acme", "alice", authenticated_by="oidc", issuer="https://id.example.com")
    key = Principal("acme", "https://id.example.com#alice")
    asked = [Question(who, "listTimers", Thing("Tenant", "acme"), NOW_MS) for who in (token, key)]
    assert [rules.decide([one])[0].allowed for one in asked] == [True, False]


def test_a_key_that_ends_gives_no_key_a_later_end(api: Api) -> None:
    brief = key_of(api, "brief", "tenant.admin", ends_at_ms=NOW_MS + MINUTE_MS)
    for how in ({}, {"expiresIn": "61s"}, {"expiresAt": "2036-01-01T00:00:00Z"}):
        refused = make(api, "mine", "tenant.admin", key=brief, **how)
        assert (refused.status, refused.fields) == (403, ["expiresAt"])
        assert format_instant(NOW_MS + MINUTE_MS) in refused.text
    made = make(api, "mine", "tenant.admin", key=brief, expiresIn="1m")
    assert made.json["expiresAt"] == format_instant(NOW_MS + MINUTE_MS)


def test_a_key_that_ends_puts_off_no_end_by_rotating(api: Api) -> None:
    brief = key_of(api, "brief", "tenant.admin", ends_at_ms=NOW_MS + MINUTE_MS)
    lasting = make(api, "lasting").json["id"]
    assert rotate(api, id_of(brief), brief, expiresIn="3650d").fields == ["expiresAt"]
    assert rotate(api, lasting, brief).fields == ["expiresAt"]
    assert rotate(api, id_of(brief), brief).status == 200
    assert rotate(api, lasting, brief, expiresIn="30s").status == 200


def test_the_text_before_a_rotation_cannot_be_made_to_last(api: Api) -> None:
    before = key_of(api, "admin", "tenant.admin")
    assert rotate(api, id_of(before), before, overlap="5m").status == 200
    api.clock.advance(CACHE_MS)
    assert api.call("GET", "/keys", key=before).status == 200
    assert rotate(api, id_of(before), before).fields == ["expiresAt"]
    assert make(api, "mine", key=before).fields == ["expiresAt"]


def test_an_operators_key_that_ends_makes_tenants_keys_that_do_not_but_no_operators(api: Api) -> None:
    ends = NOW_MS + MINUTE_MS
    text = "mnt_ops"
    api.keys.put(replace(key_from_file(text, "ops", roles=frozenset({"operator"})), expires_at_ms=ends))
    assert api.call("POST", "/tenants", key=text, body={"id": "acme"}).status == 201

    def made(name: str, *roles: str) -> int:
        return api.call("POST", "/tenants/acme/keys", key=text, body={"name": name, "roles": list(roles)}).status

    assert (made("admin", "tenant.admin"), made("more", "operator")) == (201, 403)


def test_a_key_has_the_tier_of_whoever_made_it(api: Api) -> None:
    api.keys.put(key_from_file("mnt_big", "big", name="admin", tier="unlimited"))
    made = make(api, "ci", "tenant.admin", key="mnt_big").json
    assert api.call("GET", "/whoami", key=made["key"]).json["tier"] == "unlimited"
    again = make(api, "ci again", key=made["key"]).json
    assert api.call("GET", "/whoami", key=again["key"]).json["tier"] == "unlimited"


@pytest.mark.parametrize(("overlap", "works_ms"), [("1ms", CACHE_MS), ("2m", 2 * MINUTE_MS)])
def test_the_text_before_a_rotation_works_no_longer_than_the_answer_says(api: Api, overlap: str, works_ms: int) -> None:
    made = make(api, "robot").json
    assert api.call("GET", "/timers", key=made["key"]).status == 200
    rotated = rotate(api, made["id"], overlap=overlap).json
    assert rotated["worksUntil"] == format_instant(NOW_MS + works_ms)
    api.clock.advance_to(NOW_MS + works_ms - 1)
    assert api.call("GET", "/timers", key=made["key"]).status == 200
    api.clock.advance_to(NOW_MS + works_ms)
    assert api.call("GET", "/timers", key=made["key"]).status == 401
    assert "worksUntil" not in make(api, "other").json
