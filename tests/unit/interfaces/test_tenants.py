"""The routes of operators, suspension, and limits as callers meet them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from minoots_kernel.domain.api_keys import key_from_file
from minoots_kernel.domain.tiers import TIERS, Tier
from tests.unit.interfaces.api import CACHE_MS, KEY, OTHER_KEY, Answer, Api

OPS = "mnt_ops"


class Operated(Api):
    """An API with an operator."""

    def __init__(self, **how: Any) -> None:
        super().__init__(**how)
        self.keys.put(key_from_file(OPS, "ops", roles=frozenset({"operator"})))

    def ops(self, method: str, path: str, **request: Any) -> Answer:
        return self.call(method, path, key=OPS, **request)


@pytest.fixture
def api() -> Operated:
    return Operated()


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Operated:
    monkeypatch.setitem(TIERS, "free", Tier(requests=10, creates=3, active=50))
    return Operated(limited=True)


def test_an_operator_makes_a_tenant_and_its_first_key(api: Operated) -> None:
    made = api.ops("POST", "/tenants", body={"id": "acme", "name": "Acme", "tier": "pro"})
    assert made.status == 201
    assert made.json == {
        "id": "acme",
        "name": "Acme",
        "tier": "pro",
        "status": "active",
        "createdAt": made.json["createdAt"],
        "version": 1,
    }
    key = api.ops("POST", "/tenants/acme/keys", body={"name": "admin", "roles": ["tenant.admin"]})
    assert key.status == 201
    me = api.call("GET", "/whoami", key=key.json["key"]).json
    assert (me["tenantId"], me["tier"], me["subject"]) == ("acme", "pro", "admin")
    assert api.ops("GET", "/tenants/acme").json == made.json
    again = api.ops("POST", "/tenants", body={"id": "acme"})
    assert (again.status, again.json["code"]) == (409, "already-exists")


def test_tenants_are_listed_in_pages(api: Operated) -> None:
    for name in ("c", "a", "b"):
        api.ops("POST", "/tenants", body={"id": name})
    first = api.ops("GET", "/tenants", query={"limit": "2"}).json
    rest = api.ops("GET", "/tenants", query={"limit": "2", "cursor": first["nextCursor"]}).json
    assert [one["id"] for one in first["tenants"] + rest["tenants"]] == ["a", "b", "c"]
    assert "nextCursor" not in rest


def test_a_tier_changes_within_the_time_that_a_tenant_is_remembered(api: Operated) -> None:
    assert api.call("GET", "/whoami").json["tier"] == "free"
    api.ops("POST", "/tenants", body={"id": "demo"})
    changed = api.ops("PATCH", "/tenants/demo", body={"tier": "team", "name": "Demo"})
    assert (changed.status, changed.json["tier"], changed.json["name"]) == (200, "team", "Demo")
    api.clock.advance(CACHE_MS)
    assert api.call("GET", "/whoami").json["tier"] == "team"
    assert api.ops("PATCH", "/tenants/demo", body={}).fields == ["tier"]
    assert api.ops("PATCH", "/tenants/demo", body={"tier": "gold"}).fields == ["tier"]


def test_a_suspended_tenants_callers_are_shut_out_and_told_so_and_its_timers_fire(api: Operated) -> None:
    timer = api.post(duration="1s").json
    api.ops("POST", "/tenants", body={"id": "demo"})
    suspended = api.ops("POST", "/tenants/demo/suspend", body={"reason": "The invoice is due."})
    assert (suspended.json["status"], suspended.json["suspendedReason"]) == ("suspended", "The invoice is due.")
    api.clock.advance(CACHE_MS)
    for path in ("/timers", "/whoami", "/keys"):
        answer = api.call("GET", path)
        assert (answer.status, answer.json["code"]) == (403, "tenant-suspended")
        assert answer.json["detail"] == "The invoice is due."
    assert api.call("GET", "/timers", key=OTHER_KEY).status == 200
    api.play(api.clock.now_ms() + 2_000)
    resumed = api.ops("POST", "/tenants/demo/resume")
    assert resumed.json["status"] == "active"
    assert "suspendedReason" not in resumed.json
    api.clock.advance(CACHE_MS)
    assert api.call("GET", f"/timers/{timer['id']}").json["status"] == "settled"


def test_suspending_and_resuming_twice_changes_nothing_more(api: Operated) -> None:
    api.ops("POST", "/tenants", body={"id": "demo"})
    first = api.ops("POST", "/tenants/demo/suspend", body={"reason": "one"}).json
    api.clock.advance(1_000)
    assert api.ops("POST", "/tenants/demo/suspend", body={"reason": "two"}).json == first
    assert api.ops("POST", "/tenants/demo/resume").json == api.ops("POST", "/tenants/demo/resume").json


def test_nobody_suspends_themselves_or_a_tenant_without_a_record(api: Operated) -> None:
    api.ops("POST", "/tenants", body={"id": "ops"})
    assert api.ops("POST", "/tenants/ops/suspend").status == 409
    for method, path in (("POST", "/suspend"), ("POST", "/resume"), ("GET", "")):
        assert api.ops(method, f"/tenants/nobody{path}").status == 404
    assert api.ops("POST", "/tenants/nobody/keys", body={"name": "k", "roles": ["timer.read"]}).status == 404
    assert api.ops("PATCH", "/tenants/nobody", body={"tier": "pro"}).status == 404


def rate_limits(answer: Answer) -> dict[str, dict[str, int]]:
    """What a `RateLimit` says: a list of strings, each with parameters that are integers (RFC 9651)."""
    items = answer.headers["ratelimit"].split(", ")
    found = [re.fullmatch(r'"([a-z]+)";r=([0-9]{1,15});t=([0-9]{1,15})', item) for item in items]
    assert all(found), items
    return {one[1]: {"r": int(one[2]), "t": int(one[3])} for one in found if one}


def test_active_timers_beyond_the_limit_are_429_and_no_policy_of_a_window(
    limited: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TIERS, "free", Tier(requests=10, creates=50, active=1))
    assert [limited.post(duration="1h").status for _ in range(2)] == [201, 429]
    refused = limited.post(duration="1h")
    assert "timers that have not ended" in refused.json["detail"]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert list(rate_limits(refused)) == ["requests"]
    assert "violated-policies" not in refused.json


def test_a_limited_tenants_answers_say_what_is_left(limited: Operated) -> None:
    answer = limited.call("GET", "/timers")
    assert answer.headers["ratelimit-policy"] == '"requests";q=10;w=60, "creates";q=3;w=86400'
    assert answer.headers["ratelimit"].startswith('"requests";r=9;t=')
    missing = limited.call("GET", "/timers/nothing")
    assert missing.headers["ratelimit"].startswith('"requests";r=8;t=')
    assert "ratelimit" not in limited.call("GET", "/healthz", key=None).headers
    assert "ratelimit" not in limited.call("GET", "/timers", key=None).headers


def test_requests_beyond_the_limit_are_429_with_a_time_to_come_back(limited: Operated) -> None:
    for _ in range(10):
        assert limited.call("GET", "/timers").status == 200
    refused = limited.call("GET", "/timers")
    assert (refused.status, refused.json["code"]) == (429, "quota-exceeded")
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["ratelimit-policy"].startswith('"requests";q=10')
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit"] == f'"requests";r=0;t={refused.headers["retry-after"]}'
    assert refused.json["violated-policies"] == ["requests"]
    assert limited.call("GET", "/timers", key=OTHER_KEY).status == 200
    limited.clock.advance(60_000)
    assert limited.call("GET", "/timers").status == 200


def test_creates_beyond_the_limit_are_429_and_bad_ones_are_not_charged(limited: Operated) -> None:
    assert limited.post(duration="never").status == 400
    assert limited.post(duration="1h", tenantId="other").status == 403
    assert [limited.post(duration="1h").status for _ in range(4)] == [201, 201, 201, 429]
    refused = limited.post(duration="1h")
    assert "3 new timers a day" in refused.json["detail"]
    assert int(refused.headers["retry-after"]) > 60
    left = rate_limits(refused)
    assert left["requests"]["r"] == 3
    assert left["creates"] == {"r": 0, "t": int(refused.headers["retry-after"])}
    assert refused.json["violated-policies"] == ["creates"]
    usage = limited.call("GET", "/usage").json
    assert (usage["tier"], usage["creates"]["used"], usage["creates"]["limit"]) == ("free", 3, 3)
    assert usage["activeTimers"]["used"] == 3
    assert usage["requests"]["used"] == 8


def test_what_a_tier_never_allows_is_422_and_names_the_field(
    limited: Operated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TIERS, "free", Tier(requests=10, creates=3, active=50, horizon_ms=3_600_000))
    answer = limited.post(duration="2h")
    assert (answer.status, answer.json["code"], answer.fields) == (422, "beyond-tier", ["duration"])
    timer_id = limited.post(duration="1h").json["id"]
    moved = limited.call("POST", f"/timers/{timer_id}/extend", body={"by": "1m"})
    assert (moved.status, moved.json["code"], moved.fields) == (422, "beyond-tier", ["by"])


WEBHOOK = {"kind": "webhook", "parameters": {"url": "https://hooks.example.com/x"}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"duration": "367d"}, "duration"),
        ({"fireAt": "2027-12-01T00:00:00Z"}, "fireAt"),
        ({"duration": "1h", "metadata": {"text": "x" * 16_384}}, "metadata"),
        (
            {"duration": "1h", "actionBundle": {"actions": [{"id": f"a{n}", **WEBHOOK} for n in range(6)]}},
            "actionBundle.actions",
        ),
    ],
    ids=["duration", "due time", "size", "actions"],
)
def test_a_create_beyond_its_tier_is_422_and_not_charged_and_a_bad_one_is_bad_first(
    body: dict[str, Any], field: str
) -> None:
    api = Operated(limited=True)
    answer = api.post(**body)
    assert (answer.status, answer.json["code"], answer.fields) == (422, "beyond-tier", [field])
    bad = api.post(**body, colour="red")
    assert (bad.status, bad.fields) == (400, ["colour"])
    assert api.call("GET", "/usage").json["creates"]["used"] == 0
    assert Operated().post(**body).status == 201


def test_where_nobody_is_held_there_are_no_fields_and_no_counts(api: Operated) -> None:
    answer = api.post(duration="1h")
    assert not [name for name in answer.headers if name.startswith("ratelimit")]
    assert api.call("GET", "/usage").json == {"tier": "free"}
    assert api.usage.timers("demo") is None


def test_the_demo_key_is_what_it_was(api: Operated) -> None:
    assert api.call("GET", "/timers", key=KEY).status == 200
