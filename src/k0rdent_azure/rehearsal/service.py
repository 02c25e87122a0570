"""Starts, finds and ends the rehearsal cloud of a directory. Light to import: the server is another process.

Liveness is an flock that the server holds and that dies with it. Whoever starts it holds another one while
it waits, so that two who start at the same moment get the same server.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from k0rdent_azure.errors import PrerequisiteError
from k0rdent_azure.rehearsal import endpoint as endpoints
from k0rdent_azure.rehearsal import isolated
from k0rdent_azure.rehearsal import requests as request_log
from k0rdent_azure.rehearsal.endpoint import Endpoint
from k0rdent_azure.rehearsal.locks import open_lock, opener, own_folder
from k0rdent_azure.rehearsal.requests import Line

LOG = "service.log"
LOCK = "service.lock"
START_LOCK = "start.lock"
#: Real seconds: how long a start, an orderly end and the server's lock may take; between looks at them.
START_TIMEOUT = 30.0
STOP_TIMEOUT = 5.0
LOCK_TIMEOUT = 2.0
LOOK = 0.01


def start(directory: Path, *, speed: float, seed: int) -> Endpoint:
    """The endpoint of the cloud in `directory`, which is started unless it lives.

    A living one keeps its speed, and a cloud that exists keeps its seed. Raises PrerequisiteError where it
    does not come up.
    """
    directory = directory.absolute()
    own_folder(directory)
    with _locked(directory / START_LOCK):
        found = endpoint(directory)
        return found if found is not None else _spawn(directory, speed, seed)


def endpoint(directory: Path) -> Endpoint | None:
    """The endpoint of the cloud that lives in `directory`; None where none does."""
    return endpoints.read(directory) if _lives(directory) else None


def stop(directory: Path) -> bool:
    """End the cloud; what it holds stays on disk, and its time goes on. False where none lived."""
    found = endpoint(directory)
    if found is None:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(found.pid, number)
        deadline = time.monotonic() + STOP_TIMEOUT
        while _lives(directory) and time.monotonic() < deadline:
            time.sleep(LOOK)
    return True


def reset(directory: Path) -> None:
    """End the cloud and forget everything that it holds."""
    stop(directory)
    shutil.rmtree(directory, ignore_errors=True)


def requests(directory: Path) -> Iterator[Line]:
    """Every ARM request that the cloud of `directory` answered, in order."""
    return request_log.read(directory)


def serve_in_foreground(directory: Path, *, speed: float, seed: int) -> None:
    """Serve until Ctrl-C or SIGTERM. Raises PrerequisiteError where another one serves already."""
    directory = directory.absolute()
    own_folder(directory)
    _serve(directory, speed=speed, seed=seed, ready=_announce)


def serve_detached(directory: Path, *, speed: float, seed: int) -> None:
    """What the process that `start` spawns does."""
    _serve(directory, speed=speed, seed=seed, ready=lambda _endpoint: None)


def _serve(directory: Path, *, speed: float, seed: int, ready: Callable[[Endpoint], None]) -> None:
    from k0rdent_azure.rehearsal.server import serve

    with open_lock(directory / LOCK) as lock:
        if not _take(lock):
            raise PrerequisiteError(
                f"the rehearsal cloud in {directory} is served already",
                hint="end it with: k0rdent-azure rehearse stop",
            )
        (directory / endpoints.FILE).unlink(missing_ok=True)
        asyncio.run(serve(directory, speed=speed, seed=seed, ready=ready))


def _announce(found: Endpoint) -> None:
    sys.stderr.write(
        f"rehearsal cloud: ARM at {found.arm_endpoint}, SSH at {found.ssh.host}:{found.ssh.port}, "
        f"{found.speed:g} times as fast as real time (Ctrl-C ends it)\n"
    )


def _spawn(directory: Path, speed: float, seed: int) -> Endpoint:
    command = isolated.python("k0rdent_azure.rehearsal", "serve", str(directory))
    with open(directory / LOG, "ab", opener=opener) as log:
        process = subprocess.Popen(
            [*command, "--speed", repr(speed), "--seed", str(seed)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        # Written under the lock; to look at the lock itself could keep the new server from taking it.
        found = endpoints.read(directory)
        if found is not None and found.pid == process.pid:
            # Its end is nobody's business here; without this, Python would warn of a child left behind.
            process.returncode = 0
            return found
        if process.poll() is not None:
            break
        time.sleep(LOOK)
    else:
        process.kill()
    process.wait()
    raise PrerequisiteError(
        f"the rehearsal cloud in {directory} did not start", hint=f"the reason is in {directory / LOG}"
    )


def _take(lock: IO[str]) -> bool:
    """Take the server's lock. Someone who only looks may hold it for an instant, so one refusal says little."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    while time.monotonic() < deadline:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOOK)
        else:
            return True
    return False


def _lives(directory: Path) -> bool:
    """Whether a server holds the lock. The look holds it for an instant, shared, so looks do not meet."""
    try:
        with open_lock(directory / LOCK, make=False) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with open_lock(path) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
