"""The control plane over the memory adapters, called with events as an HTTP API sends them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import count
from typing import Any
from urllib.parse import urlencode

from minoots_kernel.adapters.cedar import CedarEngine
from minoots_kernel.adapters.json_schema import JsonSchemas
from minoots_kernel.adapters.memory import (
    MemoryAuditStore,
    MemoryCursorKey,
    MemoryKeyStore,
    MemoryPolicyStore,
    MemoryTenantStore,
    MemoryTimerStore,
    MemoryUsageStore,
)
from minoots_kernel.application.authenticate import Authenticate
from minoots_kernel.application.authorise import Authorise
from minoots_kernel.application.create_timers import CreateTimers
from minoots_kernel.application.destinations import DestinationUseCases
from minoots_kernel.application.identity_ports import TokenVerifier
from minoots_kernel.application.keep_audit import NoteRefusals, ReadAudit
from minoots_kernel.application.keep_command_templates import KeepCommandTemplates
from minoots_kernel.application.keep_keys import KeepKeys
from minoots_kernel.application.keep_policies import KeepPolicies
from minoots_kernel.application.keep_tenants import KeepTenants
from minoots_kernel.application.known_policies import KnownPolicies
from minoots_kernel.application.limits import Limits
from minoots_kernel.application.read_dead_letters import GetDeadLetter, ListDeadLetters
from minoots_kernel.application.read_timers import GetTimer, ListTimers
from minoots_kernel.application.read_usage import ReadUsage
from minoots_kernel.application.update_timer import UpdateTimer
from minoots_kernel.application.use_inbox import UseInbox
from minoots_kernel.domain.api_keys import key_from_file
from minoots_kernel.interfaces.rest.app import ControlPlane
from minoots_kernel.interfaces.rest.cursors import Cursors
from minoots_kernel.interfaces.rest.edge import Edge
from minoots_kernel.interfaces.rest.use_cases import UseCases
from tests.unit.application.world import World

KEY, OTHER_KEY = "mnt_example", "mnt_other"
CACHE_MS = 60_000


@dataclass(frozen=True)
class Answer:
    """A reply; header names are lower case."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def fields(self) -> list[str]:
        """The fields that a problem names."""
        return [error["field"] for error in self.json.get("errors", [])]


def event(
    method: str,
    path: str,
    *,
    body: object = None,
    text: str | None = None,
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    base64: bool = False,
) -> dict[str, Any]:
    """An HTTP API event, payload format 2.0; `body` is sent as JSON, `text` as it stands."""
    content = text if text is not None else None if body is None else json.dumps(body)
    made: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "headers": {"content-type": "application/json", **(headers or {})},
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7"},
            "requestId": "request-1",
            "stage": "$default",
        },
        "isBase64Encoded": base64,
    }
    return made | ({"queryStringParameters": query} if query else {}) | ({"body": content} if content else {})


class Api(World):
    """A world whose use cases are reached over REST too; tenants `demo` and `other` have a key each."""

    def __init__(
        self, store: MemoryTimerStore | None = None, tokens: TokenVerifier | None = None, *, limited: bool = False
    ) -> None:
        super().__init__()
        reads = store or self.store
        self.keys = MemoryKeyStore()
        for key, tenant in ((KEY, "demo"), (OTHER_KEY, "other")):
            self.keys.put(key_from_file(key, tenant))
        self.policies, engine = MemoryPolicyStore(), CedarEngine()
        self.audit = MemoryAuditStore(self.clock)
        self.known = KnownPolicies(self.policies, engine, self.clock, CACHE_MS)
        drawn = count(1)

        def draw(size: int) -> bytes:
            return next(drawn).to_bytes(size)

        keep_keys = KeepKeys(self.keys, self.clock, draw, CACHE_MS)
        self.tenants, self.usage = MemoryTenantStore(), MemoryUsageStore(self.store)
        limits = Limits(self.usage, self.clock) if limited else None
        create = replace(self.create, limits=limits)
        self.use_cases = UseCases(
            create,
            CreateTimers(create),
            GetTimer(reads),
            ListTimers(reads),
            replace(self.change, limits=limits),
            UpdateTimer(self.store, self.clock, self.create.prepare_actions, self.create.checks, limits),
            self.beat,
            ListDeadLetters(self.dead_letters),
            GetDeadLetter(self.dead_letters),
            self.redrive,
            self.discard,
            UseInbox(self.inboxes, self.clock, self.store, self.acknowledge),
            KeepCommandTemplates(self.templates, self.clock, JsonSchemas()),
            DestinationUseCases.over(self.destinations, self.secret_box, self.clock, draw, self.guard.refusal),
            keep_keys,
            KeepPolicies(self.policies, engine, self.known, self.clock),
            self.settings,
            self.acknowledge,
            ReadAudit(self.audit),
            KeepTenants(self.tenants, keep_keys, self.clock),
            ReadUsage(self.usage, self.clock, limited),
            Cursors(MemoryCursorKey()),
        )
        authenticate = Authenticate(self.keys, self.clock, CACHE_MS, tokens, self.tenants)
        authorise = Authorise(self.known, self.clock, audit=self.audit, timers_tell=True)
        noted = NoteRefusals(self.audit, self.clock)
        self.control_plane = ControlPlane(authenticate, authorise, self.use_cases, self.metrics, noted, limits)
        self.edge = Edge(self.control_plane, ["https://app.example.org"])

    def call(self, method: str, path: str, *, key: str | None = KEY, **request: Any) -> Answer:
        headers = ({"x-api-key": key} if key is not None else {}) | (request.pop("headers", None) or {})
        return self.send(event(method, path, headers=headers, **request))

    def send(self, made: dict[str, Any]) -> Answer:
        reply = self.edge(made, None)
        headers = {name.lower(): str(value) for name, value in reply["headers"].items()}
        for name, values in reply.get("multiValueHeaders", {}).items():
            headers[name.lower()] = ", ".join(values)
        assert not reply["isBase64Encoded"]
        return Answer(reply["statusCode"], headers, reply["body"])

    def post(self, **body: Any) -> Answer:
        return self.call("POST", "/timers", body={"requestedBy": "cli"} | body)
