"""Deliveries that receivers can trust, over sockets: signed, rotated, refused, kept through a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
import standardwebhooks
import svix

from minoots_contract.signatures import verify
from tests.support.node_verifier import Delivery, UnavailableError, node_says
from tests.support.receiver import Arrival, Receiver
from tests.support.stack_process import HEADERS, stack_process, until_ended, webhook_timer

pytestmark = pytest.mark.stack


def put(client: httpx.Client, name: str, url: str, **body: Any) -> str:
    """Make a destination and return the secret that was made for it."""
    answer = client.put(f"/destinations/{name}", json={"url": url} | body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["signingSecret"])


def fire(client: httpx.Client, url: str, destination: str | None = None, **fields: Any) -> dict[str, Any]:
    """Run a timer with one webhook to its end."""
    body = webhook_timer(url, duration="200ms", **fields)
    if destination:
        body["actionBundle"]["actions"][0]["parameters"]["destination"] = destination
    created = client.post("/timers", json=body)
    assert created.status_code == 201, created.text
    return until_ended(client, created.json()["id"])


def verdicts(secret: str, arrival: Arrival) -> list[bool]:
    """What ours, the standard's and Svix's verifiers say, each from what came over the wire."""
    said = []
    for check in (
        lambda: verify(secret, arrival.headers, arrival.raw, arrival.at_ms / 1000),
        lambda: standardwebhooks.Webhook(secret).verify(arrival.raw, arrival.headers),
        lambda: svix.Webhook(secret).verify(arrival.raw, arrival.headers),
    ):
        try:
            check()
        except (ValueError, standardwebhooks.WebhookVerificationError, svix.WebhookVerificationError):
            said.append(False)
        else:
            said.append(True)
    return said


def test_every_verifier_accepts_a_delivery_before_during_and_after_a_rotation(
    client: httpx.Client, hook: Receiver
) -> None:
    old = put(client, "billing", hook.url, authHeaders={"Authorization": "Bearer t0ken"})
    fire(client, f"{hook.url}/before", "billing", metadata={"who": "Zo\u00eb"})
    rotated = client.post("/destinations/billing/secrets", json={"overlap": "1h"}).json()
    new = rotated["signingSecret"]
    fire(client, f"{hook.url}/during", "billing")
    assert client.delete(f"/destinations/billing/secrets/{rotated['signingSecrets'][1]['id']}").status_code == 200
    fire(client, f"{hook.url}/after", "billing")
    arrivals = hook.wait_for(3)
    for arrival, by_old, by_new in zip(arrivals, (True, True, False), (False, True, True), strict=True):
        assert arrival.headers["authorization"] == "Bearer t0ken"
        assert verdicts(old, arrival) == [by_old] * 3, arrival.path
        assert verdicts(new, arrival) == [by_new] * 3, arrival.path
    cases = [Delivery(secret, arrival.headers, arrival.raw.decode()) for arrival in arrivals for secret in (old, new)]
    try:
        said = node_says(cases)
    except UnavailableError as reason:
        pytest.skip(f"no verifier in JavaScript: {reason}")
    assert [one == "ok" for one in said] == [True, False, True, True, False, True]


def test_attempts_have_one_id_and_each_a_fresh_timestamp_that_verifies(client: httpx.Client, hook: Receiver) -> None:
    secret = put(client, "retried", hook.url)
    hook.answer = lambda _: 503 if len(hook.arrivals) < 2 else 200
    policy = {"maxAttempts": 2, "backoffInitialMs": 2_000}
    timer = fire(client, hook.url, "retried", retryPolicy=policy)
    first, second = hook.wait_for(2)
    assert timer["status"] == "settled"
    assert first.delivery == second.delivery
    assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
    assert [one.headers["minoots-attempt"] for one in (first, second)] == ["1", "2"]
    assert verdicts(secret, first) == verdicts(secret, second) == [True] * 3


def test_a_destination_that_answers_410_is_left_alone_until_it_is_enabled(client: httpx.Client, hook: Receiver) -> None:
    put(client, "gone", hook.url)
    hook.answer = lambda _: 410
    assert fire(client, hook.url, "gone")["status"] == "failed"
    shown = client.get("/destinations/gone").json()
    assert (shown["status"], shown["disabledReason"]) == ("disabled", "it answered 410 to action 'w'")
    refused = fire(client, hook.url, "gone")
    assert "destination 'gone' is disabled" in refused["failureReason"]
    assert len(hook.arrivals) == 1
    hook.answer = lambda _: 200
    assert client.post("/destinations/gone/enable").json()["status"] == "enabled"
    assert fire(client, hook.url, "gone")["status"] == "settled"
    assert len(hook.arrivals) == 2


def test_secrets_outlive_a_kill_and_stand_nowhere_in_clear(tmp_path: Path, hook: Receiver) -> None:
    data = tmp_path / "data"
    with stack_process(data) as stack:
        with httpx.Client(base_url=stack.url, headers=HEADERS, timeout=20) as client:
            secret = put(client, "billing", hook.url, authHeaders={"Authorization": "Bearer t0ken-in-clear"})
            fire(client, hook.url, "billing")
        stack.kill()
        stack.start()
        with httpx.Client(base_url=stack.url, headers=HEADERS, timeout=20) as client:
            assert fire(client, hook.url, "billing")["status"] == "settled"
        stack.stop()
    for arrival in hook.wait_for(2):
        assert verdicts(secret, arrival) == [True] * 3
        assert arrival.headers["authorization"] == "Bearer t0ken-in-clear"
    kept = {path: path.read_bytes() for path in [*data.rglob("*"), stack.log] if path.is_file()}
    assert any(b"billing" in content for content in kept.values())
    for path, content in kept.items():
        assert secret.removeprefix("whsec_").encode() not in content, path
        assert b"t0ken-in-clear" not in content, path
    assert (data / "kms.key").stat().st_mode & 0o077 == 0
