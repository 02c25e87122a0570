"""The real `az` on a served rehearsal cloud."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from k0rdent_azure.rehearsal import az, service
from k0rdent_azure.rehearsal.endpoint import Endpoint

#: Real seconds after which an `az` is called hung.
HUNG = 120

skip_without_az = pytest.mark.skipif(
    shutil.which("az") is None,
    reason="az is not on the PATH (python3 -m venv ~/az && ~/az/bin/pip install azure-cli)",
)


@dataclass
class Az:
    """`az` logged in to the cloud of a directory."""

    directory: Path
    endpoint: Endpoint

    def run(self, words: str, *more: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        """`words` are split at blanks; what holds blanks comes in `more`."""
        done = subprocess.run(
            ["az", *words.split(), *more],
            env=az.environment(self.directory, self.endpoint),
            capture_output=True,
            text=True,
            check=False,
            timeout=HUNG,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == expect, f"az {words}: {done.returncode}\n{done.stderr}"
        return done

    def __call__(self, words: str, *more: str) -> Any:
        """What it prints, as JSON; None for nothing."""
        out = self.run(words, *more, "--output", "json").stdout
        return json.loads(out) if out.strip() else None


@contextmanager
def az_on(directory: Path, *, speed: float = 600.0) -> Iterator[Az]:
    endpoint = service.start(directory, speed=speed, seed=7)
    try:
        az.log_in(directory, endpoint)
        yield Az(directory, endpoint)
    finally:
        service.stop(directory)
