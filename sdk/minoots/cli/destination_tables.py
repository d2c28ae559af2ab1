"""Rich drawings of destinations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from minoots.cli.drawing import facts, table
from minoots.cli.words import due
from minoots_contract.destinations import DestinationWithSecret
from minoots_contract.instants import format_instant

if TYPE_CHECKING:
    from minoots_contract.destinations import DestinationReply

__all__ = ["destination_details", "destination_table"]


def destination_table(found: Sequence[DestinationReply]) -> RenderableType:
    """Draw a listing of destinations, or say that there are none."""
    rows = ((one.name, one.url or "", _status(one), ", ".join(_limits(one))) for one in found)
    return table("No destinations.", ("NAME", "URL", "STATUS", "LIMITS"), rows)


def destination_details(one: DestinationReply, *, now_ms: int) -> RenderableType:
    """Draw all there is to know about one destination; a secret that was just made is shown in full."""
    made = one.signing_secret if isinstance(one, DestinationWithSecret) else None
    return facts(
        [
            ("name", one.name),
            ("url", one.url),
            ("status", _status(one)),
            ("why", one.disabled_reason),
            ("limits", ", ".join(_limits(one))),
            ("headers", ", ".join(one.auth_headers)),
            *(("secret", text) for text in _secrets(one, now_ms)),
            ("created", format_instant(one.created_at)),
            ("new secret", Text(f"{made}  (shown this once)" if made else "", style="bold")),
        ]
    )


def _status(one: DestinationReply) -> Text:
    return Text(one.status, style="green" if one.status == "enabled" else "bold red")


def _limits(one: DestinationReply) -> Iterator[str]:
    if one.rate_limit is not None:
        burst = f", {one.rate_limit.burst} at once" if one.rate_limit.burst > 1 else ""
        yield f"{one.rate_limit.per_second:g} a second{burst}"
    if one.max_in_flight is not None:
        yield f"{one.max_in_flight} under way"


def _secrets(one: DestinationReply, now_ms: int) -> Iterator[str]:
    for secret in one.signing_secrets:
        expires = "" if secret.expires_at is None else f", signs until {due(secret.expires_at, now_ms)}"
        yield f"{secret.id} of {format_instant(secret.created_at)}{expires}"
