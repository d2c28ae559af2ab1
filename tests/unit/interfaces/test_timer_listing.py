from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.unit.interfaces.api import OTHER_KEY, Api

HOUR = "1h"


def listed(api: Api, **query: str) -> list[str]:
    answer = api.call("GET", "/timers", query=query)
    assert answer.status == 200, answer.text
    return [timer["name"] for timer in answer.json["timers"]]


@pytest.fixture
def api() -> Api:
    api = Api()
    api.post(name="a", duration="1h", labels={"env": "prod", "team": "core"}, requestedBy="ann")
    api.post(name="b", duration="2h", labels={"env": "test"}, requestedBy="bob")
    api.post(name="bc", duration="3h", requestedBy="ann, the first")
    return api


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("env=prod", ["a"]),
        ("env==prod", ["a"]),
        ("env!=prod", ["bc", "b"]),
        ("env", ["b", "a"]),
        ("!env", ["bc"]),
        ("env,team!=core", ["b"]),
        (" env = prod ", None),
        ("env=prod, team=core", ["a"]),
        ("env=", []),
        ("=prod", None),
        ("env=prod,", None),
        ("env in (prod)", None),
        ("note=tea\\,hot", ["noted"]),
        ("note=tea\\,hot,env", []),
        ("note!=tea\\,hot", ["bc", "b", "a"]),
        ("note=tea,hot", []),
        ("path=C:\\temp", ["noted"]),
        ("path=C:\\\\temp", ["noted"]),
        ("note\\,x", None),
    ],
)
def test_timers_are_found_by_their_labels(api: Api, selector: str, names: list[str] | None) -> None:
    api.post(name="noted", duration="1h", labels={"note": "tea,hot", "path": "C:\\temp"})
    names = None if names is None else [*(["noted"] if selector in {"env!=prod", "!env"} else []), *names]
    if names is not None:
        assert listed(api, labels=selector) == names
    else:
        refused = api.call("GET", "/timers", query={"labels": selector})
        assert (refused.status, refused.fields) == (400, ["labels"])


def test_timers_are_found_by_when_they_are_due(api: Api) -> None:
    due = {one["name"]: one["fireAt"] for one in api.call("GET", "/timers").json["timers"]}
    assert listed(api, dueAfter=due["b"]) == ["bc", "b"]
    assert listed(api, dueBefore=due["b"]) == ["a"]
    assert listed(api, dueAfter=due["b"], dueBefore=due["bc"]) == ["b"]
    refused = api.call("GET", "/timers", query={"dueAfter": "tomorrow"})
    assert (refused.status, refused.fields) == (400, ["dueAfter"])


def test_timers_are_found_by_name_and_by_who_asked_for_them(api: Api) -> None:
    assert listed(api, namePrefix="b") == ["bc", "b"]
    assert listed(api, createdBy="ann") == ["a"]
    assert listed(api, createdBy="ann, the first") == ["bc"]
    assert listed(api, namePrefix="b", createdBy="bob") == ["b"]


def test_timers_are_listed_newest_or_oldest_first_and_in_no_other_order(api: Api) -> None:
    assert listed(api, sort="createdAt") == ["a", "b", "bc"]
    assert listed(api, sort="-createdAt") == listed(api) == ["bc", "b", "a"]
    refused = api.call("GET", "/timers", query={"sort": "fireAt"})
    assert (refused.status, refused.fields) == (400, ["sort"])
    assert "index" in refused.json["errors"][0]["message"]


def test_only_the_fields_that_were_asked_for_are_shown(api: Api) -> None:
    answer = api.call("GET", "/timers", query={"fields": "id,status,fireAt,firedAt", "limit": "2"}).json
    assert [set(timer) for timer in answer["timers"]] == [{"id", "status", "fireAt"}] * 2
    assert answer["nextCursor"]
    refused = api.call("GET", "/timers", query={"fields": "id,secret"})
    assert (refused.status, refused.fields) == (400, ["fields"])


@pytest.mark.parametrize("query", [{}, {"sort": "createdAt"}, {"labels": "!x", "fields": "name"}])
def test_a_listing_is_walked_by_its_links(api: Api, query: dict[str, str]) -> None:
    walked, asked = [], query | {"limit": "1"}
    for _ in range(9):
        answer = api.call("GET", "/timers", query=asked)
        walked += [timer["name"] for timer in answer.json["timers"]]
        link = answer.headers.get("link")
        assert ("nextCursor" in answer.json) == (link is not None)
        if link is None:
            break
        target, relation = link.split("; ")
        assert relation == 'rel="next"'
        asked = {name: values[0] for name, values in parse_qs(target.strip("<?>")).items()}
        assert asked["limit"] == "1"
    assert walked == (["a", "b", "bc"] if "sort" in query else ["bc", "b", "a"])


def test_a_cursor_is_good_for_its_tenant_and_its_listing_alone(api: Api) -> None:
    cursor = api.call("GET", "/timers", query={"limit": "1", "status": "scheduled"}).json["nextCursor"]
    mine: Any = {"limit": "2", "status": "scheduled", "cursor": cursor}
    assert api.call("GET", "/timers", query=mine).status == 200
    for query, key in (
        ({**mine}, OTHER_KEY),
        ({**mine, "status": "paused"}, None),
        ({**mine, "namePrefix": "b"}, None),
        ({**mine, "sort": "createdAt"}, None),
        ({"cursor": cursor}, None),
        ({**mine, "cursor": cursor[:-2] + ("AA" if cursor[-2:] != "AA" else "BB")}, None),
        ({**mine, "cursor": cursor[4:]}, None),
        ({**mine, "cursor": "WzEsInRpbWVyczoiLCIwMTkwIl0"}, None),
        ({**mine, "cursor": "é"}, None),
    ):
        refused = api.call("GET", "/timers", query=query, **({"key": key} if key else {}))
        assert (refused.status, refused.fields) == (400, ["cursor"]), query
