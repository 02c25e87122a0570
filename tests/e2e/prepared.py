"""Deployments that are made once and copied: most tests begin where a deployment is finished, and not with making it.

A copy is a workspace with a rehearsal cloud of its own that goes on where the first one was stopped.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Shelf:
    """Where the processes of one test run keep what they copy; set when the run begins (tests/conftest.py)."""

    folder: Path | None = None


SHELF = Shelf()


def copy_of(name: str, make: Callable[[Path], None], target: Path) -> None:
    """Put a copy of the workspace `name` into the folder `target`; the first to ask for it makes it.

    `make` gets an empty folder, and must leave no cloud running.
    """
    assert SHELF.folder is not None
    cache = SHELF.folder
    cache.mkdir(exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        original = cache / name
        if not original.exists():
            unfinished = cache / f"{name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(original)
    shutil.copytree(original, target, symlinks=True, dirs_exist_ok=True)
    _forget_port(target / ".rehearsal" / "service.json")


def _forget_port(service: Path) -> None:
    """Else every copy would look for the port of the first one, and some other process may have it."""
    known = json.loads(service.read_text())
    service.write_text(json.dumps({**known, "port": 0}))
