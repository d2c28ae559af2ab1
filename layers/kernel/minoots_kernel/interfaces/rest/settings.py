"""The routes of a tenant's settings."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from minoots_contract.settings import PutSettingsRequest, SettingsReply
from minoots_kernel.domain.settings import Settings
from minoots_kernel.interfaces.rest.answers import IfMatch, in_wire_names, json_answer, principal
from minoots_kernel.interfaces.rest.openapi import described
from minoots_kernel.interfaces.rest.preconditions import etag, versions_of
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["add_settings"]

PutBody = Annotated[PutSettingsRequest, in_wire_names(PutSettingsRequest), Body()]


def add_settings(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the routes of settings."""

    @app.get("/settings", **described("getSettings", "Read the tenant's settings", SettingsReply, etag=True))
    def get_settings() -> Response[Any]:
        return _answer(use_cases.settings.get(principal(app)))

    @app.put(
        "/settings",
        **described("putSettings", "Settle anew, for timers to come", SettingsReply, 412, body=True, etag=True),
    )
    def put_settings(request: PutBody, if_match: IfMatch = None) -> Response[Any]:
        return _answer(use_cases.settings.put(principal(app), request, versions=versions_of(if_match)))


def _answer(settings: Settings) -> Response[Any]:
    reply = SettingsReply.model_construct(
        retry_policy=settings.retry_policy, version=settings.version, updated_at=settings.updated_at_ms
    )
    return json_answer(200, reply, {"etag": etag(settings.version)})
