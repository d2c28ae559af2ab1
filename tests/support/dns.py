"""A name server on loopback whose answers change, and a resolver that asks it and nobody else."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

TYPE_A, TYPE_AAAA, CLASS_IN = 1, 28, 1


@dataclass
class NameServer:
    """What is asked, and what is answered: to the n-th question about a name, `answers[name](n)`, from 0."""

    port: int
    answers: dict[str, Callable[[int], list[str]]]
    asked: list[str] = field(default_factory=list)

    def look_up(self, host: str, port: Any, *_: Any, **__: Any) -> list[Any]:
        """Stand in for `getaddrinfo`: numbers are read by the system, names are asked for over the wire each time."""
        try:
            return _system_look_up(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            found = self._ask(host)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in to else socket.AF_INET, socket.SOCK_STREAM, 6, "", (to, port)) for to in found
        ]

    def _ask(self, host: str) -> list[str]:
        labels = [label for label in host.encode("idna").split(b".") if label]
        question = b"".join(bytes([len(label)]) + label for label in labels) + struct.pack("!xHH", TYPE_A, CLASS_IN)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5)
            asking.sendto(struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + question, ("127.0.0.1", self.port))
            reply = asking.recv(4096)
        (count,) = struct.unpack_from("!H", reply, 6)
        at, found = 12 + len(question), []
        for _ in range(count):
            kind, size = struct.unpack_from("!2xH6xH", reply, at)
            data = reply[at + 12 : at + 12 + size]
            found.append(socket.inet_ntop(socket.AF_INET if kind == TYPE_A else socket.AF_INET6, data))
            at += 12 + size
        return found

    def reply_to(self, query: bytes) -> bytes:
        """Answer one question, every answer valid for no time at all."""
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode())
            at += 1 + query[at]
        name = ".".join(labels).lower()
        number = self.asked.count(name)
        self.asked.append(name)
        addresses = self.answers[name](number) if name in self.answers else []
        records = b"".join(_record(address) for address in addresses)
        header = query[:2] + struct.pack("!5H", 0x8180, 1, len(addresses), 0, 0)
        return header + query[12 : at + 5] + records


def _record(address: str) -> bytes:
    family, kind = (socket.AF_INET6, TYPE_AAAA) if ":" in address else (socket.AF_INET, TYPE_A)
    data = socket.inet_pton(family, address)
    return struct.pack("!3HIH", 0xC00C, kind, CLASS_IN, 0, len(data)) + data


_system_look_up = socket.getaddrinfo


@contextmanager
def name_server(answers: dict[str, Callable[[int], list[str]]]) -> Iterator[NameServer]:
    """Serve names over UDP on a free port of loopback for as long as the block lasts."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        server = NameServer(listening.getsockname()[1], answers)

        def serve() -> None:
            while True:
                query, sender = listening.recvfrom(4096)
                if not query:
                    return
                listening.sendto(server.reply_to(query), sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
                ending.sendto(b"", ("127.0.0.1", server.port))
            thread.join()
