"""A receiver that fails in every way there is, and what came of the timers whose webhooks went to it."""

from __future__ import annotations

import hashlib
import json
import socket
import socketserver
import struct
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from minoots_contract.instants import parse_instant
from minoots_local.local_stack import LocalStack
from minoots_local.model.settings import ModelSettings
from minoots_local.settings import LocalSettings
from tests.support.stack_process import HEADERS, KEYS

MOODS: Final = {
    "good": 0.42,
    "huge reply": 0.06,
    "500": 0.16,
    "reset": 0.12,
    "half a body": 0.12,
    "hang": 0.06,
    "slow drip": 0.06,
}
"""How often the receiver does what; the first two are answers of 200."""

TAKEN: Final = frozenset({"good", "huge reply"})
GOOD_SHARE: Final = sum(share for mood, share in MOODS.items() if mood in TAKEN)
MAX_ATTEMPTS: Final = 4
TIMEOUT_MS: Final = 1_000
POLICY: Final = {"maxAttempts": MAX_ATTEMPTS, "backoffInitialMs": 100, "jitter": "full"}
CLIENTS: Final = 8
HUGE: Final = 4_000_000


def mood_of(delivery: str, attempt: int) -> str:
    """Return what the receiver does with an attempt: always the same, however often it comes."""
    point = int.from_bytes(hashlib.blake2b(f"{delivery}#{attempt}".encode(), digest_size=8).digest()) / 2**64
    for mood, share in MOODS.items():
        point -= share
        if point < 0:
            return mood
    return "good"


@dataclass
class FlakyReceiver:
    """What came: of each delivery the attempt and when, epoch milliseconds."""

    url: str
    arrivals: defaultdict[str, list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        with suppress(OSError):
            while self._answer():
                pass

    def _answer(self) -> bool:
        """Read a request and do with it as its mood is; returns whether the connection stays."""
        if not self.rfile.readline():
            return False
        headers: dict[str, str] = {}
        while (line := self.rfile.readline().strip()) != b"":
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        self.rfile.read(int(headers.get("content-length", 0)))
        delivery, attempt = headers["webhook-id"], int(headers["minoots-attempt"])
        received = self.server.received
        with received.lock:
            received.arrivals[delivery].append((attempt, time.time() * 1000))
        return self._act(mood_of(delivery, attempt))

    def _act(self, mood: str) -> bool:
        if mood == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if mood == "hang":
            self.server.ending.wait(TIMEOUT_MS / 1000 + 1)
            return False
        if mood == "half a body":
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
            return False
        if mood == "slow drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
            for _ in range(100):
                self.wfile.write(b".")
                if self.server.ending.wait(0.05):
                    break
            return False
        if mood == "huge reply":
            self.wfile.write(f"HTTP/1.1 200 OK\r\ncontent-length: {HUGE}\r\n\r\n".encode())
            self.wfile.write(b"x" * HUGE)
            return False
        status = "500 Internal Server Error" if mood == "500" else "200 OK"
        self.wfile.write(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())
        return True


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 256
    received: FlakyReceiver

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ending = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Senders that give up leave broken connections: no news."""


@contextmanager
def flaky_receiver() -> Iterator[FlakyReceiver]:
    """Run the receiver on a free port for as long as the block lasts."""
    server = _Server()
    server.received = FlakyReceiver(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.received
    finally:
        server.ending.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Story:
    """What came of the actions.

    Attributes:
        wanted: How many actions were asked for.
        states: How they ended.
        tries: How many attempts they took, with how many actions each.
        failures: Failed attempts, by class.
        dead: Ids of dead letters.
        faults: What must not be.
        slow: Attempts that were on record as failed though the receiver took them: this machine was too slow.
        twice: Attempts that the receiver got more than once.
        late_twins_ms: How long after the recorded end of their action copies under way arrived, milliseconds.
        spans: When invocations that were handed a delivery's messages began and ended, epoch milliseconds.
        took_s: From the first create until the last end, seconds.
    """

    wanted: int = 0
    states: Counter[str] = field(default_factory=Counter)
    tries: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    dead: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    slow: int = 0
    twice: int = 0
    late_twins_ms: list[float] = field(default_factory=list)
    spans: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    took_s: float = 0.0

    def expected(self) -> dict[int, float]:
        """Return how many actions should take so many attempts, if the receiver's moods are all there is."""
        bad = 1 - GOOD_SHARE
        shares = {n: bad ** (n - 1) * GOOD_SHARE for n in range(1, MAX_ATTEMPTS)}
        return {n: share * self.wanted for n, share in {**shares, MAX_ATTEMPTS: bad ** (MAX_ATTEMPTS - 1)}.items()}

    def off(self) -> list[str]:
        """Return where the histogram is more than five standard deviations, and the slow ones, off the expected one."""
        expected = {**self.expected(), -1: (1 - GOOD_SHARE) ** MAX_ATTEMPTS * self.wanted}
        seen = {**self.tries, -1: len(self.dead)}
        return [
            f"{'dead letters' if n < 0 else f'{n} attempts'}: {seen.get(n, 0)} instead of {wanted:.0f}"
            for n, wanted in expected.items()
            if abs(seen.get(n, 0) - wanted) > 5 * (wanted * (1 - wanted / self.wanted)) ** 0.5 + self.slow + 1
        ]

    def lines(self) -> list[str]:
        latest_ms = max(self.late_twins_ms, default=0)
        attempts = [f"{n}: {self.tries[n]} ({wanted:.0f})" for n, wanted in self.expected().items()]
        dead = (1 - GOOD_SHARE) ** MAX_ATTEMPTS * self.wanted
        return [
            f"actions              {self.wanted} in {self.took_s:.0f} s: {dict(self.states)}",
            f"attempts (expected)  {', '.join(attempts)}",
            f"dead letters         {len(self.dead)} ({dead:.0f})",
            f"failures             {', '.join(f'{name} {count}' for name, count in self.failures.most_common())}",
            f"came twice           {self.twice} attempts; too slow here {self.slow}",
            f"came as it ended     {len(self.late_twins_ms)}, at most {latest_ms:.0f} ms later",
            f"faults               {len(self.faults)}",
            *self.faults[:10],
            *self.off(),
        ]


def endure(actions: int, timeout_s: float = 120, duplicates: float = 0.05) -> Story:
    """Have timers call a flaky receiver, messages come twice, and tell what came of it.

    Circuits are off: they would open at such a receiver, as they should, and the run would measure their patience.
    """
    settings = LocalSettings(
        port=0,
        aws_port=None,
        api_keys=tuple(KEYS),
        model=ModelSettings(duplicates=duplicates, seed=3),
        parameters={"Protection": "off"},
    )
    story = Story(wanted=actions)
    with flaky_receiver() as hook, LocalStack(settings) as stack:
        _note_invocations(stack, story)
        client = httpx.Client(base_url=stack.url, headers=HEADERS, timeout=60)
        with client:
            began_s = time.monotonic()
            _create(client, hook.url, actions)
            while (going := _going(client)) and time.monotonic() - began_s < timeout_s:
                time.sleep(0.5)
            story.took_s = time.monotonic() - began_s
            if going:
                story.faults.append(f"{going} timers have not ended within {timeout_s} s")
            time.sleep(1.5)  # whatever runs again, runs again now
            story.dead = {letter["id"] for letter in _every(client, "dead-letters", "deadLetters")}
            for timer in _every(client, "timers", "timers"):
                for action in timer["actions"]:
                    _judge(story, action, hook)
    return story


def _note_invocations(stack: LocalStack, story: Story) -> None:
    function = stack.functions["OrchestratorFunction"]
    invoke = function.invoke

    def noting(event: dict[str, Any]) -> Any:
        began_ms = time.time() * 1000
        try:
            return invoke(event)
        finally:
            span = (began_ms, time.time() * 1000)
            for message in (json.loads(record["body"]) for record in event.get("Records", ())):
                story.spans[f"{message['timerId']}_{message['actionId']}"].append(span)

    function.invoke = noting  # type: ignore[method-assign]


def _under_way(story: Story, delivery: str, ended_ms: float, came_ms: float) -> bool:
    """Whether an arrival after an action's end may be of a copy that was handed over before that end was stored.

    It was stored by the time that the invocation was over in which the attempt ended.
    """
    spans = story.spans[delivery]
    stored_ms = max((over for began, over in spans if began <= ended_ms + 1 <= over + 1), default=ended_ms)
    return any(began <= stored_ms and began <= came_ms <= over for began, over in spans)


def _create(client: httpx.Client, url: str, actions: int) -> None:
    def create(number: int) -> None:
        parameters = {"url": f"{url}/{number}", "timeoutMs": TIMEOUT_MS}
        action = {"id": "w", "kind": "webhook", "parameters": parameters}
        body = {"requestedBy": "t", "duration": "1s", "actionBundle": {"actions": [action], "retryPolicy": POLICY}}
        client.post("/timers", json=body).raise_for_status()

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(create, range(actions)))


def _going(client: httpx.Client) -> int:
    params = {"status": ["scheduled", "armed", "fired"], "limit": 200}
    page = client.get("/timers", params=params).raise_for_status().json()
    return len(page["timers"]) or int("nextCursor" in page)


def _every(client: httpx.Client, path: str, name: str) -> Iterator[dict[str, Any]]:
    params: dict[str, Any] = {"limit": 200}
    while True:
        page = client.get(f"/{path}", params=params).raise_for_status().json()
        yield from page[name]
        if "nextCursor" not in page:
            return
        params["cursor"] = page["nextCursor"]


def _judge(story: Story, action: dict[str, Any], hook: FlakyReceiver) -> None:
    delivery, attempts = action["deliveryId"], action["attempts"]
    story.states[action["state"]] += 1
    story.tries[len(attempts)] += 1
    if action["state"] not in {"succeeded", "failed"}:
        story.faults.append(f"{delivery} is {action['state']}")
    if (action["state"] == "failed") != (delivery in story.dead):
        story.faults.append(
            f"{delivery} is {action['state']}, and {'has' if delivery in story.dead else 'has no'} letter"
        )
    for number, attempt in enumerate(attempts, 1):
        taken = mood_of(delivery, number) in TAKEN
        if attempt["outcome"] == "succeeded" and not taken:
            story.faults.append(
                f"attempt {number} of {delivery} succeeded with a receiver of '{mood_of(delivery, number)}'"
            )
        if attempt["outcome"] == "failed":
            story.failures[attempt["failure"]] += 1
            story.slow += taken
    judge_arrivals(story, delivery, attempts, hook.arrivals[delivery])


def judge_arrivals(story: Story, delivery: str, attempts: list[dict[str, Any]], came: list[tuple[int, float]]) -> None:
    """Look at what came to the receiver of a delivery: number and time, epoch milliseconds, of each arrival."""
    ended_ms = parse_instant(attempts[-1]["endedAt"]) if attempts else 0
    for after_ms in (at_ms - ended_ms for _, at_ms in came if at_ms > ended_ms + 1):
        if _under_way(story, delivery, ended_ms, ended_ms + after_ms):
            story.late_twins_ms.append(after_ms)
        else:
            story.faults.append(f"{delivery} was sent again {after_ms:.0f} ms after it had ended")
    if {number for number, _ in came} - set(range(1, len(attempts) + 1)):
        story.faults.append(f"{delivery} was sent an attempt that is not on record")
    story.twice += sum(count > 1 for count in Counter(number for number, _ in came).values())
