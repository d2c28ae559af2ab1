"""What each route around moto is worth: the same work on stock moto's path and on ours, in one process, in turn.

Run as a program by `measure`: it prints its figures as JSON. Everything is CPU time of one thread, so that what else
the machine does matters little.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from bench.places import Make, Places, Work, answering, cpu_ms
from bench.seed import armed_items
from minoots_kernel.adapters.dynamodb.table import Table
from minoots_local.aws.images import Snapshot, item_of
from minoots_local.aws.item_store import ItemStore, KeyAttribute
from minoots_local.aws.streams import FIRST_SEQUENCE_NUMBER, StreamRecord, TableWrite
from minoots_local.template.reader import find_template, read_template

ROUNDS = 3
CALLS = 200
QUERIED = 1_000
QUEUED = 200
SENT = 1_500
KEPT = 10_000

Item = dict[str, Any]
Way = Callable[[], float]
"""Does some work one way, and returns what it cost."""


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that is done another way than moto does it.

    Attributes:
        what: What is measured.
        unit: Of its figures.
        stock: The way without it.
        ours: The way with it.
    """

    what: str
    unit: str
    stock: Way
    ours: Way


class Bench:
    """The routes, on a table of the template's."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._moto, self._account = places.moto, places.account
        # As texts: ten thousand items of this program's own would be all that a full collection looks at.
        self._texts = [json.dumps(item) for item in armed_items(KEPT, int(time.time() * 1000))]
        self._items = list(map(json.loads, self._texts[:QUERIED]))

    def routes(self) -> list[Route]:
        """All of them."""
        return [*self._of_what_is_kept(), *self._of_calls(), *self._of_queues()]

    def _of_calls(self) -> list[Route]:
        unit = "ms per call"
        whole = {"read by key": self._read, "new item": self._put, "update of a version": self._update}
        without = partial(self._account, direct=False)
        return [
            *(
                Route(f"{name}, all routes", unit, self._way(self._moto, call), self._way(self._account, call))
                for name, call in whole.items()
            ),
            Route(
                "update answered from the tables",
                unit,
                self._way(without, self._update),
                self._way(self._account, self._update),
            ),
            Route(
                "update left unsigned",
                unit,
                self._way(partial(self._account, signed=True), self._update),
                self._way(self._account, self._update),
            ),
            Route(
                f"sorted keys: query of 10 among {QUERIED:,} items",
                unit,
                self._way(self._moto, self._query, 20),
                self._way(self._account, self._query, 20),
            ),
        ]

    def _of_queues(self) -> list[Route]:
        return [
            Route(
                f"lean queue: send, receive, delete beside {QUEUED} messages",
                "ms",
                self._way(self._moto, self._pass, 5),
                self._way(self._account, self._pass, 5),
            ),
            Route(
                "methods of a service listed once: send",
                "ms per call",
                self._way(partial(self._account, listed=False), self._send, SENT),
                self._way(self._account, self._send, SENT),
            ),
            Route(
                f"garbage collected seldom: send, {SENT:,} messages waiting in the end",
                "ms per call",
                self._way(self._account, self._send, SENT),
                self._way(partial(self._account, tuned=True), self._send, SENT),
            ),
        ]

    def _of_what_is_kept(self) -> list[Route]:
        def moto(which: int) -> Way:
            return lambda: self._kept(self._as_moto, which)

        def ours(which: int) -> Way:
            return lambda: self._kept(self._as_texts, which)

        return [
            Route(
                "stream record written once: for two readers",
                "ms",
                partial(self._records, again=True),
                partial(self._records, again=False),
            ),
            Route("compact items: one timer", "KB", moto(0), ours(0)),
            Route(f"compact items: full collection beside {KEPT:,} timers", "ms", moto(1), ours(1)),
        ]

    def floors(self) -> dict[str, float]:
        """What boto3 alone takes for a call, the answer being there: milliseconds by operation."""
        body = json.dumps({"Item": self._items[0]}).encode()
        with self._account() as make:
            table = Table(answering(make("dynamodb"), body), self._places.table_name)
            queue, bus = answering(make("sqs"), b"{}"), answering(make("events"), b'{"Entries":[]}')
            key = _key(self._items[0])
            entry = {"Source": "bench", "DetailType": "bench", "Detail": json.dumps(key), "EventBusName": "bus"}
            works: dict[str, Work] = {
                "GetItem": lambda: table.get(key),
                "PutItem": lambda: table.put_new(self._items[0]),
                "UpdateItem": lambda: table.change(key, {"status": {"S": "fired"}, "version": {"N": "3"}}, version=2),
                "SendMessage": lambda: queue.send_message(QueueUrl="https://q", MessageBody=json.dumps(key)),
                "PutEvents": lambda: bus.put_events(Entries=[entry]),
            }
            return {name: round(median(cpu_ms(work, CALLS) for _ in range(ROUNDS)), 4) for name, work in works.items()}

    def _way(self, place: Callable[[], Any], prepare: Callable[[Make], Work], times: int = CALLS) -> Way:
        def way() -> float:
            with place() as make:
                return cpu_ms(prepare(make), times)

        return way

    # What is called. Each prepares, and returns what to do again and again.

    def _filled(self, make: Make, items: int) -> Table:
        table = Table(make("dynamodb"), self._places.table_name)
        for item in self._items[:items]:
            table.put(item)
        return table

    def _read(self, make: Make) -> Work:
        table = self._filled(make, 10)
        return lambda: table.get(_key(self._items[5]))

    def _put(self, make: Make) -> Work:
        table, items = self._filled(make, 0), iter(self._items)
        return lambda: table.put_new(next(items))

    def _update(self, make: Make) -> Work:
        table, versions = self._filled(make, 10), count(int(self._items[5]["version"]["N"]))

        def update() -> None:
            version = next(versions)
            change = {"status": {"S": "armed"}, "version": {"N": str(version + 1)}, "nextCheckAt": {"N": str(version)}}
            table.change(_key(self._items[5]), change, version=version)

        return update

    def _query(self, make: Make) -> Work:
        table = self._filled(make, QUERIED)
        return lambda: table.query(
            IndexName=self._places.index_name,
            KeyConditionExpression="checkShard = :shard",
            ExpressionAttributeValues={":shard": self._items[0]["checkShard"]},
            Limit=10,
        )

    def _send(self, make: Make) -> Work:
        queue = make("sqs")
        url = queue.create_queue(QueueName="bench")["QueueUrl"]
        return lambda: queue.send_message(QueueUrl=url, MessageBody="{}", DelaySeconds=900)

    def _pass(self, make: Make) -> Work:
        queue = make("sqs")
        url = queue.create_queue(QueueName="bench")["QueueUrl"]
        for _ in range(QUEUED):
            queue.send_message(QueueUrl=url, MessageBody="{}", DelaySeconds=900)

        def once() -> None:
            queue.send_message(QueueUrl=url, MessageBody="{}")
            (message,) = queue.receive_message(QueueUrl=url)["Messages"]
            queue.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

        return once

    def _records(self, *, again: bool) -> float:
        """Of an update, as two functions get it."""
        before, after = (Snapshot.of(item) for item in self._items[:2])
        records = iter(
            [
                StreamRecord(FIRST_SEQUENCE_NUMBER, TableWrite(_key(self._items[0]), before, after), 0)
                for _ in range(CALLS + 5)
            ]
        )

        def once() -> None:
            record = next(records)
            for _ in range(2):
                if again:
                    record.written = None
                json.loads(record.as_json("arn"))

        return cpu_ms(once, CALLS)

    def _kept(self, keep: Callable[[], object], which: int) -> float:
        """Kilobytes of one item, or milliseconds of a full collection that finds them all."""
        with self._account():  # moto on its own never lets go of an item
            gc.collect()
            tracemalloc.start()
            kept = keep()
            size = tracemalloc.get_traced_memory()[0] / KEPT / 1000
            tracemalloc.stop()
            gc.collect()  # the first finds out what can hold no cycle
            took = cpu_ms(gc.collect, 3)
            del kept
        return (size, took)[which]

    def _as_moto(self) -> object:
        return [item_of(json.loads(text), "pk", "sk") for text in self._texts]

    def _as_texts(self) -> object:
        store = ItemStore(KeyAttribute("pk", "S"), KeyAttribute("sk", "S"))
        for item in map(json.loads, self._texts):
            store.keep((item["pk"]["S"], item["sk"]["S"]), Snapshot.of(item).text)
        return store


def measure(runs: int) -> list[dict[str, Any]]:
    """Run this module as a program `runs` times."""
    program = [sys.executable, "-m", "bench.routes"]
    return [json.loads(subprocess.check_output(program, text=True).splitlines()[-1]) for _ in range(runs)]


def _key(item: Item) -> Item:
    return {name: item[name] for name in ("pk", "sk")}


def _main() -> None:
    bench = Bench(Places(read_template(find_template(None, Path.cwd()), {})))
    rows = []
    for route in bench.routes():
        pairs = [(route.stock(), route.ours()) for _ in range(ROUNDS)]  # in turn: a busy minute is shared by both
        rows.append(
            {
                "what": route.what,
                "unit": route.unit,
                "stock": median(stock for stock, _ in pairs),
                "ours": median(ours for _, ours in pairs),
                "ratio": median(stock / ours for stock, ours in pairs),
            }
        )
    print(json.dumps({"routes": rows, "floors": bench.floors()}))


if __name__ == "__main__":
    _main()
