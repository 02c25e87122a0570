"""Whenever the machine or the program stops: the old or the new version, whole, and no acknowledged event missing.

Each command that writes is run on a disk that knows what a crash would keep, and every state that a crash may leave
is mounted, read and worked on. `K0RDENT_AZURE_EXHAUSTIVE=1` looks at all of them; without it, at all of those that a
crash of the command itself leaves and at a sample of those that follow from a second crash. `pytest -rP` shows how
many there were.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import pytest

from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state.lock import RunLock
from tests.state import crash_repairs as repairs
from tests.state import crash_starts as starts
from tests.state import crash_steps as steps
from tests.state.conftest import EXAMPLE, small
from tests.state.crash_disk import CrashDisk
from tests.state.crash_model import images
from tests.state.crash_runs import Crashes
from tests.state.crash_steps import PATH, Step
from tests.state.crash_versions import look, store_on

EXHAUSTIVE = os.environ.get("K0RDENT_AZURE_EXHAUSTIVE") == "1"


class Command(NamedTuple):
    """On which disk what is run, and how many distinct images that makes at least, with a sample and with all.

    `share` is how many of the second crashes are looked at where all of them would take minutes; `is_long` says that
    the audit trail is as long as it is elsewhere.
    """

    begin: Callable[[], tuple[CrashDisk, list[Step]]]
    least: tuple[int, int]
    share: float = 1.0
    is_long: bool = False


COMMANDS = {
    "create": Command(lambda: (starts.empty(), [steps.create(), steps.change(1)]), (100, 1000)),
    "transaction": Command(
        lambda: (starts.begun(), [steps.change(number) for number in range(4)]), (100, 1000)
    ),
    "no hard links": Command(
        lambda: (
            starts.without_links(starts.begun(steps.change(0))),
            [steps.events("one", 1), steps.change(2)],
        ),
        (100, 1000),
    ),
    "events": Command(
        lambda: (starts.begun(), [steps.events("one", 1), steps.events("five", 5), steps.change(1)]),
        (100, 1000),
    ),
    "seal": Command(
        lambda: (
            starts.begun(steps.events("before", 19)),
            [steps.events("first", 5), steps.events("second", 25), steps.events("third", 5)],
        ),
        (100, 3000),
    ),
    "seal a long trail": Command(
        lambda: (
            starts.begun(steps.events("before", 299)),
            [steps.events("first", 5), steps.events("second", 250), steps.change(1)],
        ),
        (100, 500),
        share=0.05,
        is_long=True,
    ),
    "first write of a long trail": Command(
        lambda: (starts.long_trail(40), [steps.events("first", 1), steps.change(1)]), (100, 1500), share=0.2
    ),
    "hand-made": Command(
        lambda: (starts.hand_made(), [steps.change(1), steps.events("one", 2), steps.change(2)]), (100, 1000)
    ),
    "the example": Command(
        lambda: (starts.hand_made(EXAMPLE.read_bytes()), [steps.change(1), steps.events("one", 2)]),
        (100, 500),
        share=0.2,
    ),
    "refused": Command(
        lambda: (
            starts.begun(steps.change(1), steps.change(2)),
            [steps.refused(), steps.change(3), steps.refused()],
        ),
        (50, 500),
    ),
    "snapshot": Command(
        lambda: (
            starts.begun(steps.change(1)),
            [steps.take("run", keep=2), steps.take("by hand"), steps.change(2), steps.take("run", keep=1)],
        ),
        (100, 1000),
    ),
    "prune": Command(
        lambda: (
            starts.begun(steps.take("one"), steps.take("two"), steps.take("three")),
            [
                steps.take("four", keep=1),
                steps.prune(2),
                steps.change(1),
                steps.prune(1),
                steps.take("five", keep=1),
                steps.events("more", 2),
            ],
        ),
        (100, 500),
    ),
    "rollback": Command(
        lambda: (
            starts.begun(steps.take("start"), steps.change(1)),
            [steps.rollback("1"), steps.change(2), steps.rollback("latest")],
        ),
        (100, 1000),
    ),
    "recover": Command(repairs.recovery, (50, 500)),
    "secrets": Command(lambda: (repairs.in_clear(), [repairs.encryption(), steps.change(2)]), (100, 1000)),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_image_after_a_crash(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = COMMANDS[name]
    if not command.is_long:
        starts.shorten_trails(monkeypatch)
    crashes = Crashes(cuts=6 if EXHAUSTIVE else 3, share=command.share if EXHAUSTIVE else 0.02)
    count = crashes.run(*command.begin())
    sys.stdout.write(f"{name}: {count} images\n")
    assert count >= command.least[EXHAUSTIVE]


def test_the_run_lock_after_a_crash() -> None:
    """Its record is for people: whatever is left of it, the next run on this machine takes the lock."""
    disk = starts.empty()
    moments: list[CrashDisk] = []
    disk.watch = lambda _: moments.append(disk.fork())
    lock = RunLock(PATH.with_name("run.lock"), files=disk)
    lock.acquire("deploy").release()
    lock.acquire("resume")
    seen = set()
    for moment in moments:
        for image in images(moment, cuts=20):
            seen.add(image.fingerprint)
            RunLock(lock.path, files=image.mount()).acquire("resume").release()
    assert len(seen) > 40


def test_archiving(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state is here, or there with all that belongs to it; and where it is here, archiving it goes on."""
    starts.shorten_trails(monkeypatch)
    disk = starts.begun(steps.take("one"), steps.events("many", 35), steps.change(1))
    before = look(disk)
    moments: list[CrashDisk] = []
    disk.watch = lambda _: moments.append(disk.fork())
    store_on(disk).archive(ARCHIVE)
    moments.append(disk)
    seen = set()
    for moment in moments:
        for image in images(moment, cuts=20 if EXHAUSTIVE else 6):
            if image.fingerprint in seen:
                continue
            seen.add(image.fingerprint)
            left = image.mount()
            if store_on(left).exists():
                assert store_on(left).read().text == before.text
                store_on(left).archive(ARCHIVE)
            assert not [path for path in left.paths() if path.startswith(f"{PATH.parent}/{PATH.stem}.")]
            assert look(left, at=ARCHIVE / PATH.name) == before
    sys.stdout.write(f"archive: {len(seen)} images\n")
    assert len(seen) >= (600 if EXHAUSTIVE else 300)


ARCHIVE = PATH.parent / "archive" / "k0rdent-test0001"
USER = (1000, 1000)


def test_a_users_file_stays_the_users() -> None:
    """Also where root wrote it; others cannot read it any more, nor what was kept of it."""
    disk = starts.hand_made()
    steps.change(1).run(store_on(disk))
    for path in (str(PATH), f"{PATH}.backup"):
        file = disk.get(path)
        assert (file.owner, file.mode) == (USER, 0o600), path


@pytest.mark.parametrize("whose", ["file", "folder"])
def test_what_root_makes_belongs_to_whom_the_rest_belongs_to(
    whose: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One run with `sudo` would else lock its user out of locks, segments and snapshots."""
    starts.shorten_trails(monkeypatch)
    disk = starts.hand_made() if whose == "file" else starts.empty(owner=USER)
    store = store_on(disk)
    if whose == "folder":
        store.create(small())
    lock = RunLock(PATH.with_name("run.lock"), state=PATH, files=disk)
    with lock.acquire("deploy"):
        for step in (steps.take("one"), steps.events("many", 35), steps.refused(), steps.change(1)):
            with suppress(StateInvalidError):
                step.run(store)
    assert len(list(disk.paths())) > 8
    parts = {f"{PATH.parent}/{PATH.stem}.{part}" for part in ("events", "snapshots")}
    assert {disk.owner(path) for path in {*disk.paths(), *parts}} == {USER}
    store.archive(ARCHIVE)
    assert {disk.owner(path) for path in disk.paths()} == {USER}


def test_a_lock_that_is_there_is_not_given_away() -> None:
    """Its name may lead to any file of root's."""
    disk = starts.empty(owner=USER)
    lock = PATH.with_name("run.lock")
    disk.put(str(lock), b"")
    RunLock(lock, files=disk).acquire("deploy").release()
    assert disk.owner(str(lock)) == (0, 0)
