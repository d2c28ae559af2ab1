"""Name resolution that gives up in time.

`getaddrinfo` cannot be told how long to take, so each look-up has a thread that may be left behind. The threads are
daemons: the executors of the standard library would wait for them when the process ends.
"""

from __future__ import annotations

import queue
import socket
import threading
from itertools import zip_longest
from typing import Any, TypeAlias

import httpcore

from minoots_kernel.adapters.webhook.exchange import Exchange
from minoots_kernel.adapters.webhook.stream import ConnectFailedError

__all__ = ["Endpoint", "Resolver"]

Endpoint: TypeAlias = tuple[socket.AddressFamily, Any]
"""An address family and the address to connect to, as `getaddrinfo` gives them."""


class Resolver:
    """Looks hosts up.

    Args:
        max_lookups: Most look-ups under way at once, those that nobody waits for any more included.
    """

    def __init__(self, max_lookups: int = 32) -> None:
        self._free = threading.BoundedSemaphore(max_lookups)

    def resolve(self, host: str, port: int, exchange: Exchange) -> list[Endpoint]:
        """Return the endpoints of a host, the families by turns so that a broken one does not hide the other.

        Raises:
            ConnectFailedError: If the host has no address.
            httpcore.ConnectTimeout: If the exchange's time ran out first.
        """
        answer: queue.SimpleQueue[list[Endpoint] | BaseException] = queue.SimpleQueue()
        if not self._free.acquire(timeout=exchange.left_s(httpcore.ConnectTimeout)):
            raise httpcore.ConnectTimeout("no look-up came to an end")
        self._start(host, port, answer)
        try:
            found = answer.get(timeout=exchange.left_s(httpcore.ConnectTimeout))
        except queue.Empty:
            raise httpcore.ConnectTimeout("the look-up takes too long") from None
        if isinstance(found, OSError | UnicodeError) or found == []:
            raise ConnectFailedError("the host's name leads to no address")
        if isinstance(found, BaseException):
            raise found
        return found

    def _start(self, host: str, port: int, answer: queue.SimpleQueue[list[Endpoint] | BaseException]) -> None:
        def look_up() -> None:
            try:
                answer.put(_endpoints(host, port))
            except BaseException as error:
                answer.put(error)
            finally:
                self._free.release()

        try:
            threading.Thread(target=look_up, name="webhook-lookup", daemon=True).start()
        except BaseException:
            self._free.release()
            raise


def _endpoints(host: str, port: int) -> list[Endpoint]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    distinct = list(dict.fromkeys((family, address) for family, _type, _protocol, _name, address in found))
    first = [endpoint for endpoint in distinct if endpoint[0] == distinct[0][0]]
    other = [endpoint for endpoint in distinct if endpoint[0] != distinct[0][0]]
    return [endpoint for pair in zip_longest(first, other) for endpoint in pair if endpoint is not None]
