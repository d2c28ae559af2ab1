"""Failures as people and machines read them, and the exit code of each."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from minoots.client.errors import APIStatusError, MinootsClientError

__all__ = ["EXIT_INTERRUPTED", "EXIT_REFUSED", "EXIT_UNREACHABLE", "EXIT_USAGE", "ReportingGroup"]

EXIT_REFUSED: Final = 1
"""The API said no: 4xx or 5xx."""

EXIT_USAGE: Final = 2
"""The command was not understood."""

EXIT_UNREACHABLE: Final = 3
"""No MINOOTS answered at the URL."""

EXIT_INTERRUPTED: Final = 130
"""Ctrl-C, as shells count it."""

_ADVICE: Final = {
    400: "Mend what is named above; --help shows how each option is written.",
    401: "Set MINOOTS_API_KEY to a valid key, or pass --api-key before the command.",
    403: "`minoots whoami` shows your roles: ask for a key with that one, or of the tenant that owns the timer.",
    404: "`minoots {} list` shows what your tenant has; the key decides which tenant that is.",
    409: "`minoots timers get ID` shows what the timer has become.",
    410: "Somebody else is asked by now; nothing is left to be answered here.",
    412: "`minoots timers get ID` shows what the timer has become.",
    429: "Wait a little and try again.",
}
_LISTED_BY: Final = {name: name for name in ("audit", "dead-letters", "destinations", "keys", "tenants", "timers")} | {
    "command-templates": "commands"
}
"""What lists the things of a path of the API, by the path's first step."""

_ADVICE_ON: Final = {
    "lease-lost": "Somebody else may be at work on it; `minoots inbox next` hands it over again once it is free.",
}
"""By the problem's code, where the status says too little."""

_LOOK_FIRST: Final = (
    "Try again in a moment; a change may have been carried out all the same, so look before you repeat it."
)


class ReportingGroup(TyperGroup):
    """The root group: whatever a command below it raises is reported here, once, in one form."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, report a failure on stderr and exit with its code."""
        given = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(given, prog_name, complete_var, False, windows_expand_args, **extra)
        except Exception as error:
            code = _report(error, as_json="--json" in given)
        if standalone_mode:
            sys.exit(code)
        return code


def _report(error: Exception, *, as_json: bool) -> int:
    if isinstance(error, typer.TyperException):
        return _report_usage(error, as_json=as_json)
    # Only a command that reached for the client can have raised one of these, so they cost no import of their own.
    from minoots.client.errors import APIStatusError, MinootsClientError

    if not isinstance(error, MinootsClientError):
        raise error
    refusal = error if isinstance(error, APIStatusError) else None
    if as_json:
        _print_json(refusal.problem.wire() if refusal else _unreachable_document(error))
    else:
        _print_lines(_refused(refusal) if refusal else _unreachable(error))
    return EXIT_REFUSED if refusal else EXIT_UNREACHABLE


def _report_usage(error: typer.TyperException, *, as_json: bool) -> int:
    if as_json and error.format_message():
        _print_json(_document("usage", "The command was not understood", error.format_message()))
    else:
        error.show()  # type: ignore[attr-defined]
    return EXIT_USAGE


def _refused(error: APIStatusError) -> Iterator[str]:
    problem = error.problem
    yield f"{problem.title} ({error.status_code})"
    yield f"  {problem.detail}"
    for field in problem.errors or ():
        yield f"    {field.field}: {field.message}"
    if error.status_code == 429 and error.retry_after_s is not None:
        yield f"  Try again in {error.retry_after_s:.0f} s."
    elif advice := _advice(error):
        yield f"  {advice}"
    if error.request_id:
        yield f"  Request id: {error.request_id}"


def _advice(error: APIStatusError) -> str | None:
    if error.status_code >= 500:
        return _LOOK_FIRST
    advice = _ADVICE_ON.get(error.problem.code) or _ADVICE.get(error.status_code)
    _, _, path = (error.problem.instance or "").partition("/")
    return advice and advice.format(_LISTED_BY.get(path.partition("/")[0], "timers"))


def _unreachable(error: MinootsClientError) -> Iterator[str]:
    yield "No MINOOTS answered"
    yield f"  {error}"
    if getattr(error, "outcome_unknown", False):
        yield "  The request may have been carried out all the same, so look before you repeat it."
    yield "  Check MINOOTS_URL or --url; `minoots local up` runs the whole stack on this machine."


def _unreachable_document(error: MinootsClientError) -> dict[str, Any]:
    document = _document("unreachable", "No MINOOTS answered", str(error))
    return {**document, "outcomeUnknown": bool(getattr(error, "outcome_unknown", False))}


def _document(code: str, title: str, detail: str) -> dict[str, Any]:
    # No `status`: RFC 9457 keeps it for an HTTP status, and there was none.
    return {"type": f"urn:minoots:problem:{code}", "title": title, "detail": detail, "code": code}


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, indent=2), err=True)


def _print_lines(lines: Iterator[str]) -> None:
    typer.secho("Error: ", err=True, fg="red", bold=True, nl=False)
    for line in lines:
        typer.echo(line, err=True)
