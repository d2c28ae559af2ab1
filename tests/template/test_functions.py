"""What must hold of every deployed function and of what invokes it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from minoots_kernel.adapters.dynamodb.codec import timer_to_item
from minoots_kernel.domain.timer import Status
from minoots_local.patterns import Pattern
from tests.template.expanded import (
    DEAD_LETTER_QUEUES,
    FUNCTIONS,
    QUEUE_FUNCTIONS,
    STREAM_FUNCTIONS,
    Resources,
    mappings_of,
    of_type,
    target,
)
from tests.unit.domain.builders import scheduled

EVERY_FUNCTION = {
    "MINOOTS_TABLE",
    "MINOOTS_RETENTION_DAYS",
    "MINOOTS_LOG_LEVEL",
    "MINOOTS_ENVIRONMENT",
    "POWERTOOLS_SERVICE_NAME",
    "POWERTOOLS_METRICS_NAMESPACE",
    "AWS_ENDPOINT_URL",
}
ARMS = {
    "MINOOTS_WAKE_QUEUE_URL",
    "MINOOTS_WAKE_QUEUE_ARN",
    "MINOOTS_SCHEDULE_GROUP",
    "MINOOTS_SCHEDULE_ROLE_ARN",
    "MINOOTS_SCHEDULE_DLQ_ARN",
}
ALLOWED = {f"MINOOTS_ALLOWED_{targets}" for targets in ("BUSES", "QUEUES", "TOPICS", "FUNCTIONS", "STATE_MACHINES")}
OF_ITS_OWN = {
    "ControlPlaneFunction": ALLOWED
    | {"MINOOTS_WAKE_QUEUE_URL", "MINOOTS_KEY_CACHE_S", "MINOOTS_LATE_POLICY", "MINOOTS_SECRETS_KEY"}
    | {"MINOOTS_OIDC_ISSUERS", "MINOOTS_POLICY_LOG_PERCENT", "MINOOTS_ALLOWED_PRIVATE_HOSTS", "MINOOTS_LIMITS"}
    | {"MINOOTS_ACKNOWLEDGEMENT_MACHINE", "MINOOTS_AUDIT", "MINOOTS_AUDIT_DAYS", "MINOOTS_ALLOWED_ORIGINS"},
    "KernelArmFunction": ARMS,
    "KernelFireFunction": ARMS | {"MINOOTS_ACTION_QUEUE_URL"},
    "KernelSweepFunction": ARMS | {"MINOOTS_ACTION_QUEUE_URL"},
    "OrchestratorFunction": ARMS
    | ALLOWED
    | {"MINOOTS_ACTION_QUEUE_URL", "MINOOTS_ALLOWED_PRIVATE_HOSTS", "MINOOTS_EVENT_BUS", "MINOOTS_SECRETS_KEY"}
    | {"MINOOTS_PROTECTION", "MINOOTS_TENANT_MAX_IN_FLIGHT", "MINOOTS_TENANT_PER_SECOND"}
    | {"MINOOTS_ACKNOWLEDGEMENT_MACHINE", "MINOOTS_PUBLIC_URL"},
    "AcknowledgementFunction": {"MINOOTS_ACTION_QUEUE_URL"},
    "EventFabricFunction": {"MINOOTS_EVENT_BUS", "MINOOTS_BUS_EVENTS", "MINOOTS_AUDIT", "MINOOTS_AUDIT_DAYS"},
}


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_runs_on_python_3_13_and_the_architecture_parameter(resources: Resources, function: str) -> None:
    properties = resources[function]["Properties"]
    assert properties["Runtime"] == "python3.13"
    assert properties["Architectures"] == [{"Ref": "Architecture"}]


def test_the_architecture_parameter_reaches_every_layer_and_its_build(source: Resources) -> None:
    layers = of_type(source["Resources"], "AWS::Serverless::LayerVersion")
    assert set(layers) == {"ContractLayer", "KernelLayer", "EdgeLayer", "AgentsLayer"}
    for layer in layers.values():
        assert layer["Properties"]["CompatibleRuntimes"] == ["python3.13"]
        assert layer["Properties"]["CompatibleArchitectures"] == [{"Ref": "Architecture"}]
        assert layer["Metadata"]["BuildArchitecture"] == {"Ref": "Architecture"}
        # The makefile that knows the wheels' platform is chosen by the parameter and nothing else.
        assert layer["Metadata"]["ContextPath"] == {"Fn::Sub": "layers/platforms/${Architecture}"}


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_has_a_role_and_a_log_group_of_its_own(resources: Resources, function: str) -> None:
    def of(name: str) -> tuple[str, str]:
        properties = resources[name]["Properties"]
        return target(properties["Role"]), target(properties["LoggingConfig"]["LogGroup"])

    role, group = of(function)
    others = [of(other) for other in FUNCTIONS - {function}]
    assert role not in [one for one, _ in others]
    assert group not in [one for _, one in others]
    assert resources[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_gets_the_settings_it_reads_and_no_other(resources: Resources, function: str) -> None:
    variables = resources[function]["Properties"]["Environment"]["Variables"]
    assert set(variables) == EVERY_FUNCTION | OF_ITS_OWN[function]


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_no_function_is_sent_to_another_endpoint_on_aws(resources: Resources, function: str) -> None:
    variables = resources[function]["Properties"]["Environment"]["Variables"]
    assert variables["AWS_ENDPOINT_URL"] == {"Ref": "AWS::NoValue"}


@pytest.mark.parametrize("function", STREAM_FUNCTIONS)
def test_a_poison_record_cannot_block_its_shard_for_ever(resources: Resources, function: str) -> None:
    (mapping,) = mappings_of(resources, function)
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["TimersTable", "StreamArn"]}
    assert mapping["BisectBatchOnFunctionError"] is True
    assert 0 < mapping["MaximumRetryAttempts"] <= 1000
    assert 0 < mapping["MaximumRecordAgeInSeconds"] <= 3600
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert target(mapping["DestinationConfig"]["OnFailure"]["Destination"]) in DEAD_LETTER_QUEUES


@pytest.mark.parametrize("function", STREAM_FUNCTIONS)
def test_a_stream_reader_sees_timers_only_and_never_a_removal(resources: Resources, function: str) -> None:
    (mapping,) = mappings_of(resources, function)
    patterns = [json.loads(one["Pattern"]) for one in mapping["FilterCriteria"]["Filters"]]
    for pattern in patterns:
        assert pattern["dynamodb"]["NewImage"]["kind"] == {"S": ["timer"]}
        assert set(pattern["eventName"]) <= {"INSERT", "MODIFY"}


@pytest.mark.parametrize("function", STREAM_FUNCTIONS)
@pytest.mark.parametrize("was", ["scheduled", "armed"])
def test_a_heartbeat_invokes_no_reader_of_the_stream_and_every_other_write_does(
    resources: Resources, function: str, was: str
) -> None:
    (mapping,) = mappings_of(resources, function)
    patterns = [Pattern(one["Pattern"], function) for one in mapping["FilterCriteria"]["Filters"]]
    timer = scheduled(heartbeat=True)
    moved = timer_to_item(timer, "{}")
    before = {**timer_to_item(replace(timer, status=Status(was)), "{}"), "beaten": {"S": "yes"}}

    def seen(new: dict[str, Any], old: dict[str, Any] | None) -> bool:
        images = {"NewImage": new} | ({"OldImage": old} if old else {})
        record = {"eventName": "MODIFY" if old else "INSERT", "dynamodb": images}
        return any(pattern.matches(record) for pattern in patterns)

    assert seen(moved, None)
    assert seen(moved, before)
    assert not seen(before, before)


def test_kernel_arm_sees_what_became_scheduled_or_was_disarmed(resources: Resources) -> None:
    (mapping,) = mappings_of(resources, "KernelArmFunction")
    scheduled, disarmed, lapped = (json.loads(one["Pattern"]) for one in mapping["FilterCriteria"]["Filters"])
    assert scheduled["dynamodb"]["NewImage"]["status"] == {"S": ["scheduled"]}
    assert disarmed["dynamodb"]["NewImage"]["status"] == {"S": ["cancelled", "paused"]}
    assert disarmed["dynamodb"]["OldImage"]["status"] == {"S": ["armed"]}
    assert lapped["dynamodb"]["NewImage"] == disarmed["dynamodb"]["NewImage"]


@pytest.mark.parametrize(("lap", "seen"), [(0, False), (2, True)])
def test_kernel_arm_sees_the_end_of_a_timer_that_began_near_and_has_had_laps(
    resources: Resources, lap: int, seen: bool
) -> None:
    (mapping,) = mappings_of(resources, "KernelArmFunction")
    patterns = [Pattern(one["Pattern"], "KernelArmFunction") for one in mapping["FilterCriteria"]["Filters"]]
    before = replace(scheduled(heartbeat=True), lap=lap)
    after = replace(before, status=Status.CANCELLED)
    images = {"NewImage": timer_to_item(after, "{}"), "OldImage": timer_to_item(before, "{}")}
    assert any(one.matches({"eventName": "MODIFY", "dynamodb": images}) for one in patterns) is seen


def test_no_third_function_reads_the_stream(resources: Resources) -> None:
    readers = [
        target(one["Properties"]["FunctionName"])
        for one in of_type(resources, "AWS::Lambda::EventSourceMapping").values()
        if one["Properties"]["EventSourceArn"] == {"Fn::GetAtt": ["TimersTable", "StreamArn"]}
    ]
    assert sorted(readers) == sorted(STREAM_FUNCTIONS)


@pytest.mark.parametrize("function", QUEUE_FUNCTIONS)
def test_a_queue_message_fails_alone_and_is_not_seen_twice_while_it_is_worked_on(
    resources: Resources, function: str
) -> None:
    (mapping,) = mappings_of(resources, function)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    visibility = resources[target(mapping["EventSourceArn"])]["Properties"]["VisibilityTimeout"]
    assert visibility >= 6 * resources[function]["Properties"]["Timeout"]


def test_a_sweep_that_fails_or_cannot_start_leaves_a_trace(resources: Resources) -> None:
    (schedule,) = of_type(resources, "AWS::Scheduler::Schedule").values()
    (invoke,) = of_type(resources, "AWS::Lambda::EventInvokeConfig").values()
    assert schedule["Properties"]["ScheduleExpression"] == "rate(1 minute)"
    assert target(schedule["Properties"]["Target"]["Arn"]) == "KernelSweepFunction"
    assert target(schedule["Properties"]["Target"]["DeadLetterConfig"]["Arn"]) == "SweepFailureQueue"
    assert target(invoke["Properties"]["FunctionName"]) == "KernelSweepFunction"
    assert target(invoke["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]) == "SweepFailureQueue"


def test_every_request_reaches_the_control_plane(resources: Resources) -> None:
    paths = resources["ControlPlaneApi"]["Properties"]["Body"]["paths"]
    assert list(paths) == ["/$default"]
    integration = paths["/$default"]["x-amazon-apigateway-any-method"]["x-amazon-apigateway-integration"]
    assert "${ControlPlaneFunction.Arn}" in integration["uri"]["Fn::Sub"]
    assert integration["payloadFormatVersion"] == "2.0"
    # API Gateway gives up after 30 s at most; the function must not work on for a caller who has gone.
    timeout_s = resources["ControlPlaneFunction"]["Properties"]["Timeout"]
    assert integration["timeoutInMillis"] == timeout_s * 1000 <= 30_000


def test_requests_are_logged(resources: Resources) -> None:
    (stage,) = of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    settings = stage["Properties"]["AccessLogSettings"]
    assert target(settings["DestinationArn"]) == "ControlPlaneAccessLogGroup"
    assert "requestId" in json.loads(settings["Format"])


def test_the_access_log_has_no_paths_in_which_tokens_stand(resources: Resources) -> None:
    (stage,) = of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    logged = json.loads(stage["Properties"]["AccessLogSettings"]["Format"]).values()
    assert not [value for value in logged if "path" in value.lower()]
