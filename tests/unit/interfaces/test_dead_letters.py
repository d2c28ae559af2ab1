"""Dead letters over REST: found, read, redriven, discarded."""

from __future__ import annotations

from typing import Any

import pytest

from minoots_contract.dead_letters import DeadLetterReply, DiscardedReply, RedrivenReply
from minoots_kernel.domain.errors import PermanentActionError
from minoots_kernel.domain.timer import Timer
from tests.unit.domain.builders import NOW_MS
from tests.unit.interfaces.api import OTHER_KEY, Answer, Api


class Letters(Api):
    """A control plane with dead letters."""

    def die(self, url: str = "https://a.example/hook", *, reason: str = "it answered 404", **wanted: Any) -> Timer:
        action = {"id": "a", "kind": "webhook", "parameters": {"url": url, "headers": {"Authorization": "s3cret"}}}
        made = self.post(duration="30s", actionBundle={"actions": [action]}, **wanted).json
        self.receiver.plan = {"a#1": PermanentActionError(reason, 404)}
        self.play(self.clock.now_ms() + 31_000)
        (timer,) = (timer for timer in self.store.timers if timer.id == made["id"])
        assert timer.status == "failed"
        return timer

    def listed(self, **query: str) -> list[str]:
        answer = self.call("GET", "/dead-letters", query=query)
        assert answer.status == 200, answer.text
        return [letter["timerId"] for letter in answer.json["deadLetters"]]

    def redrive_many(self, wanted: object, key: str | None = None, **more: object) -> Answer:
        headers = {"idempotency-key": key} if key else {}
        return self.call("POST", "/dead-letters:redrive", body={"filter": wanted, **more}, headers=headers)


def test_a_dead_letter_is_read_whole_and_without_its_secrets() -> None:
    api = Letters()
    timer = api.die(labels={"customer": "acme"})
    answer = api.call("GET", f"/dead-letters/{timer.id}_a")
    assert answer.status == 200
    letter = answer.json
    assert (letter["id"], letter["state"], letter["reason"]) == (f"{timer.id}_a", "dead", "it answered 404")
    assert letter["request"] == {"url": "https://a.example/hook", "headers": ["Authorization"]}
    assert (letter["labels"], letter["redrives"]) == ({"customer": "acme"}, 0)
    assert (letter["attempts"][0]["attempt"], letter["attempts"][0]["statusCode"]) == (1, 404)
    assert DeadLetterReply.model_validate(letter).wire() == letter
    assert "s3cret" not in answer.text


def test_a_letter_is_redriven_once_and_shown_as_that() -> None:
    api = Letters()
    timer = api.die()
    path = f"/dead-letters/{timer.id}_a"
    answers = [api.call("POST", f"{path}/redrive", body={"requestedBy": "ann", "reason": "mended"}) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].json == answers[1].json == api.call("GET", path).json
    assert (answers[0].json["state"], "redrivenAt" in answers[0].json) == ("redriven", True)
    assert api.listed() == []
    shown = api.call("GET", f"/timers/{timer.id}").json
    assert (shown["status"], shown["actions"][0]["state"]) == ("fired", "dispatched")
    assert [(told["event"], told.get("by"), told.get("note")) for told in shown["timeline"][-1:]] == [
        ("redriven", "ann", "a: mended")
    ]


def test_without_a_body_whoever_the_key_stands_for_redrives() -> None:
    api = Letters()
    timer = api.die()
    assert api.call("POST", f"/dead-letters/{timer.id}_a/redrive").status == 200
    assert api.now(timer).timeline[-1].by == "demo"


def test_a_letter_is_discarded_and_not_found_any_more() -> None:
    api = Letters()
    timer = api.die()
    path = f"/dead-letters/{timer.id}_a"
    gone = api.call("DELETE", path, query={"requestedBy": "ann", "reason": "too old"})
    assert (gone.status, gone.text) == (204, "")
    assert api.now(timer).timeline[-1].note == "a: too old"
    for method, target in (("DELETE", path), ("GET", path), ("POST", f"{path}/redrive")):
        answer = api.call(method, target)
        assert (answer.status, answer.json["code"]) == (404, "not-found")


def test_what_is_on_its_way_again_is_not_discarded() -> None:
    api = Letters()
    timer = api.die()
    api.call("POST", f"/dead-letters/{timer.id}_a/redrive")
    answer = api.call("DELETE", f"/dead-letters/{timer.id}_a")
    assert (answer.status, answer.json["code"]) == (409, "state-conflict")


@pytest.mark.parametrize(("method", "rest"), [("GET", ""), ("DELETE", ""), ("POST", "/redrive")])
def test_anothers_letter_is_not_found(method: str, rest: str) -> None:
    api = Letters()
    timer = api.die()
    anothers = api.call(method, f"/dead-letters/{timer.id}_a{rest}", key=OTHER_KEY)
    nobodys = api.call(method, f"/dead-letters/{timer.id}_b{rest}", key=OTHER_KEY)
    assert (anothers.status, nobodys.status) == (404, 404)
    assert anothers.json["detail"].replace("_a", "_b") == nobodys.json["detail"]
    assert api.listed() == [timer.id]


def test_a_listing_is_narrowed_by_all_that_is_asked() -> None:
    api = Letters()
    first = api.die("https://a.example/hook?x=1,2", labels={"customer": "acme", "team": "x", "note": "tea,hot"})
    second = api.die("https://b.example:8443/other", reason="the connection broke")
    noon = api.call("GET", f"/dead-letters/{second.id}_a").json["deadAt"]
    for query, expected in (
        ({}, [second, first]),
        ({"host": "a.example"}, [first]),
        ({"host": "B.example:8443"}, [second]),
        ({"url": "https://a.example/hook?x=1,2"}, [first]),
        ({"kind": "webhook"}, [second, first]),
        ({"kind": "command"}, []),
        ({"reason": "Connection"}, [second]),
        ({"timerId": first.id}, [first]),
        ({"label": "customer=acme"}, [first]),
        ({"label": "customer=acme,team=y"}, []),
        ({"label": "customer=acme,note=tea\\,hot"}, [first]),
        ({"diedAfter": noon}, [second]),
        ({"diedBefore": noon}, [first]),
        ({"host": "a.example", "reason": "connection"}, []),
        ({"destination": "billing"}, []),
    ):
        assert api.listed(**query) == [timer.id for timer in expected], query


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"kind": "carrier-pigeon"}, "kind"),
        ({"label": "acme"}, "label"),
        ({"host": "https://a.example"}, "host"),
        ({"diedAfter": "yesterday"}, "diedAfter"),
        ({"timerId": "a b"}, "timerId"),
        ({"hosts": "a.example"}, "hosts"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_by_name(query: dict[str, str], field: str) -> None:
    answer = Letters().call("GET", "/dead-letters", query=query)
    assert (answer.status, answer.fields) == (400, [field])


def test_a_cursor_goes_with_its_filter_and_its_verb() -> None:
    api = Letters()
    for _ in range(3):
        api.die()
    cursor = api.call("GET", "/dead-letters", query={"host": "a.example", "limit": "1"}).json["nextCursor"]
    assert api.call("GET", "/dead-letters", query={"host": "a.example", "cursor": cursor}).status == 200
    for query in ({"cursor": cursor}, {"host": "b.example", "cursor": cursor}):
        answer = api.call("GET", "/dead-letters", query=query)
        assert (answer.status, answer.fields) == (400, ["cursor"])
    assert api.redrive_many({"host": "a.example"}, cursor=cursor).fields == ["cursor"]


def test_many_are_redriven_page_by_page() -> None:
    api = Letters()
    timers = [api.die() for _ in range(5)]
    kept = api.die("https://b.example/hook")
    api.receiver.plan = {}
    first = api.redrive_many({"host": "a.example"}, limit=3, reason="mended").json
    assert (first["redriven"], first["skipped"], first["refused"]) == (3, 0, [])
    last = api.redrive_many({"host": "a.example"}, limit=3, cursor=first["nextCursor"]).json
    assert last == {"redriven": 2, "skipped": 0, "refused": []}
    assert RedrivenReply.model_validate(last).wire() == last
    api.play(api.clock.now_ms() + 5_000)
    assert {api.now(timer).status for timer in timers} == {"settled"}
    assert api.listed() == [kept.id]


def test_one_key_redrives_many_once() -> None:
    api = Letters()
    api.die()
    for key, redriven in (("k1", 1), ("k1", 0), ("k2", 1)):
        api.receiver.plan = {f"a#{number}": PermanentActionError("still 404", 404) for number in range(9)}
        report = api.redrive_many({}, key).json
        assert (report["redriven"], report["skipped"]) == (redriven, 1 - redriven)
        api.play(api.clock.now_ms() + 5_000)


def test_many_are_discarded() -> None:
    api = Letters()
    for _ in range(3):
        api.die()
    body = {"filter": {"diedAfter": "2026-01-01T00:00:00Z"}, "requestedBy": "ann"}
    report = api.call("POST", "/dead-letters:discard", body=body).json
    assert report == {"discarded": 3, "skipped": 0, "refused": []}
    assert DiscardedReply.model_validate(report).wire() == report
    assert api.listed() == []
    assert {timer.timeline[-1].by for timer in api.store.timers} == {"ann"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "filter"),
        ({"filter": {"hosts": "x"}}, "filter.hosts"),
        ({"filter": {"kind": "pigeon"}}, "filter.kind"),
        ({"filter": {"diedBefore": 5}}, "filter.diedBefore"),
        ({"filter": {}, "limit": 201}, "limit"),
        ({"filter": {}, "limit": 0}, "limit"),
    ],
)
@pytest.mark.parametrize("verb", ["redrive", "discard"])
def test_what_many_requests_cannot_say_is_refused_by_name(verb: str, body: dict[str, Any], field: str) -> None:
    answer = Letters().call("POST", f"/dead-letters:{verb}", body=body)
    assert (answer.status, answer.fields) == (400, [field])


def test_a_letter_whose_timer_is_gone_is_named_with_the_reason() -> None:
    api = Letters()
    timer = api.die()
    api.store._timers.clear()
    report = api.redrive_many({}).json
    assert report == {
        "redriven": 0,
        "skipped": 0,
        "refused": [{"id": f"{timer.id}_a", "reason": "its timer is gone"}],
    }
    assert api.clock.now_ms() > NOW_MS
    single = api.call("POST", f"/dead-letters/{timer.id}_a/redrive")
    assert (single.status, single.json["detail"]) == (409, "the dead letter cannot be redriven: its timer is gone")
