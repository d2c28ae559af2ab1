"""Lambda entry point: arms timers from the table's stream."""

from minoots_kernel.bootstrap.kernel_arm import build
from minoots_kernel.bootstrap.lazy import lazy

__all__ = ["build", "handler"]

handler = lazy(build)
