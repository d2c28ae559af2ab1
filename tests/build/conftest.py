"""Artefacts built as a deployment builds them, and what they need to run: Python 3.13 and an emulated AWS."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from minoots_local.template.reader import read_template
from tests.build.cloud import ROOT, Cloud
from tests.build.emulator import ARCHITECTURE, Function, Runtime, running
from tests.build.processes import STARTUP_S, environment, run, started
from tests.support.waiting import until
from tests.template.reach import layers_of

TOOLS = Path(sys.executable).parent


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Builds the template for an architecture, once, and gives the folder with the artefacts."""
    made: dict[str, Path] = {}

    def build_for(architecture: str) -> Path:
        if architecture not in made:
            target = tmp_path_factory.mktemp(architecture) / "build"
            compiler = {"RUNTIME_PYTHON": str(python)} if (python := find_python_313()) else {}
            env = environment(SAM_CLI_TELEMETRY="0", PATH=f"{TOOLS}:{environment()['PATH']}", **compiler)
            options = ["--template", ROOT / "template.yaml", "--build-dir", target, "--region", "us-east-1"]
            parameters = ["--parameter-overrides", f"Architecture={architecture}"]
            run([TOOLS / "sam", "build", *options, *parameters], cwd=target.parent, env=env)
            made[architecture] = target
        return made[architecture]

    return build_for


def find_python_313() -> Path | None:
    """An interpreter of the runtime's version, on PATH or kept by pyenv."""
    for name in filter(None, [shutil.which("python3.13"), _of_pyenv()]):
        # pyenv's shims are on PATH for versions that are not switched on.
        if subprocess.run([name, "-c", ""], capture_output=True, check=False).returncode == 0:
            return Path(name)
    return None


def _of_pyenv() -> str | None:
    if not shutil.which("pyenv"):
        return None
    command = ["pyenv", "which", "python3.13"]
    found = subprocess.run(command, env=environment(PYENV_VERSION="3.13"), capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """What the Lambda runtime brings beside the artefacts, in the versions of the lock."""
    if sys.platform != "linux":
        pytest.skip("the Lambda runtime emulator is a Linux program: no artefact was started")
    python = find_python_313()
    if python is None:
        pytest.skip("the artefacts are for Python 3.13, and this machine has no python3.13: none of them was started")
    scratch = tmp_path_factory.mktemp("runtime")
    uv = shutil.which("uv", path=f"{TOOLS}:{environment()['PATH']}") or "uv"
    lock = scratch / "lock.txt"
    run([uv, "export", "--quiet", "--project", ROOT, "--frozen", "--all-extras", "--no-emit-project", "-o", lock])
    run([uv, "venv", "--quiet", "--python", python, scratch / "venv"])
    wanted = ["awslambdaric", "boto3", "--constraint", lock]
    run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", scratch / "venv", *wanted])
    return Runtime(scratch / "venv" / "bin" / "python", scratch)


@pytest.fixture(scope="session")
def emulated_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An emulated AWS, for every test in turn."""
    scratch = tmp_path_factory.mktemp("aws")
    log, recording = scratch / "moto.log", scratch / "requests.jsonl"
    address = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")
    command = [TOOLS / "moto_server", "-H", "127.0.0.1", "-p", "0"]
    env = environment(MOTO_ENABLE_RECORDING="1", MOTO_RECORDER_FILEPATH=str(recording))
    with started(command, cwd=scratch, env=env, log=log):
        until(lambda: bool(address.search(log.read_text(encoding="utf-8"))), STARTUP_S, "moto_server")
        found = address.search(log.read_text(encoding="utf-8"))
        assert found
        yield Cloud(found.group(1), read_template(ROOT / "template.yaml"), recording)


@pytest.fixture
def cloud(emulated_aws: Cloud) -> Cloud:
    """The stack's resources, empty."""
    emulated_aws.make()
    return emulated_aws


class Start(Protocol):
    """Starts a built function, by its logical id."""

    def __call__(self, function: str, **variables: str) -> AbstractContextManager[Function]: ...


@pytest.fixture
def start(build: Callable[[str], Path], runtime: Runtime, cloud: Cloud) -> Start:
    """Starts a built function with the layers and in the environment that the template gives it, but for what is named.

    What it then asks of AWS must be what its role allows.
    """
    built = build(ARCHITECTURE)

    @contextmanager
    def start_function(function: str, **variables: str) -> Iterator[Function]:
        handler = cloud.stack.resources[function].properties["Handler"]
        layers = [built / layer for layer in layers_of(function)]
        with running(runtime, built / function, layers, handler, cloud.variables(function) | variables) as found:
            yield found
        assert cloud.used_permissions() <= cloud.granted_permissions(function)

    return start_function
