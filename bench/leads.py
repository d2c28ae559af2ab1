"""How late timers are on the model of AWS, with the leads that they have in earnest: minutes to a month.

The stack goes by its virtual clock, so a month passes in seconds. What is late is late by the model (hops of queues and
streams, Scheduler's minute) and by what this machine really takes for its part; jumps of the clock add nothing. The
sink is in the stack's process, because only there is it the stack's time.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import Message
from random import Random
from typing import Any

import httpx

from bench.sink import sink
from minoots_contract.instants import format_instant, parse_instant
from minoots_local.local_stack import LocalStack
from minoots_local.logs import configure
from minoots_local.model.hops import Hop
from minoots_local.model.settings import ModelSettings
from minoots_local.settings import LocalSettings
from minoots_local.template.model import arn
from minoots_local.virtual_clock import VirtualClock

FAR_MS = (20 * 60_000, 30 * 86_400_000)
NEAR_MS = (1_000, 15 * 60_000)
PAUSE_MS = (500, 3_500)
"""Between one create of a near timer and the next: they are not to queue for this machine's two cores."""
QUEUE = "scheduler-alone"

Late = dict[str, list[float]]


def measure(runs: int, timers: int) -> list[dict[str, Any]]:
    """Run the workload some times, each in a process of its own and with other random choices."""
    found = []
    for run in range(runs):
        command = [sys.executable, "-m", "bench.leads", str(timers), str(run + 1)]
        found.append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout))
    return found


class Workload:
    """One run in this process.

    Attributes:
        arrivals: Of each webhook that came: its headers, and the stack's time.
    """

    def __init__(self, stack: LocalStack, hook: str, seed: int) -> None:
        assert isinstance(stack.clock, VirtualClock)
        self._stack, self._clock, self._hook = stack, stack.clock, hook
        self._random = Random(seed)
        self._http = httpx.Client(base_url=stack.url, headers={"X-API-Key": "mnt_example"}, trust_env=False)

    def create_far(self, count: int) -> None:
        """As many of hours as of days: due times are spread evenly over the logarithm of what is left."""
        low, high = (math.log(bound) for bound in FAR_MS)
        for _ in range(count):
            self._create("far", round(math.exp(self._random.uniform(low, high))))

    def create_near(self, count: int) -> None:
        for _ in range(count):
            self._create("near", round(self._random.uniform(*NEAR_MS)))
            self._clock.advance(self._random.uniform(*PAUSE_MS))

    def schedule(self, count: int) -> dict[str, float]:
        """One-shot schedules straight at their due times, to a queue: what there is without this project."""
        sqs, scheduler = self._stack.client("sqs"), self._stack.client("scheduler")
        sqs.create_queue(QueueName=QUEUE, Attributes={"MessageRetentionPeriod": "1209600"})
        due: dict[str, float] = {}
        now_ms = self._clock.now_ms()
        for number in range(count):
            name, due_ms = f"alone-{number}", now_ms + self._random.uniform(*FAR_MS) / 3  # the queue keeps two weeks
            whole_s = math.ceil(due_ms / 1000)  # a schedule's time has no fraction
            scheduler.create_schedule(
                Name=name,
                ScheduleExpression=f"at({datetime.fromtimestamp(whole_s, UTC):%Y-%m-%dT%H:%M:%S})",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                Target={"Arn": arn("sqs", QUEUE), "RoleArn": arn("iam", "role/r"), "Input": name},
            )
            due[name] = due_ms
        return due

    def lateness_alone(self, due: dict[str, float]) -> list[float]:
        """From the due time to the message in the queue."""
        with self._stack.account.gate.lock:
            messages = self._stack.account.queue(QUEUE)._messages
            return [(message.sent_timestamp or 0.0) - due[str(message.body)] for message in messages]

    def _create(self, kind: str, duration_ms: int) -> None:
        action = {"id": "w", "kind": "webhook", "parameters": {"url": f"{self._hook}/{kind}", "body": {"kind": kind}}}
        request = {"requestedBy": "bench", "actionBundle": {"actions": [action]}}
        due = format_instant(int(self._clock.now_ms()) + duration_ms)
        self._http.post("/timers", json={**request, "fireAt": due}).raise_for_status()


def run(timers: int, seed: int) -> dict[str, Any]:
    """Run the workload; every lateness in milliseconds."""
    model = ModelSettings(latencies=True, cold_starts=False, seed=seed)
    keys = ({"key": "mnt_example", "userId": "demo", "tier": "team"},)
    settings = LocalSettings(port=0, aws_port=None, model=model, virtual_clock=True, api_keys=keys)
    late: Late = {f"{kind} {what}": [] for kind in ("far", "near") for what in ("fire", "arrival")}
    started = time.monotonic()
    with sink(_noting(late)) as hook, LocalStack(settings) as stack:
        workload = Workload(stack, hook, seed)
        alone = workload.schedule(timers)
        workload.create_far(timers)
        workload.create_near(timers)
        assert isinstance(stack.clock, VirtualClock)
        stack.clock.advance(FAR_MS[1] + 600_000)
        late["alone"] = workload.lateness_alone(alone)
        late["alone by its model"] = [stack.model.delay_ms(Hop.SCHEDULER) for _ in range(timers)]
    return {"timers": timers, "took_s": round(time.monotonic() - started, 1), "late": late}


def _noting(late: Late) -> Callable[[str, Message], int]:
    def take(path: str, headers: Message) -> int:
        came_ms, kind = time.time() * 1000, path.lstrip("/")
        late[f"{kind} arrival"].append(came_ms - parse_instant(headers["minoots-scheduled-for"]))
        late[f"{kind} fire"].append(float(headers["minoots-lateness-ms"]))
        return 200

    return take


if __name__ == "__main__":
    configure("warning")
    print(json.dumps(run(int(sys.argv[1]), int(sys.argv[2]))))
