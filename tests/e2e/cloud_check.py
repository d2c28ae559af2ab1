"""Deploys the built template to an emulated AWS, tries it over HTTP, and takes it down again: `make cloud`.

docs/guides/cloud-check.md says what this proves and what it does not. Arguments go to pytest.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minoots_kernel.adapters.dynamodb.key_store import DynamoKeyStore
from minoots_kernel.domain.api_keys import key_from_file
from tests.build.conftest import TOOLS
from tests.build.emulator import ARCHITECTURE
from tests.build.processes import environment, run
from tests.e2e.ministack import REGION, Ministack, ministack
from tests.template.expanded import ROOT

STACK = "minoots-check"
KEY = "mnt_cloud_check"
PARAMETERS = [f"Architecture={ARCHITECTURE}", "AllowedPrivateHosts=127.0.0.1", "LogLevel=DEBUG", "LogRetentionDays=1"]


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is done, and how long it took."""
    print(f"{what} ...", flush=True)
    begun = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - begun:.1f} s", flush=True)


def sam(*arguments: str | Path, cloud: Ministack | None = None) -> str:
    """Run the SAM CLI; against the emulator if one is given."""
    variables = {"SAM_CLI_TELEMETRY": "0", "PATH": f"{TOOLS}:{environment()['PATH']}"}
    env = environment(**variables, **(cloud.variables if cloud else {}))
    # A folder without a samconfig.toml: what is tried is the command as it stands here.
    return run([TOOLS / "sam", *arguments, "--region", REGION], cwd=ROOT / "tests" / "e2e", env=env)


def build(target: Path) -> None:
    """Build the artefacts for this machine's architecture."""
    options = ["--template", ROOT / "template.yaml", "--build-dir", target]
    sam("build", *options, "--parameter-overrides", f"Architecture={ARCHITECTURE}")


def deploy(built: Path, cloud: Ministack) -> None:
    """Deploy with nothing but the SAM CLI."""
    options = ["--stack-name", STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-progressbar"]
    template = ["--template-file", built / "template.yaml", "--no-confirm-changeset"]
    sam("deploy", *template, *options, "--parameter-overrides", *PARAMETERS, cloud=cloud)


def resources(cloud: Ministack) -> dict[str, str]:
    """The physical name of every resource of the stack, by logical id."""
    found = cloud.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}


def open_api(cloud: Ministack) -> str:
    """Add the route that the emulator leaves out, as it reads no OpenAPI body; returns the API's host name."""
    names, api = resources(cloud), cloud.client("apigatewayv2")
    identifier = names["ControlPlaneApi"]
    function = cloud.client("lambda").get_function(FunctionName=names["ControlPlaneFunction"])["Configuration"]
    integration = api.create_integration(
        ApiId=identifier,
        IntegrationType="AWS_PROXY",
        IntegrationUri=function["FunctionArn"],
        PayloadFormatVersion="2.0",
        TimeoutInMillis=15_000,
    )
    api.create_route(ApiId=identifier, RouteKey="$default", Target=f"integrations/{integration['IntegrationId']}")
    return str(api.get_api(ApiId=identifier)["ApiEndpoint"].removeprefix("http://"))


def loosen_filters(cloud: Ministack) -> None:
    """Take out of the stream mappings' filters what the emulator misreads: that an attribute must not be there.

    It looks for the `S` within the absent attribute, finds nothing to look in, and lets no record through. Without that
    clause heartbeats come through as well, of which the functions make nothing.
    """
    functions = cloud.client("lambda")
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        filters = mapping.get("FilterCriteria", {}).get("Filters", [])
        patterns = [json.loads(one["Pattern"]) for one in filters]
        for pattern in patterns:
            images = pattern.get("dynamodb", {}).values()
            for image in images:
                for name in [name for name, wanted in image.items() if wanted == {"S": [{"exists": False}]}]:
                    del image[name]
        if patterns:
            criteria = {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}
            functions.update_event_source_mapping(UUID=mapping["UUID"], FilterCriteria=criteria)


def accept_key(cloud: Ministack) -> None:
    """Put the key of these tests into the table."""
    store = DynamoKeyStore(cloud.client("dynamodb"), resources(cloud)["TimersTable"])
    store.put(key_from_file(KEY, "demo", tier="unlimited"))


def try_it(cloud: Ministack, host: str, arguments: list[str]) -> int:
    """Run the tests against the deployed stack; returns their exit code."""
    env = environment(
        **cloud.variables,
        MINOOTS_E2E_URL=cloud.url,
        MINOOTS_E2E_HOST=host,
        MINOOTS_E2E_KEY=KEY,
        MINOOTS_E2E_STACK=STACK,
    )
    command = [sys.executable, "-m", "pytest", "-m", "e2e", "-s", "-v", "-p", "no:randomly", "tests/e2e", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, check=False).returncode


def delete(cloud: Ministack) -> None:
    """Delete the stack, and see that nothing but the table, which is kept on purpose, is left of it.

    By CloudFormation's own call: `sam delete` also empties the bucket of packages, and does not understand how the
    emulator writes the address of the nested template there.

    Raises:
        AssertionError: Something else is left.
    """
    table, formation = resources(cloud)["TimersTable"], cloud.client("cloudformation")
    formation.delete_stack(StackName=STACK)
    formation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    left = {
        "functions": cloud.client("lambda").list_functions()["Functions"],
        "queues": cloud.client("sqs").list_queues().get("QueueUrls", []),
        "alarms": cloud.client("cloudwatch").describe_alarms()["MetricAlarms"],
        "buses": [one for one in cloud.client("events").list_event_buses()["EventBuses"] if one["Name"] != "default"],
        "tables but the kept one": [
            one for one in cloud.client("dynamodb").list_tables()["TableNames"] if one != table
        ],
    }
    assert not any(left.values()), left


def main(arguments: list[str]) -> int:
    """Do it all; returns 0 if everything held."""
    with tempfile.TemporaryDirectory(prefix="minoots-cloud-") as folder:
        scratch = Path(folder)
        with step(f"sam build for {ARCHITECTURE}"):
            build(scratch / "build")
        with ministack(scratch) as cloud:
            print(f"ministack answers at {cloud.url}")
            with step("sam deploy"):
                deploy(scratch / "build", cloud)
            host = open_api(cloud)
            loosen_filters(cloud)
            accept_key(cloud)
            print(f"{len(resources(cloud))} resources; the API is {host}")
            failed = try_it(cloud, host, arguments)
            if failed:
                print(f"--- the end of ministack's log ---\n{cloud.log.read_text(encoding='utf-8')[-6000:]}")
            with step("delete the stack"):
                delete(cloud)
    print("the deployed stack does NOT do what it should" if failed else "the deployed stack does what it should")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
