"""Rules about queues."""

from __future__ import annotations

from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from guardrails.reading import branches, properties, target, walk

__all__ = ["QueueHasDeadLetterQueue"]

# Where a resource names the queue that takes what failed.
_NAMING = {"deadLetterTargetArn", "DeadLetterConfig", "OnFailure"}


class QueueHasDeadLetterQueue(CloudFormationLintRule):
    """A message that cannot be handled must end somewhere, not come back for ever."""

    id = "E9001"
    shortdesc = "A queue has a dead-letter queue, or is one"
    description = (
        "A queue either names a dead-letter queue in RedrivePolicy, or something in the template sends what failed to "
        "it: another queue, a DeadLetterConfig, an OnFailure destination, or a function whose environment has its ARN "
        "in a variable that ends in _DLQ_ARN."
    )
    tags = ("minoots", "sqs")

    def match(self, cfn: Template) -> list[RuleMatch]:
        """Name each queue that is neither."""
        dead_letter_queues = _dead_letter_queues(cfn.template.get("Resources", {}))
        return [
            RuleMatch(["Resources", name], f"{name} has no dead-letter queue and is none")
            for name, queue in cfn.get_resources("AWS::SQS::Queue").items()
            if not _redrives(queue) and name not in dead_letter_queues
        ]


def _redrives(queue: dict[str, Any]) -> bool:
    policies = branches(properties(queue).get("RedrivePolicy"))
    return bool(policies) and all(isinstance(one, dict) and "deadLetterTargetArn" in one for one in policies)


def _dead_letter_queues(resources: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    for path, node in walk(resources, []):
        for key, value in node.items() if isinstance(node, dict) else ():
            if key in _NAMING or ("Variables" in path and str(key).endswith("_DLQ_ARN")):
                found |= {name for _, inner in walk(value, []) if (name := target(inner))}
    return found
