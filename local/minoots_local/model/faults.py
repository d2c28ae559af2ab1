"""Calls of AWS that go wrong: refused for load, broken off before they are done, or done and never answered."""

import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Final

from minoots_local.aws.gate import AwsCall, AwsReply, NoAnswerError
from minoots_local.clock import Clock, take_time
from minoots_local.model.settings import FaultRates

# The read timeout of the kernel's clients: what an answer that never comes costs them.
_SILENCE_MS = 2_000


class FaultKind(Enum):
    """What happens to a call."""

    THROTTLE = "throttle"
    RESET = "reset"
    LOST_ANSWER = "lost answer"


@dataclass(frozen=True, slots=True)
class _Refusal:
    """How a service says that it is asked too much."""

    code: str
    status: int = 400
    message: str = "Rate exceeded"
    prefix: str = ""

    def reply(self) -> AwsReply:
        """The answer on the wire. Services name the error in the body, in a header, or in both; clients read either."""
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "x-amzn-requestid": str(uuid.uuid4()),
            "x-amzn-errortype": self.code,
        }
        body = {"__type": f"{self.prefix}{self.code}", "message": self.message}
        return AwsReply(self.status, headers, json.dumps(body).encode())


_THROTTLED: Final = {
    "dynamodb": _Refusal(
        "ProvisionedThroughputExceededException",
        message="The level of configured provisioned throughput for the table was exceeded. "
        "Consider increasing your provisioning level with the UpdateTable API.",
        prefix="com.amazonaws.dynamodb.v20120810#",
    ),
    "sqs": _Refusal("RequestThrottled", prefix="com.amazonaws.sqs#"),
    "scheduler": _Refusal("ThrottlingException", status=429),
}
_OTHERWISE: Final = _Refusal("ThrottlingException")


class Faults:
    """Lies between the clients and the emulated AWS, and lets calls go wrong at given rates.

    Args:
        rates: How often.
        seed: Where the sequence of choices begins.
        clock: Time, which a silent service takes.

    Attributes:
        injected: What went wrong so far, by kind.
    """

    def __init__(self, rates: FaultRates, seed: int, clock: Clock) -> None:
        self._rates = (
            (FaultKind.THROTTLE, rates.throttles),
            (FaultKind.RESET, rates.resets),
            (FaultKind.LOST_ANSWER, rates.lost_answers),
        )
        self._random = Random(f"{seed}/faults")
        self._clock = clock
        self._lock = threading.Lock()
        self.injected: Counter[FaultKind] = Counter()

    def __call__(self, call: AwsCall, run: Callable[[], AwsReply]) -> AwsReply:
        """Answer a call, or let it go wrong.

        Raises:
            NoAnswerError: The caller is to see a broken or silent connection.
        """
        kind, is_silent = self._choose()
        if kind is None:
            return run()
        if kind is FaultKind.THROTTLE:
            return _THROTTLED.get(call.service, _OTHERWISE).reply()
        if kind is FaultKind.LOST_ANSWER:
            run()
            if is_silent:
                take_time(self._clock, _SILENCE_MS)
                raise NoAnswerError(timed_out=True)
        raise NoAnswerError(timed_out=False)

    def _choose(self) -> tuple[FaultKind | None, bool]:
        """What is to happen to a call; and, if its answer is lost, whether in silence: every second one."""
        with self._lock:
            drawn, is_silent = self._random.random(), self._random.random() < 0.5
            for kind, rate in self._rates:
                if drawn < rate:
                    self.injected[kind] += 1
                    return kind, is_silent
                drawn -= rate
        return None, False
