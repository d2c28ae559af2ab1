"""The route by which whoever was asked answers."""

from __future__ import annotations

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path

from minoots_contract.acknowledgements import AcknowledgementReply, AcknowledgementRequest
from minoots_kernel.interfaces.rest.answers import in_wire_names, json_answer
from minoots_kernel.interfaces.rest.openapi import described
from minoots_kernel.interfaces.rest.resolver import ConcurrentHttpResolver
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["add_acknowledgements"]

Token = Annotated[str, Path(description="As the agent was given it. It is all that is needed: there is no API key.")]
AcknowledgeBody = Annotated[AcknowledgementRequest, in_wire_names(AcknowledgementRequest), Body()]


def add_acknowledgements(app: ConcurrentHttpResolver, use_cases: UseCases) -> None:
    """Register the route. A token is a capability: it lets its holder answer for one step of one action."""

    @app.post(
        "/acknowledgements/<token>",
        **described(
            "acknowledge",
            "Answer for an action",
            AcknowledgementReply,
            *(400, 404, 409, 410, 503),
            body=True,
            public=True,
        ),
    )
    def acknowledge(token: Token, request: AcknowledgeBody) -> Response[Any]:
        return json_answer(200, use_cases.acknowledge_action(token, request))
