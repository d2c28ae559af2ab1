"""Policies and the audit over sockets: heeded, told by the stream, and kept through a kill."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from minoots import Client
from tests.support.receiver import receiver
from tests.support.stack_process import HEADERS, StackProcess, until_ended, webhook_timer

pytestmark = pytest.mark.stack


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[StackProcess]:
    running = StackProcess(tmp_path / "data", options=("--parameter", "Audit=all"))
    running.start()
    yield running
    running.kill()


def audited(stack: StackProcess, count: int, **query: str) -> list[dict[str, Any]]:
    """Wait until the audit has so many entries, and return them."""
    deadline = time.monotonic() + 30
    while True:
        answer = httpx.get(f"{stack.url}/audit", params=query, headers=HEADERS, timeout=20)
        assert answer.status_code == 200, answer.text
        entries: list[dict[str, Any]] = answer.json()["entries"]
        if len(entries) >= count or time.monotonic() > deadline:
            return entries
        time.sleep(0.1)


def test_policies_hold_and_the_audit_tells_through_a_kill(stack: StackProcess) -> None:
    with httpx.Client(base_url=stack.url, headers=HEADERS, timeout=20) as client, receiver() as hook:
        made = client.post("/keys", json={"name": "robot", "roles": ["timer.manage"]}).json()
        robot = {"x-api-key": made["key"]}
        text = client.get("/policies").json()["policies"]
        text += '@id("team") forbid (principal == Caller::"robot", action, resource is Timer)'
        text += ' unless { resource.hasTag("team") && resource.getTag("team") == "billing" };'
        assert client.put("/policies", json={"policies": text}).status_code == 200
        mine = client.post(
            "/timers", json=webhook_timer(hook.url, duration="200ms", labels={"team": "billing"}), headers=robot
        )
        assert mine.status_code == 201, mine.text
        timer_id = mine.json()["id"]
        assert client.post("/timers", json=webhook_timer(hook.url, duration="1h"), headers=robot).status_code == 403
        assert until_ended(client, timer_id)["status"] == "settled"
    before = audited(stack, 4)
    stack.kill()
    stack.start()
    refused = httpx.post(f"{stack.url}/timers", json={"duration": "1h"}, headers=robot, timeout=20)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    after = audited(stack, 5)
    assert after[1:] == before
    told = [(one["action"], one["outcome"], one["caller"]["subject"]) for one in before]
    assert sorted(told) == [
        ("createKey", "allowed", "demo"),
        ("createTimer", "allowed", "robot"),
        ("createTimer", "refused", "robot"),
        ("putPolicies", "allowed", "demo"),
    ]
    (created,) = audited(stack, 1, resource=timer_id)
    assert (created["stateVersion"], created["ip"]) == (1, "127.0.0.1")
    with Client(stack.url, HEADERS["x-api-key"]) as client:
        lines = [json.loads(line) for line in client.audit.export(until=after[0]["at"], page_size=2)]
    assert lines == before
