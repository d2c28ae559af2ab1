"""The log of decisions: every refusal, a share of the rest, and what each was decided upon."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from minoots_contract.identity import RoleName
from minoots_kernel.application.decision_log import DEFAULT_POLICIES
from minoots_kernel.domain.api_keys import digest_key, key_from_file
from minoots_kernel.domain.policies import PolicyVersion
from minoots_kernel.interfaces.rest.errands import ABOUT
from minoots_kernel.interfaces.rest.roles import REQUIRED_ROLES
from tests.unit.domain.builders import NOW_MS
from tests.unit.interfaces.api import KEY, Api, event
from tests.unit.interfaces.test_policies import DEFAULTS, GOVERNED, attempted, force, in_force, key_of
from tests.unit.interfaces.test_tenants_apart import OPERATIONS, Apart, Operation

Log = list[dict[str, Any]]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "minoots_kernel.application.decision_log")
    return caplog


def logging_percent(api: Api, percent: int) -> None:
    control_plane = api.control_plane
    control_plane._authorise = replace(control_plane._authorise, log_percent=percent)


def lines(log: pytest.LogCaptureFixture) -> Log:
    return [one.__dict__ for one in log.records if one.message == "policy decision"]


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.id in GOVERNED], ids=lambda one: one.id)
def test_a_decision_by_role_is_logged_as_that_of_the_default_policies(
    operation: Operation, log: pytest.LogCaptureFixture
) -> None:
    told: list[Log] = []
    for policies in (None, DEFAULTS):
        api = Apart()
        logging_percent(api, 100)
        force(api, policies)
        log.clear()
        attempted(api, operation)
        told.append([one for one in lines(log) if one["decision"] == "allow"])
    by_role, by_policies = told
    assert [one["policyVersion"] for one in by_role] == [0]
    assert {one["policyVersion"] for one in by_policies} == {3}
    (policies_by_role,) = (one["policies"] for one in by_role)
    assert {one["keyId"] for one in by_role + by_policies} == {digest_key(KEY)[:16]}
    if ABOUT[operation.id] == "Tenant":
        assert {one["resource"] for one in by_role} == {"Tenant::demo"}
    assert all(one["policies"] == policies_by_role for one in by_policies)
    assert {one["action"] for one in by_role + by_policies} == {operation.id}
    about_the_whole = [one for one in by_role + by_policies if "each" not in one]
    assert {one["resource"].split("::")[0] for one in about_the_whole} == {ABOUT[operation.id]}


def test_every_role_within_a_tenant_has_a_default_policy() -> None:
    assert set(DEFAULT_POLICIES) == {role for role in REQUIRED_ROLES.values() if role not in {None, "operator"}}


def test_a_line_has_who_what_with_what_from_where_and_by_which_policies(log: pytest.LogCaptureFixture) -> None:
    api = Api()
    in_force(api, DEFAULTS + '@id("frozen") forbid (principal, action == Action::"createTimer", resource);')
    robot = key_of(api, "robot", "timer.write")
    log.clear()
    labels = {f"label-{number:02}": "x" * 100 for number in range(20)}
    refused = api.call("POST", "/timers", key=robot, body={"duration": "1h", "labels": labels})
    assert refused.status == 403
    (told,) = lines(log)
    expected = {
        "decision": "deny",
        "decisionId": "request-1",
        "subject": "robot",
        "tenantId": "demo",
        "authenticatedBy": "apiKey",
        "issuer": None,
        "roles": ["timer.write"],
        "action": "createTimer",
        "labels": {f"label-{number:02}": "x" * 64 for number in range(10)},
        "policies": ["frozen"],
        "policyVersion": 1,
        "policyErrors": [],
        "ip": "203.0.113.7",
    }
    assert {name: told[name] for name in expected} == expected


@pytest.mark.parametrize("roles", [("timer.read",), ()])
def test_a_refusal_by_role_is_logged_whatever_the_share(
    roles: tuple[RoleName, ...], log: pytest.LogCaptureFixture
) -> None:
    api = Api()
    logging_percent(api, 0)
    api.keys.put(key_from_file("mnt_reader", "demo", name="reader", roles=frozenset(roles)))
    assert api.call("POST", "/timers/t-1/cancel", key="mnt_reader", body={}).status == 403
    (told,) = lines(log)
    assert (told["decision"], told["resource"], told["policies"]) == ("deny", "Timer::t-1", [])
    assert (told["roles"], told["policyVersion"]) == (list(roles), 0)


def test_what_operators_do_is_logged_without_a_policy(log: pytest.LogCaptureFixture) -> None:
    api = Api()
    logging_percent(api, 100)
    api.keys.put(key_from_file("mnt_ops", "ops", roles=frozenset({"operator"})))
    for key, decision in (("mnt_ops", "allow"), ("mnt_example", "deny")):
        log.clear()
        api.call("GET", "/tenants/acme", key=key)
        (told,) = lines(log)
        assert (told["decision"], told["policies"], told["resource"]) == (decision, [], "Tenant::acme")


def test_what_a_listing_leaves_out_is_counted_with_the_policies_that_hid_it(log: pytest.LogCaptureFixture) -> None:
    api = Api()
    for text in ("yes", "no", "yes"):
        api.post(duration="1h", labels={"secret": text})
    hiding = '@id("secret") forbid (principal == Caller::"robot", action == Action::"getTimer", resource)'
    in_force(api, DEFAULTS + hiding + ' when { resource.hasTag("secret") && resource.getTag("secret") == "yes" };')
    robot = key_of(api, "robot", "timer.read")
    for percent, expected in ((0, []), (100, ["allow", "filter"])):
        logging_percent(api, percent)
        log.clear()
        assert len(api.call("GET", "/timers", key=robot).json["timers"]) == 1
        assert [one["decision"] for one in lines(log)] == expected
    told = lines(log)[-1]
    assert (told["shown"], told["hidden"], told["policies"], told["each"]) == (1, 2, ["secret"], "getTimer")


def test_of_good_decisions_a_share_of_the_requests_is_logged(log: pytest.LogCaptureFixture) -> None:
    api = Api()
    logging_percent(api, 25)
    for number in range(400):
        made = event("GET", "/timers", headers={"x-api-key": "mnt_example"})
        made["requestContext"]["requestId"] = f"r-{number}"
        assert api.send(made).status == 200
    assert 60 < len(lines(log)) < 140
    assert {one["decision"] for one in lines(log)} == {"allow"}


def test_policies_that_err_are_logged_with_their_errors_whatever_the_share(log: pytest.LogCaptureFixture) -> None:
    api = Api()
    logging_percent(api, 0)
    # A version may have been stored for which nobody checked that a tag is there before it is read.
    rash = '@id("rash") forbid (principal, action, resource is Timer) when { resource.getTag("team") == "x" };'
    api.policies.put(PolicyVersion("demo", 1, DEFAULTS + rash, NOW_MS, "ann"))
    timer_id = api.post(duration="1h").json["id"]
    log.clear()
    assert api.call("GET", f"/timers/{timer_id}").status == 200
    assert len(api.call("GET", "/timers").json["timers"]) == 1
    read, listed = lines(log)
    assert (read["decision"], listed["decision"]) == ("allow", "filter")
    assert read["policyErrors"]
    assert listed["policyErrors"]
