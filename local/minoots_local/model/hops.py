"""What players ask of a model of AWS."""

import threading
from enum import Enum
from typing import Protocol

from minoots_local.clock import Clock


class Hop(Enum):
    """Where something passes from one service to the next, and AWS takes its time over it."""

    SCHEDULER = "schedule to its instant"
    QUEUE = "queue to function"
    STREAM = "stream to function"
    BUS = "bus to function"
    COLD_START = "new execution environment"
    SECOND_DELIVERY = "delivery to the same delivery again"


class Model(Protocol):
    """How the AWS that is played behaves beyond what its services promise."""

    def delay_ms(self, hop: Hop) -> float:
        """How long a hop takes this time, milliseconds."""
        ...

    def is_delivered_again(self, hop: Hop) -> bool:
        """Whether what now takes a hop is delivered a second time, as at-least-once allows."""
        ...


class Prompt:
    """The default: nothing takes longer than it takes here, and everything is delivered once."""

    def delay_ms(self, hop: Hop) -> float:
        """No time."""
        del hop
        return 0.0

    def is_delivered_again(self, hop: Hop) -> bool:
        """Never."""
        del hop
        return False


def take_time(clock: Clock, duration_ms: float) -> None:
    """Return when a duration has passed."""
    if duration_ms <= 0:
        return
    until_ms = clock.now_ms() + duration_ms
    condition = threading.Condition()
    with condition:
        while clock.now_ms() < until_ms:
            clock.wait(condition, until_ms)
