"""How the tests read an expanded template: what is in the stack, and what points at what."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

FUNCTIONS = {
    "ControlPlaneFunction",
    "KernelArmFunction",
    "KernelFireFunction",
    "KernelSweepFunction",
    "OrchestratorFunction",
    "EventFabricFunction",
    "AcknowledgementFunction",
}
STREAM_FUNCTIONS = ["KernelArmFunction", "EventFabricFunction"]
QUEUE_FUNCTIONS = ["KernelFireFunction", "OrchestratorFunction"]
DEAD_LETTER_QUEUES = [
    "WakeDeadLetterQueue",
    "ActionDeadLetterQueue",
    "ScheduleDeadLetterQueue",
    "ArmFailureQueue",
    "SweepFailureQueue",
    "FabricFailureQueue",
]

RUNBOOKS = ROOT / "docs" / "runbooks"

Resources = dict[str, Any]


def of_type(resources: Resources, name: str) -> dict[str, Any]:
    return {key: found for key, found in resources.items() if found["Type"] == name}


def target(intrinsic: Any) -> str:
    """The logical id that a Ref or a GetAtt points at."""
    if "Ref" in intrinsic:
        return str(intrinsic["Ref"])
    return str(intrinsic["Fn::GetAtt"][0])


def mappings_of(resources: Resources, function: str) -> list[dict[str, Any]]:
    found = of_type(resources, "AWS::Lambda::EventSourceMapping").values()
    return [one["Properties"] for one in found if target(one["Properties"]["FunctionName"]) == function]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(resources: Resources, effect: str = "Allow") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of every policy in the stack, with the logical id it belongs to; conditions taken to hold."""
    for name, resource in resources.items():
        properties = resource["Properties"]
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
        for document in documents:
            for statement in as_list(document["Statement"]):
                stands = statement["Fn::If"][1] if "Fn::If" in statement else statement
                if stands["Effect"] == effect:
                    yield name, stands


def statements_of(resources: Resources, function: str, effect: str = "Allow") -> Iterator[dict[str, Any]]:
    """Every statement that a function's role carries, its managed policies of this stack included."""
    role = target(resources[function]["Properties"]["Role"])
    managed = resources[role]["Properties"].get("ManagedPolicyArns", [])
    names = {role} | {target(arn) for arn in managed if isinstance(arn, dict)}
    return (statement for name, statement in statements(resources, effect) if name in names)


def allow_list(statement: dict[str, Any]) -> str | None:
    """The parameter whose comma list is the statement's resources, if they are one's."""
    split = statement["Resource"].get("Fn::Split") if isinstance(statement["Resource"], dict) else None
    return str(split[1]["Ref"]) if split else None
