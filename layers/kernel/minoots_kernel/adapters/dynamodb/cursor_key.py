"""The key that cursors are signed with, as an item that whoever needs it first makes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from minoots_kernel.adapters.dynamodb.keys import Item, item_key
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.domain.errors import DependencyUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoCursorKey"]

KEY: Final = item_key("S#cursors", "key")
KEY_BYTES: Final = 32


class DynamoCursorKey:
    """The item, read once in a process.

    Args:
        client: Client of DynamoDB.
        table: The table's name.
        draw: Draws so many bytes that nobody can guess.
    """

    def __init__(self, client: DynamoDBClient, table: str, draw: Callable[[int], bytes]) -> None:
        self._table = Table(client, table)
        self._draw = draw
        self._known: bytes | None = None

    def cursor_key(self) -> bytes:
        """Return the key, the same everywhere; made if there is none."""
        if self._known is None:
            self._known = _content(self._table.get(KEY)) or self._made()
        return self._known

    def _made(self) -> bytes:
        secret = self._draw(KEY_BYTES)
        text = base64.b64encode(secret).decode()
        try:
            self._table.put_new({**KEY, "kind": {"S": "cursorKey"}, "secret": {"S": text}})
        except ConditionFailedError:  # another was quicker, or our own first try was
            found = _content(self._table.get(KEY))
            if found is None:
                raise DependencyUnavailableError("The cursors' key was being removed; try again.") from None
            return found
        return secret


def _content(item: Item | None) -> bytes | None:
    return base64.b64decode(item["secret"]["S"]) if item else None
