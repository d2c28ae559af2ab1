"""Keys of the emulated KMS: the same after a restart, and others' are of no use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from minoots_local.aws.account import Account
from minoots_local.aws.gate import AwsGate
from minoots_local.aws.keys import root_secret
from minoots_local.template.reader import find_template, read_template
from minoots_local.template.registry import key_id

TEMPLATE = read_template(find_template(None, Path.cwd()))
KEY = f"arn:aws:kms:us-east-1:123456789012:key/{key_id('SecretsKey')}"
CONTEXT = {"tenant": "demo", "destination": "billing"}


def decrypted(data: Path | None, blob: bytes, context: dict[str, str] = CONTEXT) -> bytes:
    with Account(AwsGate()).open() as account:
        account.create(TEMPLATE, data)
        return bytes(
            account.client("kms").decrypt(KeyId=KEY, CiphertextBlob=blob, EncryptionContext=context)["Plaintext"]
        )


def encrypted(data: Path | None) -> bytes:
    with Account(AwsGate()).open() as account:
        account.create(TEMPLATE, data)
        answer: Any = account.client("kms").encrypt(KeyId=KEY, Plaintext=b"secret", EncryptionContext=CONTEXT)
        assert answer["KeyId"] == KEY
        return bytes(answer["CiphertextBlob"])


def test_what_one_process_encrypted_the_next_decrypts(tmp_path: Path) -> None:
    blob = encrypted(tmp_path)
    assert b"secret" not in blob
    assert decrypted(tmp_path, blob) == b"secret"


def test_another_directorys_key_or_context_does_not(tmp_path: Path) -> None:
    blob = encrypted(tmp_path / "a")
    for data, context in ((tmp_path / "b", CONTEXT), (None, CONTEXT), (tmp_path / "a", {"tenant": "other"})):
        with pytest.raises(ClientError, match="InvalidCiphertextException"):
            decrypted(data, blob, context)


def test_the_root_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    first = root_secret(data)
    assert len(first) == 32
    assert root_secret(data) == first
    assert (data / "kms.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in data.iterdir()] == ["kms.key"]
    assert root_secret(None) != root_secret(None)
