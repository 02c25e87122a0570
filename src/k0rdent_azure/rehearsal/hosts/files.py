"""A simulated file system: paths, contents, owners and modes, kept as plain data so that it can be stored.

Permissions are those of the file itself: its owner and root may do what the mode's owner bits say, others
what its last bits say; only root creates files outside `/tmp`, `/home` and `/dev/shm`.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Iterator
from dataclasses import dataclass


class FileFault(Exception):  # noqa: N818  (an errno of the simulated host, not a fault of ours)
    """What a real command would print after its name: `PATH: No such file or directory`."""


@dataclass
class File:
    """`content` None is a directory. `modified` is real Unix time."""

    content: bytes | None
    mode: int
    owner: str
    modified: float

    @property
    def directory(self) -> bool:
        return self.content is None


_BASE = (
    "/", "/bin", "/boot", "/dev", "/dev/shm", "/etc", "/etc/systemd", "/etc/systemd/system", "/home", "/proc",
    "/proc/1", "/root", "/run", "/run/lock", "/run/systemd", "/run/systemd/system", "/tmp", "/usr", "/usr/bin",
    "/usr/lib", "/usr/local", "/usr/local/bin", "/var", "/var/lib", "/var/log",
)  # fmt: skip
_SHARED = ("/tmp/", "/home/", "/dev/shm/")


class Files:
    """The tree of one host. `changed` tells the owner that it must be stored."""

    def __init__(self) -> None:
        now = time.time()
        self.entries = {path: File(None, 0o755, "root", now) for path in _BASE}
        self.changed = False

    def get(self, path: str) -> File | None:
        return self.entries.get(posixpath.normpath(path))

    def read(self, path: str, *, user: str) -> bytes:
        """Raises FileFault when there is no such file or `user` may not read it."""
        if path == "/dev/null":
            return b""
        entry = self.get(path)
        if entry is None:
            raise FileFault(f"{path}: No such file or directory")
        if entry.content is None:
            raise FileFault(f"{path}: Is a directory")
        self._permit(path, entry, user, 0o4)
        return entry.content

    def write(
        self, path: str, data: bytes, *, user: str, mode: int | None = None, append: bool = False
    ) -> None:
        """Creates or replaces a file; a new one gets `mode` or 0644."""
        if path in {"/dev/null", "/dev/stdout", "/dev/stderr"}:
            return
        path = posixpath.normpath(path)
        entry = self.entries.get(path)
        if entry is not None and entry.content is None:
            raise FileFault(f"{path}: Is a directory")
        if entry is None:
            self._permit_change(path, user)
            self._parent(path)
            entry = self.entries[path] = File(b"", 0o644 if mode is None else mode, user, 0.0)
        else:
            self._permit(path, entry, user, 0o2)
        entry.content = (entry.content or b"") + data if append else data
        entry.mode = entry.mode if mode is None else mode
        self._touch(entry)

    def make_directory(self, path: str, *, user: str, mode: int = 0o755, parents: bool = True) -> None:
        path = posixpath.normpath(path)
        existing = self.entries.get(path)
        if existing is not None:
            if not existing.directory:
                raise FileFault(f"cannot create directory '{path}': File exists")
            return
        parent = posixpath.dirname(path)
        if parent not in self.entries:
            if not parents:
                raise FileFault(f"cannot create directory '{path}': No such file or directory")
            self.make_directory(parent, user=user)
        self._permit_change(path, user)
        self.entries[path] = File(None, mode, user, time.time())
        self.changed = True

    def remove(self, path: str, *, user: str, recursive: bool = False) -> None:
        path = posixpath.normpath(path)
        entry = self.entries.get(path)
        if entry is None:
            raise FileFault(f"cannot remove '{path}': No such file or directory")
        if entry.directory and not recursive:
            raise FileFault(f"cannot remove '{path}': Is a directory")
        self._permit_change(path, user)
        for name in [path, *self.below(path)]:
            self.entries.pop(name, None)
        self.changed = True

    def move(self, source: str, target: str, *, user: str) -> None:
        source, target = posixpath.normpath(source), posixpath.normpath(target)
        entry = self.entries.get(source)
        if entry is None:
            raise FileFault(f"cannot stat '{source}': No such file or directory")
        destination = self.entries.get(target)
        if destination is not None and destination.directory:
            target = posixpath.join(target, posixpath.basename(source))
        self._permit_change(source, user)
        self._permit_change(target, user)
        self._parent(target)
        for name in [source, *self.below(source)]:
            self.entries[target + name[len(source) :]] = self.entries.pop(name)
        self.changed = True

    def change(
        self, path: str, *, user: str, mode: int | None = None, owner: str | None = None,
        modified: float | None = None,
    ) -> None:  # fmt: skip
        """chmod, chown and touch."""
        entry = self.get(path)
        if entry is None:
            raise FileFault(f"cannot access '{path}': No such file or directory")
        if user not in {"root", entry.owner}:
            raise FileFault(f"changing '{path}': Operation not permitted")
        entry.mode = entry.mode if mode is None else mode
        entry.owner = entry.owner if owner is None else owner
        entry.modified = entry.modified if modified is None else modified
        self.changed = True

    def below(self, path: str) -> Iterator[str]:
        """Every path under a directory."""
        prefix = path.rstrip("/") + "/"
        return iter(sorted(name for name in self.entries if name.startswith(prefix) and name != path))

    def _touch(self, entry: File) -> None:
        entry.modified = time.time()
        self.changed = True

    def _parent(self, path: str) -> None:
        parent = self.entries.get(posixpath.dirname(path))
        if parent is None or not parent.directory:
            raise FileFault(f"cannot create '{path}': No such file or directory")

    @staticmethod
    def _permit(path: str, entry: File, user: str, bit: int) -> None:
        allowed = user == "root" or entry.mode & (bit << 6 if user == entry.owner else bit)
        if not allowed:
            raise FileFault(f"{path}: Permission denied")

    @staticmethod
    def _permit_change(path: str, user: str) -> None:
        if user != "root" and not path.startswith(_SHARED):
            raise FileFault(f"cannot change '{path}': Permission denied")
