"""Keys, tokens and limits over sockets: the template, the control plane, an issuer on loopback, time set forward."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from minoots_kernel.domain.tiers import TIERS, Tier
from minoots_local.local_stack import LocalStack
from minoots_local.settings import LocalSettings
from tests.support.issuer import AUDIENCE, Issuer, bad_tokens, rsa_key, signed
from tests.support.stack_process import HEADERS, KEYS

pytestmark = pytest.mark.stack

OPS = {"key": "mnt_ops", "userId": "ops", "name": "ops", "roles": ["operator"]}


@dataclass
class Stack:
    """A stack under a virtual clock that trusts an issuer on loopback."""

    stack: LocalStack
    issuer: Issuer

    @property
    def now_ms(self) -> int:
        return int(self.stack.clock.now_ms())

    def call(self, method: str, path: str, key: str | None = None, **request: Any) -> httpx.Response:
        headers = HEADERS if key is None else {"authorization": f"Bearer {key}"}
        return self.http.request(method, path, headers=headers, **request)

    def advance(self, by: str) -> None:
        self.http.post("/local/clock/advance", json={"by": by}).raise_for_status()

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.stack.url, timeout=60)


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    class Published(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            documents = {} if found.down else found.documents()
            document = documents.get(f"{found.url}{self.path.removeprefix('/realm')}")
            self.send_response(404 if document is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Published)
    found = Issuer(f"http://127.0.0.1:{server.server_port}/realm")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def running(issuer: Issuer) -> Iterator[Stack]:
    trusted = {"issuer": issuer.url, "audience": AUDIENCE, "tenantClaim": "org", "rolesClaim": "roles"}
    settings = LocalSettings(
        port=0,
        aws_port=None,
        virtual_clock=True,
        api_keys=(*KEYS, OPS),
        parameters={"OidcIssuers": json.dumps([trusted])},
    )
    with LocalStack(settings) as stack:
        made = Stack(stack, issuer)
        try:
            yield made
        finally:
            made.http.close()


def test_keys_and_tokens_live_and_end_as_they_should(running: Stack) -> None:
    """One stack for all of it: a start takes longer than the rest."""
    made = running.call("POST", "/keys", json={"name": "robot", "roles": ["timer.read"], "expiresIn": "1h"}).json()
    me = running.call("GET", "/whoami", made["key"]).json()
    assert (me["subject"], me["tenantId"], me["keyId"], me["roles"]) == ("robot", "demo", made["id"], ["timer.read"])
    assert running.call("POST", "/timers", made["key"], json={"duration": "1h"}).status_code == 403

    rotated = running.call("POST", f"/keys/{made['id']}/rotate", json={"overlap": "10m"}).json()
    assert [running.call("GET", "/timers", one["key"]).status_code for one in (made, rotated)] == [200, 200]
    running.advance("11m")
    assert [running.call("GET", "/timers", one["key"]).status_code for one in (made, rotated)] == [401, 200]

    revoked = running.call("DELETE", f"/keys/{made['id']}")
    assert revoked.status_code == 200
    running.advance("60s")
    refused = running.call("GET", "/timers", rotated["key"])
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["www-authenticate"] == 'Bearer realm="minoots", error="invalid_token"'

    token = running.issuer.token(running.now_ms)
    made_by_token = running.call("POST", "/timers", token, json={"duration": "1h"})
    assert (made_by_token.status_code, made_by_token.json()["requestedBy"]) == (201, "ann")
    for name, bad in bad_tokens(running.issuer, running.now_ms).items():
        if bad.isascii():  # others are no header at all
            answer = running.call("GET", "/timers", bad)
            assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json"), name
    assert running.issuer.asked == ["/realm/.well-known/openid-configuration", "/realm/keys"]
    running.advance("11m")
    assert running.call("GET", "/timers", token).status_code == 401

    _rotates_its_keys(running)
    _forgets_what_a_tenant_wants_forgotten(running)


def _rotates_its_keys(running: Stack) -> None:
    """The issuer's new key is good at once, the one before no longer than keys are kept; then the issuer is down."""

    def status(kid: str) -> int:
        claims = running.issuer.claims(running.now_ms)
        token = signed({"alg": "RS256", "kid": kid}, claims, rsa_key(kid))
        return running.call("GET", "/timers", token).status_code

    assert status("rsa-1") == 200
    running.issuer.published[:] = [rsa_key("rsa-2").as_dict(private=False)]
    running.advance("1m")
    looks = len(running.issuer.asked)
    assert [status("rsa-2"), status("rsa-1")] == [200, 401]
    assert [status(f"invented-{number}") for number in range(20)] == [401] * 20
    assert len(running.issuer.asked) == looks + 2
    running.issuer.down = True
    running.advance("12h")
    assert status("rsa-2") == 200
    running.advance("13h")
    assert status("rsa-2") == 503


def _forgets_what_a_tenant_wants_forgotten(running: Stack) -> None:
    """The audit is kept for a day where an operator has said so, and for longer where nobody has."""
    made = running.call("POST", "/tenants", "mnt_ops", json={"id": "demo", "auditDays": 1})
    assert made.status_code == 201
    running.advance("1m")

    def told() -> int:
        """How many refused creates of tenants the audit tells of."""
        entries = running.call("GET", "/audit", params={"action": "createTenant", "outcome": "refused"}).json()
        return len(entries["entries"])

    assert running.call("POST", "/tenants", json={"id": "mine"}).status_code == 403
    assert running.call("POST", "/tenants", "mnt_other", json={"id": "mine"}).status_code == 403
    running.advance("23h")
    assert told() == 1
    running.advance("1h")
    assert told() == 0
    theirs = running.call("GET", "/audit", "mnt_other", params={"outcome": "refused"}).json()["entries"]
    assert [one["action"] for one in theirs] == ["createTenant"]


def test_of_two_hundred_creates_at_once_a_limit_of_fifty_leaves_fifty_timers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TIERS, "free", Tier(requests=1_000, creates=50, active=500))
    settings = LocalSettings(port=0, aws_port=None, api_keys=(*KEYS, OPS), parameters={"Limits": "enforced"})
    with LocalStack(settings) as stack, httpx.Client(base_url=stack.url, headers=HEADERS, timeout=60) as http:

        def create(number: int) -> int:
            body = {"duration": "1h", "name": f"t{number}", **({"colour": "red"} if number % 10 == 0 else {})}
            return http.post("/timers", json=body).status_code

        with ThreadPoolExecutor(25) as pool:
            answers = Counter(pool.map(create, range(200)))
        assert answers == {201: 50, 429: 130, 400: 20}
        assert len(http.get("/timers", params={"limit": 200}).json()["timers"]) == 50
        refused = http.post("/timers", json={"duration": "1h"})
        assert refused.json()["code"] == "quota-exceeded"
        assert int(refused.headers["retry-after"]) > 0
        assert refused.headers["ratelimit-policy"] == '"requests";q=1000;w=60, "creates";q=50;w=86400'
        usage = http.get("/usage").json()
        assert (usage["creates"]["used"], usage["activeTimers"]["used"]) == (50, 50)

        ops = {"x-api-key": str(OPS["key"])}
        assert http.post("/tenants", json={"id": "other", "tier": "unlimited"}, headers=ops).status_code == 201
        unlimited = http.post("/timers", json={"duration": "1h"}, headers={"x-api-key": "mnt_other"})
        assert unlimited.status_code == 201
        assert "ratelimit" not in unlimited.headers
