"""What a receiver's status and its `Retry-After` mean."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from minoots_kernel.adapters.webhook.replies import Reply, retry_after_ms
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
        assert sender.send(a_request(server.url)).status_code == status


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


EPOCH_S = NOW_MS // 1000 + 1_000_000_000  # the frozen clock stands before the times that count as such
LATER_MS = EPOCH_S * 1000


@pytest.mark.parametrize(
    ("field", "wait_ms"),
    [
        ("RateLimit-Reset: 30", 30_000),
        ("ratelimit-reset: 0", 0),
        ("X-RateLimit-Reset-After: 1.2", 1_200),
        ("X-RateLimit-Reset: 12", 12_000),
        (f"X-RateLimit-Reset: {EPOCH_S + 9}", 9_000),
        (f"X-RateLimit-Reset: {EPOCH_S + 9}.5", 9_500),
        (f"X-RateLimit-Reset: {LATER_MS + 9_001}", 9_001),
        (f"X-Rate-Limit-Reset: {EPOCH_S + 7}", 7_000),
        (f"X-RateLimit-Reset: {EPOCH_S + 99_999_999}", DAY_MS),
        ("RateLimit-Reset: 9999999999", DAY_MS),
        ('RateLimit: "default";r=0;t=5', 5_000),
        ("RateLimit: limit=100, remaining=0, reset=50", 50_000),
        (f"X-RateLimit-Reset: {EPOCH_S - 1}", None),
        ("X-RateLimit-Reset: soon", None),
        ("X-RateLimit-Reset: -5", None),
        ("X-RateLimit-Reset: 5 minutes", None),
        ("X-RateLimit-Reset: 1e3", None),
        ("RateLimit-Reset: " + "9" * 400, None),
        ("X-RateLimit-Limit: 100", None),
    ],
)
def test_of_a_429_without_retry_after_the_rate_limits_reset_is_the_wait(field: str, wait_ms: int | None) -> None:
    name, _, value = field.partition(": ")
    assert retry_after_ms(Reply(429, [(name.encode(), value.encode())]), LATER_MS) == wait_ms


def test_retry_after_and_what_is_seconds_by_definition_come_first() -> None:
    fields = [(b"X-RateLimit-Reset", b"9"), (b"X-RateLimit-Reset-After", b"4"), (b"RateLimit-Reset", b"3")]
    assert retry_after_ms(Reply(429, fields), LATER_MS) == 3_000
    assert retry_after_ms(Reply(429, [*fields, (b"Retry-After", b"60")]), LATER_MS) == 60_000
    assert retry_after_ms(Reply(429, [*fields, (b"Retry-After", b"what")]), LATER_MS) == 3_000


@pytest.mark.parametrize("status", [503, 500, 408])
def test_the_rate_limit_of_another_answer_is_no_wait(status: int) -> None:
    assert retry_after_ms(Reply(status, [(b"RateLimit-Reset", b"3600")]), LATER_MS) is None


def test_a_failure_tells_how_its_answer_began_without_what_is_secret(sender: HttpWebhookSender) -> None:
    body = b"no entry for Bearer s3cret-token, s3cret-token or whsec_abc\n" + b"x" * 1_000
    request = replace(a_request("http://127.0.0.1/"), secrets=frozenset({"s3cret-token", "whsec_abc"}))
    with (
        raw_server(lambda talk: talk.answer_all(reply(403, body=body))) as server,
        pytest.raises(PermanentActionError) as caught,
    ):
        sender.send(replace(request, url=server.url))
    answer = caught.value.answer
    assert answer.status_code == 403
    assert answer.excerpt is not None
    assert answer.excerpt.startswith("no entry for Bearer ***, *** or *** xxx")
    assert len(answer.excerpt) <= 256


def test_a_success_tells_its_times_but_not_what_it_said(sender: HttpWebhookSender) -> None:
    with raw_server(lambda talk: talk.answer_all(reply(200, body=b"thanks"))) as server:
        first, second = sender.send(a_request(server.url)), sender.send(a_request(server.url))
    assert (first.excerpt, second.excerpt) == (None, None)
    assert first.connect_ms is not None
    assert first.first_byte_ms is not None
    assert 0 <= first.connect_ms <= first.first_byte_ms < 5_000
    assert second.connect_ms is None  # a kept connection
    assert second.first_byte_ms is not None


def test_an_attempt_without_an_answer_tells_how_far_it_came(sender: HttpWebhookSender) -> None:
    with raw_server(lambda talk: talk.read_request()) as server, pytest.raises(TransientActionError) as caught:
        sender.send(a_request(server.url))
    answer = caught.value.answer
    assert (answer.status_code, answer.first_byte_ms, answer.excerpt) == (None, None, None)
    assert answer.connect_ms is not None
