"""Lambda entry point: the control plane: HTTP API events."""

from minoots_kernel.bootstrap.control_plane import build
from minoots_kernel.bootstrap.lazy import lazy

__all__ = ["build", "handler"]

handler = lazy(build)
