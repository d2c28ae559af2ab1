"""Webhooks from timer to request: destinations, signatures, placeholders, and receivers that are gone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minoots_contract.destinations import AddSecretRequest, PutDestinationRequest
from minoots_contract.signatures import InvalidSignatureError, format_secret, verify
from minoots_kernel.application.destinations import DeleteDestination, DisableDestination, EnableDestination
from minoots_kernel.application.ports import TimerKey
from minoots_kernel.application.put_destination import PutDestination, SecretMaker
from minoots_kernel.application.rotate_secrets import AddSecret, RemoveSecret
from minoots_kernel.domain.answers import Answer
from minoots_kernel.domain.destinations import name_of_url
from minoots_kernel.domain.errors import (
    DependencyUnavailableError,
    InvalidTimerError,
    PermanentActionError,
    SealedSecretError,
    TransientActionError,
)
from minoots_kernel.domain.timer import Attempt, Status, Timer
from minoots_kernel.domain.webhooks import WebhookRequest
from tests.unit.application.world import DEMO, World
from tests.unit.domain.builders import URL, request

OLD, NEW = format_secret(b"o" * 24), format_secret(b"n" * 32)
HOUR_MS = 3_600_000


class Shop(World):
    """A world with a tenant's destinations."""

    def __init__(self) -> None:
        super().__init__()
        made = iter(range(1, 1_000))
        self.maker = SecretMaker(self.secret_box, lambda size: next(made).to_bytes(size))
        self.put_destination = PutDestination(self.destinations, self.maker, self.clock, self.guard.refusal)

    def put(self, name: str, **body: Any) -> None:
        wanted = PutDestinationRequest.model_validate(body, by_alias=True)
        self.put_destination(DEMO, name, wanted)

    def rotate(self, name: str, secret: str = NEW, overlap: str = "24h") -> None:
        wanted = AddSecretRequest.model_validate({"signingSecret": secret, "overlap": overlap}, by_alias=True)
        AddSecret(self.destinations, self.maker, self.clock)(DEMO, name, wanted)

    def enable(self, name: str) -> None:
        EnableDestination(self.destinations, self.clock)(DEMO, name)

    def webhook(self, metadata: dict[str, Any] | None = None, attempts: int = 1, **parameters: Any) -> Timer:
        """Create a timer with one webhook."""
        action = {"id": "a", "kind": "webhook", "parameters": parameters}
        bundle = {"actions": [action], "retryPolicy": {"maxAttempts": attempts}}
        return self.create(DEMO, request(name="tea", metadata=metadata or {}, actionBundle=bundle))

    def sent(self, timer: Timer) -> WebhookRequest:
        """Let the timer fire and return the request of its first attempt."""
        before = len(self.receiver.requests)
        self.play(timer.fire_at_ms + 1_000)
        assert len(self.receiver.requests) > before, self.attempts(timer)
        return self.receiver.requests[before][1]

    def attempts(self, timer: Timer) -> tuple[Attempt, ...]:
        self.play(max(timer.fire_at_ms, self.clock.now_ms()) + 1_000)
        return self.now(timer).actions[0].attempts


@pytest.fixture
def shop() -> Shop:
    return Shop()


def accepted_by(request: WebhookRequest) -> set[str]:
    """Which of the two secrets the request verifies with."""
    accepting = set()
    for name, secret in (("old", OLD), ("new", NEW)):
        try:
            verify(secret, request.headers, request.body or b"", int(request.headers["webhook-timestamp"]))
        except InvalidSignatureError:
            continue
        accepting.add(name)
    return accepting


def test_without_a_destination_a_webhook_goes_unsigned(shop: Shop) -> None:
    assert "webhook-signature" not in shop.sent(shop.webhook(url=URL)).headers


def test_the_default_destination_signs_whatever_names_no_other(shop: Shop) -> None:
    shop.put("default", signingSecret=OLD)
    assert accepted_by(shop.sent(shop.webhook(url=URL))) == {"old"}
    assert accepted_by(shop.sent(shop.webhook(url="https://elsewhere.example/", destination="default"))) == {"old"}


def test_a_named_destination_signs_with_its_own_secret_and_sends_its_headers(shop: Shop) -> None:
    shop.put("default", signingSecret=OLD)
    shop.put("billing", url=URL, signingSecret=NEW, authHeaders={"Authorization": "Bearer t0ken", "X-Team": "b"})
    request = shop.sent(shop.webhook(url=URL + "/x", destination="billing", headers={"authorization": "mine"}))
    assert accepted_by(request) == {"new"}
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert "authorization" not in request.headers
    assert request.headers["X-Team"] == "b"


def test_auth_headers_go_nowhere_but_where_they_belong(shop: Shop) -> None:
    shop.put("billing", url=URL, authHeaders={"Authorization": "Bearer t0ken"})
    assert "Authorization" not in shop.sent(shop.webhook(url=URL)).headers


def test_without_a_url_of_its_own_a_webhook_goes_to_its_destinations(shop: Shop) -> None:
    shop.put("billing", url=URL)
    assert shop.sent(shop.webhook(destination="billing")).url == URL


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("POST", {"text": "Gr\u00fc\u00dfe"})])
def test_the_signature_is_over_what_is_sent_even_if_it_is_nothing(shop: Shop, method: str, body: object) -> None:
    shop.put("default", signingSecret=OLD)
    parameters = {"method": method} | ({"body": body} if body else {})
    assert accepted_by(shop.sent(shop.webhook(url=URL, **parameters))) == {"old"}


def test_while_a_secret_rotates_both_sign_and_afterwards_the_new_one_alone(shop: Shop) -> None:
    shop.put("billing", url=URL, signingSecret=OLD)
    assert accepted_by(shop.sent(shop.webhook(destination="billing"))) == {"old"}
    shop.rotate("billing", overlap="1h")
    assert accepted_by(shop.sent(shop.webhook(destination="billing"))) == {"old", "new"}
    shop.clock.advance(HOUR_MS)
    assert accepted_by(shop.sent(shop.webhook(destination="billing"))) == {"new"}


def test_a_secret_that_was_taken_away_signs_no_more(shop: Shop) -> None:
    shop.put("billing", url=URL, signingSecret=OLD)
    shop.rotate("billing")
    (_, old) = shop.destinations.get_many("demo", ["billing"])["billing"].secrets
    RemoveSecret(shop.destinations, shop.clock)(DEMO, "billing", old.id)
    assert accepted_by(shop.sent(shop.webhook(destination="billing"))) == {"new"}


def test_every_attempt_has_the_same_id_and_trace_its_own_timestamp_span_and_signature(shop: Shop) -> None:
    shop.put("default", signingSecret=OLD)
    shop.receiver.answers.append(TransientActionError("busy", 503, retry_after_ms=5_000))
    timer = shop.webhook(url=URL, attempts=2)
    shop.play(timer.fire_at_ms + 10_000)
    first, second = (one.headers for _, one in shop.receiver.requests)
    assert first["webhook-id"] == second["webhook-id"] == first["idempotency-key"] == second["idempotency-key"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) >= 5
    assert first["webhook-signature"] != second["webhook-signature"]
    (version, trace, span, flags), again = first["traceparent"].split("-"), second["traceparent"].split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")
    assert (again[1] == trace, again[2] == span) == (True, False)


GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"


@pytest.mark.parametrize(
    ("metadata", "headers", "parent", "state"),
    [
        ({"traceparent": GIVEN, "tracestate": "a=1"}, {}, GIVEN, "a=1"),
        ({"traceparent": GIVEN}, {"Traceparent": "mine"}, "mine", None),
        ({"traceparent": GIVEN, "tracestate": "a\n"}, {}, GIVEN, None),
        ({"traceparent": GIVEN, "tracestate": "a=1 "}, {}, GIVEN, None),
        ({"traceparent": GIVEN, "tracestate": " "}, {}, GIVEN, None),
        ({"traceparent": GIVEN.upper(), "tracestate": "a=1"}, {}, None, None),
        ({"traceparent": "00-" + "0" * 32 + "-b7ad6b7169203331-00"}, {}, None, None),
        ({"traceparent": "ff" + GIVEN[2:]}, {}, None, None),
        ({"traceparent": 7}, {}, None, None),
    ],
)
def test_a_trace_that_the_caller_began_goes_on(
    shop: Shop, metadata: dict[str, Any], headers: dict[str, str], parent: str | None, state: str | None
) -> None:
    sent = shop.sent(shop.webhook(metadata, url=URL, headers=headers)).headers
    given = [value for name, value in sent.items() if name.lower() == "traceparent"]
    assert len(given) == 1
    assert given == [parent] if parent else given != [metadata["traceparent"]]
    assert sent.get("tracestate") == state


def test_placeholders_are_filled_in_everywhere_each_in_its_own_way(shop: Shop) -> None:
    timer = shop.webhook(
        {"ticket": 7, "who": "Zo\u00eb & Ann/7", "tags": ["x"], "method": "PUT"},
        url="https://example.org/t/{{ timer.metadata.who }}?n={{ timer.metadata.ticket }}&id={{ timer.id }}",
        method="{{ timer.metadata.method }}",
        headers={"X-Delivery": "{{ deliveryId }}/{{ attempt }}"},
        body={
            "ticket": "{{ timer.metadata.ticket }}",
            "text": "{{ timer.name }} #{{ timer.metadata.ticket }}",
            "tags": "{{ timer.metadata.tags }}",
            "due": "{{ timer.fireAt }}",
            "late": "{{ timer.latenessMs }}",
        },
    )
    request = shop.sent(timer)
    assert request.method == "PUT"
    assert request.url == f"https://example.org/t/Zo%C3%AB%20%26%20Ann%2F7?n=7&id={timer.id}"
    assert request.headers["X-Delivery"] == f"{timer.id}_a/1"
    assert json.loads(request.body or b"") == {
        "ticket": 7,
        "text": "tea #7",
        "tags": ["x"],
        "due": "2026-09-21T14:13:50.000Z",
        "late": 0,
    }


@pytest.mark.parametrize(
    ("parameters", "metadata", "field", "says"),
    [
        ({"url": URL + "/{{ timer.metadata.x }}"}, {}, "url", "no 'timer.metadata.x'"),
        ({"body": {"a": [1, "{{ timer.nome }}"]}}, {}, "body.a[1]", "no 'timer.nome'"),
        ({"headers": {"X-A": "{{ timer.metadata.x }}"}}, {"x": "\u00e9"}, "headers.X-A", "once filled in"),
        ({"headers": {"X-A": "{{ timer.metadata.x }}"}}, {"x": "a\r\nHost: b"}, "headers.X-A", "once filled in"),
        ({"method": "{{ timer.metadata.x }}"}, {"x": "TRACE"}, "method", "once filled in"),
        ({"url": URL + "/{{ timer.metadata.x }}/y"}, {"x": ".."}, "url", "'.' or '..'"),
        ({"url": URL + "/.{{ timer.metadata.x }}"}, {"x": "."}, "url", "'.' or '..'"),
        ({"url": URL + "/{{ timer.metadata.x }}"}, {"x": "../admin"}, "url", "'.' or '..'"),
        ({"url": URL + "/{{ timer.metadata.x }}"}, {"x": "a\\..\\admin"}, "url", "'.' or '..'"),
        ({"url": URL + "/{{ timer.metadata.x }}"}, {"x": "%2e%2e"}, "url", "'.' or '..'"),
        ({"url": URL + "/..{{ timer.metadata.x }}"}, {"x": ";/admin"}, "url", "'.' or '..'"),
        ({"url": URL + "/{{ timer.metadata.x }}"}, {"x": "y" * 2_048}, "url", "at most 2048"),
        ({"body": ["{{ timer.metadata.x }}"] * 500}, {"x": "y" * 1_000}, "body[200]", "more text than fits"),
        ({"destination": "billing"}, {}, "destination", "PUT /destinations/billing"),
        ({"destination": "shipping", "url": "https://other.example/"}, {}, "url", "does not lie under"),
        ({"destination": "shipping", "url": "https://ship.example.evil.example/"}, {}, "url", "does not lie under"),
        (
            {"destination": "shipping", "url": "https://ship.example/hooks/{{ timer.metadata.x }}"},
            {"x": ".."},
            "url",
            "..",
        ),
    ],
)
def test_a_webhook_that_could_not_be_sent_is_refused_at_once_and_its_field_named(
    shop: Shop, parameters: dict[str, Any], metadata: dict[str, Any], field: str, says: str
) -> None:
    shop.put("shipping", url="https://ship.example/hooks")
    with pytest.raises(InvalidTimerError) as refused:
        shop.webhook(metadata, **({"url": URL} | parameters))
    ((named, message),) = refused.value.fields
    assert named == f"actionBundle.actions[0].parameters.{field}"
    assert says in message
    assert shop.store.page("demo", statuses=frozenset(), limit=1).items == ()


def test_a_path_that_leads_out_of_its_destination_by_what_came_of_others_is_not_sent(shop: Shop) -> None:
    shop.put("billing", url=URL, authHeaders={"Authorization": "Bearer key"})
    told = {"destination": "billing", "url": URL + "/{{ actions.a.error }}"}
    bundle = {
        "actions": [{"id": "a", "kind": "webhook", "parameters": {"url": URL}}],
        "onFailure": {"id": "f", "kind": "webhook", "parameters": told},
    }
    timer = shop.create(DEMO, request(actionBundle=bundle))
    shop.receiver.answers.append(PermanentActionError("../admin"))
    shop.play(timer.fire_at_ms + 5_000)
    state = shop.now(timer).action("f")
    assert state is not None
    assert "'.' or '..'" in (state.error or "")
    assert len(shop.receiver.requests) == 1


def test_every_webhook_at_fault_is_named(shop: Shop) -> None:
    actions = [{"id": name, "kind": "webhook", "parameters": {"url": f"{URL}/{{{{ {name} }}}}"}} for name in ("a", "b")]
    with pytest.raises(InvalidTimerError) as refused:
        shop.create(DEMO, request(actionBundle={"actions": actions}))
    assert len(refused.value.fields) == 2


def test_a_destination_that_is_gone_when_the_timer_fires_fails_the_action_by_name(shop: Shop) -> None:
    shop.put("billing", url=URL)
    timer = shop.webhook(destination="billing", attempts=3)
    DeleteDestination(shop.destinations)(DEMO, "billing")
    (attempt,) = shop.attempts(timer)
    assert (attempt.outcome, attempt.error) == ("failed", "there is no destination 'billing' any more")
    assert shop.receiver.requests == []


def test_a_destination_that_moved_away_from_an_actions_url_is_sent_nothing(shop: Shop) -> None:
    shop.put("billing", url=URL)
    timer = shop.webhook(url=URL + "/x", destination="billing", attempts=3)
    shop.put("billing", url="https://moved.example/")
    (attempt,) = shop.attempts(timer)
    assert attempt.error == "the URL does not lie under that of destination 'billing'"
    assert shop.receiver.requests == []


GONE = PermanentActionError("the receiver answered 410", 410)


def test_a_410_disables_the_destination_until_it_is_enabled(shop: Shop) -> None:
    shop.put("billing", url=URL)
    shop.put("shipping", url=URL)
    shop.receiver.answers.append(GONE)
    (first,) = shop.attempts(shop.webhook(destination="billing", attempts=3))
    assert (first.status_code, first.error) == (410, "the receiver answered 410")
    (second,) = shop.attempts(shop.webhook(url=URL + "/other", destination="billing", attempts=3))
    assert second.error is not None
    assert second.error.startswith("not sent: destination 'billing' is disabled since 2026-09-21T14:13:50")
    assert second.error.endswith("it answered 410 to action 'a'")
    assert (second.status_code, len(shop.receiver.requests)) == (None, 1)
    assert shop.sent(shop.webhook(destination="shipping"))
    shop.enable("billing")
    assert shop.sent(shop.webhook(destination="billing"))


def test_what_its_owner_disabled_is_sent_nothing_until_it_is_enabled(shop: Shop) -> None:
    shop.put("billing", url=URL)
    timer = shop.webhook(destination="billing", attempts=3)
    DisableDestination(shop.destinations, shop.clock)(DEMO, "billing", "moving house")
    (attempt,) = shop.attempts(timer)
    assert attempt.error is not None
    assert attempt.error.endswith("by 'ann': moving house")
    assert shop.receiver.requests == []
    shop.enable("billing")
    assert shop.sent(shop.webhook(destination="billing"))


def test_a_410_of_a_url_that_is_no_destinations_disables_that_url_alone(shop: Shop) -> None:
    shop.put("default", signingSecret=OLD)
    shop.receiver.answers.append(GONE)
    shop.attempts(shop.webhook(url=URL + "?a=1"))
    (refused,) = shop.attempts(shop.webhook(url=URL + "?a=2"))
    name = name_of_url(URL)
    assert refused.error is not None
    assert name in refused.error
    assert shop.destinations.get_many("demo", [name])[name].url == URL
    assert shop.sent(shop.webhook(url=URL + "/other"))
    shop.enable(name)
    assert shop.sent(shop.webhook(url=URL))
    shop.receiver.answers.append(GONE)  # and once more
    shop.attempts(shop.webhook(url=URL))
    assert shop.destinations.get_many("demo", [name])[name].disabled_at_ms is not None


def test_another_tenants_410_is_not_ours(shop: Shop) -> None:
    shop.receiver.answers.append(GONE)
    shop.attempts(shop.webhook(url=URL))
    assert shop.destinations.get_many("other", [name_of_url(URL)]) == {}


def test_that_a_410_could_not_be_written_down_does_not_lose_the_attempt(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise DependencyUnavailableError("no answer")

    monkeypatch.setattr(shop.destinations, "create", failing)
    shop.receiver.answers.append(GONE)
    timer = shop.webhook(url=URL)
    (attempt,) = shop.attempts(timer)
    assert attempt.status_code == 410
    assert shop.now(timer).status is Status.FAILED


def test_secrets_that_cannot_be_opened_are_tried_again_later(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.put("billing", url=URL)
    timer = shop.webhook(destination="billing", attempts=5)
    opening = shop.secret_box.open

    def sealed(*_: object) -> str:
        raise SealedSecretError("the key service says DisabledException")

    monkeypatch.setattr(shop.secret_box, "open", sealed)
    first = shop.attempts(timer)[0]
    assert first.error == "the secrets of destination 'billing' cannot be opened"
    monkeypatch.setattr(shop.secret_box, "open", opening)
    shop.play(shop.clock.now_ms() + 60_000)
    assert shop.now(timer).status is Status.SETTLED


def test_nothing_is_sent_and_no_attempt_counted_while_the_secret_box_is_silent(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.put("billing", url=URL)
    timer = shop.webhook(destination="billing")

    def silent(*_: object) -> str:
        raise DependencyUnavailableError("the key service did not answer")

    with monkeypatch.context() as patched:
        patched.setattr(shop.secret_box, "open", silent)
        assert shop.attempts(timer) == ()
    shop.play(shop.clock.now_ms() + 600_000)
    assert [one.outcome for one in shop.now(timer).actions[0].attempts] == ["succeeded"]


def test_what_is_secret_in_a_request_is_known_to_whoever_shows_an_answer(shop: Shop) -> None:
    shop.put("billing", url=URL, signingSecret=OLD, authHeaders={"Authorization": "Basic dXNlcjpwYXNz"})
    headers = {"X-Api-Key": "k3y-of-caller", "Accept": "application/json"}
    secrets = shop.sent(shop.webhook(destination="billing", headers=headers)).secrets
    assert {"Basic dXNlcjpwYXNz", "dXNlcjpwYXNz", "k3y-of-caller", OLD, OLD.removeprefix("whsec_")} <= secrets
    assert "application/json" not in secrets


def test_an_attempt_keeps_how_long_it_took_and_how_a_refusal_began(shop: Shop) -> None:
    refusal = TransientActionError("the receiver answered 503", 503)
    refusal.answer = Answer(503, 12, 34, "try later")
    shop.receiver.answers.append(refusal)
    timer = shop.webhook(url=URL)
    (attempt,) = shop.attempts(timer)
    assert (attempt.connect_ms, attempt.first_byte_ms, attempt.excerpt) == (12, 34, "try later")
    letter = shop.dead_letters.letters[0]
    assert letter.attempts == (attempt,)


def test_no_secret_is_stored_with_a_timer_or_a_dead_letter(shop: Shop) -> None:
    shop.put("billing", url=URL, signingSecret=OLD, authHeaders={"Authorization": "Bearer t0ken"})
    shop.receiver.answers.append(PermanentActionError("no", 403))
    timer = shop.webhook(destination="billing")
    shop.attempts(timer)
    stored = repr((shop.store.get(TimerKey("demo", timer.id)), shop.dead_letters.letters))
    assert "t0ken" not in stored
    assert OLD.removeprefix("whsec_") not in stored
