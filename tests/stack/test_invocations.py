"""Asynchronous invocations of the stack's own functions."""

from __future__ import annotations

import pytest

from tests.stack.conftest import Toy
from tests.support.waiting import until

pytestmark = pytest.mark.stack


def test_an_invocation_runs_a_function_and_one_of_no_function_is_refused(toy: Toy) -> None:
    functions = toy.client("lambda")
    arn = toy.stack.functions["TickFunction"].arn
    assert functions.invoke(FunctionName=arn, InvocationType="Event", Payload=b'{"n":1}')["StatusCode"] == 202
    until(lambda: {"n": 1} in toy.events)
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName=f"{arn}2", InvocationType="Event", Payload=b"{}")
