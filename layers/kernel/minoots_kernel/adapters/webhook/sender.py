"""Sends webhooks; says of every failure whether another attempt may help."""

from __future__ import annotations

import time
import weakref
from typing import Final

import httpx

from minoots_kernel.adapters.webhook.guard import AddressGuard, BlockedAddressError, GuardedBackend
from minoots_kernel.domain.errors import PermanentActionError, TransientActionError
from minoots_kernel.domain.webhooks import WebhookRequest

__all__ = ["HttpWebhookSender"]

MAX_REPLY_BYTES: Final = 64 * 1024
MAX_RETRY_AFTER_S: Final = 86_400
# RFC 9110 and RFC 6585: the request may be well-formed and succeed later.
_TRANSIENT_CLIENT_ERRORS: Final = frozenset({408, 409, 421, 423, 425, 429})


class HttpWebhookSender:
    """The webhook port over httpx: keep-alive connections that outlive an invocation, no redirects, bounded replies.

    Args:
        guard: Which addresses may be reached.
        max_connections: Most connections open at once.
    """

    def __init__(self, guard: AddressGuard, max_connections: int = 64) -> None:
        transport = httpx.HTTPTransport(
            retries=0, trust_env=False, limits=httpx.Limits(max_connections=max_connections, keepalive_expiry=60)
        )
        # httpx has no public way to hand its pool a network backend; httpcore's pool, which it wraps, has.
        transport._pool._network_backend = GuardedBackend(guard)
        self._client = httpx.Client(transport=transport, follow_redirects=False, trust_env=False)
        weakref.finalize(self, self._client.close)

    def send(self, request: WebhookRequest) -> int:
        """Send one request; see the port."""
        try:
            status, headers = self._exchange(request)
        except BlockedAddressError as error:
            raise PermanentActionError(str(error)) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            raise PermanentActionError(f"the request cannot be sent: {error}") from error
        except httpx.TimeoutException as error:
            raise TransientActionError(f"no answer within {request.timeout_ms} ms") from error
        except httpx.TransportError as error:
            raise TransientActionError(f"{type(error).__name__}: {error}") from error
        if httpx.codes.is_success(status):
            return status
        reason = f"the receiver answered {status}"
        if status >= 500 or status in _TRANSIENT_CLIENT_ERRORS:
            raise TransientActionError(reason, status, _retry_after_ms(headers))
        raise PermanentActionError(reason, status)

    def _exchange(self, request: WebhookRequest) -> tuple[int, httpx.Headers]:
        deadline_s = time.monotonic() + request.timeout_ms / 1000
        with self._client.stream(
            request.method,
            request.url,
            headers=request.headers,
            content=request.body,
            timeout=request.timeout_ms / 1000,
        ) as response:
            # Read a little, so that the connection can be used again; a longer reply is not worth its bytes.
            size = 0
            for chunk in response.iter_raw():
                size += len(chunk)
                if time.monotonic() > deadline_s:
                    raise httpx.ReadTimeout("the reply drips")
                if size > MAX_REPLY_BYTES:
                    break
            return response.status_code, response.headers


def _retry_after_ms(headers: httpx.Headers) -> int | None:
    """Read `Retry-After` in its seconds form (RFC 9110, 10.2.3), capped at a day."""
    value = headers.get("retry-after", "").strip()
    if not (value.isascii() and value.isdigit()):
        return None
    return min(int(value), MAX_RETRY_AFTER_S) * 1000
