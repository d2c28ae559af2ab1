"""What the deployed functions may do: what they do, and no more."""

import re

import pytest

from guardrails.permission_rules import LOG_DELIVERY
from tests.template.expanded import (
    DEAD_LETTER_QUEUES,
    FUNCTIONS,
    Resources,
    allow_list,
    as_list,
    statements,
    statements_of,
    target,
)

MAY_ON_THE_TABLE = {
    "ControlPlaneFunction": {
        "GetItem",
        "PutItem",
        "UpdateItem",
        "Query",
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
    },
    "KernelArmFunction": {"GetItem", "PutItem", "UpdateItem", "Query", "DeleteItem"},
    "KernelFireFunction": {"GetItem", "UpdateItem", "PutItem"},
    "KernelSweepFunction": {"GetItem", "BatchGetItem", "UpdateItem", "PutItem", "Query"},
    "OrchestratorFunction": {"GetItem", "BatchGetItem", "UpdateItem", "PutItem"},
    "EventFabricFunction": {"PutItem", "Query", "DeleteItem"},
    "AcknowledgementFunction": {"GetItem", "UpdateItem", "PutItem"},
}


def test_no_statement_allows_a_wildcard_action_or_an_unscoped_resource(resources: Resources) -> None:
    seen = list(statements(resources))
    assert seen
    for name, statement in seen:
        assert not [action for action in as_list(statement["Action"]) if "*" in action], name
        assert "*" not in as_list(statement["Resource"]) or set(statement["Action"]) <= LOG_DELIVERY, name


def test_the_state_machine_sends_to_the_action_queue_and_calls_its_function_and_logs(resources: Resources) -> None:
    role = target(resources["AcknowledgementStateMachine"]["Properties"]["RoleArn"])
    allowed = {
        tuple(as_list(one["Action"])): one["Resource"] if one["Resource"] == "*" else target(one["Resource"])
        for name, one in statements(resources)
        if name == role
    }
    assert allowed == {
        ("sqs:SendMessage",): "ActionQueue",
        ("lambda:InvokeFunction",): "AcknowledgementFunction",
        tuple(sorted(LOG_DELIVERY)): "*",
    }


def test_executions_are_started_by_the_orchestrator_and_let_go_on_by_who_takes_answers_too(
    resources: Resources,
) -> None:
    telling = {
        name: set(as_list(one["Action"]))
        for name, one in statements(resources)
        if allow_list(one) is None and any(action.startswith("states:") for action in as_list(one["Action"]))
        if target(one["Resource"]) == "AcknowledgementStateMachine"
    }
    going_on = {"states:SendTaskSuccess", "states:SendTaskHeartbeat"}
    assert telling == {
        "ControlPlaneFunctionRole": going_on,
        "OrchestratorFunctionRole": {"states:StartExecution", *going_on},
    }


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_may_do_on_the_table_what_it_does_and_no_more(resources: Resources, function: str) -> None:
    allowed = {
        action.removeprefix("dynamodb:")
        for statement in statements_of(resources, function)
        for action in as_list(statement["Action"])
        if action.startswith("dynamodb:")
    }
    assert allowed == MAY_ON_THE_TABLE[function]


@pytest.mark.parametrize("function", ["KernelFireFunction", "AcknowledgementFunction"])
def test_the_kernel_stores_dead_letters_and_puts_nothing_else(resources: Resources, function: str) -> None:
    (put,) = [one for one in statements_of(resources, function) if one["Action"] == "dynamodb:PutItem"]
    assert put["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["D#*"]}}


def test_nothing_but_messages_of_inboxes_destinations_keys_and_parked_records_is_deleted(resources: Resources) -> None:
    deleting = [one for _, one in statements(resources) if "dynamodb:DeleteItem" in as_list(one["Action"])]
    assert [one["Condition"] for one in deleting] == [
        {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["X#kernel_arm"]}},
        {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["X#event_fabric"]}},
        {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["I#*", "W#*", "K#*", "N#*"]}},
    ]


def test_batches_write_timers_and_their_payloads_and_nothing_else(resources: Resources) -> None:
    own = statements_of(resources, "ControlPlaneFunction")
    (batch,) = [one for one in own if "dynamodb:BatchWriteItem" in as_list(one["Action"])]
    assert batch["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["T#*", "P#*"]}}


def test_a_sweep_queries_its_index_and_not_the_table(resources: Resources) -> None:
    (query,) = [one for one in statements_of(resources, "KernelSweepFunction") if one["Action"] == "dynamodb:Query"]
    assert query["Resource"] == {"Fn::Sub": "${TimersTable.Arn}/index/NextCheckIndex"}


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_may_send_to_the_queues_it_is_given(resources: Resources, function: str) -> None:
    urls = resources[function]["Properties"]["Environment"]["Variables"]
    given = {target(url) for name, url in urls.items() if name.endswith("_QUEUE_URL")}
    allowed = {
        target(queue)
        for statement in statements_of(resources, function)
        if statement["Action"] == "sqs:SendMessage" and allow_list(statement) is None
        for queue in as_list(statement["Resource"])
    }
    assert allowed - set(DEAD_LETTER_QUEUES) == given


def test_only_consumers_bring_messages_back_and_only_to_their_queue(resources: Resources) -> None:
    allowed = {
        function: [
            target(queue)
            for statement in statements_of(resources, function)
            if "sqs:ChangeMessageVisibility" in as_list(statement["Action"])
            and statement["Action"] == "sqs:ChangeMessageVisibility"
            for queue in as_list(statement["Resource"])
        ]
        for function in FUNCTIONS
    }
    assert {function: queues for function, queues in allowed.items() if queues} == {
        "KernelFireFunction": ["WakeQueue"],
        "OrchestratorFunction": ["ActionQueue"],
    }


def test_schedules_are_touched_in_our_group_only(resources: Resources) -> None:
    touching = [
        (name, statement)
        for name, statement in statements(resources)
        if any(action.startswith("scheduler:") for action in as_list(statement["Action"]))
    ]
    assert sorted(name for name, _ in touching) == ["ArmWakeUpsPolicy", "KernelArmFunctionRole"]
    for _, statement in touching:
        assert statement["Resource"]["Fn::Sub"].endswith(":schedule/${TimerScheduleGroup}/*")


def test_a_role_is_passed_to_scheduler_only(resources: Resources) -> None:
    passing = [one for _, one in statements(resources) if "iam:PassRole" in as_list(one["Action"])]
    assert passing
    for statement in passing:
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
        assert target(statement["Resource"]) == "ScheduleTargetRole"


def test_only_schedules_of_our_group_deliver_wake_ups(resources: Resources) -> None:
    (trust,) = resources["ScheduleTargetRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {
        "aws:SourceAccount": {"Ref": "AWS::AccountId"},
        "aws:SourceArn": {"Fn::GetAtt": ["TimerScheduleGroup", "Arn"]},
    }


ALLOW_LISTS = {
    "AllowedBuses": "events:PutEvents",
    "AllowedQueues": "sqs:SendMessage",
    "AllowedTopics": "sns:Publish",
    "AllowedFunctions": "lambda:InvokeFunction",
    "AllowedStateMachines": "states:StartExecution",
}


def test_the_orchestrator_alone_reaches_what_a_deployment_allows_and_by_one_action_each(resources: Resources) -> None:
    listed = [(name, allow_list(one), one["Action"]) for name, one in statements(resources) if allow_list(one)]
    assert sorted(listed) == sorted(("OrchestratorFunctionRole", name, action) for name, action in ALLOW_LISTS.items())


def test_the_orchestrator_publishes_to_the_stacks_own_bus(resources: Resources) -> None:
    own = [
        target(one["Resource"])
        for one in statements_of(resources, "OrchestratorFunction")
        if one["Action"] == "events:PutEvents" and allow_list(one) is None
    ]
    assert own == ["EventBus"]


def test_an_empty_allow_list_leaves_no_statement(source: Resources, resources: Resources) -> None:
    role = resources["OrchestratorFunctionRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    conditional = {one["Fn::If"][0]: one["Fn::If"] for one in role["Statement"] if "Fn::If" in one}
    assert set(conditional) == {name.replace("Allowed", "Allows") for name in ALLOW_LISTS}
    for name in ALLOW_LISTS:
        condition = name.replace("Allowed", "Allows")
        assert source["Parameters"][name]["Default"] == ""
        assert source["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]}
        assert conditional[condition][2] == {"Ref": "AWS::NoValue"}
        assert allow_list(conditional[condition][1]) == name


@pytest.mark.parametrize("function", ["ControlPlaneFunction", "OrchestratorFunction"])
def test_what_is_permitted_is_what_the_service_itself_checks(resources: Resources, function: str) -> None:
    variables = resources[function]["Properties"]["Environment"]["Variables"]
    told = {value["Ref"] for name, value in variables.items() if name.startswith("MINOOTS_ALLOWED_")}
    assert told - {"AllowedPrivateHosts", "AllowedOrigins"} == set(ALLOW_LISTS)


GOOD = {
    "AllowedBuses": "arn:aws:events:us-east-1:123456789012:event-bus/orders",
    "AllowedQueues": "arn:aws:sqs:eu-west-1:123456789012:orders.fifo",
    "AllowedTopics": "arn:aws-cn:sns:cn-north-1:123456789012:orders",
    "AllowedFunctions": "arn:aws:lambda:us-east-1:123456789012:function:go:live",
    "AllowedStateMachines": "arn:aws-us-gov:states:us-gov-west-1:123456789012:stateMachine:go",
}


@pytest.mark.parametrize("name", sorted(GOOD))
def test_an_allow_list_takes_arns_and_nothing_wider(source: Resources, name: str) -> None:
    pattern = re.compile(source["Parameters"][name]["AllowedPattern"])
    arn = GOOD[name]
    for good in ("", arn, f"{arn},{arn}2"):
        assert pattern.fullmatch(good), good
    other = next(value for key, value in GOOD.items() if key != name)
    for bad in ("*", arn + "*", f"{arn}, {arn}", f"{arn},", other, f"{arn},{other}", arn.replace("123456789012", "*")):
        assert not pattern.fullmatch(bad), bad


def test_who_seals_secrets_cannot_open_them_and_none_of_both_without_saying_whose(resources: Resources) -> None:
    using = {
        name: statement
        for name, statement in statements(resources)
        if any(action.startswith("kms:") for action in as_list(statement["Action"]))
    }
    assert {name: as_list(one["Action"]) for name, one in using.items()} == {
        "ControlPlaneFunctionRole": ["kms:Encrypt"],
        "OrchestratorFunctionRole": ["kms:Decrypt"],
    }
    for statement in using.values():
        assert statement["Condition"] == {
            "StringLike": {"kms:EncryptionContext:tenant": "?*", "kms:EncryptionContext:destination": "?*"}
        }
        assert statement["Resource"] == {
            "Fn::If": ["MakesSecretsKey", {"Fn::GetAtt": ["SecretsKey", "Arn"]}, {"Ref": "SecretsKeyArn"}]
        }


def test_the_secrets_key_rotates_and_outlives_the_stack(resources: Resources) -> None:
    key = resources["SecretsKey"]
    assert key["Properties"]["EnableKeyRotation"] is True
    assert (key["DeletionPolicy"], key["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert key["Condition"] == "MakesSecretsKey"


def test_a_key_of_ones_own_is_named_by_its_arn(source: Resources) -> None:
    pattern = re.compile(source["Parameters"]["SecretsKeyArn"]["AllowedPattern"])
    key = "arn:aws:kms:us-east-1:123456789012:key/mrk-1234abcd"
    assert pattern.fullmatch("")
    assert pattern.fullmatch(key)
    for bad in ("*", key + "*", key.replace("key/", "alias/"), "alias/mine", key + "," + key):
        assert not pattern.fullmatch(bad), bad
