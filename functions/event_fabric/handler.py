"""Lambda entry point: publishes events from the table's stream."""

from minoots_kernel.bootstrap.event_fabric import build
from minoots_kernel.bootstrap.lazy import lazy

__all__ = ["build", "handler"]

handler = lazy(build)
