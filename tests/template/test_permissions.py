"""What the deployed functions may do: what they do, and no more."""

import pytest

from tests.template.expanded import DEAD_LETTER_QUEUES, FUNCTIONS, Resources, as_list, statements, statements_of, target

MAY_ON_THE_TABLE = {
    "ControlPlaneFunction": {"GetItem", "PutItem", "UpdateItem", "Query", "BatchGetItem"},
    "KernelArmFunction": {"GetItem", "PutItem", "UpdateItem"},
    "KernelFireFunction": {"GetItem", "UpdateItem", "PutItem"},
    "KernelSweepFunction": {"GetItem", "BatchGetItem", "UpdateItem", "PutItem", "Query"},
    "OrchestratorFunction": {"GetItem", "UpdateItem", "PutItem"},
    "EventFabricFunction": {"PutItem"},
}


def test_no_statement_allows_a_wildcard_action_or_an_unscoped_resource(resources: Resources) -> None:
    seen = list(statements(resources))
    assert seen
    for name, statement in seen:
        assert not [action for action in as_list(statement["Action"]) if "*" in action], name
        assert "*" not in as_list(statement["Resource"]), name


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_may_do_on_the_table_what_it_does_and_no_more(resources: Resources, function: str) -> None:
    allowed = {
        action.removeprefix("dynamodb:")
        for statement in statements_of(resources, function)
        for action in as_list(statement["Action"])
        if action.startswith("dynamodb:")
    }
    assert allowed == MAY_ON_THE_TABLE[function]


def test_the_kernel_stores_dead_letters_and_puts_nothing_else(resources: Resources) -> None:
    (put,) = [one for one in statements_of(resources, "KernelFireFunction") if one["Action"] == "dynamodb:PutItem"]
    assert put["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["D#*"]}}


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
        if statement["Action"] == "sqs:SendMessage"
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
