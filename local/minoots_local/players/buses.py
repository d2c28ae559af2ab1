"""Event bus → targets: rules of the template, and a look at what is published.

moto delivers from a bus to queues by itself. To functions it does not, so events are handed over
here: each call of PutEvents that succeeded is matched against the rules that have a function.
"""

import json
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from minoots_local.aws.event_buses import Buses
from minoots_local.clock import Clock, take_time
from minoots_local.errors import TemplateError
from minoots_local.functions import LocalFunction
from minoots_local.logs import logger
from minoots_local.model.hops import Hop, Model
from minoots_local.patterns import Pattern
from minoots_local.template.model import ACCOUNT, REGION, Resource

_log = logger("bus")


@dataclass(frozen=True, slots=True)
class FunctionRule:
    """A rule's functions."""

    bus: str
    pattern: Pattern
    functions: list[LocalFunction] = field(default_factory=list)


class BusPlayer:
    """Hands events to the functions that rules name.

    Args:
        buses: Where events come from.
        rules: The rules that have functions.
        clock: Stamps events that carry no time.
        model: How long the hop takes.
    """

    def __init__(self, buses: Buses, rules: list[FunctionRule], clock: Clock, model: Model) -> None:
        self._rules = rules
        self._clock = clock
        self._model = model
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="bus")
        if rules:
            buses.listeners.append(self._published)

    def close(self) -> None:
        """Hand over no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _published(self, bus: str, entry: dict[str, Any]) -> None:
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        event = {
            "version": "0",
            "id": entry.get("id") or str(uuid.uuid4()),
            "detail-type": entry.get("DetailType"),
            "source": entry.get("Source"),
            "account": ACCOUNT,
            "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": entry.get("Resources") or [],
            "detail": json.loads(entry["Detail"]),
        }
        for rule in self._rules:
            if rule.bus == bus and rule.pattern.matches(event):
                for function in rule.functions:
                    self._pool.submit(self._clock.hand_over(self._invoke), function, event)

    def _invoke(self, function: LocalFunction, event: dict[str, Any]) -> None:
        take_time(self._clock, self._model.delay_ms(Hop.BUS))
        try:
            function.invoke(event)
        except Exception:
            _log.exception("a rule's function failed", extra={"function": function.logical_id})


def function_rule(
    rule: Resource, functions: Mapping[str, LocalFunction]
) -> tuple[FunctionRule, list[Mapping[str, Any]]]:
    """Split a rule into the functions that are played here and the queues that moto plays.

    Raises:
        TemplateError: A target is neither.
    """
    properties = rule.properties
    pattern = Pattern(properties.get("EventPattern") or {}, rule.logical_id)
    bus = str(properties.get("EventBusName") or "default").rsplit("/", 1)[-1]
    found = FunctionRule(bus, pattern)
    queues: list[Mapping[str, Any]] = []
    for target in properties.get("Targets") or []:
        target_arn = str(target["Arn"])
        if target_arn in functions:
            found.functions.append(functions[target_arn])
        elif ":sqs:" in target_arn:
            queues.append(target)
        else:
            raise TemplateError(f"{rule.logical_id}: target {target_arn} is not played")
    return found, queues
