"""Options that several commands take alike, written once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["sharing"]

Command = Callable[..., None]


def sharing(
    options: Mapping[str, Any], read: Callable[[dict[str, Any]], dict[str, Any]]
) -> Callable[[Command], Command]:
    """Return what gives a command options beside its own parameters.

    Args:
        options: Each option's type by its name, with its `typer.Option`; it is none unless it is given.
        read: Makes of the options, by their names, what the command gets as `which`; the nones in that are left out.
    """

    def share(command: Command) -> Command:
        def run(**given: Any) -> None:
            which = read({name: given.pop(name) for name in options})
            command(**given, which={name: value for name, value in which.items() if value is not None})

        own = [one for name, one in inspect.signature(command, eval_str=True).parameters.items() if name != "which"]
        keyword = inspect.Parameter.KEYWORD_ONLY
        more = [inspect.Parameter(name, keyword, default=None, annotation=kind) for name, kind in options.items()]
        parameters = [*(one.replace(kind=keyword) for one in own), *more]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        run.__name__, run.__doc__ = command.__name__, command.__doc__
        return run

    return share
