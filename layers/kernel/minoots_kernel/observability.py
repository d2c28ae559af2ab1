"""Logs and metrics of a function: structured lines on AWS; in the local stack, which has its own logs, nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from minoots_kernel.application.ports import Metrics
from minoots_kernel.config import Settings

__all__ = ["configure_logging", "observed"]

Handler = Callable[[Any, Any], Any]


def configure_logging(settings: Settings) -> None:
    """Make the kernel's loggers write Powertools' JSON lines; done once for a process."""
    if settings.environment == "local":
        return
    from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter  # not needed locally

    logger = logging.getLogger("minoots_kernel")
    logger.setLevel(settings.log_level)
    logger.propagate = False  # the runtime's root handler would write every line again
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(LambdaPowertoolsFormatter(service="minoots"))
        logger.addHandler(handler)


class QuietMetrics:
    """The metrics port for where nobody collects them."""

    def count(self, name: str, value: int = 1) -> None:
        """Do nothing."""

    def milliseconds(self, name: str, value: int) -> None:
        """Do nothing."""


def observed(settings: Settings, make: Callable[[Metrics], Handler]) -> Handler:
    """Make a handler whose metrics are written at the end of each invocation."""
    configure_logging(settings)
    if settings.environment == "local":
        return make(QuietMetrics())
    from minoots_kernel.adapters.emf import EmfMetrics  # not needed locally

    metrics = EmfMetrics()
    handler = make(metrics)

    def flushing(event: Any, context: Any) -> Any:
        try:
            return handler(event, context)
        finally:
            metrics.flush()

    return flushing
