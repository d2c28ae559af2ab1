"""The command line: `minoots`.

Exit codes: 0 done; 1 the API said no (4xx or 5xx); 2 the command was not understood; 3 no MINOOTS answered;
130 interrupted.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        from minoots.cli.app import app  # needs the extra, which a library user may not have

        app()
    except KeyboardInterrupt:  # before the commands are there to take it
        sys.exit(130)
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.exit(f'The command line needs its extra: pip install "minoots[cli]" (no {error.name} here).')
