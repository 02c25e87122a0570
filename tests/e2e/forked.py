"""The product and its rehearsal cloud in forks of this process, which has imported them once.

A matrix starts the product some thousand times; without this, nearly all of its time would go into imports. A fork
runs `main` with the same words, files and sockets as a process of its own, and can be killed as one.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import k0rdent_azure
from k0rdent_azure.cli.main import main
from k0rdent_azure.cli.workspace import REHEARSAL_DIR
from k0rdent_azure.rehearsal import endpoint, service
from tests.e2e.points import Points, install

#: Real seconds after which the alarm clock ends a fork, and the test with it.
HUNG = 240
#: ... and a cloud that its test left behind.
LIFE = 1800
#: Killed by the test itself, as `os.waitstatus_to_exitcode` says it.
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Ended:
    """What became of a command; `code` is negative where a signal ended it."""

    words: tuple[str, ...]
    code: int
    said: str


def preload() -> None:
    """Import all of the product, so that a fork has nothing left to import."""
    for module in pkgutil.walk_packages(k0rdent_azure.__path__, "k0rdent_azure."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


@dataclass(frozen=True)
class Started:
    """A command that is running; `wait` has to be called once."""

    words: tuple[str, ...]
    pid: int
    output: Path

    def wait(self) -> Ended:
        _, status = os.waitpid(self.pid, 0)
        return Ended(self.words, os.waitstatus_to_exitcode(status), self.output.read_text(errors="replace"))


@dataclass(frozen=True)
class Forked:
    """The command line in one workspace. With `shared`, its rehearsal cloud is in that folder.

    `witness` is called in each process of the product, and in that of the cloud, before it begins.
    """

    workspace: Path
    speed: float
    seed: int = 0
    shared: Path | None = None
    witness: Callable[[], None] | None = None

    @property
    def cloud(self) -> Path:
        """The folder of its rehearsal cloud."""
        return self.shared or self.workspace / ".rehearsal"

    def run(self, *words: str, points: Points | None = None) -> Ended:
        """One command, to its end or to its kill."""
        return self.start(*words, points=points).wait()

    def start(self, *words: str, points: Points | None = None) -> Started:
        """Like `run`, without waiting for the end."""
        output = self.workspace.parent / f"{self.workspace.name}.out"

        def command() -> int:
            if points is not None:
                install(points)
            if self.witness is not None:
                self.witness()
            return main(["-C", str(self.workspace), *words])

        environ = {"K0RDENT_AZURE_REHEARSAL_SPEED": repr(self.speed)}
        if self.shared is not None:
            environ[REHEARSAL_DIR] = str(self.shared)
        return Started(words, _fork(command, output, environ), output)

    def serve(self) -> int:
        """Start the rehearsal cloud of the workspace; returns its process."""
        directory = self.cloud
        directory.mkdir(mode=0o700, exist_ok=True)

        def cloud() -> int:
            os.setsid()
            signal.alarm(LIFE)
            if self.witness is not None:
                self.witness()
            service.serve_detached(directory, speed=self.speed, seed=self.seed)
            return 0

        said = self.workspace.parent / f"{self.workspace.name}.cloud"
        pid = _fork(cloud, said, {})
        deadline = time.monotonic() + HUNG
        # To look at the server's lock could keep it from taking it.
        while (found := endpoint.read(directory)) is None or found.pid != pid:
            if os.waitpid(pid, os.WNOHANG)[0] or time.monotonic() > deadline:
                raise RuntimeError(f"the rehearsal cloud does not start: {said.read_text(errors='replace')}")
            time.sleep(0.01)
        return pid

    def stop(self, pid: int) -> None:
        """End the cloud that `serve` started; what it holds stays on the disk."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)


def _fork(work: Callable[[], int], output: Path, environ: dict[str, str]) -> int:
    """A child that does `work`, says everything into `output`, and never comes back here."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        signal.alarm(HUNG)
        os.environ.update(environ)
        _redirect(output)
        code = work()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _redirect(output: Path) -> None:
    """Nothing to read; all that is said goes to one file."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for source, target in ((nothing, 0), (written, 1), (written, 2)):
        os.dup2(source, target)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
