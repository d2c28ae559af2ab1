from __future__ import annotations

import json
from typing import Any

import pytest

from minoots_contract.actions import Action
from minoots_contract.instants import format_instant
from minoots_kernel.domain.errors import (
    InvalidArgumentsError,
    InvalidTimerError,
    PermanentActionError,
    TransientActionError,
)
from minoots_kernel.domain.timer import Status, Timer
from tests.unit.application.world import DEMO, World, wake_up
from tests.unit.domain.builders import fired, request

URL = "https://agent.example/run"


def to(adapter: str = "custom", target: str = URL, **more: Any) -> dict[str, Any]:
    return {"adapter": adapter, "target": target} | more


def prompt(**parameters: Any) -> dict[str, Any]:
    return {"id": "a", "kind": "agent_prompt", "parameters": parameters}


def command(**parameters: Any) -> dict[str, Any]:
    return {"id": "a", "kind": "command", "parameters": parameters}


def create(world: World, *actions: dict[str, Any], attempts: int = 1, **more: Any) -> Timer:
    bundle = {"actionBundle": {"actions": list(actions), "retryPolicy": {"maxAttempts": attempts}}} if actions else {}
    return world.create(DEMO, request(**bundle, **more))


def run(world: World, timer: Timer) -> Timer:
    world.clock.advance_to(timer.fire_at_ms)
    world.fire(wake_up(timer))
    world.run(*world.actions_due())
    return world.now(timer)


def told(*actions: dict[str, Any], **more: Any) -> tuple[Timer, str, Any]:
    """The timer, the URL that was called and the body."""
    world = World()
    timer = run(world, create(world, *actions, **more))
    assert timer.status is Status.SETTLED
    ((_, sent),) = world.receiver.requests
    assert sent.body is not None
    return timer, sent.url, json.loads(sent.body)


def test_a_timer_with_an_agent_and_no_actions_wakes_the_agent() -> None:
    timer, url, body = told(agentBinding=to(), metadata={"ticket": 7})
    assert timer.spec.bundle is not None
    assert [(action.id, action.kind) for action in timer.spec.bundle.actions] == [("agent", "agent_prompt")]
    assert url == URL
    assert (body["type"], body["deliveryId"]) == ("io.minoots.timer.fired.v1", f"{timer.id}_agent")
    assert (body["timer"]["id"], body["timer"]["metadata"]) == (timer.id, {"ticket": 7})
    assert "prompt" not in body


def test_an_agents_payload_is_its_template_filled_in() -> None:
    template = {"ticket": "{{ timer.metadata.ticket }}", "say": "{{ prompt }}", "id": "{{ deliveryId }}"}
    timer, _, body = told(
        prompt(prompt="Look at {{ timer.metadata.ticket }}."),
        agentBinding=to(payloadTemplate=template),
        metadata={"ticket": 7},
    )
    assert body == {"ticket": 7, "say": "Look at 7.", "id": f"{timer.id}_a"}


def test_an_actions_own_agent_comes_before_the_timers() -> None:
    _, url, body = told(prompt(prompt="hello", binding=to(target=f"{URL}/own")), agentBinding=to())
    assert url == f"{URL}/own"
    assert body["prompt"] == "hello"


def test_values_are_not_templates_even_when_they_look_like_it() -> None:
    _, _, body = told(
        prompt(prompt="{{ timer.name }}"),
        agentBinding=to(payloadTemplate={"say": "{{ prompt }}"}),
        name="{{ deliveryId }}",
    )
    assert body == {"say": "{{ deliveryId }}"}


def test_headers_and_time_are_the_bindings_and_the_delivery_id_is_beside_them() -> None:
    world = World()
    timer = create(world, agentBinding=to(headers={"Authorization": "Bearer x"}, timeoutMs=500))
    run(world, timer)
    ((_, sent),) = world.receiver.requests
    assert (sent.method, sent.timeout_ms, sent.headers["Authorization"]) == ("POST", 500, "Bearer x")
    assert sent.headers["webhook-id"] == sent.headers["idempotency-key"] == f"{timer.id}_agent"


@pytest.mark.parametrize("target", [URL, f"{URL}/", f"{URL}?x=1"])
def test_a_langserve_runnable_is_invoked_with_the_payload_as_input(target: str) -> None:
    timer, url, body = told(prompt(binding=to("langchain", target, payloadTemplate={"question": "{{ timer.name }}"})))
    assert url == (f"{URL}/invoke?x=1" if "?" in target else f"{URL}/invoke")
    assert body == {
        "input": {"question": timer.name},
        "config": {"metadata": {"deliveryId": f"{timer.id}_a", "timerId": timer.id}},
    }


@pytest.mark.parametrize("path", ["/runs", "/runs/wait", "/threads/t1/runs", "/threads/t1/runs/wait"])
def test_a_langgraph_run_is_made_where_the_target_says(path: str) -> None:
    target = f"https://graph.example{path}"
    timer, url, body = told(prompt(prompt="hello", binding=to("langchain", target, assistant="helper")))
    assert url == target
    assert body == {
        "assistant_id": "helper",
        "input": {"messages": [{"role": "user", "content": "hello"}]},
        "metadata": {"deliveryId": f"{timer.id}_a", "timerId": timer.id},
    }


def test_a_langgraph_run_gets_the_callers_template_as_its_input() -> None:
    binding = to("langchain", "https://graph.example/runs", payloadTemplate={"topic": "{{ prompt }}"})
    _, _, body = told(prompt(prompt="hello", binding=binding))
    assert (body["assistant_id"], body["input"]) == ("agent", {"topic": "hello"})


def test_an_autogen_service_gets_a_text_message_or_the_callers_template() -> None:
    timer, url, body = told(prompt(prompt="hello", binding=to("autogen")))
    assert url == URL
    metadata = {"deliveryId": f"{timer.id}_a", "timerId": timer.id}
    assert body == {"type": "TextMessage", "source": "user", "content": "hello", "metadata": metadata}
    _, _, templated = told(prompt(prompt="hello", binding=to("autogen", payloadTemplate={"task": "{{ prompt }}"})))
    assert templated == {"task": "hello"}


@pytest.mark.parametrize(
    ("failure", "tries"), [(TransientActionError("busy", 503), 3), (PermanentActionError("gone", 410), 1)]
)
def test_an_agent_that_fails_is_tried_again_as_the_policy_says(
    failure: TransientActionError | PermanentActionError, tries: int
) -> None:
    world = World()
    world.receiver.answers += [failure] * 3
    secret = to(headers={"Authorization": "Bearer secret"})
    timer = create(world, prompt(prompt="hello", binding=secret), attempts=3)
    world.play(timer.fire_at_ms + 60_000)
    (letter,) = world.dead_letters.letters
    assert (letter.kind, letter.reason, len(letter.attempts)) == ("agent_prompt", failure.reason, tries)
    assert letter.request["binding"]["headers"] == ["Authorization"]
    assert letter.request["prompt"] == "hello"


def test_an_agent_that_would_be_called_too_late_leaves_a_letter_without_its_secrets() -> None:
    world = World()
    secret = to(headers={"Authorization": "Bearer secret"})
    late = {"mode": "deadLetter", "afterMs": 1_000}
    timer = create(world, prompt(prompt="hello", binding=secret), latePolicy=late)
    world.clock.advance_to(timer.fire_at_ms + 3_000)
    world.fire(wake_up(timer))
    (letter,) = world.dead_letters.letters
    assert (letter.kind, letter.attempts) == ("agent_prompt", ())
    assert letter.request == {"prompt": "hello", "binding": {**secret, "headers": ["Authorization"]}}
    assert world.receiver.requests == []


def test_an_agent_is_told_the_due_time_that_the_last_heartbeat_left() -> None:
    world = World()
    timer = create(world, agentBinding=to(payloadTemplate={"at": "{{ timer.fireAt }}"}), heartbeat=True)
    world.clock.advance_to(timer.created_at_ms + 10_000)
    beaten = world.beat(DEMO, timer.id)
    assert beaten.fire_at_ms == timer.fire_at_ms + 10_000
    world.play(beaten.fire_at_ms + 60_000)
    ((_, sent),) = world.receiver.requests
    assert json.loads(sent.body or "") == {"at": format_instant(beaten.fire_at_ms)}


@pytest.mark.parametrize(
    ("action", "binding", "place", "says"),
    [
        (
            prompt(prompt="{{ timer.metadata.x }}"),
            to(),
            "actionBundle.actions[0].parameters.prompt",
            "timer.metadata.x",
        ),
        (prompt(prompt="{{"), to(), "actionBundle.actions[0].parameters.prompt", "{{"),
        (None, to(payloadTemplate={"a": ["{{ nothing }}"]}), "agentBinding.payloadTemplate.a[0]", "nothing"),
        (None, to(payloadTemplate={"a": "{{ prompt }}"}), "agentBinding.payloadTemplate.a", "prompt"),
        (
            prompt(binding=to(payloadTemplate={"a": "{{ command }}"})),
            None,
            "actionBundle.actions[0].parameters.binding.payloadTemplate.a",
            "command",
        ),
    ],
)
def test_a_template_that_cannot_be_filled_in_is_refused_when_the_timer_is_made(
    action: dict[str, Any] | None, binding: dict[str, Any] | None, place: str, says: str
) -> None:
    world = World()
    with pytest.raises(InvalidTimerError) as caught:
        create(world, *([action] if action else []), **({"agentBinding": binding} if binding else {}))
    assert [field for field, _ in caught.value.fields] == [place]
    assert says in caught.value.fields[0][1]
    assert world.store.timers == []


def keep(world: World, name: str, body: Any, schema: dict[str, Any] | None = None) -> int:
    now_ms = world.clock.now_ms()
    return world.templates.put("demo", name, body, description=None, now_ms=now_ms, arguments_schema=schema).version


TICKET = {"metadata": {"ticket": 7}}
RESTART = {"run": "restart", "service": "{{ arguments.service }}", "ticket": "{{ timer.metadata.ticket }}"}


def test_a_command_is_the_stored_template_filled_in_when_the_timer_fires() -> None:
    world = World()
    keep(world, "restart", RESTART)
    timer = create(
        world, command(template="restart", arguments={"service": "api"}), agentBinding=to(), metadata={"ticket": 7}
    )
    run(world, timer)
    ((_, sent),) = world.receiver.requests
    assert sent.body is not None
    body = json.loads(sent.body)
    assert body["command"] == {"run": "restart", "service": "api", "ticket": 7}
    assert body["arguments"] == {"service": "api"}


def test_a_command_keeps_the_version_that_was_the_latest_when_its_timer_was_made() -> None:
    world = World()
    keep(world, "greet", "hello")
    first = create(world, command(template="greet"), agentBinding=to(payloadTemplate={"do": "{{ command }}"}))
    assert keep(world, "greet", "goodbye") == 2
    second = create(world, command(template="greet"), agentBinding=to(payloadTemplate={"do": "{{ command }}"}))
    named = create(
        world, command(template="greet", version=1), agentBinding=to(payloadTemplate={"do": "{{ command }}"})
    )
    world.templates.delete("demo", "greet")
    for timer in (first, second, named):
        run(world, timer)
    said = [json.loads(sent.body or b"")["do"] for _, sent in world.receiver.requests]
    assert said == ["hello", "goodbye", "hello"]
    assert first.spec.bundle is not None
    assert first.spec.bundle.actions[0].parameters["version"] == 1


SERVICE = {"type": "object", "properties": {"service": {"enum": ["api", "web"]}}, "required": ["service"]}


def test_arguments_are_held_to_the_schema_of_the_version_that_the_timer_takes() -> None:
    world = World()
    keep(world, "restart", RESTART)
    keep(world, "restart", RESTART, SERVICE)
    create(world, command(template="restart", version=1, arguments={"service": "db"}), agentBinding=to(), **TICKET)
    create(world, command(template="restart", arguments={"service": "api"}), agentBinding=to(), **TICKET)
    with pytest.raises(InvalidArgumentsError) as caught:
        create(world, command(template="restart", arguments={"service": "db"}), agentBinding=to(), **TICKET)
    (fault,) = caught.value.fields
    assert fault == (
        "actionBundle.actions[0].parameters.arguments.service",
        'at /service: the value is not one of "api" or "web"',
    )
    assert len(world.store.timers) == 2


def test_arguments_that_are_missing_are_the_schemas_to_name() -> None:
    world = World()
    keep(world, "restart", RESTART, SERVICE)
    with pytest.raises(InvalidArgumentsError) as caught:
        create(world, command(template="restart"), agentBinding=to(), **TICKET)
    field = "actionBundle.actions[0].parameters.arguments"
    assert caught.value.fields == ((field, '"service" is a required property'),)


def test_arguments_that_are_too_long_for_a_schema_are_not_held_to_it() -> None:
    world = World()
    keep(world, "say", "{{ arguments.what }}", {"type": "object"})
    keep(world, "say-anything", "{{ arguments.what }}")
    long = {"what": "x" * 65_530}
    with pytest.raises(InvalidArgumentsError) as caught:
        create(world, command(template="say", arguments=long), agentBinding=to())
    assert "65536 are left" in caught.value.fields[0][1]
    create(world, command(template="say-anything", arguments=long), agentBinding=to())


def test_the_commands_of_a_timer_have_one_effort_together() -> None:
    world = World()
    keep(world, "say", "{{ arguments.what }}", {"properties": {"what": {"pattern": "^a"}}})
    actions = [
        {"id": name, "kind": "command", "parameters": {"template": "say", "arguments": {"what": "a" * 20_000}}}
        for name in ("a", "b")
    ]
    create(world, actions[0], agentBinding=to())
    with pytest.raises(InvalidArgumentsError) as caught:
        create(world, *actions, agentBinding=to())
    assert caught.value.fields[0][0] == "actionBundle.actions[1].parameters.arguments"


def test_a_timer_that_exists_does_not_mind_a_schema_that_comes_later() -> None:
    world = World()
    keep(world, "restart", RESTART)
    timer = create(world, command(template="restart", arguments={"service": "db"}), agentBinding=to(), **TICKET)
    keep(world, "restart", RESTART, SERVICE)
    assert run(world, timer).status is Status.SETTLED


@pytest.mark.parametrize(
    ("action", "place"),
    [
        (command(template="nothing"), "template"),
        (command(template="restart", version=2), "template"),
        (command(template="theirs"), "template"),
        (command(template="gone"), "template"),
        (command(template="gone", version=1), "template"),
        (command(template="restart", arguments={}), "arguments"),
        (command(template="restart", arguments={"servce": "api"}), "arguments"),
    ],
)
def test_a_command_that_cannot_be_given_is_refused_when_the_timer_is_made(action: dict[str, Any], place: str) -> None:
    world = World()
    keep(world, "restart", RESTART)
    keep(world, "gone", "x")
    world.templates.delete("demo", "gone")
    world.templates.put("other", "theirs", "x", description=None, now_ms=0)
    with pytest.raises(InvalidTimerError) as caught:
        create(world, action, agentBinding=to(), metadata={"ticket": 7})
    assert [field for field, _ in caught.value.fields] == [f"actionBundle.actions[0].parameters.{place}"]
    assert world.store.timers == []


@pytest.mark.parametrize(
    ("kind", "parameters", "says"),
    [
        ("agent_prompt", {"prompt": 7}, "no longer valid"),
        ("command", {}, "no longer valid"),
        ("workflow_event", {"target": "fax"}, "no longer valid"),
        ("workflow_event", {"target": "queue"}, "no longer valid"),
        ("agent_prompt", {}, "no agent"),
        ("agent_prompt", {"binding": to("mcp")}, "no agent"),
        ("command", {"template": "gone", "version": 1, "binding": to()}, "'gone' is gone"),
    ],
)
def test_what_was_stored_under_other_rules_fails_for_good(kind: str, parameters: dict[str, Any], says: str) -> None:
    world = World()
    timer = fired("a")
    action = Action.model_construct(id="a", kind=kind, parameters=parameters)  # type: ignore[arg-type]
    with pytest.raises(PermanentActionError, match=says):
        world.run.performers[kind].perform(timer, action, 1, world.clock.now_ms())
    assert world.receiver.requests == []


def test_a_payload_that_no_inbox_can_hold_fails_for_good() -> None:
    world = World()
    timer = create(world, agentBinding=to("inbox", "ann"), metadata={"text": "\u00e4" * 190_000}, attempts=5)
    assert run(world, timer).status is Status.FAILED
    assert world.inboxes.messages == []
    assert "larger than an inbox can hold" in world.dead_letters.letters[0].reason


def test_an_inbox_has_the_message_and_the_action_counts_as_delivered() -> None:
    world = World()
    timer = create(world, prompt(prompt="hello"), agentBinding=to("inbox", "ann"), metadata={"ticket": 7})
    assert run(world, timer).status is Status.SETTLED
    (message,) = world.inboxes.messages
    assert (message.tenant_id, message.agent, message.id) == ("demo", "ann", f"{timer.id}_a")
    assert (message.kind, message.fired_at_ms, message.payload["prompt"]) == ("agent_prompt", timer.fire_at_ms, "hello")


def test_an_attempt_that_is_made_twice_leaves_one_message() -> None:
    world = World()
    timer = create(world, agentBinding=to("inbox", "ann"))
    world.clock.advance_to(timer.fire_at_ms)
    world.fire(wake_up(timer))
    (message,) = world.actions_due()
    performer = world.run.performers["agent_prompt"]
    action = timer.spec.action("agent")
    assert action is not None
    for _ in range(2):
        performer.perform(world.now(timer), action, message.attempt, world.clock.now_ms())
    assert len(world.inboxes.messages) == 1
