"""EventBridge Scheduler: one-shot schedules to queues, and the periodic events of functions.

One-shots are kept in a heap that the book's news feed; nothing is ever scanned. They fire at their
instant, where Scheduler takes up to a minute, unless the model says so, too.
"""

import heapq
import json
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from moto.scheduler.models import Schedule
from moto.sqs.models import SQSBackend

from minoots_local.aws.gate import AwsGate
from minoots_local.aws.schedule_book import ScheduleBook, at_ms, rate_ms
from minoots_local.clock import Clock, next_of_period
from minoots_local.errors import TemplateError
from minoots_local.functions import LocalFunction
from minoots_local.logs import logger
from minoots_local.model.hops import Hop, Model
from minoots_local.players.destinations import QueueDestination
from minoots_local.players.worker import Player
from minoots_local.template.model import ACCOUNT, REGION, arn

# Lambda's own pauses before it tries an asynchronous event a second and a third time.
_RETRY_AFTER_MS = (60_000, 120_000)

_log = logger("schedules")


class ScheduleClock:
    """Fires the one-shot schedules of a book when they are due.

    Args:
        gate: Guards the book and the queues.
        book: The schedules.
        sqs: The queues that they target.
        clock: Time.
        model: How long after its instant a schedule fires.
    """

    def __init__(self, gate: AwsGate, book: ScheduleBook, sqs: SQSBackend, clock: Clock, model: Model) -> None:
        self._gate = gate
        self._book = book
        self._sqs = sqs
        self._clock = clock
        self._model = model
        self._due: list[tuple[float, int, Schedule]] = []
        self._counter = 0
        # ARN -> the one entry of the heap that still counts
        self._newest: dict[str, int] = {}
        self._player = Player("schedules", clock, self._round)
        book.listeners.append(self._changed)

    def start(self) -> None:
        """Begin to fire."""
        self._player.start()

    def stop(self) -> None:
        """Fire no more."""
        self._player.stop()

    def join(self, timeout_s: float) -> None:
        """Wait for the round under way."""
        self._player.join(timeout_s)

    def _changed(self, schedule: Schedule) -> None:
        """Under the lock: take a new or changed schedule in. Old entries are found stale when due."""
        self._newest.pop(schedule.arn, None)
        if not self._book.is_current(schedule) or schedule.state != "ENABLED":
            return
        due = at_ms(schedule.schedule_expression, schedule.schedule_expression_timezone)
        if due is None:  # pragma: no cover - the book takes no other
            return
        self._counter += 1
        self._newest[schedule.arn] = self._counter
        heapq.heappush(self._due, (due + self._model.delay_ms(Hop.SCHEDULER), self._counter, schedule))
        if self._due[0][1] == self._counter:
            self._player.bell.ring()

    def _round(self) -> float | None:
        with self._gate.lock:
            while self._due:
                due, number, schedule = self._due[0]
                if due > self._clock.now_ms():
                    return due
                heapq.heappop(self._due)
                if self._newest.get(schedule.arn) == number:
                    del self._newest[schedule.arn]
                    self._fire(schedule)
        return None

    def _fire(self, schedule: Schedule) -> None:
        target = schedule.target
        destination = QueueDestination(self._gate, self._sqs, target["Arn"])
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        if destination.exists:
            destination.send(target.get("Input") or self._default_input(schedule), group=group)
            _log.debug("fired", extra={"schedule": schedule.name})
        else:
            self._dead_letter(schedule, "the target queue does not exist")
        if schedule.action_after_completion == "DELETE":
            self._book.delete_schedule(schedule.group_name, schedule.name)

    def _dead_letter(self, schedule: Schedule, why: str) -> None:
        _log.error("a target cannot be reached", extra={"schedule": schedule.name, "why": why})
        queue_arn = (schedule.target.get("DeadLetterConfig") or {}).get("Arn")
        if not queue_arn:
            return
        destination = QueueDestination(self._gate, self._sqs, queue_arn)
        if destination.exists:
            destination.send(
                schedule.target.get("Input") or "{}",
                {
                    "ERROR_CODE": "AWS.SimpleQueueService.NonExistentQueue",
                    "ERROR_MESSAGE": why,
                    "EXECUTION_ID": str(uuid.uuid4()),
                    "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
                    "IS_PAYLOAD_TRUNCATED": "false",
                    "RETRY_ATTEMPTS": "0",
                    "SCHEDULE_ARN": schedule.arn,
                    "TARGET_ARN": schedule.target["Arn"],
                },
            )

    def _default_input(self, schedule: Schedule) -> str:
        return json.dumps(scheduled_event(schedule.arn, self._clock.now_ms()))


def scheduled_event(schedule_arn: str, now_ms: float) -> dict[str, Any]:
    """What Scheduler sends to a target whose schedule has no `Input`."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [schedule_arn],
        "detail": "{}",
    }


class PeriodicEvent:
    """A function's `ScheduleV2` event: an asynchronous invocation at a fixed rate.

    Args:
        name: The event's name in the template.
        function: What it invokes.
        properties: The event's properties.
        send_to: Makes the destination of an ARN.
        clock: Time.
        first_work_ms: Tells the instant (epoch milliseconds) before which an invocation would find nothing to do, as
            everything stands now, so that a clock that is set forward need not make it.

    Raises:
        TemplateError: The expression is not `rate(…)`.
    """

    def __init__(
        self,
        name: str,
        function: LocalFunction,
        properties: Mapping[str, Any],
        send_to: Callable[[str], QueueDestination],
        clock: Clock,
        first_work_ms: Callable[[], float] | None = None,
    ) -> None:
        expression = str(properties.get("ScheduleExpression"))
        period = rate_ms(expression)
        if period is None:
            raise TemplateError(f"{function.logical_id}: event {name}: {expression} is not played, rate(…) is")
        self._arn = arn("scheduler", f"schedule/default/{function.name}{name}")
        self._function = function
        self._input = properties.get("Input")
        self._clock = clock
        self._period_ms = period
        self._enabled = properties.get("State", "ENABLED") == "ENABLED"
        config = function.properties.get("EventInvokeConfig") or {}
        self._most_retries = int(config.get("MaximumRetryAttempts", 2))
        failure = ((config.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        self._on_failure = send_to(failure) if failure else None
        self._next_ms = 0.0
        self._retries: list[tuple[float, int, dict[str, Any]]] = []
        self._pool = ThreadPoolExecutor(2, thread_name_prefix=f"{function.logical_id}-async")
        self._first_work_ms = first_work_ms
        self._player = Player("schedules", clock, self._round, self._nothing_before if first_work_ms else None)

    def start(self) -> None:
        """Begin, with the first invocation a period from now: at start the stack sweeps anyway."""
        self._next_ms = self._clock.now_ms() + self._period_ms
        if self._enabled:
            self._player.start()

    def stop(self) -> None:
        """Invoke no more."""
        self._player.stop()

    def join(self, timeout_s: float) -> None:
        """Wait for the round under way."""
        self._player.join(timeout_s)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _round(self) -> float | None:
        now_ms = self._clock.now_ms()
        if now_ms >= self._next_ms:
            # From now, not from when it was due: a laptop that slept must not catch up in a burst.
            self._next_ms = now_ms + self._period_ms
            event = json.loads(self._input) if self._input else scheduled_event(self._arn, now_ms)
            self._submit(event, 0)
        while self._retries and self._retries[0][0] <= now_ms:
            _, attempt, event = heapq.heappop(self._retries)
            self._submit(event, attempt)
        waiting = [self._next_ms, *(due for due, _, _ in self._retries[:1])]
        return min(waiting)

    def _nothing_before(self) -> float:
        first_work_ms = self._first_work_ms() if self._first_work_ms else 0.0
        first_ms = min([first_work_ms, *(due for due, _, _ in self._retries[:1])])
        return next_of_period(self._next_ms, self._period_ms, first_ms)

    def _submit(self, event: dict[str, Any], attempt: int) -> None:
        self._pool.submit(self._clock.hand_over(self._invoke), event, attempt)

    def _invoke(self, event: dict[str, Any], attempt: int) -> None:
        try:
            self._function.invoke(event)
        except Exception as error:
            _log.exception(
                "an asynchronous invocation failed",
                extra={"function": self._function.logical_id, "attempt": attempt + 1},
            )
            if attempt < self._most_retries:
                due = self._clock.now_ms() + _RETRY_AFTER_MS[min(attempt, 1)]
                heapq.heappush(self._retries, (due, attempt + 1, event))
                self._player.bell.ring()
            elif self._on_failure:
                self._on_failure.send(self._report(event, attempt + 1, error))

    def _report(self, event: dict[str, Any], attempts: int, error: Exception) -> dict[str, Any]:
        """What Lambda sends to an on-failure destination of asynchronous invocations."""
        return {
            "version": "1.0",
            "timestamp": datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).isoformat(),
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "functionArn": f"{self._function.arn}:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": attempts,
            },
            "requestPayload": event,
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "responsePayload": {"errorMessage": str(error), "errorType": type(error).__name__},
        }
