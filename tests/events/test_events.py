"""The captured events still have the form that the code writes and the template lets through."""

import json
from pathlib import Path
from typing import Any

import pytest

from minoots_kernel.adapters.dynamodb.codec import timer_from_item, timer_to_item
from minoots_kernel.adapters.dynamodb.spec_codec import spec_to_json
from minoots_kernel.domain.messages import ActionMessage, WakeUp
from minoots_local.patterns import Pattern
from minoots_local.template.reader import read_template

EVENTS = Path(__file__).parent
ROOT = EVENTS.parents[1]
# Written beside the timer by the store: who wrote, and when the item may go.
OF_THE_STORE = {"creator", "writer", "expiresAt"}
STREAM_CASES = [
    f"{path.parent.name}/{path.stem}"
    for name in ("kernel_arm", "event_fabric")
    for path in EVENTS.glob(f"{name}/*.json")
]
READABLE = sorted(case for case in STREAM_CASES if not case.endswith("/poison"))


def records(case: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((EVENTS / f"{case}.json").read_text(encoding="utf-8"))["Records"]
    return found


@pytest.mark.parametrize("case", READABLE)
def test_a_stream_image_is_what_the_codec_writes(case: str) -> None:
    for record in records(case):
        images = [record["dynamodb"][name] for name in ("OldImage", "NewImage") if name in record["dynamodb"]]
        assert images
        for image in images:
            timer = timer_from_item(image)
            written = timer_to_item(timer, spec_to_json(timer.spec))
            assert {name: value for name, value in image.items() if name not in OF_THE_STORE} == written


def passes(function: str, case: str) -> bool:
    """Whether the function's event source mapping hands every record of a case over."""
    properties = read_template(ROOT / "template.yaml").resources[function].properties
    filters = properties["Events"]["TimerChanges"]["Properties"]["FilterCriteria"]["Filters"]
    patterns = [Pattern(one["Pattern"], function) for one in filters]
    return all(any(pattern.matches(record) for pattern in patterns) for record in records(case))


@pytest.mark.parametrize("case", sorted(case for case in STREAM_CASES if case.startswith("kernel_arm/")))
def test_kernel_arms_filter_lets_its_captured_events_through(case: str) -> None:
    assert passes("KernelArmFunction", case)


def test_kernel_arms_filter_keeps_firings_and_clean_up_away() -> None:
    assert not passes("KernelArmFunction", "event_fabric/fired_and_settled")
    assert not passes("KernelArmFunction", "event_fabric/removed")


def test_the_event_fabrics_filter_keeps_clean_up_away_and_nothing_else_of_a_timers() -> None:
    assert not passes("EventFabricFunction", "event_fabric/removed")
    for case in STREAM_CASES:
        assert case == "event_fabric/removed" or passes("EventFabricFunction", case)


@pytest.mark.parametrize("case", ["due", "batch", "early", "next_attempt"])
def test_a_captured_wake_up_is_what_the_code_sends(case: str) -> None:
    for record in records(f"kernel_fire/{case}"):
        assert WakeUp.from_json(record["body"]).to_json() == record["body"]


def test_a_captured_attempt_is_what_the_code_sends() -> None:
    for record in records("orchestrator/attempt"):
        assert ActionMessage.from_json(record["body"]).to_json() == record["body"]


def test_the_captured_create_carries_the_request_of_the_contract() -> None:
    event = json.loads((EVENTS / "control_plane" / "create.json").read_text(encoding="utf-8"))
    assert json.loads(event["body"]) == {
        "tenantId": "demo",
        "requestedBy": "cli",
        "name": "coffee-break",
        "duration": "30s",
        "metadata": {"note": "brew beans"},
    }
    assert event["headers"]["x-api-key"] == "mnt_example"
    assert int(event["headers"]["content-length"]) == len(event["body"])
