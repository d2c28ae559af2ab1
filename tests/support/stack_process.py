"""The local stack in a process of its own, to be killed and started again."""

from __future__ import annotations

import http
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import free_port

KEYS = [{"key": "mnt_example", "userId": "demo", "tier": "free"}, {"key": "mnt_other", "userId": "other"}]
HEADERS = {"x-api-key": "mnt_example"}


class StackProcess:
    """`minoots local up` over a data folder, on a port that stays the same; a free one unless it is given."""

    def __init__(self, data: Path, port: int | None = None, options: tuple[str, ...] = ()) -> None:
        self.data = data
        self.options = options
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data.parent / f"{data.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return once the API answers."""
        self.launch()
        self.wait_until_up()

    def launch(self) -> None:
        """Start, and return at once."""
        env = {**os.environ, "API_KEYS_JSON": json.dumps(KEYS)}
        argv = [sys.executable, "-m", "minoots_local", "up", "--port", str(self.port), "--aws-port", "0"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*argv, "--data", str(self.data), *self.options], stdout=log, stderr=log, env=env
            )

    def wait_until_up(self, timeout_s: float = 180) -> None:
        """Return once the API answers."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()
            if self._answers():
                return
            time.sleep(0.05)
        raise AssertionError(f"the stack did not come up: {self.log.read_text()}")

    def _answers(self) -> bool:
        # No httpx: the TLS context of each of its clients would cost more than the start that is waited for.
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nobody says goodbye."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(how)
        code = self._process.wait(15)
        self._process = None
        return code


@contextmanager
def stack_process(data: Path) -> Iterator[StackProcess]:
    """Run a stack for as long as the block lasts."""
    stack = StackProcess(data)
    stack.start()
    try:
        yield stack
    finally:
        stack.kill()


def webhook_timer(url: str, **fields: Any) -> dict[str, Any]:
    """The body of a create with one webhook action; `retryPolicy` goes into the bundle, the rest to the top."""
    bundle: dict[str, Any] = {"actions": [{"id": "w", "kind": "webhook", "parameters": {"url": url}}]}
    if "retryPolicy" in fields:
        bundle["retryPolicy"] = fields.pop("retryPolicy")
    return {"requestedBy": "test", "actionBundle": bundle, **fields}


def until_ended(client: httpx.Client, timer_id: str, timeout_s: float = 30) -> dict[str, Any]:
    """Poll a timer until its status is terminal, and return it."""
    deadline = time.monotonic() + timeout_s
    while True:
        timer: dict[str, Any] = client.get(f"/timers/{timer_id}").raise_for_status().json()
        if timer["status"] in {"settled", "failed", "cancelled"}:
            return timer
        assert time.monotonic() < deadline, timer
        time.sleep(0.05)
