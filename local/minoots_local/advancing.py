"""Asks a running stack to let time pass."""

import httpx

from minoots_contract.durations import InvalidDurationError, parse_duration
from minoots_local.errors import LocalStackError

ADVANCE = "/local/clock/advance"

_REAL = (
    "The clock of the stack at {url} is the machine's own, which cannot be set forward. "
    "Start the stack with: minoots local up --clock virtual"
)


def advance_stack(url: str, by: str) -> str:
    """Let time pass on the stack at `url`; returns what to tell about it. It takes as long as what happens meanwhile.

    Raises:
        LocalStackError: It cannot be asked, or it refused.
    """
    try:
        by_ms = parse_duration(by)
    except InvalidDurationError as error:
        raise LocalStackError(f"{by}: {error}") from None
    try:
        answer = httpx.post(f"{url.rstrip('/')}{ADVANCE}", json={"by": by_ms}, timeout=None, trust_env=False)
        found = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise LocalStackError(f"No stack answers at {url}: {error}") from error
    if answer.is_success and "advancedMs" in found:
        return (
            f"It is now {found['now']}. Meanwhile {found['fired']} fired, {found['settled']} settled, "
            f"{found['failed']} failed, {found['cancelled']} were cancelled."
        )
    if answer.status_code in {400, 503}:
        raise LocalStackError(str(found.get("detail")))
    raise LocalStackError(_REAL.format(url=url))
