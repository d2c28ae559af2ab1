"""A connection whose every step ends with the exchange that takes it."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

from minoots_kernel.adapters.webhook.exchange import current_exchange

__all__ = ["ConnectFailedError", "DeadlineStream"]

# Of OpenSSL's reasons (X509_V_ERR_...) those that the owner of the receiver can do something about.
_CERTIFICATE_FAULTS = {
    10: "has expired",
    18: "is self-signed",
    19: "leads to a self-signed one",
    20: "is from an unknown issuer",
    62: "is for another name",
    64: "is for another address",
}


class ConnectFailedError(httpcore.ConnectError):
    """No connection came about; the text is our own and may be shown."""


class DeadlineStream(httpcore.NetworkStream):
    """A socket, plain or TLS, that reads and writes for no longer than the current exchange has left.

    The timeouts that httpcore hands over are not used: they are for one step and know nothing of those before it.

    Args:
        sock: A connected socket; the stream closes it.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what is there, or wait for something; nothing at the end."""
        exchange = current_exchange()
        with _failing_as(httpcore.ReadTimeout, httpcore.ReadError):
            self._sock.settimeout(exchange.left_s(httpcore.ReadTimeout))
            data = self._sock.recv(max_bytes)
        if data:
            exchange.note_answer()
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it: a receiver that takes it in sips gets no more time for each."""
        exchange, rest = current_exchange(), memoryview(buffer)
        with _failing_as(httpcore.WriteTimeout, httpcore.WriteError):
            while rest:
                self._sock.settimeout(exchange.left_s(httpcore.WriteTimeout))
                rest = rest[self._sock.send(rest) :]

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Shake hands; the stream that comes back takes the place of this one."""
        name = (server_hostname or "").removesuffix(".")  # a certificate never has the root's dot
        try:
            with _failing_as(httpcore.ConnectTimeout, httpcore.ConnectError):
                exchange = current_exchange()
                self._sock.settimeout(exchange.left_s(httpcore.ConnectTimeout))
                secured = DeadlineStream(_shake_hands(self._sock, ssl_context, name))
                exchange.note_connection()
                return secured
        except BaseException:
            self.close()
            raise

    def get_extra_info(self, info: str) -> Any:
        """Answer what httpcore asks: the TLS side of the socket, and whether an idle one has something to read."""
        if info == "ssl_object":
            return self._sock if isinstance(self._sock, ssl.SSLSocket) else None
        if info == "is_readable":
            return _is_readable(self._sock)
        return None


def _shake_hands(sock: socket.socket, ssl_context: ssl.SSLContext, name: str) -> ssl.SSLSocket:
    try:
        return ssl_context.wrap_socket(sock, server_hostname=name)
    except ssl.SSLCertVerificationError as error:
        fault = _CERTIFICATE_FAULTS.get(error.verify_code, "was not accepted")
        raise ConnectFailedError(f"the receiver's certificate {fault}") from error
    except TimeoutError:
        raise
    except OSError as error:
        raise ConnectFailedError("the receiver did not complete the TLS handshake") from error
    except ValueError as error:
        raise httpcore.LocalProtocolError("no name that TLS could ask for") from error


@contextmanager
def _failing_as(timeout: type[Exception], failure: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise timeout(type(error).__name__) from error
    except OSError as error:
        raise failure(type(error).__name__) from error


def _is_readable(sock: socket.socket) -> bool:
    """Say whether reading would return at once: on an idle connection that means the other side closed it."""
    descriptor = sock.fileno()
    if descriptor < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()  # select() cannot take descriptors from 1024 on
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
