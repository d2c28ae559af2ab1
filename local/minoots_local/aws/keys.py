"""KMS keys whose ciphertexts can still be opened after a restart.

moto gives each key a random id and random material, so what one process encrypts the next cannot decrypt. Here the id
is that of the template, and the material is derived from a secret that lies beside the journal.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from moto.kms.models import KmsBackend

from minoots_local.template.model import ACCOUNT, REGION
from minoots_local.template.registry import key_id

_FILE = "kms.key"
_BYTES = 32


def root_secret(data: Path | None) -> bytes:
    """The secret that all keys are derived from: kept in the journal's directory, or forgotten with the process.

    Raises:
        OSError: It can be neither read nor written.
    """
    if data is None:
        return secrets.token_bytes(_BYTES)
    data.mkdir(parents=True, exist_ok=True)
    path = data / _FILE
    if not path.exists():
        fresh = path.with_suffix(".new")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    return path.read_bytes()


def create_key(backend: KmsBackend, logical_id: str, description: str, root: bytes) -> None:
    """Make a key of the template."""
    key = backend.create_key(
        policy=None, key_usage="ENCRYPT_DECRYPT", key_spec="SYMMETRIC_DEFAULT", description=description, tags=None
    )
    del backend.keys[key.id]
    key.id = key_id(logical_id)
    key.arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key.id}"
    key.key_material = hmac.new(root, key.id.encode(), hashlib.sha256).digest()
    backend.keys[key.id] = key
