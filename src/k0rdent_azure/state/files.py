"""The file calls of the state engine: every one it makes, and nothing else, goes through `Files`.

One small interface, so that a test can record each call, fail it, or enumerate what a crash between two of them
may leave on the disk. The methods are the POSIX calls of the same names and raise OSError as these do.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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
    """The calls themselves.

    What makes, changes or removes a name does it in a folder that was opened first, and that is no symbolic link
    (`openat`, POSIX.1-2008): a folder that somebody exchanges for a link leads nothing elsewhere, at no moment.
    """

    def open(self, path: Path, flags: int, mode: int = 0o600) -> int:
        if not flags & os.O_CREAT:
            return os.open(path, flags | os.O_CLOEXEC, mode)
        with _in_folder(path) as (folder, name):
            return os.open(name, flags | os.O_CLOEXEC | os.O_NOFOLLOW, mode, dir_fd=folder)

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
        with _in_folder(path) as (folder, name):
            descriptor = os.open(
                name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder
            )
        try:
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    def stat(self, target: Path | int) -> os.stat_result:
        return os.stat(target)  # noqa: PTH116

    def lock(self, descriptor: int, operation: int) -> None:
        fcntl.flock(descriptor, operation)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def rename(self, source: Path, target: Path) -> None:
        with _in_folder(source) as (of, old), _in_folder(target) as (to, new):
            # The one call that commits.
            os.replace(old, new, src_dir_fd=of, dst_dir_fd=to)

    def link(self, source: Path, target: Path) -> None:
        with _in_folder(source) as (of, old), _in_folder(target) as (to, new):
            os.link(old, new, src_dir_fd=of, dst_dir_fd=to, follow_symlinks=False)

    def unlink(self, path: Path) -> None:
        with _in_folder(path) as (folder, name):
            os.unlink(name, dir_fd=folder)

    def mkdir(self, path: Path, mode: int = 0o700) -> None:
        with _in_folder(path) as (folder, name):
            os.mkdir(name, mode, dir_fd=folder)

    def rmdir(self, path: Path) -> None:
        with _in_folder(path) as (folder, name):
            os.rmdir(name, dir_fd=folder)

    def list(self, folder: Path) -> list[str]:
        return os.listdir(folder)  # noqa: PTH208


SYSTEM: Files = SystemFiles()
#: What opening a link, or something else than a folder, says with O_NOFOLLOW and O_DIRECTORY (EMLINK: FreeBSD).
NO_FOLDER = (errno.ELOOP, errno.ENOTDIR, errno.EMLINK)
THROUGH_A_LINK = "its folder is a symbolic link, and nothing is written through one"


@contextmanager
def _in_folder(path: Path) -> Iterator[tuple[int, str]]:
    """The opened folder of `path`, and the name in it. Raises OSError; ELOOP where the folder is a link."""
    folder, slash, name = path.rpartition("/")
    place = folder or slash or "."
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        # Linux says ENOTDIR of a link, as of a file.
        if error.errno in NO_FOLDER and os.path.islink(place):  # noqa: PTH114
            raise OSError(errno.ELOOP, THROUGH_A_LINK, path) from error
        raise
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)


def open_lock(files: Files, path: Path, *, like: Sequence[Path]) -> int:
    """Open a lock file, which is made where there is none, and then belongs as `give` says. Raises OSError.

    It is opened, never cut: what stands in it is its holder's.
    """
    with suppress(FileNotFoundError):
        return open_present_lock(files, path)
    try:
        # Only what is new here is given away: a name that others chose may lead to any file of root's.
        descriptor = files.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return open_present_lock(files, path)
    try:
        give(files, descriptor, like=like)
    except BaseException:
        files.close(descriptor)
        raise
    return descriptor


def open_present_lock(files: Files, path: Path, *, flags: int = os.O_RDWR) -> int:
    """Open a lock file that is there: a regular file with this one name. Raises OSError.

    Of a link, of a second name for another file, or of a device the lock would be taken, and the record written,
    in whatever that is; the open of a pipe would wait for its other end.
    """
    try:
        descriptor = files.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.EISDIR, errno.ENXIO):
            raise OSError(errno.EINVAL, _NO_LOCK, path) from error
        raise
    try:
        found = files.stat(descriptor)
    except BaseException:
        files.close(descriptor)
        raise
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        files.close(descriptor)
        raise OSError(errno.EINVAL, _NO_LOCK, path)
    return descriptor


_NO_LOCK = "expected a regular file with no other name (no link, pipe, folder or device)"


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
