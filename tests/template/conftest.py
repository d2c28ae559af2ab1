"""The template as CloudFormation gets it: expanded once, by the translator that SAM itself uses."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from tests.template.expanded import ROOT


class NoManagedPolicies:
    """Stands for IAM's list of managed policies: none is named in the template without its ARN."""

    def load(self) -> dict[str, str]:
        return {}


@pytest.fixture(scope="session")
def source() -> dict[str, Any]:
    """The template as it is written."""
    template: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    return template


@pytest.fixture(scope="session")
def alarms_source() -> dict[str, Any]:
    """The nested template with the alarms."""
    template: dict[str, Any] = yaml_parse((ROOT / "alarms.yaml").read_text(encoding="utf-8"))
    return template


@pytest.fixture(scope="session")
def resources(source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The expanded template's resources, by logical id; layers keep the ids they are written with."""
    template = copy.deepcopy(source)
    # What packaging does: local folders become objects in a bucket.
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/code"
    for resource in template["Resources"].values():
        resource.setdefault("Properties", {})
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = "s3://bucket/layer"
        if resource["Type"] == "AWS::Serverless::StateMachine":
            resource["Properties"]["DefinitionUri"] = "s3://bucket/machine"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield transform(template, {}, NoManagedPolicies(), passthrough_metadata=True)["Resources"]
