"""What callers ask of a bundle beside its actions: policies of their own, stand-bys, callbacks, time limits."""

from __future__ import annotations

from random import Random
from typing import Any, Final

__all__ = ["enriched"]

LIMITS_MS: Final = (500, 20_000, 90_000, 600_000, 7_200_000)
CLASSES: Final = ("connection", "timeout", "throttled", "serverError", "conflict", "internal", "clientError")
PLAIN: Final = 0.35


def enriched(bundle: dict[str, Any]) -> dict[str, Any]:
    """Return a bundle as a caller might ask for it.

    What is drawn comes from the bundle itself, so that nothing else in a plan depends on it.
    """
    rng = Random(f"bundle {bundle}")
    if rng.random() < PLAIN:
        return bundle
    actions = [dict(action) for action in bundle["actions"]]
    for action in actions:
        if rng.random() < 0.25:
            action["retryPolicy"] = _policy(rng) | {"maxAttempts": rng.choice((1, 2, 4))}
    if rng.random() < 0.6:
        _link(rng, actions)
    callbacks = {
        place: {**actions[0], "id": name, "escalation": None}
        for place, name in (("onSuccess", "ok"), ("onFailure", "no"))
        if rng.random() < 0.4
    }
    return {**bundle, "actions": actions, "retryPolicy": bundle["retryPolicy"] | _policy(rng), **callbacks}


def _policy(rng: Random) -> dict[str, Any]:
    policy: dict[str, Any] = {}
    if rng.random() < 0.4:
        policy["jitter"] = rng.choice(("equal", "full", "none"))
    if rng.random() < 0.35:
        policy["totalTimeLimitMs"] = rng.choice(LIMITS_MS)
    if rng.random() < 0.25:
        policy["retryOn"] = rng.sample(CLASSES, rng.randint(1, len(CLASSES)))
    return policy


def _link(rng: Random, actions: list[dict[str, Any]]) -> None:
    """Let actions escalate to later ones of a random order, to new ones if there are too few."""
    for name in ("s", "t")[: max(0, rng.choice((2, 3, 3)) - len(actions))]:
        actions.append({**actions[0], "id": name})
    order = rng.sample(actions, len(actions))
    for place, action in enumerate(order[:-1]):
        if place == 0 or rng.random() < 0.5:
            target = rng.choice(order[place + 1 :])
            action["escalation"] = {"afterAttempts": rng.choice((1, 1, 2, 3)), "escalatesTo": target["id"]}
