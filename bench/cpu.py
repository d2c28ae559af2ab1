"""CPU milliseconds of one near webhook timer, from its creation until it has settled, by stage and layer."""

from __future__ import annotations

import time
from typing import Any

from bench.stack import MeteredStack, metered_stack

STAGES = {
    "create": "ControlPlaneFunction",
    "arm": "KernelArmFunction",
    "fire": "KernelFireFunction",
    "act": "OrchestratorFunction",
    "publish": "EventFabricFunction",
}
LAYERS = ("code", "boto3", "aws")
ELSEWHERE = {"http": "HTTP server", "streams": "stream players", "queues": "queue players", "message": "batch threads"}
WARM_UP = 40
CLIENTS = 4
DURATION_S = 8
"""Later than the last create: creating and firing do not compete, and every wake-up takes the stream."""


def measure(count: int) -> dict[str, Any]:
    """Let `count` timers live, and share out what the process used."""
    with metered_stack() as stack:
        _live(stack, WARM_UP)
        stack.tell("reset")
        started = time.perf_counter()
        _live(stack, count)
        report = stack.tell("report")
        took_s = time.perf_counter() - started
    return _shared_out(report, count) | {"timers": count, "took_s": round(took_s, 1)}


def _live(stack: MeteredStack, count: int) -> None:
    request = {"duration": DURATION_S * 1000, "actionBundle": stack.webhook({"id": "t1", "due": 1795298400.5})}
    stack.create_many([request] * count, CLIENTS)
    time.sleep(DURATION_S)
    stack.tell("wait_until_quiet")


def _shared_out(report: dict[str, Any], count: int) -> dict[str, Any]:
    def per_timer(seconds: float) -> float:
        return round(seconds * 1000 / count, 3)

    stages = {stage: dict.fromkeys(LAYERS, 0.0) for stage in STAGES}
    operations: dict[str, list[float]] = {}
    for key, seconds in report["cpu_s"].items():
        function, _, layer = key.partition("/")
        stage = next((name for name, its in STAGES.items() if its == function), None)
        if stage is not None:
            stages[stage][layer.partition(" ")[0]] += seconds
        if operation := layer.partition(" ")[2]:
            calls = report["calls"].get(f"{function}/{operation}", 0)
            so_far = operations.setdefault(operation, [0.0, 0])
            operations[operation] = [so_far[0] + seconds, so_far[1] + calls]
    elsewhere = dict.fromkeys([*ELSEWHERE.values(), "other threads"], 0.0)
    for name, seconds in report["elsewhere_s"].items():
        elsewhere[_thread_group(name)] += seconds
    return {
        "stages": {stage: {layer: per_timer(s) for layer, s in layers.items()} for stage, layers in stages.items()},
        "operations": {
            operation: {"calls": calls / count, "ms": per_timer(seconds)}
            for operation, (seconds, calls) in operations.items()
            if calls
        },
        "elsewhere": {name: per_timer(seconds) for name, seconds in elsewhere.items()},
        "total": per_timer(report["process_s"]),
    }


def _thread_group(name: str) -> str:
    if name.endswith("-batch"):
        return ELSEWHERE["queues"]
    return ELSEWHERE.get(name, "other threads")
