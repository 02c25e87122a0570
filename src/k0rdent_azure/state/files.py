"""The file calls of the state engine: every one it makes, and nothing else, goes through `Files`.

One small interface, so that a test can record each call, fail it, or enumerate what a crash between two of them
may leave on the disk. The methods are the POSIX calls of the same names and raise OSError as these do.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol

Path = str
"""A path as text: what POSIX takes."""


class Files(Protocol):
    """What the state engine asks of a file system."""

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int: ...
    def read(self, descriptor: int, size: int) -> bytes: ...
    def write(self, descriptor: int, data: bytes | memoryview) -> int: ...
    def truncate(self, descriptor: int, size: int) -> None: ...
    def fsync(self, descriptor: int) -> None: ...
    def chown(self, descriptor: int, uid: int, gid: int) -> None: ...
    def chmod(self, path: Path, mode: int) -> None: ...
    def stat(self, target: Path | int) -> os.stat_result: ...
    def lock(self, descriptor: int, operation: int) -> None: ...
    def close(self, descriptor: int) -> None: ...
    def rename(self, source: Path, target: Path) -> None: ...
    def link(self, source: Path, target: Path) -> None: ...
    def unlink(self, path: Path) -> None: ...
    def mkdir(self, path: Path, mode: int = 0o700) -> None: ...
    def rmdir(self, path: Path) -> None: ...
    def list(self, folder: Path) -> list[str]: ...


class SystemFiles:
    """The calls themselves."""

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        return os.open(path, flags | os.O_CLOEXEC, mode)

    def read(self, descriptor: int, size: int) -> bytes:
        return os.read(descriptor, size)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        return os.write(descriptor, data)

    def truncate(self, descriptor: int, size: int) -> None:
        os.ftruncate(descriptor, size)

    def fsync(self, descriptor: int) -> None:
        if sys.platform == "darwin":
            # There fsync leaves the bytes in the drive's own memory (fsync(2), macOS).
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        else:
            os.fsync(descriptor)

    def chown(self, descriptor: int, uid: int, gid: int) -> None:
        os.fchown(descriptor, uid, gid)

    def chmod(self, path: Path, mode: int) -> None:
        os.chmod(path, mode)  # noqa: PTH101

    def stat(self, target: Path | int) -> os.stat_result:
        return os.stat(target)  # noqa: PTH116

    def lock(self, descriptor: int, operation: int) -> None:
        fcntl.flock(descriptor, operation)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        os.replace(source, target)  # noqa: PTH105 - the one call that commits, by its POSIX name

    def link(self, source: Path, target: Path) -> None:
        os.link(source, target)

    def unlink(self, path: Path) -> None:
        os.unlink(path)  # noqa: PTH108

    def mkdir(self, path: Path, mode: int = 0o700) -> None:
        os.mkdir(path, mode)  # noqa: PTH102

    def rmdir(self, path: Path) -> None:
        os.rmdir(path)  # noqa: PTH106

    def list(self, folder: Path) -> list[str]:
        return os.listdir(folder)  # noqa: PTH208


SYSTEM: Files = SystemFiles()


def open_lock(files: Files, path: Path, *, like: Sequence[Path]) -> int:
    """Open a lock file, which is made where there is none, and then belongs as `give` says. Raises OSError."""
    with suppress(FileNotFoundError):
        return files.open(path, os.O_RDWR)
    try:
        # Only what is new here is given away: a name that others chose may lead to any file of root's.
        descriptor = files.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return files.open(path, os.O_RDWR)
    try:
        give(files, descriptor, like=like)
    except BaseException:
        files.close(descriptor)
        raise
    return descriptor


def give(files: Files, descriptor: int, *, like: Sequence[Path]) -> None:
    """What root makes (`sudo`) belongs to whom the first of `like` that is there belongs to. Raises OSError.

    Else one run with `sudo` would lock its user out. Who is not root cannot give files away, nor has to.
    """
    made = files.stat(descriptor)
    if made.st_uid != 0:
        return
    for path in like:
        with suppress(FileNotFoundError):
            owner = files.stat(path)
            if (owner.st_uid, owner.st_gid) != (made.st_uid, made.st_gid):
                files.chown(descriptor, owner.st_uid, owner.st_gid)
            return


def make_folder(files: Files, folder: Path, *, like: Sequence[Path]) -> None:
    """Make a folder that only its owner can look into; one that is there stays as it is. Raises OSError."""
    with suppress(FileExistsError):
        files.mkdir(folder, 0o700)
        descriptor = files.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            give(files, descriptor, like=like)
        finally:
            files.close(descriptor)
