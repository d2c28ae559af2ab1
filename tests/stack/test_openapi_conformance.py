"""The API does what its description says, whatever is asked of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from minoots_local.local_stack import LocalStack
from minoots_local.settings import DEMO_KEYS, LocalSettings
from tests.support.waiting import until

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]
CONFORMANCE = Path(__file__).parent / "conformance"
OPERATORS = {"key": "mnt_ops", "userId": "ops", "roles": ["operator"]}
HEADERS = {"X-API-Key": "mnt_example"}
LETTERS, MESSAGES = 12, 12


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    settings = LocalSettings(port=0, aws_port=None, api_keys=(*DEMO_KEYS, OPERATORS))
    with LocalStack(settings) as stack, httpx.Client(base_url=stack.url, headers=HEADERS, timeout=30) as client:
        yield client


def prepared(api: httpx.Client) -> dict[str, list[str]]:
    """Things that no single call makes: dead letters, and messages of an inbox that wait for an answer."""
    asked = {
        "id": "a",
        "kind": "agent_prompt",
        "parameters": {"prompt": "tea", "requiresAcknowledgement": {"timeoutMs": 3_600_000}},
    }
    for number in range(LETTERS):
        # Nobody listens there; and each is a receiver of its own, so that no circuit opens.
        url = f"http://127.0.1.{number}:2/"
        make(api, {"actions": [{"id": "w", "kind": "webhook", "parameters": {"url": url}}]})
    for _ in range(MESSAGES):
        make(api, {"actions": [asked]}, agentBinding={"adapter": "inbox", "target": "ann"})
    letters = until(lambda: at_least(LETTERS, api.get("/dead-letters?limit=200").json()["deadLetters"]), 30)
    messages: list[dict[str, Any]] = []

    def taken() -> list[dict[str, Any]]:
        messages.extend(api.get("/agents/ann/inbox?max=10&leaseS=3600").json()["messages"])
        return at_least(MESSAGES, messages)

    until(taken, 30)
    return {
        "letters": [one["id"] for one in letters],
        "receipts": [one["receipt"] for one in messages],
        "tokens": [one["acknowledgement"]["token"] for one in messages],
    }


def make(api: httpx.Client, bundle: dict[str, Any], **more: Any) -> None:
    api.post("/timers", json={"duration": "1ms", "actionBundle": bundle, **more}).raise_for_status()


def at_least(count: int, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return found if len(found) >= count else []


def test_the_api_does_what_its_description_says(api: httpx.Client, tmp_path: Path) -> None:
    answered = tmp_path / "answered.txt"
    environment = {
        **os.environ,
        "CONFORMANCE_ANSWERED": str(answered),
        "CONFORMANCE_URL": str(api.base_url),
        "CONFORMANCE_THINGS": json.dumps(prepared(api)),
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": "0",
    }
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFORMANCE / "schemathesis.toml")),
        *("run", str(ROOT / "docs" / "openapi.json"), "--url", str(api.base_url), "--no-color"),
    ]
    done = subprocess.run(command, cwd=CONFORMANCE, env=environment, capture_output=True, text=True, check=False)
    summary = done.stdout.partition("SUMMARY")[2]
    print(summary)
    assert done.returncode == 0, done.stdout + done.stderr
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))["paths"]
    operations = {f"{method.upper()} {path}" for path, item in paths.items() for method in item}
    assert f"Tested: {len(operations)}" in summary
    assert set(answered.read_text(encoding="utf-8").splitlines()) == operations, "each was answered well, too"
