"""Where the measured calls go: stock moto, the local stack's account with or without one of its routes, or nowhere."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import moto.core.responses as moto_responses
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.handlers import BUILTIN_HANDLERS
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse
from moto.core.utils import method_names_from_class

from minoots_kernel.adapters.aws import client
from minoots_local.aws.account import Account
from minoots_local.aws.gate import AwsGate
from minoots_local.aws.write_path import WritePath
from minoots_local.cli import tune_collector
from minoots_local.clock import SystemClock
from minoots_local.ledger import NoLedger
from minoots_local.template.model import Template

Make = Callable[[Any], Any]
"""Makes a client of a service."""
Work = Callable[[], object]


class Places:
    """Accounts with the template's table.

    Args:
        template: The template.

    Attributes:
        table_name: The table's name.
    """

    def __init__(self, template: Template) -> None:
        self._template = template
        (self._table,) = template.of_type("AWS::DynamoDB::Table")
        self.table_name = self._table.name

    @property
    def index_name(self) -> str:
        """Name of the table's index."""
        (index,) = self._table.properties["GlobalSecondaryIndexes"]
        return str(index["IndexName"])

    @contextmanager
    def moto(self) -> Iterator[Make]:
        """Stock moto."""
        with mock_aws():
            properties = self._table.properties
            _client("dynamodb").create_table(
                TableName=self._table.name,
                BillingMode="PAY_PER_REQUEST",
                StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
                **{name: properties[name] for name in ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")},
            )
            yield _client

    @contextmanager
    def account(
        self, *, direct: bool = True, signed: bool = False, listed: bool = True, tuned: bool = False
    ) -> Iterator[Make]:
        """The local stack's account, on request without one of its routes."""
        account = Account(AwsGate())
        account.gate.durability = WritePath(account.tables, NoLedger(), SystemClock())
        with account.open(), ExitStack() as stack:
            account.create(self._template)
            if not direct:
                account.gate.direct = None
            if not listed:
                stack.enter_context(patch.object(moto_responses, "method_names_from_class", method_names_from_class))
            if tuned:
                stack.callback(gc.set_threshold, *gc.get_threshold())
                stack.callback(gc.unfreeze)
                tune_collector()
                gc.collect()
                gc.freeze()
            yield _signing_client if signed else _client


def cpu_ms(work: Work, times: int) -> float:
    """Milliseconds of this thread for one of `times`."""
    for _ in range(min(times, 5)):
        work()
    started = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - started) * 1000 / times


def _client(service: Any) -> Any:
    return client(service, {})


def _signing_client(service: Any) -> Any:
    """A client that signs its requests, as it would without the gate's hook."""
    made = _client(service)
    for event, handler, *_ in BUILTIN_HANDLERS:
        if getattr(handler, "__name__", "") == "leave_unsigned":
            made.meta.events.unregister(event, handler)
    return made


def answering(made: Any, body: bytes) -> Any:
    """A client whose every call is answered on the spot."""

    def answer(request: AWSPreparedRequest, **_more: Any) -> AWSResponse:
        return AWSResponse(request.url, 200, {}, MockRawResponse(body))  # type: ignore[arg-type] # moto passes a dict, too

    made.meta.events.register_first("before-send", answer)
    return made
