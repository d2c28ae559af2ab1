"""Which keys the local stack begins with: `API_KEYS_JSON`, the file at `API_KEYS_PATH`, or the one of the example."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from minoots_kernel.bootstrap.seeding import seed_api_keys
from minoots_kernel.config import ConfigurationError
from minoots_local.errors import LocalStackError
from minoots_local.settings import DEMO_KEYS, api_keys

ONE = [{"key": "mnt_one", "userId": "acme", "tier": "pro"}]
TWO = [{"key": "mnt_two", "userId": "acme", "name": "ann", "roles": ["timer.read"]}]


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(TWO), encoding="utf-8")
    return str(file)


def test_keys_come_from_the_environment_before_the_file_before_the_example(path: str) -> None:
    assert api_keys({}) == DEMO_KEYS
    assert api_keys({"API_KEYS_JSON": " ", "API_KEYS_PATH": ""}) == DEMO_KEYS
    assert api_keys({"API_KEYS_PATH": path}) == tuple(TWO)
    assert api_keys({"API_KEYS_PATH": f" {path} ", "API_KEYS_JSON": ""}) == tuple(TWO)
    assert api_keys({"API_KEYS_PATH": path, "API_KEYS_JSON": json.dumps(ONE)}) == tuple(ONE)


def test_the_example_is_the_key_that_earlier_callers_have() -> None:
    assert DEMO_KEYS == ({"key": "mnt_example", "userId": "demo", "tier": "free"},)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalStackError, match=r"API_KEYS_PATH: .*nowhere\.json cannot be read"):
        api_keys({"API_KEYS_PATH": str(tmp_path / "nowhere.json")})


@pytest.mark.parametrize(
    "text", ["mnt_secret", "{}", '["mnt_secret"]', '[{"key": "mnt_secret"}]', '[{"key": "", "userId": "demo"}]']
)
def test_what_is_no_list_of_keys_is_refused_without_being_repeated(text: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(text, encoding="utf-8")
    for environ, source in (({"API_KEYS_JSON": text}, "API_KEYS_JSON"), ({"API_KEYS_PATH": str(file)}, str(file))):
        with pytest.raises(LocalStackError) as refused:
            api_keys(environ)
        assert source in str(refused.value)
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"tier": "gold"}, "1.tier"),
        ({"roles": ["king"]}, "1.roles.0"),
        ({"roles": []}, "1.roles"),
        ({"userId": "a#b"}, "1.userId"),
        ({"name": "two\nlines"}, "1.name"),
        ({"colour": "red"}, "1.colour"),
    ],
)
def test_an_entry_that_cannot_be_is_named_by_its_place_and_nothing_is_stored(wrong: Any, where: str) -> None:
    # There is no table behind this: an attempt to store anything would fail otherwise.
    with pytest.raises(ConfigurationError) as refused:
        seed_api_keys({}, [*ONE, {"key": "mnt_secret", "userId": "acme"} | wrong])
    assert f"entry {where}:" in str(refused.value)
    assert "secret" not in str(refused.value)
