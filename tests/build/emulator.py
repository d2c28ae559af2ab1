"""Runs a built function under the Lambda runtime interface emulator that the SAM CLI carries."""

import json
import platform
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import samcli.local.rapid

from tests.build.processes import STARTUP_S, environment, listens, started
from tests.support.ports import free_port
from tests.support.waiting import until

# The artefacts of this machine's own architecture are those that can be started.
ARCHITECTURE = "arm64" if platform.machine() in {"aarch64", "arm64"} else "x86_64"
BINARY = Path(next(iter(samcli.local.rapid.__path__))) / f"aws-lambda-rie-{ARCHITECTURE}"


@dataclass(frozen=True, slots=True)
class Runtime:
    """What Lambda provides: an interpreter with the runtime client and boto3, and a place for its logs."""

    python: Path
    scratch: Path


@dataclass(frozen=True, slots=True)
class Function:
    """A started function."""

    port: int
    log: Path

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Its answer to one event.

        Raises:
            AssertionError: It raised, or could not be loaded; the text has its log.
        """
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations",
            data=json.dumps(event).encode(),
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert isinstance(answer, dict), answer
        assert "errorType" not in answer, f"{answer}\n{self.log.read_text(encoding='utf-8')}"
        return answer


@contextmanager
def running(
    runtime: Runtime, code: Path, layers: list[Path], handler: str, variables: Mapping[str, str]
) -> Iterator[Function]:
    """A function started as Lambda starts it: its code in the working directory, its layers on the path.

    Args:
        runtime: What to start it with.
        code: The built function's folder.
        layers: The built layers' folders, in the order of the template.
        handler: The template's Handler.
        variables: The function's own environment.
    """
    port, api_port = free_port(), free_port()
    log = runtime.scratch / f"{handler}-{port}.log"
    env = environment(
        **variables,
        PYTHONPATH=":".join(str(path) for path in [code, *(layer / "python" for layer in layers)]),
        # As on Lambda, where a function cannot write to these folders: compiled is what the build has compiled.
        PYTHONDONTWRITEBYTECODE="1",
        AWS_LAMBDA_FUNCTION_TIMEOUT="60",
    )
    command = [
        *(BINARY, "--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
        *("--runtime-api-address", f"127.0.0.1:{api_port}"),
        *(runtime.python, "-m", "awslambdaric", handler),
    ]
    with started(command, cwd=code, env=env, log=log) as process:
        until(lambda: process.poll() is not None or listens(port), STARTUP_S, f"the emulator of {handler}")
        yield Function(port, log)
