"""Secrets sealed by AWS KMS: encrypted under one key, bound to tenant and destination by the encryption context."""

from __future__ import annotations

import base64
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from minoots_kernel.adapters.aws import answering, error_code
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.errors import SealedSecretError

if TYPE_CHECKING:
    from mypy_boto3_kms.client import KMSClient

__all__ = ["KmsSecretBox"]

WHO: Final = "The key service"
CACHE_MS: Final = 600_000
MAX_CACHED: Final = 1_000
# What opening ends with when this ciphertext, this key or this right is the trouble; trying again now changes nothing.
_SEALED: Final = frozenset(
    {
        "AccessDeniedException",
        "DisabledException",
        "IncorrectKeyException",
        "InvalidCiphertextException",
        "KMSInvalidStateException",
        "NotFoundException",
    }
)


class KmsSecretBox:
    """Seals with `Encrypt`, opens with `Decrypt`; what was opened is remembered for ten minutes.

    The secrets are short enough to be encrypted by KMS itself, so there is no data key and no cipher of our own. A
    function that seals needs no right to open.

    Args:
        client: KMS.
        key: The key's ARN.
        clock: For the age of what is remembered.
    """

    def __init__(self, client: KMSClient, key: str, clock: Clock) -> None:
        self._client = client
        self._key = key
        self._clock = clock
        self._opened: OrderedDict[tuple[str, str, str], tuple[int, str]] = OrderedDict()
        self._lock = Lock()

    def seal(self, tenant_id: str, destination: str, secret: str) -> str:
        """Return a secret sealed; see the port."""
        with answering(WHO):
            reply = self._client.encrypt(
                KeyId=self._key, Plaintext=secret.encode(), EncryptionContext=_context(tenant_id, destination)
            )
        return base64.b64encode(reply["CiphertextBlob"]).decode()

    def open(self, tenant_id: str, destination: str, sealed: str) -> str:
        """Return the secret; see the port."""
        key = tenant_id, destination, sealed
        now_ms = self._clock.now_ms()
        with self._lock:
            opened_at_ms, secret = self._opened.get(key, (None, ""))
        if opened_at_ms is not None and 0 <= now_ms - opened_at_ms < CACHE_MS:
            return secret
        secret = self._decrypt(tenant_id, destination, sealed)
        with self._lock:
            self._opened[key] = now_ms, secret
            self._opened.move_to_end(key)
            while len(self._opened) > MAX_CACHED:
                self._opened.popitem(last=False)
        return secret

    def _decrypt(self, tenant_id: str, destination: str, sealed: str) -> str:
        try:
            blob = base64.b64decode(sealed, validate=True)
            with answering(WHO):
                reply = self._client.decrypt(
                    KeyId=self._key, CiphertextBlob=blob, EncryptionContext=_context(tenant_id, destination)
                )
        except ValueError as error:  # not base64
            raise SealedSecretError("what is stored is no sealed secret") from error
        except ClientError as error:
            if error_code(error) in _SEALED:
                raise SealedSecretError(f"the key service says {error_code(error)}") from error
            raise
        return reply["Plaintext"].decode()


def _context(tenant_id: str, destination: str) -> dict[str, str]:
    return {"tenant": tenant_id, "destination": destination}
