"""A webhook receiver on loopback that records what comes and answers as it is told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Arrival:
    """One request that came."""

    at_ms: float
    path: str
    headers: dict[str, str]
    body: Any
    raw: bytes = b""

    @property
    def delivery(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """Arrivals, oldest first, and how to answer them: `answer(arrival)` gives a status."""

    url: str
    answer: Callable[[Arrival], int] = lambda _arrival: 200
    arrivals: list[Arrival] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int, timeout_s: float = 20) -> list[Arrival]:
        """Wait until so many requests have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.arrivals) >= count, timeout_s), (
                f"{len(self.arrivals)} of {count} requests came within {timeout_s} s"
            )
            return list(self.arrivals)

    def of(self, timer_id: str) -> list[Arrival]:
        """The requests that a timer made."""
        with self.changed:
            return [arrival for arrival in self.arrivals if arrival.body["timer"]["id"] == timer_id]

    def at(self, path: str) -> list[Arrival]:
        """The requests that came to a path."""
        with self.changed:
            return [arrival for arrival in self.arrivals if arrival.path == path]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Run a receiver on a free port for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            arrival = Arrival(time.time() * 1000, self.path, headers, json.loads(raw or b"null"), raw)
            with received.changed:
                received.arrivals.append(arrival)
                received.changed.notify_all()
            self.send_response(received.answer(arrival))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *_: object) -> None:
            """Senders that are killed leave broken connections: no news."""

    server = Server(("127.0.0.1", 0), Handler)
    received = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
