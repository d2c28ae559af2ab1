"""Logs for people: one line each, time, level, who, what, key=value."""

import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

ROOT = "minoots.local"
_STYLES = {"DEBUG": "2", "WARNING": "33", "ERROR": "31", "CRITICAL": "1;31"}
# What `logging` itself puts on a record; the rest came by `extra=` and is shown as key=value.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def logger(who: str) -> logging.Logger:
    """The logger of one part of the stack, `who` being what the line says."""
    return logging.getLogger(f"{ROOT}.{who}")


class LineFormatter(logging.Formatter):
    """One readable line per record; a traceback follows on lines of its own."""

    def __init__(self, *, colour: bool = False) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Lay a record out as `12:30:01.250 INFO    queues    message key=value`."""
        when = datetime.fromtimestamp(record.created, UTC).astimezone().strftime("%H:%M:%S.%f")
        who = record.name.rsplit(".", 1)[-1]
        extras = " ".join(
            f"{key}={_shown(value)}"
            for key, value in vars(record).items()
            if key not in _OWN and not key.startswith("_")
        )
        level = f"{record.levelname:<7}"
        if self._colour and record.levelname in _STYLES:
            level = f"\x1b[{_STYLES[record.levelname]}m{level}\x1b[0m"
        line = f"{when[:12]} {level} {who:<12} {record.getMessage()} {extras}".rstrip()
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return line


def _shown(value: object) -> str:
    text = str(value)
    return f'"{text}"' if " " in text else text


def configure(level: str, stream: TextIO | None = None) -> None:
    """Send the stack's and the handlers' log records to `stream` (standard error)."""
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(LineFormatter(colour=out.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for ours in (ROOT, "minoots_kernel"):
        logging.getLogger(ours).setLevel(level.upper())
