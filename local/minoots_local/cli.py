"""`minoots local`: the commands of the local stack."""

import faulthandler
import gc
import os
import signal
import sys
import threading
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from minoots_local import logs
from minoots_local.errors import LocalStackError
from minoots_local.model.settings import FaultRates, ModelSettings
from minoots_local.settings import LocalSettings, api_keys, data_dir, truthy

app = typer.Typer(no_args_is_help=True, help="The whole stack on this machine, without AWS.")


class ClockKind(StrEnum):
    """Whose time the stack goes by."""

    REAL = "real"
    VIRTUAL = "virtual"


@app.callback()
def local() -> None:
    """The whole stack on this machine, without AWS."""


@app.command()
def up(  # noqa: PLR0913, PLR0917 - one parameter per option
    port: Annotated[int, typer.Option(help="Port of the API; 0 takes a free one.")] = 4000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    aws_port: Annotated[int, typer.Option(help="Port of the emulated AWS; 0, or a busy one, takes a free one.")] = 4566,
    no_aws_port: Annotated[bool, typer.Option("--no-aws-port", help="Do not serve the emulated AWS.")] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="Directory of the journal. [default: $TIMER_STORE_PATH or .minoots]"),
    ] = None,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Keep nothing: no journal.")] = False,
    template: Annotated[Path | None, typer.Option(help="Template to play.")] = None,
    parameter: Annotated[list[str] | None, typer.Option(help="Template parameter, as Name=value; repeatable.")] = None,
    model_aws: Annotated[
        bool, typer.Option("--model-aws", help="Let hops take as long as on AWS, and Scheduler its minute.")
    ] = False,
    cold_starts: Annotated[bool, typer.Option(help="With --model-aws: new environments take their time, too.")] = True,
    duplicates: Annotated[
        float, typer.Option(help="How often a message or stream record is delivered again, 0 to 1.")
    ] = 0.0,
    throttles: Annotated[float, typer.Option(help="How often a call of AWS is refused for load, 0 to 1.")] = 0.0,
    lost_answers: Annotated[
        float, typer.Option(help="How often a call of AWS is done and its answer is lost, 0 to 1.")
    ] = 0.0,
    resets: Annotated[
        float, typer.Option(help="How often a connection to AWS is closed before the call is done, 0 to 1.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Where the random choices of the options above begin.")] = 0,
    clock: Annotated[
        ClockKind, typer.Option(help="virtual: a clock that `minoots local advance` sets forward.")
    ] = ClockKind.REAL,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the stack until Ctrl-C."""
    logs.configure(log_level)
    # The one place where the local stack reads the environment.
    environ = dict(os.environ)  # noqa: TID251
    try:
        settings = LocalSettings(
            host=host,
            port=port,
            aws_port=None if no_aws_port else aws_port,
            data=data_dir(environ, data, ephemeral=ephemeral),
            template=template,
            parameters=_parameters(parameter or []),
            api_keys=api_keys(environ),
            virtual_clock=clock is ClockKind.VIRTUAL,
            boot_demo=truthy(environ.get("MINOOTS_BOOT_DEMO")),
            model=ModelSettings(
                latencies=model_aws,
                cold_starts=cold_starts,
                duplicates=duplicates,
                faults=FaultRates(throttles=throttles, resets=resets, lost_answers=lost_answers),
                seed=seed,
            ),
        )
        _run(settings)
    except LocalStackError as error:
        logs.logger("stack").error(str(error))
        _leave(1)
    _leave(0)


# Unknown options are let through, so that a negative duration is told what is wrong with it.
@app.command(context_settings={"ignore_unknown_options": True})
def advance(
    by: Annotated[str, typer.Argument(help="How much time is to pass: 90s, 1h30m, 30d, PT1H30M.")],
    port: Annotated[int, typer.Option(help="Port of the stack's API on this machine.")] = 4000,
    url: Annotated[str | None, typer.Option(help="Where the stack's API is, instead of --port.")] = None,
) -> None:
    """Let time pass on a stack that runs with --clock virtual."""
    # Deferred: `up` has no use for it.
    from minoots_local.advancing import advance_stack

    try:
        typer.echo(advance_stack(url or f"http://127.0.0.1:{port}", by))
    except LocalStackError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


def _run(settings: LocalSettings) -> None:
    """Start, wait for a signal, stop."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    faulthandler.register(signal.SIGUSR1)
    # Deferred: moto and boto3 take most of a second, which `--help` should not.
    from minoots_local.demo import create_demo_timer
    from minoots_local.local_stack import LocalStack

    tune_collector()
    with LocalStack(settings) as stack:
        # Items and models that live as long as the process need not be looked at again; what loading left behind
        # is collected first, as frozen garbage stays for good.
        gc.collect()
        gc.freeze()
        _greet(stack)
        if settings.boot_demo:
            create_demo_timer(stack.url, settings.api_keys[0]["key"])
        while not stop.wait(3600):
            pass
        logs.logger("stack").info("stopping")
    logs.logger("stack").info("stopped")


def tune_collector() -> None:
    """Collect garbage seldom: by default it takes half of the processor when timers fire in bulk."""
    gc.set_threshold(100_000, 50, 100)


def _private_hosts(stack: "LocalStack") -> str:  # type: ignore[name-defined] # noqa: F821
    return str(stack.template.parameters.get("AllowedPrivateHosts", "")) or "no private address"


def _greet(stack: "LocalStack") -> None:  # type: ignore[name-defined] # noqa: F821
    settings = stack.settings
    key = settings.api_keys[0]["key"] if settings.api_keys else "(none)"
    rows = {
        "API": stack.url,
        "API key": key,
        "AWS": stack.aws_url or "not served",
        "Data": str(settings.data.resolve()) if settings.data else "in memory only",
        "Clock": "virtual; an hour passes with: minoots local advance 1h" if settings.virtual_clock else "real",
        "Template": str(stack.template.path),
        "Webhooks": f"may reach {_private_hosts(stack)}; on AWS only public addresses",
    }
    console = Console(highlight=False, soft_wrap=True)
    console.print("\n[bold]MINOOTS is up.[/bold] Ctrl-C stops it.")
    for name, value in rows.items():
        console.print(f"  [cyan]{name:<9}[/cyan]", end="")
        console.print(value, markup=False)
    console.print("\nTry:")
    body = '{"requestedBy":"cli","name":"coffee-break","duration":"30s","metadata":{"note":"brew beans"}}'
    console.print(
        f'  curl -X POST {stack.url}/timers -H "Content-Type: application/json" '
        f"-H \"X-API-Key: {key}\" \\\n    -d '{body}'\n",
        markup=False,
    )
    sys.stdout.flush()


def _parameters(given: list[str]) -> Mapping[str, str]:
    pairs = [entry.partition("=") for entry in given]
    for name, equals, _ in pairs:
        if not equals:
            raise LocalStackError(f"--parameter {name}: write it as Name=value")
    return {name: value for name, _, value in pairs}


def _leave(status: int) -> None:
    """End the process now: a handler that still waits for a slow webhook must not hold it up."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
