"""JSON as the table keeps it: each byte is paid for with every write."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["compact"]

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_encode_ascii = json.JSONEncoder(separators=(",", ":")).encode


def compact(value: Any) -> str:
    """Write JSON without blanks; text that UTF-8 cannot carry (half of a surrogate pair) is written as escapes."""
    text = _encode(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return _encode_ascii(value)
    return text
