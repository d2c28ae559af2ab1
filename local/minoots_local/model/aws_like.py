"""The model that is asked for by settings."""

import threading
from collections import Counter
from collections.abc import Mapping
from random import Random

from minoots_local.model.hops import Hop
from minoots_local.model.latencies import PUBLISHED, SECOND_DELIVERY, Distribution
from minoots_local.model.settings import ModelSettings


class AwsLike:
    """Draws delays and second deliveries, each kind from a sequence of its own.

    The seed fixes every sequence; which event gets which member of it depends on the threads.

    Args:
        settings: What is asked for.

    Attributes:
        delivered_again: What was delivered a second time, by hop.
    """

    def __init__(self, settings: ModelSettings) -> None:
        self._duplicates = settings.duplicates
        self._distributions = _distributions(settings)
        self._lock = threading.Lock()
        self._delays = {hop: Random(f"{settings.seed}/delay/{hop.name}") for hop in Hop}
        self._choices = {hop: Random(f"{settings.seed}/again/{hop.name}") for hop in Hop}
        self.delivered_again: Counter[Hop] = Counter()

    def delay_ms(self, hop: Hop) -> float:
        """How long a hop takes this time, milliseconds."""
        distribution = self._distributions.get(hop)
        if distribution is None:
            return 0.0
        with self._lock:
            return distribution.draw_ms(self._delays[hop])

    def is_delivered_again(self, hop: Hop) -> bool:
        """Whether what now takes a hop is delivered a second time."""
        with self._lock:
            again = self._choices[hop].random() < self._duplicates
            if again:
                self.delivered_again[hop] += 1
            return again


def _distributions(settings: ModelSettings) -> Mapping[Hop, Distribution]:
    found: dict[Hop, Distribution] = {Hop.SECOND_DELIVERY: SECOND_DELIVERY}
    if settings.latencies:
        found |= PUBLISHED
        if not settings.cold_starts:
            del found[Hop.COLD_START]
    return found
