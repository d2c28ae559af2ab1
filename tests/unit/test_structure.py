"""The picture of the structure says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import grimp

PICTURE = Path(__file__).parents[2] / "docs" / "structure.md"
PACKAGES = ("minoots_contract", "minoots_kernel", "minoots", "minoots_local", "functions")


def _part(module: str) -> str:
    names = module.split(".")
    return ".".join(names[:2]) if names[0] == "minoots_kernel" else names[0]


def _imports() -> set[tuple[str, str]]:
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    found = {
        (_part(module), _part(imported))
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    }
    return {(one, other) for one, other in found if one != other}


def _drawn() -> set[tuple[str, str]]:
    text = PICTURE.read_text().split("```mermaid")[1].split("```")[0]
    names = dict(re.findall(r"^\s+(\w+)\[\"([\w.]+)", text, re.MULTILINE))
    return {(names[one], names[other]) for one, other in re.findall(r"^\s+(\w+) --> (\w+)$", text, re.MULTILINE)}


def test_the_picture_of_the_structure_has_exactly_the_imports_of_the_code() -> None:
    assert _drawn() == _imports()
