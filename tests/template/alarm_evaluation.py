"""CloudWatch's evaluation of an alarm, as far as our alarms go: periods, statistics, M out of N, missing data.

Source: "Using Amazon CloudWatch alarms", Amazon CloudWatch User Guide. What is not known here is refused, so that an
alarm in a new form fails its test rather than passing unevaluated.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

KNOWN = {
    "ActionsEnabled",
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "DatapointsToAlarm",
    "Dimensions",
    "EvaluationPeriods",
    "ExtendedStatistic",
    "MetricName",
    "Namespace",
    "Period",
    "Statistic",
    "Threshold",
    "TreatMissingData",
}
COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
}
MISSING_BREACHES = {"notBreaching": False, "breaching": True}
STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "Maximum": max,
    # Of few samples, a high percentile is the highest.
    "p99": lambda values: sorted(values)[math.ceil(len(values) * 0.99) - 1],
}


@dataclass(frozen=True, slots=True)
class Metric:
    """What a sample belongs to: CloudWatch tells metrics apart by all of these, dimensions included."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]]


@dataclass(slots=True)
class Samples:
    """What was measured, each sample with its second; time ends at `end_s`."""

    end_s: int
    values: defaultdict[Metric, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, metric: Metric, at_s: int, *values: float) -> None:
        """Record samples of one second."""
        self.values[metric].extend((at_s, value) for value in values)

    def periods(self, metric: Metric, length_s: int, count: int) -> list[list[float]]:
        """The samples of the last so many periods, newest first."""
        found = self.values.get(metric, [])
        starts = [self.end_s - length_s * (back + 1) for back in range(count)]
        return [[value for at_s, value in found if start <= at_s < start + length_s] for start in starts]


def raised(alarm: Mapping[str, Any], metric: Metric, samples: Samples) -> bool:
    """Whether an alarm that watches a metric is in ALARM at the end of the samples' time.

    Raises:
        AssertionError: The alarm says something that is not evaluated here.
    """
    assert set(alarm) <= KNOWN, set(alarm) - KNOWN
    statistic = STATISTICS[alarm.get("Statistic") or alarm["ExtendedStatistic"]]
    compare = COMPARISONS[alarm["ComparisonOperator"]]
    missing = MISSING_BREACHES[alarm["TreatMissingData"]]
    asked = alarm["EvaluationPeriods"]
    breaching = [
        compare(statistic(values), alarm["Threshold"]) if values else missing
        for values in samples.periods(metric, alarm["Period"], asked)
    ]
    return sum(breaching) >= alarm.get("DatapointsToAlarm", asked)
