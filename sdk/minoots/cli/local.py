"""``minoots local``: the whole stack on this machine, if its extra is installed."""

from __future__ import annotations

from importlib import import_module

import typer

__all__ = ["local"]


def local(ctx: typer.Context) -> None:
    """Run the whole stack on this machine; needs the extra 'local'."""
    try:
        # By name, when asked for: the SDK must not depend on the stack, and the stack is heavy.
        commands = import_module("minoots_local.cli").app
        # As a group even if it has a single command, so that `minoots local up` is what one types.
        code = typer.main.get_group(commands).main(
            args=list(ctx.args), prog_name="minoots local", standalone_mode=False
        )
    except ModuleNotFoundError as error:
        if not _is_missing_extra(error):
            raise
        message = f'the local stack needs its extra: pip install "minoots[local]" (no {error.name} here)'
        raise typer.BadParameter(message, param_hint="local") from error
    if code:
        raise typer.Exit(code)


def _is_missing_extra(error: ModuleNotFoundError) -> bool:
    # A module of ours that is missing below the package is a defect and must show as one.
    package = (error.name or "").partition(".")[0]
    return error.name == "minoots_local" or not package.startswith(("minoots", "functions"))
