"""A tenant's settings: what new timers take from them, and how long a process goes by what it knows."""

from __future__ import annotations

import pytest

from minoots_contract.retry import RetryPolicy
from minoots_contract.settings import PutSettingsRequest
from minoots_kernel.application.keep_settings import SETTINGS_CACHE_MS, KeepSettings
from minoots_kernel.domain.errors import VersionMismatchError
from minoots_kernel.domain.settings import Settings
from minoots_kernel.domain.tenancy import Principal
from minoots_kernel.domain.timer import Timer
from tests.unit.application.world import DEMO, World
from tests.unit.domain.builders import bundle, request

FIVE = PutSettingsRequest(retry_policy=RetryPolicy(max_attempts=5, jitter="none"))


class Counted:
    """A store that counts its reads."""

    def __init__(self, world: World) -> None:
        self.store, self.reads = world.settings_store, 0
        world.settings.store = self

    def get(self, tenant_id: str) -> Settings | None:
        self.reads += 1
        return self.store.get(tenant_id)

    def put(self, settings: Settings) -> None:
        self.store.put(settings)


def policy_of(timer: Timer) -> RetryPolicy:
    assert timer.spec.bundle is not None
    return timer.spec.bundle.retry_policy


def test_a_new_timer_takes_from_the_tenant_what_its_bundle_leaves_open_and_keeps_it() -> None:
    world = World()
    world.settings.put(DEMO, FIVE)
    timer = world.new("a", backoffInitialMs=10)
    assert policy_of(timer) == RetryPolicy(max_attempts=5, jitter="none", backoff_initial_ms=10)
    world.settings.put(DEMO, PutSettingsRequest())
    assert policy_of(world.now(timer)).max_attempts == 5
    assert policy_of(world.new("a")) == RetryPolicy()
    stranger = world.create(Principal("other", "bob"), request(actionBundle=bundle("a")))
    assert policy_of(stranger) == RetryPolicy()


def test_a_timer_without_actions_reads_nothing_and_others_read_once_in_a_minute() -> None:
    world = World()
    counted = Counted(world)
    world.new()
    assert counted.reads == 0
    for _ in range(3):
        world.new("a")
    world.create(DEMO, request(agentBinding={"adapter": "inbox", "target": "ann"}))
    assert counted.reads == 1
    world.clock.advance_to(world.clock.now_ms() + SETTINGS_CACHE_MS)
    world.new("a")
    assert counted.reads == 2


def test_a_change_made_elsewhere_is_known_after_a_minute_and_one_made_here_at_once() -> None:
    world = World()
    elsewhere = KeepSettings(world.settings_store, world.clock)
    world.new("a")
    elsewhere.put(DEMO, FIVE)
    assert policy_of(world.new("a")).max_attempts == 1
    world.clock.advance_to(world.clock.now_ms() + SETTINGS_CACHE_MS)
    assert policy_of(world.new("a")).max_attempts == 5
    world.settings.put(DEMO, PutSettingsRequest())
    assert policy_of(world.new("a")).max_attempts == 1


def test_of_two_who_settle_upon_one_version_one_is_told_and_without_a_version_the_last_wins() -> None:
    world = World()
    assert world.settings.put(DEMO, FIVE, versions=frozenset({0})).version == 1
    with pytest.raises(VersionMismatchError):
        world.settings.put(DEMO, PutSettingsRequest(), versions=frozenset({0}))
    assert world.settings.put(DEMO, PutSettingsRequest()).version == 2
    assert world.settings.get(DEMO).retry_policy == RetryPolicy()


def test_whoever_is_overtaken_while_settling_without_a_version_tries_again() -> None:
    world = World()
    store = world.settings_store

    class Overtaken(Counted):
        def put(self, settings: Settings) -> None:
            if self.reads == 1:
                store.put(Settings("demo", RetryPolicy(max_attempts=9), 1, 5))
            store.put(settings)

    Overtaken(world)
    settled = world.settings.put(DEMO, FIVE)
    assert (settled.version, settled.retry_policy.max_attempts) == (2, 5)
