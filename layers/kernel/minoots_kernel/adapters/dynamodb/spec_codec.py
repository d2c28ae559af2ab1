"""What a caller asked for beside the time, as JSON text, and back.

`{"metadata": {}, "labels": {}, "bundle": {"actions": [{"id", "kind", "parameters", "retry": [], "escalation": [after
attempts, to]}, ...], "concurrency": n, "retry": [max attempts, initial ms, multiplier, cap ms, jitter, time limit ms,
[classes of failures]], "onSuccess": {}, "onFailure": {}}, "agent": {}}`, each part only if it is there. Defaults are
written out, so that a stored timer keeps its meaning when a default changes. A retry policy may end early: what is
missing is as it was for every timer when policies had four values.

Decoding builds the contract's models without validating them: what was valid when it was accepted stays readable when
the rules grow stricter.
"""

from __future__ import annotations

import json
from typing import Any, Final

from minoots_contract.actions import Action, ActionBundle, Escalation
from minoots_contract.agents import AgentBinding
from minoots_contract.retry import RetryPolicy
from minoots_kernel.adapters.dynamodb.compact_json import compact
from minoots_kernel.domain.timer import TimerSpec

__all__ = ["policy_from_row", "policy_to_row", "spec_from_json", "spec_to_json"]

_FIELDS: Final = tuple(RetryPolicy.model_fields)
_MISSING: Final = ("equal", None, ["connection", "timeout", "throttled", "serverError", "conflict", "internal"])
_LEAST: Final = len(_FIELDS) - len(_MISSING)

# Wire name to field; a binding is stored as the wire has it, defaults written out.
_BINDING_FIELDS: Final = {field.alias or name: name for name, field in AgentBinding.model_fields.items()}


def spec_to_json(spec: TimerSpec) -> str:
    """Write a spec as JSON; an empty one is `{}`."""
    content: dict[str, Any] = {}
    if spec.metadata:
        content["metadata"] = spec.metadata
    if spec.labels:
        content["labels"] = spec.labels
    if spec.bundle is not None:
        content["bundle"] = _bundle_to_json(spec.bundle)
    if spec.agent_binding is not None:
        content["agent"] = spec.agent_binding.wire()
    return compact(content)


def spec_from_json(text: str, revision: str = "") -> TimerSpec:
    """Read what `spec_to_json` wrote of a revision, which is kept beside it."""
    content = json.loads(text)
    bundle = _bundle_from_json(content["bundle"]) if "bundle" in content else None
    binding = _binding(content.get("agent"))
    return TimerSpec(content.get("metadata", {}), content.get("labels", {}), bundle, binding, revision)


def policy_to_row(policy: RetryPolicy) -> list[Any]:
    """Return a whole retry policy as a JSON-ready row."""
    row = [getattr(policy, name) for name in _FIELDS]
    while len(row) > _LEAST and row[-1] == _MISSING[len(row) - _LEAST - 1]:
        row.pop()
    return row


def policy_from_row(row: list[Any]) -> RetryPolicy:
    """Read what `policy_to_row` made."""
    values = [*row, *_MISSING[len(row) - _LEAST :]]
    return RetryPolicy.model_construct(**dict(zip(_FIELDS, values, strict=True)))


def _bundle_to_json(bundle: ActionBundle) -> dict[str, Any]:
    content: dict[str, Any] = {
        "actions": [_action_to_json(action) for action in bundle.actions],
        "concurrency": bundle.concurrency,
        "retry": policy_to_row(bundle.retry_policy),
    }
    if bundle.on_success is not None:
        content["onSuccess"] = _action_to_json(bundle.on_success)
    if bundle.on_failure is not None:
        content["onFailure"] = _action_to_json(bundle.on_failure)
    return content


def _bundle_from_json(content: dict[str, Any]) -> ActionBundle:
    return ActionBundle.model_construct(
        actions=[_action_from_json(**action) for action in content["actions"]],
        concurrency=content["concurrency"],
        retry_policy=policy_from_row(content["retry"]),
        on_success=_action_from_json(**content["onSuccess"]) if "onSuccess" in content else None,
        on_failure=_action_from_json(**content["onFailure"]) if "onFailure" in content else None,
    )


def _action_to_json(action: Action) -> dict[str, Any]:
    content: dict[str, Any] = {"id": action.id, "kind": action.kind, "parameters": action.parameters}
    if action.retry_policy is not None:
        content["retry"] = policy_to_row(action.retry_policy)
    if action.escalation is not None:
        content["escalation"] = [action.escalation.after_attempts, action.escalation.escalates_to]
    return content


def _action_from_json(retry: list[Any] | None = None, escalation: list[Any] | None = None, **rest: Any) -> Action:
    link = None
    if escalation is not None:
        link = Escalation.model_construct(after_attempts=escalation[0], escalates_to=escalation[1])
    return Action.model_construct(
        **rest, retry_policy=None if retry is None else policy_from_row(retry), escalation=link
    )


def _binding(stored: dict[str, Any] | None) -> AgentBinding | None:
    if stored is None:
        return None
    return AgentBinding.model_construct(**{_BINDING_FIELDS[name]: value for name, value in stored.items()})
