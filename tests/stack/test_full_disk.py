"""A disk that takes no more, as a caller of the API meets it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from minoots_local import journal
from minoots_local.local_stack import LocalStack
from minoots_local.settings import LocalSettings
from tests.support.receiver import receiver
from tests.support.stack_process import HEADERS, until_ended, webhook_timer

pytestmark = pytest.mark.stack


@contextmanager
def caller(data: Path) -> Iterator[httpx.Client]:
    with (
        LocalStack(LocalSettings(port=0, aws_port=None, data=data)) as stack,
        httpx.Client(base_url=stack.url, headers=HEADERS, timeout=30) as client,
    ):
        yield client


def test_a_full_disk_is_a_503_and_what_was_acknowledged_before_and_after_it_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as hook:
        body = webhook_timer(hook.url, duration="1h")
        with caller(tmp_path) as client:
            kept = [client.post("/timers", json=body).raise_for_status().json()["id"]]
            real = os.pwrite

            def full(*_arguments: Any) -> int:
                raise OSError(errno.ENOSPC, "No space left on device")

            monkeypatch.setattr(journal.os, "pwrite", full)
            refused = client.post("/timers", json=body)
            cancel = client.post(f"/timers/{kept[0]}/cancel", json={"requestedBy": "test"})
            monkeypatch.setattr(journal.os, "pwrite", real)
            kept.append(client.post("/timers", json=body).raise_for_status().json()["id"])
        for answer in (refused, cancel):
            assert answer.status_code == 503, answer.text
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["code"] == "dependency-unavailable"
        with caller(tmp_path) as client:
            for identifier in kept:
                client.post(f"/timers/{identifier}/fire", json={"requestedBy": "test"})
            first, second = (until_ended(client, identifier) for identifier in kept)
    # What was answered 503 may have happened or not, as with any lost answer; never what was not asked for.
    assert first["status"] in {"settled", "cancelled"}
    assert second["status"] == "settled"
    assert f"{second['id']}_w" in {arrival.delivery for arrival in hook.arrivals}
