from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from minoots import ConflictError, NotFoundError, ServerError
from minoots.cli.app import app
from minoots.cli.invocation import Seams
from minoots.client.dead_letters import Worked
from minoots_contract.dead_letters import RefusedLetter
from tests.unit.sdk.fakes import HandClock, Script, client_on, dead_letter, refusal

PAGES = [
    {"redriven": 100, "skipped": 0, "refused": [], "nextCursor": "c1"},
    {"redriven": 3, "skipped": 2, "refused": [{"id": "t-9.a", "reason": "its timer is gone"}]},
]


def run(arguments: list[str], script: Script) -> Result:
    seams = Seams(transport=httpx.MockTransport(script), clock=HandClock())
    return CliRunner(env={"MINOOTS_API_KEY": "mnt_example", "COLUMNS": "200"}).invoke(app, arguments, obj=seams)


def test_a_listing_asks_for_what_is_wanted() -> None:
    script = Script([{"deadLetters": [dead_letter()]}])
    with client_on(script) as client:
        list(
            client.dead_letters.list(
                host="sink.test",
                reason_contains="500",
                labels={"customer": "acme", "team": "x,y\\z"},
                died_after=datetime(2026, 9, 1, tzinfo=UTC),
            )
        )
    params = script.requests[0].url.params
    assert params.get_list("label") == ["customer=acme", "team=x\\,y\\\\z"]
    assert {name: params[name] for name in ("host", "reason", "diedAfter")} == {
        "host": "sink.test",
        "reason": "500",
        "diedAfter": "2026-09-01T00:00:00+00:00",
    }
    assert set(params) == {"host", "reason", "diedAfter", "label"}


def test_an_instant_without_an_offset_is_refused() -> None:
    with client_on(Script([])) as client, pytest.raises(ValueError, match="offset"):
        client.dead_letters.page(died_before=datetime(2026, 9, 1))  # noqa: DTZ001  that is what is refused


def test_a_letter_is_read_by_its_id() -> None:
    script = Script([dead_letter()])
    with client_on(script) as client:
        assert client.dead_letters.get("t-1_webhook").wire() == dead_letter()
    assert script.requests[0].url.path == "/dead-letters/t-1_webhook"


def test_a_redrive_is_repeated_under_one_key() -> None:
    script = Script([refusal(503), httpx.ReadTimeout("slow"), dead_letter() | {"state": "redriven"}])
    with client_on(script) as client:
        assert client.dead_letters.redrive("t-1_webhook", reason="mended").state == "redriven"
    keys = {request.headers["idempotency-key"] for request in script.requests}
    assert (len(script.requests), len(keys)) == (3, 1)
    assert script.bodies[0] == {"requestedBy": "sdk", "reason": "mended"}


def test_all_are_redriven_in_as_many_calls_as_it_takes_under_one_key() -> None:
    script, told = Script(PAGES), []
    with client_on(script) as client:
        worked = client.dead_letters.redrive_all(host="sink.test", told=told.append, requested_by="ann")
    refused = (RefusedLetter(id="t-9.a", reason="its timer is gone"),)
    assert worked == Worked(done=103, skipped=2, refused=refused, calls=2)
    assert [one.done for one in told] == [100, 103]
    first, second = script.bodies
    assert first == {"requestedBy": "ann", "filter": {"host": "sink.test"}}
    assert second == first | {"cursor": "c1"}
    assert len({request.headers["idempotency-key"] for request in script.requests}) == 1
    assert script.requests[0].url.path == "/dead-letters:redrive"


def test_all_are_discarded_without_a_key() -> None:
    script = Script([{"discarded": 2, "skipped": 0, "refused": []}])
    with client_on(script) as client:
        assert client.dead_letters.discard_all(kind="webhook").done == 2
    assert script.requests[0].url.path == "/dead-letters:discard"
    assert "idempotency-key" not in script.requests[0].headers


def test_a_discard_has_no_content_and_is_not_made_twice() -> None:
    script = Script([httpx.Response(204), refusal(503), refusal(404), refusal(409)])
    with client_on(script) as client:
        client.dead_letters.discard("t-1_webhook", reason="too old")
        for error in (ServerError, NotFoundError, ConflictError):
            with pytest.raises(error):
                client.dead_letters.discard("t-1_webhook")
    assert dict(script.requests[0].url.params) == {"requestedBy": "sdk", "reason": "too old"}
    assert len(script.requests) == 4


@pytest.mark.parametrize("verb", ["get", "redrive", "discard"])
def test_an_empty_id_is_refused_here(verb: str) -> None:
    with client_on(Script([])) as client, pytest.raises(ValueError, match="not empty"):
        getattr(client.dead_letters, verb)("")


def test_the_command_line_lists_by_filters() -> None:
    script = Script([{"deadLetters": [dead_letter("t-7")]}])
    options = [
        "--host",
        "sink.test",
        "--because",
        "500",
        "--label",
        "customer=acme",
        "--died-after",
        "2026-09-01T00:00:00Z",
    ]
    result = run(["dead-letters", "list", *options], script)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "t-7_webhook" in result.stdout
    assert "POST https://sink.test/hook" in result.stdout
    params = dict(script.requests[0].url.params)
    assert params.pop("limit") == "21"
    wanted = {"host": "sink.test", "reason": "500", "label": "customer=acme", "diedAfter": "2026-09-01T00:00:00Z"}
    assert params == wanted


@pytest.mark.parametrize(
    "options", [["--label", "acme"], ["--died-before", "yesterday"], ["--limit", "0"]], ids=lambda one: one[0]
)
def test_the_command_line_refuses_a_filter_that_cannot_be(options: list[str]) -> None:
    result = run(["dead-letters", "list", *options], Script([]))
    assert result.exit_code == 2
    assert options[0] in result.stderr


def test_the_command_line_shows_a_letter_with_its_attempts() -> None:
    letter = dead_letter() | {"labels": {"customer": "acme"}, "state": "redriven", "redrivenAt": "2026-09-21T14:13:21Z"}
    letter["attempts"][0] |= {"responseExcerpt": "<h1>no \x1b[31mluck</h1>"}
    result = run(["dead-letters", "show", "t-1_webhook"], Script([letter]))
    assert result.exit_code == 0
    for words in ("redriven", "customer=acme", "HTTP 500", "https://sink.test/hook", "<h1>no \\x1b[31mluck</h1>"):
        assert words in result.stdout, words
    never_ran = dead_letter() | {"attempts": []}
    assert "never ran" in run(["dead-letters", "show", "t-1_webhook"], Script([never_ran])).stdout


def test_the_command_line_redrives_one() -> None:
    script = Script([dead_letter() | {"state": "redriven"}])
    result = run(["dead-letters", "redrive", "t-1_webhook", "--reason", "mended"], script)
    assert result.exit_code == 0
    assert script.bodies[0] == {"requestedBy": "cli", "reason": "mended"}
    assert "redriven" in result.stdout


def test_the_command_line_redrives_all_that_the_filters_match() -> None:
    script = Script(PAGES)
    result = run(["dead-letters", "redrive", "--all", "--host", "sink.test"], script)
    assert result.exit_code == 0
    assert "103 redriven, 2 skipped" in result.stdout
    assert "t-9.a was left alone: its timer is gone" in result.stdout
    assert script.bodies[0]["filter"] == {"host": "sink.test"}
    document: Any = json.loads(run(["dead-letters", "redrive", "--all", "--json"], Script(PAGES)).stdout)
    assert document == {"redriven": 103, "skipped": 2, "refused": PAGES[1]["refused"], "calls": 2}


def test_the_command_line_discards_one_or_all() -> None:
    script = Script([httpx.Response(204), {"discarded": 2, "skipped": 0, "refused": []}])
    assert run(["dead-letters", "discard", "t-1_webhook"], script).stdout == "Discarded t-1_webhook.\n"
    assert run(["dead-letters", "discard", "--all", "--kind", "webhook"], script).stdout == "2 discarded.\n"


@pytest.mark.parametrize("verb", ["redrive", "discard"])
@pytest.mark.parametrize("arguments", [[], ["t-1.a", "--all"], ["t-1.a", "--host", "x.test"], ["--host", "x.test"]])
def test_many_are_never_touched_by_a_forgotten_word(verb: str, arguments: list[str]) -> None:
    script = Script([])
    result = run(["dead-letters", verb, *arguments], script)
    assert result.exit_code == 2
    assert "--all" in result.stderr
    assert script.requests == []


def test_what_the_api_refuses_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(["dead-letters", "redrive", "t-1_webhook"], Script([refusal(409, code="state-conflict")]))
    assert result.exit_code == 1
    assert "Some detail." in result.stderr
