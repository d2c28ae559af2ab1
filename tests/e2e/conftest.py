"""The deployed stack that the environment names; `make cloud` deploys one and names it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest

from tests.support.receiver import Receiver, receiver


def variable(name: str) -> str:
    value = os.environ.get(name)
    assert value, f"{name} is not set: run these tests with `make cloud`"
    return value


@pytest.fixture(scope="session")
def anonymous() -> Iterator[httpx.Client]:
    """The API without a key."""
    with httpx.Client(
        base_url=variable("MINOOTS_E2E_URL"), headers={"host": variable("MINOOTS_E2E_HOST")}, timeout=30
    ) as client:
        yield client


@pytest.fixture(scope="session")
def api() -> Iterator[httpx.Client]:
    """The API with a key of the tenant demo."""
    headers = {"host": variable("MINOOTS_E2E_HOST"), "x-api-key": variable("MINOOTS_E2E_KEY")}
    with httpx.Client(base_url=variable("MINOOTS_E2E_URL"), headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def aws() -> Callable[[str], Any]:
    """Clients of the services, with the endpoint and the credentials of the environment."""
    return boto3.client


@pytest.fixture(scope="session")
def names(aws: Callable[[str], Any]) -> dict[str, str]:
    """The physical name of every resource of the stack, by logical id."""
    found = aws("cloudformation").describe_stack_resources(StackName=variable("MINOOTS_E2E_STACK"))["StackResources"]
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}


@pytest.fixture
def sink() -> Iterator[Receiver]:
    """A receiver of webhooks on loopback, which the stack's AllowedPrivateHosts lets it reach."""
    with receiver() as received:
        yield received
