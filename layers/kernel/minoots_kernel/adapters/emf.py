"""Metrics as CloudWatch's embedded metric format, by Powertools: lines in the log, no call, no extra latency."""

from __future__ import annotations

from threading import Lock

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

__all__ = ["EmfMetrics"]


class EmfMetrics:
    """The metrics port; `flush` writes what an invocation gathered. Safe for the threads of one invocation."""

    def __init__(self, namespace: str = "Minoots", service: str = "minoots") -> None:
        self._metrics = Metrics(namespace=namespace, service=service)
        self._lock = Lock()

    def count(self, name: str, value: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._metrics.add_metric(name, MetricUnit.Count, value)

    def milliseconds(self, name: str, value: int) -> None:
        """Record a duration."""
        with self._lock:
            self._metrics.add_metric(name, MetricUnit.Milliseconds, value)

    def flush(self) -> None:
        """Write the metrics, if there are any."""
        with self._lock:
            if self._metrics.metric_set:
                self._metrics.flush_metrics()
