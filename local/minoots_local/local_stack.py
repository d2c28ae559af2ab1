"""The stack: reads the template, makes its resources, and joins them by players."""

import contextlib
import math
import platform
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from a2wsgi import WSGIMiddleware

from minoots_local.aws.account import Account
from minoots_local.aws.endpoint import AwsEndpoint
from minoots_local.aws.gate import AwsGate
from minoots_local.aws.write_path import WritePath
from minoots_local.checks import SWEEP, FirstCheck, first_check
from minoots_local.clock import Clock, SystemClock
from minoots_local.clock_api import ClockApi, Tally
from minoots_local.errors import LocalStackError
from minoots_local.functions import LocalFunction
from minoots_local.kernel_surroundings import kernel_surroundings
from minoots_local.ledger import Ledger, NoLedger, TableSpec
from minoots_local.logs import logger
from minoots_local.model.aws_like import AwsLike
from minoots_local.model.faults import Faults
from minoots_local.players.http import HttpApi
from minoots_local.players.rearming import Rearming
from minoots_local.players.wiring import Players, stream_readers
from minoots_local.servers import HttpServer, bind, url_of
from minoots_local.settings import LocalSettings
from minoots_local.template.model import Template
from minoots_local.template.reader import declared_parameters, find_template, read_template
from minoots_local.virtual_clock import VirtualClock

# A laptop's webhooks go to the laptop.
_LOCAL_PARAMETERS = {
    "AllowedPrivateHosts": "localhost,127.0.0.0/8,::1/128",
    # One's own machine sets the limits.
    "Limits": "off",
    "Architecture": "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64",
}
_AWS_THREADS = 32
_GRACE_S = 1.5
# A journal this much ahead of a real clock was written under a virtual one.
_AHEAD_MS = 60_000

_log = logger("stack")


class LocalStack:
    """The whole stack in this process; a context manager, one at a time.

    Args:
        settings: How to run it.
        clock: Time; by default what the settings say, the machine's own clock or one that can be set forward.

    Attributes:
        template: What is played.
        account: The emulated AWS.
        functions: Functions by logical id.
        model: How hops behave.
        faults: How calls of AWS go wrong, once the stack is up.
    """

    def __init__(self, settings: LocalSettings | None = None, clock: Clock | None = None) -> None:
        self.settings = settings or LocalSettings(port=0, aws_port=None)
        self.clock = clock or (VirtualClock() if self.settings.virtual_clock else SystemClock())
        self.template = _read(self.settings)
        self.account = Account(AwsGate(), self.clock)
        self.model = AwsLike(self.settings.model)
        self.faults = Faults(self.settings.model.faults, self.settings.model.seed, self.clock)
        self.functions: dict[str, LocalFunction] = {}
        self._players: Players | None = None
        self._servers: list[HttpServer] = []
        self._ledger: Ledger | NoLedger = NoLedger()
        self._tally = Tally()
        self._exit = contextlib.ExitStack()
        self.url = ""
        self.aws_url: str | None = None

    def __enter__(self) -> "LocalStack":
        """Start; returns once the API answers."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_exc: object) -> None:
        """Stop."""
        self.stop()

    def client(self, service: str) -> Any:
        """A boto3 client of the emulated AWS."""
        return self.account.client(service)

    def _start(self) -> None:
        settings, template = self.settings, self.template
        # The port first: a taken one should be said before anything else is done.
        listening = bind(settings.host, settings.port)
        self._exit.callback(listening.close)
        if isinstance(self.clock, VirtualClock):
            self._exit.enter_context(self.clock.running())
        self._exit.enter_context(kernel_surroundings(self.clock))
        self._exit.enter_context(self.account.open())
        self.account.create(template, settings.data)
        writes = self._open_ledger()
        for resource in template.of_type("AWS::Serverless::Function"):
            function = LocalFunction(resource, template, self.clock, self.model, settings=self._known_now(listening))
            self.functions[resource.logical_id] = function
        checks = first_check(self.account, self.functions)
        first_work = {SWEEP: lambda: checks(0.0)} if checks else {}
        self._players = Players(self.account, writes, template, self.functions, self.clock, self.model, first_work)
        for function in self.functions.values():
            function.warm_up()
        self._seed()
        self._rearm(checks)
        # From here on: a stack that cannot start shows nothing.
        self.account.gate.wire = self.faults if self.settings.model.faults.any else None
        self._players.start()
        self._serve(listening)

    def _known_now(self, listening: socket.socket) -> dict[str, str]:
        """What functions are told that only a running stack knows: where its API answers, unless somebody said so."""
        if self.template.parameters.get("PublicUrl"):
            return {}
        return {"MINOOTS_PUBLIC_URL": url_of(listening)}

    def _open_ledger(self) -> WritePath:
        tables = {}
        for name, table in self.account.tables.lean_tables.items():
            readers = stream_readers(self.template, name)
            tables[name] = TableSpec(tuple(table.table_key_attrs), tuple(readers))
        if self.settings.data is not None:
            self._ledger = Ledger(self.settings.data, tables)
            self.account.restore(self._ledger.histories)
            self._begin_at(self._ledger.newest_ms)
        writes = WritePath(self.account.tables, self._ledger, self.clock)
        writes.listeners.append(self._tally.note)
        writes.add_readers({name: spec.readers for name, spec in tables.items()}, self._ledger.histories)
        self._ledger.histories = {}
        self.account.gate.durability = writes
        return writes

    def _begin_at(self, newest_ms: float) -> None:
        """Begin no earlier than an earlier run was: what it stored must not lie in the future."""
        if isinstance(self.clock, VirtualClock):
            self.clock.start_at(newest_ms)
        elif newest_ms > self.clock.now_ms() + _AHEAD_MS:
            ahead_s = round((newest_ms - self.clock.now_ms()) / 1000)
            _log.warning(
                "the data was written under a clock that is ahead of this one; --clock virtual goes on from there",
                extra={"ahead_s": ahead_s},
            )

    def _seed(self) -> None:
        """Put the API keys into the table, by the kernel's own code."""
        owner = self.functions.get("ControlPlaneFunction")
        if owner is None or "MINOOTS_TABLE" not in owner.env:
            return
        # Deferred: the kernel is only there to be imported when the template is the real one.
        from minoots_kernel.bootstrap.seeding import seed_api_keys

        seeded = seed_api_keys(owner.env, list(self.settings.api_keys))
        _log.info("seeded API keys", extra={"keys": seeded})

    def _rearm(self, checks: FirstCheck | None) -> None:
        """Arm every pending timer of an earlier run anew."""
        if checks is None or checks(0.0) == math.inf:
            return
        rearming = Rearming(self.functions[SWEEP], self.clock, checks)
        rearming.begin()
        if self._players:
            self._players.add(rearming)

    def _serve(self, listening: socket.socket) -> None:
        functions = [f for f in self.functions.values() if _has_http_event(f)]
        if len(functions) != 1:
            raise LocalStackError(f"the template has {len(functions)} functions with an HttpApi event, not one")
        api = HttpApi(functions[0], self.clock)
        self._exit.callback(api.close)
        self.url = self._add_server(self._with_docs(self._with_clock(api)), listening, "http").url
        if self.settings.aws_port is not None:
            endpoint = WSGIMiddleware(
                AwsEndpoint(self.account.gate, self.clock),
                workers=_AWS_THREADS,
            )
            self._exit.callback(endpoint.executor.shutdown, wait=False)
            self.aws_url = self._add_server(endpoint, self._bind_aws(), "aws").url

    @staticmethod
    def _with_docs(api: Any) -> Any:
        """The API, and beside it what describes it to people."""
        # Here, not above: the kernel is imported once moto is in place, and in the kernel's surroundings.
        from minoots_local.docs_page import DocsPage

        return DocsPage(api)

    def _with_clock(self, api: HttpApi) -> Any:
        """The API, and beside it the clock if that can be set forward."""
        if not isinstance(self.clock, VirtualClock):
            return api
        clock_api = ClockApi(self.clock, self._tally, self._ledger.note_time, api)
        self._exit.callback(clock_api.close)
        return clock_api

    def _bind_aws(self) -> socket.socket:
        host, port = self.settings.host, self.settings.aws_port or 0
        try:
            return bind(host, port)
        except LocalStackError as error:
            listening = bind(host, 0)
            _log.warning(
                "the AWS endpoint takes a free port instead",
                extra={"why": error, "port": listening.getsockname()[1]},
            )
            return listening

    def _add_server(self, application: Any, listening: socket.socket, name: str) -> HttpServer:
        server = HttpServer(application, listening, name)
        self._servers.append(server)
        server.start()
        return server

    def stop(self) -> None:
        """Stop accepting, let handlers finish for a moment, flush the journal."""
        if isinstance(self.clock, VirtualClock):
            self.clock.stop()
        for server in self._servers:
            server.stop()
        if self._players:
            self._players.stop()
        for server in self._servers:
            server.join(_GRACE_S)
        if self._players:
            self._players.join(_GRACE_S)
        self._servers, self._players = [], None
        try:
            self._ledger.close()
        finally:
            self._ledger = NoLedger()
            self._exit.close()


def _read(settings: LocalSettings) -> Template:
    path = find_template(settings.template, Path.cwd())
    declared = declared_parameters(path)
    local = {name: value for name, value in _LOCAL_PARAMETERS.items() if name in declared}
    return read_template(path, {**local, **settings.parameters})


def _has_http_event(function: LocalFunction) -> bool:
    events: Mapping[str, Any] = function.properties.get("Events") or {}
    return any(event["Type"] == "HttpApi" for event in events.values())
