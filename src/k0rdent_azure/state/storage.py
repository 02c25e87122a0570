"""Where a store keeps its bytes: one document, its last good version, and parts beside it (segments, snapshots).

`Storage` is what a store needs; `FileStorage` is the one on a local file system. One on object storage would
hold the same contract, which `tests/state/conformance.py` spells out.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from k0rdent_azure.command_line import shell_word
from k0rdent_azure.errors import StateError, StateInvalidError, StateNotFoundError
from k0rdent_azure.state.files import NO_FOLDER, SYSTEM, Files, give, make_folder, open_lock

if TYPE_CHECKING:
    from pathlib import Path

#: A larger document is refused before it is read: no state file comes near it.
MAX_BYTES = 256 * 1024 * 1024
_CHUNK = 1024 * 1024
_MEND = "free the disk or mend its permissions, then run the command again"
#: What `link` says on a file system without hard links (exFAT, some mounts), at their limit, or where the kernel
#: protects files of others (Linux' fs.protected_hardlinks).
_NO_LINK = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class Storage(Protocol):
    """A whole document at a time. Names of parts look like `snapshots/000012-before-deploy.yaml.gz`."""

    @property
    def where(self) -> str:
        """How messages call the document (its path)."""

    def exists(self) -> bool:
        """Whether there is a document, valid or not. Raises StateError where that cannot be told."""

    def read(self) -> bytes:
        """The document: old or new, whole. Raises StateNotFoundError, StateInvalidError."""

    def exposed(self) -> str | None:
        """How others than the owner can get at the document ("mode 0644"); None where they cannot.

        Raises StateError where that cannot be told.
        """

    def read_previous(self) -> tuple[bytes, float] | None:
        """The version before the newest commit and its age in seconds; None where there is none. Raises StateError."""

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the short write lock; waits for other writers, whose commits take milliseconds."""

    def replace(self, content: bytes, *, keep: bool) -> None:
        """Commit: `content` is the document, durably, when this returns. With `keep` the old version becomes the
        previous one. Only inside `writing`. Raises StateError; then the old document is untouched, or the message
        says that the disk did not confirm the new one.
        """

    def forget_previous(self) -> None:
        """Make the document its own previous version, durably: nothing older is kept. Only inside `writing`.

        Raises StateError.
        """

    def set_aside(self, content: bytes, suffix: str) -> str:
        """Keep `content` beside the document for a look, under its name and `suffix`; returns where."""

    def parts(self, folder: str) -> list[str]:
        """The names of the parts in `folder`, sorted."""

    def read_part(self, name: str) -> bytes:
        """One part. Raises StateInvalidError where it is missing or cannot be read."""

    def write_part(self, name: str, content: bytes) -> None:
        """Keep a part, durably, before this returns. Raises StateError."""

    def remove_part(self, name: str) -> None:
        """Remove a part, durably; nothing there is fine. Raises StateError."""


class FileStorage:
    """Files beside each other: `deployment-state.yaml`, its `.backup`, and a folder for each kind of parts.

    A symbolic link is followed once, when this is made: everything stands beside the real file, so that all
    links to one file share its lock.
    """

    def __init__(self, path: Path, *, files: Files = SYSTEM) -> None:
        self.given = path
        self._files = files
        # `Path.resolve` raises for links that go round in a circle; opening it tells that better.
        self.path = os.path.realpath(path)
        self.folder, self.name = os.path.split(self.path)
        self.backup = f"{self.path}.backup"
        self._lock = f"{self.folder}/.{self.name}.lock"
        # A copy such as `x.yaml.backup` has the parts of its original.
        self._stem = f"{self.folder}/{self.name.partition('.yaml')[0]}"

    @property
    def where(self) -> str:
        return str(self.given)

    def exists(self) -> bool:
        try:
            self._files.stat(self.path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StateError(f"cannot look at {self.given}: {error.strerror}", hint=_MEND) from error
        return True

    def read(self) -> bytes:
        try:
            return self._read(self.path)
        except FileNotFoundError:
            raise StateNotFoundError(
                f"there is no state file {self.given}", hint="start with: k0rdent-azure init, then deploy"
            ) from None
        except OSError as error:
            raise StateInvalidError(f"cannot read {self.given}: {error.strerror}", hint=_MEND) from error

    def exposed(self) -> str | None:
        try:
            mode = stat.S_IMODE(self._files.stat(self.path).st_mode)
        except OSError as error:
            raise StateError(f"cannot look at {self.given}: {error.strerror}", hint=_MEND) from error
        return None if _is_private(mode) else f"mode {mode:04o}"

    def read_previous(self) -> tuple[bytes, float] | None:
        import time

        try:
            return self._read(self.backup), max(0.0, time.time() - self._files.stat(self.backup).st_mtime)
        except (FileNotFoundError, StateInvalidError):
            return None
        except OSError as error:
            raise StateError(f"cannot read {self.backup}: {error.strerror}", hint=_MEND) from error

    @contextmanager
    def writing(self) -> Iterator[None]:
        try:
            descriptor = open_lock(self._files, self._lock, like=(self.path, self.folder))
        except OSError as error:
            raise StateError(
                f"cannot open {self._lock}: {error.strerror}",
                hint=f"rm {shell_word(self._lock)}"
                if error.errno == errno.EINVAL
                else "is the folder writable?",
            ) from error
        try:
            try:
                self._files.lock(descriptor, fcntl.LOCK_EX)
            except OSError as error:
                raise StateError(
                    f"cannot lock {self._lock}: {error.strerror}",
                    hint="the file system must support locks (some network mounts do not)",
                ) from error
            yield
        finally:
            # The lock goes with the descriptor, whatever its close says; what was done under it is told already.
            with suppress(OSError):
                self._files.close(descriptor)

    def replace(self, content: bytes, *, keep: bool) -> None:
        self._replace(self.path, content, keep=keep)

    def forget_previous(self) -> None:
        self._discard_remains()
        # Not a second name for the document: an editor that writes in place would change both.
        self._replace(self.backup, self.read(), keep=False)

    def set_aside(self, content: bytes, suffix: str) -> str:
        self._replace(f"{self.path}{suffix}", content, keep=False)
        return f"{self.given}{suffix}"

    def parts(self, folder: str) -> list[str]:
        try:
            names = self._files.list(self._part(folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StateError(f"cannot list {self._part(folder)}: {error.strerror}", hint=_MEND) from error
        return sorted(f"{folder}/{name}" for name in names if not name.startswith("."))

    def read_part(self, name: str) -> bytes:
        try:
            return self._read(self._part(name))
        except OSError as error:
            raise StateInvalidError(f"cannot read {self._part(name)}: {error.strerror}", hint=_MEND) from None

    def write_part(self, name: str, content: bytes) -> None:
        path = self._part(name)
        folder = os.path.dirname(path)  # noqa: PTH120
        if folder != self.folder:
            self._make_folder(folder)
        self._replace(path, content, keep=False)

    def remove_part(self, name: str) -> None:
        path = self._part(name)
        try:
            self._files.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StateError(f"cannot remove {path}: {error.strerror}", hint=_MEND) from error
        self._confirm_folder(os.path.dirname(path), path)  # noqa: PTH120

    def beside(self) -> list[Path]:
        """The document and everything of its own beside it; the document last. Raises StateError."""
        from pathlib import Path

        own = os.path.basename(self._stem) + "."  # noqa: PTH119
        try:
            there = self._files.list(self.folder)
        except OSError as error:
            raise StateError(f"cannot look into {self.folder}: {error.strerror}", hint=_MEND) from error
        names = sorted(name for name in there if name.startswith(own) and name != self.name)
        return [Path(self.folder, name) for name in (*names, self.name)]

    def glance(self, path: Path) -> bytes | None:
        """What a file of `beside` holds; None for a folder, and for what cannot be read."""
        try:
            return self._read(str(path))
        except (OSError, StateInvalidError):
            return None

    def move_to(self, folder: str) -> None:
        """Move the document and everything beside it into `folder`. Only inside `writing`. Raises StateError.

        All of it is safe there before the first of it goes here, and the document goes last: whenever this stops,
        it can be run again.
        """
        # Through links only up to the folder of all archives, which has to be one.
        given = os.path.abspath(folder)  # noqa: PTH100
        above, _, name = given.rpartition("/")
        target = f"{os.path.realpath(os.path.dirname(above))}/{os.path.basename(above)}/{name}"  # noqa: PTH119, PTH120
        own = [str(path) for path in self.beside()]
        try:
            self._make_folder(os.path.dirname(target))  # noqa: PTH120
            self._make_folder(target)
            for path in own:
                self._copy(path, f"{target}/{path.rpartition('/')[2]}")
            for path in own:
                if path == self.path:
                    # No part may come back beside a document that is gone.
                    self._confirm_folder(self.folder, path)
                self._remove(path)
        except (OSError, StateError) as error:
            reason = error.message if isinstance(error, StateError) else error.strerror
            raise StateError(f"cannot move {self.given} to {folder}: {reason}", hint=_MEND) from error
        self._confirm_folder(self.folder, self.path)

    def _copy(self, path: str, target: str) -> None:
        if not self._is_folder(path):
            self._replace(target, self._read(path), keep=False)
            return
        self._make_folder(target)
        for name in self._files.list(path):
            self._copy(f"{path}/{name}", f"{target}/{name}")

    def _remove(self, path: str) -> None:
        if self._is_link(path) or not self._is_folder(path):
            # Of a link to a folder, what its user keeps on another disk stays there.
            self._files.unlink(path)
            return
        for name in self._files.list(path):
            self._remove(f"{path}/{name}")
        self._files.rmdir(path)

    def _make_folder(self, folder: str) -> None:
        """Make a folder that only its owner can look into, and its name safe."""
        try:
            make_folder(self._files, folder, like=(self.path, self.folder))
            self._files.close(self._files.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW))
        except OSError as error:
            if error.errno in NO_FOLDER and self._is_link(folder):
                raise StateError(
                    f"{folder} is a symbolic link, and nothing is written through one",
                    hint=_in_its_place(folder),
                ) from error
            raise StateError(f"cannot make {folder}: {error.strerror}", hint=_MEND) from error
        # Also where it was there: who made it may have died before its name was safe.
        self._confirm_folder(os.path.dirname(folder), folder)  # noqa: PTH120

    def _part(self, name: str) -> str:
        """`events/x` is `deployment-state.events/x` beside `deployment-state.yaml`."""
        return f"{self._stem}.{name}"

    def _read(self, path: str) -> bytes:
        # Without O_NONBLOCK, opening a pipe would wait for its writer.
        descriptor = self._files.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            status = self._files.stat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise StateInvalidError(f"{path} is not a regular file")
            if status.st_size > MAX_BYTES:
                raise StateInvalidError(f"{path} has {status.st_size} bytes; expected at most {MAX_BYTES}")
            pieces: list[bytes] = []
            while piece := self._files.read(descriptor, _CHUNK):
                pieces.append(piece)
            return b"".join(pieces)
        finally:
            self._files.close(descriptor)

    def _replace(self, path: str, content: bytes, *, keep: bool) -> None:
        """Temp file beside it (0600 from its creation), fsync, old version kept, rename, fsync of the folder.

        There is one name for the temp files of a folder: whoever is here holds the lock, so one that is there is a
        dead writer's, and goes with the next write of any kind.
        """
        folder, _, name = path.rpartition("/")
        temporary = f"{folder}/.{self.name}.new" if folder == self.folder else f"{folder}/.new"
        try:
            self._write(temporary, content, like=path)
            if keep:
                self._keep(path, f"{folder}/.{name}.keep")
            self._files.rename(temporary, path)
        except OSError as error:
            self._discard(temporary)
            raise StateError(
                f"cannot write {path}: {error.strerror or error}; the old version is untouched",
                hint=_MEND,
            ) from error
        self._confirm_folder(folder, path)

    def _write(self, temporary: str, content: bytes, *, like: str) -> None:
        """A new file, safe on the disk, that belongs to whom `like` belongs to."""
        self._discard(temporary)
        descriptor = self._files.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            give(self._files, descriptor, like=(like, self.path, self.folder))
            view = memoryview(content)
            while view:
                view = view[self._files.write(descriptor, view) :]
            self._files.fsync(descriptor)
        finally:
            self._files.close(descriptor)

    def _keep(self, path: str, kept: str) -> None:
        """A second name for the old version: no copy, and no moment without one. Only where links fail, a copy."""
        self._discard(kept)
        try:
            self._files.link(path, kept)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            self._write(kept, self._read(path), like=path)
        if not _is_private(self._files.stat(kept).st_mode):
            # Another program wrote it; it holds keys all the same.
            self._files.chmod(kept, 0o600)
        self._files.rename(kept, f"{path}.backup")
        # Where a writer died right here, both are names of one file already, and a rename leaves both (POSIX).
        self._discard(kept)

    def _discard_remains(self) -> None:
        """Remove what dead writers left, durably: it may be older than anything else."""
        self._discard(f"{self.folder}/.{self.name}.keep")
        for path in map(str, self.beside()):
            if self._is_folder(path):
                self._discard(f"{path}/.new")
                self._confirm_folder(path, path)

    def _is_folder(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(self._files.stat(path).st_mode)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StateError(f"cannot look at {path}: {error.strerror}", hint=_MEND) from error

    def _is_link(self, path: str) -> bool:
        try:
            self._files.close(self._files.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK))
        except OSError as error:
            return error.errno in (errno.ELOOP, errno.EMLINK)
        return False

    def _discard(self, path: str) -> None:
        try:
            self._files.unlink(path)
        except OSError:
            # What cannot be removed shows itself when it is to be made.
            return

    def _confirm_folder(self, folder: str, what: str) -> None:
        try:
            descriptor = self._files.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                self._files.fsync(descriptor)
            finally:
                self._files.close(descriptor)
        except OSError as error:
            raise StateError(
                f"{what} is written, but the disk did not confirm it: {error.strerror or error}",
                hint="check the disk; after a crash the file may be the old version, which is whole too",
            ) from error


def _in_its_place(folder: str) -> str:
    link, copy = shell_word(folder), shell_word(f"{folder}.copy")
    return f"put what it leads to in its place: cp -RL {link} {copy} && rm {link} && mv {copy} {link}"


def _is_private(mode: int) -> bool:
    return not mode & 0o077
