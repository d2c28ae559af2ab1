from __future__ import annotations

import shlex
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from minoots import ConflictError, GoneError, NotFoundError, acknowledge, agent_prompt, command
from minoots.cli.acknowledge import Answer
from minoots.cli.app import app
from minoots.cli.invocation import Seams
from minoots_contract.acknowledgements import ANSWERS
from tests.unit.sdk.fakes import HandClock, Script, client_on

REPLY = {"timerId": "t-1", "actionId": "look", "step": 0, "status": "done", "state": "settled"}
TOKEN = "ack_WyJkZW1vIl0.c2VjcmV0"
URL = f"http://localhost:4000/prefix/acknowledgements/{TOKEN}"


def run(line: str, script: Script) -> Result:
    seams = Seams(transport=httpx.MockTransport(script), clock=HandClock())
    return CliRunner().invoke(app, shlex.split(line), obj=seams)


def test_answering_needs_the_url_and_no_key() -> None:
    script = Script([REPLY])
    reply = acknowledge(URL, "done", result={"n": 1}, by="ann", transport=httpx.MockTransport(script))
    (request,) = script.requests
    assert (str(request.url), script.bodies) == (URL, [{"status": "done", "by": "ann", "result": {"n": 1}}])
    assert "x-api-key" not in request.headers
    assert (reply.state, reply.action_id) == ("settled", "look")


def test_a_client_answers_by_the_token() -> None:
    script = Script([REPLY])
    with client_on(script) as client:
        client.acknowledge(TOKEN, "refused", reason="busy")
    assert script.requests[0].url.path == f"/acknowledgements/{TOKEN}"
    assert script.bodies == [{"status": "refused", "reason": "busy"}]


@pytest.mark.parametrize(("status", "error"), [(404, NotFoundError), (409, ConflictError), (410, GoneError)])
def test_each_refusal_has_its_error(status: int, error: type[Exception]) -> None:
    script = Script([httpx.Response(status)])
    with pytest.raises(error):
        acknowledge(URL, "done", transport=httpx.MockTransport(script))


@pytest.mark.parametrize("url", ["", "ack_x", "http://localhost:4000/acknowledgements/", "/acknowledgements/ack_x"])
def test_what_is_no_url_to_answer_at_is_said_before_anything_is_sent(url: str) -> None:
    with pytest.raises(ValueError, match="no URL to acknowledge at"):
        acknowledge(url, "done")
    assert run(f"acknowledge {shlex.quote(url)} done", Script([])).exit_code == 2


def test_the_command_line_answers() -> None:
    script = Script([REPLY])
    result = run(f"acknowledge {URL} done --reason 'by hand' --result '[1]'", script)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "the action look of timer t-1 is settled" in result.stdout
    assert script.bodies == [{"status": "done", "reason": "by hand", "result": [1]}]


def test_the_command_line_knows_the_contracts_answers() -> None:
    assert [answer.value for answer in Answer] == list(ANSWERS)


@pytest.mark.parametrize("required", [True, {"timeoutMs": 5_000}])
def test_actions_that_have_to_be_acknowledged_are_one_call_away(required: Any) -> None:
    for bundle in (agent_prompt("look", acknowledgement=required), command("restart", acknowledgement=required)):
        assert bundle.actions[0].parameters["requiresAcknowledgement"] == required
    assert "requiresAcknowledgement" not in agent_prompt("look").actions[0].parameters
