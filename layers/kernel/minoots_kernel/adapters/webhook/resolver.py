"""Name resolution that gives up in time, and of which nobody can take so much that nothing is left for others.

`getaddrinfo` cannot be told how long to take, so each look-up has a thread that may be left behind. The threads are
daemons: the executors of the standard library would wait for them when the process ends.

A look-up goes on after whoever wanted it has given up, ten seconds and more if the name's servers do not answer. So
look-ups are shared out: so many to a tenant, and of these so many to the names below one parent, for names below one of
one's own cost nothing. Who finds none free has done nothing wrong, and neither has their receiver: the attempt is put
off.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from collections import Counter
from itertools import zip_longest
from typing import Any, Final, TypeAlias

import httpcore

from minoots_kernel.adapters.webhook.exchange import Exchange, shortage
from minoots_kernel.adapters.webhook.stream import ConnectFailedError

__all__ = ["Endpoint", "Resolver"]

Endpoint: TypeAlias = tuple[socket.AddressFamily, Any]
"""An address family and the address to connect to, as `getaddrinfo` gives them."""

PARENT_LABELS: Final = 2

Share: TypeAlias = tuple[str, ...]


class Resolver:
    """Looks hosts up. Every number counts look-ups under way, those that nobody waits for any more included.

    Args:
        max_lookups: Most at once.
        of_a_tenant: Most of one tenant.
        below_a_parent: Most of these for names with the same last two labels.
    """

    def __init__(self, max_lookups: int = 128, of_a_tenant: int = 16, below_a_parent: int = 8) -> None:
        self._most = (max_lookups, of_a_tenant, below_a_parent)
        self._under_way: Counter[Share] = Counter()
        self._changed = threading.Condition()

    def resolve(self, host: str, port: int, exchange: Exchange) -> list[Endpoint]:
        """Return the endpoints of a host, the families by turns so that a broken one does not hide the other.

        Raises:
            ConnectFailedError: If the host has no address.
            httpcore.ConnectTimeout: If the exchange's time ran out first.
            PutOffError: If no look-up is free.
        """
        if _is_number(host):
            return _endpoints(host, port)
        answer: queue.SimpleQueue[list[Endpoint] | BaseException] = queue.SimpleQueue()
        shares = _shares(exchange.party, host)
        self._take(shares, exchange.patience_s())
        self._start(host, port, answer, shares)
        try:
            found = answer.get(timeout=exchange.left_s(httpcore.ConnectTimeout))
        except queue.Empty:
            raise httpcore.ConnectTimeout("the look-up takes too long") from None
        if isinstance(found, OSError | UnicodeError) or found == []:
            raise ConnectFailedError("the host's name leads to no address")
        if isinstance(found, BaseException):
            raise found
        return found

    def _take(self, shares: tuple[Share, ...], wait_s: float) -> None:
        def free() -> bool:
            return all(self._under_way[share] < most for share, most in zip(shares, self._most, strict=True))

        with self._changed:
            if not self._changed.wait_for(free, wait_s):
                raise shortage("too many names are being looked up whose servers do not answer")
            self._under_way.update(shares)

    def _give_back(self, shares: tuple[Share, ...]) -> None:
        with self._changed:
            self._under_way.subtract(shares)
            for share in shares:
                if not self._under_way[share]:
                    del self._under_way[share]
            self._changed.notify_all()

    def _start(
        self,
        host: str,
        port: int,
        answer: queue.SimpleQueue[list[Endpoint] | BaseException],
        shares: tuple[Share, ...],
    ) -> None:
        def look_up() -> None:
            try:
                answer.put(_endpoints(host, port))
            except BaseException as error:
                answer.put(error)
            finally:
                self._give_back(shares)

        try:
            threading.Thread(target=look_up, name="webhook-lookup", daemon=True).start()
        except BaseException:
            self._give_back(shares)
            raise


def _is_number(host: str) -> bool:
    """Say whether a host is an address already, which takes no time to look up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _shares(party: str, host: str) -> tuple[Share, ...]:
    """Return what a look-up takes of: of all, of its tenant's, and of those below the parent of its name."""
    parent = ".".join(host.lower().rstrip(".").split(".")[-PARENT_LABELS:])
    return (), (party,), (party, parent)


def _endpoints(host: str, port: int) -> list[Endpoint]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    distinct = list(dict.fromkeys((family, address) for family, _type, _protocol, _name, address in found))
    first = [endpoint for endpoint in distinct if endpoint[0] == distinct[0][0]]
    other = [endpoint for endpoint in distinct if endpoint[0] != distinct[0][0]]
    return [endpoint for pair in zip_longest(first, other) for endpoint in pair if endpoint is not None]
