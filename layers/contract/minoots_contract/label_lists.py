r"""Lists of what labels are to be, in a query: commas between, and a backslash before a comma that belongs to a value.

A parameter that is repeated means the same as one with commas, because an HTTP API joins them by commas. A backslash
that is meant as it is may have another one before it, and must if a comma or a backslash follows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["escaped", "split_list"]

_ENTRY: Final = re.compile(r"(?:\\[\\,]|[^,])*", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\([\\,])")


def escaped(text: str) -> str:
    """Return an entry as it has to be written in a list."""
    return text.replace("\\", "\\\\").replace(",", "\\,")


def split_list(texts: Iterable[str]) -> list[str]:
    """Return the entries of a list, whatever it was cut at before: commas alone mean what they mean."""
    whole, entries, begin = ",".join(texts), list[str](), 0
    while (found := _ENTRY.match(whole, begin)) is not None:
        entries.append(_ESCAPE.sub(r"\1", found[0]))
        if found.end() == len(whole):
            break
        begin = found.end() + 1
    return entries
