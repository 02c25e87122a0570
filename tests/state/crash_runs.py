"""Runs commands on a `CrashDisk` and judges each state that a crash at any moment may leave.

Three kinds: a crash while the commands run; a crash while the next command runs after a crash; and a crash while the
next command runs after a writer was killed, so that much of what the dead one did is not safe yet.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from k0rdent_azure.errors import StateError, StateInvalidError
from k0rdent_azure.state import events as trail
from tests.state.crash_disk import CrashDisk
from tests.state.crash_model import images
from tests.state.crash_steps import Step, create, events, take
from tests.state.crash_versions import (
    Moment,
    Version,
    ViolationError,
    judge_image,
    judge_step,
    leftovers,
    look,
    store_on,
    violated,
)


def record(disk: CrashDisk, steps: Sequence[Step], *, start: Moment | None = None) -> Iterator[Moment]:
    """Run `steps` and yield every moment that a crash could tell from others, and the one after each step.

    `start` says what a crash may bring back when this begins, where that is more than the disk shows. Raises
    ViolationError where a step does not do what it should.
    """
    before = look(disk)
    allowed = start.allowed if start else (before,)
    sure, known = (start.sure, start.known) if start else (before.snapshots, before.snapshots)
    for step in steps:
        moments, promised = _run(disk, step)
        after = look(disk)
        judge_step(before, after, step)
        # What the step prunes may be gone from its first call on, and be there until it returns.
        sure, known = sure & after.snapshots, known | after.snapshots
        for moment, call in moments:
            yield Moment(moment, (*allowed, after), sure, known, step, f"{step.name}, after {call}")
        before, allowed, sure = after, (after,), sure | promised
        known = after.snapshots | (start.known if start else frozenset())
        yield Moment(disk.fork(), allowed, sure, known, step, f"after {step.name}", is_after=True)


def _run(disk: CrashDisk, step: Step) -> tuple[list[tuple[CrashDisk, str]], frozenset[str]]:
    """The disk after each of its changes and what that was, and the snapshots that the step promises."""
    moments: list[tuple[CrashDisk, str]] = []
    promised: str | None = None
    disk.watch = lambda call: moments.append((disk.fork(), call))
    try:
        promised = step.run(store_on(disk))
    except StateError as error:
        if not (step.refused and isinstance(error, StateInvalidError)):
            violated("next command", f"{step.name}: {error}; {error.hint}", because=error)
    finally:
        disk.watch = None
    if not disk.is_at_rest:
        violated("at rest", f"{step.name} left something open or locked")
    return moments, frozenset(() if promised is None else (promised,))


def go_on(found: Version, repair: Step) -> Step:
    """The next command on a disk that holds `found`; `repair` is for one that cannot be used."""
    if found.fault is not None:
        return repair
    return create() if found.text is None else events("go on", 1)


class Crashes:
    """Judges images and counts them. `cuts` is as in `crash_model.images`; after a first crash there are fewer.

    Of the runs on what a crash or a killed writer left, `share` (0 to 1) are looked at, chosen by `seed`; all of
    the first kind always are. It ends after so many `violations`.
    """

    def __init__(self, *, cuts: int, share: float, seed: int = 0, most: int = 1) -> None:
        self.count = 0
        self.violations: list[ViolationError] = []
        self._most = most
        self._cuts, self._share = cuts, share
        self._random = random.Random(seed)
        self._seen: set[object] = set()

    def run(self, disk: CrashDisk, steps: Sequence[Step]) -> int:
        """Judge everything; returns how many distinct images there were. Raises ViolationError.

        Where the disk cannot be used as it is, the first of `steps` repairs it.
        """
        self._repair = steps[0]
        for moment in list(record(disk.fork(), steps)):
            self._judge_all(moment, cuts=self._cuts, then=self._crash_again)
            if self._is_chosen():
                self._kill(moment)
        return self.count

    def _is_chosen(self) -> bool:
        return self._random.random() < self._share

    def _kill(self, moment: Moment) -> None:
        """A killed writer loses nothing that it did, but none of that is any safer."""
        with self._judging(moment, "killed there"):
            found = judge_image(moment.disk.fork(), moment)
            for step in self._next(found, moment):
                for later in list(record(moment.disk.fork(), [step], start=moment)):
                    when = f"killed at {moment.when}; then {later.when}"
                    self._judge_all(later._replace(when=when), cuts=self._cuts // 3)

    def _next(self, found: Version, moment: Moment) -> list[Step]:
        """Some other command, and the same one again, where it can be repeated."""
        other = go_on(found, self._repair)
        repeats = found.text is not None and moment.step.repeats and other is not moment.step
        return [other, moment.step] if repeats else [other]

    def _crash_again(self, disk: CrashDisk, found: Version, moment: Moment) -> None:
        if not self._is_chosen():
            return
        *_, step = self._next(found, moment) if moment.step.holds else [go_on(found, self._repair)]
        for later in list(record(disk, [step])):
            when = f"crashed at {moment.when}; then {later.when}"
            self._judge_all(later._replace(when=when), cuts=self._cuts // 3)

    def _judge_all(
        self, moment: Moment, *, cuts: int, then: Callable[[CrashDisk, Version, Moment], None] | None = None
    ) -> None:
        expected = hash((moment.allowed, moment.sure, moment.known))
        for image in images(moment.disk, cuts=cuts):
            if (image.fingerprint, expected) in self._seen:
                continue
            self.count += image.fingerprint not in self._seen
            self._seen |= {image.fingerprint, (image.fingerprint, expected)}
            with self._judging(moment, str(image)):
                found = judge_image(image.mount(), moment)
                self._go_on(image.mount(), found, moment)
                if then is not None:
                    then(image.mount(), found, moment)

    def _go_on(self, disk: CrashDisk, found: Version, moment: Moment) -> None:
        if moment.step.holds and moment.is_after:
            moment.step.holds(disk)
        step = go_on(found, self._repair)
        _run(disk, step)
        judge_step(found, look(disk), step)
        if not leftovers(disk):
            return
        # What a writer of parts left goes with the next part of the kind.
        for cleaner in (take("after the crash"), events("seal", trail.INLINE_LIMIT + 1)):
            _run(disk, cleaner)
        if left := leftovers(disk):
            violated("leftovers", f"{left} are still there")

    @contextmanager
    def _judging(self, moment: Moment, what: str) -> Iterator[None]:
        """Says of a violation at which moment, and on what disk."""
        try:
            yield
        except ViolationError as error:
            if error in self.violations:
                raise
            error.add_note(f"crash at {moment.when}\n{what}")
            self.violations.append(error)
            if len(self.violations) >= self._most:
                raise
