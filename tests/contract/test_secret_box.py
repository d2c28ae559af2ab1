"""What every secret box does, and what only the key service is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from minoots_kernel.adapters import aws
from minoots_kernel.adapters.kms import CACHE_MS, MAX_CACHED, KmsSecretBox
from minoots_kernel.adapters.memory import MemorySecretBox, VirtualClock
from minoots_kernel.application.ports import SecretBox
from minoots_kernel.domain.errors import DependencyUnavailableError, SealedSecretError
from tests.contract.faults import Wire
from tests.contract.timers import NOW_MS

pytestmark = pytest.mark.contract


@dataclass
class Kms:
    """A box over moto's key service, and what lies between them."""

    client: Any
    wire: Wire
    key: str
    clock: VirtualClock

    @property
    def box(self) -> KmsSecretBox:
        """A box that has opened nothing yet."""
        return KmsSecretBox(self.client, self.key, self.clock)


@pytest.fixture
def kms(moto: None) -> Kms:
    client = aws.client("kms", {})
    wire = Wire(client, moto=True)
    key = client.create_key()["KeyMetadata"]["Arn"]
    return Kms(client, wire, key, VirtualClock(NOW_MS))


@pytest.fixture(params=["memory", "kms"])
def box(request: pytest.FixtureRequest) -> SecretBox:
    if request.param == "memory":
        return MemorySecretBox()
    kms: Kms = request.getfixturevalue("kms")
    return kms.box


@pytest.mark.parametrize("secret", ["whsec_abc", "x", '{"Authorization":"Bearer \u00fc"}', "x" * 4096])
def test_a_secret_comes_back_and_is_not_to_be_seen_meanwhile(box: SecretBox, secret: str) -> None:
    sealed = box.seal("demo", "billing", secret)
    assert sealed.isascii()
    assert len(secret) < 4 or secret not in sealed
    assert box.open("demo", "billing", sealed) == secret


@pytest.mark.parametrize(("tenant", "name"), [("other", "billing"), ("demo", "shipping"), ("billing", "demo")])
def test_what_is_sealed_for_one_does_not_open_for_another(box: SecretBox, tenant: str, name: str) -> None:
    sealed = box.seal("demo", "billing", "whsec_abc")
    with pytest.raises(SealedSecretError):
        box.open(tenant, name, sealed)


@pytest.mark.parametrize("sealed", ["", "whsec_abc", "AAAA", "\u00e9", "e30="])
def test_what_was_not_sealed_does_not_open(box: SecretBox, sealed: str) -> None:
    with pytest.raises(SealedSecretError):
        box.open("demo", "billing", sealed)


def test_the_same_secret_is_sealed_differently_each_time(kms: Kms) -> None:
    assert kms.box.seal("demo", "billing", "whsec_abc") != kms.box.seal("demo", "billing", "whsec_abc")


def test_what_was_opened_is_remembered_for_a_while_and_no_longer(kms: Kms) -> None:
    box = kms.box
    sealed = box.seal("demo", "billing", "whsec_abc")
    for _ in range(3):
        box.open("demo", "billing", sealed)
    assert kms.wire.calls.count("Decrypt") == 1
    kms.clock.advance(CACHE_MS)
    assert box.open("demo", "billing", sealed) == "whsec_abc"
    assert kms.wire.calls.count("Decrypt") == 2


def test_what_is_remembered_opens_for_nobody_else(kms: Kms) -> None:
    box = kms.box
    sealed = box.seal("demo", "billing", "whsec_abc")
    assert box.open("demo", "billing", sealed) == "whsec_abc"
    with pytest.raises(SealedSecretError):
        box.open("other", "billing", sealed)


def test_no_more_is_remembered_than_fits(kms: Kms) -> None:
    box = kms.box
    sealed = box.seal("demo", "billing", "whsec_abc")
    box.open("demo", "billing", sealed)
    for number in range(MAX_CACHED):
        box._opened["demo", "billing", str(number)] = (NOW_MS, "x")
    box.open("demo", "billing", box.seal("demo", "billing", "whsec_def"))
    assert len(box._opened) == MAX_CACHED
    assert ("demo", "billing", sealed) not in box._opened


@pytest.mark.parametrize(
    "code", ["KMSInternalException", "KeyUnavailableException", "DependencyTimeoutException", "ThrottlingException"]
)
def test_a_key_service_that_does_not_answer_may_answer_later(kms: Kms, code: str) -> None:
    sealed = kms.box.seal("demo", "billing", "whsec_abc")
    kms.wire.refuse("Decrypt", code, times=3)
    kms.wire.refuse("Encrypt", code, times=3)
    with pytest.raises(DependencyUnavailableError):
        kms.box.open("demo", "billing", sealed)
    with pytest.raises(DependencyUnavailableError):
        kms.box.seal("demo", "billing", "whsec_abc")


@pytest.mark.parametrize("code", ["AccessDeniedException", "DisabledException", "KMSInvalidStateException"])
def test_a_key_that_may_not_be_used_says_so(kms: Kms, code: str) -> None:
    sealed = kms.box.seal("demo", "billing", "whsec_abc")
    kms.wire.refuse("Decrypt", code)
    with pytest.raises(SealedSecretError, match=code):
        kms.box.open("demo", "billing", sealed)
