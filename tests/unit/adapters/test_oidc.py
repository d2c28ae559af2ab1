from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from minoots_kernel.adapters.memory import VirtualClock
from minoots_kernel.adapters.oidc.fetching import GuardedFetch
from minoots_kernel.adapters.oidc.issuers import trusted_issuers
from minoots_kernel.adapters.oidc.key_sets import (
    BETWEEN_FETCHES_MS,
    FRESH_MS,
    STALE_MS,
    FetchError,
    KeySets,
)
from minoots_kernel.adapters.oidc.verifier import OidcTokenVerifier
from minoots_kernel.adapters.webhook.guard import AddressGuard
from minoots_kernel.domain.errors import DependencyUnavailableError, ForbiddenError, UnauthenticatedError
from minoots_kernel.domain.tenancy import Principal
from tests.support.issuer import AUDIENCE, ISSUER, Issuer, bad_tokens, ec_key, rsa_key, signed
from tests.unit.domain.builders import NOW_MS

CONFIGURED = {"issuer": ISSUER, "audience": AUDIENCE, "tenantClaim": "org", "rolesClaim": "roles"}
BAD = bad_tokens(Issuer(), NOW_MS)


class Trust:
    """A verifier that trusts an issuer which answers from memory."""

    def __init__(self, **changes: Any) -> None:
        self.clock, self.issuer = VirtualClock(NOW_MS), Issuer()
        configured = {name: value for name, value in (CONFIGURED | changes).items() if value is not ...}
        issuers = trusted_issuers(json.dumps([configured]))
        self.key_sets = KeySets(self.fetch, self.clock)
        self.verify = OidcTokenVerifier(issuers, self.key_sets, self.clock)

    def fetch(self, url: str) -> bytes:
        self.issuer.asked.append(url)
        if self.issuer.down:
            raise FetchError("no answer")
        return json.dumps(self.issuer.documents()[url]).encode()

    def token(self, **changes: Any) -> str:
        return self.issuer.token(self.clock.now_ms(), **changes)

    def refuses(self, token: str) -> bool:
        try:
            self.verify(token)
        except UnauthenticatedError:
            return True
        return False


@pytest.fixture
def trust() -> Trust:
    return Trust()


def test_a_token_stands_for_its_subject_in_the_tenant_that_it_names(trust: Trust) -> None:
    assert trust.verify(trust.token()) == Principal(
        "demo",
        "ann",
        roles=frozenset({"timer.read", "timer.write"}),
        authenticated_by="oidc",
        issuer=ISSUER,
        expires_at_ms=NOW_MS + 600_000,
    )


@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
def test_a_token_that_is_not_good_is_refused(trust: Trust, token: str) -> None:
    with pytest.raises(UnauthenticatedError) as refused:
        trust.verify(token)
    assert refused.value.shown
    assert "Traceback" not in refused.value.detail
    assert len(refused.value.detail) < 120


def test_the_good_token_that_the_bad_ones_were_made_from_is_good(trust: Trust) -> None:
    assert not trust.refuses(trust.token())
    assert not trust.refuses(trust.token(aud=["another", AUDIENCE]))
    assert not trust.refuses(trust.token(exp=NOW_MS // 1000 - 29))
    assert not trust.refuses(trust.token(nbf=NOW_MS // 1000 + 30, iat=NOW_MS // 1000 + 30))
    assert not trust.refuses(signed({"alg": "ES256", "kid": "ec-1"}, trust.issuer.claims(NOW_MS), ec_key("ec-1")))


def test_clocks_may_be_off_by_half_a_minute_and_no_more(trust: Trust) -> None:
    now_s = NOW_MS // 1000
    assert not trust.refuses(trust.token(nbf=now_s + 30))
    assert trust.refuses(trust.token(nbf=now_s + 31))
    assert trust.refuses(trust.token(iat=now_s + 31))
    assert trust.refuses(trust.token(exp=now_s - 30))


def test_keys_are_fetched_once_and_looked_at_again_when_they_are_no_longer_fresh(trust: Trust) -> None:
    for _ in range(5):
        trust.verify(trust.token())
    assert trust.issuer.asked == list(trust.issuer.documents())
    trust.clock.advance(FRESH_MS)
    trust.verify(trust.token())
    assert len(trust.issuer.asked) == 4


def test_a_new_key_is_found_at_once_and_invented_ones_cause_one_look_a_minute(trust: Trust) -> None:
    trust.verify(trust.token())
    trust.clock.advance(BETWEEN_FETCHES_MS)
    trust.issuer.published.append(rsa_key("rsa-2").as_dict(private=False))
    new = signed({"alg": "RS256", "kid": "rsa-2"}, trust.issuer.claims(trust.clock.now_ms()), rsa_key("rsa-2"))
    assert not trust.refuses(new)
    asked = len(trust.issuer.asked)
    for number in range(200):
        invented = signed({"alg": "RS256", "kid": f"k{number}"}, trust.issuer.claims(NOW_MS), rsa_key("theirs"))
        assert trust.refuses(invented)
    assert len(trust.issuer.asked) == asked
    trust.clock.advance(BETWEEN_FETCHES_MS)
    assert trust.refuses(invented)
    assert len(trust.issuer.asked) == asked + 2


def test_a_key_that_is_published_no_more_is_believed_until_the_keys_are_looked_at_again(trust: Trust) -> None:
    trust.verify(trust.token())
    trust.issuer.published[:] = [rsa_key("rsa-2").as_dict(private=False)]
    trust.clock.advance(FRESH_MS - 1)
    assert not trust.refuses(trust.token())
    trust.clock.advance(1)
    assert trust.refuses(trust.token())
    by_the_new_one = signed(
        {"alg": "RS256", "kid": "rsa-2"}, trust.issuer.claims(trust.clock.now_ms()), rsa_key("rsa-2")
    )
    assert not trust.refuses(by_the_new_one)


def test_a_key_set_that_is_empty_or_broken_for_a_while_is_looked_at_again_within_a_minute(trust: Trust) -> None:
    published, trust.issuer.published = trust.issuer.published, []
    assert trust.refuses(trust.token())
    trust.issuer.published = published
    assert trust.refuses(trust.token())
    trust.clock.advance(BETWEEN_FETCHES_MS)
    assert not trust.refuses(trust.token())


def invented(trust: Trust, kid: str) -> str:
    return signed({"alg": "RS256", "kid": kid}, trust.issuer.claims(NOW_MS), rsa_key("theirs"))


@pytest.mark.parametrize("down", [False, True])
def test_a_storm_of_invented_keys_causes_one_look_and_keeps_nobody_out(trust: Trust, *, down: bool) -> None:
    trust.verify(trust.token())
    trust.clock.advance(BETWEEN_FETCHES_MS)
    trust.issuer.asked.clear()
    trust.issuer.down = down
    good = trust.token()
    storm = [good if number % 10 == 0 else invented(trust, f"k{number}") for number in range(200)]
    with ThreadPoolExecutor(16) as pool:
        refused = list(pool.map(trust.refuses, storm))
    assert refused == [token != good for token in storm]
    # The description and, if that came, the keys.
    assert len(trust.issuer.asked) == (1 if down else 2)


def test_a_storm_upon_one_issuer_takes_no_look_from_another() -> None:
    clock, asked = VirtualClock(NOW_MS), list[str]()
    issuers = [Issuer(), Issuer("https://other.example.com")]
    documents = {url: one for issuer in issuers for url, one in issuer.documents().items()}

    def fetch(url: str) -> bytes:
        asked.append(url)
        return json.dumps(documents[url]).encode()

    trusted = trusted_issuers(json.dumps([CONFIGURED | {"issuer": issuer.url} for issuer in issuers]))
    verify = OidcTokenVerifier(trusted, KeySets(fetch, clock), clock)
    for number in range(20):
        forged = signed({"alg": "RS256", "kid": f"k{number}"}, issuers[0].claims(NOW_MS), rsa_key("theirs"))
        with pytest.raises(UnauthenticatedError):
            verify(forged)
    assert verify(issuers[1].token(NOW_MS)).issuer == issuers[1].url
    assert len(asked) == 4


def test_whose_key_is_known_does_not_wait_while_another_is_looked_for(trust: Trust) -> None:
    good, unknown = trust.token(), invented(trust, "k")
    trust.verify(good)
    trust.clock.advance(BETWEEN_FETCHES_MS)
    asking, answered = Event(), Event()
    whole = trust.fetch

    def slow(url: str) -> bytes:
        asking.set()
        assert answered.wait(20)
        return whole(url)

    trust.key_sets._fetch = slow
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(trust.refuses, unknown)
        assert asking.wait(20)
        try:
            assert not trust.refuses(good)
            assert not waiting.done()
        finally:
            answered.set()
        assert waiting.result(20)


def test_an_issuer_that_is_down_is_believed_for_a_day_and_asked_once_a_minute(trust: Trust) -> None:
    trust.verify(trust.token())
    trust.issuer.down = True
    trust.clock.advance(FRESH_MS)
    asked = len(trust.issuer.asked)
    for _ in range(10):
        assert not trust.refuses(trust.token())
    assert len(trust.issuer.asked) == asked + 1
    trust.clock.advance_to(NOW_MS + STALE_MS)
    with pytest.raises(DependencyUnavailableError):
        trust.verify(trust.token())
    trust.issuer.down = False
    trust.clock.advance(BETWEEN_FETCHES_MS)
    assert not trust.refuses(trust.token())


def test_without_its_keys_a_token_is_neither_good_nor_bad(trust: Trust) -> None:
    trust.issuer.down = True
    for _ in range(2):
        with pytest.raises(DependencyUnavailableError):
            trust.verify(trust.token())
    assert len(trust.issuer.asked) == 1


@pytest.mark.parametrize(
    "documents",
    [
        {"issuer": "https://evil.example.com", "jwks_uri": f"{ISSUER}/keys"},
        {"issuer": ISSUER, "jwks_uri": "http://id.example.com/keys"},
        {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
        {"issuer": ISSUER, "jwks_uri": "https://user:pw@id.example.com/keys"},
        {"issuer": ISSUER, "jwks_uri": 7},
        {"issuer": ISSUER},
        [],
    ],
)
def test_a_description_that_is_anothers_or_leads_elsewhere_is_not_followed(
    trust: Trust, documents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = trust.issuer.documents() | {f"{ISSUER}/.well-known/openid-configuration": documents}
    monkeypatch.setattr(trust.issuer, "documents", lambda: described)
    with pytest.raises(DependencyUnavailableError):
        trust.verify(trust.token())
    assert len(trust.issuer.asked) == 1


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"[" * 100_000, b'{"keys": 7}', b'{"keys": [' + b"{}," * 200 + b"{}]}"]
)
def test_a_key_set_that_is_none_is_not_taken(content: bytes) -> None:
    key_sets = KeySets(lambda _url: content, VirtualClock(NOW_MS))
    (issuer,) = trusted_issuers(json.dumps([CONFIGURED | {"jwksUri": f"{ISSUER}/keys"}]))
    with pytest.raises(DependencyUnavailableError):
        key_sets.of(issuer)


def test_a_key_set_may_hold_what_is_none_of_ours(trust: Trust) -> None:
    trust.issuer.published[:0] = [{"kty": "oct", "k": "AAAA", "kid": "rsa-1"}, {"kty": "new"}, {}]  # type: ignore[list-item]
    assert not trust.refuses(trust.token())


def test_two_keys_of_one_id_prove_nothing(trust: Trust) -> None:
    trust.issuer.published.append({**rsa_key("theirs").as_dict(private=False), "kid": "rsa-1"})
    assert trust.refuses(trust.token())


def test_a_key_for_encryption_or_another_algorithm_signs_nothing(trust: Trust) -> None:
    for change in ({"use": "enc"}, {"alg": "RS512"}):
        trust = Trust()
        trust.issuer.published[0] |= change
        assert trust.refuses(trust.token())


def test_a_token_without_a_key_id_is_good_if_there_is_but_one_key_for_it(trust: Trust) -> None:
    token = signed({"alg": "RS256"}, trust.issuer.claims(NOW_MS), rsa_key("rsa-1"))
    assert not trust.refuses(token)
    trust = Trust()
    trust.issuer.published.append(rsa_key("rsa-2").as_dict(private=False))
    assert trust.refuses(token)


def test_a_short_key_signs_nothing(trust: Trust, recwarn: pytest.WarningsRecorder) -> None:
    key = rsa_key("short", 1024)
    trust.issuer.published.append(key.as_dict(private=False))
    assert trust.refuses(signed({"alg": "RS256", "kid": "short"}, trust.issuer.claims(NOW_MS), key))


@pytest.mark.parametrize(
    ("configured", "claims", "tenant"),
    [
        ({"tenantClaim": ..., "tenant": "acme"}, {"org": ...}, "acme"),
        ({"tenantClaim": "https://example.com/tenant"}, {"https://example.com/tenant": "acme"}, "acme"),
        ({"tenantClaim": "app.tenant"}, {"app": {"tenant": "acme"}}, "acme"),
        ({"tenants": ["demo"]}, {}, "demo"),
    ],
)
def test_the_tenant_is_where_the_deployment_says(configured: Any, claims: Any, tenant: str) -> None:
    trust = Trust(**configured)
    assert trust.verify(trust.token(**claims)).tenant_id == tenant


@pytest.mark.parametrize("org", [..., "", "a#b", "x" * 65, 7, ["demo"], "other", "demo\n"])
def test_a_token_without_a_tenant_that_its_issuer_speaks_for_is_known_and_may_do_nothing(org: Any) -> None:
    trust = Trust(tenants=["demo"])
    with pytest.raises(ForbiddenError):
        trust.verify(trust.token(org=org))


@pytest.mark.parametrize(
    ("configured", "claims", "roles"),
    [
        ({}, {"roles": ["timer.read", "king", 7]}, {"timer.read"}),
        ({}, {"roles": "timer.read timer.cancel"}, {"timer.read", "timer.cancel"}),
        ({}, {"roles": ["operator"]}, set()),
        ({}, {"roles": ...}, set()),
        ({}, {"roles": {"timer.read": True}}, set()),
        ({"rolesClaim": "realm_access.roles"}, {"realm_access": {"roles": ["timer.read"]}}, {"timer.read"}),
        ({"roles": {"ops": "operator"}}, {"roles": ["ops", "timer.read"]}, {"operator"}),
        ({"roles": {"a": ["timer.read", "timer.cancel"]}}, {"roles": ["a"]}, {"timer.read", "timer.cancel"}),
        ({"rolesClaim": ..., "defaultRoles": ["timer.read"]}, {}, {"timer.read"}),
    ],
)
def test_roles_come_from_the_claim_by_the_deployments_table(configured: Any, claims: Any, roles: set[str]) -> None:
    trust = Trust(**configured)
    assert trust.verify(trust.token(**claims)).roles == roles


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("nonsense", "JSON"),
        ("{}", "list"),
        ("[{}]", "issuer"),
        (json.dumps([CONFIGURED, CONFIGURED]), "twice"),
        (json.dumps([CONFIGURED | {"tenant": "demo"}]), "one of the two"),
        (json.dumps([{**CONFIGURED, "tenantClaim": None}]), "one of the two"),
        (json.dumps([CONFIGURED | {"issuer": "http://id.example.com"}]), "https"),
        (json.dumps([CONFIGURED | {"jwksUri": "http://id.example.com/keys"}]), "https"),
        (json.dumps([CONFIGURED | {"algorithms": ["HS256"]}]), "must be one of"),
        (json.dumps([CONFIGURED | {"algorithms": ["none"]}]), "must be one of"),
        (json.dumps([CONFIGURED | {"algorithms": []}]), "at least 1"),
        (json.dumps([CONFIGURED | {"roles": {"a": "king"}}]), "roles.a"),
        (json.dumps([CONFIGURED | {"colour": "red"}]), "colour"),
        (json.dumps([CONFIGURED | {"issuer": f"https://id{n}.example.com"} for n in range(11)]), "at most 10"),
    ],
)
def test_issuers_that_are_not_written_as_they_should_be_are_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        trusted_issuers(text)


def test_an_issuer_on_this_machine_needs_no_tls() -> None:
    (issuer,) = trusted_issuers(json.dumps([CONFIGURED | {"issuer": "http://127.0.0.1:8080/realm"}]))
    assert issuer.issuer == "http://127.0.0.1:8080/realm"


def test_keys_are_not_fetched_from_where_webhooks_may_not_go() -> None:
    with pytest.raises(FetchError, match="not a public address"):
        GuardedFetch.over(AddressGuard())("http://127.0.0.1:9/keys")
