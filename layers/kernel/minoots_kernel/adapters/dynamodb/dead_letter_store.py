"""Dead letters in DynamoDB."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from minoots_kernel.adapters.dynamodb.codec import attempts_from_json, attempts_to_json, compact
from minoots_kernel.adapters.dynamodb.keys import DAY_S, Item, dead_letter_key, tenant_of
from minoots_kernel.adapters.dynamodb.listing import MergedListing
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.ports import Page
from minoots_kernel.domain.dead_letters import DeadLetter

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoDeadLetterStore"]

RETENTION_S: Final = 400 * DAY_S
"""Long enough for a yearly audit to find each one."""


class DynamoDeadLetterStore:
    """The dead letter items of a table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)
        self._letters = MergedListing(self._table, "D")

    def put(self, letter: DeadLetter) -> None:
        """Store a dead letter; storing it again changes nothing."""
        try:
            self._table.put_new(_to_item(letter))
        except ConditionFailedError:
            return

    def page(self, tenant_id: str, *, limit: int, position: str | None = None) -> Page[DeadLetter]:
        """List a tenant's dead letters by descending id, eventually consistent."""
        items, following = self._letters.page(tenant_id, limit, position)
        return Page(tuple(_from_item(item) for item in items), following)


def _to_item(letter: DeadLetter) -> Item:
    return {
        **dead_letter_key(letter.tenant_id, letter.timer_id, letter.id),
        "kind": {"S": "deadLetter"},
        "timerId": {"S": letter.timer_id},
        "actionId": {"S": letter.action_id},
        "actionKind": {"S": letter.kind},
        "request": {"S": compact(letter.request)},
        "reason": {"S": letter.reason},
        "attempts": {"S": compact(attempts_to_json(letter.attempts))},
        "deadAt": {"N": str(letter.dead_at_ms)},
        "expiresAt": {"N": str(letter.dead_at_ms // 1000 + RETENTION_S)},
    }


def _from_item(item: Item) -> DeadLetter:
    return DeadLetter(
        id=item["sk"]["S"],
        tenant_id=tenant_of(item["pk"]["S"]),
        timer_id=item["timerId"]["S"],
        action_id=item["actionId"]["S"],
        kind=item["actionKind"]["S"],
        request=json.loads(item["request"]["S"]),
        reason=item["reason"]["S"],
        attempts=attempts_from_json(json.loads(item["attempts"]["S"])),
        dead_at_ms=int(item["deadAt"]["N"]),
    )
