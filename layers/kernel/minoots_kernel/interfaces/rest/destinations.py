"""The routes of destinations. What is secret comes in here and, but for a secret that was just made, never goes out."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path

from minoots_contract.destinations import (
    AddSecretRequest,
    DestinationPage,
    DestinationReply,
    DestinationWithSecret,
    DisableDestinationRequest,
    PutDestinationRequest,
)
from minoots_kernel.application.destinations import DestinationUseCases
from minoots_kernel.application.put_destination import MadeSecret
from minoots_kernel.domain.destinations import Destination, destination_reply
from minoots_kernel.interfaces.rest.answers import (
    Cursor,
    IfMatch,
    Limit,
    in_wire_names,
    json_answer,
    page_answer,
    principal,
)
from minoots_kernel.interfaces.rest.openapi import described, paged
from minoots_kernel.interfaces.rest.preconditions import etag, versions_of
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["add_destinations"]

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$", description="The destination's name.")]
PutBody = Annotated[PutDestinationRequest, in_wire_names(PutDestinationRequest), Body()]
SecretBody = Annotated[AddSecretRequest, in_wire_names(AddSecretRequest), Body()]

DisableBody = Annotated[DisableDestinationRequest | None, in_wire_names(DisableDestinationRequest), Body()]

_LISTING = "destinations"
_NOT_KEPT: dict[str, str | list[str]] = {"cache-control": "no-store"}


def add_destinations(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the routes of destinations on the resolver."""
    _add_reading(app, use_cases)
    _add_changing(app, use_cases)
    _add_secrets(app, use_cases)


def _add_reading(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.get("/destinations", **paged(described("listDestinations", "List destinations by name", DestinationPage)))
    def list_destinations(limit: Limit = 50, cursor: Cursor = None) -> Response[Any]:
        calls = use_cases.destinations
        position = use_cases.cursors.decode(principal(app), _LISTING, cursor)
        page = calls.list(principal(app), limit=limit, position=position)
        now_ms = calls.clock.now_ms()
        found: list[DestinationReply] = [destination_reply(one, now_ms) for one in page.items]
        cursor_after = use_cases.cursors.encode(principal(app), _LISTING, page.next_position)
        return page_answer(app, DestinationPage, cursor_after, destinations=found)

    @app.get(
        "/destinations/<name>", **described("getDestination", "Read a destination", DestinationReply, 404, etag=True)
    )
    def get_destination(name: Name) -> Response[Any]:
        calls = use_cases.destinations
        return _answer(calls, calls.get(principal(app), name))


def _add_changing(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.put(
        "/destinations/<name>",
        **described(
            "putDestination",
            "Make or change a destination",
            DestinationWithSecret,
            409,
            412,
            status=(200, 201),
            body=True,
            etag=True,
        ),
    )
    def put_destination(name: Name, request: PutBody, if_match: IfMatch = None) -> Response[Any]:
        calls = use_cases.destinations
        return _with_secret(calls, calls.put(principal(app), name, request, versions=versions_of(if_match)))

    @app.delete("/destinations/<name>", **described("deleteDestination", "Delete a destination", None, 404, status=204))
    def delete_destination(name: Name) -> Response[Any]:
        use_cases.destinations.delete(principal(app), name)
        return Response(status_code=204, body="")

    @app.post(
        "/destinations/<name>/disable",
        **described(
            "disableDestination", "Send nothing more to a destination", DestinationReply, 404, 412, body=True, etag=True
        ),
    )
    def disable_destination(name: Name, request: DisableBody = None, if_match: IfMatch = None) -> Response[Any]:
        calls, reason = use_cases.destinations, request.reason if request else None
        return _answer(calls, calls.disable(principal(app), name, reason, versions=versions_of(if_match)))

    @app.post(
        "/destinations/<name>/enable",
        **described(
            "enableDestination", "Send to a destination again that was disabled", DestinationReply, 404, 412, etag=True
        ),
    )
    def enable_destination(name: Name, if_match: IfMatch = None) -> Response[Any]:
        calls = use_cases.destinations
        return _answer(calls, calls.enable(principal(app), name, versions=versions_of(if_match)))


def _add_secrets(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    @app.post(
        "/destinations/<name>/secrets",
        **described(
            "addSigningSecret",
            "Rotate: add a signing secret",
            DestinationWithSecret,
            404,
            409,
            412,
            status=201,
            body=True,
            etag=True,
        ),
    )
    def add_secret(name: Name, request: SecretBody, if_match: IfMatch = None) -> Response[Any]:
        calls = use_cases.destinations
        return _with_secret(calls, calls.add_secret(principal(app), name, request, versions=versions_of(if_match)))

    @app.delete(
        "/destinations/<name>/secrets/<secret_id>",
        **described(
            "removeSigningSecret", "Take a signing secret away at once", DestinationReply, 404, 409, 412, etag=True
        ),
    )
    def remove_secret(
        name: Name, secret_id: Annotated[str, Path(description="The secret's id.")], if_match: IfMatch = None
    ) -> Response[Any]:
        calls = use_cases.destinations
        return _answer(calls, calls.remove_secret(principal(app), name, secret_id, versions=versions_of(if_match)))


def _answer(calls: DestinationUseCases, destination: Destination) -> Response[Any]:
    reply = destination_reply(destination, calls.clock.now_ms())
    return json_answer(200, reply, {"etag": etag(destination.version)})


def _with_secret(calls: DestinationUseCases, result: MadeSecret) -> Response[Any]:
    reply = destination_reply(result.destination, calls.clock.now_ms(), result.made)
    tag: dict[str, str | list[str]] = {"etag": etag(result.destination.version)}
    return json_answer(201 if result.created else 200, reply, {**_NOT_KEPT, **tag})
