"""JSON Schema 2020-12 by the jsonschema-rs library.

It takes 15 ms to import and nobody needs it but tenants whose commands have schemas, so that is when it is imported.
Its regular expressions are those of Rust's `regex`: matched in linear time, so no pattern hangs on any text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from minoots_kernel.domain.action_context import written
from minoots_kernel.domain.argument_schemas import Effort, Misfit, Schema, misfits_of_schema, work_of

if TYPE_CHECKING:
    import jsonschema_rs

__all__ = ["JsonSchemas"]

MAX_PATTERN_BYTES: Final = 200_000
"""Largest compiled pattern: `^\\S{1,64}$` takes half of it."""

MAX_CACHE_BYTES: Final = 200_000
"""What matching may keep of a pattern's states."""

MAX_EFFORT_FOR_ALL: Final = 50_000
"""The library makes all faults before it gives out the first: beyond so much work times characters of arguments, which
is more than there can be faults, only one is asked for."""

MAX_SHOWN: Final = 20
MAX_MESSAGE: Final = 200
_VALUE: Final = "the value"


class JsonSchemas:
    """Judges schemas, and arguments by them."""

    def faults(self, schema: Schema) -> list[Misfit]:
        """Return what is wrong with a schema; see the port."""
        found = misfits_of_schema(schema)
        if found:
            return found
        import jsonschema_rs

        try:
            _validator(schema)
        except (jsonschema_rs.ValidationError, ValueError) as error:
            return [_fault(error)]
        return []

    def misfits(self, schema: Schema, arguments: dict[str, Any], effort: Effort) -> list[Misfit]:
        """Return what of arguments does not fit a schema; see the port."""
        import jsonschema_rs

        if self.faults(schema):
            # Stored under other rules, or by another release of the library.
            return [Misfit((), "the command's schema is not taken any more: store it anew")]
        work, length = work_of(schema), len(written(arguments))
        too_long = effort.misfit(work, length)
        if too_long is not None:
            return [too_long]
        validator = _validator(schema, mask=_VALUE)
        if work * length <= MAX_EFFORT_FOR_ALL:
            return [_misfit(error) for error in list(validator.iter_errors(arguments))[:MAX_SHOWN]]
        try:
            validator.validate(arguments)
        except jsonschema_rs.ValidationError as error:
            return [_misfit(error)]
        return []


def _validator(schema: Schema, mask: str | None = None) -> jsonschema_rs.Draft202012Validator:
    import jsonschema_rs  # 15 ms, for tenants whose commands have schemas

    patterns = jsonschema_rs.RegexOptions(size_limit=MAX_PATTERN_BYTES, dfa_size_limit=MAX_CACHE_BYTES)
    return jsonschema_rs.Draft202012Validator(schema, pattern_options=patterns, offline=True, mask=mask)


def _fault(error: Exception) -> Misfit:
    place = tuple(getattr(error, "instance_path", ()))
    message = str(getattr(error, "message", error))
    if message.endswith('is not a "regex"'):
        message = "it is no pattern that is taken here: none with look-around or back-references, and none too large"
    return Misfit(place, message[:MAX_MESSAGE])


def _misfit(error: jsonschema_rs.ValidationError) -> Misfit:
    return Misfit(tuple(error.instance_path), error.message[:MAX_MESSAGE])
