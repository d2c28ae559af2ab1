"""Lambda entry point: repairs what was lost."""

from minoots_kernel.bootstrap.kernel_sweep import build
from minoots_kernel.bootstrap.lazy import lazy

__all__ = ["build", "handler"]

handler = lazy(build)
