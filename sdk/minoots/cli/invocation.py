"""What one run of the command line knows: where the API is, who asks, and how to answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from minoots.clock import Clock, SystemClock

if TYPE_CHECKING:
    import httpx
    from rich.console import Console

    from minoots.client import Client

__all__ = ["IfVersion", "Invocation", "JsonFlag", "Seams", "invocation"]

JsonFlag = Annotated[
    bool, typer.Option("--json", help="Answer with one JSON document on stdout; errors as problem JSON on stderr.")
]
"""Every command takes it, and the root does too, so that it may stand anywhere."""

IfVersion = Annotated[
    int | None,
    typer.Option("--if-version", min=0, metavar="N", help="Only if it stands at this version; 0: if it is new."),
]
"""For what is changed upon the version that was read."""

_REQUESTED_BY: Final = "cli"
# A pipe has no width of its own; ids and URLs must survive it.
_PIPE_WIDTH: Final = 160


@dataclass(frozen=True, slots=True)
class Seams:
    """What tests put in the place of the world.

    Attributes:
        transport: Carries the requests instead of the network.
        clock: Time.
    """

    transport: httpx.BaseTransport | None = None
    clock: Clock = field(default_factory=SystemClock)


@dataclass(frozen=True, slots=True)
class Invocation:
    """The global options of one run.

    Attributes:
        url: Where the API is.
        api_key: Empty when none was given.
        as_json: Whether a machine reads the answer.
        seams: The network and the clock.
    """

    url: str
    api_key: str
    as_json: bool
    seams: Seams

    def client(self) -> Client:
        """Make the client of this run.

        Raises:
            typer.BadParameter: If there is no key, or the URL or the key cannot be right.
        """
        if not self.api_key:
            raise typer.BadParameter(_no_key(self.url), param_hint="API key")
        _spare_httpx_its_own_command_line()
        from minoots.client import Client

        try:
            return Client(
                self.url,
                self.api_key,
                transport=self.seams.transport,
                requested_by=_REQUESTED_BY,
                clock=self.seams.clock,
            )
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--url or --api-key") from error

    def show(self, document: dict[str, Any], draw: Callable[[Console], None]) -> None:
        """Answer on stdout: the document to a machine, the drawing to a person."""
        if self.as_json:
            typer.echo(json.dumps(document, indent=2))
        else:
            draw(self.console())

    def console(self) -> Console:
        """Return Rich's console on stdout."""
        from rich.console import Console

        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = max(console.width, _PIPE_WIDTH)
        return console


def invocation(ctx: typer.Context, as_json: bool) -> Invocation:
    """Return the run's options, with ``--json`` wherever it stood."""
    found = ctx.find_object(Invocation)
    if found is None:
        raise RuntimeError("the root command has not run")
    return replace(found, as_json=found.as_json or as_json)


def _no_key(url: str) -> str:
    local = urlsplit(url).hostname in {"localhost", "127.0.0.1", "::1"}
    hint = " (the local stack knows the key mnt_example)" if local else ""
    return f"set MINOOTS_API_KEY or pass --api-key before the command{hint}"


def _spare_httpx_its_own_command_line() -> None:
    # `import httpx` tries to import its own command line and with it click, pygments and half of Rich, 100 ms that no
    # command here uses. None in sys.modules makes that import fail, which httpx expects when its extra is missing.
    if "httpx" not in sys.modules:
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
