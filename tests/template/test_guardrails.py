"""The project's own cfn-lint rules: each lets a good template pass and names what is wrong in a bad one."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cfnlint.rules import CloudFormationLintRule
from cfnlint.template import Template

from guardrails.function_rules import FunctionHasLogGroup, MappingFailsInParts, StreamMappingGivesUp
from guardrails.permission_rules import PermissionIsNarrow
from guardrails.queue_rules import QueueHasDeadLetterQueue
from tests.template.expanded import ROOT

NONE = {"Ref": "AWS::NoValue"}


def found(rule: CloudFormationLintRule, **resources: dict[str, Any]) -> list[str]:
    """What a rule says about resources: `Name={"Type": ..., ...properties}`."""
    shaped = {
        name: {"Type": one["Type"], "Properties": {key: value for key, value in one.items() if key != "Type"}}
        for name, one in resources.items()
    }
    return [match.message for match in rule.match(Template("template.yaml", {"Resources": shaped}))]


def queue(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", **properties}


def to(name: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [name, "Arn"]}


# E9001


def test_a_queue_with_a_dead_letter_queue_passes_and_so_does_that() -> None:
    redrive = {"deadLetterTargetArn": to("Dead"), "maxReceiveCount": 5}
    assert found(QueueHasDeadLetterQueue(), Work=queue(RedrivePolicy=redrive), Dead=queue()) == []


def test_a_queue_without_a_dead_letter_queue_is_named() -> None:
    assert found(QueueHasDeadLetterQueue(), Work=queue()) == ["Work has no dead-letter queue and is none"]


def test_a_queue_that_redrives_under_a_condition_only_is_named() -> None:
    redrive = {"Fn::If": ["Redrives", {"maxReceiveCount": 5}, NONE]}
    assert found(QueueHasDeadLetterQueue(), Work=queue(RedrivePolicy=redrive)) != []


@pytest.mark.parametrize(
    "sender",
    [
        {"Type": "AWS::Lambda::EventSourceMapping", "DestinationConfig": {"OnFailure": {"Destination": to("Dead")}}},
        {"Type": "AWS::Scheduler::Schedule", "Target": {"DeadLetterConfig": {"Arn": to("Dead")}}},
        {"Type": "AWS::Lambda::Function", "Environment": {"Variables": {"SCHEDULE_DLQ_ARN": to("Dead")}}},
    ],
)
def test_a_queue_that_something_sends_its_failures_to_passes(sender: dict[str, Any]) -> None:
    assert found(QueueHasDeadLetterQueue(), Dead=queue(), Sender=sender) == []


def test_a_queue_that_a_function_merely_writes_to_is_named() -> None:
    sender = {"Type": "AWS::Lambda::Function", "Environment": {"Variables": {"QUEUE_ARN": to("Work")}}}
    assert found(QueueHasDeadLetterQueue(), Work=queue(), Sender=sender) != []


# E9002


def logging(group: Any) -> dict[str, Any]:
    return {"Type": "AWS::Lambda::Function", "LoggingConfig": {"LogGroup": group}}


def test_a_function_with_a_log_group_that_forgets_passes() -> None:
    group = {"Type": "AWS::Logs::LogGroup", "RetentionInDays": {"Ref": "Days"}}
    assert found(FunctionHasLogGroup(), Logs=group, Work=logging({"Ref": "Logs"})) == []


def test_a_function_without_a_log_group_is_named() -> None:
    message = "Work has no log group of its own in the template"
    assert found(FunctionHasLogGroup(), Work={"Type": "AWS::Lambda::Function"}) == [message]
    assert found(FunctionHasLogGroup(), Work=logging("/aws/lambda/elsewhere")) == [message]


def test_a_log_group_that_keeps_for_ever_is_named() -> None:
    group = {"Type": "AWS::Logs::LogGroup"}
    said = found(FunctionHasLogGroup(), Logs=group, Work=logging({"Ref": "Logs"}))
    assert said == ["Logs, of Work, keeps logs for ever"]


def test_a_function_of_sam_may_have_its_log_group_from_the_globals() -> None:
    resources = {
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
        "Work": {"Type": "AWS::Serverless::Function"},
    }
    template = {"Globals": {"Function": {"LoggingConfig": {"LogGroup": {"Ref": "Logs"}}}}, "Resources": resources}
    assert FunctionHasLogGroup().match(Template("template.yaml", template)) == []


# E9003 and E9004


def mapping(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Lambda::EventSourceMapping", **properties}


STREAM = {
    "StartingPosition": "TRIM_HORIZON",
    "MaximumRetryAttempts": 10,
    "MaximumRecordAgeInSeconds": 3600,
    "DestinationConfig": {"OnFailure": {"Destination": to("Dead")}},
}


def test_a_mapping_that_reports_failures_one_by_one_passes() -> None:
    assert found(MappingFailsInParts(), Reads=mapping(FunctionResponseTypes=["ReportBatchItemFailures"])) == []


def test_a_mapping_that_fails_as_a_whole_is_named() -> None:
    assert found(MappingFailsInParts(), Reads=mapping()) == ["Reads takes a batch as failed when one of it is"]


def test_a_stream_mapping_that_gives_up_somewhere_passes_and_so_does_a_queues() -> None:
    assert found(StreamMappingGivesUp(), Reads=mapping(**STREAM), Takes=mapping(EventSourceArn=to("Queue"))) == []


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("DestinationConfig", "Reads has no OnFailure destination"),
        ("MaximumRetryAttempts", "Reads has no MaximumRetryAttempts"),
        ("MaximumRecordAgeInSeconds", "Reads has no MaximumRecordAgeInSeconds"),
    ],
)
def test_a_stream_mapping_that_blocks_or_drops_is_named(lacking: str, said: str) -> None:
    without = {name: value for name, value in STREAM.items() if name != lacking}
    assert found(StreamMappingGivesUp(), Reads=mapping(**without)) == [said]


def test_a_stream_mapping_that_says_for_ever_is_named() -> None:
    forever = STREAM | {"MaximumRetryAttempts": -1}
    assert found(StreamMappingGivesUp(), Reads=mapping(**forever)) == ["Reads has no MaximumRetryAttempts"]


def sam(kind: str, **properties: Any) -> dict[str, Any]:
    events = {"Changes": {"Type": kind, "Properties": properties}}
    return {"Type": "AWS::Serverless::Function", "Events": events}


def test_an_event_of_sam_is_a_mapping_too() -> None:
    assert found(StreamMappingGivesUp(), Reads=sam("DynamoDB", **STREAM)) == []
    assert "Reads.Changes has no OnFailure destination" in found(
        StreamMappingGivesUp(), Reads=sam("DynamoDB", StartingPosition="LATEST")
    )
    assert found(MappingFailsInParts(), Reads=sam("SQS")) != []
    assert found(MappingFailsInParts(), Answers=sam("HttpApi")) == []


# E9005


def role(**statement: Any) -> dict[str, Any]:
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"Type": "AWS::IAM::Role", "Policies": [{"PolicyName": "p", "PolicyDocument": document}]}


def test_a_permission_that_names_what_and_to_what_passes() -> None:
    narrow = role(
        Effect="Allow", Action=["sqs:SendMessage"], Resource=[to("Work"), {"Fn::Sub": "${Table.Arn}/index/*"}]
    )
    assert found(PermissionIsNarrow(), Narrow=narrow) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ({"Action": "sqs:*", "Resource": to("Work")}, "Wide allows sqs:*: name the actions"),
        ({"Action": ["sqs:Get*"], "Resource": to("Work")}, "Wide allows sqs:Get*: name the actions"),
        ({"Action": "sqs:SendMessage", "Resource": "*"}, "Wide allows it on every resource: name them"),
        ({"Action": "s:A", "Resource": {"Fn::If": ["C", to("W"), "*"]}}, "Wide allows it on every resource: name them"),
        ({"NotAction": "iam:*", "Resource": to("Work")}, "Wide allows by NotAction: all but what it names"),
    ],
)
def test_a_permission_that_is_wider_is_named(statement: dict[str, Any], said: str) -> None:
    assert found(PermissionIsNarrow(), Wide=role(Effect="Allow", **statement)) == [said]


def test_a_denial_may_be_as_wide_as_it_likes() -> None:
    assert found(PermissionIsNarrow(), Wide=role(Effect="Deny", Action="*", Resource="*")) == []


# All of them, as `make check` runs them


def lint(template: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).parent / "cfn-lint"
    command = [tool, "--append-rules", ROOT / "guardrails", "--format", "parseable", "--regions", "us-east-1"]
    return subprocess.run([*command, "--", template], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_rules_are_found_by_cfn_lint_and_read_a_template_of_sam(tmp_path: Path) -> None:
    careless = tmp_path / "template.yaml"
    careless.write_text(
        """
Transform: AWS::Serverless-2016-10-31
Resources:
  Work:
    Type: AWS::SQS::Queue
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      Handler: app.handler
      CodeUri: s3://bucket/code
      Policies:
        - Statement: [{ Effect: Allow, Action: "dynamodb:*", Resource: "*" }]
      Events:
        Changes:
          Type: DynamoDB
          Properties: { Stream: "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/s", StartingPosition: LATEST }
""",
        encoding="utf-8",
    )
    done = lint(careless)
    assert done.returncode != 0
    assert set(re.findall(r":(E9\d{3}):", done.stdout)) == {"E9001", "E9002", "E9003", "E9004", "E9005"}


@pytest.mark.parametrize("name", ["template.yaml", "alarms.yaml"])
def test_our_own_templates_pass(name: str) -> None:
    done = lint(ROOT / name)
    assert (done.returncode, done.stdout) == (0, "")
