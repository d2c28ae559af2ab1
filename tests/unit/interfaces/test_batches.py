from __future__ import annotations

import json
from typing import Any

import pytest

from minoots_contract.batches import MAX_BATCH, MAX_BATCH_BYTES, BatchReply
from minoots_kernel.domain.tiers import TIERS, Tier
from minoots_kernel.interfaces.rest.bodies import MAX_BODY_BYTES
from tests.unit.interfaces.api import Answer, Api
from tests.unit.interfaces.test_audit import key_of, listing, told

GOOD = {"requestedBy": "cli", "duration": "1h"}


def batch(api: Api, *timers: Any, **request: Any) -> Answer:
    return api.call("POST", "/timers:batch", body={"timers": list(timers)}, **request)


def test_each_entry_has_its_result_in_its_place() -> None:
    api = Api()
    answer = batch(
        api,
        GOOD,
        {"requestedBy": "cli"},
        "no timer",
        {**GOOD, "name": "b", "idempotencyKey": "k1"},
        {**GOOD, "tenantId": "other"},
        {**GOOD, "labels": {"-": 5}, "colour": "red"},
        {**GOOD, "duration": "2h", "idempotencyKey": "k1"},
        {**GOOD, "idempotencyKey": "schlüssel"},
    )
    assert answer.status == 200
    results = answer.json["results"]
    assert [one["index"] for one in results] == list(range(8))
    assert [one["status"] for one in results] == [201, 400, 400, 201, 403, 400, 422, 400]
    assert (answer.json["created"], answer.json["failed"]) == (2, 6)
    assert {one.id for one in api.store.timers} == {one["timer"]["id"] for one in results if "timer" in one}
    assert results[3]["timer"] == api.call("GET", f"/timers/{results[3]['timer']['id']}").json
    problem = results[5]["problem"]
    assert {error["field"] for error in problem["errors"]} == {"labels.-", "colour"}
    assert (problem["status"], problem["code"]) == (400, "invalid-request")
    assert results[6]["problem"]["code"] == "idempotency-mismatch"
    assert BatchReply.model_validate(answer.json).wire() == answer.json


def test_the_whole_batch_is_refused_if_it_is_none() -> None:
    api = Api()
    for timers in ([], [GOOD] * (MAX_BATCH + 1)):
        answer = batch(api, *timers)
        assert (answer.status, answer.fields) == (400, ["timers"])
    assert api.call("POST", "/timers:batch", body={"timers": [GOOD], "more": 1}).fields == ["more"]
    assert api.call("POST", "/timers:batch", body={"timers": {"0": GOOD}}).fields == ["timers"]
    assert api.store.timers == []


def test_as_many_as_are_allowed_are_created() -> None:
    api = Api()
    assert batch(api, *[GOOD] * MAX_BATCH).json["created"] == MAX_BATCH
    assert len(api.store.timers) == MAX_BATCH


def test_a_batch_has_no_key_of_its_own() -> None:
    api = Api()
    answer = batch(api, GOOD, headers={"idempotency-key": "k"})
    assert (answer.status, answer.fields) == (400, ["Idempotency-Key"])
    assert api.store.timers == []


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 413)])
def test_a_batch_may_be_larger_than_other_bodies_and_has_its_bound(more: int, status: int) -> None:
    api, size = Api(), 100_000
    entries = [{**GOOD, "metadata": {"text": "x" * size}} for _ in range(20)]
    text = api_text(entries)
    padding = MAX_BATCH_BYTES - len(text) + more
    text = api_text([*entries[1:], {**GOOD, "metadata": {"text": "x" * (size + padding)}}])
    assert len(text) == MAX_BATCH_BYTES + more > MAX_BODY_BYTES
    answer = api.call("POST", "/timers:batch", text=text)
    assert answer.status == status


def api_text(entries: list[Any]) -> str:
    return json.dumps({"timers": entries})


def test_a_tenant_creates_for_itself() -> None:
    api = Api()
    batch(api, GOOD, key="mnt_other")
    assert [timer.tenant_id for timer in api.store.timers] == ["other"]
    assert batch(api, GOOD, key=None).status == 401


BY_LABEL = (
    '@id("all") permit (principal, action, resource);'
    '@id("calm") forbid (principal == Caller::"robot", action == Action::"createTimer", resource)'
    ' when { resource.hasTag("env") && resource.getTag("env") == "prod" };'
)


@pytest.mark.parametrize("key", [None, "k1"])
def test_policies_decide_upon_each_timer_as_upon_one_that_is_created_alone(key: str | None) -> None:
    api = Api()
    assert api.call("PUT", "/policies", body={"policies": BY_LABEL}).status == 200
    robot = key_of(api, "robot", "timer.write")
    prod = {**GOOD, "labels": {"env": "prod"}, **({"idempotencyKey": key} if key else {})}
    answer = batch(api, {**GOOD, "labels": {"env": "test"}}, prod, GOOD, key=robot)
    assert [one["status"] for one in answer.json["results"]] == [201, 403, 201]
    assert len(api.store.timers) == 2
    alone = api.call("POST", "/timers", body={**GOOD, "labels": {"env": "prod"}}, key=robot)
    problem = answer.json["results"][1]["problem"]
    assert (problem["code"], problem["detail"]) == (alone.json["code"], alone.json["detail"])
    assert "calm" not in answer.text


def test_a_policy_may_refuse_batches_as_such() -> None:
    api = Api()
    text = '@id("all") permit (principal, action, resource);'
    text += '@id("one") forbid (principal == Caller::"robot", action == Action::"createTimers", resource);'
    api.call("PUT", "/policies", body={"policies": text})
    robot = key_of(api, "robot", "timer.write")
    assert batch(api, GOOD, key=robot).status == 403
    assert api.call("POST", "/timers", body=GOOD, key=robot).status == 201


def test_the_audit_has_each_timer_that_was_made_and_each_that_was_refused() -> None:
    api = Api()
    api.call("PUT", "/policies", body={"policies": BY_LABEL})
    robot = key_of(api, "robot", "timer.write")
    prod = {**GOOD, "labels": {"env": "prod"}}
    made = batch(api, GOOD, prod, {**GOOD, "idempotencyKey": "k"}, prod, {**GOOD, "tenantId": "other"}, key=robot)
    ids = {one["timer"]["id"] for one in made.json["results"] if "timer" in one}
    entries = [one for one in told(api) if one["caller"]["subject"] == "robot"]
    assert {one["action"] for one in entries} == {"createTimers"}
    assert {one["resource"]["id"] for one in entries if one["outcome"] == "allowed"} == ids
    refused = [one["reason"] for one in listing(api, outcome="refused")["entries"]]
    assert sorted(refused) == ["Your key belongs to tenant 'demo'.", *["policies, version 1: calm"] * 2]
    assert api.metrics.counts["Refusals"] == 3


def test_an_entry_beyond_the_tenants_limit_says_when_it_is_worth_asking_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TIERS, "free", Tier(requests=100, creates=2, active=500))
    api = Api(limited=True)
    results = batch(api, GOOD, {"requestedBy": "cli"}, GOOD, GOOD, {**GOOD, "idempotencyKey": "k"}).json["results"]
    assert sorted(one["status"] for one in results) == [201, 201, 400, 429, 429]
    beyond = [one for one in results if one["status"] == 429]
    assert {one["retryAfterS"] > 60 for one in beyond} == {True}
    assert [one["problem"]["violated-policies"] for one in beyond] == [["creates"]] * 2
    assert api.call("GET", "/usage").json["creates"]["used"] == len(api.store.timers) == 2
