from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from minoots.client import APIConnectionError
from minoots.client.batches import ROUNDS
from minoots_contract.batches import MAX_BATCH, MAX_BATCH_BYTES
from tests.unit.sdk.fakes import HandClock, Script, client_on, problem, timer


class Batches:
    """Answers batches: each timer is created, unless `refuse` says with which status it is not."""

    def __init__(self, refuse: Any = lambda entry, times: None) -> None:
        self.requests: list[httpx.Request] = []
        self.times: dict[str, int] = {}
        self._refuse = refuse

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("POST", "/timers:batch")
        assert len(request.content) <= MAX_BATCH_BYTES
        self.requests.append(request)
        results = []
        for index, entry in enumerate(json.loads(request.content)["timers"]):
            name = entry["name"]
            self.times[name] = self.times.get(name, 0) + 1
            status = self._refuse(entry, self.times[name])
            told = {"problem": problem(status)} if status else {"timer": timer(name)}
            results.append({"index": index, "status": status or 201, **told})
        created = sum("timer" in one for one in results)
        return httpx.Response(
            200, json={"results": results, "created": created, "failed": len(results) - created, "later": "ignored"}
        )

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [entry for request in self.requests for entry in json.loads(request.content)["timers"]]


def named(number: int) -> list[Any]:
    return [{"name": f"t{n}", "duration": "1h"} for n in range(number)]


def test_any_number_of_timers_is_created_in_as_few_requests_as_may_be() -> None:
    api = Batches()
    with client_on(api) as client:
        results = client.timers.create_many(named(2 * MAX_BATCH + 1))
    assert [len(json.loads(request.content)["timers"]) for request in api.requests] == [MAX_BATCH, MAX_BATCH, 1]
    assert [one.index for one in results] == list(range(2 * MAX_BATCH + 1))
    assert [one.timer.id for one in results if one.timer] == [f"t{n}" for n in range(2 * MAX_BATCH + 1)]
    assert {entry["requestedBy"] for entry in api.entries} == {"sdk"}


def test_a_request_keeps_to_the_bound_of_its_size() -> None:
    api = Batches()
    with client_on(api) as client:
        client.timers.create_many([{**one, "metadata": {"text": "é" * 50_000}} for one in named(50)])
    assert 3 <= len(api.requests) <= 4
    assert [entry["name"] for entry in api.entries] == [f"t{n}" for n in range(50)]


def test_each_timer_has_a_key_of_its_own_unless_none_is_wanted() -> None:
    api = Batches()
    with client_on(api) as client:
        client.timers.create_many([*named(2), {"name": "mine", "idempotency_key": "k"}])
        client.timers.create_many(named(1), keyed=False)
    first, second, third, fourth = api.entries
    assert UUID(first["idempotencyKey"]).version == 7
    assert first["idempotencyKey"] != second["idempotencyKey"]
    assert third["idempotencyKey"] == "k"
    assert "idempotencyKey" not in fourth


def test_what_fails_for_a_moment_is_asked_for_again_under_its_key_and_the_rest_is_not() -> None:
    def refuse(entry: dict[str, Any], times: int) -> int | None:
        return {"t1": 503 if times == 1 else None, "t2": 400}.get(entry["name"])

    api, clock = Batches(refuse), HandClock()
    with client_on(api, clock) as client:
        results = client.timers.create_many(named(4))
    assert [one.status for one in results] == [201, 201, 400, 201]
    assert api.times == {"t0": 1, "t1": 2, "t2": 1, "t3": 1}
    assert len({entry["idempotencyKey"] for entry in api.entries}) == 4
    assert len(clock.sleeps) == 1


def test_it_is_not_asked_for_without_end_nor_without_a_key() -> None:
    api = Batches(lambda _entry, _times: 503)
    with client_on(api) as client:
        assert client.timers.create_many(named(1))[0].status == 503
        assert api.times == {"t0": ROUNDS}
        (result,) = client.timers.create_many([{"name": "x"}], keyed=False)
    assert result.problem is not None
    assert api.times["x"] == 1


@pytest.mark.parametrize(("after_s", "sleeps"), [(7, [7.0]), (61, [])])
def test_what_is_beyond_a_limit_is_asked_for_when_it_is_worth_it_unless_that_is_long(
    after_s: int, sleeps: list[float]
) -> None:
    first = {"index": 0, "status": 429, "problem": problem(429), "retryAfterS": after_s}
    second = {"index": 0, "status": 201, "timer": timer()}
    script = Script([{"results": [one], "created": 0, "failed": 1} for one in (first, second)])
    clock = HandClock()
    with client_on(script, clock) as client:
        (result,) = client.timers.create_many(named(1))
    assert result.status == (201 if sleeps else 429)
    assert clock.sleeps == sleeps


@pytest.mark.parametrize(("keyed", "tries"), [(True, 3), (False, 1)])
def test_a_lost_answer_is_asked_for_again_if_every_timer_has_a_key(keyed: bool, tries: int) -> None:
    sent = []

    def lose(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        raise httpx.ReadTimeout("slow")

    with client_on(lose) as client, pytest.raises(APIConnectionError):
        client.timers.create_many(named(2), keyed=keyed)
    assert len(sent) == tries
    assert len({request.content for request in sent}) == 1


def test_no_timers_are_no_request() -> None:
    with client_on(Batches()) as client:
        assert client.timers.create_many([]) == []
