"""The template as the players see it: conditions decided, intrinsics resolved."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCOUNT = "123456789012"
REGION = "us-east-1"
PARTITION = "aws"
STACK_NAME = "minoots-local"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource that the stack has.

    Attributes:
        logical_id: Its name in the template.
        type: Its CloudFormation or SAM type.
        properties: Its properties, resolved.
        name: The physical name that it gets locally.
    """

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """A template with its parameters applied.

    Attributes:
        path: The file that it was read from; `CodeUri` is relative to its directory.
        resources: Resources by logical id, in template order; those whose condition is false are left out.
        parameters: Value of every parameter.
        outputs: Resolved outputs by name.
    """

    path: Path
    resources: Mapping[str, Resource]
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]

    def of_type(self, *types: str) -> list[Resource]:
        """The resources of these types, in template order."""
        return [resource for resource in self.resources.values() if resource.type in types]


def physical_name(logical_id: str) -> str:
    """The name that CloudFormation would have made up, without its random tail."""
    return f"{STACK_NAME}-{logical_id}"


def arn(service: str, resource: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    """An ARN in the local account and region."""
    return f"arn:{PARTITION}:{service}:{region}:{account}:{resource}"
