"""One HTTP exchange with the API: headers, retries, errors and typed replies."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import httpx
from pydantic import ValidationError

from minoots import __version__
from minoots.client.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    MinootsClientError,
    UnexpectedReplyError,
    status_error,
)
from minoots.client.retry import RetryPolicy, parse_retry_after
from minoots.clock import Clock
from minoots_contract.model import WireModel
from minoots_contract.problems import Problem

__all__ = ["Call", "Lines", "Session"]

T = TypeVar("T")
Reply = TypeVar("Reply", bound=WireModel)

_log = logging.getLogger("minoots")

# The request never left: no connection was made, or none was free.
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
# `x-request-id` is ours; the other is what API Gateway writes on answers of its own.
_REQUEST_ID_HEADERS: Final = ("x-request-id", "apigw-requestid")


@dataclass(frozen=True, slots=True)
class Call:
    """A request, before it is one.

    Attributes:
        method: The HTTP method.
        path: Below the base URL, with a slash first.
        params: Query parameters; absent ones are None, a sequence is repeated.
        body: Sent as JSON when given.
        repeatable: Whether doing it twice is the same as doing it once.
        headers: Beside those of every call.
    """

    method: str
    path: str
    params: Mapping[str, str | int | Sequence[str] | None] | None = None
    body: Mapping[str, Any] | None = None
    repeatable: bool = True
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """A page of NDJSON.

    Attributes:
        lines: As they came, without their ends.
        next_cursor: Where the next page begins; none after the last.
    """

    lines: Sequence[str]
    next_cursor: str | None


class Session:
    """Sends calls and reads the answers into the contract's models."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        *,
        transport: httpx.BaseTransport | None,
        timeout: float | httpx.Timeout,
        retry: RetryPolicy,
        clock: Clock,
    ) -> None:
        self._retry = retry
        self.clock = clock
        self.base_url = _checked_url(base_url)
        self._http = httpx.Client(
            base_url=self.base_url,
            headers={
                **({} if api_key is None else {"X-API-Key": _checked_key(api_key)}),
                "Accept": "application/json, application/problem+json",
                "User-Agent": f"minoots-python/{__version__}",
            },
            timeout=timeout,
            transport=transport,
            verify=_trust(self.base_url),
        )

    def send(self, call: Call, reply: type[Reply]) -> Reply:
        """Make a call, again if that is safe and may help, and read its answer.

        Raises:
            MinootsClientError: One of the tree in `minoots.client.errors`.
        """
        return self._repeated(call, lambda response: self._read(response, reply))

    def send_unanswered(self, call: Call) -> None:
        """Make a call whose success has no content; as `send`."""
        self._repeated(call, lambda _: None)

    def send_lines(self, call: Call) -> Lines:
        """Make a call whose answer is NDJSON; as `send`."""
        return self._repeated(call, _lines)

    def _repeated(self, call: Call, read: Callable[[httpx.Response], T]) -> T:
        retries_made = 0
        while True:
            try:
                return read(self._send_once(call))
            except MinootsClientError as error:
                delay_s = self._retry.delay_s(error, retries_made=retries_made, repeatable=call.repeatable)
                if delay_s is None:
                    raise
                _log.debug("%s %s again in %.2f s: %s", call.method, call.path, delay_s, error)
            self.clock.sleep(delay_s)
            retries_made += 1

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _send_once(self, call: Call) -> httpx.Response:
        params = {key: value for key, value in (call.params or {}).items() if value is not None}
        try:
            response = self._http.request(
                call.method, call.path, params=params or None, json=call.body, headers=call.headers
            )
        except httpx.RequestError as error:
            raise self._connection_error(error) from error
        if not response.is_success:
            raise self._status_error(response)
        return response

    @staticmethod
    def _read(response: httpx.Response, reply: type[Reply]) -> Reply:
        try:
            # A newer service may send more than this release knows: what is unknown is left out.
            return reply.model_validate_json(response.content, extra="ignore")
        except ValidationError as error:
            raise UnexpectedReplyError(
                f"{response.url} answered {response.status_code}, but not with a {reply.__name__}: "
                "is it MINOOTS, and is this client recent enough?"
            ) from error

    def _connection_error(self, error: httpx.RequestError) -> APIConnectionError:
        kind = APITimeoutError if isinstance(error, httpx.TimeoutException) else APIConnectionError
        reason = str(error) or type(error).__name__
        return kind(
            f"no answer from {self.base_url}: {reason}",
            outcome_unknown=not isinstance(error, _NEVER_SENT),
        )

    def _status_error(self, response: httpx.Response) -> APIStatusError:
        headers = response.headers
        return status_error(
            response.status_code,
            _problem(response),
            request_id=next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None),
            retry_after_s=parse_retry_after(headers.get("retry-after"), now_ms=self.clock.now_ms()),
        )


def _lines(response: httpx.Response) -> Lines:
    following = response.links.get("next", {}).get("url")
    cursor = None if following is None else response.url.join(following).params.get("cursor")
    # Not by `splitlines`, to which some characters within a line are ends, too.
    return Lines([line for line in response.text.split("\n") if line], cursor)


def _problem(response: httpx.Response) -> Problem | None:
    try:
        return Problem.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        return None


def _checked_url(base_url: str) -> str:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"'{base_url}' is not a URL: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"'{base_url}' is not a URL of the form http(s)://host[:port][/path]")
    return base_url.rstrip("/")


def _checked_key(api_key: str) -> str:
    if not api_key or not all("!" <= character <= "~" for character in api_key):
        raise ValueError("an API key is printable ASCII without blanks")
    return api_key


def _trust(base_url: str) -> ssl.SSLContext | bool:
    # Reading the authorities' certificates costs some 50 ms. A plain-HTTP client speaks no TLS (redirects are not
    # followed), so it gets a context that trusts nobody.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if base_url.startswith("http:") else True
