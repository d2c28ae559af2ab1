"""Fills a data directory of the local stack with far-future timers, through its own ledger: no HTTP, no wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.adapters.dynamodb.codec import timer_to_item
from minoots_kernel.adapters.dynamodb.spec_codec import spec_to_json
from minoots_kernel.adapters.ids import Uuid7Ids
from minoots_kernel.domain.commands import Arm
from minoots_kernel.domain.creation import new_timer
from minoots_kernel.domain.transitions import apply
from minoots_local.aws.images import Snapshot
from minoots_local.aws.streams import FIRST_SEQUENCE_NUMBER, TableWrite
from minoots_local.ledger import Ledger, TableSpec
from minoots_local.players.wiring import stream_readers
from minoots_local.template.reader import find_template, read_template

DAY_MS = 86_400_000
FIRST_DUE_MS = 30 * DAY_MS
KEYS = ("pk", "sk")
TENANT = "demo"


def seed(directory: Path, count: int) -> None:
    """Write `count` armed webhook timers, due one a second from thirty days on, as if an earlier run had left them."""
    template = read_template(find_template(None, Path.cwd()), {})
    (table,) = (resource.name for resource in template.of_type("AWS::DynamoDB::Table"))
    readers = tuple(stream_readers(template, table))
    ledger = Ledger(directory, {table: TableSpec(KEYS, readers)})
    now_ms, number = int(time.time() * 1000), FIRST_SEQUENCE_NUMBER
    for number, image in enumerate(armed_items(count, now_ms), FIRST_SEQUENCE_NUMBER):
        write = TableWrite({name: image[name] for name in KEYS}, None, Snapshot.of(image))
        ledger.note_write(table, number, write, now_ms)
    for reader in readers:
        ledger.note_position(table, reader, number + 1)  # nothing is left to read: the timers are armed
    ledger.close()


def armed_items(count: int, now_ms: int) -> Iterator[dict[str, Any]]:
    """Table items of `count` armed webhook timers, due one a second from thirty days on."""
    ids = Uuid7Ids()
    for index in range(count):
        request = CreateTimerRequest.model_validate(_request(index, now_ms + FIRST_DUE_MS + index * 1000))
        timer = new_timer(request, timer_id=ids.new_id(), tenant_id=TENANT, now_ms=now_ms)
        armed = apply(timer, Arm(timer.generation), now_ms).timer
        yield {**timer_to_item(armed, spec_to_json(armed.spec)), "creator": {"S": "AAAAAAAA"}}


def _request(index: int, due_ms: int) -> dict[str, Any]:
    due = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(due_ms // 1000))
    parameters = {"url": "http://127.0.0.1:8999/t", "body": {"id": f"bk{index}", "due": due_ms / 1000}}
    action = {"id": "w", "kind": "webhook", "parameters": parameters}
    return {"requestedBy": "bench", "name": f"bk{index}", "fireAt": due, "actionBundle": {"actions": [action]}}
