"""Receivers that fail, hang or are limited: what is let through, what is put off, and what it costs whom."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from minoots_kernel.adapters.memory import MemoryCircuitStore, MemoryMetrics, VirtualClock
from minoots_kernel.application.protect import Protect
from minoots_kernel.domain.answers import Answer
from minoots_kernel.domain.circuits import (
    FAILURES_TO_OPEN,
    OPEN_MS,
    SLOW_MS,
    SLOW_SLOTS,
    TENANT,
    TENANT_SLOW_SLOTS,
    Call,
    Circuit,
    Limits,
    Pace,
)
from minoots_kernel.domain.errors import (
    ActionError,
    DependencyUnavailableError,
    PermanentActionError,
    PutOffError,
    TransientActionError,
)
from tests.unit.application.world import Watcher
from tests.unit.domain.builders import NOW_MS

HOST = "h:example.org:443"
CALL = Call("demo", HOST)
BUSY = TransientActionError("busy", 503)
SILENT = TransientActionError("no answer within 10000 ms")


class Counted(MemoryCircuitStore):
    """A store that counts its calls, and at times does not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.silent = False

    def __getattribute__(self, name: str) -> Any:
        value = super().__getattribute__(name)
        if name.startswith("_") or not callable(value):
            return value

        def counting(*arguments: Any) -> Any:
            self.calls[name] += 1
            if self.silent:
                raise DependencyUnavailableError("no answer")
            return value(*arguments)

        return counting

    @property
    def writes(self) -> int:
        return sum(count for name, count in self.calls.items() if name != "get_many")


class Shields:
    """Execution environments over one store."""

    def __init__(self, environments: int = 1, tenant: Limits | None = None) -> None:
        self.store, self.clock, self.metrics, self.watch = Counted(), VirtualClock(NOW_MS), MemoryMetrics(), Watcher()
        self.each = [
            Protect(self.store, self.clock, self.metrics, self.watch, tenant or Limits(), lambda _: 0)
            for _ in range(environments)
        ]

    def ask(self, call: Call = CALL, answer: ActionError | None = None, environment: int = 0) -> None:
        with self.each[environment].admitted(call):
            if answer is not None:
                raise answer

    def fails(self, times: int = 1, answer: ActionError = BUSY, call: Call = CALL, environment: int = 0) -> None:
        for _ in range(times):
            with pytest.raises(type(answer)):
                self.ask(call, answer, environment)

    def puts_off(self, call: Call = CALL, environment: int = 0) -> PutOffError:
        with pytest.raises(PutOffError) as put_off:
            self.ask(call, environment=environment)
        return put_off.value

    def circuit(self, name: str = HOST) -> Circuit:
        return self.store.get_many("demo", [name]).get(name) or Circuit("demo", name)


def test_a_healthy_receiver_costs_a_read_a_second_and_no_write() -> None:
    shields = Shields()
    for _ in range(100):
        shields.ask()
        shields.clock.advance(100)
    assert shields.store.calls == {"get_many": 10}


def test_failures_in_a_row_open_the_circuit_for_every_environment_and_it_is_told_once() -> None:
    shields = Shields(environments=2)
    shields.ask(environment=1)
    shields.fails(FAILURES_TO_OPEN - 1)
    shields.ask()
    shields.fails(FAILURES_TO_OPEN - 1)
    assert shields.store.writes == 0, "an answer in between begins a new count"
    shields.fails()
    put_off = shields.puts_off()
    assert put_off.not_before_ms == NOW_MS + OPEN_MS
    assert "example.org:443 fails, its circuit is open since" in put_off.reason
    shields.clock.advance(1_000)
    shields.puts_off(environment=1)
    assert shields.metrics.counts["CircuitsOpened"] == 1


def test_environments_that_count_at_the_same_time_open_it_once() -> None:
    shields = Shields(environments=3)
    with ExitStack() as under_way:
        for environment in range(3):
            for _ in range(FAILURES_TO_OPEN):
                block = shields.each[environment].admitted(CALL)
                block.__enter__()
                under_way.push(lambda *_, block=block: block.__exit__(type(BUSY), BUSY, None) or True)
    assert shields.metrics.counts["CircuitsOpened"] == 1
    assert shields.store.calls["change"] == 1


@pytest.mark.parametrize(
    "answer",
    [PermanentActionError("no", 404), PermanentActionError("gone", 410), TransientActionError("locked", 423)],
)
def test_a_receiver_that_answers_is_not_in_trouble_whatever_it_answers(answer: ActionError) -> None:
    shields = Shields()
    shields.fails(3 * FAILURES_TO_OPEN, answer)
    shields.ask()
    assert shields.store.writes == 0


@pytest.mark.parametrize("answer", [SILENT, BUSY, TransientActionError("slow down", 429, 40_000)])
def test_silence_errors_of_its_own_and_pleas_for_rest_are_failures(answer: TransientActionError) -> None:
    shields = Shields()
    shields.fails(FAILURES_TO_OPEN, answer)
    assert shields.puts_off().not_before_ms == NOW_MS + max(OPEN_MS, answer.retry_after_ms or 0)


def test_what_could_not_be_sent_at_all_says_nothing_about_the_receiver() -> None:
    shields = Shields()
    shields.fails(FAILURES_TO_OPEN - 1)
    shields.fails(3, PermanentActionError("the URL is not valid", failure="unsendable"))
    shields.fails()
    shields.puts_off()


def test_one_probe_at_a_time_finds_out_whether_it_is_back() -> None:
    shields = Shields(environments=2)
    shields.fails(FAILURES_TO_OPEN)
    shields.clock.advance(OPEN_MS)
    with shields.each[0].admitted(CALL):
        assert "is being tried" in shields.puts_off(environment=1).reason
    shields.ask(environment=1)
    assert shields.metrics.counts["CircuitsClosed"] == 1
    assert shields.circuit().opened_at_ms is None


def test_a_probe_that_fails_leaves_it_open_for_longer() -> None:
    shields = Shields()
    shields.fails(FAILURES_TO_OPEN)
    shields.clock.advance(OPEN_MS)
    shields.fails()
    assert shields.puts_off().not_before_ms == shields.clock.now_ms() + 2 * OPEN_MS
    assert shields.metrics.counts["CircuitsOpened"] == 1


def test_a_probe_whose_environment_crashed_is_followed_by_another_when_its_lease_ends() -> None:
    shields = Shields(environments=2)
    shields.fails(FAILURES_TO_OPEN)
    shields.clock.advance(OPEN_MS)
    crashed = shields.each[0].admitted(CALL)  # kept, so that it does not end before its process does
    crashed.__enter__()
    shields.puts_off(environment=1)
    shields.clock.advance(CALL.timeout_ms + 5_000)
    shields.ask(environment=1)
    assert shields.circuit().opened_at_ms is None


def test_a_circuit_that_closed_is_narrow_at_first_and_then_free_of_charge_again() -> None:
    shields = Shields()
    shields.fails(FAILURES_TO_OPEN)
    shields.clock.advance(OPEN_MS)
    shields.ask()
    with ExitStack() as under_way:
        for _ in range(SLOW_SLOTS):
            under_way.enter_context(shields.each[0].admitted(CALL))
        assert "as many attempts under way as it may have" in shields.puts_off().reason
    shields.clock.advance(SLOW_MS)
    before = shields.store.writes
    shields.ask()
    assert shields.store.writes == before


def test_a_lone_slow_attempt_harms_nobody_and_is_not_harmed() -> None:
    shields = Shields(environments=2)
    with shields.each[0].admitted(CALL):
        shields.watch.all_are_slow()
        assert len(shields.circuit().slots) == 1
        assert len(shields.circuit(TENANT).slots) == 1
        shields.ask(environment=1)
    assert (shields.circuit().slots, shields.circuit(TENANT).slots) == ({}, {})
    assert shields.circuit().slow_until_ms == 0


def test_a_receiver_that_hangs_has_so_many_under_way_and_the_others_are_put_off() -> None:
    shields = Shields(environments=2)
    with ExitStack() as under_way:
        for _ in range(SLOW_SLOTS + 3):
            under_way.enter_context(shields.each[0].admitted(CALL))
        shields.watch.all_are_slow()
        shields.clock.advance(1_000)
        assert shields.puts_off(environment=1).not_before_ms <= shields.clock.now_ms()
        shields.ask(Call("demo", "h:elsewhere.example:443"), environment=1)
        shields.ask(Call("other", HOST), environment=1)
    assert shields.metrics.counts["ReceiversSlow"] == 1
    assert shields.circuit().slots == {}


def test_a_tenant_whose_receivers_hang_one_by_one_is_narrow_as_a_whole() -> None:
    shields = Shields()
    with ExitStack() as under_way:
        for number in range(TENANT_SLOW_SLOTS + 1):
            under_way.enter_context(shields.each[0].admitted(Call("demo", f"h:{number}.example:443")))
        shields.watch.all_are_slow()
        shields.clock.advance(1_000)
        assert "tenant 'demo' has as many attempts under way" in shields.puts_off().reason
        shields.ask(Call("other", HOST))


def test_a_call_that_ends_while_it_is_being_counted_leaves_no_slot_behind() -> None:
    shields = Shields()
    with shields.each[0].admitted(CALL):
        (call,) = shields.watch.under_way
    call()
    assert shields.circuit().slots == {}


def test_a_limit_on_attempts_under_way_holds_over_all_environments() -> None:
    shields = Shields(environments=3)
    call = replace(CALL, receiver="d:billing", limits=Limits(max_in_flight=2))
    with shields.each[0].admitted(call), shields.each[1].admitted(call):
        assert shields.puts_off(call, 2).reason == (
            "destination 'billing' has as many attempts under way as it may have"
        )
    shields.ask(call, environment=2)
    assert shields.store.calls["take"] == shields.store.calls["give_back"]


def test_a_limit_of_a_rate_gives_each_attempt_a_turn_of_its_own() -> None:
    shields = Shields(environments=2)
    call = replace(CALL, limits=Limits(pace=Pace(2, burst=3)))
    for number in range(3):
        shields.ask(call, environment=number % 2)
    turns = [shields.puts_off(call, number % 2) for number in range(4)]
    assert [one.not_before_ms - NOW_MS for one in turns] == [500, 1_000, 1_500, 2_000]
    assert {one.turn for one in turns} == {"destination"}
    shields.clock.advance(500)
    shields.ask(replace(call, turn="destination"))
    assert shields.puts_off(call).not_before_ms == NOW_MS + 2_500, "a turn is taken once"


def test_turns_too_far_away_are_not_given() -> None:
    shields = Shields()
    call = replace(CALL, limits=Limits(pace=Pace(0.002)))
    shields.ask(call)
    assert shields.puts_off(call).turn == "destination"
    assert shields.puts_off(call).turn is None


def test_a_tenants_turn_comes_before_its_receivers() -> None:
    shields = Shields(tenant=Limits(pace=Pace(1)))
    call = replace(CALL, limits=Limits(pace=Pace(0.5)))
    shields.ask(call)
    shields.clock.advance(500)
    tenants = shields.puts_off(call)
    assert (tenants.turn, tenants.not_before_ms) == ("tenant", NOW_MS + 1_000)
    shields.clock.advance(500)
    own = shields.puts_off(replace(call, turn="tenant"))
    assert (own.turn, own.not_before_ms) == ("destination", NOW_MS + 2_000)
    shields.clock.advance(1_000)
    shields.ask(replace(call, turn="destination"))


def test_a_pace_costs_a_write_an_attempt_and_two_while_there_is_a_queue() -> None:
    shields = Shields()
    call = replace(CALL, limits=Limits(pace=Pace(2)))
    for _ in range(5):
        shields.ask(call)
        shields.clock.advance(500)
    assert shields.store.writes == 5
    shields.ask(call)
    shields.puts_off(call)
    before = shields.store.writes
    shields.puts_off(call)
    shields.clock.advance(500)
    shields.ask(replace(call, turn="destination"))
    assert shields.store.writes == before + 2, "one for the turn, and one when it begins"


def test_a_put_off_attempt_holds_no_slot() -> None:
    shields = Shields(tenant=Limits(max_in_flight=1))
    with shields.each[0].admitted(Call("demo", "h:other:1")):
        shields.puts_off(replace(CALL, limits=Limits(max_in_flight=3)))
    assert (shields.circuit().slots, shields.circuit(TENANT).slots) == ({}, {})


def test_a_store_that_does_not_answer_closes_no_way() -> None:
    shields = Shields()
    shields.store.silent = True
    shields.ask()
    shields.fails(2 * FAILURES_TO_OPEN)
    with shields.each[0].admitted(CALL):
        shields.watch.all_are_slow()
    shields.store.silent = False
    assert shields.circuit().version == 0


def test_without_the_store_a_limit_is_kept_by_asking_again_later() -> None:
    shields = Shields()
    shields.store.silent = True
    with pytest.raises(DependencyUnavailableError):
        shields.ask(replace(CALL, limits=Limits(max_in_flight=1)))


def test_what_the_block_returns_is_the_callers() -> None:
    with Shields().each[0].admitted(CALL):
        answer = Answer(200)
    assert answer.status_code == 200
