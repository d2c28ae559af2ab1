"""URLs whose host is an address that nothing may be sent to: refused wherever one is written, in every spelling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from minoots_contract.agents import AgentBinding
from minoots_kernel.application.check_receivers import CheckReceivers
from minoots_kernel.domain.errors import InvalidTimerError
from tests.unit.application.world import World
from tests.unit.interfaces.api import Answer, Api

METADATA = "http://169.254.169.254/latest"
ALLOWED = "http://192.168.7.9:8080/hook"  # by the deployment, as `World` has it
SAYS = "AllowedPrivateHosts"


def _words(text: str) -> list[str]:
    return text.split()


# As somebody may write them who hopes that nobody looks.
SPELLINGS = _words("""
    127.0.0.1 127.0.0.1. 127.0.0.1:8080 10.1.2.3 172.16.0.1 192.168.0.1 100.64.0.1 0.0.0.0 169.254.169.254 224.0.0.1
    168.63.129.16 255.255.255.255 [::1] [::] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::FFFF:A9FE:A9FE]
    [64:ff9b::10.0.0.1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::1] [2002:7f00:1::] [fe80::1] [fc00::1] [fd00:ec2::254]
    [ff02::1] [2001:0:4136:e378:8000:63bf:f5ff:fffe]
    \uff11\uff12\uff17.0.0.1 127\u30020\u30020\u30021 127\uff0e0\uff610.1
""")
# These are no addresses as everybody writes them, whatever they lead to, and are refused for that.
ODD_SPELLINGS = _words("""
    2130706433 017700000001 0x7f000001 127.1 127.0.1 0177.0.0.1 0x7f.0.0.1 0x7F.1 127.0.0.01 0x7f\u30021
""")


@pytest.fixture
def api() -> Api:
    return Api()


def webhook(url: str, **more: Any) -> dict[str, Any]:
    return {"id": "a", "kind": "webhook", "parameters": {"url": url}} | more


def prompt(**parameters: Any) -> dict[str, Any]:
    return {"id": "a", "kind": "agent_prompt", "parameters": {"prompt": "hello"} | parameters}


def agent(url: str) -> dict[str, Any]:
    return {"adapter": "custom", "target": url}


def asks(url: str, **who: Any) -> dict[str, Any]:
    return prompt(binding=agent("https://a.example"), requiresAcknowledgement={"escalation": [who]})


def create(api: Api, *actions: dict[str, Any], **body: Any) -> Answer:
    bundle = {"actionBundle": {"actions": list(actions)}} if actions else {}
    return api.post(duration="1m", **bundle, **body)


def told(answer: Answer) -> dict[str, str]:
    assert answer.status == 400, answer.text
    return {error["field"]: error["message"] for error in answer.json["errors"]}


@pytest.mark.parametrize("host", SPELLINGS)
def test_an_address_that_nothing_is_sent_to_is_refused_in_every_spelling(api: Api, host: str) -> None:
    (field, says), *others = told(create(api, webhook(f"http://{host}/hook"))).items()
    assert (field, others) == ("actionBundle.actions[0].parameters.url", [])
    assert says.startswith("'")
    assert SAYS in says
    assert told(api.call("PUT", "/destinations/d", body={"url": f"https://{host}"})).keys() == {"url"}
    assert (api.store.timers, api.call("GET", "/destinations").json) == ([], {"destinations": []})


@pytest.mark.parametrize("host", ODD_SPELLINGS)
def test_an_odd_spelling_of_an_address_is_refused_as_one(api: Api, host: str) -> None:
    (field, says), *others = told(create(api, webhook(f"http://{host}/hook"))).items()
    assert (field, others) == ("actionBundle.actions[0].parameters.url", [])
    assert "write it as 192.0.2.1" in says


@pytest.mark.parametrize(
    ("host", "plainly"),
    [
        ("\uff18.8.8.8", "8.8.8.8"),
        ("\u2467.\u2467.\u2467.\u2467", "8.8.8.8"),
        ("192.168.7.\uff19", "192.168.7.9"),
        ("\uff45xample.org", "xn--"),
        ("\ufb01sh.example", "xn--"),
        ("8.8.8.\u0663", "xn--"),
    ],
)
def test_a_host_that_cannot_be_sent_is_refused_though_it_is_public_or_allowed(
    api: Api, host: str, plainly: str
) -> None:
    (field, says), *others = told(create(api, webhook(f"http://{host}/{{{{ timer.name }}}}"))).items()
    assert (field, others) == ("actionBundle.actions[0].parameters.url", [])
    assert "IDNA 2008" in says
    assert says.partition("write it ")[2].count(plainly) == 1
    assert told(api.call("PUT", "/destinations/d", body={"url": f"https://{host}"})).keys() == {"url"}


@pytest.mark.parametrize("host", ["b\u00fccher.example", "8\u30028\u30028\u30028", "\u0435xample.org"])
def test_names_in_any_script_are_taken(api: Api, host: str) -> None:
    assert create(api, webhook(f"http://{host}/\u00fc")).status == 201


def test_a_receiver_that_has_neither_url_nor_destination_is_told_so() -> None:
    world = World()
    timer = world.new("a", duration="1s")
    nowhere = AgentBinding.model_construct(adapter="custom", target=None, destination=None)
    with pytest.raises(InvalidTimerError) as refused:
        CheckReceivers(world.destinations, world.guard.refusal)(
            replace(timer, spec=replace(timer.spec, agent_binding=nowhere))
        )
    assert refused.value.fields == (("agentBinding.target", "give the URL, or a destination that has one"),)


@pytest.mark.parametrize(
    ("actions", "binding", "field"),
    [
        ([webhook(METADATA)], None, "actionBundle.actions[0].parameters.url"),
        ([webhook(METADATA + "/{{ timer.name }}")], None, "actionBundle.actions[0].parameters.url"),
        ([prompt()], agent(METADATA), "agentBinding.target"),
        ([], agent(METADATA), "agentBinding.target"),
        ([prompt(binding=agent(METADATA))], None, "actionBundle.actions[0].parameters.binding.target"),
        (
            [asks(METADATA, binding=agent(METADATA))],
            None,
            "actionBundle.actions[0].parameters.requiresAcknowledgement.escalation[0].binding.target",
        ),
        (
            [asks(METADATA, webhook={"url": METADATA})],
            None,
            "actionBundle.actions[0].parameters.requiresAcknowledgement.escalation[0].webhook.url",
        ),
    ],
)
def test_it_is_refused_wherever_a_timer_has_it(
    api: Api, actions: list[dict[str, Any]], binding: dict[str, Any] | None, field: str
) -> None:
    more = {"agentBinding": binding} if binding else {}
    assert [(one, SAYS in says) for one, says in told(create(api, *actions, **more)).items()] == [(field, True)]


def test_it_is_refused_of_stand_bys_and_callbacks(api: Api) -> None:
    bundle = {"actions": [webhook("https://a.example")], "onFailure": webhook(METADATA, id="b")}
    assert told(api.post(duration="1m", actionBundle=bundle)).keys() == {"actionBundle.onFailure.parameters.url"}


def test_of_a_batch_it_refuses_one_and_not_the_others(api: Api) -> None:
    good = {"requestedBy": "cli", "duration": "1m"}
    bad = good | {"actionBundle": {"actions": [webhook(METADATA)]}}
    results = api.call("POST", "/timers:batch", body={"timers": [good, bad]}).json["results"]
    assert [one["status"] for one in results] == [201, 400]
    assert SAYS in results[1]["problem"]["errors"][0]["message"]


@pytest.mark.parametrize(
    "url", [ALLOWED, "http://[::ffff:192.168.7.9]/", "http://8.8.8.8/", "http://intra.example/", "http://localhost/"]
)
def test_what_the_deployment_allows_what_is_public_and_every_name_is_taken(api: Api, url: str) -> None:
    assert create(api, webhook(url)).status == 201
    assert api.call("PUT", "/destinations/d", body={"url": url}).status == 201


def test_an_inbox_may_be_called_what_it_is_called(api: Api) -> None:
    assert create(api, agentBinding={"adapter": "inbox", "target": "127.0.0.1"}).status == 201


@pytest.fixture
def narrowed(api: Api) -> Api:
    """A deployment that has a destination and a timer from when it allowed more."""
    assert api.call("PUT", "/destinations/d", body={"url": "https://d.example"}).status == 201
    create(api, webhook("https://a.example"))
    (stored,) = api.store.timers
    destination = api.destinations.get_many("demo", ["d"])["d"]
    api.destinations.replace(destination, replace(destination, url=METADATA, version=2))
    action = stored.spec.action("a")
    assert action is not None
    action.parameters["url"] = METADATA
    return api


def test_a_destination_that_stands_can_be_read_disabled_moved_and_deleted(narrowed: Api) -> None:
    path = "/destinations/d"
    assert narrowed.call("GET", path).json["url"] == METADATA
    assert [one["name"] for one in narrowed.call("GET", "/destinations").json["destinations"]] == ["d"]
    assert narrowed.call("POST", f"{path}/disable", body={}).status == 200
    assert narrowed.call("POST", f"{path}/secrets", body={}).status == 201
    assert told(narrowed.call("PUT", path, body={"url": METADATA})).keys() == {"url"}
    assert narrowed.call("PUT", path, body={"url": "https://d.example/new"}).status == 200
    assert narrowed.call("DELETE", path).status == 204


def test_a_new_timer_for_such_a_destination_is_refused_and_names_it(narrowed: Api) -> None:
    action = {"id": "a", "kind": "webhook", "parameters": {"destination": "d"}}
    assert told(create(narrowed, action)).keys() == {"actionBundle.actions[0].parameters.destination"}


def test_a_timer_that_stands_can_be_read_and_cancelled_and_a_patch_says_why_not(narrowed: Api) -> None:
    (timer,) = narrowed.call("GET", "/timers").json["timers"]
    path = f"/timers/{timer['id']}"
    assert narrowed.call("GET", path).status == 200
    patch = narrowed.call("PATCH", path, body={"name": "tea"}, headers={"content-type": "application/merge-patch+json"})
    assert told(patch).keys() == {"actionBundle.actions[0].parameters.url"}
    assert narrowed.call("POST", f"{path}/cancel", body={"requestedBy": "cli"}).status == 200
