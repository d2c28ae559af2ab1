"""Lambda entry point: tells executions that wait for an acknowledgement what comes next."""

from minoots_kernel.bootstrap.acknowledgement import build
from minoots_kernel.bootstrap.lazy import lazy

__all__ = ["build", "handler"]

handler = lazy(build)
