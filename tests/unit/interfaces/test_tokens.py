"""Access tokens at the door: who gets in, and how everybody else is turned away."""

from __future__ import annotations

import json

import pytest

from minoots_kernel.adapters.memory import VirtualClock
from minoots_kernel.adapters.oidc.issuers import trusted_issuers
from minoots_kernel.adapters.oidc.key_sets import FetchError, KeySets
from minoots_kernel.adapters.oidc.verifier import OidcTokenVerifier
from minoots_kernel.domain.tenancy import Principal
from tests.support.issuer import AUDIENCE, ISSUER, Issuer, bad_tokens
from tests.unit.domain.builders import NOW_MS
from tests.unit.interfaces.api import CACHE_MS, KEY, Answer, Api

BAD = bad_tokens(Issuer(), NOW_MS)
TRUSTED = json.dumps([{"issuer": ISSUER, "audience": AUDIENCE, "tenantClaim": "org", "rolesClaim": "roles"}])


class Door(Api):
    """An API that trusts an issuer."""

    def __init__(self) -> None:
        self.issuer, self.verified = Issuer(), 0
        clock = VirtualClock(NOW_MS)
        verify = OidcTokenVerifier(trusted_issuers(TRUSTED), KeySets(self._fetch, clock), clock)

        def counting(token: str) -> Principal:
            self.verified += 1
            clock.advance_to(self.clock.now_ms())
            return verify(token)

        super().__init__(tokens=counting)

    def _fetch(self, url: str) -> bytes:
        if self.issuer.down:
            raise FetchError("no answer")
        return json.dumps(self.issuer.documents()[url]).encode()

    def with_token(self, token: str, path: str = "/timers") -> Answer:
        return self.call("GET", path, key=None, headers={"authorization": f"Bearer {token}"})


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_token_lets_its_subject_in_with_its_roles(door: Door) -> None:
    me = door.with_token(door.issuer.token(NOW_MS), "/whoami").json
    assert me == {
        "subject": "ann",
        "tenantId": "demo",
        "roles": ["timer.read", "timer.write"],
        "tier": "free",
        "authenticatedBy": "oidc",
        "issuer": ISSUER,
        "expiresAt": me["expiresAt"],
    }
    headers = {"authorization": f"Bearer {door.issuer.token(NOW_MS)}"}
    made = door.call("POST", "/timers", key=None, headers=headers, body={"duration": "1h"})
    assert (made.status, made.json["requestedBy"], made.json["tenantId"]) == (201, "ann", "demo")
    refused = door.call("POST", f"/timers/{made.json['id']}/cancel", key=None, headers=headers, body={})
    assert refused.status == 403


@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
def test_a_token_that_is_not_good_is_answered_with_a_401_problem_and_a_challenge(token: str) -> None:
    answer = Door().with_token(token)
    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'Bearer realm="minoots", error="invalid_token"'
    assert token[:40] not in answer.text


def test_a_token_is_checked_once_and_remembered_no_longer_than_it_lasts(door: Door) -> None:
    token = door.issuer.token(NOW_MS, exp=NOW_MS // 1000 + 90)
    for _ in range(5):
        assert door.with_token(token).status == 200
    assert door.verified == 1
    door.clock.advance(CACHE_MS)
    assert door.with_token(token).status == 200
    assert door.verified == 2
    door.clock.advance(60_000)  # thirty seconds past its end, which is what clocks may be off
    assert door.with_token(token).status == 401


def test_an_issuer_that_does_not_answer_is_no_fault_of_the_callers(door: Door) -> None:
    door.issuer.down = True
    answer = door.with_token(door.issuer.token(NOW_MS))
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


def test_a_good_token_without_a_tenant_is_forbidden_everything(door: Door) -> None:
    assert door.with_token(door.issuer.token(NOW_MS, org=...), "/whoami").status == 403


def test_a_key_goes_before_a_token_and_works_as_a_bearer_token_too(door: Door) -> None:
    both = {"authorization": f"Bearer {door.issuer.token(NOW_MS, org='other')}", "x-api-key": KEY}
    assert door.call("GET", "/whoami", key=None, headers=both).json["tenantId"] == "demo"
    assert door.with_token(KEY).status == 200
    assert door.with_token("mnt_wrong").status == 401


def test_a_token_is_no_key_and_is_unknown_where_no_issuer_is_trusted(door: Door) -> None:
    token = door.issuer.token(NOW_MS)
    assert door.call("GET", "/timers", key=token).status == 401
    assert Api().call("GET", "/timers", key=None, headers={"authorization": f"Bearer {token}"}).status == 401
