"""What templates may cost: whoever fills them in has other tenants' work to do."""

from __future__ import annotations

import time
from typing import Any

import pytest

from minoots_contract.actions import Action
from minoots_kernel.domain.errors import InvalidTimerError, PermanentActionError
from tests.unit.application.world import DEMO, World
from tests.unit.domain.builders import URL, fired, request

ANN = {"adapter": "inbox", "target": "ann"}
LONG = ".".join("a" * 20_000)


def crossing(depth: int) -> dict[str, Any]:
    """Names with dots by which a path of many steps can go many ways; none of them leads to its last step."""
    return {"a": crossing(depth - 1), "a.a": crossing(depth - 2)} if depth > 0 else {"b": 1}


def going_astray(number: int) -> str:
    """A path that ends well, after all ways were tried but the last."""
    return f"{{{{ timer.metadata.ways{number}.{'.'.join('a' * 10)}.z }}}}"


def many_ways(count: int) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for number in range(count):
        made[f"ways{number}"] = last = crossing(10)
        for _ in range(10):
            last = last["a"]
        last["z"] = 1
    return made


COSTLY = {"x": [going_astray(number) for number in range(40)]}


def agents(count: int) -> dict[str, Any]:
    return {"actions": [{"id": f"a{number}", "kind": "agent_prompt"} for number in range(count)]}


def told(template: list[str], **more: Any) -> dict[str, Any]:
    return {"agentBinding": ANN | {"payloadTemplate": {"x": template}}} | more


def refusal(**wanted: Any) -> tuple[str, str]:
    """The first field that is at fault, and what is said about it."""
    with pytest.raises(InvalidTimerError) as refused:
        World().create(DEMO, request(**wanted))
    return refused.value.fields[0]


def test_a_path_that_is_too_long_is_refused_with_its_field() -> None:
    where, says = refusal(**told(["x", f"{{{{ timer.metadata.{LONG} }}}}"], metadata={LONG: 1}))
    assert where == "agentBinding.payloadTemplate.x[1]"
    assert "64 steps at most" in says


def test_a_template_that_takes_too_many_look_ups_is_refused_with_its_field() -> None:
    where, says = refusal(**told([going_astray(number) for number in range(40)], metadata=many_ways(40)))
    assert where.startswith("agentBinding.payloadTemplate.x[")
    assert "too many look-ups" in says


def test_actions_that_share_a_costly_template_share_what_a_timer_may_spend() -> None:
    template, metadata = [going_astray(number) for number in range(15)], many_ways(15)
    World().create(DEMO, request(**told(template, metadata=metadata)))
    begun = time.process_time()
    where, says = refusal(**told(template, metadata=metadata, actionBundle=agents(20)))
    assert time.process_time() - begun < 1
    assert where.startswith("agentBinding.payloadTemplate.x[")
    assert "too many look-ups" in says


def test_all_parts_of_a_webhook_share_what_an_attempt_may_spend() -> None:
    headers = {f"X-{number}": "{{ attempt }}" * 200 for number in range(32)}
    action = {"id": "a", "kind": "webhook", "parameters": {"url": URL, "headers": headers}}
    where, says = refusal(actionBundle={"actions": [action]})
    assert where.startswith("actionBundle.actions[0].parameters.headers")
    assert "too many look-ups" in says


def test_webhooks_that_are_costly_together_share_what_a_timer_may_spend() -> None:
    parameters = {"url": URL, "body": [going_astray(number) for number in range(15)]}
    actions = [{"id": f"a{number}", "kind": "webhook", "parameters": parameters} for number in range(20)]
    World().create(DEMO, request(actionBundle={"actions": actions[:3]}, metadata=many_ways(15)))
    where, says = refusal(actionBundle={"actions": actions}, metadata=many_ways(15))
    assert ".parameters.body[" in where
    assert "too many look-ups" in says


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("webhook", {"url": URL, "body": COSTLY}),
        ("agent_prompt", {"binding": ANN | {"payloadTemplate": COSTLY}}),
        ("workflow_event", {"target": "bus", "detailType": "x", "detail": COSTLY}),
    ],
)
def test_a_costly_template_that_is_stored_all_the_same_fails_for_good_and_soon(
    kind: str, parameters: dict[str, Any]
) -> None:
    world, timer = World(), fired("a", metadata=many_ways(40))
    action = Action.model_construct(id="a", kind=kind, parameters=parameters)  # type: ignore[arg-type]

    begun = time.process_time()
    with pytest.raises(PermanentActionError, match="too many look-ups"):
        world.run.performers[kind].perform(timer, action, 1, world.clock.now_ms())

    assert time.process_time() - begun < 0.5
    assert world.receiver.requests == []
