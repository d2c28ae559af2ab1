"""A function gets the layers with what it can import, and no other (docs/adr/0038)."""

from itertools import combinations

import pytest

from tests.template.expanded import FUNCTIONS
from tests.template.reach import RUNTIME, declared, distributions, layers_of, libraries, reached

# What each layer of libraries is made from: extras of pyproject.toml, None for what every install has.
HELD = {"KernelLayer": (None, "aws"), "EdgeLayer": ("edge",), "AgentsLayer": ("agents",)}
OF_ONE_FUNCTION = {"EdgeLayer": "ControlPlaneFunction", "AgentsLayer": "OrchestratorFunction"}


def held(layer: str) -> set[str]:
    return set().union(*(declared(extra) for extra in HELD[layer])) - RUNTIME


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_has_the_layers_that_its_imports_lead_to_and_no_other(function: str) -> None:
    needed = distributions(libraries(function))
    leading = [layer for layer in HELD if held(layer) & needed]
    assert any(module.startswith("minoots_contract") for module in reached(function))
    assert layers_of(function) == ("ContractLayer", *leading)
    assert needed <= set().union(*map(held, leading))


def test_no_library_is_declared_for_two_layers() -> None:
    assert [pair for pair in combinations(HELD, 2) if held(pair[0]) & held(pair[1])] == []


@pytest.mark.parametrize("layer", OF_ONE_FUNCTION)
def test_one_function_alone_has_the_libraries_that_it_alone_needs(layer: str) -> None:
    assert {function for function in FUNCTIONS if layer in layers_of(function)} == {OF_ONE_FUNCTION[layer]}
