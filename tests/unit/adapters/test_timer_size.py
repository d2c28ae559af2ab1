"""A timer that no item can hold is refused before anything is written."""

from __future__ import annotations

from typing import Any

import pytest

from minoots_contract.timers import CreateTimerRequest
from minoots_kernel.adapters.aws import client
from minoots_kernel.adapters.dynamodb.timer_store import DynamoTimerStore
from minoots_kernel.adapters.memory import VirtualClock
from minoots_kernel.domain.creation import new_timer
from minoots_kernel.domain.errors import InvalidTimerError


def test_a_spec_that_grows_past_an_item_when_written_out_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    # Four bytes each in the request, eighteen in storage: within the body's limit, past the item's.
    metadata: dict[str, Any] = {"numbers": [1e15] * 60_000}
    request = CreateTimerRequest.model_validate({"requestedBy": "t", "duration": "1h", "metadata": metadata})
    timer = new_timer(request, timer_id="t", tenant_id="demo", now_ms=1)
    # No AWS stands behind this client: any call would fail the test.
    store = DynamoTimerStore(client("dynamodb", {}), "table", retention_days=1, clock=VirtualClock(1))
    with pytest.raises(InvalidTimerError) as refused:
        store.create(timer)
    assert [field for field, _ in refused.value.fields] == ["metadata"]
