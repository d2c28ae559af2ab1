"""The artefacts of `sam build` hold what they should, for the architecture asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.build.emulator import ARCHITECTURE, Runtime, running

pytestmark = pytest.mark.build

# e_machine of an ELF header (System V ABI).
MACHINES = {"arm64": 183, "x86_64": 62}
FUNCTIONS = {
    "ControlPlaneFunction": "control_plane",
    "KernelArmFunction": "kernel_arm",
    "KernelFireFunction": "kernel_fire",
    "KernelSweepFunction": "kernel_sweep",
    "OrchestratorFunction": "orchestrator",
    "AcknowledgementFunction": "acknowledgement",
    "EventFabricFunction": "event_fabric",
}
MEBIBYTE = 1024 * 1024
both_architectures = pytest.mark.parametrize("architecture", sorted(MACHINES))


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@both_architectures
def test_every_native_library_is_for_the_architecture_asked_for(
    build: Callable[[str], Path], architecture: str
) -> None:
    libraries = [*build(architecture).rglob("*.so"), *build(architecture).rglob("*.so.*")]
    assert {path.parent.name for path in libraries} >= {"pydantic_core", "uuid_utils"}
    for library in libraries:
        assert int.from_bytes(library.read_bytes()[18:20], "little") == MACHINES[architecture], library


@both_architectures
def test_a_function_carries_its_own_package_and_nothing_else(build: Callable[[str], Path], architecture: str) -> None:
    for function, name in FUNCTIONS.items():
        code = build(architecture) / function
        assert {path.name for path in code.iterdir()} == {"functions"}
        assert {path.name for path in (code / "functions").iterdir()} == {"__init__.py", name}


@both_architectures
def test_the_layers_leave_out_what_the_runtime_has_and_what_only_developers_need(
    build: Callable[[str], Path], architecture: str
) -> None:
    names = {path.name for path in (build(architecture) / "KernelLayer" / "python").iterdir()}
    assert names >= {"minoots_kernel", "pydantic", "httpx", "aws_lambda_powertools", "uuid_utils"}
    assert not names & {"boto3", "botocore", "moto", "bin", "minoots_local", "minoots"}
    assert not list(build(architecture).rglob("__pycache__"))
    assert not [path for path in build(architecture).rglob("tests") if path.is_dir()]


@both_architectures
def test_the_artefacts_stay_small(build: Callable[[str], Path], architecture: str) -> None:
    # Lambda takes 250 MiB. Three quarters of the layer are cryptography, cedarpy and jsonschema_rs, which the control
    # plane imports when a caller first needs them (tests/template/test_imports.py).
    assert size_of(build(architecture) / "KernelLayer") < 64 * MEBIBYTE
    assert size_of(build(architecture) / "ContractLayer") < MEBIBYTE
    for function in FUNCTIONS:
        assert size_of(build(architecture) / function) < MEBIBYTE // 4


def test_every_dependency_loads_from_the_layers_on_lambdas_python(
    build: Callable[[str], Path], runtime: Runtime
) -> None:
    built = build(ARCHITECTURE)
    layers = [built / "ContractLayer", built / "KernelLayer"]
    modules = ["minoots_contract", "minoots_kernel", "pydantic_core", "httpx", "aws_lambda_powertools", "uuid_utils"]
    modules += ["cedarpy", "joserfc", "jsonschema_rs"]
    probe = Path(__file__).parent / "probe"
    with running(runtime, probe, layers, "handler.handler", {}) as function:
        answer = function.invoke({"modules": modules})
    assert answer["python"] == [3, 13]
    for name, file in answer["files"].items():
        assert Path(file).is_relative_to(built), name
