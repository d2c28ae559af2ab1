"""MINOOTS under the peer harness; run as a program by `bench.workloads`, with the harness on the module path.

Adds to the harness's own driver: how many clients create, a data directory filled beforehand, patience with a long
start, a run that only creates, and in the result the whole curve of lateness and the rate at which timers settled.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import shutil
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import common
import peer_minoots
import psutil

PERCENTILES = [*range(0, 100, 2), 99, 99.5, 99.9, 100]
DUE_AFTER_S = 100
"""When the timers of a run that only creates are due: after the run, and so soon that none takes the far leg."""

_PAGE = b"/timers?limit=100%s%s"
_ARMED = re.compile(r"armed pending timers .*?(?:timers|checked)=(\d+)")


class BenchPeer(peer_minoots.M):  # type: ignore[misc] # the harness is not typed
    """The harness's driver with what this benchmark asks beyond it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        super().__init__(arguments)
        self.client_conc = arguments.clients
        self.idle: list[Any] = []
        self._took_ms: list[float] = []
        if arguments.seed:
            shutil.copytree(arguments.seed, Path(self.dir) / "data")

    async def start(self) -> None:
        await super().start()
        self.info["rss_start_mb"] = round(psutil.Process(self.server[0].pid).memory_info().rss / 1e6, 1)
        if found := _ARMED.findall(self._log()):
            self.info["armed_at_start"] = int(found[-1])

    async def restart(self) -> None:
        """Start the server, waiting as long as it takes to arm what is pending."""
        until = time.time() + self.a.start_limit
        while True:
            try:
                await super().restart()
                return
            except RuntimeError:  # the harness waits a minute; the process goes on
                if time.time() > until or self.server[0].poll() is not None:
                    raise
                await self._wait_for_port(until)
                return

    async def _wait_for_port(self, until: float) -> None:
        while time.time() < until and self.server[0].poll() is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return
        raise RuntimeError("minoots did not come up: " + self._log()[-2000:])

    def _log(self) -> str:
        return (Path(self.dir) / "server.log").read_text(encoding="utf-8", errors="replace")

    async def call(self, path: bytes, obj: Any) -> bytes:
        started = time.perf_counter()
        answer: bytes = await super().call(path, obj)
        self._took_ms.append((time.perf_counter() - started) * 1000)
        return answer

    def note_creates(self) -> None:
        took = sorted(self._took_ms)
        self.info["create_p50_ms"], self.info["create_p99_ms"] = common.pct(took, 0.5), common.pct(took, 0.99)

    async def note_lateness(self, rows: list[list[Any]]) -> None:
        """From the sink's rows, and from the timers themselves, while the server still runs."""
        first: dict[str, float] = {}
        due: dict[str, float] = {}
        for name, due_s, arrived_s in rows:
            first.setdefault(name, arrived_s)
            due[name] = due_s
        late = sorted((first[name] - due[name]) * 1000 for name in first)
        self.info["curve"] = [[percent, round(_at(late, percent), 2)] for percent in PERCENTILES] if late else []
        # Listing looks at every timer there is. What that costs is not the workload's: the meter looks at `server`.
        server, self.server = self.server, []
        try:
            settled = await self._settled_at()
        finally:
            self.server = server
        self.info["settled"] = len(settled)
        if settled:
            self.info["settled_per_s"] = round(len(settled) / (max(settled) - min(due.values())), 1)

    async def _settled_at(self) -> list[float]:
        """When each timer settled, epoch seconds."""
        found: list[float] = []
        cursor = b""
        # A filter costs more than it leaves out, unless pending timers are most of what there is.
        only = b"&status=settled" if self.a.seed else b""
        while True:
            page = await self._get(_PAGE % (only, cursor))
            settled = [timer["settledAt"] for timer in page["timers"] if timer["status"] == "settled"]
            found += [datetime.fromisoformat(at).timestamp() for at in settled]
            if not page.get("nextCursor"):
                return found
            cursor = b"&cursor=" + page["nextCursor"].encode()

    async def _get(self, path: bytes) -> Any:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET %s HTTP/1.1\r\nHost: l\r\nX-API-Key: mnt_example\r\nConnection: close\r\n\r\n" % path)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(f"{path.decode()}: {head[:60]!r} {body[:300]!r}")
        return json.loads(body)


def _at(ascending: list[float], percent: float) -> float:
    return ascending[min(len(ascending) - 1, int(percent / 100 * len(ascending)))]


def _watch(peer: BenchPeer) -> None:
    """Have a look at the harness's rows as it fetches them: its result holds a few percentiles only."""
    fetch = common.sink_get

    async def watched(port: int, path: str) -> Any:
        answer = await fetch(port, path)
        if path == "/dump":
            peer.note_creates()
            await peer.note_lateness(answer)
        return answer

    common.sink_get = watched


class WatchedPeer(BenchPeer):
    """The peer of a run in which timers fire."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        super().__init__(arguments)
        _watch(self)


def only_create(arguments: argparse.Namespace) -> None:
    """A run in which no timer comes due: creates per second, nothing else."""
    peer = BenchPeer(arguments)
    try:
        print(json.dumps(asyncio.run(_only_create(peer, arguments.timers))))
    finally:
        peer.kill()
        shutil.rmtree(peer.dir, ignore_errors=True)


async def _only_create(peer: BenchPeer, count: int) -> dict[str, Any]:
    await peer.start()
    await peer.create([(f"warm{i}", time.time() + DUE_AFTER_S) for i in range(20)])
    peer._took_ms.clear()
    due = time.time() + DUE_AFTER_S
    started = time.perf_counter()
    await peer.create([(f"t{i}", due + i * 0.01) for i in range(count)])
    took_s = time.perf_counter() - started
    peer.note_creates()
    return {"n": count, "conc": peer.client_conc, "creates_per_s": round(count / took_s, 1), **peer.info}


def _options(parser: argparse.ArgumentParser) -> None:
    peer_minoots.extra(parser)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seed", default="", help="data directory to copy")
    parser.add_argument("--start-limit", type=float, default=1800, help="seconds that a start may take")


if __name__ == "__main__":
    sys.exit(common.main(WatchedPeer, roles={"create": only_create}, extra=_options))
