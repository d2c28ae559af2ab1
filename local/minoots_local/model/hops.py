"""What players ask of a model of AWS."""

from enum import Enum
from typing import Protocol


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
