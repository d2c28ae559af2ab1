"""How far acknowledgements have come, as rows of JSON.

`[[action id, step, waits (0 or 1), began at, settled at, task token, driver, [ask, ...]], ...]`, and of each ask
`[step, receiver, asked at, tries, [digest of a token, ...], word, word at, accepted at, by, reason, result]`, without
the nulls at its end. Times are epoch milliseconds.
"""

from __future__ import annotations

from typing import Any

from minoots_kernel.domain.asks import Acknowledgement, Ask

__all__ = ["acknowledgements_from_json", "acknowledgements_to_json"]


def acknowledgements_to_json(known: tuple[Acknowledgement, ...]) -> list[list[Any]]:
    """Return acknowledgements as JSON-ready rows."""
    return [
        [
            one.action_id,
            one.step,
            int(one.waits),
            one.began_at_ms,
            one.settled_at_ms,
            one.task_token,
            one.driver,
            [_row(ask) for ask in one.asks],
        ]
        for one in known
    ]


def acknowledgements_from_json(rows: list[list[Any]]) -> tuple[Acknowledgement, ...]:
    """Read what `acknowledgements_to_json` made."""
    return tuple(
        Acknowledgement(action_id, step, bool(waits), began_at, settled_at, token, driver, tuple(map(_ask, asks)))
        for action_id, step, waits, began_at, settled_at, token, driver, asks in rows
    )


def _row(ask: Ask) -> list[Any]:
    row: list[Any] = [ask.step, ask.receiver, ask.asked_at_ms, ask.tries, list(ask.tokens), ask.word, ask.word_at_ms]
    row += [ask.accepted_at_ms, ask.by, ask.reason, ask.result]
    while row[-1] is None:
        row.pop()
    return row


def _ask(row: list[Any]) -> Ask:
    step, receiver, asked_at_ms, tries, tokens, *said = row
    return Ask(step, receiver, asked_at_ms, tries, tuple(tokens), *said)
