"""Which players a template asks for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from minoots_local.aws.account import Account
from minoots_local.aws.write_path import WritePath, outbox_of
from minoots_local.clock import Clock
from minoots_local.errors import TemplateError
from minoots_local.functions import LocalFunction
from minoots_local.model.hops import Model
from minoots_local.players.buses import BusPlayer, FunctionRule, function_rule
from minoots_local.players.destinations import QueueDestination
from minoots_local.players.invocations import AsyncInvocations
from minoots_local.players.queues import QueueMapping
from minoots_local.players.schedules import PeriodicEvent, ScheduleClock
from minoots_local.players.state_machines import StateMachines
from minoots_local.players.streams import StreamMapping
from minoots_local.players.ttl import TimeToLive
from minoots_local.template.model import Template, arn


class _Plays(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def join(self, timeout_s: float) -> None: ...


def events_of(template: Template, kind: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Function, name and properties of every enabled event of a kind."""
    for function in template.of_type("AWS::Serverless::Function"):
        for name, event in (function.properties.get("Events") or {}).items():
            properties = event.get("Properties") or {}
            if event["Type"] == kind and properties.get("Enabled", True):
                yield function.logical_id, name, properties


def stream_readers(template: Template, table: str) -> list[str]:
    """Who reads a table's stream: the functions with an event of it."""
    prefix = f"{arn('dynamodb', f'table/{table}')}/stream/"
    return [
        function
        for function, _, properties in events_of(template, "DynamoDB")
        if str(properties["Stream"]).startswith(prefix)
    ]


class Players:
    """Everything that AWS does between the services of one template.

    Args:
        account: The emulated AWS.
        writes: Says what of the tables is durable.
        template: What is played.
        functions: Its functions by logical id.
        clock: Time.
        model: How long hops take, and what is delivered again.
        first_work: By function: the instant (epoch milliseconds) before which its periodic events find nothing to do.
    """

    def __init__(
        self,
        account: Account,
        writes: WritePath,
        template: Template,
        functions: Mapping[str, LocalFunction],
        clock: Clock,
        model: Model,
        first_work: Mapping[str, Callable[[], float]] | None = None,
    ) -> None:
        self._account = account
        self._writes = writes
        self._functions = functions
        self._clock = clock
        self._model = model
        self._invocations = AsyncInvocations(functions.values(), clock)
        account.gate.invocations = self._invocations
        self._machines = StateMachines(account, template, functions.values(), clock)
        account.gate.unlocked = self._machines
        self._bus = BusPlayer(account.buses, self._rules(template), clock, model)
        self.schedules = ScheduleClock(account.gate, account.schedules, account.queues, clock, model)
        self.ttl = TimeToLive(account.gate, account.tables, clock)
        self._all: list[_Plays] = [
            self.schedules,
            self.ttl,
            *(self._stream(f, name, p) for f, name, p in events_of(template, "DynamoDB")),
            *(self._queue(f, name, p) for f, name, p in events_of(template, "SQS")),
            *(
                PeriodicEvent(name, functions[f], p, self._send_to, clock, (first_work or {}).get(f))
                for f, name, p in events_of(template, "ScheduleV2")
            ),
        ]

    def add(self, player: _Plays) -> None:
        """Have one more player start and stop with the others."""
        self._all.append(player)

    def start(self) -> None:
        """Begin to play."""
        for player in self._all:
            player.start()

    def stop(self) -> None:
        """Begin nothing new."""
        for player in self._all:
            player.stop()
        self._bus.close()
        self._invocations.close()
        self._machines.close()

    def join(self, timeout_s: float) -> None:
        """Wait a while for what is under way, the functions' invocations included."""
        deadline_ms = self._clock.now_ms() + timeout_s * 1000

        def left_s() -> float:
            return max(0.0, (deadline_ms - self._clock.now_ms()) / 1000)

        for player in self._all:
            player.join(left_s())
        for function in self._functions.values():
            function.wait_until_idle(left_s())

    def _send_to(self, queue_arn: str) -> QueueDestination:
        destination = QueueDestination(self._account.gate, self._account.queues, queue_arn)
        if not destination.exists:
            raise TemplateError(f"{queue_arn} is not a queue of the template")
        return destination

    def _stream(self, function: str, name: str, properties: Mapping[str, Any]) -> StreamMapping:
        source = str(properties["Stream"])
        table = source.partition(":table/")[2].partition("/stream/")[0]
        if table not in self._account.tables.lean_tables:
            raise TemplateError(f"{function}: event {name}: {source} is not a stream of the template")
        failure = ((properties.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        return StreamMapping(
            self._account.gate,
            self._writes,
            table,
            outbox_of(self._account.tables.lean_tables[table]).stream,
            source,
            self._functions[function],
            properties,
            self._send_to(failure) if failure else None,
            self._clock,
            self._model,
        )

    def _queue(self, function: str, name: str, properties: Mapping[str, Any]) -> QueueMapping:
        source = str(properties["Queue"])
        try:
            queue = self._account.queue(source)
        except KeyError:
            raise TemplateError(f"{function}: event {name}: {source} is not a queue of the template") from None
        return QueueMapping(self._account.gate, queue, self._functions[function], properties, self._clock, self._model)

    def _rules(self, template: Template) -> list[FunctionRule]:
        by_arn = {function.arn: function for function in self._functions.values()}
        found = []
        for resource in template.of_type("AWS::Events::Rule"):
            rule, queues = function_rule(resource, by_arn)
            if resource.properties.get("State", "ENABLED") != "ENABLED":
                continue
            if queues:
                self._put_rule(resource.name, rule.bus, resource.properties, queues)
            if rule.functions:
                found.append(rule)
        return found

    def _put_rule(self, name: str, bus: str, properties: Mapping[str, Any], targets: list[Mapping[str, Any]]) -> None:
        import json

        pattern = json.dumps(properties.get("EventPattern") or {})
        self._account.buses.put_rule(name, event_bus_arn=bus, event_pattern=pattern)
        self._account.buses.put_targets(name, bus, [dict(target) for target in targets])
