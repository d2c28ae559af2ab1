"""Prints the OpenAPI document: `python -m minoots_kernel.interfaces.rest.describe > docs/openapi.json`."""

from __future__ import annotations

import json
import sys
from typing import cast

from minoots_kernel.interfaces.rest.app import make_resolver
from minoots_kernel.interfaces.rest.document import document
from minoots_kernel.interfaces.rest.use_cases import UseCases

__all__ = ["openapi_json"]


def openapi_json() -> str:
    """Return the document as it is committed: indented, keys in the routes' own order."""
    no_use_cases = cast("UseCases", None)  # describing a route calls nothing
    return json.dumps(document(make_resolver(no_use_cases)), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(openapi_json())
