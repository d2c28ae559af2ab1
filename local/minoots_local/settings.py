"""Settings of the local stack, read once from an environment that is passed in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minoots_local.errors import LocalStackError
from minoots_local.model.settings import ModelSettings

DEMO_KEYS: tuple[dict[str, Any], ...] = ({"key": "mnt_example", "userId": "demo", "tier": "free"},)
DEFAULT_DATA_DIR = ".minoots"


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """How one local stack is to be run.

    Attributes:
        host: Address that the API and the AWS endpoint listen on.
        port: Port of the API; 0 takes a free one.
        aws_port: Port of the emulated AWS endpoint; 0 takes a free one, None serves none.
        data: Directory of the journal; None keeps everything in memory only.
        template: Template to play; None looks for it (see `find_template`).
        parameters: Template parameters that override the local defaults.
        api_keys: API keys to seed, as the key file lists them.
        boot_demo: Whether to create a demo timer once the stack serves.
        model: How AWS-like it behaves beyond what the services promise.
        virtual_clock: Whether its clock can be set forward.
    """

    host: str = "127.0.0.1"
    port: int = 4000
    aws_port: int | None = 4566
    data: Path | None = None
    template: Path | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    api_keys: tuple[dict[str, Any], ...] = DEMO_KEYS
    boot_demo: bool = False
    model: ModelSettings = field(default_factory=ModelSettings)
    virtual_clock: bool = False


def data_dir(environ: Mapping[str, str], chosen: Path | None, *, ephemeral: bool) -> Path | None:
    """Directory of the journal: the option, else `TIMER_STORE_PATH`, else `.minoots`."""
    if ephemeral:
        return None
    return chosen or Path(environ.get("TIMER_STORE_PATH") or DEFAULT_DATA_DIR)


def api_keys(environ: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """API keys from `API_KEYS_JSON`, else the file at `API_KEYS_PATH`, else the demo key.

    Raises:
        LocalStackError: The JSON is not a list of objects with `key` and `userId`.
    """
    source, text = "API_KEYS_JSON", environ.get("API_KEYS_JSON", "").strip()
    path = environ.get("API_KEYS_PATH", "").strip()
    if not text and path:
        source = path
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise LocalStackError(f"API_KEYS_PATH: {path} cannot be read: {error}") from error
    if not text:
        return DEMO_KEYS
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise LocalStackError(f"{source} is not JSON: {error}") from error
    if not isinstance(entries, list) or not all(_is_key(entry) for entry in entries):
        raise LocalStackError(f'{source} must be a JSON list like [{{"key": "mnt_…", "userId": "demo"}}]')
    return tuple(entries)


def _is_key(entry: object) -> bool:
    return isinstance(entry, dict) and all(
        isinstance(entry.get(name), str) and entry[name] for name in ("key", "userId")
    )


def truthy(text: str | None) -> bool:
    """Whether an environment value switches something on."""
    return (text or "").strip().lower() in {"1", "true", "yes", "on"}
