"""Dead letters over sockets: a receiver breaks, is mended, and gets what it had refused."""

from __future__ import annotations

import pytest

from minoots.client import Client, NotFoundError
from minoots.client.dead_letters import DeadLetters
from tests.drill.redrive import redrive_round
from tests.support.receiver import Receiver
from tests.support.stack_process import StackProcess, webhook_timer
from tests.support.waiting import until

pytestmark = pytest.mark.stack


def test_every_dead_letter_is_delivered_once_after_its_receiver_is_mended(stack: StackProcess, hook: Receiver) -> None:
    done = redrive_round(stack, hook, 25)
    assert (done.redriven, done.left, done.statuses) == (25, 0, {"settled"})
    assert len(done.deliveries) == len(set(done.deliveries)) == 25
    assert set(done.deliveries) == set(done.refused), "ids are what they were"


def dead_letter(client: Client, hook: Receiver) -> str:
    hook.answer = lambda _: 404
    body = webhook_timer(hook.url)
    timer = client.timers.create("doomed", duration="300ms", action_bundle=body["actionBundle"])
    until(lambda: _found(client.dead_letters, f"{timer.id}_w"))
    return f"{timer.id}_w"


def _found(letters: DeadLetters, letter_id: str) -> bool:
    try:
        return letters.get(letter_id).state == "dead"
    except NotFoundError:
        return False


def test_a_redriven_letter_survives_a_kill(stack: StackProcess, hook: Receiver) -> None:
    with Client(stack.url, "mnt_example") as client:
        letter_id = dead_letter(client, hook)
        hook.answer = lambda _: 200
        assert client.dead_letters.redrive(letter_id, reason="mended").state == "redriven"
    stack.kill()
    stack.start()
    with Client(stack.url, "mnt_example") as client:
        timer_id = letter_id.partition("_")[0]
        until(lambda: client.timers.get(timer_id).status == "settled")
        told = [entry.event for entry in client.timers.get(timer_id).timeline]
    assert told[-3:] == ["failed", "redriven", "settled"]
    assert {arrival.delivery for arrival in hook.arrivals} == {letter_id}


def test_a_discarded_letter_stays_out(stack: StackProcess, hook: Receiver) -> None:
    with Client(stack.url, "mnt_example") as client:
        letter_id = dead_letter(client, hook)
        client.dead_letters.discard(letter_id, reason="too old")
        with pytest.raises(NotFoundError):
            client.dead_letters.redrive(letter_id)
        assert client.timers.get(letter_id.partition("_")[0]).timeline[-1].note == "w: too old"
        assert list(client.dead_letters.list(timer_id=letter_id.partition("_")[0])) == []
