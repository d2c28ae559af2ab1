"""Meters inside a local stack: CPU by stage and layer, AWS calls, and the units that they cost.

A stage is a function of the template. Its CPU is that of the threads that run it, split by layer: the code of the
project, boto3, and each operation of the emulated AWS behind the gate, the journal in it. What the process uses beyond
that is the players, the HTTP server and the copies between them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import psutil
from botocore.client import BaseClient
from botocore.handlers import BUILTIN_HANDLERS

from bench.units import read_units
from minoots_kernel.interfaces.queues import QueueConsumer
from minoots_local.aws.gate import AwsCall, AwsGate, AwsReply
from minoots_local.functions import LocalFunction

SWEEP = "KernelSweepFunction"
LOOK = "look"
"""The stage of GET requests: this program's own looks at its timers."""
FAILED_CONDITION = "ConditionalCheckFailedException"
NOT_OF_TIMERS = ("K#", "N#", "L#", "S#", "Y#")
"""How partitions of keys, tenants and what is theirs begin: read once a minute, written once an hour or by hand."""


@dataclass(slots=True)
class Meters:
    """What was measured since the last reset.

    Attributes:
        cpu_s: CPU seconds by stage and layer, each layer without those below it.
        calls: AWS calls by stage and operation, those that failed included.
        entries: Messages and events in the calls that carry several.
        reads: DynamoDB read units by stage.
        failed_conditions: By stage.
    """

    cpu_s: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    entries: Counter[tuple[str, str]] = field(default_factory=Counter)
    reads: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failed_conditions: Counter[str] = field(default_factory=Counter)

    def add(self, other: Meters) -> None:
        """Take another's figures in."""
        self.calls.update(other.calls)
        self.entries.update(other.entries)
        self.failed_conditions.update(other.failed_conditions)
        for key, value in list(other.cpu_s.items()):
            self.cpu_s[key] += value
        for stage, units in list(other.reads.items()):
            self.reads[stage] += units


class Recorder:
    """Puts meters into a process: before any client is made, and before the stack is.

    Each thread has meters of its own: a lock would be waited for, and what it costs be measured with the rest.
    """

    def __init__(self) -> None:
        self._here = threading.local()
        self._lock = threading.Lock()
        self._of_threads: dict[int, Meters] = {}
        self._threads_before: dict[int, float] = {}
        self._process_before = 0.0
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        with self._lock:
            self._of_threads.clear()
        self._threads_before = _thread_cpu_s()
        self._process_before = time.process_time()

    def process_s(self) -> float:
        """CPU seconds of the whole process since the reset."""
        return time.process_time() - self._process_before

    def elsewhere_s(self) -> dict[str, float]:
        """CPU seconds that no stage used, by the name of the thread without its number."""
        names = {thread.native_id: thread.name.rsplit("_", 1)[0] for thread in threading.enumerate()}
        left: dict[str, float] = defaultdict(float)
        for number, used_s in _thread_cpu_s().items():
            mine = self._of_threads.get(number, Meters())
            spent_s = used_s - self._threads_before.get(number, 0.0) - sum(mine.cpu_s.values())
            left[names.get(number, "other")] += max(0.0, spent_s)
        return dict(left)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Meter every function, client and gate of this process."""
        BUILTIN_HANDLERS.append(("before-parameter-build", self._before_call))
        BUILTIN_HANDLERS.append(("after-call", self._after_call))
        invoke, consume, succeeds = LocalFunction.invoke, QueueConsumer.__call__, QueueConsumer._succeeds
        make_call: Callable[..., Any] = vars(BaseClient)["_make_api_call"]
        gate_call = AwsGate.call
        stages: dict[int, str] = {}
        recorder = self

        def invoking(function: LocalFunction, event: dict[str, Any]) -> Any:
            method = event.get("requestContext", {}).get("http", {}).get("method")
            with recorder._stage(LOOK if method == "GET" else function.logical_id), recorder._layer("code"):
                return invoke(function, event)

        def consuming(consumer: QueueConsumer, event: Mapping[str, Any], context: object) -> Any:
            stages[id(consumer)] = recorder.stage
            return consume(consumer, event, context)

        def succeeding(consumer: QueueConsumer, record: Mapping[str, Any]) -> bool:
            # A batch's messages are handled on threads of their own.
            with recorder._stage(stages[id(consumer)]), recorder._layer("code"):
                return succeeds(consumer, record)

        def calling(client: Any, operation: str, parameters: Any) -> Any:
            with recorder._layer("boto3"):
                return make_call(client, operation, parameters)

        def passing(gate: AwsGate, call: AwsCall, run: Callable[[], AwsReply]) -> AwsReply:
            with recorder._layer(f"aws {call.operation}"):
                return gate_call(gate, call, run)

        with (
            patch.object(LocalFunction, "invoke", invoking),
            patch.object(QueueConsumer, "__call__", consuming),
            patch.object(QueueConsumer, "_succeeds", succeeding),
            patch.object(BaseClient, "_make_api_call", calling),
            patch.object(AwsGate, "call", passing),
        ):
            yield

    def meters(self) -> Meters:
        """What was measured since the reset, on all threads together."""
        total = Meters()
        with self._lock:
            for mine in self._of_threads.values():
                total.add(mine)
        return total

    @property
    def _mine(self) -> Meters:
        number = threading.get_native_id()
        if number not in self._of_threads:
            with self._lock:
                self._of_threads[number] = Meters()
        return self._of_threads[number]

    @property
    def stage(self) -> str:
        """The stage that this thread is in."""
        return getattr(self._here, "stage", "")

    def _batch_units(self, parsed: dict[str, Any]) -> float:
        """What a BatchGetItem costs: each of its keys as one read, whether there is an item or not."""
        wanted: int = getattr(self._here, "keys", 0)
        found = [item for items in parsed.get("Responses", {}).values() for item in items]
        missing = wanted - len(found)
        return sum(read_units(item, consistent=True) for item in found) + missing * read_units(None, consistent=True)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        before = self.stage
        self._here.stage = name
        try:
            yield
        finally:
            self._here.stage = before

    @contextmanager
    def _layer(self, layer: str) -> Iterator[None]:
        """Count this thread's CPU for a layer, and take it off the layer around it."""
        stage = self.stage
        if not stage:
            yield
            return
        around, self._here.below = getattr(self._here, "below", None), 0.0
        started = time.thread_time()
        try:
            yield
        finally:
            used = time.thread_time() - started
            self._mine.cpu_s[stage, layer] += used - self._here.below
            self._here.below = None if around is None else around + used

    def _before_call(self, params: dict[str, Any], model: Any, **_more: Any) -> None:
        self._here.params = params
        # A client hands the parameters of some operations on as text: what is counted is counted here.
        self._here.keys = sum(
            len(of_table["Keys"]) for of_table in params.get("RequestItems", {}).values() if "Keys" in of_table
        )
        self._mine.entries[self.stage, model.name] += len(params.get("Entries", ()))
        self._mine.calls[self.stage, model.name] += 1

    def _after_call(self, parsed: dict[str, Any], model: Any, **_more: Any) -> None:
        params = getattr(self._here, "params", {})
        if parsed.get("Error", {}).get("Code") == FAILED_CONDITION:
            self._mine.failed_conditions[self.stage] += 1
        if model.name in {"GetItem", "Query"} and _is_remembered(params):
            self._mine.calls[self.stage, model.name] -= 1  # for a minute: not a timer's cost
        elif model.name == "GetItem":
            consistent = bool(params.get("ConsistentRead"))
            self._mine.reads[self.stage] += read_units(parsed.get("Item"), consistent=consistent)
        elif model.name == "BatchGetItem":
            self._mine.reads[self.stage] += self._batch_units(parsed)


def _is_remembered(params: dict[str, Any]) -> bool:
    """Whether a read is that of an API key, or of a tenant, its policies or its settings.

    A client hands the parameters on as text once they are serialised.
    """
    pk = params.get("Key", {}).get("pk") or params.get("ExpressionAttributeValues", {}).get(":pk") or {}
    return str(pk.get("S", "")).startswith(NOT_OF_TIMERS)


def _thread_cpu_s() -> dict[int, float]:
    return {one.id: one.user_time + one.system_time for one in psutil.Process().threads()}


def as_json(meters: Meters) -> dict[str, Any]:
    """The meters as plain data, keys joined by a slash."""
    return {
        "cpu_s": {"/".join(key): value for key, value in meters.cpu_s.items()},
        "calls": {"/".join(key): value for key, value in meters.calls.items() if value},
        "entries": {"/".join(key): value for key, value in meters.entries.items() if value},
        "reads": dict(meters.reads),
        "failed_conditions": dict(meters.failed_conditions),
    }
