"""The ledger: what of the tables is there after a restart."""

import json
from pathlib import Path
from typing import Any

import pytest

from minoots_local.aws.images import Snapshot
from minoots_local.aws.streams import FIRST_SEQUENCE_NUMBER, TableWrite
from minoots_local.errors import DataDirInUseError, JournalDamagedError
from minoots_local.ledger import Ledger, TableHistory, TableSpec

TABLES = {"t": TableSpec(("pk", "sk"), ("reader", "other"))}


def keys(name: str) -> dict[str, Any]:
    return {"pk": {"S": name}, "sk": {"S": "x"}}


def item(name: str, value: int) -> dict[str, Any]:
    return {**keys(name), "value": {"N": str(value)}}


class Writer:
    """Writes as the write path would."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        history = ledger.histories.get("t") or TableHistory()
        self.number = history.next_number

    def put(self, name: str, value: int | None) -> int:
        new = Snapshot.of(item(name, value)) if value is not None else None
        write = TableWrite(keys(name), None, new)
        ticket = self.ledger.note_write("t", self.number, write, 1_000.0)
        self.number += 1
        return ticket


def opened(path: Path) -> Ledger:
    return Ledger(path, TABLES)


def values(history: TableHistory) -> dict[str, int]:
    return {image["pk"]["S"]: int(image["value"]["N"]) for image in map(json.loads, history.items.values())}


def test_items_survive_as_they_were_last_written(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    writer = Writer(ledger)
    writer.put("a", 1)
    writer.put("b", 1)
    writer.put("a", 2)
    writer.put("b", None)
    ledger.sync(writer.put("c", 3))
    ledger.close()
    for _ in range(3):  # the compacted journal says the same as the one it replaces
        ledger = opened(tmp_path)
        history = ledger.histories["t"]
        assert values(history) == {"a": 2, "c": 3}
        assert history.next_number == FIRST_SEQUENCE_NUMBER + 5
        ledger.close()


def test_starting_makes_the_journal_short_again(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    writer = Writer(ledger)
    for value in range(500):
        writer.put("a", value)
    ledger.close()
    before = (tmp_path / "tables.journal").stat().st_size
    opened(tmp_path).close()
    assert (tmp_path / "tables.journal").stat().st_size < before / 50


def test_records_that_a_reader_has_not_read_are_there_after_a_restart(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    for reader in ("reader", "other"):
        ledger.note_position("t", reader, FIRST_SEQUENCE_NUMBER)
    writer = Writer(ledger)
    writer.put("a", 1)
    writer.put("a", 2)
    writer.put("a", None)
    ledger.note_position("t", "reader", FIRST_SEQUENCE_NUMBER + 3)
    ledger.note_position("t", "other", FIRST_SEQUENCE_NUMBER + 1)
    ledger.close()
    for _ in range(2):
        ledger = opened(tmp_path)
        history = ledger.histories["t"]
        assert history.readers == {"reader": FIRST_SEQUENCE_NUMBER + 3, "other": FIRST_SEQUENCE_NUMBER + 1}
        assert [record.number - FIRST_SEQUENCE_NUMBER for record in history.unread] == [1, 2]
        assert [record.write.event_name for record in history.unread] == ["MODIFY", "REMOVE"]
        assert history.unread[0].write.old == item("a", 1)
        assert history.unread[0].write.new == item("a", 2)
        ledger.close()
    ledger = opened(tmp_path)
    ledger.note_position("t", "other", FIRST_SEQUENCE_NUMBER + 3)
    ledger.close()
    ledger = opened(tmp_path)
    assert not ledger.histories["t"].unread
    ledger.close()


def test_a_reader_that_the_template_lost_holds_nothing_back(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    for reader in ("reader", "other"):
        ledger.note_position("t", reader, FIRST_SEQUENCE_NUMBER)
    Writer(ledger).put("a", 1)
    ledger.note_position("t", "reader", FIRST_SEQUENCE_NUMBER + 1)
    ledger.close()
    ledger = Ledger(tmp_path, {"t": TableSpec(("pk", "sk"), ("reader",))})
    assert ledger.histories["t"].readers == {"reader": FIRST_SEQUENCE_NUMBER + 1}
    assert not ledger.histories["t"].unread
    ledger.close()


def test_two_stacks_cannot_share_a_directory(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    with pytest.raises(DataDirInUseError, match="in use by another local stack"):
        opened(tmp_path)
    ledger.close()
    opened(tmp_path).close()


def test_items_of_a_table_that_the_template_lacks_are_not_thrown_away(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    Writer(ledger).put("a", 1)
    ledger.close()
    with pytest.raises(JournalDamagedError, match="which the template does not have"):
        Ledger(tmp_path, {})
    ledger = opened(tmp_path)
    assert values(ledger.histories["t"]) == {"a": 1}
    ledger.close()


def test_text_of_every_kind_survives(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    odd = {**keys("ä\u2028\x00\U0001f600"), "value": {"N": "1"}, "m": {"M": {"l": {"L": [{"NULL": True}]}}}}
    ledger.note_write("t", FIRST_SEQUENCE_NUMBER, TableWrite(keys("x"), None, Snapshot.of(odd)), 0)
    ledger.close()
    ledger = opened(tmp_path)
    assert [json.loads(text) for text in ledger.histories["t"].items.values()] == [odd]
    ledger.close()


def test_it_knows_the_newest_instant_of_an_earlier_run(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    assert ledger.newest_ms == 0
    ledger.sync(Writer(ledger).put("a", 1))
    ledger.close()
    for _ in range(2):  # the compacted journal has it, too
        ledger = opened(tmp_path)
        assert ledger.newest_ms == 1_000
        ledger.close()
    ledger = opened(tmp_path)
    ledger.note_time(5_000.9)
    ledger.sync(Writer(ledger).put("b", 1))
    ledger.close()
    for _ in range(2):
        ledger = opened(tmp_path)
        assert ledger.newest_ms == 5_000
        assert values(ledger.histories["t"]) == {"a": 1, "b": 1}
        ledger.close()
