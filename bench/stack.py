"""The metered stack as its user sees it: commands to the process, requests to its API, a sink for its webhooks."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx

from bench.sink import sink

TERMINAL = {"settled", "failed", "cancelled"}
_PATIENCE_S = 120.0


class MeteredStack:
    """A local stack with meters, in a child process.

    Attributes:
        hook: URL of the sink.
        answers: What the sink answers, from the first request on; when there are none left, 200.
    """

    def __init__(self, process: subprocess.Popen[str], hook: str, answers: list[int]) -> None:
        self._process = process
        self.hook = hook
        self.answers = answers
        self._http = httpx.Client(
            base_url=self.tell("url"), headers={"X-API-Key": "mnt_example"}, trust_env=False, timeout=60
        )

    def tell(self, command: str, *arguments: Any) -> Any:
        """Run a command of `bench.probe`."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([command, *arguments]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the metered stack has ended; its log is above")
        return json.loads(line)

    def create(self, request: dict[str, Any]) -> str:
        return str(self._ok(self._http.post("/timers", json={"requestedBy": "bench", **request}))["id"])

    def create_many(self, requests: list[dict[str, Any]], clients: int) -> list[str]:
        with ThreadPoolExecutor(clients) as pool:
            return list(pool.map(self.create, requests))

    def create_batch(self, requests: list[dict[str, Any]]) -> int:
        """Create timers in one request; returns how many were created."""
        timers = [{"requestedBy": "bench", **request} for request in requests]
        return int(self._ok(self._http.post("/timers:batch", json={"timers": timers}))["created"])

    def cancel(self, timer_id: str) -> None:
        self._ok(self._http.post(f"/timers/{timer_id}/cancel", json={"requestedBy": "bench"}))

    def get(self, timer_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._ok(self._http.get(f"/timers/{timer_id}"))
        return found

    def wait(self, timer_id: str, until: Callable[[dict[str, Any]], bool]) -> None:
        """Ask for a timer until it is as it should be."""
        give_up = time.monotonic() + _PATIENCE_S
        while not until(timer := self.get(timer_id)):
            if time.monotonic() > give_up:
                raise RuntimeError(f"the timer does not get on: {timer}")
            time.sleep(0.2)

    def webhook(self, body: Any, **policy: Any) -> dict[str, Any]:
        """A bundle of one webhook to the sink."""
        action = {"id": "w", "kind": "webhook", "parameters": {"url": self.hook, "body": body}}
        return {"actions": [action], **({"retryPolicy": policy} if policy else {})}

    @staticmethod
    def _ok(response: httpx.Response) -> Any:
        if response.is_error:
            raise RuntimeError(f"{response.request.url}: {response.status_code} {response.text[:300]}")
        return response.json()


@contextmanager
def metered_stack() -> Iterator[MeteredStack]:
    """Start a metered stack and a sink; stop both on leaving."""
    answers: list[int] = []
    with (
        tempfile.TemporaryDirectory(prefix="minoots-bench-") as directory,
        sink(lambda *_: answers.pop(0) if answers else 200) as hook,
    ):
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.probe", directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield MeteredStack(process, f"{hook}/hook", answers)
        finally:
            assert process.stdin
            process.stdin.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
