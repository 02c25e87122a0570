"""Locks that die with their process, and tell who holds them.

`flock` belongs to an open file: the kernel releases it when the process ends, however it ends. No clock, no
process id and no cleanup has to be trusted. What stands in the file is only for people.
"""

from __future__ import annotations

import fcntl
import getpass
import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from k0rdent_azure.clock import Clock, SystemClock, timestamp
from k0rdent_azure.errors import LockedError, StateError


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who runs on a deployment: shown to whoever comes second."""

    id: str
    command: str
    host: str
    pid: int
    user: str
    since: str


class RunLock:
    """One run (deploy, resume, destroy, …) at a time on one deployment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, command: str, *, clock: Clock | None = None) -> RunLock:
        """Take the lock at once or raise LockedError naming the holder. Use as a context manager."""
        descriptor = _open(self.path)
        try:
            _lock_now(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise self._refusal(error) from None
        now = (clock or SystemClock()).now()
        holder = Holder(
            id=uuid.uuid4().hex[:12],
            command=command,
            host=socket.gethostname(),
            pid=os.getpid(),
            user=user_name(),
            since=timestamp(now),
        )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(holder), 0)
        self._descriptor = descriptor
        return self

    def release(self) -> None:
        """Let go; safe to call twice."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> Holder | None:
        """The live holder, or None. Never waits, changes nothing."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._read() or _UNNAMED
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return None

    def _read(self) -> Holder | None:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Holder)
        except (OSError, msgspec.DecodeError):
            return None

    def _refusal(self, error: OSError) -> LockedError | StateError:
        if not isinstance(error, BlockingIOError):
            return StateError(
                f"cannot lock {self.path}: {error.strerror}",
                hint="the file system must support locks (some network mounts do not)",
            )
        holder = self._read() or _UNNAMED
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


#: `holder` takes a shared lock for some microseconds; whoever wants the run must not mistake that for a run.
_TRIES = 5
_TRY_AGAIN_AFTER = 0.01


def user_name() -> str:
    """Who we are, for people; a number where the system knows no name (some containers)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _lock_now(descriptor: int) -> None:
    for left in reversed(range(_TRIES)):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise
            time.sleep(_TRY_AGAIN_AFTER)
        else:
            return


#: A holder that has locked but not yet written its name.
_UNNAMED = Holder(id="", command="another run", host="?", pid=0, user="?", since="just now")


@contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """Hold the short lock of one commit; waits for others, whose commits take milliseconds."""
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise StateError(f"cannot lock {path}: {error.strerror}") from error
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(f"cannot open {path}: {error.strerror}", hint="is the folder writable?") from error
