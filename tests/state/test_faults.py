"""A disk that fails at any call: the old version stays, the message says what and what to do, and it goes on."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress

import pytest

from k0rdent_azure.errors import LockedError, StateError, StateInvalidError
from k0rdent_azure.state.lock import RunLock
from tests.state import crash_repairs as repairs
from tests.state import crash_starts as starts
from tests.state import crash_steps as steps
from tests.state.crash_disk import CrashDisk
from tests.state.crash_steps import PATH, Step
from tests.state.crash_versions import judge_step, look, store_on
from tests.state.fault_runs import CODES, Faulty, fail_each_call, interrupt_each_call, judge_message

COMMANDS: dict[str, Callable[[], tuple[CrashDisk, list[Step]]]] = {
    "create": lambda: (starts.empty(), [steps.create()]),
    "commit": lambda: (starts.begun(steps.change(1)), [steps.events("more", 2)]),
    "no hard links": lambda: (
        starts.without_links(starts.begun(steps.change(1))),
        [steps.events("more", 2)],
    ),
    "first segment": lambda: (starts.begun(steps.events("before", 19)), [steps.events("more", 5)]),
    "second segment": lambda: (starts.begun(steps.events("before", 25)), [steps.events("more", 20)]),
    "hand-made": lambda: (starts.hand_made(), [steps.events("more", 2)]),
    "refused": lambda: (starts.begun(steps.change(1)), [steps.refused()]),
    "snapshot": lambda: (
        starts.begun(steps.change(1), steps.take("one", keep=2)),
        [steps.take("two", keep=1)],
    ),
    "rollback": lambda: (starts.begun(steps.take("one"), steps.change(1)), [steps.rollback("latest")]),
    "recover": repairs.recovery,
    "secrets": lambda: (repairs.in_clear(), [repairs.encryption()]),
}


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_fault_at_each_call(name: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    starts.shorten_trails(monkeypatch)
    disk, (step,) = COMMANDS[name]()
    assert fail_each_call(disk, step, code) >= 15


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS], ids=errno.errorcode.get)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_fault_that_stays(name: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From each call on, nothing can be written any more."""
    starts.shorten_trails(monkeypatch)
    disk, (step,) = COMMANDS[name]()
    assert fail_each_call(disk, step, code, lasting=True) >= 15


@pytest.mark.parametrize(
    "code", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK], ids=errno.errorcode.get
)
def test_the_version_before_is_kept_where_there_are_no_links(code: int) -> None:
    disk = starts.without_links(starts.hand_made(), code)
    before = disk.get(str(PATH)).content
    steps.change(1).run(store_on(disk))
    kept = disk.get(f"{PATH}.backup")
    assert (kept.content, kept.mode, kept.owner) == (before, 0o600, (1000, 1000))
    steps.change(2).run(store_on(disk))
    assert b"value: 1" in disk.get(f"{PATH}.backup").content
    assert not [path for path in disk.paths() if path.endswith((".keep", ".new"))]


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_a_fault_at_each_call_of_archiving(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    starts.shorten_trails(monkeypatch)
    begin = starts.begun(steps.take("one"), steps.events("many", 35), steps.change(1))
    target = PATH.parent / "archive" / "k0rdent-test0001"
    before = look(begin)
    for at in range(1000):
        disk = begin.fork()
        faulty = Faulty(disk, at, code)
        try:
            store_on(faulty).archive(target)
        except StateError as error:
            judge_message(error, os.strerror(code))
            if store_on(disk).exists():
                store_on(disk).archive(target)
        assert disk.is_at_rest
        assert not store_on(disk).exists()
        assert look(disk, at=target / PATH.name) == before
        if faulty.failed is None:
            assert at >= 50
            return


def test_a_fault_at_each_call_of_a_load() -> None:
    disk = starts.begun(steps.events("before", 3))
    for code in CODES:
        failed = 0
        while _refuses_to_read(Faulty(disk, failed, code), os.strerror(code)):
            failed += 1
        assert failed == 5, "open, stat, two reads, close"


def _refuses_to_read(faulty: Faulty, reason: str) -> bool:
    try:
        document = store_on(faulty).read()
    except StateError as error:
        judge_message(error, reason)
        return True
    assert len(document.state.events) == 3
    return faulty.failed is not None


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("bytes_at_once", [1000, 4096, 13])
def test_writes_that_take_only_a_part(name: str, bytes_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    starts.shorten_trails(monkeypatch)
    disk, run = COMMANDS[name]()
    disk.short = bytes_at_once
    before = look(disk)
    with suppress(StateInvalidError):
        run[0].run(store_on(disk))
    judge_step(before, look(disk), run[0])


def test_a_disk_that_fills_up_in_the_middle_of_a_file() -> None:
    disk = starts.begun(steps.change(1))
    disk.short = 100
    assert fail_each_call(disk, steps.events("more", 2), errno.ENOSPC, lasting=True) > 30


@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_at_each_call(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    starts.shorten_trails(monkeypatch)
    disk, (step,) = COMMANDS[name]()
    assert interrupt_each_call(disk, step) >= 15


def test_a_lock_whose_record_cannot_be_read_is_not_taken() -> None:
    """Another machine may hold it."""
    for code in CODES:
        for at in range(8):
            disk = starts.empty()
            disk.put(str(LOCK), ELSEWHERE)
            with pytest.raises((StateError, LockedError)):
                RunLock(LOCK, files=Faulty(disk, at, code)).acquire("deploy")
            assert disk.get(str(LOCK)).content == ELSEWHERE


LOCK = PATH.with_name("run.lock")
ELSEWHERE = (
    b'{"id":"abc","command":"deploy","host":"elsewhere","pid":1,"user":"ann","since":"2025-01-07T15:30:00Z"}'
)


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_a_fault_at_each_call_of_the_run_lock(code: int) -> None:
    for at in range(100):
        disk = starts.empty()
        faulty = Faulty(disk, at, code)
        try:
            with RunLock(LOCK, files=faulty).acquire("deploy"):
                assert RunLock(LOCK, files=disk).status().condition == "live"
            RunLock(LOCK, files=faulty).status()
        except StateError as error:
            judge_message(error, os.strerror(code))
        assert disk.is_at_rest, f"{faulty.failed} left something open or locked"
        RunLock(LOCK, files=disk).acquire("resume").release()
        if faulty.failed is None:
            assert at >= 8
            return


def test_a_run_is_named_whatever_one_write_takes() -> None:
    disk = starts.empty()
    disk.short = 10
    with RunLock(LOCK, files=disk).acquire("deploy"):
        holder = RunLock(LOCK, files=disk).holder()
    assert holder is not None
    assert (holder.command, holder.pid) == ("deploy", os.getpid())
