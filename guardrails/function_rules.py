"""Rules about functions and about what invokes them, written in SAM or out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from guardrails.reading import Path, branches, properties, target

__all__ = ["FunctionHasLogGroup", "MappingFailsInParts", "StreamMappingGivesUp"]

# SAM's events that become event source mappings.
_MAPPED_EVENTS = {"DynamoDB", "Kinesis", "SQS"}


class Mapping(NamedTuple):
    """An event source mapping, wherever it is written; SAM gives an event the properties of the mapping it makes."""

    name: str
    path: Path
    properties: dict[str, Any]


class FunctionHasLogGroup(CloudFormationLintRule):
    """The log group that Lambda makes by itself keeps everything for ever."""

    id = "E9002"
    shortdesc = "A function logs to a log group of the template that forgets"
    description = "LoggingConfig.LogGroup names a log group of the same template, and that has RetentionInDays."
    tags = ("minoots", "lambda")

    def match(self, cfn: Template) -> list[RuleMatch]:
        """Name each function that does not."""
        groups = cfn.get_resources("AWS::Logs::LogGroup")
        matches = []
        for name, function in _functions(cfn):
            group = target((function.get("LoggingConfig") or {}).get("LogGroup"))
            if group not in groups:
                matches.append(RuleMatch(["Resources", name], f"{name} has no log group of its own in the template"))
            elif "RetentionInDays" not in properties(groups[group]):
                matches.append(RuleMatch(["Resources", group], f"{group}, of {name}, keeps logs for ever"))
        return matches


class MappingFailsInParts(CloudFormationLintRule):
    """Without partial failures one bad message makes its whole batch come back."""

    id = "E9003"
    shortdesc = "An event source mapping reports failures one by one"
    description = "FunctionResponseTypes has ReportBatchItemFailures."
    tags = ("minoots", "lambda")

    def match(self, cfn: Template) -> list[RuleMatch]:
        """Name each mapping that does not."""
        return [
            RuleMatch(mapping.path, f"{mapping.name} takes a batch as failed when one of it is")
            for mapping in _mappings(cfn)
            if mapping.properties.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]
        ]


class StreamMappingGivesUp(CloudFormationLintRule):
    """A poison record blocks its shard until the stream forgets it, unless the mapping may give it up somewhere."""

    id = "E9004"
    shortdesc = "A stream mapping gives records up, and says where"
    description = (
        "A mapping of a stream (one that has a StartingPosition) has an OnFailure destination, and bounds both the "
        "attempts at a record and its age. A mapping of a queue gives up by the queue's own RedrivePolicy, E9001."
    )
    tags = ("minoots", "lambda")

    def match(self, cfn: Template) -> list[RuleMatch]:
        """Name each stream mapping and what it lacks."""
        return [
            RuleMatch(mapping.path, f"{mapping.name} has no {lacking}")
            for mapping in _mappings(cfn)
            for lacking in _lacking(mapping.properties)
        ]


def _functions(cfn: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, function in cfn.get_resources("AWS::Lambda::Function").items():
        yield name, properties(function)
    shared = (cfn.template.get("Globals") or {}).get("Function") or {}
    for name, function in cfn.get_resources("AWS::Serverless::Function").items():
        yield name, {**shared, **properties(function)}


def _mappings(cfn: Template) -> Iterator[Mapping]:
    for name, mapping in cfn.get_resources("AWS::Lambda::EventSourceMapping").items():
        yield Mapping(name, ["Resources", name], properties(mapping))
    for name, function in cfn.get_resources("AWS::Serverless::Function").items():
        for event, source in (properties(function).get("Events") or {}).items():
            if source.get("Type") in _MAPPED_EVENTS:
                path: Path = ["Resources", name, "Properties", "Events", event]
                yield Mapping(f"{name}.{event}", path, properties(source))


def _lacking(mapping: dict[str, Any]) -> list[str]:
    if "StartingPosition" not in mapping:
        return []
    destination = (mapping.get("DestinationConfig") or {}).get("OnFailure")
    bounds = [name for name in ("MaximumRetryAttempts", "MaximumRecordAgeInSeconds") if not _bounded(mapping, name)]
    return bounds if destination else ["OnFailure destination", *bounds]


def _bounded(mapping: dict[str, Any], name: str) -> bool:
    # -1 is Lambda's word for "for ever", and what an absent property means.
    return bool(values := branches(mapping.get(name))) and all(value not in (None, -1) for value in values)
