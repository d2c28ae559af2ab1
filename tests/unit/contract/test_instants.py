from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minoots_contract.instants import MAX_INSTANT_MS, InvalidInstantError, format_instant, parse_instant

FIRST_MS = -62_135_596_800_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(FIRST_MS, MAX_INSTANT_MS))
@example(FIRST_MS)
@example(MAX_INSTANT_MS)
@example(-1)
@example(0)
def test_what_format_writes_parse_reads_back(epoch_ms: int) -> None:
    text = format_instant(epoch_ms)
    assert len(text) == 24
    assert parse_instant(text) == epoch_ms


@given(
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001  given UTC
        lambda at: at.replace(microsecond=0)
    ),
    st.integers(-1439, 1439),
    st.sampled_from("Tt "),
)
def test_an_offset_names_the_same_instant(at: datetime, offset_minutes: int, letter: str) -> None:
    local = at + timedelta(minutes=offset_minutes)
    sign, size = ("-" if offset_minutes < 0 else "+"), abs(offset_minutes)
    date = f"{local.year:04d}-{local.month:02d}-{local.day:02d}"
    text = f"{date}{letter}{local:%H:%M:%S}{sign}{size // 60:02d}:{size % 60:02d}"
    assert parse_instant(text) == (at - EPOCH) // timedelta(milliseconds=1)


@given(st.integers(0, 4_000_000_000), st.text("0123456789", min_size=1, max_size=9))
@example(0, "0001")
@example(0, "999000001")
@example(1_790_000_000, "000000000")
def test_digits_past_the_millisecond_never_make_an_instant_earlier(epoch_s: int, digits: str) -> None:
    exact_ms = epoch_s * 1000 + Fraction(int(digits) * 1000, 10 ** len(digits))
    whole = format_instant(epoch_s * 1000).removesuffix(".000Z")
    read = parse_instant(f"{whole}.{digits}Z")
    assert exact_ms <= read < exact_ms + 1


@pytest.mark.parametrize(
    ("text", "epoch_ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00z", 0),
        ("1970-01-01 00:00:00.5Z", 500),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:59:59.999-00:00", -1),
        ("2024-02-29T12:00:00Z", 1_709_208_000_000),
        ("9999-12-31T23:59:59.999Z", MAX_INSTANT_MS),
        ("0001-01-01T00:00:00Z", FIRST_MS),
    ],
)
def test_instants_of_the_standard_are_read(text: str, epoch_ms: int) -> None:
    assert parse_instant(text) == epoch_ms


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2026-12-01T09:00:00", "no offset"),
        ("2026-12-01 09:00:00.123", "no offset"),
        ("2026-12-01", "RFC 3339"),
        ("2026-12-01T09:00Z", "RFC 3339"),
        ("2026-12-01T09Z", "RFC 3339"),
        ("20261201T090000Z", "RFC 3339"),
        ("2026-W49-2T09:00:00Z", "RFC 3339"),
        ("2026-12-01T09:00:00+0100", "RFC 3339"),
        ("2026-12-01T09:00:00+01", "RFC 3339"),
        ("2026-12-01T09:00:00+01:75", "RFC 3339"),
        ("2026-12-01T09:00:00+24:00", "RFC 3339"),
        ("2026-12-01T09:00:00 +01:00", "RFC 3339"),
        ("2026-12-01T09:00:00,5Z", "RFC 3339"),
        ("2026-12-01T09:00:00.Z", "RFC 3339"),
        ("2026-12-01T09:00:00.1234567890Z", "RFC 3339"),
        (" 2026-12-01T09:00:00Z", "RFC 3339"),
        ("2026-12-01T09:00:00Z\n", "RFC 3339"),
        ("+2026-12-01T09:00:00Z", "RFC 3339"),
        ("12026-12-01T09:00:00Z", "RFC 3339"),
        ("٢٠٢٦-12-01T09:00:00Z", "RFC 3339"),
        ("tomorrow", "RFC 3339"),
        ("", "RFC 3339"),
        ("1764579600", "RFC 3339"),
        (1_764_579_600_000, "RFC 3339"),
        (None, "RFC 3339"),
        (True, "RFC 3339"),
        ("2026-12-01T24:00:00Z", "RFC 3339"),
        ("2026-12-01T09:60:00Z", "no such date"),
        ("2026-02-29T09:00:00Z", "no such date"),
        ("2026-13-01T09:00:00Z", "no such date"),
        ("2026-00-01T09:00:00Z", "no such date"),
        ("0000-01-01T00:00:00Z", "no such date"),
        ("2016-12-31T23:59:60Z", "no such date"),
        ("9999-12-31T23:59:59.9991Z", "years 1 to 9999"),
        ("9999-12-31T23:59:59-00:01", "years 1 to 9999"),
        ("0001-01-01T00:00:00+00:01", "years 1 to 9999"),
    ],
)
def test_everything_else_is_refused_with_a_word_on_what_to_write(text: object, says: str) -> None:
    with pytest.raises(InvalidInstantError, match=says):
        parse_instant(text)
