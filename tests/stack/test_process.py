"""`minoots local up` as a process of its own: start, signals, `kill -9`, its data directory."""

import concurrent.futures
import contextlib
import itertools
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from minoots_local.cli import _private_hosts
from minoots_local.local_stack import LocalStack
from minoots_local.settings import LocalSettings
from tests.stack.conftest import TOY
from tests.support.waiting import until

pytestmark = pytest.mark.stack


# moto tells a service by the scope of the signature, which nothing checks.
SIGNED = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x"


class Process:
    """One running `minoots local up`."""

    def __init__(self, environ: dict[str, str], cwd: Path, *options: str) -> None:
        self.log = cwd / f"log-{time.monotonic_ns()}"
        command = [sys.executable, "-m", "minoots_local", "up", "--port", "0", "--template", str(TOY), *options]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(command, cwd=cwd, env=environ, stdout=out, stderr=subprocess.STDOUT)

    @property
    def text(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        found = until(lambda: re.search(r"API +(http://\S+)", self.text), 30)
        return str(found.group(1))

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def run(environ: dict[str, str], tmp_path: Path) -> Iterator["type[Process]"]:
    started: list[Process] = []

    def begin(*options: str) -> Process:
        started.append(Process(environ, tmp_path, *options))
        return started[-1]

    yield begin  # type: ignore[misc]
    for process in started:
        process.stop(signal.SIGKILL)


def put(url: str, key: str) -> bool:
    """Write an item by the API; whether that was acknowledged."""
    item = {"pk": {"S": "p"}, "sk": {"S": key}, "kind": {"S": "thing"}}
    with contextlib.suppress(httpx.HTTPError):
        return httpx.post(f"{url}/put", json=item, timeout=10).status_code == 201
    return False


def write_until_refused(url: str, name: str, done: list[str]) -> None:
    """Write one item after another, and note those that were acknowledged."""
    for number in itertools.count():
        if not put(url, key := f"{name}-{number}"):
            return
        done.append(key)


def test_it_says_where_it_is_and_what_to_try(run: type[Process]) -> None:
    process = run("--ephemeral", "--aws-port", "0")
    assert httpx.get(f"{process.url}/healthz").status_code == 200
    text = until(lambda: "curl" in process.text and process.text)
    assert "MINOOTS is up" in text
    assert "mnt_example" in text
    assert "in memory only" in text
    assert "Webhooks may reach no private address" in " ".join(text.split())


def test_it_says_that_webhooks_may_reach_the_machine_itself() -> None:
    with LocalStack(LocalSettings(port=0, aws_port=None)) as stack:
        assert _private_hosts(stack) == "localhost,127.0.0.0/8,::1/128"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly_and_soon(run: type[Process], number: int) -> None:
    process = run("--no-aws-port")
    assert httpx.get(f"{process.url}/healthz").status_code == 200
    started = time.monotonic()
    assert process.stop(number) == 0
    assert time.monotonic() - started < 12, "no poll of twenty seconds is waited for"
    assert "stopped" in process.text
    assert "Traceback" not in process.text


def test_what_was_acknowledged_survives_kill_9(run: type[Process]) -> None:
    """Kills the stack in the middle of concurrent writes, several times over, and counts."""
    acknowledged: list[str] = []
    for life in range(3):
        process = run("--no-aws-port", "--data", "data")
        url = process.url
        done: list[str] = []
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            writers = [pool.submit(write_until_refused, url, f"{life}-{n}", done) for n in range(8)]
            until(lambda done=done: len(done) > 100, 30)
            process.stop(signal.SIGKILL)
        assert [writer.result() for writer in writers] == [None] * 8
        acknowledged += done
    process = run("--aws-port", "0", "--data", "data")
    assert process.url
    endpoint = until(lambda: re.search(r"AWS +(http://\S+)", process.text)).group(1)
    found: set[str] = set()
    start: dict[str, object] = {}
    while True:
        request = {
            "TableName": "minoots-local-ThingsTable",
            "KeyConditionExpression": "pk = :p",
            "ExpressionAttributeValues": {":p": {"S": "p"}},
            **start,
        }
        answer = httpx.post(
            endpoint,
            content=json.dumps(request),
            headers={
                "x-amz-target": "DynamoDB_20120810.Query",
                "content-type": "application/x-amz-json-1.0",
                "authorization": SIGNED,
            },
        ).json()
        found |= {item["sk"]["S"] for item in answer["Items"]}
        if "LastEvaluatedKey" not in answer:
            break
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
    assert set(acknowledged) <= found
    assert not [line for line in process.text.splitlines() if "ERROR" in line]


def test_a_second_stack_on_the_same_data_is_refused(run: type[Process]) -> None:
    first = run("--no-aws-port", "--data", "data")
    assert first.url
    second = run("--no-aws-port", "--data", "data")
    assert second.process.wait(30) == 1
    assert f"in use by another local stack (pid {first.process.pid})" in second.text
    assert "Traceback" not in second.text


def test_a_busy_aws_port_is_no_reason_to_fail(run: type[Process]) -> None:
    first = run("--ephemeral", "--aws-port", "0")
    assert first.url
    port = until(lambda: re.search(r"AWS +http://\S+:(\d+)", first.text)).group(1)
    second = run("--ephemeral", "--aws-port", port)
    assert httpx.get(f"{second.url}/healthz").status_code == 200
    assert "the AWS endpoint takes a free port instead" in second.text


def test_a_busy_api_port_is_said_plainly(run: type[Process]) -> None:
    first = run("--ephemeral", "--no-aws-port")
    port = first.url.rsplit(":", 1)[1]
    second = run("--ephemeral", "--no-aws-port", "--port", port)
    assert second.process.wait(30) == 1
    assert f"cannot listen on 127.0.0.1:{port}" in second.text


def test_a_missing_template_is_said_plainly(run: type[Process]) -> None:
    process = run("--ephemeral", "--template", "nowhere.yaml")
    assert process.process.wait(30) == 1
    assert "No template found; looked for nowhere.yaml" in process.text
    assert "Traceback" not in process.text


def test_keys_that_are_no_json_are_said_plainly(environ: dict[str, str], run: type[Process]) -> None:
    environ["API_KEYS_JSON"] = "mnt_example"
    process = run("--ephemeral")
    assert process.process.wait(30) == 1
    assert "API_KEYS_JSON is not JSON" in process.text


def test_a_demo_timer_is_created_on_request(environ: dict[str, str], run: type[Process]) -> None:
    environ["MINOOTS_BOOT_DEMO"] = "1"
    process = run("--ephemeral", "--no-aws-port")
    until(lambda: "created a demo timer" in process.text, 30)
