"""Lambda entry point: runs the actions of fired timers."""

from minoots_kernel.bootstrap.lazy import lazy
from minoots_kernel.bootstrap.orchestrator import build

__all__ = ["build", "handler"]

handler = lazy(build)
