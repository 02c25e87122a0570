"""Situations of locks, and of what stands where a lock or a folder of the product belongs."""

from __future__ import annotations

import fcntl
import json
import os

from tests.hints.place import Place
from tests.hints.situations import situation


def run_lock(place: Place) -> str:
    return str(place.workspace / ".deployment-state.yaml.run.lock")


def left_elsewhere(place: Place) -> None:
    """A run on another machine, of which nobody knows whether it ended."""
    holder = {
        "id": "0123456789ab",
        "command": "deploy",
        "host": "build-7",
        "pid": 4711,
        "user": "ann",
        "since": "2026-03-04T10:00:00Z",
        "boot": "another",
    }
    with open(run_lock(place), "w", encoding="utf-8") as file:  # noqa: PTH123
        json.dump(holder, file)
    os.chmod(run_lock(place), 0o600)  # noqa: PTH101


@situation("cli/lock.py: unlock {}")
def lock_of_another_machine(place: Place) -> None:
    left_elsewhere(place)
    place.tell("lock", "show", expect=0)
    place.follow("unlock")
    place.cured("build-7")


@situation("state/lock.py: unlock {}")
def refused_by_another_machine(place: Place) -> None:
    left_elsewhere(place)
    place.tell("replace", "vm/k0s-worker-1", "--yes", expect=5)
    place.follow("unlock")
    assert "build-7" not in place.run("replace", "vm/none").err


@situation("state/lock.py: lock show")
def wrong_lock_id(place: Place) -> None:
    place.tell("unlock", "1234", expect=4)
    place.follow("lock show")
    left_elsewhere(place)
    place.tell("unlock", "1234", expect=4)
    assert "0123456789ab" in place.follow("lock show")


@situation("state/lock.py: status")
def live_run(place: Place) -> None:
    with open(run_lock(place), "w", encoding="utf-8") as file:  # noqa: PTH123
        os.chmod(run_lock(place), 0o600)  # noqa: PTH101
        fcntl.flock(file, fcntl.LOCK_EX)
        place.tell("replace", "vm/k0s-worker-1", "--yes", expect=5)
        assert "is running" in place.follow("status")


@situation()
def somebodys_file_as_run_lock(place: Place) -> None:
    with open(run_lock(place), "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write("my notes\n")
    place.tell("replace", "vm/none", "--yes", expect=4)
    place.follow("mv")
    place.cured("not a lock file", expect=2)


@situation()
def no_plain_lock(place: Place) -> None:
    """Nothing else than a file can be locked: what stands in its place is in nobody's use."""
    lock = place.workspace / ".deployment-state.yaml.lock"
    lock.unlink(missing_ok=True)
    os.mkfifo(lock)
    place.tell("event", "add", "note", "anything", expect=4)
    place.follow("rm")
    place.cured("cannot open")


@situation("state/storage.py: cp -RL {} {} && rm {} && mv {} {}")
def snapshots_behind_a_link(place: Place) -> None:
    place.run("snapshot", "create", "--reason", "before")
    folder, away = place.workspace / "deployment-state.snapshots", place.root / "away"
    folder.rename(away)
    folder.symlink_to(away)
    place.tell("snapshot", "create", expect=4)
    place.follow("cp -RL")
    place.cured("symbolic link")
