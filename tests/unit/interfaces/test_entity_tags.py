"""Whatever has a version is answered with it as an entity tag, and changed upon it alone if that is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from minoots_kernel.domain.api_keys import key_from_file
from tests.unit.interfaces.api import KEY, Answer, Api

OPS = "mnt_ops"
URL = "https://example.com/hooks"
POLICIES = '@id("all") permit (principal, action, resource);'


@dataclass(frozen=True)
class Versioned:
    """Something with a version: where it is read, and how it is made and changed."""

    path: str
    make: tuple[str, str, dict[str, Any]]
    change: tuple[str, str, dict[str, Any]]
    key: str = KEY

    def call(self, api: Api, how: tuple[str, str, dict[str, Any]], **headers: str) -> Answer:
        method, path, body = how
        return api.call(method, path, key=self.key, body=body, headers=headers)

    def read(self, api: Api) -> Answer:
        return api.call("GET", self.path, key=self.key)


def at(path: str, body: dict[str, Any], other: dict[str, Any], key: str = KEY) -> Versioned:
    """What is put where it is read."""
    return Versioned(path, ("PUT", path, body), ("PUT", path, other), key)


DESTINATION = ("PUT", "/destinations/d", {"url": URL})
TENANT = ("POST", "/tenants", {"id": "acme"})
THINGS = {
    "settings": at("/settings", {"retryPolicy": {"maxAttempts": 2}}, {"retryPolicy": {"maxAttempts": 3}}),
    "policies": at("/policies", {"policies": POLICIES}, {"policies": f"// again\n{POLICIES}"}),
    "a command template": at("/command-templates/t", {"body": 1}, {"body": 2}),
    "a destination": at("/destinations/d", {"url": URL}, {"url": f"{URL}/other"}),
    "a destination, disabled": Versioned("/destinations/d", DESTINATION, ("POST", "/destinations/d/disable", {})),
    "a destination, with a secret": Versioned("/destinations/d", DESTINATION, ("POST", "/destinations/d/secrets", {})),
    "a tenant": Versioned("/tenants/acme", TENANT, ("PATCH", "/tenants/acme", {"tier": "pro"}), OPS),
    "a tenant, suspended": Versioned("/tenants/acme", TENANT, ("POST", "/tenants/acme/suspend", {}), OPS),
}


@pytest.fixture
def api() -> Api:
    api = Api()
    api.keys.put(key_from_file(OPS, "ops", roles=frozenset({"operator"})))
    return api


@pytest.mark.parametrize("thing", THINGS.values(), ids=THINGS.keys())
def test_it_is_answered_with_its_tag_and_changed_upon_it(api: Api, thing: Versioned) -> None:
    made = thing.call(api, thing.make)
    assert made.status in {200, 201}, made.text
    read = thing.read(api)
    assert read.headers["etag"] == made.headers["etag"] == '"1"'
    changed = thing.call(api, thing.change, **{"if-match": read.headers["etag"]})
    assert changed.headers["etag"] == thing.read(api).headers["etag"] == '"2"'


@pytest.mark.parametrize("tag", ['"0"', '"7"', 'W/"1"', '"x"'])
@pytest.mark.parametrize("thing", THINGS.values(), ids=THINGS.keys())
def test_it_stays_as_it_is_upon_another_tag(api: Api, thing: Versioned, tag: str) -> None:
    thing.call(api, thing.make)
    before = thing.read(api)
    refused = thing.call(api, thing.change, **{"if-match": tag})
    assert (refused.status, refused.json["code"]) == (412, "version-mismatch")
    assert (thing.read(api).text, thing.read(api).headers["etag"]) == (before.text, '"1"')


@pytest.mark.parametrize("thing", THINGS.values(), ids=THINGS.keys())
def test_any_tag_and_one_of_several_will_do(api: Api, thing: Versioned) -> None:
    for tag in ("*", '"7", "1"'):
        fresh = Api()
        fresh.keys.put(key_from_file(OPS, "ops", roles=frozenset({"operator"})))
        thing.call(fresh, thing.make)
        assert thing.call(fresh, thing.change, **{"if-match": tag}).headers["etag"] == '"2"'


@pytest.mark.parametrize("name", ["a destination", "a command template", "settings", "policies"])
def test_what_is_not_there_yet_has_no_version_to_be_changed_upon(api: Api, name: str) -> None:
    thing = THINGS[name]
    assert thing.call(api, thing.make, **{"if-match": '"1"'}).status == 412
    assert thing.call(api, thing.make, **{"if-match": '"0"'}).headers["etag"] == '"1"', "and 0 says that it is new"


def test_a_secret_is_taken_away_and_a_destination_enabled_upon_their_destinations_tag(api: Api) -> None:
    api.call("PUT", "/destinations/d", body={"url": URL})
    secrets = api.call("POST", "/destinations/d/secrets", body={}).json["signingSecrets"]
    path = f"/destinations/d/secrets/{secrets[-1]['id']}"
    assert api.call("DELETE", path, headers={"if-match": '"1"'}).status == 412
    assert api.call("DELETE", path, headers={"if-match": '"2"'}).headers["etag"] == '"3"'
    api.call("POST", "/destinations/d/disable", body={})
    assert api.call("POST", "/destinations/d/enable", headers={"if-match": '"3"'}).status == 412
    assert api.call("POST", "/destinations/d/enable", headers={"if-match": '"4"'}).headers["etag"] == '"5"'


def test_a_tenant_is_let_in_again_upon_its_tag(api: Api) -> None:
    api.call("POST", "/tenants", key=OPS, body={"id": "acme"})
    api.call("POST", "/tenants/acme/suspend", key=OPS, body={})
    assert api.call("POST", "/tenants/acme/resume", key=OPS, headers={"if-match": '"1"'}).status == 412
    assert api.call("POST", "/tenants/acme/resume", key=OPS, headers={"if-match": '"2"'}).headers["etag"] == '"3"'
