"""An OpenID Connect issuer: keys, a published set of them, and tokens, good ones and others."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

ISSUER: Final = "https://id.example.com/realm"
AUDIENCE: Final = "minoots"
KID_TWICE: Final = '{"alg":"RS256","kid":"rsa-9","kid":"rsa-1"}'


@cache
def rsa_key(kid: str, bits: int = 2048) -> RSAKey:
    return RSAKey.generate_key(bits, {"kid": kid, "use": "sig"})


@cache
def ec_key(kid: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})


def part(content: Any) -> str:
    """A part of a token: JSON, or a text as it stands, in base64url."""
    text = content if isinstance(content, str) else json.dumps(content)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def signed(header: Mapping[str, Any], claims: Mapping[str, Any] | str, key: Any) -> str:
    """A token signed by the library's own rules, by whatever algorithm the header names."""
    text = claims if isinstance(claims, str) else json.dumps(claims)
    registry = jws.JWSRegistry(algorithms=[str(header["alg"])], strict_check_header=False)
    return jws.serialize_compact(dict(header), text, key, registry=registry)


def shared(claims: Mapping[str, Any], secret: bytes, algorithm: str = "HS256") -> str:
    """A token signed with what everybody knows; the library refuses to take a public key for a secret."""
    text = f"{part({'alg': algorithm, 'kid': 'rsa-1'})}.{part(dict(claims))}"
    signature = hmac.new(secret, text.encode(), f"sha{algorithm[2:]}").digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


class Issuer:
    """An issuer with an RSA and an EC key.

    Attributes:
        published: The keys that it shows.
        asked: The URLs that were fetched.
    """

    def __init__(self, url: str = ISSUER) -> None:
        self.url = url
        self.published: list[dict[str, Any]] = [
            key.as_dict(private=False) for key in (rsa_key("rsa-1"), ec_key("ec-1"))
        ]
        self.asked: list[str] = []
        self.down = False

    def documents(self) -> dict[str, Any]:
        return {
            f"{self.url}/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            f"{self.url}/keys": {"keys": self.published},
        }

    def claims(self, now_ms: int, **changes: Any) -> dict[str, Any]:
        """Claims of a good token for the tenant `demo`; `...` takes one away."""
        now_s = now_ms // 1000
        good = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ann",
            "iat": now_s,
            "exp": now_s + 600,
            "org": "demo",
            "roles": ["timer.read", "timer.write"],
        }
        return {name: value for name, value in (good | changes).items() if value is not ...}

    def token(self, now_ms: int, **changes: Any) -> str:
        return signed(
            {"alg": "RS256", "kid": "rsa-1", "typ": "at+jwt"}, self.claims(now_ms, **changes), rsa_key("rsa-1")
        )


def bad_tokens(issuer: Issuer, now_ms: int) -> dict[str, str]:
    """Tokens that nobody may get in with, by what is wrong with each."""
    good, claims, now_s = issuer.token(now_ms), issuer.claims(now_ms), now_ms // 1000
    key, public = rsa_key("rsa-1"), rsa_key("rsa-1").as_pem(private=False)
    head, body, signature = good.split(".")
    rs256 = {"alg": "RS256", "kid": "rsa-1"}
    other = rsa_key("theirs")

    def with_header(**more: Any) -> str:
        return signed({**rs256, **more}, claims, key)

    def with_claims(**changes: Any) -> str:
        return signed(rs256, issuer.claims(now_ms, **changes), key)

    return {
        "alg none": f"{part({'alg': 'none', 'kid': 'rsa-1'})}.{body}.",
        "alg none with a signature": f"{part({'alg': 'none', 'kid': 'rsa-1'})}.{body}.{signature}",
        "alg NONE": f"{part({'alg': 'NONE', 'kid': 'rsa-1'})}.{body}.",
        "no alg": f"{part({'kid': 'rsa-1'})}.{body}.{signature}",
        "alg a list": f"{part({'alg': ['RS256'], 'kid': 'rsa-1'})}.{body}.{signature}",
        "HS256 with the public RSA key": shared(claims, public),
        "HS256 with the published key's text": shared(claims, json.dumps(issuer.published[0]).encode()),
        "ES256 in the name of an RSA key": signed({"alg": "ES256", "kid": "rsa-1"}, claims, ec_key("ec-1")),
        "RS256 in the name of an EC key": signed({"alg": "RS256", "kid": "ec-1"}, claims, key),
        "an algorithm that is not allowed": signed({"alg": "RS512", "kid": "rsa-1"}, claims, key),
        "another's key under the same id": signed(rs256, claims, other),
        "unknown kid": signed({**rs256, "kid": "rsa-9"}, claims, key),
        "kid a number": f"{part({'alg': 'RS256', 'kid': 1})}.{body}.{signature}",
        "kid a path": f"{part({'alg': 'RS256', 'kid': '../../dev/null'})}.{body}.{signature}",
        "kid without end": f"{part({'alg': 'RS256', 'kid': 'k' * 1000})}.{body}.{signature}",
        "kid twice": f"{part(KID_TWICE)}.{body}.{signature}",
        "embedded jwk": signed({"alg": "RS256", "jwk": other.as_dict(private=False)}, claims, other),
        "embedded jku": with_header(jku="https://evil.example.com/keys"),
        "embedded x5u": with_header(x5u="https://evil.example.com/cert"),
        "embedded x5c": with_header(x5c=["AAAA"]),
        "crit": f"{part({**rs256, 'crit': ['exp'], 'exp': 1})}.{body}.{signature}",
        "crit empty": f"{part({**rs256, 'crit': []})}.{body}.{signature}",
        "b64 false": f"{part({**rs256, 'b64': False})}.{body}.{signature}",
        "wrong issuer": with_claims(iss="https://evil.example.com"),
        "an issuer with a slash more": with_claims(iss=issuer.url + "/"),
        "issuer a list": with_claims(iss=[issuer.url]),
        "no issuer": with_claims(iss=...),
        "wrong audience": with_claims(aud="another-api"),
        "audience a longer name": with_claims(aud="minoots-admin"),
        "other audiences": with_claims(aud=["a", "b"]),
        "no audience": with_claims(aud=...),
        "expired": with_claims(exp=now_s - 31),
        "never expiring": with_claims(exp=...),
        "exp a text": with_claims(exp=str(now_s + 600)),
        "exp true": with_claims(exp=True),
        "exp without end": with_claims(exp=10**400),
        "exp NaN": signed(rs256, json.dumps(claims).replace(str(claims["exp"]), "NaN"), key),
        "not valid yet": with_claims(nbf=now_s + 600),
        "issued in the future": with_claims(iat=now_s + 600),
        "no subject": with_claims(sub=...),
        "subject of two lines": with_claims(sub="a\nb"),
        "10 kB of claims": with_claims(padding="x" * 10_240),
        "a claim twice": signed(rs256, json.dumps(claims)[:-1] + ', "org": "other"}', key),
        "claims a list": signed(rs256, "[]", key),
        "claims no JSON": signed(rs256, "claims", key),
        "changed claims": f"{head}.{part({**claims, 'org': 'other'})}.{signature}",
        "no signature": f"{head}.{body}.",
        "a bit of the signature": f"{head}.{body}.{signature[:20]}",
        "padding": f"{head}.{body}.{signature}==",
        "a header with another ending": f"{head[:-1]}{'B' if head[-1] == 'A' else 'A'}.{body}.{signature}",
        "deep nesting": f"{part('[' * 3000)}.{body}.{signature}",
        "garbage": "eyJ.garbage.garbage",
        "garbage in a character set": f"ey{chr(0xE9)}.{body}.{signature}",
        "four parts": f"{good}.{signature}",
        "five parts, as an encrypted one": f"{good}.{signature}.{signature}",
        "half": good[: len(good) // 2],
    }
