"""The routes about callers, and which role each route takes."""

from __future__ import annotations

from typing import Any

import pytest

from minoots_contract.identity import ROLES, TENANT_ROLES, RoleName
from minoots_contract.instants import format_instant
from minoots_kernel.domain.api_keys import key_from_file
from minoots_kernel.domain.roles import held_roles
from minoots_kernel.interfaces.rest.document import document
from minoots_kernel.interfaces.rest.roles import REQUIRED_ROLES
from tests.unit.domain.builders import NOW_MS
from tests.unit.interfaces.api import CACHE_MS, KEY, OTHER_KEY, Answer, Api


@pytest.fixture
def api() -> Api:
    return Api()


def make(api: Api, *roles: RoleName, name: str = "robot", **how: Any) -> Any:
    """Make a key of the demo tenant; the answer's content."""
    made = api.call("POST", "/keys", body={"name": name, "roles": list(roles), **how})
    assert made.status == 201, made.text
    return made.json


def key_with(api: Api, *roles: RoleName) -> str:
    """A key that was not made by the API: it may have any role, or none."""
    text = f"mnt_{'_'.join(roles) or 'none'}"
    api.keys.put(key_from_file(text, "demo", roles=frozenset(roles)))
    return text


def operations() -> list[tuple[str, str, str, list[str]]]:
    """Method, path with parts filled in, operation id and the role that the description names, of each with a key."""
    described = document(Api().control_plane._app)
    return [
        (
            method.upper(),
            path.replace("{version}", "1").replace("{", "").replace("}", ""),
            one["operationId"],
            one["security"][0]["ApiKey"],
        )
        for path, item in described["paths"].items()
        for method, one in item.items()
        if one.get("security")
    ]


def test_the_table_of_roles_is_total_over_the_description_and_has_nothing_else() -> None:
    assert {operation for _, _, operation, _ in operations()} == set(REQUIRED_ROLES)
    for _, _, operation, named in operations():
        role = REQUIRED_ROLES[operation]
        assert named == ([role] if role else [])


@pytest.mark.parametrize(("method", "path", "operation", "_named"), operations(), ids=str)
def test_a_route_takes_its_role_and_nothing_less(method: str, path: str, operation: str, _named: list[str]) -> None:
    api, needed = Api(), REQUIRED_ROLES[operation]
    for role in sorted(ROLES):
        answer = api.call(method, path, key=key_with(api, role))
        enough = needed is None or needed in held_roles([role])
        assert (answer.status == 403) == (not enough), (role, answer.text)
    without = api.call(method, path, key=key_with(api))
    assert (without.status == 403) == (needed is not None)


def test_a_refusal_names_the_role_and_comes_before_the_body_is_looked_at(api: Api) -> None:
    answer = api.call("POST", "/timers", key=key_with(api, "timer.read"), text="{not json")
    assert (answer.status, answer.json["code"]) == (403, "forbidden")
    assert "timer.write" in answer.json["detail"]


def test_callers_are_told_whom_they_are_taken_for(api: Api) -> None:
    me = api.call("GET", "/whoami").json
    assert me["subject"] == me["tenantId"] == "demo"
    assert set(me["roles"]) == TENANT_ROLES
    assert (me["tier"], me["authenticatedBy"]) == ("free", "apiKey")
    made = make(api, "timer.manage", expiresIn="1h")
    robot = api.call("GET", "/whoami", key=made["key"]).json
    assert (robot["subject"], robot["keyId"], robot["expiresAt"]) == ("robot", made["id"], made["expiresAt"])
    assert robot["roles"] == ["timer.cancel", "timer.manage", "timer.read", "timer.write"]


def test_a_key_is_made_shown_once_and_listed_without_its_text(api: Api) -> None:
    made = make(api, "timer.read")
    answer = api.call("GET", f"/keys/{made['id']}")
    assert "key" not in answer.json
    assert answer.json == {name: value for name, value in made.items() if name != "key"}
    assert answer.json["createdBy"] == "demo"
    listed = api.call("GET", "/keys")
    assert made["id"] in [one["id"] for one in listed.json["keys"]]
    assert made["key"] not in listed.text
    assert made["key"][-52:] not in repr(api.keys._keys)


def test_the_answer_with_a_secret_is_kept_by_no_cache(api: Api) -> None:
    made = api.call("POST", "/keys", body={"name": "robot", "roles": ["timer.read"]})
    rotated = api.call("POST", f"/keys/{made.json['id']}/rotate")
    assert [one.headers["cache-control"] for one in (made, rotated)] == ["no-store"] * 2


def test_keys_are_listed_in_pages(api: Api) -> None:
    made = {make(api, "timer.read", name=f"robot {number}")["id"] for number in range(5)}
    found: set[str] = set()
    query = {"limit": "2"}
    for _ in range(9):
        page = api.call("GET", "/keys", query=query).json
        found |= {one["id"] for one in page["keys"]}
        if "nextCursor" not in page:
            break
        query["cursor"] = page["nextCursor"]
    assert found > made


def test_a_rotated_key_works_in_both_forms_for_a_while(api: Api) -> None:
    made = make(api, "timer.read")
    rotated = api.call("POST", f"/keys/{made['id']}/rotate", body={"overlap": "5m"}).json
    assert rotated["id"] == made["id"]
    assert rotated["overlapUntil"] == "2026-09-21T14:18:20.000Z" or rotated["overlapUntil"]
    for key in (made["key"], rotated["key"]):
        assert api.call("GET", "/timers", key=key).status == 200
    api.clock.advance(300_000)
    assert api.call("GET", "/timers", key=made["key"]).status == 401
    assert api.call("GET", "/timers", key=rotated["key"]).status == 200


def test_a_key_tells_when_it_was_last_used_to_within_an_hour(api: Api) -> None:
    made = make(api, "timer.read")

    def last_used() -> str | None:
        told: str | None = api.call("GET", f"/keys/{made['id']}").json.get("lastUsedAt")
        return told

    assert last_used() is None
    seen = []
    for minutes in (0, 30, 29, 1):
        api.clock.advance(minutes * 60_000)
        assert api.call("GET", "/timers", key=made["key"]).status == 200
        seen.append(last_used())
    first = format_instant(NOW_MS)
    assert seen == [first, first, first, format_instant(NOW_MS + 3_600_000)]


def test_a_revoked_key_is_refused_at_the_latest_when_the_answer_said(api: Api) -> None:
    made = make(api, "timer.read")
    assert api.call("GET", "/timers", key=made["key"]).status == 200
    revoked = api.call("DELETE", f"/keys/{made['id']}")
    assert revoked.status == 200
    assert api.call("GET", f"/keys/{made['id']}").status == 404
    api.clock.advance_to(NOW_MS + CACHE_MS)
    refused = api.call("GET", "/timers", key=made["key"])
    assert (refused.status, refused.json["code"]) == (401, "unauthenticated")
    assert refused.headers["www-authenticate"] == 'Bearer realm="minoots", error="invalid_token"'


def test_without_a_key_the_challenge_names_no_error(api: Api) -> None:
    assert api.call("GET", "/timers", key=None).headers["www-authenticate"] == 'Bearer realm="minoots"'


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"roles": ["timer.read"]}, "name"),
        ({"name": "k"}, "roles"),
        ({"name": "k", "roles": []}, "roles"),
        ({"name": "k", "roles": ["king"]}, "roles[0]"),
        ({"name": "k\n", "roles": ["timer.read"]}, "name"),
        ({"name": "k", "roles": ["timer.read"], "expiresAt": "2020-01-01T00:00:00Z"}, "expiresAt"),
        ({"name": "k", "roles": ["timer.read"], "expiresIn": "1h", "expiresAt": "2099-01-01T00:00:00Z"}, "expiresAt"),
        ({"name": "k", "roles": ["timer.read"], "secret": "mine"}, "secret"),
    ],
)
def test_a_key_that_cannot_be_is_not_made(api: Api, body: dict[str, Any], field: str) -> None:
    answer = api.call("POST", "/keys", body=body)
    assert (answer.status, answer.fields) == (400, [field])


def test_an_admin_cannot_make_an_operator(api: Api) -> None:
    answer = api.call("POST", "/keys", body={"name": "k", "roles": ["operator"]})
    assert (answer.status, answer.json["code"], answer.fields) == (403, "forbidden", ["roles"])


def test_who_asks_is_told_by_the_key_unless_the_request_says(api: Api) -> None:
    robot = make(api, "timer.write", "timer.cancel")["key"]

    def created(**body: Any) -> Answer:
        return api.call("POST", "/timers", key=robot, body={"duration": "1h", **body})

    assert created().json["requestedBy"] == "robot"
    assert created(requestedBy="ann").json["requestedBy"] == "ann"
    timer_id = created().json["id"]
    assert api.call("POST", f"/timers/{timer_id}/cancel", key=robot, body={}).json["cancelledBy"] == "robot"


def test_a_tenant_never_meets_another_tenants_keys(api: Api) -> None:
    made = make(api, "timer.read")
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/rotate")):
        mine = api.call(method, f"/keys/{made['id']}{path}", key=OTHER_KEY)
        nobodys = api.call(method, f"/keys/{'a' * 16}{path}", key=OTHER_KEY)
        assert mine.status == nobodys.status == 404
        assert mine.json["detail"] == nobodys.json["detail"]
    listed = api.call("GET", "/keys", key=OTHER_KEY).json["keys"]
    assert [one["name"] for one in listed] == ["other"]
    assert api.call("GET", "/timers", key=KEY).status == 200
