"""Drives the command line as a user would, against the rehearsal cloud of a workspace of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.rehearsal import service
from k0rdent_azure.rehearsal.arm import conscience
from tests.e2e.prepared import copy_of

#: Cloud seconds per real second: a deployment of half an hour takes seconds.
SPEED = "300"
#: Whether everything runs that `make test` draws a part of: `make test-all`.
EXHAUSTIVE = os.environ.get("K0RDENT_AZURE_EXHAUSTIVE") == "1"
#: Real seconds after which a command under test is called hung.
HUNG = 180


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


@dataclass
class Product:
    """The command line in one workspace."""

    workspace: Path
    environ: dict[str, str] = field(default_factory=dict)

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "k0rdent_azure", "-C", str(self.workspace), *words]

    @property
    def env(self) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("K0RDENT_", "AZURE_"))}
        own = {"K0RDENT_AZURE_REHEARSAL_SPEED": SPEED, conscience.VARIABLE: os.environ[conscience.VARIABLE]}
        return inherited | own | self.environ

    def run(self, *words: str, expect: int | None = 0) -> Result:
        done = subprocess.run(
            self.argv(*words),
            env=self.env,
            capture_output=True,
            text=True,
            timeout=HUNG,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        result = Result(done.returncode, done.stdout, done.stderr)
        if expect is not None:
            assert result.code == expect, f"{words}: exit {result.code}\n{result.out}\n{result.err}"
        return result

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.argv(*words),
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def init(self, template: str = "production") -> None:
        self.run("init", "--template", template, "--cloud", "rehearsal", "--yes")

    def deployed(self, template: str = "production", *words: str) -> None:
        """As after `init` and `deploy --yes WORDS…`: a copy of a deployment that is made once for all tests."""
        name = "-".join([template, *words, *map("=".join, self.environ.items())]).replace("/", "_")
        copy_of(name, lambda folder: self._deploy(folder, template, words), self.workspace)
        speed = float(self.env["K0RDENT_AZURE_REHEARSAL_SPEED"])
        service.start(self.workspace / ".rehearsal", speed=speed, seed=0)

    def _deploy(self, folder: Path, template: str, words: tuple[str, ...]) -> None:
        first = Product(folder, self.environ)
        first.init(template)
        first.run("deploy", "--yes", "--quiet", *words)
        first.run("rehearse", "stop")

    def state(self, path: str) -> str:
        return self.run("state", "get", path).out.strip()

    def status(self) -> Any:
        return self.run("status", "--json").json

    def requests(self) -> list[Any]:
        return self.run("rehearse", "log", "--json").lines

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + HUNG
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            time.sleep(0.02)

    def wait_for_phase(self, *phases: str) -> None:
        """Until the state says that one of these phases runs (read from the file: quicker than a command)."""

        def there() -> bool:
            text = self.state_text()
            return any(f'deployment_phase: "{phase}"' in text for phase in phases)

        self.wait_for(there, f"phase {phases}")

    def state_text(self) -> str:
        path = self.workspace / "deployment-state.yaml"
        return path.read_text() if path.exists() else ""


def end(process: subprocess.Popen[str], signum: signal.Signals) -> Result:
    """Send a signal and wait for the end."""
    process.send_signal(signum)
    out, err = process.communicate(timeout=HUNG)
    return Result(process.returncode, out, err)


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """A product in an empty workspace; its rehearsal cloud is stopped at the end."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    made = Product(workspace)
    yield made
    made.run("rehearse", "stop", expect=None)
