"""The harness proves itself: each known bug turns its check red, and without it the check is green."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from tests.state import crash_starts as starts
from tests.state import crash_steps as steps
from tests.state.crash_disk import CrashDisk
from tests.state.crash_runs import Crashes
from tests.state.crash_steps import Step
from tests.state.crash_versions import ViolationError, judge_step, look, store_on
from tests.state.fault_runs import fail_each_call
from tests.state.interleaving import check_conflicts, check_readers, check_run_lock, check_writers
from tests.state.known_bugs import BUGS


def _crash(disk: CrashDisk, *run: Step) -> None:
    crashes = Crashes(cuts=2, share=0.0, most=100)
    found = crashes.violations
    try:
        crashes.run(disk, run)
    except ViolationError as error:
        found.append(error)
    if found:
        raise ExceptionGroup("after a crash", found)


def _faults(disk: CrashDisk) -> None:
    for lasting in (False, True):
        fail_each_call(disk, steps.events("one", 2), errno.ENOSPC, lasting=lasting)


def _short_writes(disk: CrashDisk) -> None:
    disk.short = 100
    before, step = look(disk), steps.events("one", 2)
    step.run(store_on(disk))
    judge_step(before, look(disk), step)


CHECKS: dict[str, Callable[[CrashDisk], object]] = {
    "crash": lambda disk: _crash(disk, steps.events("one", 2), steps.change(1)),
    "crash while sealing": lambda disk: _crash(disk, steps.events("one", 19), steps.events("two", 15)),
    "faults": _faults,
    "short writes": _short_writes,
    "writers": lambda disk: check_writers(disk, steps.events("mine", 1), steps.events("other", 1)),
    "readers": lambda disk: check_readers(disk, steps.events("mine", 1)),
    "conflicts": check_conflicts,
    "run lock": lambda _: check_run_lock(),
}


@pytest.mark.parametrize("name", CHECKS)
def test_without_a_bug_the_check_is_green(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    starts.shorten_trails(monkeypatch)
    CHECKS[name](starts.begun(steps.events("before", 5)))


@pytest.mark.parametrize("name", BUGS)
def test_a_known_bug_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    starts.shorten_trails(monkeypatch)
    bug = BUGS[name]
    disk = starts.begun(steps.events("before", 5))
    bug.plant(monkeypatch)
    with pytest.raises((ViolationError, ExceptionGroup)) as caught:
        CHECKS[bug.check](disk)
    assert bug.seen_as in _broken(caught.value)


def _broken(error: BaseException) -> set[str]:
    """Which promises."""
    if isinstance(error, ExceptionGroup):
        return {promise for inner in error.exceptions for promise in _broken(inner)}
    assert isinstance(error, ViolationError)
    return {error.check}
