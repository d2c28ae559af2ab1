"""Trace context (W3C): receivers see the attempts of one timer as one trace."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from minoots_kernel.domain.timer import Timer

__all__ = ["trace_headers"]

_TRACEPARENT: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_TRACESTATE: Final = re.compile(r"(?! )[\x20-\x7e]{1,512}(?<! )")


def trace_headers(timer: Timer, delivery: str, attempt: int) -> dict[str, str]:
    """Return `traceparent`, and `tracestate` if there is one.

    Those in the timer's metadata are passed on as they are: whoever made the timer continues its own trace, and we add
    no span to it. Otherwise trace and span are derived from timer and attempt, so that an attempt made again after a
    crash is the same span. The sampled flag is set, or a receiver that follows it would never keep the trace.

    Args:
        timer: The timer.
        delivery: The delivery's id.
        attempt: The attempt's number, from 1.
    """
    given, state = timer.spec.metadata.get("traceparent"), timer.spec.metadata.get("tracestate")
    if isinstance(given, str) and _TRACEPARENT.fullmatch(given):
        kept = {"tracestate": state} if isinstance(state, str) and _TRACESTATE.fullmatch(state) else {}
        return {"traceparent": given, **kept}
    span = _hex(f"{delivery}#{attempt}", 8)
    return {"traceparent": f"00-{_hex(f'{timer.tenant_id}/{timer.id}', 16)}-{span}-01"}


def _hex(text: str, size: int) -> str:
    return blake2b(text.encode(), digest_size=size).hexdigest()
