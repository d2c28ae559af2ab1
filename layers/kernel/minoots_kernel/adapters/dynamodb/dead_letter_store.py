"""Dead letters in DynamoDB.

What a letter does not have, its item does not have either: `labels`, `death` if it is the first, `state` and
`changedAt` while it is dead. One that was redriven is kept for a month more, for its story, should the delivery die
again; of one that was discarded the rest is removed, and its item stays as long as it would have, so that no straggler
stores the letter anew.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from minoots_kernel.adapters.dynamodb.action_codec import attempts_from_json, attempts_to_json
from minoots_kernel.adapters.dynamodb.compact_json import compact
from minoots_kernel.adapters.dynamodb.keys import (
    DAY_S,
    DEAD_LETTERS_KEPT_S,
    Item,
    dead_letter_key,
    shard_of,
    storable,
    tenant_of,
)
from minoots_kernel.adapters.dynamodb.listing import MergedListing
from minoots_kernel.adapters.dynamodb.readable import readable
from minoots_kernel.adapters.dynamodb.table import ConditionFailedError, Table
from minoots_kernel.application.ports import Page
from minoots_kernel.domain.authority import Sight
from minoots_kernel.domain.dead_letters import (
    ANY_LETTER,
    DeadLetter,
    LetterFilter,
    LetterState,
    follows,
)
from minoots_kernel.domain.delivery_ids import delivery_id, timer_of
from minoots_kernel.domain.errors import DependencyUnavailableError, InvalidTimerError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

__all__ = ["DynamoDeadLetterStore"]

REDRIVEN_KEPT_S: Final = 30 * DAY_S
CONTENT: Final = ("request", "reason", "attempts", "labels")
MAX_TRIES: Final = 3


class DynamoDeadLetterStore:
    """The dead letter items of a table."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._table = Table(client, table)
        self._letters = MergedListing(self._table, "D")

    def put(self, letter: DeadLetter) -> bool:
        """Store a dead letter, in the place of one of an earlier death; see the port."""
        try:
            self._table.put_new(_to_item(letter))
        except ConditionFailedError:
            return self._put_over(letter)
        return True

    def get(self, tenant_id: str, letter_id: str) -> DeadLetter | None:
        """Return a letter, dead or not; see the port."""
        if not storable(letter_id):
            return None
        item = self._table.get(dead_letter_key(tenant_id, timer_of(letter_id), letter_id))
        return None if item is None else _from_item(item)

    def mark(self, letter: DeadLetter, state: LetterState, at_ms: int) -> None:
        """Write down what became of a letter that was dead; see the port."""
        changes: dict[str, Any] = {"state": {"S": state.value}, "changedAt": {"N": str(at_ms)}}
        if state is LetterState.DISCARDED:
            changes |= dict.fromkeys(CONTENT)
        else:
            kept_until_s = min(_kept_until_s(letter), at_ms // 1000 + REDRIVEN_KEPT_S)
            changes["expiresAt"] = {"N": str(kept_until_s)}
        key = dead_letter_key(letter.tenant_id, letter.timer_id, letter.id)
        try:
            self._table.set_where(key, changes, {"state": None, "death": _death(letter)})
        except ConditionFailedError:
            return  # marked already, or it has died again

    def page(
        self,
        tenant_id: str,
        *,
        wanted: LetterFilter = ANY_LETTER,
        limit: int,
        position: str | None = None,
        sight: Sight[DeadLetter] | None = None,
    ) -> Page[DeadLetter]:
        """List a tenant's letters that are dead, by descending id, eventually consistent."""
        if wanted.timer_id is not None:
            # All that was read is behind the cursor, whatever is shown of it.
            items, following = self._of_timer(tenant_id, wanted.timer_id, limit, position)
            letters = [letter for letter in _letters(items) if wanted.matches(letter)]
            return Page(tuple(letters if sight is None else sight(letters)), following)

        def seen(items: list[Item], sight: Sight[DeadLetter]) -> list[Item]:
            shown = {letter.id for letter in sight(_letters(items))}
            return [item for item in items if item["sk"]["S"] in shown]

        items, following = self._letters.page(
            tenant_id,
            limit,
            position,
            wanted=lambda items: [
                item for item, letter in readable(items, _from_item, "dead letter") if wanted.matches(letter)
            ],
            few=wanted != ANY_LETTER,
            seen=None if sight is None else lambda items: seen(items, sight),
        )
        return Page(tuple(_letters(items)), following)

    def _of_timer(
        self, tenant_id: str, timer_id: str, limit: int, position: str | None
    ) -> tuple[list[Item], str | None]:
        """Read one timer's letters, which lie side by side."""
        if not storable(timer_id):
            return [], None
        begin: dict[str, Any] = {}
        if position is not None:
            if not storable(position) or timer_of(position) != timer_id:
                raise InvalidTimerError("The cursor is not one of this listing.", (("cursor", "leave it out"),))
            begin = {"ExclusiveStartKey": dead_letter_key(tenant_id, timer_id, position)}
        items, last = self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :timer)",
            ExpressionAttributeValues={
                ":pk": {"S": f"D#{tenant_id}#{shard_of(timer_id)}"},
                ":timer": {"S": delivery_id(timer_id, "")},
            },
            ScanIndexForward=False,
            Limit=limit,
            **begin,
        )
        return items, last["sk"]["S"] if last else None

    def _put_over(self, letter: DeadLetter) -> bool:
        for _ in range(MAX_TRIES):
            earlier = self.get(letter.tenant_id, letter.id)
            later = letter if earlier is None else follows(letter, earlier)
            if later is None:
                return False
            try:
                if earlier is None:
                    self._table.put_new(_to_item(later))  # its time had come in between
                else:
                    self._table.put_where(_to_item(later), {"death": _death(earlier)})
            except ConditionFailedError:
                continue  # somebody else stored it, or a later one
            return True
        raise DependencyUnavailableError("Others store letters of the same delivery at the same time.")


def _death(letter: DeadLetter) -> Item | None:
    return {"N": str(letter.death)} if letter.death else None


def _kept_until_s(letter: DeadLetter) -> int:
    return letter.dead_at_ms // 1000 + DEAD_LETTERS_KEPT_S


def _to_item(letter: DeadLetter) -> Item:
    item: Item = {
        **dead_letter_key(letter.tenant_id, letter.timer_id, letter.id),
        "kind": {"S": "deadLetter"},
        "timerId": {"S": letter.timer_id},
        "actionId": {"S": letter.action_id},
        "actionKind": {"S": letter.kind},
        "request": {"S": compact(letter.request)},
        "reason": {"S": letter.reason},
        "attempts": {"S": compact(attempts_to_json(letter.attempts))},
        "deadAt": {"N": str(letter.dead_at_ms)},
        "expiresAt": {"N": str(_kept_until_s(letter))},
    }
    if letter.labels:
        item["labels"] = {"S": compact(letter.labels)}
    if letter.death:
        item["death"] = {"N": str(letter.death)}
    return item


def _from_item(item: Item) -> DeadLetter:
    return DeadLetter(
        id=item["sk"]["S"],
        tenant_id=tenant_of(item["pk"]["S"]),
        timer_id=item["timerId"]["S"],
        action_id=item["actionId"]["S"],
        kind=item["actionKind"]["S"],
        request=_json(item, "request", {}),
        reason=item["reason"]["S"] if "reason" in item else "",
        attempts=attempts_from_json(_json(item, "attempts", [])),
        dead_at_ms=int(item["deadAt"]["N"]),
        labels=_json(item, "labels", {}),
        death=int(item["death"]["N"]) if "death" in item else 0,
        state=LetterState(item["state"]["S"]) if "state" in item else LetterState.DEAD,
        changed_at_ms=int(item["changedAt"]["N"]) if "changedAt" in item else None,
    )


def _letters(items: list[Item]) -> list[DeadLetter]:
    return [letter for _, letter in readable(items, _from_item, "dead letter")]


def _json(item: Item, attribute: str, without: Any) -> Any:
    return json.loads(item[attribute]["S"]) if attribute in item else without
