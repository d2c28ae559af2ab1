"""ministack, an emulator of AWS that is not the one our local stack is made of: its environment and its server."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from tests.build.conftest import TOOLS, find_python_313
from tests.build.processes import STARTUP_S, environment, run, started
from tests.support.ports import free_port
from tests.support.waiting import until
from tests.template.expanded import ROOT

VERSION = "1.5.33"
# ministack expands SAM's resources only if the translator is there too.
PACKAGES = [f"ministack=={VERSION}", "aws-sam-translator"]
REGION = "us-east-1"
# What an emulator accepts. Set for every call, so that no real account is ever asked.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}


@dataclass(frozen=True, slots=True)
class Ministack:
    """A running server.

    Attributes:
        port: Its only port, on loopback.
        log: What it writes.
    """

    port: int
    log: Path

    @property
    def url(self) -> str:
        """Where every service answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def variables(self) -> Mapping[str, str]:
        """What makes the SAM CLI and boto3 talk to it."""
        return CREDENTIALS | {"AWS_ENDPOINT_URL": self.url, "AWS_REGION": REGION}

    def client(self, service: str) -> Any:
        """A client of one of its services."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )


def installed() -> Path:
    """The folder of ministack's own programs; made when it is not there, in a Python of the functions' version.

    Raises:
        SystemExit: There is no Python 3.13.
    """
    home = ROOT / ".cache" / "ministack" / VERSION
    if not (home / "complete").exists():
        python = find_python_313()
        if python is None:
            raise SystemExit("the functions are for Python 3.13, and this machine has no python3.13")
        shutil.rmtree(home, ignore_errors=True)
        uv = shutil.which("uv", path=f"{TOOLS}:{environment()['PATH']}") or "uv"
        run([uv, "venv", "--quiet", "--python", python, home])
        run([uv, "pip", "install", "--quiet", "--python", home, *PACKAGES])
        (home / "complete").touch()
    return home / "bin"


@contextmanager
def ministack(scratch: Path) -> Iterator[Ministack]:
    """Run a server on a free port for as long as the block lasts; all its state is in memory and in `scratch`."""
    programs = installed()
    server = Ministack(free_port(), scratch / "ministack.log")
    state = scratch / "state"
    state.mkdir()
    env = environment(
        **CREDENTIALS,
        PATH=f"{programs}:{environment()['PATH']}",
        GATEWAY_PORT=str(server.port),
        BIND_HOST="127.0.0.1",
        LAMBDA_EXECUTOR="local",
        TMPDIR=str(state),
    )
    with started([programs / "ministack"], cwd=scratch, env=env, log=server.log) as process:
        until(lambda: process.poll() is not None or _answers(server), STARTUP_S, "ministack")
        if process.poll() is not None:
            raise SystemExit(f"ministack did not start:\n{server.log.read_text(encoding='utf-8')}")
        yield server


def _answers(server: Ministack) -> bool:
    try:
        with urllib.request.urlopen(f"{server.url}/_ministack/ready", timeout=1):
            return True
    except OSError:
        return False
