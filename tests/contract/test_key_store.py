"""What every key store does."""

from __future__ import annotations

import pytest

from minoots_kernel.domain.tenancy import Principal, digest_key
from tests.contract.conftest import Stores

pytestmark = pytest.mark.contract


def test_a_key_stands_for_its_principal(stores: Stores) -> None:
    stores.keys.put(digest_key("mnt_one"), Principal("demo", "ada", "pro"))
    stores.keys.put(digest_key("mnt_two"), Principal("acme", "bo"))

    assert stores.keys.find(digest_key("mnt_one")) == Principal("demo", "ada", "pro")
    assert stores.keys.find(digest_key("mnt_two")) == Principal("acme", "bo", "free")


@pytest.mark.parametrize("secret", ["", "mnt_one ", "mnt_onE", "é" * 5000])
def test_an_unknown_key_stands_for_nobody(stores: Stores, secret: str) -> None:
    stores.keys.put(digest_key("mnt_one"), Principal("demo", "ada"))

    assert stores.keys.find(digest_key(secret)) is None


def test_a_key_stored_again_is_replaced(stores: Stores) -> None:
    stores.keys.put(digest_key("mnt_one"), Principal("demo", "ada"))
    stores.keys.put(digest_key("mnt_one"), Principal("demo", "bo", "team"))

    assert stores.keys.find(digest_key("mnt_one")) == Principal("demo", "bo", "team")


def test_the_table_holds_no_secret(dynamo: Stores) -> None:
    dynamo.keys.put(digest_key("mnt_very_secret"), Principal("demo", "ada"))
    assert dynamo.table is not None

    assert "very_secret" not in repr(dynamo.table.items())
