"""How a mistake is planted in the kernel, and pulled out again."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from tests.simulation.invariants import Invariant
from tests.simulation.world import World

__all__ = ["Mutant", "Plant", "edit", "planted", "plants_in", "put"]

Undo = Callable[[], None]
Plant = Callable[[], Undo]


@dataclass(frozen=True)
class Mutant:
    """A mistake that somebody might make.

    Attributes:
        name: What is wrong, in words.
        seen_by: The invariants of which one has to see it.
        plants: The changes that make it.
        setup: What the world needs for it.
    """

    name: str
    seen_by: tuple[Invariant, ...]
    plants: tuple[Plant, ...]
    setup: Callable[[World], None] | None = None


def edit(function: Callable[..., Any], old: str, new: str) -> Plant:
    """Replace a piece of a function's source.

    Args:
        function: The function, or a method of a class.
        old: A piece that occurs once in it.
        new: What stands there instead.
    """

    def plant() -> Undo:
        assert isinstance(function, FunctionType)
        source = textwrap.dedent(inspect.getsource(function))
        assert source.count(old) == 1, f"{function.__qualname__} has {source.count(old)} of: {old}"
        names: dict[str, Any] = {}
        exec(
            compile(source.replace(old, new), f"<{function.__qualname__}, mutated>", "exec"),
            function.__globals__,
            names,
        )
        return _swap(function, names[function.__name__])

    return plant


def _swap(function: FunctionType, other: FunctionType) -> Undo:
    """Give a function another's code, so that whoever has imported it runs that."""
    before, before_kwdefaults = function.__code__, function.__kwdefaults__
    function.__code__, function.__kwdefaults__ = other.__code__, other.__kwdefaults__

    def undo() -> None:
        function.__code__, function.__kwdefaults__ = before, before_kwdefaults

    return undo


def put(module: ModuleType, name: str, value: Any) -> Plant:
    """Give a name of a module another value."""

    def plant() -> Undo:
        before = getattr(module, name)
        setattr(module, name, value)
        return lambda: setattr(module, name, before)

    return plant


def planted(mutant: Mutant) -> AbstractContextManager[None]:
    """Have a mistake in the kernel for a while."""
    return plants_in(mutant.plants)


@contextmanager
def plants_in(plants: Iterable[Plant]) -> Iterator[None]:
    """Have changes in the kernel for a while."""
    undos: list[Undo] = []
    try:
        undos += [plant() for plant in plants]
        yield
    finally:
        for undo in reversed(undos):
            undo()
