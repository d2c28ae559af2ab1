from __future__ import annotations

from itertools import groupby, zip_longest

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minoots_contract.durations import (
    MAX_DURATION_MS,
    MAX_DURATION_TEXT,
    InvalidDurationError,
    format_duration,
    parse_duration,
)

DAY_MS = 24 * 60 * 60 * 1000
COMPACT = [("w", 7 * DAY_MS), ("d", DAY_MS), ("h", DAY_MS // 24), ("m", 60_000), ("s", 1000), ("ms", 1)]
DATE = [("D", DAY_MS)]
TIME = [("H", DAY_MS // 24), ("M", 60_000), ("S", 1000)]
DIGITS = "0123456789"
SCALE = 10**MAX_DURATION_TEXT


def number(text: str) -> tuple[int, bool] | None:
    """Read digits, perhaps with a fraction, as (value · SCALE, has a fraction)."""
    parts = text.split(".")
    if len(parts) > 2 or not all(part and set(part) <= set(DIGITS) for part in parts):
        return None
    fraction = parts[1] if len(parts) == 2 else ""
    return int(parts[0] + fraction) * SCALE // 10 ** len(fraction), bool(fraction)


def scan(text: str, units: list[tuple[str, int]]) -> list[tuple[int, bool]] | None:
    """Read terms by hand, the largest unit first; none if the text is not made of such terms."""
    pieces = ["".join(piece) for _, piece in groupby(text, lambda character: character in DIGITS + ".")]
    names = [name for name, _ in units]
    terms, last = [], -1
    for digits, name in zip_longest(pieces[::2], pieces[1::2], fillvalue=""):
        value = number(digits)
        if value is None or name not in names or names.index(name) <= last:
            return None
        last = names.index(name)
        terms.append((value[0] * units[last][1], value[1]))
    return terms


def scan_iso(text: str) -> list[tuple[int, bool]] | None:
    date, mark, time = text.partition("T")
    if mark and not time:
        return None
    if date.endswith("W") and not mark:
        return scan(date, [("W", 7 * DAY_MS)])
    days, clock = scan(date, DATE), scan(time, TIME)
    terms = None if days is None or clock is None else days + clock
    return None if terms is None or any(fraction for _, fraction in terms[:-1]) else terms


def oracle(text: str) -> int | None:
    """The grammar once more, without regular expressions: milliseconds, or none for what is refused."""
    if len(text) > MAX_DURATION_TEXT:
        return None
    terms = scan_iso(text[1:]) if text.startswith("P") else scan(text, COMPACT)
    total = sum(value for value, _ in terms or [])
    return total // SCALE if total % SCALE == 0 and 0 < total // SCALE <= MAX_DURATION_MS else None


def parsed(text: str) -> int | None:
    try:
        return parse_duration(text)
    except InvalidDurationError:
        return None


numbers = st.one_of(
    st.integers(0, 5000).map(str),
    st.tuples(st.integers(0, 300), st.integers(0, 999)).map(lambda pair: f"{pair[0]}.{pair[1]}"),
    st.sampled_from(["0", "00", "01", "0.5", "1.25", "1.0000", "999999999999"]),
)


def terms_of(units: list[tuple[str, int]]) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(range(len(units))), unique=True, max_size=len(units)).flatmap(
        lambda chosen: st.tuples(*(numbers.map(lambda number, u=units[i][0]: number + u) for i in sorted(chosen))).map(
            "".join
        )
    )


compact_texts = terms_of(COMPACT)
iso_texts = st.one_of(
    numbers.map(lambda number: f"P{number}W"),
    st.tuples(terms_of(DATE), terms_of(TIME)).map(lambda two: f"P{two[0]}{'T' * bool(two[1])}{two[1]}"),
)
near = st.sampled_from(
    [*"0123456789.,PTWDHMSYpwdhmsy -+eE_:", "\N{ARABIC-INDIC DIGIT ONE}", "²", "½", "\n", "\x00", "5"]
)


@st.composite
def near_misses(draw: st.DrawFn) -> str:
    text = draw(st.one_of(compact_texts, iso_texts))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(near | st.just("")) + text[at + draw(st.integers(0, 1)) :]
    return text


@given(st.integers(1, MAX_DURATION_MS))
@example(MAX_DURATION_MS)
@example(1)
def test_what_format_writes_parse_reads_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds)) == milliseconds
    assert oracle(format_duration(milliseconds)) == milliseconds


@given(st.dictionaries(st.sampled_from(range(len(COMPACT))), st.integers(1, 10_000), min_size=1))
def test_a_compact_text_means_the_sum_of_its_terms(terms: dict[int, int]) -> None:
    text = "".join(f"{count}{COMPACT[index][0]}" for index, count in sorted(terms.items()))
    assert parse_duration(text) == sum(count * COMPACT[index][1] for index, count in terms.items())


@given(st.integers(0, 400), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 999))
@example(0, 0, 0, 0, 1)
def test_an_iso_text_means_the_sum_of_its_terms(days: int, hours: int, minutes: int, seconds: int, ms: int) -> None:
    text = f"P{days}DT{hours}H{minutes}M{seconds}.{ms:03d}S"
    expected = days * DAY_MS + hours * 3_600_000 + minutes * 60_000 + seconds * 1000 + ms
    assert parsed(text) == (expected or None)


@given(st.one_of(compact_texts, iso_texts, near_misses(), st.text(near, max_size=12), st.text(max_size=8)))
@example("P1DT")
@example("PT")
@example("5m5ms")
@example("1m1m")
@example("1s1m")
@example("P1W1D")
@example("PT1.5H1M")
@example("0.0005s")
def test_nothing_means_something_else_than_an_independent_reader_says(text: str) -> None:
    assert parsed(text) == oracle(text)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("250ms", 250),
        ("30s", 30_000),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("1.5h", 5_400_000),
        ("2w", 14 * DAY_MS),
        ("1w1d1h1m1s1ms", 8 * DAY_MS + 3_661_001),
        ("PT1H30M", 5_400_000),
        ("P1D", DAY_MS),
        ("P2W", 14 * DAY_MS),
        ("PT0.5S", 500),
        ("P1DT0.25H", DAY_MS + 900_000),
        (1500, 1500),
        ("3660000d", MAX_DURATION_MS),
        (MAX_DURATION_MS, MAX_DURATION_MS),
    ],
)
def test_durations_of_the_contract_are_read(text: str | int, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "write a duration"),
        ("s", "write a duration"),
        ("30", "write a duration"),
        ("30 s", "write a duration"),
        (" 30s", "write a duration"),
        ("30s\n", "write a duration"),
        ("-30s", "write a duration"),
        ("+30s", "write a duration"),
        ("1e3s", "write a duration"),
        ("0x10s", "write a duration"),
        ("1_000s", "write a duration"),
        ("1,5h", "write a duration"),
        (".5h", "write a duration"),
        ("1.h", "write a duration"),
        ("30S", "write a duration"),
        ("1H30M", "write a duration"),
        ("30m1h", "write a duration"),
        ("1h1h", "write a duration"),
        ("\N{ARABIC-INDIC DIGIT THREE}0s", "write a duration"),
        ("3²s", "write a duration"),
        ("infs", "write a duration"),
        ("P", "write a duration"),
        ("PT", "write a duration"),
        ("P1DT", "write a duration"),
        ("P1H", "write a duration"),
        ("PT1D", "write a duration"),
        ("P1W1D", "write a duration"),
        ("-P1D", "write a duration"),
        ("pt1h", "write a duration"),
        ("P1Y", "years and months"),
        ("P1M", "years and months"),
        ("P1Y2M3DT4H", "years and months"),
        ("PT1.5H1M", "only the last component"),
        ("0s", "longer than zero"),
        ("PT0S", "longer than zero"),
        (0, "longer than zero"),
        (-1, "longer than zero"),
        ("0.5ms", "whole number of milliseconds"),
        ("0.0001s", "whole number of milliseconds"),
        ("3660001d", "year 9999"),
        (MAX_DURATION_MS + 1, "year 9999"),
        ("9" * 63 + "s", "year 9999"),
        ("0" * 64 + "1s", "64 characters"),
        (True, "whole number of milliseconds"),
        (1.5, "whole number of milliseconds"),
        (None, "whole number of milliseconds"),
        (["30s"], "whole number of milliseconds"),
    ],
)
def test_everything_else_is_refused_with_a_word_on_what_to_write(text: object, says: str) -> None:
    with pytest.raises(InvalidDurationError, match=says):
        parse_duration(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("milliseconds", [0, -1])
def test_only_positive_durations_are_written(milliseconds: int) -> None:
    with pytest.raises(InvalidDurationError):
        format_duration(milliseconds)
