"""Creates over sockets, all at once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest

from minoots_local.local_stack import LocalStack
from minoots_local.settings import LocalSettings
from tests.support.waiting import until

pytestmark = pytest.mark.stack

HEADERS = {"X-API-Key": "mnt_example"}


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    with (
        LocalStack(LocalSettings(port=0, aws_port=None)) as stack,
        httpx.Client(base_url=stack.url, headers=HEADERS, timeout=30) as client,
    ):
        yield client


def test_a_hundred_identical_creates_at_once_make_one_timer_and_are_answered_alike(api: httpx.Client) -> None:
    barrier = Barrier(100)
    body = {"requestedBy": "test", "name": "once", "duration": "1h", "metadata": {"text": "x" * 2_000}}

    def create(_: int) -> httpx.Response:
        barrier.wait()
        return api.post("/timers", json=body, headers={"Idempotency-Key": "hundred"})

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(create, range(100)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.headers["location"] for answer in answers}) == 1
    first, *_ = (answer.json() for answer in answers if answer.json()["stateVersion"] == 1)
    told = ("id", "name", "createdAt", "fireAt", "metadata")
    assert {str([answer.json()[name] for name in told]) for answer in answers} == {str([first[name] for name in told])}
    listed, query = [], {"namePrefix": "once"}
    while query:
        page = api.get("/timers", params=query).raise_for_status().json()
        listed += [timer["id"] for timer in page["timers"]]
        query = {"namePrefix": "once", "cursor": page["nextCursor"]} if "nextCursor" in page else {}
    assert listed == [first["id"]]


def test_a_key_is_known_for_as_long_as_its_timer_is_and_refuses_another_request(api: httpx.Client) -> None:
    headers = {"Idempotency-Key": "again"}
    made = api.post("/timers", json={"requestedBy": "test", "duration": "1h"}, headers=headers).json()
    api.post(f"/timers/{made['id']}/cancel", json={"requestedBy": "test"})
    again = api.post("/timers", json={"requestedBy": "test", "duration": "60m"}, headers=headers)
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (201, made["id"], "cancelled")
    other = api.post("/timers", json={"requestedBy": "test", "duration": "2h"}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "urn:minoots:problem:idempotency-mismatch")


def test_a_batch_of_five_hundred_is_stored_and_what_is_due_fires(api: httpx.Client) -> None:
    soon = [{"requestedBy": "test", "name": "soon", "duration": n + 1} for n in range(25)]
    later = [{"requestedBy": "test", "name": "later", "duration": "1h", "idempotencyKey": f"b{n}"} for n in range(50)]
    large = [{"requestedBy": "test", "name": "large", "duration": "1h", "metadata": {"t": "x" * 3_000}}] * 100
    bad = [{"requestedBy": "test", "name": "bad"}] * 25
    rest = [{"requestedBy": "test", "name": "rest", "duration": "2h"}] * 300
    answer = api.post("/timers:batch", json={"timers": [*soon, *later, *large, *bad, *rest]}).raise_for_status().json()
    assert (answer["created"], answer["failed"]) == (475, 25)
    made = [one["timer"]["id"] for one in answer["results"] if one["status"] == 201]
    assert len(set(made)) == 475
    assert {one["status"] for one in answer["results"][175:200]} == {400}
    again = api.post("/timers:batch", json={"timers": later}).raise_for_status().json()
    assert [one["timer"]["id"] for one in again["results"]] == made[25:75]
    sample = api.get(f"/timers/{made[100]}").json()
    assert (sample["name"], len(sample["metadata"]["t"])) == ("large", 3_000)
    until(lambda: all(api.get(f"/timers/{one}").json()["status"] == "settled" for one in made[:25]))
