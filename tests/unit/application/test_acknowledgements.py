from __future__ import annotations

import json
from typing import Any

import pytest

from minoots_contract.acknowledgements import AcknowledgementReply, AcknowledgementRequest
from minoots_kernel.application.ports import TimerKey
from minoots_kernel.application.use_inbox import UseInbox
from minoots_kernel.domain.errors import (
    DependencyUnavailableError,
    InvalidTimerError,
    NotFoundError,
    PermanentActionError,
    StateConflictError,
    TokenExpiredError,
    TransientActionError,
    UnknownHintError,
)
from minoots_kernel.domain.executions import NextMove
from minoots_kernel.domain.messages import ActionMessage
from minoots_kernel.domain.timer import Status, Timer
from minoots_kernel.domain.transitions import REDISPATCH_AFTER_MS
from tests.unit.application.world import BASE_URL, DEMO, World, crashing, wake_up
from tests.unit.domain.asking import COLLEAGUE, PERSON, ask_bundle, known_of, state_of
from tests.unit.domain.builders import request

WEBHOOK = {"id": "b", "kind": "webhook", "parameters": {"url": "https://example.org/hook"}}


class Machine:
    """Plays the state machine by hand: what it does next is what the function says."""

    def __init__(self, world: World, timer: Timer) -> None:
        self.world, self.timer = world, timer
        self.tokens = 0

    @property
    def name(self) -> str:
        return list(self.world.workflow.started)[-1]

    def ask(self, move: NextMove, driver: str | None = None) -> str:
        """Send the message of a move; return its task token, which is waited for now."""
        self.tokens += 1
        token = f"task-{self.tokens}"
        self.world.workflow.waiting.add(token)
        message = ActionMessage("demo", self.timer.id, "a", move.attempt, token, driver or self.name)
        self.world.run(message)
        return token

    def look(self, driver: str | None = None) -> NextMove:
        return self.world.look(TimerKey("demo", self.timer.id), "a", driver or self.name)


def new(world: World, *others: dict[str, Any], **required: Any) -> Timer:
    """A timer that has fired and asked for the first time."""
    timer = world.create(DEMO, request(actionBundle=ask_bundle(*others, **required)))
    world.clock.advance_to(timer.fire_at_ms)
    world.fire(wake_up(timer))
    for message in world.actions_due():
        world.run(message)
    return world.now(timer)


def token_of(world: World, number: int = -1) -> str:
    """The token that a request carried."""
    url: str = world.receiver.requests[number][1].headers["minoots-acknowledgement"]
    return url.rpartition("/")[2]


def answer(world: World, status: str, token: str | None = None, **more: Any) -> AcknowledgementReply:
    said = AcknowledgementRequest.model_validate({"status": status, **more})
    return world.acknowledge(token or token_of(world), said)


def past_deadline(world: World, timer: Timer) -> None:
    world.clock.advance_to(state_of(world.now(timer)).next_attempt_at_ms or 0)


def test_the_agent_is_told_where_to_answer_in_the_payload_and_in_a_header() -> None:
    world = World()
    timer = new(world)
    sent = world.receiver.requests[0][1]
    told = json.loads(sent.body or b"")["acknowledgement"]
    assert told["url"] == sent.headers["minoots-acknowledgement"] == f"{BASE_URL}/acknowledgements/{told['token']}"
    assert (told["step"], told["timeoutMs"]) == (0, 10_000)
    assert told["token"] in sent.secrets
    assert told["token"] not in str(timer)


def test_an_execution_waits_beside_the_action_and_ends_when_it_is_acknowledged() -> None:
    world = World()
    timer = new(world, WEBHOOK)
    (execution,) = world.workflow.started.values()
    assert (execution.first.do, execution.first.attempt) == ("ask", 1)
    machine = Machine(world, timer)
    task = machine.ask(execution.first)
    assert len(world.receiver.requests) == 1
    assert answer(world, "done").state == "settled"
    assert world.workflow.woken == [task]
    assert machine.look() == NextMove("settled")
    assert [message.action_id for message in world.actions_due()] == ["b"]
    assert world.metrics.durations_ms["AcknowledgementMs"] == [0]


def test_silence_goes_down_the_chain_to_a_dead_letter() -> None:
    world = World()
    timer = new(world)
    machine = Machine(world, timer)
    move = next(iter(world.workflow.started.values())).first
    asked = []
    while move.do == "ask":
        machine.ask(move)
        asked.append(move.attempt)
        past_deadline(world, timer)
        move = machine.look()
    assert (asked, move.do) == ([1, 2, 3, 4], "failed")
    assert world.now(timer).status is Status.FAILED
    (letter,) = world.dead_letters.page("demo", limit=10).items
    assert letter.reason == "webhook https://pager.example/hook: not acknowledged in time"
    assert [url for _, url in [(0, sent.url) for _, sent in world.receiver.requests]] == [
        *["https://agent.example/run?key=secret"] * 2,
        PERSON["url"],
    ]
    assert [message.agent for message in world.inboxes.messages] == ["bob"]
    assert world.metrics.counts["AcknowledgementsMissed"] == 4


def test_without_any_execution_the_sweep_goes_down_the_chain() -> None:
    world = World()
    world.workflow.start = lambda execution: None  # type: ignore[method-assign]
    timer = new(world)
    world.play(timer.fire_at_ms + 10 * 60_000)
    assert world.now(timer).status is Status.FAILED
    assert [ask.word for ask in known_of(world.now(timer)).asks] == ["silent"] * 3


def test_a_start_that_failed_is_made_when_the_message_comes_again() -> None:
    world = World()
    failing = crashing(world.workflow, "start", error=DependencyUnavailableError("no answer"))
    timer = world.create(DEMO, request(actionBundle=ask_bundle()))
    object.__setattr__(world.run.ask, "workflow", failing)
    world.clock.advance_to(timer.fire_at_ms)
    world.fire(wake_up(timer))
    (message,) = world.actions_due()
    with pytest.raises(DependencyUnavailableError):
        world.run(message)
    world.run(message, again=True)
    assert len(world.workflow.started) == 1
    assert len(world.receiver.requests) == 1


def test_starting_again_has_the_same_name_until_it_is_overdue() -> None:
    world = World()
    timer = new(world)
    message = ActionMessage("demo", timer.id, "a", 1)
    world.run(message)
    assert len(world.workflow.started) == 1
    past_deadline(world, timer)
    world.clock.advance(REDISPATCH_AFTER_MS)
    world.run(ActionMessage("demo", timer.id, "a", 2))
    assert [name.rpartition("-")[2] for name in world.workflow.started] == ["a1", "a2"]


def test_an_execution_that_another_took_the_place_of_ends() -> None:
    world = World()
    timer = new(world)
    machine = Machine(world, timer)
    machine.ask(NextMove("ask", 1, 10), "other")
    assert machine.look() == NextMove("superseded")
    assert machine.look("other").do == "ask"


def test_a_doubled_message_of_an_execution_asks_nobody_twice() -> None:
    world = World()
    timer = new(world)
    machine = Machine(world, timer)
    past_deadline(world, timer)
    move = machine.look()
    machine.ask(move)
    machine.ask(move)
    assert len(world.receiver.requests) == 2


def test_a_word_of_progress_keeps_the_execution_waiting() -> None:
    world = World()
    timer = new(world)
    machine = Machine(world, timer)
    task = machine.ask(NextMove("ask", 1, 10))
    world.clock.advance(9_000)
    reply = answer(world, "progress")
    assert (reply.state, reply.deadline) == ("waiting", world.clock.now_ms() + 10_000)
    assert world.workflow.kept == [task]
    past = timer.fire_at_ms + 10_500
    world.clock.advance_to(past)
    assert machine.look() == NextMove("ask", 1, 9)


def test_a_refusal_is_passed_on_at_once() -> None:
    world = World()
    timer = new(world)
    machine = Machine(world, timer)
    task = machine.ask(NextMove("ask", 1, 10))
    assert answer(world, "refused", reason="busy").state == "escalated"
    assert world.workflow.woken == [task]
    move = machine.look()
    assert (move.do, move.attempt) == ("ask", 2)
    machine.ask(move)
    assert [message.agent for message in world.inboxes.messages] == ["bob"]


def test_an_answer_within_the_call_starts_no_execution() -> None:
    world = World()
    world.receiver.answers.append(lambda: 200 if answer(world, "done") else 500)
    timer = new(world)
    assert timer.status is Status.SETTLED
    assert world.workflow.started == {}
    assert [attempt.outcome for attempt in state_of(timer).attempts] == ["succeeded"]


def test_when_no_execution_waits_what_an_answer_brings_about_goes_round_by_the_wake_up_queue() -> None:
    world = World()
    world.receiver.answers.append(lambda: 200 if answer(world, "done") else 500)
    timer = new(world, WEBHOOK)
    (hint,) = [one for one in world.wake_ups_due() if one.action_id]
    world.fire(hint)
    for _ in range(2):
        for message in world.actions_due():
            world.run(message)
    assert world.now(timer).status is Status.SETTLED


def test_an_asking_that_does_not_arrive_is_made_again_after_its_delay() -> None:
    world = World()
    world.receiver.answers.append(TransientActionError("no luck", 503, 7_000))
    timer = new(world)
    machine = Machine(world, timer)
    assert machine.look() == NextMove("pause", seconds=7)
    world.run(ActionMessage("demo", timer.id, "a", 2, "early", machine.name))
    assert len(world.receiver.requests) == 1
    world.clock.advance(7_000)
    machine.ask(machine.look())
    assert known_of(world.now(timer)).waits


def test_who_cannot_be_reached_at_all_is_passed_over() -> None:
    world = World()
    world.receiver.answers.append(PermanentActionError("gone", 410))
    timer = new(world)
    assert [(ask.word, ask.reason) for ask in known_of(timer).asks] == [("unreachable", "gone")]
    assert Machine(world, timer).look().do == "ask"


def test_an_attempt_under_way_is_looked_at_again_and_made_again_if_nothing_is_heard() -> None:
    world = World()

    def slow() -> int:
        assert machine.look("first") == NextMove("pause", seconds=5)
        world.clock.advance(REDISPATCH_AFTER_MS)
        assert machine.look("first").do == "ask"
        return 200

    machine = Machine(world, world.create(DEMO, request(actionBundle=ask_bundle())))
    world.receiver.answers.append(slow)
    world.clock.advance_to(machine.timer.fire_at_ms)
    world.fire(wake_up(machine.timer))
    (message,) = world.actions_due()
    world.run(message)
    assert len(world.receiver.requests) == 1


def test_unknown_settled_and_late_tokens_are_told_apart() -> None:
    world = World()
    timer = new(world)
    token = token_of(world)
    for unknown in ("ack_x", token[:-1] + ("A" if token[-1] != "A" else "B"), token.replace("ack_", "ack_A")):
        with pytest.raises(NotFoundError):
            answer(world, "done", unknown)
    machine = Machine(world, timer)
    answer(world, "refused")
    machine.ask(machine.look())
    with pytest.raises(TokenExpiredError):
        answer(world, "done", token)
    past_deadline(world, timer)
    machine.ask(machine.look())
    answer(world, "done")
    assert answer(world, "done").state == "settled"
    with pytest.raises(StateConflictError):
        answer(world, "refused")


def test_taking_a_message_out_of_the_inbox_is_done() -> None:
    world = World()
    inbox = UseInbox(world.inboxes, world.clock, world.store, world.acknowledge)
    timer = new(world, maxAttempts=1, escalation=[{"binding": COLLEAGUE, "timeoutMs": 5_000}])
    machine = Machine(world, timer)
    answer(world, "refused")
    machine.ask(machine.look())
    (message,) = inbox.fetch(DEMO, "bob", limit=1, lease_ms=1_000)
    assert message.message.acknowledgement is not None
    assert message.message.payload["acknowledgement"]["token"] == message.message.acknowledgement["token"]
    inbox.acknowledge(DEMO, "bob", message.receipt)
    inbox.acknowledge(DEMO, "bob", message.receipt)
    assert world.now(timer).status is Status.SETTLED
    assert known_of(world.now(timer)).asks[-1].word == "done"


def test_a_message_of_an_action_that_others_answered_can_still_be_taken_out() -> None:
    world = World()
    inbox = UseInbox(world.inboxes, world.clock, world.store, world.acknowledge)
    timer = new(world, maxAttempts=1, escalation=[{"binding": COLLEAGUE, "timeoutMs": 5_000}])
    machine = Machine(world, timer)
    answer(world, "refused")
    machine.ask(machine.look())
    (message,) = inbox.fetch(DEMO, "bob", limit=1, lease_ms=60_000)
    past_deadline(world, timer)
    assert machine.look().do == "failed"
    inbox.acknowledge(DEMO, "bob", message.receipt)
    assert world.now(timer).status is Status.FAILED


def test_a_message_newer_than_the_timer_comes_back() -> None:
    world = World()
    timer = new(world)
    with pytest.raises(UnknownHintError):
        world.run(ActionMessage("demo", timer.id, "a", 3))


@pytest.mark.parametrize(
    ("required", "field"),
    [
        ({"escalation": [{"binding": COLLEAGUE | {"payloadTemplate": {"x": "{{ nothing }}"}}}]}, "payloadTemplate.x"),
        ({"escalation": [{"webhook": {"url": "https://x.example/{{ nothing }}"}}]}, "webhook.url"),
        ({"escalation": [{"webhook": {"destination": "pager"}}]}, "webhook.destination"),
    ],
)
def test_what_an_escalation_cannot_send_is_refused_when_the_timer_is_made(required: Any, field: str) -> None:
    with pytest.raises(InvalidTimerError) as refused:
        World().create(DEMO, request(actionBundle=ask_bundle(**required)))
    ((where, _),) = refused.value.fields
    assert where.startswith("actionBundle.actions[0].parameters.requiresAcknowledgement.escalation[0].")
    assert where.endswith(field)


def test_templates_may_name_the_acknowledgement() -> None:
    world = World()
    url = "https://x.example/{{ acknowledgement.token }}"
    hook = {"webhook": {"url": url, "body": {"where": "{{ acknowledgement.url }}"}}, "timeoutMs": 1_000}
    timer = new(world, maxAttempts=1, escalation=[hook])
    answer(world, "refused")
    machine = Machine(world, timer)
    machine.ask(machine.look())
    sent = world.receiver.requests[-1][1]
    assert json.loads(sent.body or b"") == {"where": sent.headers["minoots-acknowledgement"]}
    assert sent.url == f"https://x.example/{token_of(world)}"


def test_an_action_without_acknowledgement_knows_nothing_of_all_this() -> None:
    world = World()
    bundle = ask_bundle()
    bundle["actions"][0]["parameters"]["requiresAcknowledgement"] = False
    timer = world.create(DEMO, request(actionBundle=bundle))
    world.play(timer.fire_at_ms + 1_000)
    settled = world.now(timer)
    assert (settled.status, settled.version, settled.acknowledgements) == (Status.SETTLED, 3, ())
    assert world.workflow.started == {}
    assert "minoots-acknowledgement" not in world.receiver.requests[0][1].headers
