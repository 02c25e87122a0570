"""The run lock: one run (deploy, resume, rollback, …) at a time on one deployment, and who it is.

`flock` belongs to an open file: the kernel releases it when the process ends, however it ends. No clock and no
process id has to be trusted to tell a live holder from a dead one. What stands in the file is for people, and
for one case that `flock` cannot see: a record that another machine left. Whether that machine's lock would reach us
depends on the file system between, so such a record is not taken for dead until somebody says so (`unlock ID`).
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import msgspec

from k0rdent_azure.clock import Clock, SystemClock, timestamp
from k0rdent_azure.command_line import shell_word
from k0rdent_azure.errors import LockedError, StateError
from k0rdent_azure.state.files import SYSTEM, Files, open_lock, open_present_lock

if TYPE_CHECKING:
    from pathlib import Path

#: `live`: a process holds it. `stale`: its holder died on this machine. `elsewhere`: another machine's record.
LockCondition = Literal["free", "live", "stale", "elsewhere"]
_RECORD_BYTES = 4096
#: What each record begins with.
_RECORD = b'{"id":"'
_MEND = "free the disk or mend its permissions, then run the command again"


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs on a deployment. `boot` tells one boot of one machine from all others, where the system has that."""

    id: str
    command: str
    host: str
    pid: int
    user: str
    since: str
    boot: str | None = None


class LockStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What `lock show` tells."""

    condition: LockCondition
    holder: Holder | None = None


class RunLock:
    """One run at a time on one deployment; a context manager once acquired."""

    def __init__(self, path: Path, *, state: Path | None = None, files: Files = SYSTEM) -> None:
        """`state` is the file whose runs these are: where root makes the lock, its owner gets it."""
        self.path = path
        self._like = [*([] if state is None else [str(state)]), str(path.parent)]
        self._files = files
        self._descriptor: int | None = None

    def acquire(self, command: str, *, clock: Clock | None = None) -> RunLock:
        """Take the lock at once or raise LockedError naming the holder. Use as a context manager."""
        descriptor = self._open()
        try:
            self._lock_now(descriptor)
            self._refuse_foreign(descriptor)
            self._refuse_elsewhere(self._record(descriptor))
            self._write(descriptor, msgspec.json.encode(_ourselves(command, clock or SystemClock())))
        except OSError as error:
            self._close(descriptor)
            raise StateError(f"cannot write {self.path}: {error.strerror}", hint=_MEND) from error
        except BaseException:
            self._close(descriptor)
            raise
        self._descriptor = descriptor
        return self

    def release(self) -> None:
        """Let go; safe to call twice."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        try:
            self._files.truncate(descriptor, 0)
        except OSError:
            # The record stays, and shows as stale; the lock itself goes with the descriptor.
            pass
        finally:
            self._close(descriptor)

    def holder(self) -> Holder | None:
        """The live holder; None where nobody runs. Looking changes nothing and makes nobody wait."""
        status = self.status()
        return (status.holder or _UNNAMED) if status.condition == "live" else None

    def refuse_live(self) -> None:
        """Raise LockedError if somebody holds it; looking changes nothing, and makes no file."""
        holder = self.holder()
        if holder is not None:
            raise self._refusal(holder)

    def status(self) -> LockStatus:
        """Who holds the lock, or left it. Raises StateError where the file cannot be read."""
        try:
            descriptor = open_present_lock(self._files, str(self.path), flags=os.O_RDONLY)
        except FileNotFoundError:
            return LockStatus(condition="free")
        except OSError as error:
            raise _cannot_open(self.path, error) from error
        try:
            self._files.lock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            record = self._record(descriptor)
            return LockStatus(condition=_left_by(record), holder=record)
        except BlockingIOError:
            return LockStatus(condition="live", holder=self._live_record(descriptor))
        except OSError as error:
            raise StateError(f"cannot look at {self.path}: {error.strerror}", hint=_MEND) from error
        finally:
            self._close(descriptor)

    def unlock(self, identity: str) -> Holder:
        """Remove the record of a holder that is gone; returns it.

        Raises LockedError where the holder lives, StateError where `identity` is not the id in the record.
        """
        try:
            descriptor = open_present_lock(self._files, str(self.path))
        except FileNotFoundError:
            raise _nothing_locked() from None
        except OSError as error:
            raise _cannot_open(self.path, error) from error
        try:
            self._lock_now(descriptor)
            record = self._record(descriptor)
            if record is None:
                raise _nothing_locked()
            if record.id != identity:
                raise StateError(
                    f"the lock's id is {record.id}, not {identity}: it is another run's by now",
                    hint="look again: k0rdent-azure lock show",
                )
            self._files.truncate(descriptor, 0)
        except OSError as error:
            raise StateError(f"cannot write {self.path}: {error.strerror}", hint=_MEND) from error
        finally:
            self._close(descriptor)
        return record

    def _open(self) -> int:
        try:
            return open_lock(self._files, str(self.path), like=self._like)
        except OSError as error:
            raise _cannot_open(self.path, error) from error

    def _lock_now(self, descriptor: int) -> None:
        import time

        for left in reversed(range(_TRIES)):
            try:
                self._files.lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not left:
                    raise self._refusal(self._live_record(descriptor) or _UNNAMED) from None
                time.sleep(_TRY_AGAIN_AFTER)
            except OSError as error:
                raise StateError(
                    f"cannot lock {self.path}: {error.strerror}",
                    hint="the file system must support locks (some network mounts do not)",
                ) from error
            else:
                return

    def _record(self, descriptor: int) -> Holder | None:
        """What stands in the file. Raises OSError: that it cannot be read does not say that there is none."""
        content = self._content(descriptor)
        try:
            return msgspec.json.decode(content, type=Holder)
        except msgspec.DecodeError:
            return None

    def _content(self, descriptor: int) -> bytes:
        """The first bytes of the file. Raises OSError."""
        size = self._files.stat(descriptor).st_size
        # A second descriptor reads from the start, whatever was read of this one.
        again = open_present_lock(self._files, str(self.path), flags=os.O_RDONLY)
        try:
            return self._files.read(again, _RECORD_BYTES) if size else b""
        finally:
            self._files.close(again)

    def _refuse_foreign(self, descriptor: int) -> None:
        """What is no record, whole or cut off by a crash, was not written by a run: it is somebody's file."""
        content = self._content(descriptor).rstrip(b"\0").replace(b" ", b"")
        if content[: len(_RECORD)] != _RECORD[: len(content)]:
            raise StateError(
                f"{self.path} is not a lock file: it holds something else, which is left as it is",
                hint=f"move it out of the way: mv {shell_word(str(self.path))} {shell_word(f'{self.path}.old')}",
            )

    def _live_record(self, descriptor: int) -> Holder | None:
        """Of a holder that is known to live, as far as it can be told who it is."""
        try:
            return self._record(descriptor)
        except OSError:
            return None

    def _close(self, descriptor: int) -> None:
        """The lock goes with the descriptor, whatever its close says."""
        with suppress(OSError):
            self._files.close(descriptor)

    def _write(self, descriptor: int, content: bytes) -> None:
        self._files.truncate(descriptor, 0)
        view = memoryview(content)
        while view:
            view = view[self._files.write(descriptor, view) :]

    def _refuse_elsewhere(self, record: Holder | None) -> None:
        if record is None or _left_by(record) != "elsewhere":
            return
        raise LockedError(
            f"`{record.command}` of {record.user}@{record.host} (process {record.pid}, since {record.since}) did "
            f"not say that it ended, and that is another machine: whether it still runs cannot be told from here",
            hint=f"if it is gone: k0rdent-azure unlock {record.id}",
        )

    def _refusal(self, holder: Holder) -> LockedError:
        return LockedError(
            f"`{holder.command}` holds this deployment: {holder.user}@{holder.host}, "
            f"process {holder.pid}, since {holder.since}",
            hint="wait for it, or interrupt it there; `k0rdent-azure status` shows how far it is",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


#: `status` takes a shared lock for some microseconds; whoever wants the run must not mistake that for a run.
_TRIES = 5
_TRY_AGAIN_AFTER = 0.01
#: A holder that has locked but not yet written its name.
_UNNAMED = Holder(id="", command="another run", host="?", pid=0, user="?", since="just now")


def user_name() -> str:
    """Who we are, for people; a number where the system knows no name (some containers)."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _cannot_open(path: Path, error: OSError) -> StateError:
    hint = "is the folder writable?"
    if error.errno == errno.EINVAL:
        hint = f"move it out of the way: mv {shell_word(str(path))} {shell_word(f'{path}.old')}"
    return StateError(f"cannot open {path}: {error.strerror}", hint=hint)


def _nothing_locked() -> StateError:
    return StateError("nothing is locked", hint="see: k0rdent-azure lock show")


def _ourselves(command: str, clock: Clock) -> Holder:
    import uuid

    return Holder(
        id=uuid.uuid4().hex[:12],
        command=command,
        host=_host(),
        pid=os.getpid(),
        user=user_name(),
        since=timestamp(clock.now()),
        boot=_boot(),
    )


def _left_by(record: Holder | None) -> LockCondition:
    """What an unheld record means: on this machine `flock` would still be held, were its holder alive."""
    if record is None:
        return "free"
    here = record.host == _host() or (record.boot is not None and record.boot == _boot())
    return "stale" if here else "elsewhere"


def _host() -> str:
    return os.uname().nodename


def _boot() -> str | None:
    """Linux's id of this boot, which containers on one kernel share, as they share its locks."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123
            return file.read().strip()
    except OSError:
        return None
