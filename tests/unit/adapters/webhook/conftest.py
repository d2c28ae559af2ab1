from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from minoots_kernel.adapters.webhook.sender import HttpWebhookSender
from tests.unit.adapters.webhook.servers import a_sender


@pytest.fixture
def sender() -> Iterator[HttpWebhookSender]:
    """A sender that may reach loopback, for that is where the tests' receivers are."""
    made = a_sender("127.0.0.0/8")
    yield made
    made.close()


@dataclass
class Names:
    """What names resolve to: for each a function, called anew for every look-up."""

    answers: dict[str, Callable[[], list[tuple[str, int]]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def look_up(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        if host not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_STREAM, 6, "", (to, port))
            for to, port in self.answers[host]()
        ]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Names that the test gives; no other resolves."""
    made = Names()
    monkeypatch.setattr(socket, "getaddrinfo", made.look_up)
    return made


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses that somebody connected to; those outside loopback refuse."""
    seen: list[Any] = []
    connect = socket.socket.connect

    def noting(sock: socket.socket, address: Any) -> None:
        seen.append(address)
        if not str(address[0]).startswith("127."):
            raise ConnectionRefusedError
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", noting)
    return seen
