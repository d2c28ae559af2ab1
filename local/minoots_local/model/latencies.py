"""How long hops take on AWS: distributions fitted to published measurements.

Latencies are skewed to the right, so a log-normal is fitted to the median and the 99th percentile that were published:
its median is `exp(mu)`, its 99th percentile `exp(mu + 2.326 sigma)`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from statistics import NormalDist
from types import MappingProxyType
from typing import Final, Protocol

from minoots_local.model.hops import Hop

_Z99: Final = NormalDist().inv_cdf(0.99)


class Distribution(Protocol):
    """Something that durations are drawn from."""

    def draw_ms(self, random: Random) -> float:
        """A duration, milliseconds."""
        ...


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A log-normal by two of its percentiles, milliseconds."""

    p50_ms: float
    p99_ms: float

    def draw_ms(self, random: Random) -> float:
        """A duration, milliseconds."""
        return random.lognormvariate(math.log(self.p50_ms), math.log(self.p99_ms / self.p50_ms) / _Z99)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Anything in [least, most), all of it as likely, milliseconds."""

    least_ms: float
    most_ms: float

    def draw_ms(self, random: Random) -> float:
        """A duration, milliseconds."""
        return self.least_ms + random.random() * (self.most_ms - self.least_ms)


PUBLISHED: Final[Mapping[Hop, Distribution]] = MappingProxyType(
    {
        # "Scheduler fires within the minute": a one-shot comes anywhere in the 60 s from its instant on.
        Hop.SCHEDULER: Uniform(0, 60_000),
        Hop.QUEUE: LogNormal(16, 105),
        Hop.STREAM: LogNormal(213, 552),
        Hop.BUS: LogNormal(148, 387),
        Hop.COLD_START: Uniform(150, 400),  # Python
    }
)

# No one published this one: soon enough to meet the first delivery under way, late enough to find it done.
SECOND_DELIVERY: Final = Uniform(0, 2_000)
