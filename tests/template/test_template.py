"""What must hold of the deployed state and its queues, whoever edits the template."""

import re

import pytest

from minoots_contract.late_policy import parse_late_policy
from tests.template.expanded import (
    DEAD_LETTER_QUEUES,
    FUNCTIONS,
    QUEUE_FUNCTIONS,
    ROOT,
    Resources,
    mappings_of,
    of_type,
    target,
)


def test_the_stack_has_the_seven_functions_and_no_other(resources: Resources) -> None:
    assert set(of_type(resources, "AWS::Lambda::Function")) == FUNCTIONS


def test_the_table_is_recoverable_encrypted_streamed_and_expires_what_ended(resources: Resources) -> None:
    table = resources["TimersTable"]
    properties = table["Properties"]
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expiresAt", "Enabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"


def test_the_sweeps_index_holds_keys_only(resources: Resources) -> None:
    (index,) = resources["TimersTable"]["Properties"]["GlobalSecondaryIndexes"]
    assert index == {
        "IndexName": "NextCheckIndex",
        "KeySchema": [
            {"AttributeName": "checkShard", "KeyType": "HASH"},
            {"AttributeName": "nextCheckAt", "KeyType": "RANGE"},
        ],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }


def test_nothing_but_the_bus_has_a_physical_name(resources: Resources) -> None:
    naming = (
        "Name",
        "TableName",
        "QueueName",
        "FunctionName",
        "RoleName",
        "LogGroupName",
        "AlarmName",
        "ManagedPolicyName",
    )
    points_at_another = {"AWS::Lambda::EventSourceMapping", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission"}
    named = [
        (key, name)
        for key, resource in resources.items()
        for name in naming
        if name in resource["Properties"] and resource["Type"] not in points_at_another
    ]
    assert named == [("EventBus", "Name")]


def test_every_queue_is_encrypted(resources: Resources) -> None:
    for name, queue in of_type(resources, "AWS::SQS::Queue").items():
        assert queue["Properties"].get("SqsManagedSseEnabled") is True, name


@pytest.mark.parametrize("function", QUEUE_FUNCTIONS)
def test_a_consumed_queue_gives_up_into_a_dead_letter_queue_that_keeps_for_longer(
    resources: Resources, function: str
) -> None:
    (mapping,) = mappings_of(resources, function)
    redrive = resources[target(mapping["EventSourceArn"])]["Properties"]["RedrivePolicy"]
    dead = resources[target(redrive["deadLetterTargetArn"])]
    assert dead["Type"] == "AWS::SQS::Queue"
    assert dead["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600
    # Below five, a throttled function alone could drain a queue into its dead letters.
    assert redrive["maxReceiveCount"] >= 5


def test_every_queue_is_either_consumed_or_a_dead_letter_queue(resources: Resources) -> None:
    consumed = {target(mapping["EventSourceArn"]) for one in QUEUE_FUNCTIONS for mapping in mappings_of(resources, one)}
    assert set(of_type(resources, "AWS::SQS::Queue")) == consumed | set(DEAD_LETTER_QUEUES)


def test_without_bus_events_nothing_of_the_fabric_is_left(resources: Resources) -> None:
    conditional = {name for name, one in resources.items() if one.get("Condition") == "RunsEventFabric"}
    assert conditional == {name for name in resources if name.startswith(("EventFabric", "FabricFailure"))}


def test_the_sections_are_in_the_house_order(source: Resources) -> None:
    sections = [name for name in source if name in {"Parameters", "Conditions", "Globals", "Resources", "Outputs"}]
    assert sections == ["Parameters", "Conditions", "Globals", "Resources", "Outputs"]


def test_every_parameter_and_output_says_what_it_is_for(source: Resources, alarms_source: Resources) -> None:
    described_ones = [source["Parameters"], source["Outputs"], alarms_source["Parameters"]]
    for name, described in [one for section in described_ones for one in section.items()]:
        assert described.get("Description"), name


@pytest.mark.parametrize("name", ["template.yaml", "alarms.yaml"])
def test_what_checkov_is_excused_is_excused_with_a_reason(name: str) -> None:
    excuses = re.findall(r"checkov:skip=(\w+)(.*)", (ROOT / name).read_text(encoding="utf-8"))
    assert [check for check, reason in excuses if len(reason.removeprefix(":").split()) < 4] == []


@pytest.mark.parametrize("policy", ["fire", "skip:60s", "deadLetter:5m", "skip:1h30m", "skip:60000", "skip:PT1H"])
def test_a_late_policy_that_the_functions_read_can_be_a_parameter(source: Resources, policy: str) -> None:
    parameter = source["Parameters"]["LatePolicy"]
    assert re.fullmatch(parameter["AllowedPattern"], policy)
    assert str(parse_late_policy(policy))
    assert parse_late_policy(parameter["Default"]) == parse_late_policy("fire")


@pytest.mark.parametrize("policy", ["", "skip", "skip:", "fire:5s", "skip:-5s", "later:5s", "skip: 5s"])
def test_a_late_policy_that_is_none_cannot_be_deployed(source: Resources, policy: str) -> None:
    assert not re.fullmatch(source["Parameters"]["LatePolicy"]["AllowedPattern"], policy)
