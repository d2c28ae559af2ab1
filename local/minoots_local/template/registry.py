"""Every resource type that the local stack knows, and what it makes of each property.

A property is *played* when the local stack does what it says, *harmless* when leaving it out
changes nothing that a local user would notice (permissions are not enforced, logs are not kept).
Anything else is an error: a template that asks for more than is played must not look as if it worked.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from minoots_local.errors import TemplateError
from minoots_local.template.model import ACCOUNT, PARTITION, REGION, arn, physical_name

STREAM_LABEL = "2026-01-01T00:00:00.000"

# Of the resource itself, beside Type and Properties.
RESOURCE_ATTRIBUTES = frozenset({"Condition", "DeletionPolicy", "DependsOn", "Metadata", "UpdateReplacePolicy"})


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One type of resource.

    Attributes:
        name: The type as templates write it.
        plays: Properties that the local stack does.
        harmless: Properties that it knows and leaves out.
        ref: What `Ref` gives, from the logical id.
        attributes: What `Fn::GetAtt` gives, by attribute, from the logical id.
        nested: Properties inside a property, by a dotted path (`[]` for each of a list).
    """

    name: str
    plays: frozenset[str] = frozenset()
    harmless: frozenset[str] = frozenset()
    ref: Callable[[str], str] = physical_name
    attributes: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    nested: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def check(self, logical_id: str, properties: Mapping[str, Any]) -> None:
        """Refuse what is not known.

        Raises:
            TemplateError: Names the logical id, the type and the property.
        """
        self._check_names(logical_id, "", properties, self.plays | self.harmless)
        for path, known in self.nested.items():
            for where, found in _at(properties, path.split("."), ""):
                self._check_names(logical_id, f"{where}.", found, known)

    def _check_names(self, logical_id: str, prefix: str, found: Mapping[str, Any], known: frozenset[str]) -> None:
        for name in found:
            if name not in known:
                raise TemplateError(f"{logical_id}: {self.name}.{prefix}{name} is not known to the local stack")


def _at(node: Any, path: list[str], where: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Every mapping found at `path`, with the path as an error should write it."""
    if not path:
        if isinstance(node, dict):
            yield where, node
        return
    step, *rest = path
    if step == "[]":
        children = [(f"{where}[{i}]", item) for i, item in enumerate(node or [])]
    elif step == "*":
        children = [(f"{where}.{key}", item) for key, item in (node or {}).items()]
    else:
        children = [(f"{where}.{step}".lstrip("."), node[step])] if step in node else []
    for label, child in children:
        yield from _at(child, rest, label)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _named(service: str, prefix: str = "") -> Callable[[str], str]:
    return lambda logical_id: arn(service, f"{prefix}{physical_name(logical_id)}")


def _global(service: str, prefix: str) -> Callable[[str], str]:
    return lambda logical_id: arn(service, f"{prefix}{physical_name(logical_id)}", region="")


def queue_url(logical_id: str) -> str:
    """The URL of a queue of the template, as the SDK forms it."""
    return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{physical_name(logical_id)}"


def key_id(logical_id: str) -> str:
    """The id of a KMS key of the template: a UUID as AWS's are, and the same on every start."""
    return str(uuid5(NAMESPACE_URL, physical_name(logical_id)))


def _log_group_arn(logical_id: str) -> str:
    return arn("logs", f"log-group:{physical_name(logical_id)}:*")


def _inert(name: str, harmless: str, **more: Any) -> ResourceType:
    return ResourceType(name, harmless=_words(harmless), **more)


_FUNCTION_EVENT_PROPERTIES = {
    "HttpApi": ("", "ApiId TimeoutInMillis PayloadFormatVersion"),
    "DynamoDB": (
        "Stream StartingPosition BatchSize MaximumBatchingWindowInSeconds FilterCriteria "
        "FunctionResponseTypes BisectBatchOnFunctionError MaximumRetryAttempts "
        "MaximumRecordAgeInSeconds DestinationConfig Enabled",
        "ParallelizationFactor MetricsConfig",
    ),
    "SQS": (
        "Queue BatchSize MaximumBatchingWindowInSeconds FunctionResponseTypes ScalingConfig Enabled",
        "MetricsConfig",
    ),
    "ScheduleV2": (
        "ScheduleExpression Input State",
        "Description FlexibleTimeWindow DeadLetterConfig RetryPolicy GroupName Name "
        "PermissionsBoundary RoleArn OmitName",
    ),
}


def check_function_events(logical_id: str, events: Mapping[str, Any]) -> None:
    """Refuse event sources, and properties of them, that are not played.

    Raises:
        TemplateError: Names the function, the event and the property.
    """
    for name, event in events.items():
        kind = event.get("Type")
        where = f"{logical_id}: AWS::Serverless::Function.Events.{name}"
        if kind not in _FUNCTION_EVENT_PROPERTIES:
            raise TemplateError(f"{where}: event type {kind} is not known to the local stack")
        played, harmless = _FUNCTION_EVENT_PROPERTIES[kind]
        for found in event.get("Properties") or {}:
            if found not in _words(f"{played} {harmless}"):
                raise TemplateError(f"{where}.{found} is not known to the local stack")


TYPES: Mapping[str, ResourceType] = {
    known.name: known
    for known in (
        ResourceType(
            "AWS::DynamoDB::Table",
            plays=_words(
                "AttributeDefinitions KeySchema GlobalSecondaryIndexes BillingMode "
                "StreamSpecification TimeToLiveSpecification PointInTimeRecoverySpecification"
            ),
            harmless=_words(
                "SSESpecification Tags DeletionProtectionEnabled ContributorInsightsSpecification OnDemandThroughput"
            ),
            attributes={
                "Arn": _named("dynamodb", "table/"),
                "StreamArn": lambda logical_id: f"{_named('dynamodb', 'table/')(logical_id)}/stream/{STREAM_LABEL}",
            },
            nested={
                "StreamSpecification": _words("StreamViewType"),
                "TimeToLiveSpecification": _words("AttributeName Enabled"),
                "PointInTimeRecoverySpecification": _words("PointInTimeRecoveryEnabled RecoveryPeriodInDays"),
                "GlobalSecondaryIndexes.[]": _words("IndexName KeySchema Projection OnDemandThroughput"),
            },
        ),
        ResourceType(
            "AWS::SQS::Queue",
            plays=_words(
                "DelaySeconds MaximumMessageSize MessageRetentionPeriod "
                "ReceiveMessageWaitTimeSeconds RedrivePolicy VisibilityTimeout"
            ),
            harmless=_words("SqsManagedSseEnabled KmsMasterKeyId KmsDataKeyReusePeriodSeconds Tags RedriveAllowPolicy"),
            ref=queue_url,
            attributes={
                "Arn": _named("sqs"),
                "QueueName": physical_name,
                "QueueUrl": queue_url,
            },
            nested={"RedrivePolicy": _words("deadLetterTargetArn maxReceiveCount")},
        ),
        _inert("AWS::SQS::QueuePolicy", "PolicyDocument Queues"),
        ResourceType(
            "AWS::KMS::Key",
            plays=_words("Description"),
            harmless=_words("Enabled EnableKeyRotation KeyPolicy PendingWindowInDays RotationPeriodInDays Tags"),
            ref=key_id,
            attributes={"Arn": lambda logical_id: arn("kms", f"key/{key_id(logical_id)}"), "KeyId": key_id},
        ),
        _inert("AWS::KMS::Alias", "AliasName TargetKeyId"),
        ResourceType(
            "AWS::Scheduler::ScheduleGroup",
            harmless=_words("Tags"),
            attributes={"Arn": _named("scheduler", "schedule-group/")},
        ),
        ResourceType(
            "AWS::Events::EventBus",
            plays=_words("Name"),
            harmless=_words("Tags Description KmsKeyIdentifier DeadLetterConfig Policy LogConfig"),
            attributes={"Arn": _named("events", "event-bus/"), "Name": physical_name},
        ),
        _inert("AWS::Events::EventBusPolicy", "EventBusName StatementId Statement"),
        _inert(
            "AWS::Events::Archive",
            "ArchiveName Description EventPattern RetentionDays SourceArn KmsKeyIdentifier",
            attributes={"Arn": _named("events", "archive/")},
        ),
        ResourceType(
            "AWS::Events::Rule",
            plays=_words("EventBusName EventPattern State Targets"),
            harmless=_words("Description RoleArn Tags"),
            attributes={"Arn": _named("events", "rule/")},
            nested={"Targets.[]": _words("Arn Id DeadLetterConfig RetryPolicy RoleArn SqsParameters")},
        ),
        ResourceType(
            "AWS::IAM::Role",
            harmless=_words(
                "AssumeRolePolicyDocument Policies ManagedPolicyArns Description Path Tags "
                "PermissionsBoundary MaxSessionDuration"
            ),
            attributes={"Arn": _global("iam", "role/"), "RoleId": physical_name},
        ),
        _inert("AWS::IAM::ManagedPolicy", "PolicyDocument Roles Description Path"),
        _inert("AWS::IAM::Policy", "PolicyDocument PolicyName Roles"),
        _inert(
            "AWS::Logs::LogGroup",
            "LogGroupName RetentionInDays KmsKeyId Tags LogGroupClass DataProtectionPolicy",
            attributes={"Arn": _log_group_arn},
        ),
        _inert(
            "AWS::Lambda::Permission",
            "Action FunctionName Principal SourceArn SourceAccount",
        ),
        _inert(
            "AWS::CloudWatch::Alarm",
            "ActionsEnabled AlarmActions AlarmDescription ComparisonOperator DatapointsToAlarm "
            "Dimensions EvaluationPeriods ExtendedStatistic InsufficientDataActions MetricName "
            "Metrics Namespace OKActions Period Statistic Tags Threshold TreatMissingData Unit",
            attributes={"Arn": _named("cloudwatch", "alarm:")},
        ),
        _inert("AWS::CloudWatch::Dashboard", "DashboardBody DashboardName"),
        # Alarms, as a stack of their own: what a nested stack holds is not played, so it must hold nothing that runs.
        _inert("AWS::CloudFormation::Stack", "Parameters Tags TemplateURL TimeoutInMinutes"),
        ResourceType(
            "AWS::Serverless::LayerVersion",
            harmless=_words(
                "CompatibleArchitectures CompatibleRuntimes ContentUri Description LayerName "
                "LicenseInfo RetentionPolicy"
            ),
            ref=lambda logical_id: arn("lambda", f"layer:{physical_name(logical_id)}:1"),
        ),
        ResourceType(
            "AWS::Serverless::HttpApi",
            harmless=_words(
                "AccessLogSettings DefaultRouteSettings Description DisableExecuteApiEndpoint "
                "FailOnWarnings Name StageName Tags RouteSettings PropagateTags"
            ),
            ref=lambda logical_id: logical_id.lower(),
            attributes={"ApiEndpoint": lambda logical_id: f"https://{logical_id.lower()}"},
        ),
        ResourceType(
            "AWS::Serverless::StateMachine",
            plays=_words("DefinitionUri DefinitionSubstitutions Type"),
            harmless=_words("Logging Name PermissionsBoundary Policies PropagateTags Role Tags Tracing"),
            ref=_named("states", "stateMachine:"),
            attributes={"Arn": _named("states", "stateMachine:"), "Name": physical_name},
        ),
        ResourceType(
            "AWS::Serverless::Function",
            plays=_words("CodeUri Handler Environment Events Timeout MemorySize EventInvokeConfig"),
            harmless=_words(
                "Architectures AutoPublishAlias Description EphemeralStorage FunctionName Layers "
                "LoggingConfig PermissionsBoundary Policies PropagateTags Role Runtime "
                "ReservedConcurrentExecutions Tags Tracing"
            ),
            attributes={"Arn": _named("lambda", "function:")},
            nested={
                "Environment": _words("Variables"),
                "EventInvokeConfig": _words("MaximumEventAgeInSeconds MaximumRetryAttempts DestinationConfig"),
            },
        ),
    )
}


def partition_arn_of_function_role(logical_id: str) -> str:
    """The ARN of the role that SAM makes for a function that names none."""
    return f"arn:{PARTITION}:iam::{ACCOUNT}:role/{physical_name(logical_id)}Role"
