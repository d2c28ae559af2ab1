"""The kernel over the memory adapters, with whatever AWS does between its functions played by hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from minoots_contract.changes import CancelTimerRequest
from minoots_kernel.adapters.agents.http import HttpAgentReceiver
from minoots_kernel.adapters.agents.inbox import InboxReceiver
from minoots_kernel.adapters.json_schema import JsonSchemas
from minoots_kernel.adapters.memory import (
    MemoryAcknowledgementWorkflow,
    MemoryActionQueue,
    MemoryCircuitStore,
    MemoryCommandTemplateStore,
    MemoryDeadLetterStore,
    MemoryDestinationStore,
    MemoryInboxStore,
    MemoryMetrics,
    MemorySecretBox,
    MemorySettingsStore,
    MemoryTargets,
    MemoryTimerStore,
    MemoryWakeQueue,
    MemoryWakeSchedules,
    SequentialIds,
    VirtualClock,
)
from minoots_kernel.adapters.webhook.guard import AddressGuard
from minoots_kernel.application.acknowledge_action import AcknowledgeAction
from minoots_kernel.application.address_book import AddressBook
from minoots_kernel.application.arm_timers import ArmTimers, DisarmTimer
from minoots_kernel.application.ask_agents import AskAgents
from minoots_kernel.application.change_of_mind import ChangeOfMind
from minoots_kernel.application.check_receivers import CheckReceivers
from minoots_kernel.application.create_timer import CreateTimer
from minoots_kernel.application.discard_dead_letters import DiscardDeadLetters
from minoots_kernel.application.finish_asking import FinishAsking
from minoots_kernel.application.fire_timer import FireOutcome, FireTimer
from minoots_kernel.application.heartbeat_timer import HeartbeatTimer
from minoots_kernel.application.keep_settings import KeepSettings
from minoots_kernel.application.look_after_ask import LookAfterAsk
from minoots_kernel.application.performers.agent import AgentPerformer
from minoots_kernel.application.performers.webhook import WebhookPerformer
from minoots_kernel.application.performers.workflow_event import WorkflowEventPerformer
from minoots_kernel.application.ports import Delayed, TimerKey
from minoots_kernel.application.prepare_actions import PrepareActions
from minoots_kernel.application.protect import Protect
from minoots_kernel.application.redrive_dead_letters import RedriveDeadLetters
from minoots_kernel.application.run_action import RunAction
from minoots_kernel.application.sweep_timers import SweepTimers
from minoots_kernel.domain.answers import Answer
from minoots_kernel.domain.circuits import NO_LIMITS, Limits
from minoots_kernel.domain.delivery_ids import delivery_of
from minoots_kernel.domain.errors import ActionError, MinootsError, UnknownHintError, VersionMismatchError
from minoots_kernel.domain.events import TimerChange
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_kernel.domain.targets import AllowedTargets
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Timer
from minoots_kernel.domain.webhooks import WebhookRequest
from minoots_kernel.interfaces.arming import ArmChanges
from tests.unit.domain.builders import NOW_MS, bundle, request

ALLOWED = {
    "bus": ["arn:aws:events:us-east-1:123456789012:event-bus/orders"],
    "queue": [f"arn:aws:sqs:us-east-1:123456789012:{name}" for name in ("orders", "orders.fifo")],
    "topic": ["arn:aws:sns:us-east-1:123456789012:orders"],
    "function": ["arn:aws:lambda:us-east-1:123456789012:function:orders"],
    "stateMachine": ["arn:aws:states:us-east-1:123456789012:stateMachine:orders"],
}
"""The targets that the world allows."""

DEMO = Principal("demo", "ann")
BASE_URL = "https://api.example"
WAKE_VISIBILITY_MS = 60_000
ACTION_VISIBILITY_MS = 360_000
SWEEP_EVERY_MS = 60_000


class Crash(BaseException):
    """The process is gone; nothing catches this."""


class Faults:
    """Counts the calls of every port and raises at one of them, before or after it is done; at none by default."""

    def __init__(self, at: int = 0, *, after: bool = False, error: BaseException | None = None) -> None:
        self.calls: list[str] = []
        self._at, self._after = at, after
        self._error = error or Crash()

    def around(self, port: Any) -> Any:
        return _Around(self, port)

    def call(self, name: str, function: Callable[..., Any], arguments: Any, named: Any) -> Any:
        self.calls.append(name)
        strikes = len(self.calls) == self._at
        if strikes and not self._after:
            raise self._error
        result = function(*arguments, **named)
        if strikes:
            raise self._error
        return result


class _Around:
    def __init__(self, faults: Faults, port: Any) -> None:
        self._faults, self._port = faults, port

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if not callable(value) or name == "due_for_check":  # the sweep asks without end, and asks again
            return value
        label = f"{type(self._port).__name__}.{name}"
        return lambda *arguments, **named: self._faults.call(label, value, arguments, named)


def crashing(port: Any, method: str, *, after: bool = False, error: BaseException | None = None) -> Any:
    """A port whose first call of a method raises, before or after it is done."""
    faults = Faults(1, after=after, error=error)
    around = _Around(faults, port)

    class OneMethod:
        def __getattr__(self, name: str) -> Any:
            return getattr(around if name == method else port, name)

    return OneMethod()


class StreamedStore(MemoryTimerStore):
    """A store that keeps what its stream would tell."""

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[TimerChange] = []

    def create(self, timer: Timer) -> None:
        super().create(timer)
        self.changes.append(TimerChange(None, timer))

    def replace(self, before: Timer, after: Timer) -> None:
        super().replace(before, after)
        self.changes.append(TimerChange(before, after))

    def beat(self, key: TimerKey, now_ms: int) -> Timer | None:
        before = self.get(key)
        after = super().beat(key, now_ms)
        if after is not None:
            self.changes.append(TimerChange(before, after))
        return after


class HidingStore(StreamedStore):
    """A store of which one change goes unheard: its client repeats it, and is refused for what came in between.

    Args:
        store: The store.
        between: What came in between.
        lost: Whether the first try did not even arrive.
    """

    def __init__(self, store: StreamedStore, between: Callable[[], object], *, lost: bool = False) -> None:
        self.__dict__ = store.__dict__
        self.between: Callable[[], object] | None = between
        self.lost = lost

    def replace(self, before: Timer, after: Timer) -> None:
        between, self.between = self.between, None
        if between is None or not self.lost:
            super().replace(before, after)
        if between is not None:
            between()
            raise VersionMismatchError("changed by another request", unsure=True)


class Receiver:
    """Whoever gets the webhooks.

    Attributes:
        answers: What it answers, in order; afterwards as planned.
        plan: What it answers to an attempt of a delivery (`a#1`), however often it comes; 200 to others.
    """

    def __init__(self, clock: VirtualClock) -> None:
        self.answers: deque[int | ActionError | Callable[[], int]] = deque()
        self.plan: dict[str, ActionError] = {}
        self.requests: list[tuple[int, WebhookRequest]] = []
        self._clock = clock

    @property
    def deliveries(self) -> list[str]:
        """Delivery and attempt of each request: `a#1` for an action's first."""
        return [
            f"{delivery_of(request.headers['webhook-id'])[1]}#{request.headers['minoots-attempt']}"
            for _, request in self.requests
        ]

    def send(self, request: WebhookRequest) -> Answer:
        self.requests.append((self._clock.now_ms(), request))
        answer = self.answers.popleft() if self.answers else self.plan.get(self.deliveries[-1], 200)
        if isinstance(answer, ActionError):
            raise answer
        return Answer(answer if isinstance(answer, int) else answer())


class Watcher:
    """Tells of calls under way that they are slow, when somebody says so."""

    def __init__(self) -> None:
        self.under_way: list[Callable[[], None]] = []

    @contextmanager
    def __call__(self, _delay_ms: int, call: Callable[[], None]) -> Iterator[None]:
        self.under_way.append(call)
        try:
            yield
        finally:
            self.under_way.remove(call)

    def all_are_slow(self) -> None:
        for call in list(self.under_way):
            call()


class World:
    """Every use case, over one set of ports.

    Args:
        faults: Around every port but the clock and the metrics.
        redelivers: Whether a message whose handling ended badly comes back after its visibility timeout.
        tenant: What holds for every tenant.
    """

    def __init__(self, faults: Faults | None = None, *, redelivers: bool = True, tenant: Limits = NO_LIMITS) -> None:
        around = faults.around if faults else lambda port: port
        self.redelivers = redelivers
        self.clock = VirtualClock(NOW_MS)
        self.store, self.receiver = StreamedStore(), Receiver(self.clock)
        self.wake_queue, self.action_queue = MemoryWakeQueue(self.clock), MemoryActionQueue(self.clock)
        self.schedules, self.dead_letters, self.metrics = (
            MemoryWakeSchedules(),
            MemoryDeadLetterStore(),
            MemoryMetrics(),
        )
        store, schedules = around(self.store), around(self.schedules)
        wake_queue, action_queue = around(self.wake_queue), around(self.action_queue)
        dead_letters = around(self.dead_letters)
        self.allowed = AllowedTargets(**ALLOWED)
        self.targets = MemoryTargets()
        self.inboxes, self.templates = MemoryInboxStore(), MemoryCommandTemplateStore()
        prepare_actions = PrepareActions(self.allowed, self.templates, JsonSchemas())
        self.beat = HeartbeatTimer(store, self.clock)
        self.change = ChangeOfMind(store, wake_queue, self.clock)
        self.circuits, self.watch = MemoryCircuitStore(), Watcher()
        self.shield = Protect(around(self.circuits), self.clock, self.metrics, self.watch, tenant, lambda _: 0)
        self.destinations, self.secret_box = MemoryDestinationStore(), MemorySecretBox()
        self.guard = AddressGuard(["192.168.7.0/24"])
        checks = (CheckReceivers(around(self.destinations), self.guard.refusal),)
        self.settings_store = MemorySettingsStore()
        self.settings = KeepSettings(self.settings_store, self.clock)
        self.create = CreateTimer(
            store,
            wake_queue,
            self.clock,
            SequentialIds(),
            prepare_actions,
            checks=checks,
            retry_policy=self.settings.retry_policy,
        )
        self.arm = ArmTimers(store, wake_queue, schedules, self.clock)
        self.fire = FireTimer(store, dead_letters, wake_queue, action_queue, schedules, self.clock, self.metrics)
        self.workflow, drawn = MemoryAcknowledgementWorkflow(), count(1)
        workflow = around(self.workflow)
        finish = FinishAsking(store, dead_letters, action_queue, self.clock, self.metrics)
        ask = AskAgents(store, workflow, finish, self.clock, lambda size: next(drawn).to_bytes(size), BASE_URL)
        self.look = LookAfterAsk(store, finish, self.clock)
        self.acknowledge = AcknowledgeAction(store, workflow, wake_queue, self.clock, self.metrics)
        self.run = RunAction(
            store,
            dead_letters,
            wake_queue,
            schedules,
            action_queue,
            self._performers(around),
            self.clock,
            self.metrics,
            ask,
        )
        self.redrive = RedriveDeadLetters(store, dead_letters, wake_queue, self.clock)
        self.discard = DiscardDeadLetters(store, dead_letters, self.clock)
        self.sweep = SweepTimers(store, dead_letters, wake_queue, action_queue, schedules, self.clock, self.metrics)
        self._arm_changes = ArmChanges(self.arm, DisarmTimer(schedules))
        self._next_sweep_ms = _next_sweep(NOW_MS)
        self._invisible: list[tuple[int, int, Callable[[], object]]] = []

    def _performers(self, around: Callable[[Any], Any]) -> dict[str, Any]:
        receiver = around(self.receiver)
        http, inbox = HttpAgentReceiver(receiver), InboxReceiver(around(self.inboxes))
        ways = {"langchain": http, "autogen": http, "custom": http, "inbox": inbox}
        book = AddressBook(around(self.destinations), self.secret_box, self.clock, self.shield)
        agents = AgentPerformer(ways, self.templates, book)
        return {
            "webhook": WebhookPerformer(receiver, book),
            "workflow_event": WorkflowEventPerformer(around(self.targets), self.allowed),
            "agent_prompt": agents,
            "command": agents,
        }

    def new(self, *ids: str, duration: str | int = "30s", **changes: Any) -> Timer:
        """Create a timer with an action of each id; `changes` are its bundle's, or its own."""
        wanted = {name: changes.pop(name) for name in ("heartbeat", "latePolicy") if name in changes}
        if ids:
            wanted["actionBundle"] = bundle(*ids, **changes)
        return self.create(DEMO, request(duration=duration, **wanted))

    def new_fired(self, *ids: str, **changes: Any) -> Timer:
        """Create a timer and let it fire on time."""
        timer = self.new(*ids, **changes)
        self.clock.advance_to(timer.fire_at_ms)
        assert self.fire(wake_up(timer)) is FireOutcome.FIRED
        return self.now(timer)

    def now(self, timer: Timer) -> Timer:
        """The timer as it stands."""
        found = self.store.get(TimerKey(timer.tenant_id, timer.id))
        assert found is not None
        return found

    def cancel_it(self, timer: Timer, reason: str | None = None) -> Timer:
        return self.change(DEMO, timer.id, CancelTimerRequest(requested_by="ann", reason=reason))

    def actions_due(self) -> list[ActionMessage]:
        """Take the action messages that can be received by now."""
        return [sent.message for sent in self.action_queue.take_due()]

    def wake_ups_due(self) -> list[WakeUp]:
        return [sent.message for sent in self.wake_queue.take_due()]

    def play(self, until_ms: int) -> None:
        """Let time pass: stream, schedules, queues and the sweep do their part, failed messages come back."""
        while self.clock.now_ms() <= until_ms:
            if self.clock.now_ms() >= self._next_sweep_ms:
                self._next_sweep_ms = _next_sweep(self.clock.now_ms())
                self._handle(self.sweep, None)
            rounds = 0
            while self._deliver():
                rounds += 1
                assert rounds < 1_000, "messages go round and round while time stands still"
            times = [sent.due_at_ms for sent in [*self.wake_queue.sent, *self.action_queue.sent]]
            times += [at_ms for at_ms, _, _ in self._invisible]
            times += [schedule.at_ms for schedule in self.schedules.schedules.values()]
            self.clock.advance_to(min([*times, self._next_sweep_ms, until_ms + 1]))

    def _deliver(self) -> bool:
        """Hand over whatever is due now; whether there was anything."""
        now_ms = self.clock.now_ms()
        changes, self.store.changes = self.store.changes, []
        if changes:
            self._handle(lambda: self._arm_all(changes), 1_000)
        due = [one for one in self._invisible if one[0] <= now_ms]
        self._invisible = [one for one in self._invisible if one[0] > now_ms]
        for _, visibility_ms, handle in due:
            self._handle(handle, visibility_ms)
        schedules = self.schedules.take_due(now_ms)
        self.wake_queue.send([Delayed(schedule.wake_up) for schedule in schedules])
        wake_ups, attempts = self.wake_ups_due(), self.actions_due()
        for hint in wake_ups:
            self._handle(lambda hint=hint: self.fire(hint), WAKE_VISIBILITY_MS)
        for message in attempts:
            self._handle(lambda message=message: self.run(message), ACTION_VISIBILITY_MS)
        return bool(changes or due or schedules or wake_ups or attempts)

    def _arm_all(self, changes: Sequence[TimerChange]) -> None:
        if self._arm_changes(changes):
            raise UnknownHintError("some changes have to come again")

    def _handle(self, handle: Callable[[], object], visibility_ms: int | None) -> None:
        try:
            handle()
        except (Crash, MinootsError, UnknownHintError):
            if visibility_ms is not None and self.redelivers:
                self._invisible.append((self.clock.now_ms() + visibility_ms, visibility_ms, handle))


def _next_sweep(now_ms: int) -> int:
    return (now_ms // SWEEP_EVERY_MS + 1) * SWEEP_EVERY_MS


def wake_up(timer: Timer, **changes: Any) -> WakeUp:
    hint = {"generation": timer.generation, "due_at_ms": timer.fire_at_ms} | changes
    return WakeUp(timer.tenant_id, timer.id, **hint)
