"""Says whom a token stands for. The library and the way to the issuers are loaded with the first token that comes."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Final

from minoots_kernel.adapters.oidc.key_sets import Jwk, KeySets
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.errors import UnauthenticatedError
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.tokens import TrustedIssuer, principal_of

__all__ = ["MAX_TOKEN_CHARACTERS", "OidcTokenVerifier"]

MAX_TOKEN_CHARACTERS: Final = 8_192
MAX_KEY_ID: Final = 256
MIN_RSA_BITS: Final = 2048  # RFC 7518, 3.3

_KINDS: Final = {"R": "RSA", "P": "RSA", "ES": "EC", "Ed": "OKP"}
# Keys, or places to fetch them from, that a token brings along itself prove nothing; RFC 8725, 3.10.
_BROUGHT_KEYS: Final = ("jwk", "jku", "x5u", "x5c")


class OidcTokenVerifier:
    """The token port over the keys that issuers publish.

    Args:
        issuers: Whom the deployment trusts.
        key_sets: Their keys.
        clock: What time it is.
    """

    def __init__(self, issuers: Sequence[TrustedIssuer], key_sets: KeySets, clock: Clock) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._key_sets = key_sets
        self._clock = clock

    def __call__(self, token: str) -> Principal:
        """Return whom a token stands for; see the port."""
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise _refused(f"is longer than {MAX_TOKEN_CHARACTERS} characters")
        parts = token.split(".")
        if len(parts) != 3:
            raise _refused("is malformed")
        header, unproven = _json(parts[0]), _json(parts[1])
        issuer = self._issuers.get(unproven["iss"]) if isinstance(unproven.get("iss"), str) else None
        if issuer is None:
            raise _refused("is from an issuer that is not trusted here")
        algorithm, key_id = _read_header(header, issuer)
        key = _the_one(self._candidates(issuer, algorithm, key_id))
        _check_signature(token, key, algorithm)
        # What was read is what was signed: the signature is over these very parts.
        return principal_of(unproven, issuer, self._clock.now_ms())

    def _candidates(self, issuer: TrustedIssuer, algorithm: str, key_id: str | None) -> list[Jwk]:
        found = _suitable(self._key_sets.of(issuer), algorithm, key_id)
        return found or _suitable(self._key_sets.of(issuer, newer=True), algorithm, key_id)


def _refused(what: str) -> UnauthenticatedError:
    return UnauthenticatedError(f"The token {what}.", shown=True)


def _json(part: str) -> dict[str, Any]:
    try:
        # Strict: a part that decodes in more than one way, or a name twice, may be read otherwise elsewhere.
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        if base64.urlsafe_b64encode(raw).decode().rstrip("=") != part:
            raise _refused("is malformed")
        content = json.loads(raw, object_pairs_hook=_distinct)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _refused("is malformed") from error
    if not isinstance(content, dict):
        raise _refused("is malformed")
    return content


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _read_header(header: dict[str, Any], issuer: TrustedIssuer) -> tuple[str, str | None]:
    """Return the algorithm and the key's id, if the header asks for nothing else."""
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
        raise _refused("is not signed in a way that is accepted here")
    if "crit" in header or "b64" in header:
        raise _refused("asks for an extension that is not known here")
    if any(name in header for name in _BROUGHT_KEYS):
        raise _refused("brings its own key")
    if key_id is not None and not (isinstance(key_id, str) and len(key_id) <= MAX_KEY_ID):
        raise _refused("is malformed")
    return algorithm, key_id


def _suitable(keys: Sequence[Jwk], algorithm: str, key_id: str | None) -> list[Jwk]:
    """Return the keys that a signature of this algorithm can be by: of one id, or of all if the token names none."""
    kind = next(kind for beginning, kind in _KINDS.items() if algorithm.startswith(beginning))
    return [
        key
        for key in keys
        if key.get("kty") == kind
        and (key_id is None or key.get("kid") == key_id)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    ]


def _the_one(candidates: list[Jwk]) -> Jwk:
    if not candidates:
        raise _refused("is signed with a key that its issuer does not publish")
    if len(candidates) > 1:
        raise _refused("does not say with which of its issuer's keys it is signed")
    return candidates[0]


def _check_signature(token: str, key: Jwk, algorithm: str) -> None:
    from joserfc import jws  # with cryptography a tenth of a second, which nobody without tokens should wait for
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey, import_key

    try:
        public = import_key({name: value for name, value in key.items() if name != "use"})
        if isinstance(public, RSAKey) and public.public_key.key_size < MIN_RSA_BITS:
            raise _refused("is signed with a key that is too short")
        jws.deserialize_compact(token, public, algorithms=[algorithm])
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise _refused("has a signature that does not fit") from error
