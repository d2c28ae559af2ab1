"""A secret box without a key, for tests."""

from __future__ import annotations

import base64
import json

from minoots_kernel.domain.errors import SealedSecretError

__all__ = ["MemorySecretBox"]


class MemorySecretBox:
    """Seals by writing down whose secret it is; unreadable at a glance and no more."""

    def seal(self, tenant_id: str, destination: str, secret: str) -> str:
        """Return a secret sealed; see the port."""
        return base64.b64encode(json.dumps([tenant_id, destination, secret]).encode()).decode()

    def open(self, tenant_id: str, destination: str, sealed: str) -> str:
        """Return the secret; see the port."""
        try:
            owner, name, secret = json.loads(base64.b64decode(sealed, validate=True))
        except ValueError:
            raise SealedSecretError("not sealed here") from None
        if (owner, name) != (tenant_id, destination):
            raise SealedSecretError("sealed for another destination")
        return str(secret)
