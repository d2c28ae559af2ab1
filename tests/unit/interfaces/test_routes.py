from __future__ import annotations

import pytest

from minoots_contract.dead_letters import DeadLetterPage
from minoots_contract.timers import TimerPage, TimerReply
from minoots_kernel.domain.errors import PermanentActionError
from tests.unit.application.world import wake_up
from tests.unit.domain.builders import NOW_MS, bundle
from tests.unit.interfaces.api import KEY, OTHER_KEY, Api, event


def test_health_needs_no_key_and_answers_word_for_word() -> None:
    answer = Api().call("GET", "/healthz", key=None)
    assert (answer.status, answer.json) == (200, {"status": "ok", "service": "minoots-control-plane"})


def test_the_request_of_the_first_readme_works_word_for_word() -> None:
    api = Api()
    text = (
        '{"tenantId":"demo","requestedBy":"cli","name":"coffee-break","duration":"30s",'
        '"metadata":{"note":"brew beans"}}'
    )
    answer = api.call("POST", "/timers", text=text)
    assert answer.status == 201
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-request-id"] == "request-1"
    timer = answer.json
    assert answer.headers["location"] == f"/timers/{timer['id']}"
    assert timer | {"id": ""} == {
        "id": "",
        "tenantId": "demo",
        "name": "coffee-break",
        "status": "scheduled",
        "durationMs": 30_000,
        "createdAt": "2026-09-21T14:13:20.000Z",
        "fireAt": "2026-09-21T14:13:50.000Z",
        "requestedBy": "cli",
        "metadata": {"note": "brew beans"},
        "labels": {},
        "stateVersion": 1,
        "timeline": [{"event": "created", "at": "2026-09-21T14:13:20.000Z"}],
    }
    assert [stored.id for stored in api.store.timers] == [timer["id"]]


def test_what_was_created_is_what_is_read_and_listed() -> None:
    api = Api()
    made = api.post(duration="PT1H30M", actionBundle=bundle("a", "b", concurrency=2, maxAttempts=3)).json
    assert api.call("GET", f"/timers/{made['id']}").json == made
    assert api.call("GET", "/timers").json == {"timers": [made]}
    assert TimerReply.model_validate(made).wire() == made
    assert made["actionBundle"]["retryPolicy"]["maxAttempts"] == 3


def test_a_body_may_come_in_base64_as_the_gateway_sends_some() -> None:
    text = "eyJyZXF1ZXN0ZWRCeSI6ImNsaSIsImR1cmF0aW9uIjoiMXMifQ=="
    assert Api().call("POST", "/timers", text=text, base64=True).json["durationMs"] == 1000


@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"])
def test_json_may_be_declared_in_every_spelling(media_type: str) -> None:
    answer = Api().call(
        "POST", "/timers", body={"requestedBy": "c", "duration": 5}, headers={"content-type": media_type}
    )
    assert answer.status == 201


def test_text_of_every_script_comes_back_as_it_was_sent() -> None:
    metadata = {"note": "Kaffee ☕ für 王", "😀": ["\u2028", "\\", "\x07"]}
    assert Api().post(duration=1, metadata=metadata).json["metadata"] == metadata


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": KEY},
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer  {KEY} "},
        {"x-api-key": KEY, "authorization": "Basic dXNlcjpwYXNz"},
    ],
)
def test_the_key_may_come_in_either_header(headers: dict[str, str]) -> None:
    assert Api().call("GET", "/timers", key=None, headers=headers).status == 200


def test_cancelling_twice_answers_200_and_keeps_the_first_reason() -> None:
    api = Api()
    timer = api.post(duration="1h").json
    for reason in ("rain", "snow"):
        body = {"requestedBy": "ann", "reason": reason}
        answer = api.call("POST", f"/timers/{timer['id']}/cancel", body=body)
        assert answer.status == 200
        assert (answer.json["status"], answer.json["cancelReason"]) == ("cancelled", "rain")
        assert (answer.json["cancelledBy"], answer.json["stateVersion"]) == ("ann", 2)


def test_cancelling_a_timer_that_has_fired_is_a_conflict() -> None:
    api = Api()
    timer = api.new_fired("a")
    answer = api.call("POST", f"/timers/{timer.id}/cancel", body={"requestedBy": "ann"})
    assert (answer.status, answer.json["code"]) == (409, "state-conflict")
    assert api.now(timer) == timer


@pytest.mark.parametrize(
    ("verb", "body", "shown"),
    [
        ("extend", {"by": "5m"}, {"fireAt": "2026-09-21T15:18:20.000Z", "durationMs": 3_900_000}),
        ("reschedule", {"duration": "PT2H"}, {"fireAt": "2026-09-21T16:13:20.000Z"}),
        ("reschedule", {"fireAt": "2026-09-22T00:00:00+02:00"}, {"fireAt": "2026-09-21T22:00:00.000Z"}),
        ("snooze", {"duration": "2h"}, {"fireAt": "2026-09-21T16:13:20.000Z"}),
        ("pause", {}, {"status": "paused", "pausedAt": "2026-09-21T14:13:20.000Z", "remainingMs": 3_600_000}),
        ("fire", {}, {"fireAt": "2026-09-21T14:13:20.000Z"}),
        ("cancel", {}, {"status": "cancelled", "cancelledBy": "ann", "cancelReason": "rain"}),
    ],
)
def test_a_change_answers_with_the_timer_and_its_new_tag(
    verb: str, body: dict[str, object], shown: dict[str, object]
) -> None:
    api = Api()
    timer = api.post(duration="1h").json
    wanted = {"requestedBy": "ann", "reason": "rain", "stateVersion": 1, **body}
    answer = api.call("POST", f"/timers/{timer['id']}/{verb}", body=wanted)
    assert (answer.status, answer.headers["etag"]) == (200, '"2"')
    assert answer.json | shown == answer.json
    assert answer.json == api.call("GET", f"/timers/{timer['id']}").json
    assert TimerReply.model_validate(answer.json).wire() == answer.json


def test_a_late_policy_is_shown_and_lets_a_due_time_that_has_passed_fire_at_once() -> None:
    api = Api()
    policy = {"mode": "skip", "afterMs": "1h"}
    answer = api.post(fireAt="2026-09-21T14:00:00Z", latePolicy=policy)
    assert answer.json["latePolicy"] == {"mode": "skip", "afterMs": 3_600_000}
    api.play(NOW_MS + 1_000)
    assert api.call("GET", f"/timers/{answer.json['id']}").json["latenessMs"] == 800_000
    assert "latePolicy" not in api.post(duration="1h", latePolicy={"mode": "fire"}).json


@pytest.mark.parametrize("sent", [{"body": {}}, {}, {"body": {"requestedBy": "worker-7"}}])
def test_a_heartbeat_needs_no_body_and_answers_with_the_timer(sent: dict[str, object]) -> None:
    api = Api()
    made = api.post(duration="30s", heartbeat=True).json
    assert made["heartbeat"] == {"timeoutMs": 30_000, "beats": 0}
    api.clock.advance(10_000)
    answer = api.call("POST", f"/timers/{made['id']}/heartbeat", **sent)
    assert (answer.status, answer.headers["etag"]) == (200, '"2"')
    assert answer.json["fireAt"] == "2026-09-21T14:14:00.000Z"
    assert answer.json["heartbeat"] == {"timeoutMs": 30_000, "beats": 1}
    assert answer.json["timeline"] == made["timeline"], "a beat leaves no entry"
    assert TimerReply.model_validate(answer.json).wire() == answer.json


def test_a_heartbeat_of_a_timer_that_has_settled_is_a_conflict_and_changes_nothing() -> None:
    api = Api()
    made = api.post(duration="30s", heartbeat=True).json
    api.play(NOW_MS + 31_000)
    before = api.call("GET", f"/timers/{made['id']}").json
    answer = api.call("POST", f"/timers/{made['id']}/heartbeat", body={})
    assert (answer.status, answer.json["code"]) == (409, "state-conflict")
    assert "settled" in answer.json["detail"]
    assert api.call("GET", f"/timers/{made['id']}").json == before


def test_the_timeline_tells_who_wanted_what_and_why() -> None:
    api = Api()
    timer = api.post(duration="1h").json
    answer = api.call("POST", f"/timers/{timer['id']}/pause", body={"requestedBy": "ann", "reason": "lunch"})
    paused = {"event": "paused", "at": "2026-09-21T14:13:20.000Z", "by": "ann", "note": "lunch"}
    assert answer.json["timeline"][1:] == [paused]


@pytest.mark.parametrize(("keep", "due"), [("remaining", "2026-09-21T15:23:20.000Z"), ("dueTime", None)])
def test_a_paused_timer_is_resumed_as_was_asked(keep: str, due: str | None) -> None:
    api = Api()
    timer = api.post(duration="1h").json
    api.call("POST", f"/timers/{timer['id']}/pause", body={"requestedBy": "ann"})
    api.clock.advance(600_000)
    answer = api.call("POST", f"/timers/{timer['id']}/resume", body={"requestedBy": "ann", "keep": keep})
    assert (answer.status, answer.json["status"]) == (200, "scheduled")
    assert answer.json["fireAt"] == (due or timer["fireAt"])
    assert not {"pausedAt", "remainingMs"} & answer.json.keys()


def test_the_tag_of_an_answer_lets_the_next_change_pass() -> None:
    api = Api()
    created = api.post(duration="1h")
    path = f"/timers/{created.json['id']}"
    body = {"requestedBy": "ann", "by": "1m"}
    assert created.headers["etag"] == api.call("GET", path).headers["etag"] == '"1"'
    first = api.call("POST", f"{path}/extend", body=body, headers={"if-match": created.headers["etag"]})
    assert first.headers["etag"] == '"2"'
    stale = api.call("POST", f"{path}/extend", body=body, headers={"if-match": created.headers["etag"]})
    assert (stale.status, stale.json["code"]) == (412, "version-mismatch")
    for tags in ("*", f'"9", {first.headers["etag"]}', f'W/"2",{first.headers["etag"]}'):
        again = api.call(
            "POST", f"{path}/snooze", body={"requestedBy": "ann", "duration": 1}, headers={"if-match": tags}
        )
        assert (again.status, again.headers["etag"]) == (200, '"2"'), "nothing to do, and nothing in the way of it"


def test_a_change_sent_twice_under_one_key_is_made_once_even_upon_a_stale_tag() -> None:
    api = Api()
    timer = api.post(duration="1h").json
    path, headers = f"/timers/{timer['id']}/extend", {"if-match": '"1"', "idempotency-key": "7f3a"}
    answers = [api.call("POST", path, body={"requestedBy": "ann", "by": "1m"}, headers=headers).text for _ in range(2)]
    assert answers[0] == answers[1]
    other = api.call("POST", path, body={"requestedBy": "ann", "by": "2m"}, headers={"idempotency-key": "7f3a"})
    assert (other.status, other.json["code"], other.fields) == (422, "idempotency-mismatch", ["Idempotency-Key"])


def test_a_fired_timer_shows_its_lateness_and_its_actions() -> None:
    api = Api()
    timer = api.new("a", "b")
    api.clock.advance_to(timer.fire_at_ms + 21)
    api.fire(wake_up(timer))
    shown = api.call("GET", f"/timers/{timer.id}").json
    assert (shown["status"], shown["latenessMs"], shown["firedAt"]) == ("fired", 21, "2026-09-21T14:13:50.021Z")
    assert [action["state"] for action in shown["actions"]] == ["dispatched", "waiting"]


def test_listings_can_be_narrowed_to_statuses() -> None:
    api = Api()
    ids = [api.post(duration="1h").json["id"] for _ in range(3)]
    api.call("POST", f"/timers/{ids[0]}/cancel", body={"requestedBy": "ann"})
    api.new_fired()

    def listed(status: str) -> list[str]:
        page = api.call("GET", "/timers", query={"status": status}).json
        return [timer["id"] for timer in TimerPage.model_validate(page).wire()["timers"]]

    assert listed("cancelled") == ids[:1]
    assert listed("scheduled") == [ids[2], ids[1]]
    assert len(listed("cancelled,settled")) == 2
    assert listed("paused") == []


def test_dead_letters_tell_the_story_of_a_delivery() -> None:
    api = Api()
    timer = api.new_fired("a")
    api.receiver.answers.append(PermanentActionError("the receiver answered 410", 410))
    api.run(*api.actions_due())
    page = api.call("GET", "/dead-letters").json
    (letter,) = page["deadLetters"]
    assert (letter["id"], letter["reason"], letter["timerId"]) == (
        f"{timer.id}_a",
        "the receiver answered 410",
        timer.id,
    )
    assert letter["attempts"][0]["statusCode"] == 410
    assert DeadLetterPage.model_validate(page).wire() == page
    assert api.call("GET", "/dead-letters", key=OTHER_KEY).json == {"deadLetters": []}


def test_every_timer_and_every_dead_letter_is_walked_exactly_once() -> None:
    api = Api()
    for _ in range(23):
        api.receiver.answers.append(PermanentActionError("gone"))
        api.new_fired("a")
        api.run(*api.actions_due())
    for path, name in (("/timers", "timers"), ("/dead-letters", "deadLetters")):
        for limit in (1, 5, 23, 200):
            walked: list[str] = []
            query = {"limit": str(limit)}
            while query:
                page = api.call("GET", path, query=query).json
                assert len(page[name]) <= limit
                walked += [one["id"] for one in page[name]]
                following = page.get("nextCursor")
                query = {"limit": str(limit), "cursor": following} if following else {}
            assert walked == sorted(set(walked), reverse=True)
            assert len(walked) == 23


def test_a_filtered_listing_is_walked_by_its_own_cursors() -> None:
    api = Api()
    ids = [api.post(duration="1h").json["id"] for _ in range(9)]
    for timer_id in ids[::3]:
        api.call("POST", f"/timers/{timer_id}/cancel", body={"requestedBy": "ann"})
    walked, cursor = [], None
    while True:
        query = {"status": "scheduled", "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = api.call("GET", "/timers", query=query).json
        walked += [timer["id"] for timer in page["timers"]]
        cursor = page.get("nextCursor")
        if not cursor:
            break
    assert walked == [timer_id for timer_id in reversed(ids) if timer_id not in ids[::3]]


def test_a_timer_due_at_once_is_woken_by_the_request() -> None:
    api = Api()
    timer = api.post(duration=1).json
    assert [(hint.timer_id, hint.due_at_ms) for hint in api.wake_queue.messages] == [(timer["id"], NOW_MS + 1)]


def test_header_names_may_come_in_any_case_as_sam_local_sends_them() -> None:
    api = Api()
    assert api.send(event("GET", "/timers", headers={"X-Api-Key": KEY})).status == 200


def test_a_body_where_none_is_read_is_no_fault() -> None:
    assert Api().call("GET", "/healthz", text="hello", key=None).status == 200
