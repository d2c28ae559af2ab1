"""Timers with webhooks where AWS refuses, breaks off, loses answers and delivers twice; what came of them."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

import httpx

from minoots_contract.instants import parse_instant
from minoots_local.aws.streams import TableStream
from minoots_local.aws.write_path import outbox_of
from minoots_local.local_stack import LocalStack
from minoots_local.model.settings import FaultRates, ModelSettings
from minoots_local.settings import LocalSettings
from tests.support.receiver import Receiver, receiver
from tests.support.stack_process import HEADERS, KEYS, webhook_timer

MISFORTUNE = ModelSettings(duplicates=0.05, faults=FaultRates(throttles=0.10, lost_answers=0.02), seed=1)
CLIENTS = 8
LEAD_S = 5
_ENDED = {"settled", "failed", "cancelled"}


@dataclass
class Outcome:
    """What came of the timers.

    Attributes:
        wanted: How many creates were acknowledged.
        statuses: Of the timers that were acknowledged, at the end.
        fires: How often each acknowledged timer fired, by id.
        lateness_ms: Of each, from its due time to the webhook's first arrival.
        early: Webhooks that came before their timer was due.
        deliveries: Of each acknowledged timer, the webhook-ids of its POSTs.
        unacknowledged: Timers that exist though their create was answered with an error.
        injected: What went wrong, by name.
    """

    wanted: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    fires: dict[str, int] = field(default_factory=dict)
    lateness_ms: list[float] = field(default_factory=list)
    early: int = 0
    deliveries: dict[str, list[str]] = field(default_factory=dict)
    unacknowledged: int = 0
    injected: dict[str, int] = field(default_factory=dict)

    @property
    def second_fires(self) -> int:
        return sum(max(0, times - 1) for times in self.fires.values())

    @property
    def second_posts(self) -> int:
        return sum(max(0, len(ids) - 1) for ids in self.deliveries.values())

    @property
    def ids_that_differ(self) -> int:
        """Timers of one webhook whose POSTs carry more than one webhook-id."""
        return sum(len(set(ids)) > 1 for ids in self.deliveries.values())

    @property
    def is_sound(self) -> bool:
        """Whether every timer settled, fired once and not early, and told its receiver so by one id."""
        return (
            self.statuses == {"settled": self.wanted}
            and set(self.fires.values()) == {1}
            and not self.early
            and not self.ids_that_differ
            and len(self.deliveries) == self.wanted
        )

    def lines(self) -> list[str]:
        cuts = quantiles(self.lateness_ms, n=100, method="inclusive") if len(self.lateness_ms) > 1 else [math.nan] * 99
        worst = max(self.lateness_ms, default=math.nan)
        injected = ", ".join(f"{name} {count}" for name, count in sorted(self.injected.items()))
        return [
            f"timers acknowledged  {self.wanted} (created without acknowledgement: {self.unacknowledged})",
            f"ended                {dict(self.statuses)}",
            f"fired                {sum(self.fires.values())}, second fires {self.second_fires}, early {self.early}",
            f"webhooks             twice {self.second_posts}, with another webhook-id {self.ids_that_differ}",
            f"lateness ms          p50 {cuts[49]:.0f}  p99 {cuts[98]:.0f}  max {worst:.0f}",
            f"injected             {injected}",
        ]


def suffer(timers: int, model: ModelSettings = MISFORTUNE, timeout_s: float = 240.0) -> Outcome:
    """Create timers with webhooks on a stack of this process, wait until all have ended, and tell what came of them."""
    settings = LocalSettings(port=0, aws_port=None, model=model, api_keys=tuple(KEYS))
    with receiver() as hook, LocalStack(settings) as stack:
        (table,) = stack.account.tables.lean_tables.values()
        stream = outbox_of(table).stream
        with stack.account.gate.lock:
            stream.add_reader("witness")  # who never reads on keeps every record
        due_at_ms = _create(stack.url, hook, timers)
        deadline = time.monotonic() + timeout_s
        while not _all_ended(stream, stack, due_at_ms.keys()) and time.monotonic() < deadline:
            time.sleep(0.25)
        with stack.account.gate.lock:
            writes = [record.write for record in stream.since(0, 1 << 30)]
        return _outcome(writes, due_at_ms, hook, stack)


def _create(url: str, hook: Receiver, timers: int) -> dict[str, int]:
    """Create timers, over and over until each is acknowledged; returns their due times by id."""
    with httpx.Client(base_url=url, headers=HEADERS, timeout=60) as client, ThreadPoolExecutor(CLIENTS) as pool:

        def create(number: int) -> dict[str, Any]:
            while True:
                body = webhook_timer(f"{hook.url}/{number}", duration=f"{LEAD_S + number % 5}s")
                answer = client.post("/timers", json=body)
                if answer.status_code == httpx.codes.CREATED:
                    return dict(answer.json())
                assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text

        return {timer["id"]: parse_instant(timer["fireAt"]) for timer in pool.map(create, range(timers))}


def _all_ended(stream: TableStream, stack: LocalStack, idents: Set[str]) -> bool:
    with stack.account.gate.lock:
        writes = [record.write for record in stream.since(0, 1 << 30)]
    ended = {_text(write.new, "sk") for write in writes if _text(write.new, "status") in _ENDED}
    return idents <= ended


def _text(image: Any, name: str) -> str:
    return str((image or {}).get(name, {}).get("S", ""))


def _outcome(writes: list[Any], due_at_ms: dict[str, int], hook: Receiver, stack: LocalStack) -> Outcome:
    found = Outcome(wanted=len(due_at_ms), fires=dict.fromkeys(due_at_ms, 0))
    last: dict[str, str] = {}
    for write in writes:
        if _text(write.new, "kind") != "timer":
            continue
        ident, before, after = _text(write.new, "sk"), _text(write.old, "status"), _text(write.new, "status")
        last[ident] = after
        if before in {"scheduled", "armed"} and after not in {"scheduled", "armed", "cancelled"}:
            found.fires[ident] = found.fires.get(ident, 0) + 1
    found.unacknowledged = len(last.keys() - due_at_ms.keys())
    found.statuses = Counter(last.get(ident, "lost") for ident in due_at_ms)
    _add_arrivals(found, due_at_ms, hook)
    found.injected = {kind.value: count for kind, count in stack.faults.injected.items()}
    found.injected |= {f"again: {hop.value}": count for hop, count in stack.model.delivered_again.items()}
    return found


def _add_arrivals(found: Outcome, due_at_ms: dict[str, int], hook: Receiver) -> None:
    for arrival in list(hook.arrivals):
        ident = str(arrival.body["timer"]["id"])
        due = due_at_ms.get(ident)
        if due is None:
            continue
        ids = found.deliveries.setdefault(ident, [])
        if not ids:
            found.lateness_ms.append(arrival.at_ms - due)
        found.early += arrival.at_ms < due
        ids.append(arrival.delivery)
