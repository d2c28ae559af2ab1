"""The routes about callers: who one is, and a tenant's API keys."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path

from minoots_contract.identity import (
    CreateKeyRequest,
    KeyPage,
    KeyReply,
    KeyWithSecret,
    RevokedKeyReply,
    RotateKeyRequest,
    WhoAmIReply,
)
from minoots_kernel.application.keep_keys import MadeKey
from minoots_kernel.domain.api_keys import key_reply
from minoots_kernel.interfaces.rest.answers import Cursor, Limit, in_wire_names, json_answer, page_answer, principal
from minoots_kernel.interfaces.rest.openapi import described, paged
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["add_keys", "add_whoami", "made_key_answer"]

KeyId = Annotated[str, Path(description="The key's id, which is the part of it between the underscores.")]
CreateBody = Annotated[CreateKeyRequest, in_wire_names(CreateKeyRequest), Body()]
RotateBody = Annotated[RotateKeyRequest | None, in_wire_names(RotateKeyRequest), Body()]

_LISTING = "keys"
_NOT_KEPT: dict[str, str | list[str]] = {"cache-control": "no-store"}


def add_whoami(app: ConcurrentHttpResolver) -> None:
    """Register the route that tells callers who they are."""

    @app.get("/whoami", **described("whoAmI", "Say whom the service takes you for", WhoAmIReply))
    def who_am_i() -> Response[Any]:
        caller = principal(app)
        reply = WhoAmIReply(
            subject=caller.subject,
            tenant_id=caller.tenant_id,
            roles=sorted(caller.roles),
            tier=caller.tier,
            authenticated_by=caller.authenticated_by,
            key_id=caller.key_id,
            issuer=caller.issuer,
            expires_at=caller.expires_at_ms,
        )
        return json_answer(200, reply)


def add_keys(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the routes of a tenant's own keys."""
    _add_reading(app, use_cases)
    _add_changing(app, use_cases)


def _add_reading(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.get("/keys", **paged(described("listKeys", "List API keys", KeyPage)))
    def list_keys(limit: Limit = 50, cursor: Cursor = None) -> Response[Any]:
        page = use_cases.keys.page(
            principal(app), limit=limit, position=use_cases.cursors.decode(principal(app), _LISTING, cursor)
        )
        now_ms = use_cases.keys.clock.now_ms()
        found = [key_reply(key, now_ms) for key in page.items]
        cursor_after = use_cases.cursors.encode(principal(app), _LISTING, page.next_position)
        return page_answer(app, KeyPage, cursor_after, keys=found)

    @app.get("/keys/<key_id>", **described("getKey", "Read what is known of an API key", KeyReply, 404))
    def get_key(key_id: KeyId) -> Response[Any]:
        return json_answer(200, key_reply(use_cases.keys.get(principal(app), key_id), use_cases.keys.clock.now_ms()))


def _add_changing(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.post("/keys", **described("createKey", "Make an API key", KeyWithSecret, 409, status=201, body=True))
    def create_key(request: CreateBody) -> Response[Any]:
        return made_key_answer(use_cases, use_cases.keys.create(principal(app), request), 201)

    @app.post(
        "/keys/<key_id>/rotate",
        **described("rotateKey", "Give an API key a new text", KeyWithSecret, 404, 409, 412, body=True),
    )
    def rotate_key(key_id: KeyId, request: RotateBody = None) -> Response[Any]:
        rotation = request or RotateKeyRequest()
        return made_key_answer(use_cases, use_cases.keys.rotate(principal(app), key_id, rotation), 200)

    @app.delete("/keys/<key_id>", **described("revokeKey", "Revoke an API key", RevokedKeyReply, 404))
    def revoke_key(key_id: KeyId) -> Response[Any]:
        works_until = use_cases.keys.revoke(principal(app), key_id)
        return json_answer(200, RevokedKeyReply(id=key_id, works_until=works_until))


def made_key_answer(use_cases: UseCases, made: MadeKey, status: int) -> Response[Any]:
    """Answer with a key and its text, which no cache on the way may keep."""
    shown = key_reply(made.key, use_cases.keys.clock.now_ms(), made.text, made.works_until_ms)
    return json_answer(status, shown, _NOT_KEPT)
