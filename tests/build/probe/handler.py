"""Says where a function's dependencies come from. Runs inside the artefacts, on their Python only."""

import importlib
import sys
from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    modules = {name: importlib.import_module(name) for name in event["modules"]}
    return {
        "python": list(sys.version_info[:2]),
        "files": {name: str(module.__file__) for name, module in modules.items()},
    }
