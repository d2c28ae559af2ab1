"""What a function does not import when it starts: a cold start pays for every module (docs/adr/0004)."""

import json
import subprocess
import sys
from functools import cache

import pytest

from minoots_local.template.reader import read_template
from tests.template.expanded import FUNCTIONS, ROOT

# Imports the handler, builds it as Lambda would at its first call, and tells what that brought in.
PROBE = """
import importlib, json, os, sys
module = importlib.import_module(sys.argv[1])
module.build(os.environ)
print(json.dumps(sorted(sys.modules)))
"""
# Heavy modules, and who needs them all the same.
NEEDED_BY = {
    "aws_lambda_powertools.event_handler": {"ControlPlaneFunction"},
    "minoots_kernel.interfaces.rest": {"ControlPlaneFunction"},
    "httpx": {"OrchestratorFunction"},
    "httpcore": {"OrchestratorFunction"},
    "uuid_utils": {"ControlPlaneFunction"},
}
NEEDED_BY_NOBODY = {
    "aws_xray_sdk",
    "cedarpy",
    "email_validator",
    "httpx2",
    "joserfc",
    "jsonschema_rs",
    "mcp",
    "mcp_types",
    "minoots_kernel.adapters.oidc",
    "minoots",
    "minoots_kernel.adapters.memory",
    "minoots_local",
    "moto",
    "pytest",
    "rich",
    "typer",
    "yaml",
}
# httpx imports the libraries of its own command line wherever it finds them: here, and not in the layer.
BROUGHT_BY_HTTPX = {"rich"}


@cache
def imported(function: str) -> frozenset[str]:
    """Every module that a fresh interpreter has after it has built a function, with the template's environment."""
    properties = read_template(ROOT / "template.yaml").resources[function].properties
    variables = {name: str(value) for name, value in properties["Environment"]["Variables"].items()}
    env = variables | {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIATEST", "AWS_SECRET_ACCESS_KEY": "secret"}
    module = properties["Handler"].removesuffix(".handler")
    command = [sys.executable, "-c", PROBE, module]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return frozenset(json.loads(done.stdout))


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_starts_without_what_it_does_not_need(function: str) -> None:
    modules = imported(function)
    unwanted = NEEDED_BY_NOBODY | {name for name, needing in NEEDED_BY.items() if function not in needing}
    if "httpx" in modules:
        unwanted -= BROUGHT_BY_HTTPX
    assert unwanted & modules == set()


@pytest.mark.parametrize("module", sorted(NEEDED_BY))
def test_a_heavy_module_is_still_there_where_it_is_needed(module: str) -> None:
    """Or the test above would look for a name that nothing has any more."""
    assert {function for function in FUNCTIONS if module in imported(function)} == NEEDED_BY[module]
