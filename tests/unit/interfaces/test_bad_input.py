from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from minoots_contract.problems import ERRORS, PROBLEM_TYPE_PREFIX, ErrorCode
from minoots_kernel.adapters.memory import MemoryCursorKey
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer_filter import EVERY
from minoots_kernel.interfaces.rest.bodies import MAX_BODY_BYTES, MAX_DEPTH
from minoots_kernel.interfaces.rest.cursors import Cursors
from minoots_kernel.interfaces.rest.document import document
from minoots_kernel.interfaces.rest.problems import STATUS
from tests.unit.domain.builders import NOW_MS, bundle
from tests.unit.interfaces.api import OTHER_KEY, Answer, Api

GOOD = {"requestedBy": "cli", "duration": "30s"}
INVALID, MALFORMED = ErrorCode.INVALID_REQUEST, ErrorCode.MALFORMED_BODY
MISMATCH, NOT_FOUND = ErrorCode.VERSION_MISMATCH, ErrorCode.NOT_FOUND
Row = tuple[str, dict[str, Any], ErrorCode, str | None]

ALL_TIMERS = f"timers::{EVERY}:False"


def cursor_of(listing: str, position: str) -> str:
    """A cursor as it would be signed for a listing of the tenant that asks."""
    return Cursors(MemoryCursorKey()).encode(Principal("demo", "demo"), listing, position) or ""


def create(**changes: Any) -> dict[str, Any]:
    body = {**GOOD, **changes}
    return {"method": "POST", "path": "/timers", "body": {k: v for k, v in body.items() if v is not ...}}


def raw(text: str, **request: Any) -> dict[str, Any]:
    return {"method": "POST", "path": "/timers", "text": text, **request}


def with_action(**changes: Any) -> dict[str, Any]:
    made = bundle("a")
    made["actions"][0] |= changes
    return create(actionBundle=made)


TOLD = {"adapter": "custom", "target": "https://agent.example/", "payloadTemplate": {"say": "{{ nothing }}"}}
UNKNOWN = {"template": "nothing", "binding": {"adapter": "inbox", "target": "ann"}}
QUEUE = {"target": "queue", "arn": "arn:aws:sqs:us-east-1:123456789012:secret"}
QUEUED = with_action(kind="workflow_event", parameters=QUEUE)


def hook(**parameters: Any) -> dict[str, Any]:
    return create(actionBundle=bundle("a", parameters=parameters))


def read(path: str = "/timers", **query: str) -> dict[str, Any]:
    return {"method": "GET", "path": path, "query": query}


def cancel(**body: Any) -> dict[str, Any]:
    return {"method": "POST", "path": "/timers/{id}/cancel", "body": body}


def change(verb: str, headers: dict[str, str] | None = None, **body: Any) -> dict[str, Any]:
    wanted = {"requestedBy": "ann", **body}
    return {
        "method": "POST",
        "path": f"/timers/{{id}}/{verb}",
        "body": {name: value for name, value in wanted.items() if value is not ...},
        "headers": headers,
    }


def beat(**body: Any) -> dict[str, Any]:
    return {"method": "POST", "path": "/timers/{id}/heartbeat", "body": body}


def guarded(if_match: str) -> dict[str, Any]:
    return change("pause", {"if-match": if_match})


def keyed(key: str) -> dict[str, Any]:
    return change("pause", {"idempotency-key": key})


DEEP = '{"requestedBy":"c","duration":1,"metadata":' + '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH + "}"
ABYSS = '{"requestedBy":"c","duration":1,"metadata":{"a":' + "[" * 50_000 + "]" * 50_000 + "}}"
LATE, LATER = "latePolicy.afterMs", "2030-01-01T00:00:00Z"
ACTION, RETRY = "actionBundle.actions[0]", "actionBundle.retryPolicy"

ROWS: list[Row] = [
    ("a duration in words", create(duration="soon"), INVALID, "duration"),
    ("an empty duration", create(duration=""), INVALID, "duration"),
    ("a duration without a unit", create(duration="30"), INVALID, "duration"),
    ("a negative duration", create(duration="-30s"), INVALID, "duration"),
    ("a duration of nothing", create(duration="0s"), INVALID, "duration"),
    ("a duration of zero milliseconds", create(duration=0), INVALID, "duration"),
    ("a duration with blanks", create(duration="1h 30m"), INVALID, "duration"),
    ("a duration in calendar units", create(duration="P1M"), INVALID, "duration"),
    ("a duration finer than a millisecond", create(duration="0.1ms"), INVALID, "duration"),
    ("a fractional number of milliseconds", create(duration=1.5), INVALID, "duration"),
    ("a whole number written as a fraction", create(duration=1.0), INVALID, "duration"),
    ("a duration that is true", create(duration=True), INVALID, "duration"),
    ("a duration in a list", create(duration=["30s"]), INVALID, "duration"),
    ("a duration past the calendar", create(duration="3600000d"), INVALID, "duration"),
    ("a duration past the calendar in milliseconds", create(duration=10**18), INVALID, "duration"),
    ("neither duration nor fireAt", create(duration=...), INVALID, "duration"),
    ("duration and fireAt", create(fireAt="2030-01-01T00:00:00Z"), INVALID, "fireAt"),
    ("a naive fireAt", create(duration=..., fireAt="2030-01-01T00:00:00"), INVALID, "fireAt"),
    ("a fireAt that has passed", create(duration=..., fireAt="2020-01-01T00:00:00Z"), INVALID, "fireAt"),
    ("a fireAt that is no date", create(duration=..., fireAt="2030-02-30T00:00:00Z"), INVALID, "fireAt"),
    ("a fireAt in epoch milliseconds", create(duration=..., fireAt=NOW_MS + 5000), INVALID, "fireAt"),
    ("a field that is not known", create(colour="red"), INVALID, "colour"),
    ("a field of an endless name", create(**{"x" * 200_000: 1}), INVALID, "x" * 200),
    ("a field in snake case", create(requestedBy=..., requested_by="cli"), INVALID, "requested_by"),
    ("a time in snake case", create(duration=..., fire_at="2030-01-01T00:00:00Z"), INVALID, "fire_at"),
    ("a bundle in snake case", create(action_bundle=bundle("a")), INVALID, "action_bundle"),
    (
        "a nested field in snake case",
        create(actionBundle=bundle("a", max_attempts=2)),
        INVALID,
        RETRY + ".max_attempts",
    ),
    ("a parameter in snake case", hook(timeout_ms=5000), INVALID, f"{ACTION}.parameters.timeout_ms"),
    ("a nested field that is not known", with_action(colour="red"), INVALID, f"{ACTION}.colour"),
    ("a parameter that is not known", hook(verb="GET"), INVALID, f"{ACTION}.parameters.verb"),
    ("requestedBy empty", create(requestedBy=""), INVALID, "requestedBy"),
    ("requestedBy of two lines", create(requestedBy="a\nb"), INVALID, "requestedBy"),
    ("requestedBy a number", create(requestedBy=7), INVALID, "requestedBy"),
    ("an endless name", create(name="x" * 257), INVALID, "name"),
    ("metadata a list", create(metadata=[1]), INVALID, "metadata"),
    ("metadata text", create(metadata="x"), INVALID, "metadata"),
    ("a label that is a number", create(labels={"a": 1}), INVALID, "labels.a"),
    ("a label without a name", create(labels={"": "x"}), INVALID, "labels."),
    ("labels a list", create(labels=["a"]), INVALID, "labels"),
    ("an agent at no address", create(agentBinding={"adapter": "mcp", "target": "x"}), INVALID, "agentBinding.target"),
    ("an agent by post", create(agentBinding={"adapter": "smtp", "target": "x"}), INVALID, "agentBinding.adapter"),
    ("a placeholder of nothing", create(agentBinding=TOLD), INVALID, "agentBinding.payloadTemplate.say"),
    ("no actions", create(actionBundle={"actions": []}), INVALID, "actionBundle.actions"),
    ("a bundle without actions", create(actionBundle={}), INVALID, "actionBundle.actions"),
    ("no concurrency", create(actionBundle=bundle("a", concurrency=0)), INVALID, "actionBundle.concurrency"),
    ("no attempts", create(actionBundle=bundle("a", maxAttempts=0)), INVALID, "actionBundle.retryPolicy.maxAttempts"),
    ("an action id twice", create(actionBundle=bundle("a", "b", "a")), INVALID, "actionBundle.actions[2].id"),
    ("an action id with blanks", create(actionBundle=bundle("a b")), INVALID, f"{ACTION}.id"),
    ("a command of nothing", with_action(kind="command", parameters={}), INVALID, f"{ACTION}.parameters.template"),
    ("a prompt for nobody", with_action(kind="agent_prompt", parameters={}), INVALID, f"{ACTION}.parameters.binding"),
    ("an unknown command", with_action(kind="command", parameters=UNKNOWN), INVALID, f"{ACTION}.parameters.template"),
    ("an event to nowhere", with_action(kind="workflow_event"), INVALID, f"{ACTION}.parameters.target"),
    ("a queue that is not allowed", QUEUED, ErrorCode.TARGET_NOT_ALLOWED, f"{ACTION}.parameters.arn"),
    ("a kind that never was", with_action(kind="email"), INVALID, f"{ACTION}.kind"),
    ("an unknown stand-by", with_action(escalation={"escalatesTo": "z"}), INVALID, f"{ACTION}.escalation.escalatesTo"),
    (
        "a stand-by for itself",
        with_action(escalation={"escalatesTo": "a"}),
        INVALID,
        f"{ACTION}.escalation.escalatesTo",
    ),
    ("a webhook without an address", with_action(parameters={}), INVALID, f"{ACTION}.parameters.url"),
    ("a webhook by ftp", hook(url="ftp://example.org/"), INVALID, f"{ACTION}.parameters.url"),
    ("a webhook with a password", hook(url="https://a:b@example.org/"), INVALID, f"{ACTION}.parameters.url"),
    ("a webhook to nowhere", hook(url="https:///x"), INVALID, f"{ACTION}.parameters.url"),
    ("a header in a header", hook(headers={"X-A": "a\r\nX-B: c"}), INVALID, f"{ACTION}.parameters.headers.X-A"),
    ("a reserved header", hook(headers={"Host": "evil"}), INVALID, f"{ACTION}.parameters.headers"),
    ("an endless timeout", hook(timeoutMs=30_001), INVALID, f"{ACTION}.parameters.timeoutMs"),
    ("a tenant that cannot be", create(tenantId="a#b"), INVALID, "tenantId"),
    ("another tenant", create(tenantId="other"), ErrorCode.FORBIDDEN, "tenantId"),
    ("NaN", raw('{"requestedBy":"c","duration":1,"metadata":{"x":NaN}}'), MALFORMED, None),
    ("Infinity", raw('{"requestedBy":"c","duration":-Infinity}'), MALFORMED, None),
    ("a number too large for any", raw('{"requestedBy":"c","duration":1,"metadata":{"x":1e999}}'), MALFORMED, None),
    ("a number of ten thousand digits", raw('{"requestedBy":"c","duration":' + "9" * 10_000 + "}"), MALFORMED, None),
    ("a name twice", raw('{"requestedBy":"c","duration":1,"duration":2}'), MALFORMED, "duration"),
    ("a nested name twice", raw('{"requestedBy":"c","duration":1,"labels":{"a":"1","a":"2"}}'), MALFORMED, "a"),
    ("half a character", raw('{"requestedBy":"\\ud83d","duration":1}'), MALFORMED, None),
    ("half a character in a name", raw('{"requestedBy":"c","duration":1,"metadata":{"\\udc00":1}}'), MALFORMED, None),
    ("half a character as a name twice", raw('{"\\udc00":1,"\\udc00":2}'), MALFORMED, None),
    ("bytes that are no text", raw(base64.b64encode(b'{"a":"\xff"}').decode(), base64=True), MALFORMED, None),
    ("text that is no base64", raw("$$$$", base64=True), MALFORMED, None),
    ("a body that goes deep", raw(DEEP), MALFORMED, None),
    ("a body that goes very deep", raw(ABYSS), MALFORMED, None),
    ("no JSON", raw("requestedBy=cli"), MALFORMED, None),
    ("half of JSON", raw('{"requestedBy":"c"'), MALFORMED, None),
    ("JSON and more", raw(json.dumps(GOOD) + "x"), MALFORMED, None),
    ("single quotes", raw("{'requestedBy':'c'}"), MALFORMED, None),
    ("a byte order mark", raw("\ufeff" + json.dumps(GOOD)), MALFORMED, None),
    ("an array", raw(json.dumps([GOOD])), MALFORMED, None),
    ("a text", raw('"x"'), MALFORMED, None),
    ("null", raw("null"), MALFORMED, None),
    ("a number", raw("5"), MALFORMED, None),
    ("no body", raw(""), INVALID, "body"),
    ("a blank body", raw(" "), MALFORMED, None),
    ("an empty object", raw("{}"), INVALID, "duration"),
    (
        "a form",
        raw("a=b", headers={"content-type": "application/x-www-form-urlencoded"}),
        "unsupported-media-type",
        None,
    ),
    ("plain text", raw(json.dumps(GOOD), headers={"content-type": "text/plain"}), "unsupported-media-type", None),
    ("a huge body", create(metadata={"x": "y" * MAX_BODY_BYTES}), ErrorCode.BODY_TOO_LARGE, None),
    ("a huge body of few letters", create(metadata={"x": "\N{GRINNING FACE}" * 70_000}), "body-too-large", None),
    ("a cancel by an empty name", cancel(requestedBy=""), INVALID, "requestedBy"),
    ("a cancel with a reason of two lines", cancel(requestedBy="a", reason="b\nc"), INVALID, "reason"),
    ("a cancel in snake case", cancel(requested_by="a"), INVALID, "requested_by"),
    ("a cancel with more", cancel(requestedBy="a", force=True), INVALID, "force"),
    ("a cancel without a body", {"method": "POST", "path": "/timers/{id}/cancel"}, INVALID, "body"),
    ("a late policy without a bound", create(latePolicy={"mode": "skip"}), INVALID, "latePolicy.afterMs"),
    ("a late policy that fires with one", create(latePolicy={"mode": "fire", "afterMs": 5}), INVALID, LATE),
    ("a late policy with a negative bound", create(latePolicy={"mode": "skip", "afterMs": -5}), INVALID, LATE),
    ("a late policy that is none", create(latePolicy={"mode": "panic"}), INVALID, "latePolicy.mode"),
    ("a late policy in a word", create(latePolicy="skip:5s"), INVALID, "latePolicy"),
    (
        "a fireAt that passed longer ago than the late policy allows",
        create(duration=..., fireAt="2020-01-01T00:00:00Z", latePolicy={"mode": "skip", "afterMs": "1h"}),
        INVALID,
        "fireAt",
    ),
    (
        "a reschedule further into the past than the late policy allows",
        change("reschedule", fireAt="2020-01-01T00:00:00Z", latePolicy={"mode": "deadLetter", "afterMs": "1h"}),
        INVALID,
        "fireAt",
    ),
    ("a heartbeat with an instant", create(duration=..., fireAt=LATER, heartbeat=True), INVALID, "fireAt"),
    ("a heartbeat in words", create(heartbeat="yes"), INVALID, "heartbeat"),
    ("a heartbeat once in a lifetime", create(duration="367d", heartbeat=True), INVALID, "duration"),
    ("a beat of a timer that waits for none", beat(), ErrorCode.STATE_CONFLICT, None),
    ("a beat of a timer that is none", {**beat(), "path": "/timers/no-such-timer/heartbeat"}, NOT_FOUND, None),
    ("a beat of another's", {**beat(), "key": OTHER_KEY}, NOT_FOUND, None),
    ("a beat without a key", {**beat(), "key": None}, ErrorCode.UNAUTHENTICATED, None),
    ("a beat with more", beat(by="5m"), INVALID, "by"),
    ("a beat of a list", {**beat(), "body": ["x"]}, MALFORMED, None),
    ("a beat by two lines", beat(requestedBy="a\nb"), INVALID, "requestedBy"),
    ("an extension by an empty name", change("extend", requestedBy="", by="5m"), INVALID, "requestedBy"),
    ("an extension by nothing", change("extend"), INVALID, "by"),
    ("a negative extension", change("extend", by="-5m"), INVALID, "by"),
    ("a negative number of milliseconds more", change("extend", by=-5), INVALID, "by"),
    ("an extension of zero", change("extend", by=0), INVALID, "by"),
    ("an extension in words", change("extend", by="a while"), INVALID, "by"),
    ("an extension past the calendar", change("extend", by="2920000d"), INVALID, "by"),
    ("an extension with more", change("extend", by="5m", duration="5m"), INVALID, "duration"),
    ("a reschedule to nowhere", change("reschedule"), INVALID, "duration"),
    ("a reschedule to two times", change("reschedule", duration=5, fireAt="2030-01-01T00:00:00Z"), INVALID, "fireAt"),
    ("a reschedule into the past", change("reschedule", fireAt="2020-01-01T00:00:00Z"), INVALID, "fireAt"),
    ("a reschedule to a naive time", change("reschedule", fireAt="2030-01-01T00:00:00"), INVALID, "fireAt"),
    ("a reschedule in snake case", change("reschedule", fire_at="2030-01-01T00:00:00Z"), INVALID, "fire_at"),
    ("a reschedule past the calendar", change("reschedule", duration="2920000d"), INVALID, "duration"),
    ("a snooze without an end", change("snooze"), INVALID, "duration"),
    ("a snooze by an extension", change("snooze", by="5m"), INVALID, "by"),
    ("a snooze past the calendar", change("snooze", duration="2920000d"), INVALID, "duration"),
    ("a pause for a time", change("pause", duration="5m"), INVALID, "duration"),
    ("a pause without a body", {"method": "POST", "path": "/timers/{id}/pause"}, INVALID, "body"),
    ("a resume of what is not paused", change("resume"), ErrorCode.STATE_CONFLICT, None),
    ("a resume that keeps something else", change("resume", keep="everything"), INVALID, "keep"),
    ("a firing in the future", change("fire", fireAt="2030-01-01T00:00:00Z"), INVALID, "fireAt"),
    ("a firing by two lines", change("fire", requestedBy="a\nb"), INVALID, "requestedBy"),
    ("a version that is none", change("pause", stateVersion=0), INVALID, "stateVersion"),
    ("a version in words", change("pause", stateVersion="1"), INVALID, "stateVersion"),
    ("another version", change("pause", stateVersion=2), ErrorCode.VERSION_MISMATCH, None),
    ("a cancel upon another version", cancel(requestedBy="ann", stateVersion=7), ErrorCode.VERSION_MISMATCH, None),
    ("a stale tag", guarded('"7"'), ErrorCode.VERSION_MISMATCH, None),
    ("stale tags", guarded('"7", "8"'), ErrorCode.VERSION_MISMATCH, None),
    ("a weak tag", guarded('W/"1"'), ErrorCode.VERSION_MISMATCH, None),
    ("a tag of another service", guarded('"33a64df5"'), ErrorCode.VERSION_MISMATCH, None),
    ("a tag with noughts before it", guarded('"01"'), ErrorCode.VERSION_MISMATCH, None),
    ("an empty tag", guarded('""'), ErrorCode.VERSION_MISMATCH, None),
    ("a tag without quotes", guarded("1"), INVALID, "If-Match"),
    ("half a tag", guarded('"1'), INVALID, "If-Match"),
    ("tags without a comma", guarded('"1" "2"'), INVALID, "If-Match"),
    ("a star among tags", guarded('*, "1"'), INVALID, "If-Match"),
    ("no tag at all", guarded(""), INVALID, "If-Match"),
    ("endless tags", guarded('"1",' * 300 + '"1"'), INVALID, "If-Match"),
    ("a tag and another version", {**guarded('"1"'), "body": {"requestedBy": "a", "stateVersion": 2}}, MISMATCH, None),
    ("an empty key for idempotency", keyed(""), INVALID, "Idempotency-Key"),
    ("an endless key for idempotency", keyed("k" * 256), INVALID, "Idempotency-Key"),
    ("a key for idempotency in another script", keyed("schlüssel"), INVALID, "Idempotency-Key"),
    ("a change of a timer that is none", {**change("pause"), "path": "/timers/no-such-timer/pause"}, NOT_FOUND, None),
    ("a verb that is none", change("explode"), ErrorCode.NOT_FOUND, None),
    ("a limit of nothing", read(limit="0"), INVALID, "limit"),
    ("a negative limit", read(limit="-1"), INVALID, "limit"),
    ("a limit too high", read(limit="201"), INVALID, "limit"),
    ("a limit in words", read(limit="abc"), INVALID, "limit"),
    ("half a limit", read(limit="1.5"), INVALID, "limit"),
    ("a limit of dead letters too high", read("/dead-letters", limit="201"), INVALID, "limit"),
    ("a status that is none", read(status="asleep"), INVALID, "status"),
    ("a second status that is none", read(status="fired,asleep"), INVALID, "status"),
    ("a cursor out of thin air", read(cursor="xyz"), INVALID, "cursor"),
    ("an empty cursor", read(cursor=""), INVALID, "cursor"),
    ("a cursor of other letters", read(cursor="ä€"), INVALID, "cursor"),
    ("an endless cursor", read(cursor="A" * 1025), INVALID, "cursor"),
    ("a deep cursor", read(cursor=base64.b64encode(b"[" * 700).decode()), INVALID, "cursor"),
    ("a cursor of a wrong shape", read(cursor=base64.b64encode(b'[1,"timers:",5]').decode()), INVALID, "cursor"),
    ("a cursor of another version", read(cursor=base64.b64encode(b'[2,"timers:","x"]').decode()), INVALID, "cursor"),
    ("a cursor of another listing", read(cursor=cursor_of("dead-letters", "x")), INVALID, "cursor"),
    ("a cursor of other filters", read(cursor=cursor_of("timers:fired", "x")), INVALID, "cursor"),
    ("a cursor to nowhere", read(cursor=cursor_of(ALL_TIMERS, "\u00e9")), INVALID, "cursor"),
    (
        "a dead letters' cursor from timers",
        read("/dead-letters", cursor=cursor_of(ALL_TIMERS, "x")),
        INVALID,
        "cursor",
    ),
    ("a timer that is none", read("/timers/no-such-timer"), ErrorCode.NOT_FOUND, None),
    ("an id that cannot be", read("/timers/" + "x" * 65), ErrorCode.NOT_FOUND, None),
    ("a path that is none", read("/timer"), ErrorCode.NOT_FOUND, None),
    ("the root", read("/"), ErrorCode.NOT_FOUND, None),
    ("a path too many", read("/timers/{id}/actions"), ErrorCode.NOT_FOUND, None),
    ("a path up", read("/timers/../healthz"), ErrorCode.NOT_FOUND, None),
    ("a method too strong", {"method": "DELETE", "path": "/timers/{id}"}, ErrorCode.METHOD_NOT_ALLOWED, None),
    ("no key", {**create(), "key": None}, ErrorCode.UNAUTHENTICATED, None),
    ("an empty key", {**create(), "key": ""}, ErrorCode.UNAUTHENTICATED, None),
    ("a wrong key", {**create(), "key": "mnt_wrong"}, ErrorCode.UNAUTHENTICATED, None),
    ("a basic password", {**create(), "key": None, "headers": {"authorization": "Basic x"}}, "unauthenticated", None),
    ("a bearer of nothing", {**create(), "key": None, "headers": {"authorization": "Bearer"}}, "unauthenticated", None),
    ("no key for a path that is none", {**read("/secret"), "key": None}, ErrorCode.UNAUTHENTICATED, None),
    ("another tenant's timer", {**read("/timers/{id}"), "key": OTHER_KEY}, ErrorCode.NOT_FOUND, None),
    ("cancelling another's", {**cancel(requestedBy="eve"), "key": OTHER_KEY}, ErrorCode.NOT_FOUND, None),
    ("firing another's", {**change("fire"), "key": OTHER_KEY}, ErrorCode.NOT_FOUND, None),
    ("a change without a key", {**change("fire"), "key": None}, ErrorCode.UNAUTHENTICATED, None),
]


def send(api: Api, request: dict[str, Any]) -> Answer:
    """Send a row's request, with the id of the one timer that there is where its path has one."""
    (timer,) = api.store.timers
    return api.call(**{**request, "path": request["path"].replace("{id}", timer.id)})


@pytest.mark.parametrize(("request_", "code", "field"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_bad_input_is_answered_with_a_problem_and_leaves_no_trace(
    request_: dict[str, Any], code: ErrorCode, field: str | None
) -> None:
    api = Api()
    api.new(duration="1h")
    before = api.store.timers
    answer = send(api, request_)
    problem = answer.json
    assert 400 <= answer.status < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert (problem["code"], answer.status) == (code, STATUS[ErrorCode(code)])
    assert (problem["type"], problem["title"]) == (f"{PROBLEM_TYPE_PREFIX}{code}", ERRORS[ErrorCode(code)].title)
    assert problem["status"] == answer.status
    assert problem["detail"]
    assert problem["requestId"] == answer.headers["x-request-id"] == "request-1"
    if field is not None:
        assert field in answer.fields
        assert all(error["message"] for error in problem["errors"])
    assert api.store.timers == before, "something was stored"
    assert api.wake_queue.messages == []
    assert len(answer.text) < 4_000


def test_there_are_at_least_45_rows_and_no_two_of_a_name() -> None:
    assert len({row[0] for row in ROWS}) == len(ROWS) >= 45


def test_every_answer_to_bad_input_is_one_that_the_description_names() -> None:
    api = Api()
    api.new(duration="1h")
    paths = document(api.control_plane._app)["paths"]
    for name, request, _, _ in ROWS:
        path = request["path"].replace("{id}", "{timer_id}").replace("no-such-timer", "{timer_id}")
        operation = paths.get(path, {}).get(request["method"].lower())
        if operation:
            assert str(send(api, request).status) in operation["responses"], name


def test_another_tenants_timer_is_answered_like_one_that_is_not_there() -> None:
    api = Api()
    timer = api.new()
    for method, path in (("GET", "/timers/{}"), ("POST", "/timers/{}/cancel"), ("POST", "/timers/{}/pause")):
        answers = []
        for timer_id in (timer.id, "no-such-timer"):
            body = {"requestedBy": "eve"} if method == "POST" else None
            answer = api.call(method, path.format(timer_id), body=body, key=OTHER_KEY)
            answers.append((answer.status, answer.headers, answer.text.replace(timer_id, "")))
        assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/timers", "GET, HEAD, OPTIONS, POST"),
        ("PUT", "/timers/x", "GET, HEAD, OPTIONS, PATCH"),
        ("HEAD", "/timers/x/cancel", "OPTIONS, POST"),
        ("POST", "/dead-letters", "GET, HEAD, OPTIONS"),
        ("POST", "/healthz", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(method: str, path: str, allow: str) -> None:
    answer = Api().call(method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allow)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_missing_key_is_told_how_to_show_one() -> None:
    answer = Api().call("GET", "/timers", key=None)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "X-API-Key" in answer.json["detail"]


def test_every_field_at_fault_is_named_and_no_value_is_repeated() -> None:
    answer = Api().post(duration="s3cret-1", labels={"a": 5}, name="s3cret-2\n", tenantId="s3cret#3")
    assert set(answer.fields) == {"duration", "labels.a", "name", "tenantId"}
    assert "s3cret" not in answer.text


def test_a_thousand_faults_make_no_endless_answer() -> None:
    body = GOOD | {f"field{number}": 1 for number in range(10_000)}
    answer = Api().call("POST", "/timers", body=body)
    assert answer.status == 400
    assert len(answer.text) < 100_000
