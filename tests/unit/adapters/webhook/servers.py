"""Receivers of bytes on loopback, which answer as no library would."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from minoots_kernel.adapters.webhook.guard import AddressGuard
from minoots_kernel.adapters.webhook.sender import HttpWebhookSender
from minoots_kernel.application.ports import Clock
from minoots_kernel.domain.webhooks import WebhookRequest

TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # reading the usual authorities takes longer than most tests

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def reply(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} Words", *headers, f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def a_sender(*allowed: str, clock: Clock | None = None, tls: ssl.SSLContext = TRUSTS_NOBODY) -> HttpWebhookSender:
    return HttpWebhookSender(AddressGuard(allowed), clock=clock, tls=tls)


def a_request(url: str, *, timeout_ms: int = 5_000, body: bytes | None = b"{}", **headers: str) -> WebhookRequest:
    return WebhookRequest("POST", url, {name.replace("_", "-"): headers[name] for name in headers}, body, timeout_ms)


@dataclass
class Talk:
    """One connection, from the receiver's side."""

    sock: socket.socket
    number: int
    server: Server

    def read_request(self) -> bytes:
        """Read a request whole and note it; nothing if the sender left."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := self.sock.recv(65536)):
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(body) < int(fields.get(b"content-length", 0)):
            body += self.sock.recv(65536)
        whole = head + b"\r\n\r\n" + body
        self.server.requests.append(whole)
        self.server.ports.append(self.sock.getpeername()[1])
        return whole

    def answer_all(self, answer: bytes = OK) -> None:
        """Answer every request of the connection alike."""
        while self.read_request():
            self.sock.sendall(answer)

    def drip(self, drop: bytes, every_s: float = 0.05) -> None:
        """Send the same bytes again and again until the test or the sender has enough."""
        while not self.server.over.wait(every_s):
            self.sock.sendall(drop)


@dataclass
class Server:
    """What came: requests as they were on the wire, and the sender's port of each."""

    port: int
    requests: list[bytes] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    connections: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def raw_server(
    talk: Callable[[Talk], object],
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[Server]:
    """Run `talk` for every connection, each in a thread that ends with the block."""
    threads: list[threading.Thread] = []
    spoken_with: list[socket.socket] = []
    with socket.create_server((host, port), backlog=64) as listener:
        server = Server(listener.getsockname()[1])

        def converse(sock: socket.socket, number: int) -> None:
            with suppress(OSError), sock:  # the sender left: a test may want just that
                sock.settimeout(10)
                with tls.wrap_socket(sock, server_side=True) if tls else sock as spoken:
                    spoken_with.append(spoken)
                    talk(Talk(spoken, number, server))

        def accept() -> None:
            with suppress(OSError):
                while not server.over.is_set():
                    sock, _ = listener.accept()
                    if server.over.is_set():
                        sock.close()
                        return
                    server.connections += 1
                    thread = threading.Thread(target=converse, args=(sock, server.connections))
                    threads.append(thread)
                    thread.start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield server
        finally:
            server.over.set()
            with suppress(OSError), socket.socket() as waking:
                waking.connect((host, server.port))
            accepting.join()
            for spoken in spoken_with:
                with suppress(OSError):
                    spoken.shutdown(socket.SHUT_RDWR)  # ends a read that waits for the next request
            for thread in threads:
                thread.join()


@contextmanager
def black_hole() -> Iterator[int]:
    """A port that takes no further connection and says nothing: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting: list[socket.socket] = []
        try:
            for _ in range(8):
                one = socket.socket()
                waiting.append(one)
                one.settimeout(0.05)
                one.connect(listener.getsockname())
        except TimeoutError:
            yield listener.getsockname()[1]
        else:
            raise AssertionError("the queue does not fill")
        finally:
            for one in waiting:
                one.close()
