"""Runs a command with a fault at each of its file calls in turn, and judges what is told and what is left."""

from __future__ import annotations

import errno
import os
from contextlib import nullcontext, suppress

from k0rdent_azure.errors import StateError, StateInvalidError
from k0rdent_azure.state.files import Files
from k0rdent_azure.state.store import FileStore
from tests.state.crash_disk import CrashDisk
from tests.state.crash_model import images
from tests.state.crash_runs import go_on
from tests.state.crash_steps import PATH, Step
from tests.state.crash_versions import (
    Moment,
    Version,
    judge_image,
    judge_step,
    leftovers,
    look,
    store_on,
    violated,
)
from tests.state.files_around import FilesAround

CODES = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EDQUOT)
#: What is said where the new version may be there all the same.
NEW_VERSION = ("did not confirm", "the state itself is done")


class Faulty(FilesAround):
    """The call number `at` (from 0) fails with `code`; with `lasting`, so does each later one that would write."""

    def __init__(self, inner: Files, at: int, code: int, *, lasting: bool = False) -> None:
        super().__init__(inner)
        self._left, self._code, self._lasting = at, code, lasting
        #: The call that failed first.
        self.failed: str | None = None
        self.is_well = False

    def before(self, call: str, path: str) -> None:
        if self.is_well:
            return
        self._left -= 1
        first = self._left == -1
        later = self._lasting and self._left < 0 and call in ("write", "fsync", "mkdir", "link", "rename")
        if first or later:
            self.failed = self.failed or f"{call} {path}"
            raise OSError(self._code, os.strerror(self._code))


class Interrupted(Faulty):
    """The call number `at` does not happen, because Ctrl-C is pressed."""

    def __init__(self, inner: Files, at: int) -> None:
        super().__init__(inner, at, errno.EINTR)

    def before(self, call: str, path: str) -> None:
        try:
            super().before(call, path)
        except OSError:
            raise KeyboardInterrupt from None


def fail_each_call(
    disk: CrashDisk,
    step: Step,
    code: int,
    *,
    lasting: bool = False,
) -> int:
    """Returns how many calls there were to fail. Raises ViolationError."""
    for at in range(10_000):
        trial = disk.fork()
        faulty = Faulty(trial, at, code, lasting=lasting)
        before = look(trial)
        store = store_on(faulty)
        try:
            error = _attempt(step, store)
            if faulty.failed is None:
                return at
            found = _judge(trial, step, before, error, os.strerror(code))
            faulty.is_well = True
            _go_on(trial, store, found, step)
        except AssertionError as violation:
            violation.add_note(f"{step.name}: {os.strerror(code)} at call {at}, {faulty.failed}")
            raise
    raise AssertionError("a command does not end")


def interrupt_each_call(disk: CrashDisk, step: Step) -> int:
    """As `fail_each_call`, but somebody presses Ctrl-C at that moment: old or new, and it goes on."""
    for at in range(10_000):
        trial = disk.fork()
        stopped = Interrupted(trial, at)
        before = look(trial)
        try:
            step.run(store_on(stopped))
        except KeyboardInterrupt:
            pass
        except StateInvalidError:
            assert step.refused
        if stopped.failed is None:
            return at
        try:
            _judge_stopped(trial, step, before)
        except AssertionError as violation:
            violation.add_note(f"{step.name}: Ctrl-C at call {at}, {stopped.failed}")
            raise
    raise AssertionError("a command does not end")


def _judge_stopped(disk: CrashDisk, step: Step, before: Version) -> None:
    if not disk.is_at_rest:
        violated("at rest", "something was left open or locked")
    found = look(disk)
    if found.text != before.text:
        judge_step(before, found, step._replace(forgets=False) if found.previous == before.text else step)
    _go_on(disk, store_on(disk), found, step)


def _attempt(step: Step, store: FileStore) -> StateError | None:
    """Run it; anything but a StateError is a traceback for the user."""
    try:
        step.run(store)
    except StateError as error:
        return error
    except OSError as error:
        violated("told", f"a bare {error!r}", because=error)
    return None


def _judge(disk: CrashDisk, step: Step, before: Version, error: StateError | None, reason: str) -> Version:
    if not disk.is_at_rest:
        violated("at rest", "something was left open or locked")
    found = look(disk)
    allowed: tuple[Version, ...] = (before,)
    if error is None:
        judge_step(before, found, step)
        allowed = (found,)
    else:
        refused = step.refused and isinstance(error, StateInvalidError) and reason not in error.message
        if not refused:
            judge_message(error, reason)
        told = any(word in f"{error.message} {error.hint}" for word in NEW_VERSION)
        if found.text != before.text and not told:
            violated("told", f"the document was changed, but the message is: {error}")
        if told:
            allowed = (before, found)
    known = before.snapshots | found.snapshots
    moment = Moment(disk, allowed, before.snapshots & found.snapshots, known, step, "the fault")
    for image in images(disk.fork(), cuts=1):
        judge_image(image.mount(), moment)
    return found


def judge_message(error: StateError, reason: str) -> None:
    """Whether it says why, where, and what to do."""
    if reason not in error.message:
        violated("told", f"{reason!r} is not in: {error}")
    if str(PATH.parent) not in error.message:
        violated("told", f"there is no path in: {error}")
    if not error.hint:
        violated("told", f"there is no hint with: {error}")


def _go_on(disk: CrashDisk, store: FileStore, found: Version, failed: Step) -> None:
    """The same program goes on once the disk is well, with another command and with the one that failed."""
    for step in (go_on(found, failed), failed):
        if step is failed and not step.repeats and look(disk).fault is None:
            continue
        before = look(disk)
        with suppress(StateInvalidError) if step.refused else nullcontext():
            step.run(store)
        judge_step(before, look(disk), step)
    if left := [path for path in leftovers(disk) if path.startswith(f"{PATH.parent}/.")]:
        violated("leftovers", f"{left} are still there")
