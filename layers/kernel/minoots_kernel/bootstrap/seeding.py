"""Puts API keys into the table, for deployments that bring their keys in a file: the local stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

from minoots_contract.identity import TENANT_ROLES, RoleName, TierName
from minoots_contract.model import Line, TenantId, WireModel
from minoots_kernel.adapters.dynamodb.key_store import DynamoKeyStore
from minoots_kernel.bootstrap import parts
from minoots_kernel.config import ConfigurationError, Settings
from minoots_kernel.domain.api_keys import key_from_file

__all__ = ["SeedKey", "seed_api_keys"]


class SeedKey(WireModel):
    """One entry of a key file: `{"key": "mnt_example", "userId": "demo", "tier": "free"}`; the user is the tenant.

    It may also have a `name`, by default that of its tenant, and `roles`, by default all of its tenant's.
    """

    key: Line
    user_id: TenantId
    tier: TierName = "free"
    name: Line | None = None
    roles: list[RoleName] = Field(default_factory=lambda: sorted(TENANT_ROLES), min_length=1)


def seed_api_keys(env: Mapping[str, str], entries: Sequence[Mapping[str, Any]]) -> int:
    """Store the keys, hashed.

    Args:
        env: The environment of a function, for its table.
        entries: The key file's content.

    Returns:
        How many keys were stored.

    Raises:
        ConfigurationError: If an entry is not as it should be; nothing is stored then.
    """
    try:
        keys = TypeAdapter(list[SeedKey]).validate_python(list(entries))
    except ValidationError as error:
        where = "; ".join(f"entry {'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise ConfigurationError(f"the API keys are not valid: {where}") from error
    store = DynamoKeyStore(parts.client("dynamodb", env), Settings.from_env(env, "table").table)
    for key in keys:
        store.put(key_from_file(key.key, key.user_id, name=key.name, roles=frozenset(key.roles), tier=key.tier))
    return len(keys)
