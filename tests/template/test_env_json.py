"""`sam local invoke --env-vars env.json` points a built function at the local stack."""

import json
from typing import Any

from minoots_local.settings import LocalSettings
from minoots_local.template.reader import read_template
from tests.template.expanded import FUNCTIONS, ROOT

# Given by env.json itself: where the stack is reached from a container, and that it is the local one.
ITS_OWN = {"AWS_ENDPOINT_URL", "MINOOTS_ENVIRONMENT", "MINOOTS_LOG_LEVEL"}


def overrides() -> dict[str, str]:
    return dict(json.loads((ROOT / "env.json").read_text(encoding="utf-8"))["Parameters"])


def test_it_names_every_resource_as_the_local_stack_does() -> None:
    stack = read_template(ROOT / "template.yaml")
    given: dict[str, Any] = {}
    for function in FUNCTIONS:
        variables = stack.resources[function].properties["Environment"]["Variables"]
        given |= {name: value for name, value in variables.items() if "minoots-local" in value or ":key/" in value}
    assert {name: value for name, value in overrides().items() if name not in ITS_OWN} == given


def test_it_reaches_the_local_stacks_endpoint_from_a_container() -> None:
    assert overrides()["AWS_ENDPOINT_URL"] == f"http://host.docker.internal:{LocalSettings().aws_port}"
