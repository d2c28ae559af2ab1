"""What a merge patch makes of a timer: its name, its labels and its metadata, never its time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final

from pydantic import JsonValue

from minoots_kernel.domain.commands import Update
from minoots_kernel.domain.errors import InvalidTimerError, StateConflictError
from minoots_kernel.domain.moves import Transition, moved
from minoots_kernel.domain.timer import Status, Timer

__all__ = ["MAX_LABELS", "merged", "updated"]

MAX_LABELS: Final = 50


def merged(target: JsonValue, patch: JsonValue) -> JsonValue:
    """Return what a merge patch makes of a value (RFC 7396, section 2): null removes, an object is merged."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def updated(timer: Timer, command: Update, now_ms: int) -> Transition:
    """Apply a merge patch; the wake-ups under way stay what they are.

    Raises:
        StateConflictError: If the timer's status does not allow it.
        InvalidTimerError: If the timer would have no name, or too many labels.
    """
    patch = command.patch
    _check_changeable(timer, patch)
    name = patch.get("name", timer.name)
    if not isinstance(name, str):
        raise InvalidTimerError("A timer always has a name.", (("name", "give it another one"),))
    labels = _object(timer.spec.labels, patch, "labels")
    metadata = _object(timer.spec.metadata, patch, "metadata")
    if len(labels) > MAX_LABELS:
        raise InvalidTimerError("The timer would have too many labels.", (("labels", f"at most {MAX_LABELS}"),))
    now_so = {"name": name, "labels": labels, "metadata": metadata}
    was_so = {"name": timer.name, "labels": timer.spec.labels, "metadata": timer.spec.metadata}
    differing = [field for field, value in now_so.items() if _text(value) != _text(was_so[field])]
    if not differing:
        return Transition(timer, timer)
    changes: dict[str, Any] = {"name": name}
    if differing != ["name"]:
        # Two patches of one version must not take each other's place for a large spec.
        revision = blake2b(_text([timer.version, labels, metadata]).encode(), digest_size=8).hexdigest()
        changes["spec"] = replace(timer.spec, labels=labels, metadata=metadata, revision=revision)
    return moved(timer, now_ms, ("updated",), by=command.requested_by, note=", ".join(differing), **changes)


def _check_changeable(timer: Timer, patch: Mapping[str, JsonValue]) -> None:
    if timer.status is Status.FIRED:
        raise StateConflictError("The timer's actions are under way, and carry what it is: wait until it has ended.")
    if timer.status.terminal and "metadata" in patch:
        raise StateConflictError(f"The timer is {timer.status}: its name and its labels can change, its metadata not.")


def _object(was: Mapping[str, Any], patch: Mapping[str, JsonValue], field: str) -> dict[str, Any]:
    if field not in patch:
        return dict(was)
    found = merged(dict(was), patch[field])
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
