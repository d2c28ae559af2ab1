from __future__ import annotations

from typing import Any

import pytest

from minoots_contract.agents import ADAPTERS, AgentBinding
from minoots_contract.timers import CreateTimerRequest
from tests.unit.contract.test_requests import MINIMAL, problems

URL = "https://agent.example/run"
ACK = "requiresAcknowledgement."
BINDING = {"adapter": "custom", "target": URL}


def refused(**changes: Any) -> dict[str, str]:
    return problems(CreateTimerRequest, MINIMAL | changes)


def with_action(kind: str, **parameters: Any) -> dict[str, Any]:
    return {"actionBundle": {"actions": [{"id": "a", "kind": kind, "parameters": parameters}]}}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_binding_has_the_defaults_of_the_contract(adapter: str) -> None:
    binding = AgentBinding.model_validate({"adapter": adapter, "target": "ann" if adapter == "inbox" else URL})
    assert (binding.payload_template, binding.acknowledgement_timeout_ms) == ({}, 60_000)
    assert (binding.headers, binding.tool, binding.assistant, binding.timeout_ms) == ({}, None, None, 30_000)


@pytest.mark.parametrize(
    ("binding", "place", "says"),
    [
        ({}, "adapter", "required"),
        (BINDING | {"adapter": "smtp"}, "adapter", "mcp"),
        (BINDING | {"target": ""}, "target", "at least 1"),
        (BINDING | {"target": "agent.example"}, "target", "http or https"),
        (BINDING | {"target": "http://user:pass@agent.example/"}, "target", "user name"),
        (BINDING | {"adapter": "inbox"}, "target", "agent's name"),
        ({"adapter": "inbox", "target": "a#b"}, "target", "agent's name"),
        ({"adapter": "inbox", "target": "ann\n"}, "target", "agent's name"),
        ({"adapter": "inbox", "target": "ann", "headers": {"X-A": "b"}}, "headers", "leave them out"),
        ({"adapter": "custom"}, "target", "name a destination"),
        (BINDING | {"target": None, "destination": "agents"}, "target", "name a destination"),
        (BINDING | {"destination": "a b"}, "destination", "pattern"),
        ({"adapter": "inbox", "target": "ann", "destination": "agents"}, "destination", "leave it out"),
        (BINDING | {"payloadTemplate": []}, "payloadTemplate", "dictionary"),
        (BINDING | {"headers": {"Host": "x"}}, "headers", "leave it out"),
        (BINDING | {"tool": "wake"}, "tool", "only mcp"),
        (BINDING | {"adapter": "mcp", "assistant": "x"}, "assistant", "only langchain"),
        (BINDING | {"timeoutMs": 30_001}, "timeoutMs", "30000"),
        (BINDING | {"acknowledgementTimeoutMs": 0}, "acknowledgementTimeoutMs", "1"),
        (BINDING | {"retries": 3}, "retries", "not permitted"),
    ],
)
def test_a_binding_that_does_not_fit_is_named_on_the_timer_and_in_an_action(
    binding: dict[str, Any], place: str, says: str
) -> None:
    on_timer = refused(agentBinding=binding)
    in_action = refused(**with_action("agent_prompt", binding=binding or {"adapter": None}))
    assert says in on_timer[f"agentBinding.{place}"]
    assert f"actionBundle.actions.0.parameters.binding.{place}" in in_action


@pytest.mark.parametrize("adapter", [name for name in ADAPTERS if name != "inbox"])
def test_a_binding_that_names_a_destination_may_leave_the_target_to_it(adapter: str) -> None:
    binding = AgentBinding.model_validate({"adapter": adapter, "destination": "agents"})
    assert (binding.target, binding.destination) == (None, "agents")
    assert "target" not in binding.wire()


@pytest.mark.parametrize(
    ("kind", "parameters", "place", "says"),
    [
        ("agent_prompt", {"prompt": ""}, "prompt", "at least 1"),
        ("agent_prompt", {"prompt": "x" * 65_537}, "prompt", "at most 65536"),
        ("agent_prompt", {"text": "x"}, "text", "not permitted"),
        ("command", {}, "template", "required"),
        ("command", {"template": "a b"}, "template", "pattern"),
        ("command", {"template": "a", "version": 0}, "version", "greater"),
        ("command", {"template": "a", "version": "1"}, "version", "integer"),
        ("command", {"template": "a", "arguments": []}, "arguments", "dictionary"),
        ("agent_prompt", {"requiresAcknowledgement": "yes"}, "requiresAcknowledgement", "dictionary"),
        ("agent_prompt", {"requiresAcknowledgement": {"timeoutMs": 999}}, "requiresAcknowledgement.timeoutMs", "1000"),
        ("command", {"template": "a", "requiresAcknowledgement": {"maxAttempts": 21}}, ACK + "maxAttempts", "20"),
        ("agent_prompt", {"requiresAcknowledgement": {"doneWithinMs": 0}}, ACK + "doneWithinMs", "1000"),
        ("agent_prompt", {"requiresAcknowledgement": {"wait": 1}}, ACK + "wait", "not permitted"),
        ("agent_prompt", {"requiresAcknowledgement": {"escalation": [{}] * 9}}, ACK + "escalation", "at most 8"),
        ("agent_prompt", {"requiresAcknowledgement": {"escalation": [{}]}}, ACK + "escalation.0.binding", "who"),
    ],
)
def test_parameters_that_do_not_fit_are_named(kind: str, parameters: dict[str, Any], place: str, says: str) -> None:
    found = refused(**with_action(kind, **({"binding": BINDING} | parameters)))
    assert says in found[f"actionBundle.actions.0.parameters.{place}"]


@pytest.mark.parametrize(("kind", "more"), [("agent_prompt", {}), ("command", {"template": "restart"})])
def test_an_action_for_an_agent_needs_one_of_its_own_or_the_timers(kind: str, more: dict[str, Any]) -> None:
    alone = refused(**with_action(kind, **more))
    assert list(alone) == ["actionBundle.actions[0].parameters.binding"]
    assert "agentBinding" in alone["actionBundle.actions[0].parameters.binding"]
    assert refused(**with_action(kind, **more), agentBinding=BINDING) == {}
    assert refused(**with_action(kind, **more, binding=BINDING)) == {}
