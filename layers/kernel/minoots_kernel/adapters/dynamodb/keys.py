"""Where each thing lies in the table.

| item | pk | sk |
|---|---|---|
| timer | `T#<tenant>#<shard>` | timer id |
| payload of a timer | `P#<tenant>#<timer id>` | `payload`, then `#` and which it is if there may be several |
| dead letter | `D#<tenant>#<shard>` | dead letter id |
| destination of webhooks | `W#<tenant>` | name |
| circuit of a receiver, or of all of a tenant's | `B#<tenant>` | `d:<destination>`, `h:<host>:<port>` or `*` |
| API key | `K#<key id>` | `key` |
| that a tenant has a key | `N#<tenant>` | key id |
| tenant's record | `Y#tenants` | tenant |
| requests of a tenant in a minute | `U#<tenant>` | `requests#`, minutes since 1970 |
| what is counted of a tenant's timers | `U#<tenant>` | `timers` |
| key that cursors are signed with | `S#cursors` | `key` |
| parked stream record | `X#<consumer>` | event id |
| message of an inbox | `I#<tenant>#<agent>` | fired at, 13 digits of epoch milliseconds, `#`, delivery id |
| where the last look at an inbox ended | `I#<tenant>#<agent>` | `#` |
| settings of a tenant | `S#<tenant>` | `settings` |
| command template, which version is the latest | `C#<tenant>` | name |
| version of a command template | `V#<tenant>#<name>` | version, 10 digits |
| entry of the audit | `A#<tenant>#<shard>` | 13 digits of epoch milliseconds, `-`, a digest |
| version of a tenant's policies | `L#<tenant>` | version, 10 digits |

A tenant's timers and dead letters are spread over eight partitions by a checksum of the timer's id, so that one tenant
is not held to one partition's throughput. Ids sort by time: a listing reads the eight partitions backwards and merges
them, and needs no index. Tenant names have no `#` (the contract's `TenantId`).
"""

from __future__ import annotations

from typing import Any, Final
from zlib import crc32

__all__ = [
    "CHECK_INDEX",
    "CHECK_SHARDS",
    "DAY_S",
    "DEAD_LETTERS_KEPT_S",
    "SHARDS",
    "Item",
    "check_shard",
    "circuit_key",
    "dead_letter_key",
    "destination_key",
    "item_key",
    "partitions",
    "payload_key",
    "shard_of",
    "storable",
    "tenant_of",
    "timer_key",
]

Item = dict[str, Any]
"""An item in the wire's own form: `{"name": {"S": "tea"}, ...}`, the same in calls and in stream images."""

SHARDS: Final = 8
CHECK_SHARDS: Final = 8
CHECK_INDEX: Final = "NextCheckIndex"
DAY_S: Final = 86_400
DEAD_LETTERS_KEPT_S: Final = 400 * DAY_S
"""Long enough for a yearly audit to find each one; a timer that failed is kept as long, for it may be redriven."""

_MAX_ID: Final = 256


def shard_of(timer_id: str) -> int:
    """Return the partition, 0 to 7, that a timer's id falls into."""
    return crc32(timer_id.encode()) % SHARDS


def check_shard(timer_id: str) -> str:
    """Return the shard of the sweep's index for a timer."""
    return str(crc32(timer_id.encode()) % CHECK_SHARDS)


def item_key(pk: str, sk: str) -> Item:
    """Return the key of an item."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def timer_key(tenant_id: str, timer_id: str) -> Item:
    """Return the key of a timer."""
    return item_key(f"T#{tenant_id}#{shard_of(timer_id)}", timer_id)


def payload_key(tenant_id: str, timer_id: str, which: str = "") -> Item:
    """Return the key of a timer's payload.

    Two requests under one idempotency key, of which one will win, and two changes of one version, must not write over
    each other's payload: each has a place of its own, which the timer's item names.

    Args:
        tenant_id: Whose timer.
        timer_id: Which timer.
        which: What tells its payloads apart, if it may have several.
    """
    return item_key(f"P#{tenant_id}#{timer_id}", f"payload#{which}" if which else "payload")


def dead_letter_key(tenant_id: str, timer_id: str, letter_id: str) -> Item:
    """Return the key of a dead letter."""
    return item_key(f"D#{tenant_id}#{shard_of(timer_id)}", letter_id)


def destination_key(tenant_id: str, name: str) -> Item:
    """Return the key of a destination."""
    return item_key(f"W#{tenant_id}", name)


def circuit_key(tenant_id: str, name: str) -> Item:
    """Return the key of a circuit."""
    return item_key(f"B#{tenant_id}", name)


def partitions(kind: str, tenant_id: str) -> list[str]:
    """Return the partition keys of a tenant's items of a sharded kind, `T`, `D` or `A`."""
    return [f"{kind}#{tenant_id}#{shard}" for shard in range(SHARDS)]


def tenant_of(pk: str) -> str:
    """Return the tenant in the partition key of a sharded item."""
    return pk[2 : pk.rindex("#")]


def storable(text: str) -> bool:
    """Tell whether a text could be the id of something stored; the table itself refuses to be asked for others."""
    return 0 < len(text) <= _MAX_ID and text.isascii()
