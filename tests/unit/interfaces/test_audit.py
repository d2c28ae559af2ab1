"""The audit: who did what, from where, and what was refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from minoots_contract.identity import RoleName
from minoots_contract.instants import format_instant
from minoots_kernel.adapters.memory import MemoryAuditStore
from minoots_kernel.application.audit_changes import AuditChanges
from minoots_kernel.application.limits import DAY_MS
from minoots_kernel.domain.api_keys import key_from_file
from minoots_kernel.domain.audit import AuditEntry
from minoots_kernel.domain.errors import DependencyUnavailableError
from minoots_kernel.domain.timer import Via
from minoots_kernel.interfaces.rest.errands import ABOUT, RECORDED
from minoots_kernel.interfaces.rest.roles import REQUIRED_ROLES
from tests.unit.application.world import crashing, wake_up
from tests.unit.domain.builders import NOW_MS
from tests.unit.interfaces.api import CACHE_MS, KEY, OTHER_KEY, Answer, Api
from tests.unit.interfaces.test_tenants_apart import BODIES, OPERATIONS, Apart, Operation


@pytest.fixture
def api() -> Api:
    return Api()


def key_of(api: Api, name: str, *roles: RoleName) -> str:
    text = f"mnt_{name}"
    api.keys.put(key_from_file(text, "demo", name=name, roles=frozenset(roles)))
    return text


def told(api: Api) -> list[dict[str, Any]]:
    """Let the stream's reader write what it has to, and return the audit."""
    AuditChanges(api.audit, lambda _: set())(api.store.changes)
    listed: list[dict[str, Any]] = listing(api)["entries"]
    return listed


def listing(api: Api, key: str = KEY, **query: str) -> Any:
    answer = api.call("GET", "/audit", key=key, query=query)
    assert answer.status == 200, answer.text
    return answer.json


def operators_key(api: Api) -> str:
    """Of an operator who may read the audit of the operators' own tenant."""
    api.keys.put(key_from_file("mnt_ops", "ops", name="olga", roles=frozenset({"operator", "tenant.admin"})))
    return "mnt_ops"


def attempted(api: Apart, operation: Operation) -> Answer:
    key = operators_key(api) if REQUIRED_ROLES[operation.id] == "operator" else KEY
    bodies = BODIES | {"snoozeTimer": {"duration": "2h"}, "updateTimer": {"name": "called otherwise"}}
    body = bodies.get(operation.id, {}) if operation.method in {"POST", "PUT", "PATCH"} else None
    return api.call(operation.method, operation.at(api.values), key=key, body=body)


CHANGES_TIMERS = [
    one
    for one in OPERATIONS
    if ABOUT[one.id] == "Timer" and REQUIRED_ROLES[one.id] != "timer.read" and one.id != "heartbeatTimer"
]


@pytest.mark.parametrize("operation", CHANGES_TIMERS, ids=lambda one: one.id)
def test_every_change_of_a_timer_says_who_asked_for_it_in_its_own_write(operation: Operation) -> None:
    api = Apart()
    if operation.id == "resumeTimer":
        api.call("POST", f"/timers/{api.values['timer_id']}/pause", body={})
    api.store.changes.clear()
    answer = attempted(api, operation)
    assert answer.status in {200, 201}, answer.text
    (change,) = api.store.changes
    expected = Via(
        operation.id, "demo", change.after.via.key_id if change.after.via else None, "203.0.113.7", "request-1"
    )
    assert change.after.via == expected


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.id in RECORDED], ids=lambda one: one.id)
def test_every_rare_change_is_in_the_audit_before_it_is_made(operation: Operation) -> None:
    api = Apart()
    if operation.id in {"deletePolicies", "resetTenantPolicies"}:
        api.call("PUT", "/policies", body={"policies": '@id("a") permit (principal, action, resource);'})
    if operation.id == "removeSigningSecret":
        api.call("POST", f"/destinations/{api.values['name']}/secrets", body={})
    if operation.id == "resumeTenant":
        api.call("POST", "/tenants/demo/suspend", key=operators_key(api), body={})
        api.clock.advance(1)
    reader = operators_key(api) if REQUIRED_ROLES[operation.id] == "operator" else KEY
    entries = {entry["id"] for entry in listing(api, reader, limit="200")["entries"]}
    before = api.belongings()
    whole = api.audit.add
    api.audit.add = _down  # type: ignore[method-assign]
    assert attempted(api, operation).status == 503
    assert api.belongings() == before
    api.audit.add = whole  # type: ignore[method-assign]
    api.clock.advance(1)
    answer = attempted(api, operation)
    assert answer.status < 300, answer.text
    (entry,) = [one for one in listing(api, reader, limit="200")["entries"] if one["id"] not in entries]
    about = "Key" if operation.id == "createTenantKey" else ABOUT[operation.id] or "Tenant"
    assert (entry["action"], entry["outcome"], entry["resource"]["type"]) == (operation.id, "allowed", about)
    named = operation.at(api.values).split("/")[2:3]
    assert not named or entry["resource"]["id"] == named[0] or operation.id == "createTenantKey"


def _down(_entries: object) -> None:
    raise DependencyUnavailableError("The table is slow.")


def test_what_changes_something_is_audited_one_way_or_the_other() -> None:
    """Or it stands here, with the reason."""
    not_audited = {
        "heartbeatTimer",  # every few seconds; the timer counts them
        *("acknowledgeMessage", "returnMessage", "keepMessage", "readInbox"),  # the delivery tells
        *("redriveDeadLetter", "redriveDeadLetters", "discardDeadLetter", "discardDeadLetters"),  # their timers tell
        "createTimers",  # each of its timers tells
        "testPolicies",  # changes nothing
    }
    changing = {one.id for one in OPERATIONS if one.method != "GET"}
    assert changing - RECORDED - {one.id for one in CHANGES_TIMERS} <= not_audited | {"readInbox"}


def test_what_an_operator_does_to_a_tenant_is_in_the_audits_of_both(api: Api) -> None:
    ops = operators_key(api)
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/tenants", {"id": "demo", "auditDays": 7}),
        ("PATCH", "/tenants/demo", {"tier": "pro"}),
        ("POST", "/tenants/demo/keys", {"name": "admin", "roles": ["tenant.admin"]}),
        ("POST", "/tenants/demo/suspend", {}),
        ("POST", "/tenants/demo/resume", {}),
    ]
    for method, path, body in steps:
        api.clock.advance(1)
        assert api.call(method, path, key=ops, body=body).status in {200, 201}
    own, theirs = (listing(api, key)["entries"] for key in (ops, KEY))
    done = ["resumeTenant", "suspendTenant", "createTenantKey", "changeTenant", "createTenant"]
    assert [one["action"] for one in own] == [one["action"] for one in theirs] == done
    assert {one["resource"]["type"] for one in theirs} == {"Tenant", "Key"}
    assert {one["ip"] for one in own} == {"203.0.113.7"}
    assert [one for one in theirs if one["caller"] != {"subject": "olga"} or "ip" in one or "userAgent" in one] == []
    kept = {
        tenant: {entry.via.kept_days for (whose, _), entry in api.audit._entries.items() if whose == tenant}
        for tenant in ("ops", "demo")
    }
    assert kept == {"ops": {None}, "demo": {7}}


def test_an_audit_has_routes_that_read_and_no_others(api: Api) -> None:
    assert {one.method for one in OPERATIONS if one.path.startswith("/audit")} == {"GET"}
    api.call("DELETE", "/keys/x", key=key_of(api, "reader", "timer.read"))
    (entry,) = listing(api)["entries"]
    for path in ("/audit", f"/audit/{entry['id']}"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert api.call(method, path, body={}).status in {404, 405}, (method, path)
    assert listing(api)["entries"] == [entry]


def test_nothing_that_is_called_changes_an_entry_that_stands() -> None:
    api = Apart()
    api.call("DELETE", "/keys/x", key=key_of(api, "reader", "timer.read"))
    stood = dict(api.audit._entries)
    assert stood
    for operation in OPERATIONS:
        api.clock.advance(1)
        attempted(api, operation)
    assert {name: api.audit._entries.get(name) for name in stood} == stood


def test_entries_are_kept_as_long_as_the_tenants_record_says(api: Api) -> None:
    ops, reader = operators_key(api), key_of(api, "reader", "timer.read")

    def kept_days() -> list[int | None]:
        """Of a refusal, a rare change and a change of a timer."""
        api.clock.advance(CACHE_MS)
        at_ms = api.clock.now_ms()
        api.call("DELETE", "/keys/x", key=reader)
        api.call("PUT", "/settings", body={})
        api.post(duration="1h")
        told(api)
        entries = [one for one in api.audit._entries.values() if one.at_ms >= at_ms]
        return [one.via.kept_days for one in sorted(entries, key=lambda one: one.via.action)]

    assert kept_days() == [None, None, None]
    api.call("POST", "/tenants", key=ops, body={"id": "demo", "auditDays": 30})
    assert kept_days() == [30, 30, 30]
    changed = api.call("PATCH", "/tenants/demo", key=ops, body={"name": "Demo"})
    assert changed.json["auditDays"] == 30
    assert api.call("PATCH", "/tenants/demo", key=ops, body={"auditDays": 3_650}).json["auditDays"] == 3_650
    assert kept_days() == [3_650, 3_650, 3_650]
    assert "auditDays" not in api.call("PATCH", "/tenants/demo", key=ops, body={"auditDays": None}).json
    assert kept_days() == [None, None, None]
    seen = {entry["at"] for entry in listing(api, limit="200")["entries"]}
    api.clock.advance(400 * DAY_MS)
    still = {entry["at"] for entry in listing(api, limit="200")["entries"]}
    longest = {format_instant(one.at_ms) for one in api.audit._entries.values() if one.via.kept_days == 3_650}
    assert still & seen == longest
    for days in (0, 3_651, "30", 1.5):
        refused = api.call("PATCH", "/tenants/demo", key=ops, body={"auditDays": days})
        assert (refused.status, refused.fields) == (400, ["auditDays"]), days


def test_a_timers_story_is_told_with_who_and_from_where(api: Api) -> None:
    timer_id = api.post(duration="1h").json["id"]
    robot = key_of(api, "robot", "timer.cancel")
    api.clock.advance(5)
    api.call("POST", f"/timers/{timer_id}/cancel", key=robot, body={"requestedBy": "somebody else"})
    cancelled, created = told(api)
    assert cancelled == {
        "id": cancelled["id"],
        "at": "2026-09-21T14:13:20.005Z",
        "caller": {"subject": "robot", "keyId": cancelled["caller"]["keyId"]},
        "action": "cancelTimer",
        "resource": {"type": "Timer", "id": timer_id},
        "outcome": "allowed",
        "stateVersion": 2,
        "ip": "203.0.113.7",
        "requestId": "request-1",
    }
    assert len(cancelled["caller"]["keyId"]) == 16
    assert (created["action"], created["caller"]["subject"]) == ("createTimer", "demo")


def test_what_the_kernel_does_by_itself_nobody_asked_for(api: Api) -> None:
    timer_id = api.post(duration="1s").json["id"]
    api.clock.advance(1_000)
    (timer,) = api.store.timers
    api.fire(wake_up(timer))
    assert [one["action"] for one in told(api)] == ["createTimer"]
    (fired,) = api.store.timers
    assert (fired.id, fired.via) == (timer_id, None)


def test_what_the_stream_tells_twice_is_in_the_audit_once(api: Api) -> None:
    api.post(duration="1h")
    told(api)
    assert len(told(api)) == 1


def test_redriven_letters_tell_who_redrove_them() -> None:
    api = Apart()
    (letter,) = api.call("GET", "/dead-letters").json["deadLetters"]
    api.store.changes.clear()
    assert api.call("POST", "/dead-letters:redrive", body={"filter": {}}).status == 200
    assert [change.after.via.action for change in api.store.changes if change.after.via] == ["redriveDeadLetters"]
    assert api.store.changes[0].after.id == letter["timerId"]


def test_a_refusal_by_role_is_in_the_audit(api: Api) -> None:
    reader = key_of(api, "reader", "timer.read")
    answer = api.call(
        "POST", "/timers/some-id/cancel", key=reader, body={}, headers={"user-agent": "curl/8" + "x" * 999}
    )
    assert answer.status == 403
    (entry,) = listing(api)["entries"]
    assert (entry["outcome"], entry["action"], entry["caller"]["subject"]) == ("refused", "cancelTimer", "reader")
    assert entry["resource"] == {"type": "Timer", "id": "some-id"}
    assert entry["reason"] == "That takes the role 'timer.cancel'."
    assert (entry["ip"], len(entry["userAgent"])) == ("203.0.113.7", 128)
    assert api.metrics.counts["Refusals"] == 1


def test_a_refusal_by_policy_names_the_policies_to_the_audit_alone(api: Api) -> None:
    policies = '@id("all") permit (principal, action, resource);'
    policies += '@id("frozen") forbid (principal == Caller::"robot", action == Action::"createTimer", resource);'
    assert api.call("PUT", "/policies", body={"policies": policies}).status == 200
    robot = key_of(api, "robot", "timer.write")
    refused = api.call("POST", "/timers", key=robot, body={"duration": "1h"})
    assert "frozen" not in refused.text
    (entry,) = listing(api, requestId="request-1", outcome="refused")["entries"]
    assert entry["reason"] == "policies, version 1: frozen"


def test_a_refusal_because_no_policy_allows_it_says_so_to_the_audit(api: Api) -> None:
    admins = '@id("admins") permit (principal in Role::"tenant.admin", action, resource);'
    assert api.call("PUT", "/policies", body={"policies": admins}).status == 200
    refused = api.call("GET", "/timers", key=key_of(api, "reader", "timer.read"))
    assert refused.status == 403
    (entry,) = listing(api, outcome="refused")["entries"]
    assert entry["reason"] == "policies, version 1: none allows it"


def test_refusals_are_written_in_bounds_with_their_count(api: Api) -> None:
    reader, other = key_of(api, "reader", "timer.read"), key_of(api, "other", "timer.read")
    for _ in range(1_000):
        api.call("DELETE", "/keys/x", key=reader)
    api.call("DELETE", "/keys/x", key=other)
    entries = listing(api, limit="200")["entries"]
    assert sorted(one.get("count", 1) for one in entries) == [1, 1, 1, 1, 1, 1, 10, 100, 1_000]
    api.clock.advance(60_000)
    api.call("DELETE", "/keys/x", key=reader)
    assert "count" not in listing(api)["entries"][0]
    assert api.metrics.counts["Refusals"] == 1_002


def test_a_refusal_is_one_though_the_audit_does_not_answer(api: Api) -> None:
    api.audit.add = _down  # type: ignore[method-assign]
    assert api.call("DELETE", "/keys/x", key=key_of(api, "reader", "timer.read")).status == 403


def test_strangers_have_nothing_written(api: Api) -> None:
    for key in (None, "mnt_wrong"):
        assert api.call("GET", "/timers", key=key).status == 401
    assert listing(api) == {"entries": []}
    assert api.metrics.counts["Unauthenticated"] == 2


def test_no_secret_is_in_the_audit(api: Api) -> None:
    made = api.call("POST", "/keys", body={"name": "robot", "roles": ["timer.read"]}).json
    api.call("PUT", "/destinations/d", body={"url": "https://example.com/h", "authHeaders": {"X-A": "s3cret"}})
    text = repr(api.audit.__dict__)
    assert made["id"] in text
    assert made["key"] not in text
    assert "s3cret" not in text


def stored(api: Api, count: int) -> list[AuditEntry]:
    entries = [
        AuditEntry(
            "demo",
            f"{NOW_MS + number * 1_000:013d}-{number}",
            NOW_MS + number * 1_000,
            Via(
                "cancelTimer" if number % 2 else "createTimer",
                f"s{number % 3}",
                f"k{number % 3}",
                request_id=f"r{number}",
            ),
            "refused" if number % 5 == 0 else "allowed",
            "Timer",
            f"t{number}",
        )
        for number in range(count)
    ]
    api.audit.add(entries)
    return entries


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, lambda n: True),
        ({"subject": "s1"}, lambda n: n % 3 == 1),
        ({"keyId": "k2"}, lambda n: n % 3 == 2),
        ({"action": "createTimer"}, lambda n: n % 2 == 0),
        ({"resource": "t7"}, lambda n: n == 7),
        ({"outcome": "refused"}, lambda n: n % 5 == 0),
        ({"requestId": "r3"}, lambda n: n == 3),
        ({"since": "2026-09-21T14:13:25Z"}, lambda n: n >= 5),
        ({"until": "2026-09-21T14:13:25Z"}, lambda n: n < 5),
        ({"since": "2026-09-21T14:13:23Z", "until": "2026-09-21T14:13:29Z", "subject": "s0"}, lambda n: n in {3, 6}),
    ],
)
def test_the_audit_is_filtered_and_paged(api: Api, query: dict[str, str], wanted: Any) -> None:
    stored(api, 20)
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(30):
        page = listing(api, limit="3", **query, **cursor)
        found += [entry["resource"]["id"] for entry in page["entries"]]
        if "nextCursor" not in page:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert found == [f"t{number}" for number in reversed(range(20)) if wanted(number)]


def exported(api: Api, key: str = KEY, **query: str) -> list[dict[str, Any]]:
    """All pages of an export, each found by the link of the one before."""
    found: list[dict[str, Any]] = []
    for _ in range(30):
        answer = api.call("GET", "/audit:export", key=key, query=query)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/x-ndjson"), answer.text
        assert answer.headers["cache-control"] == "no-store"
        lines = answer.text.splitlines(keepends=True)
        assert all(line.endswith("\n") for line in lines)
        assert len(lines) <= int(query.get("limit", "1000"))
        found += map(json.loads, lines)
        link = answer.headers.get("link")
        if link is None:
            return found
        target = re.fullmatch(r'<\?([^<>]*)>; rel="next"', link)
        assert target, link
        query = dict(parse_qsl(target[1], strict_parsing=True))
    raise AssertionError("the export does not end")


@pytest.mark.parametrize("limit", ["1", "7", "1000"])
def test_an_export_has_what_the_listing_has_by_pages_that_name_the_next(api: Api, limit: str) -> None:
    stored(api, 20)
    within = {"until": "2026-09-21T14:13:38Z", "outcome": "allowed", "subject": "s1"}
    wanted = listing(api, limit="200", **within)["entries"]
    assert len(wanted) > 3
    assert exported(api, limit=limit, **within) == wanted


def test_each_page_of_an_export_is_in_the_audit(api: Api) -> None:
    stored(api, 5)
    exported(api, limit="3", until="2026-09-21T14:13:30Z")
    entries = listing(api, action="exportAudit")["entries"]
    assert [(one["resource"], one["caller"]["subject"]) for one in entries] == [
        ({"type": "Tenant", "id": "demo"}, "demo")
    ]
    api.clock.advance(1)
    assert exported(api, action="exportAudit")[0]["action"] == "exportAudit"


def test_an_auditor_exports_by_a_policy_and_nobody_else_without_the_role(api: Api) -> None:
    auditor = key_of(api, "auditor")
    assert api.call("GET", "/audit:export", key=auditor).status == 403
    policies = '@id("admins") permit (principal in Role::"tenant.admin", action, resource);'
    policies += '@id("auditor") permit (principal == Caller::"auditor", action in [Action::"listAudit", '
    policies += 'Action::"exportAudit"], resource);'
    assert api.call("PUT", "/policies", body={"policies": policies}).status == 200
    assert {one["outcome"] for one in exported(api, auditor)} == {"allowed", "refused"}
    assert exported(api, OTHER_KEY) == [one for one in exported(api, OTHER_KEY) if one["caller"]["subject"] == "other"]


@pytest.mark.parametrize("query", [{"limit": "1001"}, {"limit": "0"}, {"since": "yesterday"}, {"cursor": "mine"}])
def test_an_export_that_cannot_be_is_a_problem(api: Api, query: dict[str, str]) -> None:
    answer = api.call("GET", "/audit:export", query=query)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")


def test_a_cursor_belongs_to_its_filter(api: Api) -> None:
    stored(api, 9)
    cursor = listing(api, limit="2", outcome="allowed")["nextCursor"]
    assert api.call("GET", "/audit", query={"cursor": cursor}).status == 400


@pytest.mark.parametrize("query", [{"outcome": "maybe"}, {"since": "yesterday"}, {"who": "ann"}])
def test_a_filter_that_cannot_be_is_refused(api: Api, query: dict[str, str]) -> None:
    assert api.call("GET", "/audit", query=query).status == 400


def test_each_tenant_has_its_own_audit_and_only_its_admins_read_it(api: Api) -> None:
    api.call("DELETE", "/keys/x", key=key_of(api, "reader", "timer.read"))
    assert api.call("GET", "/audit", key=OTHER_KEY).json == {"entries": []}
    assert api.call("GET", "/audit", key="mnt_reader").status == 403


def test_changes_whose_entries_cannot_be_written_come_again(api: Api) -> None:
    api.post(duration="1h")
    down: Any = crashing(MemoryAuditStore(api.clock), "add", error=DependencyUnavailableError("slow"))
    done: list[object] = []
    audit = AuditChanges(down, lambda changes: done.extend(changes) or set())
    with pytest.raises(DependencyUnavailableError):
        audit(api.store.changes)
    assert not done
    (change,) = api.store.changes
    assert audit([change, replace(change, before=change.after)]) == set()
    assert len(done) == 2


def test_a_change_that_is_refused_for_what_it_would_make_is_not_told_as_allowed(api: Api) -> None:
    text = '@id("all") permit (principal, action, resource);'
    text += '@id("inside") forbid (principal, action == Action::"putDestination", resource is Destination)'
    text += ' when { resource has url && resource.url like "https://evil.example.com/*" };'
    assert api.call("PUT", "/policies", body={"policies": text}).status == 200
    assert api.call("PUT", "/destinations/d", body={"url": "https://example.com/h"}).status == 201
    api.clock.advance(1)
    refused = api.call("PUT", "/destinations/d", body={"url": "https://evil.example.com/h", "authHeaders": {}})
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    told = [(one["action"], one["outcome"]) for one in listing(api)["entries"]]
    assert told == [("putDestination", "refused"), ("putDestination", "allowed"), ("putPolicies", "allowed")]
