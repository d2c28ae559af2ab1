"""The verifier of Standard Webhooks in another language: npm's `standardwebhooks`, fetched once per checkout."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PACKAGE = "standardwebhooks@1"
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "standardwebhooks"

_SCRIPT = """
import { Webhook } from "standardwebhooks";
let text = "";
for await (const chunk of process.stdin) text += chunk;
const says = JSON.parse(text).map(({ secret, headers, body }) => {
  try { new Webhook(secret).verify(body, headers); return "ok"; } catch (error) { return String(error.message); }
});
console.log(JSON.stringify(says));
"""


class UnavailableError(Exception):
    """The reason why there is no Node verifier on this machine."""


@dataclass(frozen=True)
class Delivery:
    """What a receiver got, and the secret that it checks it with."""

    secret: str
    headers: Mapping[str, str]
    body: str


def node_says(deliveries: Sequence[Delivery]) -> list[str]:
    """Return what Node's verifier says of each: `ok`, or why not.

    Raises:
        UnavailableError: If Node or the package cannot be had.
    """
    folder = _installed()
    command = ["node", "--input-type=module", "--eval", _SCRIPT]
    sent = json.dumps([{**asdict(one), "headers": dict(one.headers)} for one in deliveries])
    done = subprocess.run(command, cwd=folder, input=sent, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    said: list[str] = json.loads(done.stdout)
    return said


def _installed() -> Path:
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise UnavailableError(f"{tool} is not installed")
    CACHE.mkdir(parents=True, exist_ok=True)
    done = CACHE / "installed"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _install()
            done.touch()
    return CACHE


def _install() -> None:
    command = ["npm", "install", "--silent", "--no-save", "--no-audit", "--no-fund", "--prefix", str(CACHE), PACKAGE]
    try:
        subprocess.run(command, cwd=CACHE, capture_output=True, text=True, timeout=240, check=True)
    except subprocess.CalledProcessError as error:
        raise UnavailableError(f"npm install {PACKAGE} failed: {error.stderr.strip()[-300:]}") from error
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"npm install {PACKAGE} took longer than {error.timeout} s") from error
