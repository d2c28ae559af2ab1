"""What a function can import, at once or later, and the layers that the template gives it for that."""

import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from typing import Any

import grimp
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from minoots_local.template.reader import read_template
from tests.template.expanded import ROOT

RUNTIME = {"boto3", "botocore"}
"""What Lambda's Python brings itself."""


@cache
def _template() -> Any:
    return read_template(ROOT / "template.yaml")


@cache
def _imports() -> grimp.ImportGraph:
    return grimp.build_graph(
        "minoots_contract",
        "minoots_kernel",
        "functions",
        include_external_packages=True,
        exclude_type_checking_imports=True,
    )


def layers_of(function: str) -> tuple[str, ...]:
    """The logical ids of a function's layers, in the order of the template."""
    names = {layer.name: layer.logical_id for layer in _template().of_type("AWS::Serverless::LayerVersion")}
    arns = _template().resources[function].properties["Layers"]
    return tuple(names[arn.split(":")[-2]] for arn in arns)


def reached(function: str) -> set[str]:
    """Every module that a function's handler leads to, imports within functions included; of libraries the top name."""
    handler = _template().resources[function].properties["Handler"].removesuffix(".handler")
    return _imports().find_upstream_modules(handler)


def libraries(function: str) -> set[str]:
    """The modules of libraries among them, those of the runtime and of Python left out."""
    known = packages_distributions()
    outside = {module for module in reached(function) if _imports().is_module_squashed(module)}
    return {module for module in outside if module in known and known[module] != ["minoots"]} - RUNTIME


def distributions(modules: set[str]) -> set[str]:
    """The packages that modules come from."""
    known = packages_distributions()
    return {str(canonicalize_name(name)) for module in modules for name in known[module]}


def declared(extra: str | None) -> set[str]:
    """The packages that an extra of the project names; without one, those that every install has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {str(canonicalize_name(Requirement(one).name)) for one in found}
