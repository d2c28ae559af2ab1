"""Destinations over REST: what goes in, what comes out, and what never does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minoots_contract.signatures import format_secret, parse_secret
from tests.unit.interfaces.api import OTHER_KEY, Answer, Api

URL = "https://example.org/hooks"
MINE = format_secret(b"m" * 32)
HOUR_MS = 3_600_000


@pytest.fixture
def api() -> Api:
    return Api()


def put(api: Api, name: str = "billing", **body: Any) -> Answer:
    return api.call("PUT", f"/destinations/{name}", body={"url": URL} | body)


def get(api: Api, name: str = "billing", **more: Any) -> Answer:
    return api.call("GET", f"/destinations/{name}", **more)


def rotate(api: Api, **body: Any) -> Answer:
    return api.call("POST", "/destinations/billing/secrets", body=body)


def test_a_new_destination_shows_the_secret_made_for_it_once(api: Api) -> None:
    made = put(api, authHeaders={"Authorization": "Bearer t0ken", "A": "b"})
    assert (made.status, made.headers["cache-control"]) == (201, "no-store")
    secret = made.json["signingSecret"]
    assert len(parse_secret(secret)) == 32
    shown = {name: value for name, value in made.json.items() if name != "signingSecret"}
    assert shown == {
        "name": "billing",
        "url": URL,
        "status": "enabled",
        "authHeaders": ["A", "Authorization"],
        "signingSecrets": [{"id": shown["signingSecrets"][0]["id"], "createdAt": "2026-09-21T14:13:20.000Z"}],
        "createdAt": "2026-09-21T14:13:20.000Z",
        "updatedAt": "2026-09-21T14:13:20.000Z",
        "version": 1,
    }
    assert get(api).json == shown
    assert api.call("GET", "/destinations").json == {"destinations": [shown]}


def test_no_secret_ever_comes_out_again(api: Api) -> None:
    secret = put(api, authHeaders={"Authorization": "Bearer t0ken"}).json["signingSecret"]
    put(api, "own", signingSecret=MINE)
    answers = [
        get(api),
        get(api, "own"),
        api.call("GET", "/destinations"),
        put(api),
        put(api, authHeaders={"Authorization": "Bearer t0ken"}),
        rotate(api, signingSecret=MINE),
        api.call("POST", "/destinations/billing/enable"),
        put(api, signingSecret=MINE),
        put(api, signingSecret=MINE + "!"),
        put(api, authHeaders={"Host": "s3cret-host"}),
    ]
    text = " ".join(answer.text for answer in answers)
    for hidden in (secret.removeprefix("whsec_"), MINE.removeprefix("whsec_"), "t0ken", "s3cret-host"):
        assert hidden not in text


def test_the_callers_own_secret_is_taken_and_not_shown_back(api: Api) -> None:
    made = put(api, signingSecret=MINE)
    assert made.status == 201
    assert "signingSecret" not in made.json


def test_changing_a_destination_keeps_its_secrets_and_its_headers_unless_they_are_given(api: Api) -> None:
    made = put(api, authHeaders={"Authorization": "x"}).json
    api.clock.advance(5_000)
    moved = put(api, url=URL + "/moved")
    assert (moved.status, moved.json["url"]) == (200, URL + "/moved")
    assert moved.json["signingSecrets"] == made["signingSecrets"]
    assert moved.json["authHeaders"] == ["Authorization"]
    assert moved.json["createdAt"] != moved.json["updatedAt"]
    assert put(api, authHeaders={"X-Key": "y"}).json["authHeaders"] == ["X-Key"]
    assert put(api, authHeaders={}).json["authHeaders"] == []


OTHER_RECEIVERS = [
    "https://evil.example/hooks",
    URL.replace("https", "http"),
    URL.replace("example.org", "example.org:8443"),
    URL.replace("example.org", "example.org.evil.example"),
    URL.replace("example.org", "example.org."),
]


@pytest.mark.parametrize("url", OTHER_RECEIVERS)
def test_auth_headers_do_not_go_along_to_another_receiver(api: Api, url: str) -> None:
    made = put(api, authHeaders={"Authorization": "Bearer t0ken"}).json
    refused = put(api, url=url)
    assert (refused.status, refused.json["errors"][0]["field"]) == (400, "authHeaders")
    assert "give them anew, or {} for none" in refused.json["errors"][0]["message"]
    shown = {name: value for name, value in made.items() if name != "signingSecret"}
    assert get(api).json == shown
    moved = put(api, url=url, authHeaders={"X-Key": "k"}).json
    assert (moved["url"], moved["authHeaders"]) == (url, ["X-Key"])
    assert moved["signingSecrets"] == made["signingSecrets"]


@pytest.mark.parametrize("url", OTHER_RECEIVERS)
def test_without_auth_headers_a_destination_may_go_anywhere(api: Api, url: str) -> None:
    put(api, authHeaders={"Authorization": "Bearer t0ken"})
    assert put(api, url=url, authHeaders={}).json["authHeaders"] == []
    assert put(api).json["url"] == URL


def test_another_spelling_of_the_same_receiver_keeps_its_auth_headers(api: Api) -> None:
    put(api, authHeaders={"Authorization": "Bearer t0ken"})
    moved = put(api, url=URL.replace("example.org", "EXAMPLE.org:443"))
    assert moved.json["authHeaders"] == ["Authorization"]


def test_limits_stay_as_they_were_unless_they_are_given_and_null_takes_one_away(api: Api) -> None:
    made = put(api, rateLimit={"perSecond": 2.5, "burst": 10}, maxInFlight=4).json
    assert (made["rateLimit"], made["maxInFlight"]) == ({"perSecond": 2.5, "burst": 10}, 4)
    put(api)
    assert (get(api).json["rateLimit"], get(api).json["maxInFlight"]) == ({"perSecond": 2.5, "burst": 10}, 4)
    changed = put(api, rateLimit={"perSecond": 1}, maxInFlight=None).json
    assert changed["rateLimit"] == {"perSecond": 1, "burst": 1}
    assert "maxInFlight" not in changed
    put(api, rateLimit=None)
    assert "rateLimit" not in get(api).json


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rateLimit": {"perSecond": 0}}, "rateLimit.perSecond"),
        ({"rateLimit": {"perSecond": 1001}}, "rateLimit.perSecond"),
        ({"rateLimit": {"perSecond": 1, "burst": 0}}, "rateLimit.burst"),
        ({"rateLimit": {"burst": 3}}, "rateLimit.perSecond"),
        ({"rateLimit": 5}, "rateLimit"),
        ({"maxInFlight": 0}, "maxInFlight"),
        ({"maxInFlight": 101}, "maxInFlight"),
        ({"maxInFlight": 2.5}, "maxInFlight"),
    ],
)
def test_a_limit_that_does_not_fit_names_the_field(api: Api, body: dict[str, Any], field: str) -> None:
    answer = put(api, **body)
    assert answer.status == 400
    assert [error["field"] for error in answer.json["errors"]] == [field]


@pytest.mark.parametrize("limit", [{"rateLimit": {"perSecond": 1}}, {"maxInFlight": 1}])
def test_the_default_destination_has_no_limits_for_it_stands_for_any_url(api: Api, limit: dict[str, Any]) -> None:
    answer = api.call("PUT", "/destinations/default", body=limit)
    assert answer.status == 400
    assert [error["field"] for error in answer.json["errors"]] == list(limit)


def test_a_second_signing_secret_is_a_rotation_not_a_change(api: Api) -> None:
    put(api)
    refused = put(api, signingSecret=MINE)
    assert (refused.status, refused.json["code"], refused.fields) == (409, "already-exists", ["signingSecret"])
    assert "POST /destinations/billing/secrets" in refused.json["detail"]


def test_a_rotated_secret_expires_after_the_overlap(api: Api) -> None:
    first = put(api).json["signingSecrets"][0]
    rotated = rotate(api, overlap="1h")
    assert rotated.status == 201
    assert parse_secret(rotated.json["signingSecret"])
    newest, older = rotated.json["signingSecrets"]
    assert "expiresAt" not in newest
    assert older == first | {"expiresAt": "2026-09-21T15:13:20.000Z"}
    api.clock.advance(HOUR_MS)
    assert get(api).json["signingSecrets"] == [newest]


def test_without_an_overlap_the_old_secret_signs_for_a_day(api: Api) -> None:
    put(api)
    assert rotate(api).json["signingSecrets"][1]["expiresAt"] == "2026-09-22T14:13:20.000Z"


def test_no_rotation_makes_an_older_secret_live_longer(api: Api) -> None:
    put(api)
    rotate(api, overlap="1h")
    oldest = rotate(api, overlap="2h").json["signingSecrets"][2]
    assert oldest["expiresAt"] == "2026-09-21T15:13:20.000Z"


def test_three_secrets_sign_at_most(api: Api) -> None:
    put(api)
    rotate(api, overlap="1h")
    rotate(api, overlap="2h")
    refused = rotate(api)
    assert (refused.status, refused.json["code"]) == (409, "state-conflict")
    assert "3 secrets of 'billing' sign already" in refused.json["detail"]
    api.clock.advance(HOUR_MS)
    assert rotate(api).status == 201


def test_a_secret_is_taken_away_at_once_but_never_the_last(api: Api) -> None:
    put(api)
    newest, older = rotate(api).json["signingSecrets"]
    gone = api.call("DELETE", f"/destinations/billing/secrets/{older['id']}")
    assert (gone.status, gone.json["signingSecrets"]) == (200, [newest])
    again = api.call("DELETE", f"/destinations/billing/secrets/{older['id']}")
    assert (again.status, again.json["code"]) == (404, "not-found")
    last = api.call("DELETE", f"/destinations/billing/secrets/{newest['id']}")
    assert (last.status, last.json["code"]) == (409, "state-conflict")
    assert "add another one first" in last.json["detail"]


def test_when_the_newest_secret_is_taken_away_the_one_before_signs_for_good(api: Api) -> None:
    put(api)
    newest, older = rotate(api, overlap="1h").json["signingSecrets"]
    left = api.call("DELETE", f"/destinations/billing/secrets/{newest['id']}").json["signingSecrets"]
    assert left == [{name: value for name, value in older.items() if name != "expiresAt"}]


def test_a_destination_is_deleted_once(api: Api) -> None:
    put(api)
    gone = api.call("DELETE", "/destinations/billing")
    assert (gone.status, gone.text) == (204, "")
    assert get(api).status == 404
    assert api.call("DELETE", "/destinations/billing").status == 404


def test_destinations_are_paged_by_name(api: Api) -> None:
    for name in ("c", "a", "b"):
        put(api, name)
    first = api.call("GET", "/destinations", query={"limit": "2"}).json
    rest = api.call("GET", "/destinations", query={"limit": "2", "cursor": first["nextCursor"]}).json
    assert [one["name"] for one in first["destinations"] + rest["destinations"]] == ["a", "b", "c"]
    assert "nextCursor" not in rest
    foreign = api.call("GET", "/dead-letters", query={"cursor": first["nextCursor"]})
    assert (foreign.status, foreign.fields) == (400, ["cursor"])


def test_no_tenant_sees_anothers_destinations(api: Api) -> None:
    put(api)
    for method, path in (
        ("GET", "/destinations/billing"),
        ("DELETE", "/destinations/billing"),
        ("POST", "/destinations/billing/disable"),
        ("POST", "/destinations/billing/enable"),
        ("DELETE", "/destinations/billing/secrets/ss_000000000001"),
    ):
        assert api.call(method, path, key=OTHER_KEY).status == 404
    assert api.call("POST", "/destinations/billing/secrets", key=OTHER_KEY, body={}).status == 404
    assert api.call("GET", "/destinations", key=OTHER_KEY).json == {"destinations": []}
    assert get(api).status == 200
    assert get(api, key=None).status == 401


def test_the_default_destination_has_neither_url_nor_headers(api: Api) -> None:
    made = api.call("PUT", "/destinations/default", body={})
    assert (made.status, "url" in made.json) == (201, False)
    for body, field in (({"url": URL}, "url"), ({"authHeaders": {"A": "b"}}, "authHeaders")):
        refused = api.call("PUT", "/destinations/default", body=body)
        assert (refused.status, refused.fields) == (400, [field])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": None}, "url"),
        ({"url": "ftp://example.org"}, "url"),
        ({"url": "https://user:pass@example.org/"}, "url"),
        ({"url": "https://example.org/?x=1"}, "url"),
        ({"url": "https://example.org/../x"}, "url"),
        ({"url": "https://example.org:25/"}, "url"),
        ({"url": "https://example.org/{{ timer.id }}"}, "url"),
        ({"url": URL, "authHeaders": {"Host": "x"}}, "authHeaders"),
        ({"url": URL, "authHeaders": {"webhook-signature": "x"}}, "authHeaders"),
        ({"url": URL, "authHeaders": {"A": "b\r\nC: d"}}, "authHeaders.A"),
        ({"url": URL, "authHeaders": {"A": "{{ timer.name }}"}}, "authHeaders"),
        ({"url": URL, "authHeaders": {"A": "x" * 4096}}, "authHeaders"),
        ({"url": URL, "authHeaders": []}, "authHeaders"),
        ({"url": URL, "signingSecret": "hunter2"}, "signingSecret"),
        ({"url": URL, "signingSecret": "whsec_" + "AAAA" * 5}, "signingSecret"),
        ({"url": URL, "signingSecret": "whsec_" + "A" * 500}, "signingSecret"),
        ({"url": URL, "secret": MINE}, "secret"),
    ],
)
def test_a_destination_that_does_not_fit_names_the_field(api: Api, body: dict[str, Any], field: str) -> None:
    refused = api.call("PUT", "/destinations/billing", body=body)
    assert (refused.status, refused.json["code"], refused.fields) == (400, "invalid-request", [field])
    assert get(api).status == 404


@pytest.mark.parametrize("name", ["a b", "-a", "x" * 65, "url-0123", "a/b"])
def test_a_name_that_does_not_fit_is_refused(api: Api, name: str) -> None:
    assert put(api, name).status in {400, 404}
    assert api.call("GET", "/destinations").json == {"destinations": []}


@pytest.mark.parametrize("overlap", [0, -1, "0s", "31d", "soon", None, True])
def test_an_overlap_that_does_not_fit_is_refused(api: Api, overlap: object) -> None:
    put(api)
    refused = rotate(api, overlap=overlap)
    assert (refused.status, refused.fields) == (400, ["overlap"])
    assert len(get(api).json["signingSecrets"]) == 1


def test_enabling_says_how_it_stands(api: Api) -> None:
    assert api.call("POST", "/destinations/billing/enable").status == 404
    put(api)
    assert api.call("POST", "/destinations/billing/enable").json["status"] == "enabled"


@pytest.mark.parametrize(
    ("body", "why"), [({}, "by 'demo'"), (None, "by 'demo'"), ({"reason": "moving house"}, "by 'demo': moving house")]
)
def test_an_owner_disables_a_destination_and_says_why(api: Api, body: dict[str, Any] | None, why: str) -> None:
    assert api.call("POST", "/destinations/billing/disable", body={}).status == 404
    put(api)
    answer = api.call("POST", "/destinations/billing/disable", body=body)
    assert (answer.json["status"], answer.json["disabledReason"]) == ("disabled", why)
    assert answer.json["disabledAt"] == "2026-09-21T14:13:20.000Z"
    again = api.call("POST", "/destinations/billing/disable", body={"reason": "another"})
    assert again.json == answer.json
    assert "disabledReason" not in api.call("POST", "/destinations/billing/enable").json


@pytest.mark.parametrize("reason", ["", "two\nlines", "x" * 257, 7])
def test_a_reason_that_is_no_line_is_refused(api: Api, reason: object) -> None:
    put(api)
    refused = api.call("POST", "/destinations/billing/disable", body={"reason": reason})
    assert (refused.status, refused.fields) == (400, ["reason"])
    assert get(api).json["status"] == "enabled"


def test_a_timer_with_an_unknown_destination_is_refused(api: Api) -> None:
    action = {"id": "a", "kind": "webhook", "parameters": {"destination": "billing"}}
    wanted = {"duration": "30s", "actionBundle": {"actions": [action]}}
    refused = api.post(**wanted)
    assert (refused.status, refused.fields) == (400, ["actionBundle.actions[0].parameters.destination"])
    put(api)
    assert api.post(**wanted).status == 201
    assert json.loads(api.post(**wanted).text)["actionBundle"]["actions"][0]["parameters"] == {"destination": "billing"}
