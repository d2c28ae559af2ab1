"""Lambda entry point: fires timers when their wake-ups come."""

from minoots_kernel.bootstrap.kernel_fire import build
from minoots_kernel.bootstrap.lazy import lazy

__all__ = ["build", "handler"]

handler = lazy(build)
