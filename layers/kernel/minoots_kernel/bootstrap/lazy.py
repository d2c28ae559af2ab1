"""Lambda entry points that build themselves on the first call."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

__all__ = ["Handler", "lazy"]

Handler = Callable[[Any, Any], Any]


def lazy(build: Callable[[Mapping[str, str]], Handler]) -> Handler:
    """Return a handler that is built from the process's environment when it is first called.

    So that importing a function's module reads no environment and makes no client, and the local stack can build the
    same function from the template's values instead.
    """

    @cache
    def built() -> Handler:
        return build(os.environ)  # noqa: TID251  the one place where the environment is read

    def handler(event: Any, context: Any) -> Any:
        return built()(event, context)

    return handler
