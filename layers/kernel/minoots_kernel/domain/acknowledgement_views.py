"""Acknowledgements as the wire shows them."""

from __future__ import annotations

from typing import Literal

from minoots_contract.acknowledgements import AcknowledgementReply, AcknowledgementView, AskView
from minoots_kernel.domain.asks import Acknowledgement, Ask
from minoots_kernel.domain.timer import ActionState, ActionStatus, Timer

__all__ = ["acknowledgement_reply", "acknowledgement_view"]


def acknowledgement_view(state: ActionState, known: Acknowledgement) -> AcknowledgementView:
    """Return how far the acknowledgement of an action has come."""
    settled = known.settled_by
    current = settled or known.ask(known.step)
    return AcknowledgementView.model_construct(
        state=_state(state, known),
        deadline=state.next_attempt_at_ms if known.waits else None,
        accepted_at=current.accepted_at_ms if current else None,
        done_at=_done_at(current),
        acknowledged_by=(current.by or current.receiver) if current and current.accepted_at_ms else None,
        result=current.result if current else None,
        asked=[_ask(ask) for ask in known.asks],
    )


def acknowledgement_reply(timer: Timer, state: ActionState, known: Acknowledgement, ask: Ask) -> AcknowledgementReply:
    """Return what an answer came to.

    Args:
        timer: The timer.
        state: The action.
        known: How far its acknowledgement has come.
        ask: The step that was answered for.
    """
    ours = known.settled_at_ms is None and not ask.over and ask.step == known.step
    return AcknowledgementReply.model_construct(
        timer_id=timer.id,
        action_id=state.id,
        step=ask.step,
        status=ask.word,
        state="waiting" if ours else "escalated" if known.settled_at_ms is None else _end(state),
        accepted_at=ask.accepted_at_ms,
        done_at=_done_at(ask),
        deadline=state.next_attempt_at_ms if ours and known.waits else None,
    )


def _end(state: ActionState) -> Literal["settled", "failed"]:
    return "settled" if state.status is ActionStatus.SUCCEEDED else "failed"


def _state(state: ActionState, known: Acknowledgement) -> Literal["asking", "waiting", "settled", "failed"]:
    if known.settled_at_ms is None:
        return "waiting" if known.waits else "asking"
    return _end(state)


def _done_at(ask: Ask | None) -> int | None:
    return ask.word_at_ms if ask is not None and ask.word == "done" else None


def _ask(ask: Ask) -> AskView:
    return AskView.model_construct(
        step=ask.step,
        receiver=ask.receiver,
        asked_at=ask.asked_at_ms,
        attempts=ask.tries,
        answer=ask.word,
        answered_at=ask.word_at_ms,
        by=ask.by,
        reason=ask.reason,
    )
