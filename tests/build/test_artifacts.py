"""The artefacts of `sam build` hold what they should, for the architecture asked for."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.build.cloud import ROOT
from tests.build.conftest import find_python_313
from tests.build.emulator import ARCHITECTURE, Runtime, running
from tests.build.processes import environment, run
from tests.template.reach import layers_of, libraries

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
# The layers, and how large each may be unpacked.
LAYERS = {
    "ContractLayer": MEBIBYTE,
    "KernelLayer": 24 * MEBIBYTE,
    "EdgeLayer": 52 * MEBIBYTE,
    "AgentsLayer": 28 * MEBIBYTE,
}
# How a compiled module of Python 3.13 begins: its magic number, and the flags of a hash that is not checked (PEP 552).
PYTHON_3_13 = (3571).to_bytes(2, "little") + b"\r\n"
UNCHECKED_HASH = (0b01).to_bytes(4, "little")
both_architectures = pytest.mark.parametrize("architecture", sorted(MACHINES))


def packages_in(layer: Path) -> set[str]:
    return {path.name for path in (layer / "python").iterdir()}


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
@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_leaves_out_what_the_runtime_has_and_what_only_developers_need(
    build: Callable[[str], Path], architecture: str, layer: str
) -> None:
    packages = build(architecture) / layer / "python"
    assert {path.name for path in packages.parent.iterdir()} == {"python"}
    assert not packages_in(packages.parent) & {"boto3", "botocore", "moto", "bin", "minoots_local", "minoots", "pytest"}
    assert not [path for path in packages.rglob("tests") if path.is_dir()]


@both_architectures
def test_the_libraries_of_the_control_plane_are_in_a_layer_of_their_own(
    build: Callable[[str], Path], architecture: str
) -> None:
    of_all, of_the_edge = (packages_in(build(architecture) / layer) for layer in ("KernelLayer", "EdgeLayer"))
    edge = {"cedarpy", "cryptography", "joserfc", "jsonschema_rs", "uuid_utils"}
    assert of_all >= {"minoots_kernel", "pydantic", "httpx", "aws_lambda_powertools"}
    assert of_the_edge >= edge
    assert not of_all & edge


@both_architectures
def test_the_libraries_that_reach_agents_are_in_a_layer_of_their_own_without_what_is_never_imported(
    build: Callable[[str], Path], architecture: str
) -> None:
    of_all, of_agents = (packages_in(build(architecture) / layer) for layer in ("KernelLayer", "AgentsLayer"))
    assert of_agents >= {"mcp", "mcp_types", "httpx2"}
    assert not of_agents & {"httpcore2", "jsonschema", "truststore"}
    assert not of_all & of_agents


@both_architectures
@pytest.mark.parametrize("layers", sorted({layers_of(function) for function in FUNCTIONS}), ids="+".join)
def test_no_file_is_in_two_layers_of_a_function(
    build: Callable[[str], Path], architecture: str, layers: tuple[str, ...]
) -> None:
    """Lambda unpacks a function's layers into one folder, where the later would lie over the earlier."""
    found = Counter(
        path.relative_to(build(architecture) / layer)
        for layer in layers
        for path in (build(architecture) / layer).rglob("*")
        if path.is_file()
    )
    assert [path for path, times in found.items() if times > 1] == []


@both_architectures
@pytest.mark.parametrize("layer", LAYERS)
def test_every_module_of_a_layer_is_compiled_for_the_runtime_and_trusted_whatever_its_time(
    build: Callable[[str], Path], architecture: str, layer: str
) -> None:
    sources = list((build(architecture) / layer).rglob("*.py"))
    compiled = [path for path in map(_compiled, sources) if path.is_file()]
    assert sources
    assert len(compiled) == (len(sources) if find_python_313() else 0)
    assert {path.read_bytes()[:8] for path in compiled} <= {PYTHON_3_13 + UNCHECKED_HASH}


def _compiled(source: Path) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.cpython-313.pyc"


def test_without_python_3_13_a_layer_is_built_all_the_same_and_the_build_says_what_is_missing(tmp_path: Path) -> None:
    artifacts = tmp_path / "artifacts"
    makefile = ROOT / "layers" / "platforms" / ARCHITECTURE / "Makefile"
    command = ["make", "--makefile", makefile, "build-ContractLayer"]
    env = environment(ARTIFACTS_DIR=str(artifacts), RUNTIME_PYTHON=str(tmp_path / "python"))
    said = run(command, cwd=ROOT / "layers" / "contract", env=env)
    assert "No Python 3.13 here: ContractLayer" in said
    assert (artifacts / "python" / "minoots_contract" / "__init__.py").is_file()
    assert not list(artifacts.rglob("__pycache__"))


@both_architectures
def test_the_artefacts_stay_small(build: Callable[[str], Path], architecture: str) -> None:
    # Lambda takes 250 MiB of a function and its layers. Every function fetches and unpacks the first two when it starts
    # cold; what is compiled is 8 MiB of the kernel's.
    for layer, limit in LAYERS.items():
        assert size_of(build(architecture) / layer) < limit
    for function in FUNCTIONS:
        assert size_of(build(architecture) / function) < MEBIBYTE // 4


@pytest.mark.parametrize("layers", sorted({layers_of(function) for function in FUNCTIONS}), ids="+".join)
def test_all_that_a_function_can_import_loads_from_its_layers_on_lambdas_python(
    build: Callable[[str], Path], runtime: Runtime, layers: tuple[str, ...]
) -> None:
    built = build(ARCHITECTURE)
    having = [function for function in FUNCTIONS if layers_of(function) == layers]
    modules = {"minoots_contract", "minoots_kernel", *set().union(*map(libraries, having))}
    probe = Path(__file__).parent / "probe"
    with running(runtime, probe, [built / layer for layer in layers], "handler.handler", {}) as function:
        answer = function.invoke({"modules": sorted(modules)})
    assert answer["python"] == [3, 13]
    for name, file in answer["files"].items():
        assert Path(file).is_relative_to(built), name
