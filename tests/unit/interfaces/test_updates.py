from __future__ import annotations

from typing import Any

import pytest

from minoots_contract.timers import TimerReply
from minoots_kernel.domain.tiers import TIERS, Tier
from tests.unit.domain.builders import bundle
from tests.unit.interfaces.api import OTHER_KEY, Answer, Api

MERGE = "application/merge-patch+json"


def patch(api: Api, timer_id: str, body: Any, media_type: str = MERGE, **headers: str) -> Answer:
    return api.call("PATCH", f"/timers/{timer_id}", body=body, headers={"content-type": media_type, **headers})


def made(api: Api, **body: Any) -> Any:
    return api.post(**{"duration": "1h", "labels": {"env": "prod"}, "metadata": {"n": 1}, **body}).json


@pytest.mark.parametrize("media_type", [MERGE, f"{MERGE}; charset=utf-8", "application/json"])
def test_a_patch_answers_with_the_timer_and_its_new_tag(media_type: str) -> None:
    api = Api()
    timer = made(api)
    answer = patch(api, timer["id"], {"name": "tea", "labels": {"env": None, "x": "y"}}, media_type)
    assert (answer.status, answer.headers["etag"]) == (200, '"2"')
    assert (answer.json["name"], answer.json["labels"], answer.json["metadata"]) == ("tea", {"x": "y"}, {"n": 1})
    assert answer.json["timeline"][-1] | {"at": ""} == {
        "event": "updated",
        "at": "",
        "by": "demo",
        "note": "name, labels",
    }
    assert answer.json == api.call("GET", f"/timers/{timer['id']}").json
    assert TimerReply.model_validate(answer.json).wire() == answer.json
    api.play(api.clock.now_ms() + 3_700_000)
    assert api.call("GET", f"/timers/{timer['id']}").json["status"] == "settled"


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("fireAt", "/reschedule"),
        ("duration", "/extend"),
        ("status", "/cancel"),
        ("latePolicy", "/reschedule"),
        ("actionBundle", "create another"),
        ("requestedBy", "create another"),
    ],
)
def test_another_field_is_refused_with_what_changes_it(field: str, told: str) -> None:
    api = Api()
    timer = made(api)
    answer = patch(api, timer["id"], {field: "x", "name": "tea"})
    assert (answer.status, answer.json["code"], answer.fields) == (422, "field-not-changeable", [field])
    assert told in answer.json["errors"][0]["message"]
    assert api.call("GET", f"/timers/{timer['id']}").json == timer


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"labels": {"-": "x"}}, "labels.-"),
        ({"labels": {"a": 5}}, "labels.a"),
        ({"metadata": [1]}, "metadata"),
    ],
)
def test_a_patch_that_is_not_valid_changes_nothing(body: Any, field: str) -> None:
    api = Api()
    timer = made(api)
    answer = patch(api, timer["id"], body)
    assert (answer.status, answer.fields) == (400, [field])
    assert api.call("GET", f"/timers/{timer['id']}").json == timer


def test_a_body_of_another_sort_is_refused_with_what_is_taken() -> None:
    api = Api()
    answer = patch(api, made(api)["id"], {}, "application/json-patch+json")
    assert (answer.status, answer.json["code"]) == (415, "unsupported-media-type")
    assert answer.headers["accept-patch"] == f"{MERGE}, application/json"


def test_a_patch_upon_a_stale_tag_is_refused_and_under_a_key_it_is_made_once() -> None:
    api = Api()
    timer = made(api)
    first = patch(api, timer["id"], {"metadata": {"n": 2}}, **{"if-match": '"1"', "idempotency-key": "k"})
    again = patch(api, timer["id"], {"metadata": {"n": 2}}, **{"if-match": '"1"', "idempotency-key": "k"})
    assert (first.status, again.text) == (200, first.text)
    assert patch(api, timer["id"], {"metadata": {"n": 3}}, **{"if-match": '"1"'}).status == 412
    assert patch(api, timer["id"], {"metadata": {"n": 3}}, **{"idempotency-key": "k"}).status == 422


def test_a_patch_may_not_take_away_what_an_actions_template_names() -> None:
    api = Api()
    parameters = {"url": "https://example.org/{{ timer.metadata.n }}"}
    timer = made(api, actionBundle=bundle("a", parameters=parameters))
    refused = patch(api, timer["id"], {"metadata": {"n": None}})
    assert (refused.status, refused.fields) == (400, ["actionBundle.actions[0].parameters.url"])
    assert patch(api, timer["id"], {"metadata": {"n": 2}}).status == 200


def test_another_tenants_timer_is_not_there() -> None:
    api = Api()
    timer = made(api)
    refused = api.call("PATCH", f"/timers/{timer['id']}", body={"name": "x"}, key=OTHER_KEY)
    assert refused.status == 404


def test_a_reader_who_has_the_timer_is_told_so_until_it_changes() -> None:
    api = Api()
    path = f"/timers/{made(api)['id']}"
    tag = api.call("GET", path).headers["etag"]
    for known in (tag, f"W/{tag}", f'"9", {tag}', "*"):
        answer = api.call("GET", path, headers={"if-none-match": known})
        assert (answer.status, answer.text, answer.headers["etag"]) == (304, "", tag)
    for other in ('"9"', "1", "nonsense"):
        assert api.call("GET", path, headers={"if-none-match": other}).status == 200
    api.call("PATCH", path, body={"name": "x"})
    assert api.call("GET", path, headers={"if-none-match": tag}).status == 200


def test_a_patch_makes_a_timer_carry_no_more_than_its_tier_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TIERS, "free", Tier(payload_bytes=200))
    api = Api(limited=True)
    timer = made(api)
    answer = patch(api, timer["id"], {"metadata": {"text": "é" * 100}})
    assert (answer.status, answer.json["code"], answer.fields) == (422, "beyond-tier", ["metadata"])
    assert patch(api, timer["id"], {"metadata": {"text": "é" * 50}}).status == 200
    assert patch(api, timer["id"], {"metadata": {"more": "e" * 100}}).status == 422, "together with what is there"


def test_what_a_timer_does_counts_for_what_it_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TIERS, "free", Tier(payload_bytes=1_000))
    api = Api(limited=True)
    action = {"id": "a", "kind": "webhook", "parameters": {"url": "https://example.org/", "body": "x" * 300}}
    timer = made(api, actionBundle={"actions": [action]})
    assert patch(api, timer["id"], {"metadata": {"text": "e" * 800}}).status == 422
    monkeypatch.setitem(TIERS, "free", Tier(payload_bytes=100))
    answer = patch(api, timer["id"], {"name": "t"})
    assert answer.status == 200, "a tier may have become smaller; what takes away, or adds nothing, passes"
