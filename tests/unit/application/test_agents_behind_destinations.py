"""Agents whose binding names a destination: signed, let in, limited, disabled and refused as webhooks are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest

from minoots_contract.actions import Action
from minoots_kernel.application.address_book import AddressBook
from minoots_kernel.application.destinations import DeleteDestination
from minoots_kernel.application.performers.agent import AgentPerformer
from minoots_kernel.application.ports import Performed
from minoots_kernel.domain.agents import AgentDelivery
from minoots_kernel.domain.chains import chain_of
from minoots_kernel.domain.circuits import Call
from minoots_kernel.domain.dead_letters import LetterFilter
from minoots_kernel.domain.destinations import name_of_url
from minoots_kernel.domain.errors import InvalidTimerError, PermanentActionError, TransientActionError
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.webhooks import WebhookRequest
from tests.unit.application.test_agents import to
from tests.unit.application.test_webhook_performer import GONE, NEW, OLD, Shop, accepted_by
from tests.unit.application.world import DEMO
from tests.unit.domain.builders import request

URL = "https://agent.example/run"


@pytest.fixture
def shop() -> Shop:
    made = Shop()
    made.put("agents", url=URL, signingSecret=NEW, authHeaders={"Authorization": "Bearer t0ken"})
    return made


def wake(shop: Shop, attempts: int = 1, **binding: Any) -> Timer:
    """Create a timer that wakes an agent."""
    wanted = {"adapter": "custom", "destination": "agents"} | binding
    action = {"id": "a", "kind": "agent_prompt", "parameters": {"prompt": "hello", "binding": wanted}}
    return shop.create(DEMO, request(actionBundle={"actions": [action], "retryPolicy": {"maxAttempts": attempts}}))


def sent(shop: Shop, **binding: Any) -> WebhookRequest:
    return shop.sent(wake(shop, **binding))


def refusal(shop: Shop, **timer: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidTimerError) as refused:
        shop.create(DEMO, request(**timer))
    assert shop.store.timers == []
    return list(refused.value.fields)


@pytest.mark.parametrize(
    ("binding", "url"),
    [
        ({}, URL),
        ({"target": f"{URL}/below?x=1"}, f"{URL}/below?x=1"),
        ({"adapter": "autogen"}, URL),
        ({"adapter": "langchain"}, f"{URL}/invoke"),
        ({"adapter": "langchain", "target": f"{URL}/runs/wait"}, f"{URL}/runs/wait"),
    ],
)
def test_what_an_agent_is_sent_is_signed_and_let_in_as_its_destination_says(
    shop: Shop, binding: dict[str, Any], url: str
) -> None:
    shop.put("default", signingSecret=OLD)
    got = sent(shop, headers={"authorization": "mine", "X-Own": "1"}, **binding)
    assert got.url == url
    assert accepted_by(got) == {"new"}
    assert got.headers["Authorization"] == "Bearer t0ken"
    assert "authorization" not in got.headers
    assert got.headers["X-Own"] == "1"
    assert {"Bearer t0ken", NEW} <= got.secrets


def test_both_secrets_sign_while_one_takes_the_others_place(shop: Shop) -> None:
    shop.put("old", url=URL, signingSecret=OLD)
    shop.rotate("old", NEW, "1h")
    assert accepted_by(sent(shop, destination="old")) == {"old", "new"}


def test_the_timers_own_agent_may_be_behind_a_destination(shop: Shop) -> None:
    timer = shop.create(DEMO, request(agentBinding={"adapter": "custom", "destination": "agents"}))
    assert accepted_by(shop.sent(timer)) == {"new"}
    assert shop.now(timer).status is Status.SETTLED


def test_an_agent_without_a_destination_is_neither_signed_nor_looked_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.put("default", signingSecret=OLD)

    def asked(*_: object) -> None:
        raise AssertionError("the store of destinations was asked")

    monkeypatch.setattr(shop.destinations, "get_many", asked)
    timer = shop.create(DEMO, request(agentBinding=to()))
    assert "webhook-signature" not in shop.sent(timer).headers


def test_a_410_of_an_agent_without_a_destination_disables_nothing(shop: Shop) -> None:
    shop.receiver.answers.append(GONE)
    shop.attempts(shop.create(DEMO, request(agentBinding=to())))
    assert shop.destinations.get_many("demo", [name_of_url(URL)]) == {}


def test_the_default_destination_signs_for_an_agent_that_names_it_wherever_it_is(shop: Shop) -> None:
    shop.put("default", signingSecret=OLD)
    got = sent(shop, destination="default", target="https://elsewhere.example/")
    assert accepted_by(got) == {"old"}
    assert "Authorization" not in got.headers


def test_an_agent_that_answers_410_is_left_alone_until_its_destination_is_enabled(shop: Shop) -> None:
    shop.receiver.answers.append(GONE)
    (first,) = shop.attempts(wake(shop, attempts=3))
    (second,) = shop.attempts(wake(shop, attempts=3, target=f"{URL}/other"))
    assert (first.status_code, second.status_code, len(shop.receiver.requests)) == (410, None, 1)
    assert second.error is not None
    assert second.error.startswith("not sent: destination 'agents' is disabled")
    shop.enable("agents")
    assert sent(shop)


def test_the_circuit_is_the_destinations_own(shop: Shop) -> None:
    shop.put("others", url=URL)
    shop.receiver.answers += [TransientActionError("busy", 503)] * 5
    timers = [wake(shop) for _ in range(6)]
    other = wake(shop, destination="others")
    shop.play(timers[-1].fire_at_ms + 1_000)
    (waiting,) = [put_off for timer in timers if (put_off := shop.now(timer).actions[0].put_off)]
    assert "destination 'agents' fails" in waiting.reason
    assert shop.now(other).status is Status.SETTLED


def test_the_rate_of_a_destination_holds_for_its_agents(shop: Shop) -> None:
    shop.put("slow", url=URL, rateLimit={"perSecond": 0.1})
    timers = [wake(shop, destination="slow") for _ in range(3)]
    shop.play(timers[-1].fire_at_ms + 60_000)
    times = [at_ms for at_ms, _ in shop.receiver.requests]
    assert [later - earlier for earlier, later in pairwise(times)] == [10_000, 10_000]


@pytest.mark.parametrize("moved", [True, False])
def test_a_destination_that_is_gone_or_moved_when_the_timer_fires_is_sent_nothing(shop: Shop, moved: bool) -> None:
    timer = wake(shop, attempts=3, target=f"{URL}/x")
    if moved:
        shop.put("agents", url="https://moved.example/", authHeaders={})
    else:
        DeleteDestination(shop.destinations)(DEMO, "agents")
    (attempt,) = shop.attempts(timer)
    assert attempt.error is not None
    assert "destination 'agents'" in attempt.error
    assert shop.receiver.requests == []


def test_an_agent_without_a_target_follows_its_destination(shop: Shop) -> None:
    timer = wake(shop)
    shop.put("agents", url="https://moved.example/", authHeaders={"Authorization": "Bearer t0ken"})
    assert shop.sent(timer).url == "https://moved.example/"


OWN = "actionBundle.actions[0].parameters"


@pytest.mark.parametrize(
    ("binding", "field", "says"),
    [
        ({"destination": "nothing"}, "destination", "PUT /destinations/nothing"),
        ({"target": "https://agent.example.evil.example/"}, "target", "does not lie under"),
        ({"target": "https://agent.example/"}, "target", "does not lie under"),
        ({"destination": "default"}, "target", "give the URL"),
    ],
)
def test_a_binding_that_could_not_be_called_is_refused_and_its_field_named(
    shop: Shop, binding: dict[str, Any], field: str, says: str
) -> None:
    wanted = {"adapter": "custom", "destination": "agents"} | binding
    prompt = {"id": "a", "kind": "agent_prompt", "parameters": {"binding": wanted}}
    asked = {"id": "a", "kind": "agent_prompt", "parameters": {"requiresAcknowledgement": {"escalation": []}}}
    asked["parameters"]["requiresAcknowledgement"]["escalation"] = [
        {"binding": to("inbox", "ann")},
        {"binding": wanted},
    ]  # type: ignore[index]
    for timer, place in (
        ({"agentBinding": wanted}, f"agentBinding.{field}"),
        ({"actionBundle": {"actions": [prompt]}}, f"{OWN}.binding.{field}"),
        (
            {"actionBundle": {"actions": [asked]}, "agentBinding": to()},
            f"{OWN}.requiresAcknowledgement.escalation[1].binding.{field}",
        ),
    ):
        ((named, message),) = refusal(shop, **timer)
        assert named == place
        assert says in message


def test_every_receiver_at_fault_is_named(shop: Shop) -> None:
    webhook = {"id": "w", "kind": "webhook", "parameters": {"url": URL, "destination": "nothing"}}
    prompt = {"id": "a", "kind": "agent_prompt", "parameters": {"binding": to(destination="nothing")}}
    assert [field for field, _ in refusal(shop, actionBundle={"actions": [webhook, prompt]})] == [
        f"{OWN}.destination",
        "actionBundle.actions[1].parameters.binding.destination",
    ]


def test_a_dead_letter_of_an_agent_is_found_by_its_destination_and_has_no_secret(shop: Shop) -> None:
    shop.receiver.answers.append(PermanentActionError("no", 403))
    shop.attempts(wake(shop))
    (letter,) = shop.dead_letters.letters
    assert LetterFilter(destination="agents").matches(letter)
    assert not LetterFilter(destination="billing").matches(letter)
    assert "t0ken" not in repr(letter)


def test_whoever_is_asked_next_may_be_behind_a_destination(shop: Shop) -> None:
    step = {"binding": {"adapter": "custom", "destination": "agents"}, "timeoutMs": 1_000}
    action = {
        "id": "a",
        "kind": "agent_prompt",
        "parameters": {
            "binding": to("inbox", "ann"),
            "requiresAcknowledgement": {"timeoutMs": 1_000, "escalation": [step]},
        },
    }
    timer = shop.create(DEMO, request(actionBundle={"actions": [action]}))
    shop.play(timer.fire_at_ms + 300_000)
    (_, got), *_ = shop.receiver.requests
    assert accepted_by(got) == {"new"}
    assert json.loads(got.body or b"")["acknowledgement"]["step"] == 1
    chain = chain_of(timer, "a")
    assert chain is not None
    assert [one.receiver for one in chain.steps] == ["inbox ann", "custom agents"]


def test_a_binding_stored_without_any_place_to_go_fails_for_good(shop: Shop) -> None:
    timer = wake(shop)
    binding = {"adapter": "custom", "destination": "default"}
    action = Action.model_construct(id="a", kind="agent_prompt", parameters={"binding": binding})
    shop.put("default", signingSecret=OLD)
    with pytest.raises(PermanentActionError, match="nothing says where to"):
        shop.run.performers["agent_prompt"].perform(timer, action, 1, shop.clock.now_ms())


class Ready:
    """A receiver, and the shield before it, that note what is done in which order."""

    def __init__(self) -> None:
        self.order: list[str] = []

    def prepare(self) -> None:
        self.order.append("prepare")

    def deliver(self, delivery: AgentDelivery) -> Performed:
        self.order.append("deliver")
        return Performed(200)

    @contextmanager
    def admitted(self, call: Call) -> Iterator[None]:
        self.order.append("admit")
        yield


@pytest.mark.parametrize("destination", [None, "agents"])
def test_a_receiver_gets_ready_before_its_time_is_measured(shop: Shop, destination: str | None) -> None:
    ready = Ready()
    book = AddressBook(shop.destinations, shop.secret_box, shop.clock, ready)
    timer = wake(shop, target=URL, destination=destination)
    performer = AgentPerformer({"custom": ready}, shop.templates, book)
    assert timer.spec.bundle is not None
    performer.perform(timer, timer.spec.bundle.actions[0], 1, shop.clock.now_ms())
    assert ready.order == ["prepare", "admit", "deliver"]
