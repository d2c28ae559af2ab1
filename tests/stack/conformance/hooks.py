"""What schemathesis cannot know: what there is, who may ask for it, and why what fits a schema is refused."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final

import httpx
import schemathesis

from minoots_contract.problems import Problem

KEY: Final = {"X-API-Key": "mnt_example"}
OPERATORS: Final = {"X-API-Key": "mnt_ops"}
PREPARED: Final[dict[str, list[str]]] = json.loads(os.environ["CONFORMANCE_THINGS"])
API: Final = httpx.Client(base_url=os.environ["CONFORMANCE_URL"], timeout=20)

ANSWERED: Final[list[str]] = []

_numbers = count(1)
_letters, _receipts, _tokens = (cycle(PREPARED[name]) for name in ("letters", "receipts", "tokens"))


def _made(method: str, path: str, body: dict[str, Any], headers: dict[str, str] = KEY) -> Any:
    answer = API.request(method, path, json=body, headers=headers)
    assert answer.is_success, answer.text
    return answer.json()


def _timer() -> str:
    heartbeat = next(_numbers) % 4 == 0
    return str(_made("POST", "/timers", {"duration": "1h", "heartbeat": heartbeat})["id"])


def _destination() -> str:
    _made("PUT", "/destinations/made", {"url": "https://example.com/hooks", "authHeaders": {}})
    return "made"


def _template() -> str:
    _made("PUT", "/command-templates/made", {"body": {"do": "it"}})
    return "made"


def _key() -> str:
    return str(_made("POST", "/keys", {"name": f"made {next(_numbers)}", "roles": ["timer.read"]})["id"])


def _tenant() -> str:
    return str(_made("POST", "/tenants", {"id": f"made-{next(_numbers)}"}, OPERATORS)["id"])


THINGS: Final[dict[str, Callable[[], str]]] = {
    "timer_id": _timer,
    "letter_id": lambda: next(_letters),
    "receipt": lambda: next(_receipts),
    "token": lambda: next(_tokens),
    "key_id": _key,
    "tenant_id": _tenant,
    "agent": lambda: "ann",
    "version": lambda: "1",
}
"""Makes what a path names, or takes one of those that were made before."""

BEYOND_SCHEMAS: Final = {
    r"cursor": "it is signed here",
    r"labels?|fields|sort": "a grammar of its own, or a list of names",
    r"fireAt|duration|.*[dD]uration|by|expires(In|At)|overlap|.*Ms|.*afterMs": "when it is, and one of two",
    r"If-Match": "a header is trimmed before it is read",
    r"Idempotency-Key": "a batch has none, and its entries have theirs",
    r"actionBundle.*|agentBinding.*|latePolicy.*|retryPolicy.*|heartbeat": "what fits together",
    r"body|name|metadata|labels.*": "what a timer may be",
    r"url|authHeaders.*|signingSecret": "what HTTP carries, and where it may go",
    r"policies.*|restoreVersion|principal.*|action|resource.*": "what Cedar reads",
    r"since|until|diedAfter|diedBefore|dueAfter|dueBefore": "the calendar has such a day",
    r"argumentsSchema.*": "which schemas are taken",
    r"tier": "a change of a tenant changes something",
    r"roles": "which roles there are is a list for each caller",
    r"receipt|token|letter_id": "they are made here",
}
"""Fields that are refused though they fit the schema, and what it cannot say of them."""

NO_FRACTION: Final = "Input should be a valid integer"
"""JSON Schema takes 2.0 for an integer. Here an integer is written as one."""


def _fits(case: schemathesis.Case) -> bool:
    return case.meta is not None and case.meta.generation.mode.is_positive


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Let every other well-formed call be about something that there is, and let none wait for long."""
    if "waitS" in (case.query or {}) and _fits(case):
        case.query["waitS"] = 0
    if not _fits(case) or next(_numbers) % 4 == 0:
        return
    names = {"name": _template if "command-templates" in case.operation.path else _destination}
    for name in case.path_parameters or {}:
        if make := (THINGS | names).get(name):
            case.path_parameters[name] = make()


@schemathesis.check
def is_written_down(ctx: Any, response: Any, case: schemathesis.Case) -> None:
    """Which operations were answered well is written down, for the test to read."""
    if response.status_code < 300 and case.operation.label not in ANSWERED:
        ANSWERED.append(case.operation.label)
        Path(os.environ["CONFORMANCE_ANSWERED"]).write_text("\n".join(ANSWERED), encoding="utf-8")


@schemathesis.check
def refused_for_what_a_schema_cannot_say(ctx: Any, response: Any, case: schemathesis.Case) -> None:
    """What fits the schema is refused as invalid for fields of which there is more to say, and for nothing else."""
    if not _fits(case) or response.status_code != 400:
        return
    problem = Problem.model_validate_json(response.content)
    assert problem.errors, f"nobody is told what is wrong: {problem.detail}"
    unknown = [
        error
        for error in problem.errors
        if error.message != NO_FRACTION and not any(re.fullmatch(one, error.field) for one in BEYOND_SCHEMAS)
    ]
    assert not unknown, f"the schema could say so: {unknown}"
