from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

import minoots
import minoots.client
from minoots.client import Client, UnexpectedReplyError, WaitTimeoutError, webhook
from minoots_contract.timers import TimerReply
from tests.unit.sdk.fakes import NOW_MS, URL, FakeApi, HandClock, Script, client_on, dead_letter, timer


@pytest.mark.parametrize("module", [minoots, minoots.client], ids=["minoots", "minoots.client"])
def test_every_public_name_is_there(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]
    assert sorted(names) == sorted(set(names))
    assert all(getattr(module, name) is not None for name in names)


def test_the_public_names_are_these() -> None:
    assert set(minoots.__all__) == {
        "APIConnectionError",
        "APIStatusError",
        "APITimeoutError",
        "AuthenticationError",
        "BadRequestError",
        "Client",
        "ConflictError",
        "GoneError",
        "MinootsClientError",
        "NotFoundError",
        "PermissionDeniedError",
        "RateLimitError",
        "ServerError",
        "UnexpectedReplyError",
        "WaitTimeoutError",
        "__version__",
        "acknowledge",
        "agent_prompt",
        "command",
        "webhook",
        "workflow_event",
    }


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'wibble'"):
        minoots.wibble  # noqa: B018


def test_a_request_carries_the_key_and_who_sends_it() -> None:
    script = Script([timer("t-9")])
    with client_on(script) as client:
        client.timers.get("t-9")
    (request,) = script.requests
    assert request.method == "GET"
    assert str(request.url) == f"{URL}/timers/t-9"
    assert request.headers["x-api-key"] == "mnt_test"
    assert request.headers["user-agent"] == f"minoots-python/{minoots.__version__}"


def test_a_path_prefix_of_the_base_url_is_kept() -> None:
    script = Script([timer()])
    with Client(f"{URL}/stage/", "k", transport=httpx.MockTransport(script)) as client:
        client.timers.get("t-1")
    assert str(script.requests[0].url) == f"{URL}/stage/timers/t-1"


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    script = Script([timer()])
    with client_on(script) as client:
        client.timers.get("a/../b?c=d")
    assert script.requests[0].url.raw_path == b"/timers/a%2F..%2Fb%3Fc%3Dd"


def test_an_empty_id_is_refused_before_anything_is_sent() -> None:
    script = Script([])
    with client_on(script) as client, pytest.raises(ValueError, match="not empty"):
        client.timers.get("")
    assert script.requests == []


@pytest.mark.parametrize("url", ["localhost:4000", "ftp://host", "http://", "http://host:port", ""])
def test_a_base_url_that_cannot_be_right_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not a URL"):
        Client(url, "k")


@pytest.mark.parametrize("key", ["", "two words", "line\n", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="API key"):
        Client(URL, key)


def test_create_sends_the_fields_as_they_were_given_and_no_others() -> None:
    script = Script([httpx.Response(201, json=timer())])
    with client_on(script) as client:
        created = client.timers.create(
            "coffee-break", duration="30s", metadata={"note": None}, labels={"team": "a"}, requested_by="cli"
        )
    assert isinstance(created, TimerReply)
    assert script.requests[0].method == "POST"
    assert script.bodies == [
        {
            "requestedBy": "cli",
            "name": "coffee-break",
            "duration": "30s",
            "metadata": {"note": None},
            "labels": {"team": "a"},
        }
    ]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"duration": timedelta(minutes=1.5)}, {"duration": 90_000}),
        ({"duration": 250}, {"duration": 250}),
        ({"fire_at": datetime(2026, 12, 1, 9, tzinfo=UTC)}, {"fireAt": "2026-12-01T09:00:00+00:00"}),
        ({"fire_at": "2026-12-01T09:00:00Z"}, {"fireAt": "2026-12-01T09:00:00Z"}),
    ],
)
def test_when_may_be_said_in_pythons_own_types(given: dict[str, object], sent: dict[str, object]) -> None:
    script = Script([timer()])
    with client_on(script) as client:
        client.timers.create(**given)  # type: ignore[arg-type]
    assert script.bodies == [{"requestedBy": "sdk", **sent}]


def test_an_instant_without_an_offset_is_refused() -> None:
    with client_on(Script([])) as client, pytest.raises(ValueError, match="no offset"):
        client.timers.create(fire_at=datetime(2026, 12, 1, 9))  # noqa: DTZ001 - the mistake in question


def test_a_webhook_is_one_call_away() -> None:
    script = Script([timer()])
    bundle = webhook("https://sink.test/hook", headers={"X-A": "b"}, body={"a": 1}, max_attempts=5)
    with client_on(script) as client:
        client.timers.create(duration="1s", action_bundle=bundle)
    sent = script.bodies[0]["actionBundle"]
    assert sent["actions"] == [
        {
            "id": "webhook",
            "kind": "webhook",
            "parameters": {
                "url": "https://sink.test/hook",
                "method": "POST",
                "headers": {"X-A": "b"},
                "body": {"a": 1},
            },
        }
    ]
    assert sent["retryPolicy"]["maxAttempts"] == 5


def test_cancel_says_who_and_why() -> None:
    script = Script([timer(status="cancelled", cancelReason="no more coffee")])
    with client_on(script, requested_by="barista") as client:
        cancelled = client.timers.cancel("t-1", reason="no more coffee")
    assert cancelled.cancel_reason == "no more coffee"
    assert script.requests[0].url.path == "/timers/t-1/cancel"
    assert script.bodies == [{"requestedBy": "barista", "reason": "no more coffee"}]


def test_a_listing_goes_through_all_pages_even_empty_ones() -> None:
    script = Script(
        [
            {"timers": [timer("a"), timer("b")], "nextCursor": "c1"},
            {"timers": [], "nextCursor": "c2"},
            {"timers": [timer("c")]},
        ]
    )
    with client_on(script) as client:
        found = [entry.id for entry in client.timers.list(status=["armed", "fired"], page_size=2)]
    assert found == ["a", "b", "c"]
    assert [request.url.query.decode() for request in script.requests] == [
        "status=armed&status=fired&limit=2",
        "status=armed&status=fired&limit=2&cursor=c1",
        "status=armed&status=fired&limit=2&cursor=c2",
    ]


def test_labels_that_are_searched_for_are_written_so_that_their_commas_are_theirs() -> None:
    script = Script([httpx.Response(200, json={"timers": []})])
    with client_on(script) as client:
        assert list(client.timers.list(labels={"env": "prod", "note": "tea,hot"})) == []
    assert script.requests[0].url.params["labels"] == "env=prod,note=tea\\,hot"


def test_a_listing_fetches_no_page_before_it_is_needed() -> None:
    script = Script([{"timers": [timer("a"), timer("b")], "nextCursor": "c1"}])
    with client_on(script) as client:
        listing = client.timers.list(status="armed")
        assert script.requests == []
        assert [next(listing).id, next(listing).id] == ["a", "b"]
    assert len(script.requests) == 1


def test_a_page_without_options_asks_for_the_apis_own_defaults() -> None:
    script = Script([{"timers": [], "nextCursor": "c1"}])
    with client_on(script) as client:
        assert client.timers.page().next_cursor == "c1"
    assert str(script.requests[0].url) == f"{URL}/timers"


def test_dead_letters_are_listed_through_all_pages() -> None:
    script = Script([{"deadLetters": [dead_letter("a")], "nextCursor": "c1"}, {"deadLetters": [dead_letter("b")]}])
    with client_on(script) as client:
        assert [letter.timer_id for letter in client.dead_letters.list(page_size=1)] == ["a", "b"]
    assert script.requests[1].url.params["cursor"] == "c1"


def test_health_needs_no_more_than_an_answer() -> None:
    script = Script([{"status": "ok", "service": "minoots-control-plane"}])
    with client_on(script) as client:
        assert client.health().status == "ok"


def test_what_a_newer_service_adds_is_left_out() -> None:
    entry = timer(occurrence=3, timeline=[{"event": "created", "at": "2026-12-01T09:00:00Z", "by": "x"}])
    with client_on(Script([{"timers": [entry], "total": 1}])) as client:
        assert client.timers.page().timers[0].timeline[0].event == "created"


@pytest.mark.parametrize("body", ["<html>hello</html>", "{}", ""])
def test_a_success_that_is_no_reply_of_minoots_says_so(body: str) -> None:
    script = Script([httpx.Response(200, text=body)])
    with client_on(script) as client, pytest.raises(UnexpectedReplyError, match="is it MINOOTS"):
        client.timers.get("t-1")


def test_wait_returns_the_timer_once_it_has_ended() -> None:
    clock = HandClock()
    api = FakeApi(clock, [timer(due_in_ms=60_000)])
    with client_on(api, clock) as client:
        ended = client.timers.wait("t-1")
    assert ended.status == "settled"
    noticed_ms = clock.now_ms() - (NOW_MS + 60_000)
    assert 0 <= noticed_ms <= 500
    assert len(api.requests) < 30
    assert max(clock.sleeps) == 15.0


def test_wait_returns_at_once_what_has_ended_already() -> None:
    clock = HandClock()
    with client_on(Script([timer(status="cancelled")]), clock) as client:
        assert client.timers.wait("t-1").status == "cancelled"
    assert clock.sleeps == []


def test_wait_gives_up_when_its_time_is_over_and_shows_the_timer() -> None:
    clock = HandClock()
    api = FakeApi(clock, [timer(due_in_ms=86_400_000)])
    with client_on(api, clock) as client, pytest.raises(WaitTimeoutError, match="still armed after 45 s") as caught:
        client.timers.wait("t-1", timeout_s=45)
    assert caught.value.timer.id == "t-1"
    assert sum(clock.sleeps) == 45.0


def test_wait_looks_less_and_less_often_while_actions_run() -> None:
    clock = HandClock()
    running = timer(status="fired", due_in_ms=0, firedAt=timer(due_in_ms=0)["fireAt"])
    with client_on(FakeApi(clock, [running]), clock) as client, pytest.raises(WaitTimeoutError):
        client.timers.wait("t-1", timeout_s=600)
    assert clock.sleeps[0] == 0.25
    assert clock.sleeps[:-1] == sorted(clock.sleeps[:-1])
    assert max(clock.sleeps) == 30.0


def test_a_paused_timer_is_waited_for_slowly() -> None:
    clock = HandClock()
    with client_on(Script([timer(status="paused", due_in_ms=0), timer(status="settled")]), clock) as client:
        client.timers.wait("t-1")
    assert clock.sleeps == [30.0]
