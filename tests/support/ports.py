"""Ports for servers in processes of their own."""

from __future__ import annotations

import secrets
import socket
from typing import Final

# Below what Linux, macOS and Windows hand out to those who ask for any port, each connection that is opened among them.
FIRST: Final = 15_000
LAST: Final = 32_000


def free_port() -> int:
    """A loopback port that nothing listens on, and that the system gives to nobody who asks for any.

    So it is still free when a process has come up far enough to take it, and when one that was killed wants it back.
    """
    while True:
        port = FIRST + secrets.randbelow(LAST - FIRST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
