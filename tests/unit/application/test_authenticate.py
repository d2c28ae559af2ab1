from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import get_args

import pytest

from minoots_contract.identity import ROLES, TENANT_ROLES, CreateKeyRequest, RoleName, RotateKeyRequest, TenantRole
from minoots_kernel.adapters.memory import MemoryKeyStore, VirtualClock
from minoots_kernel.application.authenticate import Authenticate
from minoots_kernel.application.keep_keys import KeepKeys
from minoots_kernel.domain.api_keys import LAST_USED_INTERVAL_MS, ApiKey, digest_key, key_from_file, key_id_of
from minoots_kernel.domain.errors import (
    DependencyUnavailableError,
    ForbiddenError,
    InvalidTimerError,
    NotFoundError,
    StateConflictError,
    UnauthenticatedError,
    VersionMismatchError,
)
from minoots_kernel.domain.roles import held_roles
from minoots_kernel.domain.tenancy import Principal
from tests.unit.domain.builders import NOW_MS

ADMIN = Principal("demo", "ada")
OTHER = Principal("other", "eve")
HOUR_MS = 3_600_000


class CountingKeys(MemoryKeyStore):
    def __init__(self) -> None:
        super().__init__()
        self.looked_up = self.noted = 0

    def find(self, key_id: str) -> ApiKey | None:
        self.looked_up += 1
        return super().find(key_id)

    def note_use(self, key: ApiKey, now_ms: int) -> None:
        self.noted += 1
        super().note_use(key, now_ms)


class Door:
    """A function that authenticates, another that keeps the keys, over one store and one clock."""

    def __init__(self, cache_ms: int = 60_000) -> None:
        self.clock, self.store = VirtualClock(NOW_MS), CountingKeys()
        drawn = count(1)
        self.keys = KeepKeys(self.store, self.clock, lambda size: next(drawn).to_bytes(size), cache_ms)
        self.authenticate = Authenticate(self.store, self.clock, cache_ms)
        self.store.put(key_from_file("mnt_example", "demo"))

    def key(self, *roles: RoleName, **how: object) -> tuple[str, str]:
        """Make a key; its text and its id."""
        request = CreateKeyRequest.model_validate({"name": "robot", "roles": list(roles or TENANT_ROLES), **how})
        made = self.keys.create(ADMIN, request)
        return made.text, made.key.id

    def refuses(self, text: str | None) -> bool:
        try:
            self.authenticate(text)
        except UnauthenticatedError:
            return True
        return False


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_key_stands_for_its_tenant_and_is_remembered_for_a_while(door: Door) -> None:
    assert {door.authenticate("mnt_example").tenant_id for _ in range(3)} == {"demo"}
    assert door.store.looked_up == 1
    door.clock.advance(60_000)
    door.authenticate("mnt_example")
    assert door.store.looked_up == 2


def test_a_made_key_names_who_uses_it_what_it_may_do_and_when_it_ends(door: Door) -> None:
    text, key_id = door.key("timer.cancel", "timer.read", expiresIn="1h")
    assert door.authenticate(text) == Principal(
        "demo",
        "robot",
        roles=frozenset({"timer.read", "timer.cancel"}),
        key_id=key_id,
        expires_at_ms=NOW_MS + HOUR_MS,
    )
    assert text == f"mnt_{key_id}_{text[-52:]}"


def test_keys_differ_and_the_store_has_none_of_their_texts(door: Door) -> None:
    texts = [door.key(name=f"robot {number}")[0] for number in range(20)]
    assert len(set(texts)) == 20
    assert not any(text[-52:] in repr(door.store._keys) for text in texts)


def test_a_revoked_key_works_until_it_is_forgotten_and_not_a_millisecond_longer(door: Door) -> None:
    text, key_id = door.key()
    door.authenticate(text)
    door.clock.advance(1_000)
    assert door.keys.revoke(ADMIN, key_id) == NOW_MS + 61_000
    door.clock.advance(58_999)
    assert not door.refuses(text)
    door.clock.advance(1)
    assert door.refuses(text)


def test_a_revoked_key_that_nobody_remembers_works_no_more_at_once(door: Door) -> None:
    text, key_id = door.key()
    door.keys.revoke(ADMIN, key_id)
    assert door.refuses(text)


def test_a_new_key_works_at_once_though_it_was_unknown_before(door: Door) -> None:
    assert door.refuses("mnt_new")
    door.store.put(key_from_file("mnt_new", "other"))
    assert door.authenticate("mnt_new").tenant_id == "other"


def test_a_key_ends_to_the_millisecond_though_it_is_remembered(door: Door) -> None:
    text, _ = door.key(expiresIn="10s")
    door.clock.advance(9_999)
    assert not door.refuses(text)
    door.clock.advance(1)
    assert door.refuses(text)


def test_a_rotated_key_works_in_both_forms_until_the_overlap_is_over(door: Door) -> None:
    old, key_id = door.key()
    door.authenticate(old)
    made = door.keys.rotate(ADMIN, key_id, RotateKeyRequest(overlap=5_000))
    assert made.text != old
    assert door.authenticate(made.text).key_id == key_id
    door.clock.advance(4_999)
    assert not door.refuses(old)
    # Whoever remembers the old text from before the rotation learns of it when it looks again.
    door.clock.advance(55_001)
    assert door.refuses(old)
    assert not door.refuses(made.text)


def test_whoever_first_shows_the_old_form_in_the_overlap_is_told_when_it_ends(door: Door) -> None:
    old, key_id = door.key()
    door.keys.rotate(ADMIN, key_id, RotateKeyRequest(overlap=5_000))
    assert door.authenticate(old).expires_at_ms == NOW_MS + 5_000
    door.clock.advance(5_000)
    assert door.refuses(old)


def test_a_key_can_be_rotated_again_during_an_overlap_but_not_without_end(door: Door) -> None:
    texts = [door.key()[0]]
    key_id = key_id_of(texts[0])
    texts += [door.keys.rotate(ADMIN, key_id, RotateKeyRequest(overlap=5_000)).text for _ in range(3)]
    assert not any(door.refuses(text) for text in texts)
    with pytest.raises(StateConflictError):
        door.keys.rotate(ADMIN, key_id, RotateKeyRequest())
    door.clock.advance(60_000)
    assert [door.refuses(text) for text in texts] == [True, True, True, False]
    assert not door.refuses(door.keys.rotate(ADMIN, key_id, RotateKeyRequest()).text)


def test_rotating_can_set_another_end_and_otherwise_keeps_it(door: Door) -> None:
    _, key_id = door.key(expiresIn="1h")
    assert door.keys.rotate(ADMIN, key_id, RotateKeyRequest()).key.expires_at_ms == NOW_MS + HOUR_MS
    longer = RotateKeyRequest(expires_in=2 * HOUR_MS)
    assert door.keys.rotate(ADMIN, key_id, longer).key.expires_at_ms == NOW_MS + 2 * HOUR_MS


def test_an_expired_key_and_one_from_a_file_are_not_rotated(door: Door) -> None:
    _, key_id = door.key(expiresIn="1s")
    door.clock.advance(1_000)
    for one in (key_id, digest_key("mnt_example")):
        with pytest.raises(StateConflictError):
            door.keys.rotate(ADMIN, one, RotateKeyRequest())


def test_of_two_rotations_at_once_both_texts_work(door: Door) -> None:
    _, key_id = door.key()
    texts: list[str] = []
    plain = door.store.replace

    def meanwhile(before: ApiKey, after: ApiKey) -> None:
        door.store.replace = plain  # type: ignore[method-assign]
        texts.append(door.keys.rotate(ADMIN, key_id, RotateKeyRequest()).text)
        plain(before, after)

    door.store.replace = meanwhile  # type: ignore[method-assign]
    texts.append(door.keys.rotate(ADMIN, key_id, RotateKeyRequest()).text)
    assert not any(door.refuses(text) for text in texts)


def test_the_use_of_a_key_is_written_down_at_most_once_in_an_interval(door: Door) -> None:
    for _ in range(180):
        door.authenticate("mnt_example")
        door.clock.advance(60_000)
    used = door.store.find(digest_key("mnt_example"))
    assert used is not None
    assert door.store.noted == 180 * 60_000 // LAST_USED_INTERVAL_MS
    assert used.last_used_at_ms == NOW_MS + 120 * 60_000


def test_a_use_that_cannot_be_written_down_turns_nobody_away(door: Door) -> None:
    def silent(key: ApiKey, now_ms: int) -> None:
        raise DependencyUnavailableError("The table did not answer.")

    door.store.note_use = silent  # type: ignore[method-assign]
    assert door.authenticate("mnt_example").tenant_id == "demo"


def test_showing_the_id_of_a_key_with_another_secret_is_no_use_of_it(door: Door) -> None:
    text, key_id = door.key()
    wrong = text[:-1] + ("a" if text[-1] != "a" else "b")
    assert door.refuses(wrong)
    known = door.store.find(key_id)
    assert known is not None
    assert known.last_used_at_ms is None


@pytest.mark.parametrize(
    "key", [None, "", "mnt_exampl", "mnt_example ", "MNT_EXAMPLE", digest_key("mnt_example"), "x" * 100_000, "\udcff"]
)
def test_no_key_and_wrong_keys_are_refused(key: str | None) -> None:
    assert Door().refuses(key)


def test_the_memory_of_keys_is_bounded(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minoots_kernel.application.authenticate.MAX_REMEMBERED", 10)
    for number in range(50):
        door.store.put(key_from_file(f"mnt_{number}", "demo"))
        assert not door.refuses(f"mnt_{number}")
    assert len(door.authenticate._keys) <= 10


def test_nobody_gives_a_key_what_they_do_not_have(door: Door) -> None:
    reader = replace(ADMIN, roles=frozenset({"timer.read"}))
    operator = replace(ADMIN, roles=frozenset({"operator"}))
    for principal, roles in (
        (ADMIN, ["operator"]),
        (reader, ["timer.write"]),
        (reader, ["timer.read", "timer.manage"]),
    ):
        with pytest.raises(ForbiddenError):
            door.keys.create(principal, CreateKeyRequest(name="k", roles=roles))
    assert door.keys.create(operator, CreateKeyRequest(name="k", roles=["operator", "tenant.admin"])).key.roles


def test_nobody_takes_over_a_key_that_may_do_more_than_they(door: Door) -> None:
    door.store.put(key_from_file("mnt_ops", "demo", roles=frozenset({"operator"})))
    _, key_id = door.key()
    for principal in (replace(ADMIN, roles=frozenset({"timer.read"})),):
        with pytest.raises(ForbiddenError):
            door.keys.rotate(principal, key_id, RotateKeyRequest())
    with pytest.raises(ForbiddenError):
        door.keys.rotate(ADMIN, digest_key("mnt_ops"), RotateKeyRequest())


def test_a_key_that_would_have_ended_already_is_not_made(door: Door) -> None:
    with pytest.raises(InvalidTimerError):
        door.key(expiresAt="2020-01-01T00:00:00Z")


def test_another_tenants_key_looks_like_none(door: Door) -> None:
    _, key_id = door.key()
    for act in (
        lambda one: door.keys.get(OTHER, one),
        lambda one: door.keys.revoke(OTHER, one),
        lambda one: door.keys.rotate(OTHER, one, RotateKeyRequest()),
    ):
        answers = []
        for one in (key_id, "a" * 16):
            with pytest.raises(NotFoundError) as refused:
                act(one)
            answers.append(refused.value.detail)
        assert answers[0] == answers[1]
    assert door.keys.page(OTHER, limit=9, position=None).items == ()


def test_a_key_that_others_keep_rotating_is_given_up_on(door: Door) -> None:
    _, key_id = door.key()

    def never(before: ApiKey, after: ApiKey) -> None:
        raise VersionMismatchError("changed")

    door.store.replace = never  # type: ignore[method-assign]
    with pytest.raises(VersionMismatchError):
        door.keys.rotate(ADMIN, key_id, RotateKeyRequest())


@pytest.mark.parametrize(
    ("given", "held"),
    [
        (["timer.read"], ["timer.read"]),
        (["timer.manage"], ["timer.manage", "timer.read", "timer.write", "timer.cancel"]),
        (["tenant.admin"], list(get_args(TenantRole))),
        (["operator"], ["operator"]),
        (list(ROLES), list(ROLES)),
    ],
)
def test_roles_include_others(given: list[RoleName], held: list[RoleName]) -> None:
    assert held_roles(given) == frozenset(held)
