"""What is to become of a timer that is late: fired all the same, skipped, or kept as dead letters."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError, model_validator

from minoots_contract.model import Duration, WireModel, field_error

__all__ = ["LatePolicy", "parse_late_policy"]


class LatePolicy(WireModel):
    """``fire`` however late; or ``skip`` (cancel), or ``deadLetter`` (fail) when later than ``afterMs``."""

    mode: Literal["fire", "skip", "deadLetter"]
    after_ms: Duration | None = Field(
        default=None, description="The longest lateness at which the timer still fires; not with `fire`."
    )

    @model_validator(mode="after")
    def _says_how_late(self) -> LatePolicy:
        if self.mode == "fire" and self.after_ms is not None:
            raise field_error("afterMs", "with mode fire a timer fires however late it is: leave afterMs out")
        if self.mode != "fire" and self.after_ms is None:
            raise field_error("afterMs", f"with mode {self.mode} say how late is too late, such as '60s'")
        return self

    def tolerates(self, lateness_ms: int) -> bool:
        """Tell whether a timer that is so late, milliseconds, still fires."""
        return self.after_ms is None or lateness_ms <= self.after_ms

    def __str__(self) -> str:
        return self.mode if self.after_ms is None else f"{self.mode}:{self.after_ms}"


def parse_late_policy(text: str) -> LatePolicy:
    """Read a policy written in one word, as deployments do: ``fire``, ``skip:60s``, ``deadLetter:5m``, ``skip:60000``.

    Raises:
        ValueError: If it is none.
    """
    mode, colon, after = text.partition(":")
    try:
        return LatePolicy.model_validate(
            {"mode": mode, **({"after_ms": int(after) if after.isdecimal() else after} if colon else {})}
        )
    except ValidationError as error:
        raise ValueError(f"'{text}' is no late policy: write fire, skip:60s or deadLetter:5m") from error
