"""What a receiver's status and its `Retry-After` mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from minoots_kernel.adapters.webhook.sender import HttpWebhookSender
from minoots_kernel.domain.errors import ActionError, PermanentActionError, TransientActionError
from tests.unit.adapters.webhook.servers import a_request, a_sender, raw_server, reply

NOW_MS = int(datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 86_400_000


class FrozenClock:
    def now_ms(self) -> int:
        return NOW_MS

    def sleep_ms(self, duration_ms: int) -> None:
        raise AssertionError("nobody waits")


def failure(answer: bytes) -> ActionError:
    """How the sender reports an answer."""
    sender = a_sender("127.0.0.1", clock=FrozenClock())
    with raw_server(lambda talk: talk.answer_all(answer)) as server:
        try:
            with pytest.raises(ActionError) as caught:
                sender.send(a_request(server.url))
        finally:
            sender.close()
        assert len(server.requests) == 1
    return caught.value


@pytest.mark.parametrize("status", [200, 201, 202, 204, 207, 299])
def test_any_status_of_success_is_one(sender: HttpWebhookSender, status: int) -> None:
    with raw_server(lambda talk: talk.answer_all(reply(status))) as server:
        assert sender.send(a_request(server.url)) == status


@pytest.mark.parametrize("status", [408, 409, 421, 423, 425, 429, 500, 501, 502, 503, 504, 507, 599])
def test_what_may_pass_is_transient_and_the_wait_is_the_receivers(status: int) -> None:
    error = failure(reply(status, "Retry-After: 7"))
    assert isinstance(error, TransientActionError)
    assert (error.reason, error.status_code, error.retry_after_ms) == (f"the receiver answered {status}", status, 7000)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 410, 413, 422, 451])
def test_what_will_not_pass_is_permanent_and_no_redirect_is_followed(status: int) -> None:
    error = failure(reply(status, "Location: /elsewhere", "Retry-After: 7"))
    assert isinstance(error, PermanentActionError)
    assert (error.reason, error.status_code) == (f"the receiver answered {status}", status)


def test_a_switch_of_protocols_is_no_success() -> None:
    error = failure(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes of another protocol")
    assert isinstance(error, ActionError)


@pytest.mark.parametrize(
    ("value", "wait_ms"),
    [
        ("0", 0),
        ("1", 1_000),
        (" 120\t", 120_000),
        ("000000060", 60_000),
        ("86400", DAY_MS),
        ("86401", DAY_MS),
        ("999999999", DAY_MS),
        ("1000000000", None),
        ("9" * 5_000, None),
        ("0" * 5_000, None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("1 2", None),
        ("1, 2", None),
        ("\u00b2", None),
        ("", None),
        ("soon", None),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60_000),
        ("Sunday, 06-Nov-94 08:50:37 GMT", 60_000),
        ("Sun Nov  6 08:50:37 1994", 60_000),
        ("Sun, 06 Nov 1994 08:49:38 GMT", 1_000),
        ("Sun, 06 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:36 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Mon, 01 Jan 0001 00:00:00 GMT", None),
        ("Mon, 07 Nov 1994 08:49:38 GMT", DAY_MS),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DAY_MS),
        ("Wed, 30 Feb 1994 00:00:00 GMT", None),
        ("Sun, 06 Nov 1994 25:00:00 GMT", None),
        ("Sun, 06 Nov 1994 08:50:37 +0100", None),
        ("Sun, 06 Nov 99999999999 08:50:37 GMT", None),
        ("Sun, " + "0" * 5_000, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_a_day_at_most(value: str, wait_ms: int | None) -> None:
    answer = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nretry-AFTER: " + value.encode("latin-1") + b"\r\n\r\n"
    error = failure(answer)
    assert isinstance(error, TransientActionError)
    assert (error.status_code, error.retry_after_ms) == (503, wait_ms)


def test_without_the_field_there_is_no_wait_and_of_two_the_first_counts() -> None:
    for headers, wait_ms in (([], None), (["Retry-After: 1", "Retry-After: 2"], 1_000)):
        error = failure(reply(503, *headers))
        assert isinstance(error, TransientActionError)
        assert error.retry_after_ms == wait_ms
