"""A tenant's policies: their text in versions, a question put to them, and what they answer.

Nothing here knows the language that they are written in but for one thing: where a policy of Cedar ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from minoots_kernel.domain.authority import Thing
from minoots_kernel.domain.tenancy import Principal

__all__ = ["Decision", "Fault", "PolicyVersion", "Question", "Statement", "statements"]

_TOKEN: Final = re.compile(r'//[^\n]*|"(?:\\.|[^"\\])*(?:"|\\?\Z)|;|[^/";]+|.', re.DOTALL)
"""A comment, a text between quotes (to the end, if none closes it), the end of a policy, or what lies between."""


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """What a tenant's policies were from some time on.

    Attributes:
        tenant_id: Whose.
        version: From 1, one more with each change.
        text: The policies; none where the tenant went back to having none of its own.
        created_at_ms: Since when, epoch milliseconds.
        created_by: Who made it so.
    """

    tenant_id: str
    version: int
    text: str | None
    created_at_ms: int
    created_by: str


@dataclass(frozen=True, slots=True)
class Question:
    """May this caller do this with that?

    Attributes:
        principal: Who.
        action: The operation's id.
        thing: With what.
        now_ms: When, epoch milliseconds.
        ip: From where.
    """

    principal: Principal
    action: str
    thing: Thing
    now_ms: int
    ip: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What policies say to a question.

    Attributes:
        allowed: Whether it may be.
        policies: Ids of the policies that decided; of a refusal none, if none let it pass.
        errors: What went wrong with policies that were left out of the decision.
    """

    allowed: bool
    policies: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a text of policies, in which line of it, from 1."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One policy of a text, and the line, from 1, in which it begins."""

    line: int
    text: str

    def line_of(self, fragment: str) -> int:
        """Return the line in which a fragment first stands; that in which the policy begins if it stands nowhere."""
        found = re.search(rf"(?<!\w){re.escape(fragment)}(?!\w)", self.text)
        return self.line + (self.text.count("\n", 0, found.start()) if found else 0)


def statements(text: str) -> Iterator[Statement]:
    """Cut a text into its policies. What follows the last semicolon is one, too, if it is more than comments."""
    line, start = 1, 1
    parts: list[str] = []
    for token in _TOKEN.findall(text):
        blank = not token.strip() or token.startswith("//")
        if blank and not parts:
            line += token.count("\n")
            continue
        if not parts:
            leading = token[: len(token) - len(token.lstrip())]
            line += leading.count("\n")
            token, start = token.lstrip(), line  # noqa: PLW2901  a policy begins with its first word
        parts.append(token)
        line += token.count("\n")
        if token == ";":
            yield Statement(start, "".join(parts))
            parts = []
    if parts:
        yield Statement(start, "".join(parts))
