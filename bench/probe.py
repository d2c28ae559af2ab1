"""A local stack with meters in it, in a process of its own; told what to do by lines of JSON on standard input."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import time_machine

from bench.meters import LOOK, NOT_OF_TIMERS, SWEEP, Recorder, as_json
from bench.units import WriteUnits, write_units
from minoots_local.aws.streams import TableWrite
from minoots_local.aws.write_path import WritePath, outbox_of
from minoots_local.local_stack import LocalStack
from minoots_local.logs import configure
from minoots_local.settings import LocalSettings

_QUIET_FOR_S = 0.15


class Probe:
    """Answers the commands of `bench.stack`."""

    def __init__(self, stack: LocalStack, recorder: Recorder) -> None:
        self._stack = stack
        self._recorder = recorder
        (self._table,) = stack.account.tables.lean_tables.values()
        self._stream = outbox_of(self._table).stream
        self._since = self._stream.next_number
        self._travels: list[Any] = []
        self._counted: WriteUnits | None = None

    def url(self) -> str:
        return self._stack.url

    def now_ms(self) -> float:
        return time.time() * 1000

    def reset(self) -> None:
        """Measure from here on."""
        self._since = self._stream.next_number
        self._counted = None if self._counted is None else WriteUnits()
        self._recorder.reset()

    def count_what_is_new(self) -> None:
        """Count each new item when it is written, and no change of one: of thousands, the stream does not keep all."""
        path = self._stack.account.gate.durability
        assert isinstance(path, WritePath)
        self._counted = WriteUnits()
        path.listeners.append(self._count)

    def _count(self, write: TableWrite) -> None:
        assert self._counted is not None
        if write.old is None:
            self._counted += write_units(write.old, write.new)

    def jump(self, seconds: float) -> None:
        """Set the process's clock forward; whoever naps notices within five seconds."""
        if not self._travels:
            travel = time_machine.travel(time.time(), tick=True)
            self._travels.append(travel.start())
        self._travels[0].shift(seconds)

    def wait_until_quiet(self) -> None:
        """Return once every stream record is read and no message is ready or being handled."""
        quiet_since = time.perf_counter()
        while time.perf_counter() - quiet_since < _QUIET_FOR_S:
            if not self._is_quiet():
                quiet_since = time.perf_counter()
            time.sleep(0.02)

    def report(self) -> dict[str, Any]:
        """What was measured since the reset."""
        units, meters = self._units(), self._recorder.meters()
        return {
            **as_json(meters),
            "process_s": self._recorder.process_s(),
            "elsewhere_s": self._recorder.elsewhere_s(),
            # Items of ours are smaller than a kilobyte: a failed condition costs one unit.
            "write_units": {"table": units.table + meters.failed_conditions.total(), "index": units.index},
            "not_of_timers": [LOOK, SWEEP, ""],
        }

    def _is_quiet(self) -> bool:
        with self._stack.account.gate.lock:
            stream = self._stream
            read = all(stream.position(name) == stream.next_number for name in stream._readers)
            queues = self._stack.account.queues.queues.values()
            busy = sum(q.approximate_number_of_messages + q.approximate_number_of_messages_not_visible for q in queues)
        return read and not busy

    def _units(self) -> WriteUnits:
        if self._counted is not None:
            return self._counted
        with self._stack.account.gate.lock:
            writes = [record.write for record in self._stream.since(self._since, 1 << 30)]
        of_timers = (write for write in writes if not write.keys["pk"]["S"].startswith(NOT_OF_TIMERS))
        return sum((write_units(write.old, write.new) for write in of_timers), WriteUnits())


def _serve(probe: Probe) -> None:
    commands: dict[str, Callable[..., Any]] = {
        "url": probe.url,
        "now_ms": probe.now_ms,
        "reset": probe.reset,
        "count_what_is_new": probe.count_what_is_new,
        "jump": probe.jump,
        "wait_until_quiet": probe.wait_until_quiet,
        "report": probe.report,
    }
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(commands[name](*arguments)), flush=True)


def main(directory: str) -> None:
    settings = LocalSettings(
        port=0,
        aws_port=None,
        data=Path(directory),
        api_keys=({"key": "mnt_example", "userId": "demo", "tier": "team"},),
    )
    configure("error")
    recorder = Recorder()
    with recorder.installed(), LocalStack(settings) as stack:
        _serve(Probe(stack, recorder))


if __name__ == "__main__":
    main(sys.argv[1])
