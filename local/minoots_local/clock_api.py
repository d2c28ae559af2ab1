"""The virtual clock over HTTP, beside the API: what time it is, and advancing it."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from minoots_contract.durations import InvalidDurationError, parse_duration
from minoots_contract.instants import MAX_INSTANT_MS, format_instant
from minoots_local.advancing import ADVANCE
from minoots_local.aws.streams import TableWrite
from minoots_local.errors import ClockStoppedError
from minoots_local.logs import logger
from minoots_local.players.http import Receive, Reply, Scope, Send, read_body
from minoots_local.virtual_clock import VirtualClock

PATH = "/local/clock"

# The calendar ends with the year 9999, and a stack that runs needs some of it before it.
LATEST_MS = MAX_INSTANT_MS - 366 * 86_400_000

_ENDS = ("settled", "failed", "cancelled")
_log = logger("clock")

Application = Callable[[Scope, Receive, Send], Any]


class InvalidAdvanceError(ValueError):
    """What was asked for is not a time that can pass."""


class Tally:
    """Counts what becomes of timers, by the writes of their items."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter({"fired": 0, **dict.fromkeys(_ENDS, 0)})

    def note(self, write: TableWrite) -> None:
        """Take a write in; called under the gate's lock."""
        new, old = write.new or {}, write.old or {}
        if new.get("kind") != {"S": "timer"}:
            return
        if "firedAt" in new and "firedAt" not in old:
            self.counts["fired"] += 1
        status = new.get("status", {}).get("S")
        if status in _ENDS and new.get("status") != old.get("status"):
            self.counts[status] += 1


class ClockApi:
    """An ASGI application that answers for the clock and leaves every other path to the API.

    Args:
        clock: The clock.
        tally: What has become of timers so far.
        reached: Told the time (epoch milliseconds) that an advance ended at, before it is answered.
        api: The API.
    """

    def __init__(self, clock: VirtualClock, tally: Tally, reached: Callable[[float], None], api: Application) -> None:
        self._clock = clock
        self._tally = tally
        self._reached = reached
        self._api = api
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="advance")

    def close(self) -> None:
        """Advance no more."""
        self._clock.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        asked = (scope["method"], scope["path"]) if scope["type"] == "http" else None
        if asked == ("GET", PATH):
            await _reply(200, {"now": _shown(self._clock.now_ms())}).send(send)
        elif asked == ("POST", ADVANCE):
            body = await read_body(receive) or b""
            reply = await asyncio.get_running_loop().run_in_executor(self._threads, self._answer, body)
            await reply.send(send)
        else:
            await self._api(scope, receive, send)

    def _answer(self, body: bytes) -> Reply:
        try:
            return _reply(200, self.advance(_requested(body)))
        except InvalidAdvanceError as error:
            return _problem(400, "Invalid advance", str(error))
        except ClockStoppedError:
            return _problem(503, "Stopping", "the stack stopped before that time had come")

    def advance(self, by_ms: int) -> dict[str, Any]:
        """Let time pass; returns the new time and what happened meanwhile.

        Raises:
            InvalidAdvanceError: The calendar ends first.
            ClockStoppedError: The stack stopped meanwhile.
        """
        if self._clock.now_ms() + by_ms > LATEST_MS:
            raise InvalidAdvanceError(f"the clock can be advanced up to {format_instant(LATEST_MS)}")
        before = self._tally.counts.copy()
        now_ms = self._clock.advance(by_ms)
        self._reached(now_ms)
        happened = {name: count - before[name] for name, count in self._tally.counts.items()}
        _log.info("advanced", extra={"by_ms": by_ms, **happened})
        return {"now": _shown(now_ms), "advancedMs": by_ms, **happened}


def _requested(body: bytes) -> int:
    """The time that a request's body asks to pass, milliseconds."""
    try:
        request = json.loads(body)
    except ValueError:
        request = None
    if not isinstance(request, Mapping) or request.keys() != {"by"}:
        raise InvalidAdvanceError('the body is JSON such as {"by": "30d"}')
    try:
        return parse_duration(request["by"])
    except InvalidDurationError as error:
        raise InvalidAdvanceError(f"by: {error}") from error


def _shown(epoch_ms: float) -> str:
    return format_instant(int(epoch_ms))


def _reply(status: int, body: Mapping[str, Any], kind: bytes = b"application/json") -> Reply:
    return Reply(status, [(b"content-type", kind)], json.dumps(body).encode())


def _problem(status: int, title: str, detail: str) -> Reply:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return _reply(status, body, b"application/problem+json")
