"""A file system in memory that knows what of it a crash would keep: all of `Files`, under POSIX's rules.

A file's bytes are safe from its fsync on, a name from the fsync of its folder on; whatever came after is pending.
`crash_model` makes from that every state that may be found after the crash.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

PRIVATE = 0o600
#: What `stat` tells of the time of any change; nothing here looks at the clock.
_TIME = 1_738_555_506


class WouldWaitError(Exception):
    """A lock is held, and one process plays all sides here: where another one would wait, this is raised."""


class Pending(NamedTuple):
    """A change of a folder's names since its last fsync: `name` is `number`'s from now on, or (`drop`) nobody's.

    A move is one change: `source` loses the name at the same moment.
    """

    kind: Literal["put", "drop", "move"]
    name: str
    number: int
    source: str = ""


class File:
    """`content` is what readers see, `settled` what is on the disk for sure (None: never synced)."""

    __slots__ = ("content", "mode", "owner", "settled")

    def __init__(self, content: bytes, settled: bytes | None, mode: int, owner: tuple[int, int]) -> None:
        self.content, self.settled = content, settled
        self.mode, self.owner = mode, owner

    def copy(self) -> File:
        return File(self.content, self.settled, self.mode, self.owner)


class Folder:
    """`names` is what readers see; `settled` and `pending` are what of it is on the disk, and what may be."""

    __slots__ = ("mode", "names", "owner", "pending", "settled")

    def __init__(self, names: dict[str, int], settled: dict[str, int], pending: list[Pending]) -> None:
        self.names, self.settled, self.pending = names, settled, pending
        self.mode, self.owner = 0o700, (0, 0)

    def copy(self) -> Folder:
        copy = Folder(dict(self.names), dict(self.settled), list(self.pending))
        copy.mode, copy.owner = self.mode, self.owner
        return copy


class _Opened:
    __slots__ = ("number", "position")

    def __init__(self, number: int) -> None:
        self.number, self.position = number, 0


class CrashDisk:
    """One disk as one process sees it. After each change that a crash could lose or keep, `watch` is called.

    `short` is how many bytes one write takes at most, `no_links` what `link` fails with, where it does. A `fork` has
    the same files in the same condition, but nobody's descriptors and locks: what is left of a process that was
    killed.
    """

    def __init__(self, nodes: dict[int, File | Folder] | None = None) -> None:
        self.nodes = nodes or {0: Folder({}, {}, [])}
        self.watch: Callable[[str], None] | None = None
        self.short: int | None = None
        self.no_links: int | None = None
        self._opened: dict[int, _Opened] = {}
        self._locks: dict[int, tuple[int, bool]] = {}

    def fork(self) -> CrashDisk:
        copy = CrashDisk({number: node.copy() for number, node in self.nodes.items()})
        copy.short, copy.no_links = self.short, self.no_links
        return copy

    def sync(self) -> CrashDisk:
        """The same disk, on which everything is safe now."""
        for node in self.nodes.values():
            if isinstance(node, File):
                node.settled = node.content
            else:
                node.settled, node.pending = dict(node.names), []
        return self

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is open or locked."""
        return not self._opened and not self._locks

    # What tests put there and look at.

    def put(self, path: str, content: bytes, *, mode: int = PRIVATE, owner: tuple[int, int] = (0, 0)) -> None:
        """A file that is safely there."""
        folder, name = self._place(path)
        number = self._add(File(content, content, mode, owner))
        folder.names[name] = folder.settled[name] = number

    def get(self, path: str) -> File:
        return self._file(self._find(path))

    def owner(self, path: str) -> tuple[int, int]:
        """Of a file or folder."""
        return self.nodes[self._find(path)].owner

    def paths(self) -> Iterator[str]:
        """Every file, by its path."""
        yield from self._below(0, "")

    def _below(self, number: int, path: str) -> Iterator[str]:
        node = self.nodes[number]
        if isinstance(node, File):
            yield path
            return
        for name, inner in sorted(node.names.items()):
            yield from self._below(inner, f"{path}/{name}")

    # `Files`

    def open(self, path: str, flags: int, mode: int = PRIVATE) -> int:
        folder, name = self._place(path)
        number = folder.names.get(name) if name else 0
        if number is None:
            if not flags & os.O_CREAT:
                raise _error(errno.ENOENT, path)
            number = self._add(File(b"", None, mode, (0, 0)))
            self._change(folder, Pending("put", name, number), f"create {path}")
        elif flags & os.O_EXCL:
            raise _error(errno.EEXIST, path)
        node = self.nodes[number]
        writes = flags & (os.O_WRONLY | os.O_RDWR)
        if isinstance(node, Folder) and writes:
            raise _error(errno.EISDIR, path)
        if isinstance(node, File) and flags & os.O_DIRECTORY:
            raise _error(errno.ENOTDIR, path)
        if isinstance(node, File) and flags & os.O_TRUNC and writes:
            self._fill(node, b"", f"truncate {path}")
        descriptor = next(free for free in range(3, 10_000) if free not in self._opened)
        self._opened[descriptor] = _Opened(number)
        return descriptor

    def read(self, descriptor: int, size: int) -> bytes:
        opened, file = self._open_file(descriptor)
        piece = file.content[opened.position : opened.position + size]
        opened.position += len(piece)
        return piece

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        opened, file = self._open_file(descriptor)
        piece = bytes(data[: self.short] if self.short else data)
        start = opened.position
        before = file.content[:start].ljust(start, b"\0")
        opened.position += len(piece)
        self._fill(file, before + piece + file.content[opened.position :], f"write {len(piece)} bytes")
        return len(piece)

    def truncate(self, descriptor: int, size: int) -> None:
        file = self._open_file(descriptor)[1]
        self._fill(file, file.content[:size].ljust(size, b"\0"), f"truncate to {size}")

    def fsync(self, descriptor: int) -> None:
        node = self.nodes[self._of(descriptor).number]
        if isinstance(node, File):
            node.settled = node.content
            self._tell("fsync of a file")
        else:
            node.settled, node.pending = dict(node.names), []
            self._tell("fsync of a folder")

    def chown(self, descriptor: int, uid: int, gid: int) -> None:
        self.nodes[self._of(descriptor).number].owner = (uid, gid)

    def chmod(self, path: str, mode: int) -> None:
        self.nodes[self._find(path)].mode = mode

    def stat(self, target: str | int) -> os.stat_result:
        number = self._of(target).number if isinstance(target, int) else self._find(target)
        node = self.nodes[number]
        size = len(node.content) if isinstance(node, File) else 0
        kind = stat.S_IFREG if isinstance(node, File) else stat.S_IFDIR
        return os.stat_result((kind | node.mode, number, 1, 1, *node.owner, size, _TIME, _TIME, _TIME))

    def lock(self, descriptor: int, operation: int) -> None:
        number, shared = self._of(descriptor).number, bool(operation & fcntl.LOCK_SH)
        self._locks.pop(descriptor, None)
        if operation & fcntl.LOCK_UN:
            return
        for other, is_shared in self._locks.values():
            if other == number and not (shared and is_shared):
                if operation & fcntl.LOCK_NB:
                    raise _error(errno.EAGAIN)
                raise WouldWaitError
        self._locks[descriptor] = (number, shared)

    def close(self, descriptor: int) -> None:
        self._of(descriptor)
        del self._opened[descriptor]
        self._locks.pop(descriptor, None)

    def rename(self, source: str, target: str) -> None:
        number = self._find(source)
        (folder, name), (other, new) = self._place(source), self._place(target)
        assert folder is other, "the engine renames within one folder only; another move has no model here"
        if folder.names.get(new) == number:
            # Two names of one file: POSIX leaves both.
            return
        if isinstance(self.nodes.get(folder.names.get(new, -1)), Folder):
            raise _error(errno.EISDIR, target)
        del folder.names[name]
        self._change(folder, Pending("move", new, number, name), f"rename {source} -> {target}")

    def link(self, source: str, target: str) -> None:
        number = self._find(source)
        self._file(number)
        if self.no_links is not None:
            raise _error(self.no_links, target)
        folder, name = self._place(target)
        if name in folder.names:
            raise _error(errno.EEXIST, target)
        self._change(folder, Pending("put", name, number), f"link {source} -> {target}")

    def unlink(self, path: str) -> None:
        number = self._find(path)
        self._file(number)
        folder, name = self._place(path)
        del folder.names[name]
        self._change(folder, Pending("drop", name, number), f"unlink {path}")

    def mkdir(self, path: str, mode: int = 0o700) -> None:
        folder, name = self._place(path)
        if name in folder.names:
            raise _error(errno.EEXIST, path)
        number = self._add(Folder({}, {}, []))
        self.nodes[number].mode = mode
        self._change(folder, Pending("put", name, number), f"mkdir {path}")

    def rmdir(self, path: str) -> None:
        node = self.nodes[self._find(path)]
        if isinstance(node, File):
            raise _error(errno.ENOTDIR, path)
        if node.names:
            raise _error(errno.ENOTEMPTY, path)
        folder, name = self._place(path)
        self._change(folder, Pending("drop", name, folder.names.pop(name)), f"rmdir {path}")

    def list(self, folder: str) -> list[str]:
        node = self.nodes[self._find(folder)]
        if isinstance(node, File):
            raise _error(errno.ENOTDIR, folder)
        return list(node.names)

    # What these are made of.

    def _tell(self, what: str) -> None:
        if self.watch is not None:
            self.watch(what)

    def _add(self, node: File | Folder) -> int:
        number = max(self.nodes) + 1
        self.nodes[number] = node
        return number

    def _change(self, folder: Folder, change: Pending, what: str) -> None:
        if change.kind != "drop":
            folder.names[change.name] = change.number
        folder.pending.append(change)
        self._tell(what)

    def _fill(self, file: File, content: bytes, what: str) -> None:
        file.content = content
        self._tell(what)

    def _place(self, path: str) -> tuple[Folder, str]:
        above, _, name = path.rpartition("/")
        node = self.nodes[self._find(above)]
        if isinstance(node, File):
            raise _error(errno.ENOTDIR, path)
        return node, name

    def _find(self, path: str) -> int:
        number = 0
        for name in filter(None, path.split("/")):
            node = self.nodes[number]
            if isinstance(node, File):
                raise _error(errno.ENOTDIR, path)
            if name not in node.names:
                raise _error(errno.ENOENT, path)
            number = node.names[name]
        return number

    def _file(self, number: int) -> File:
        node = self.nodes[number]
        if isinstance(node, Folder):
            raise _error(errno.EISDIR)
        return node

    def _of(self, descriptor: int) -> _Opened:
        if descriptor not in self._opened:
            raise _error(errno.EBADF)
        return self._opened[descriptor]

    def _open_file(self, descriptor: int) -> tuple[_Opened, File]:
        opened = self._of(descriptor)
        return opened, self._file(opened.number)


def _error(code: int, path: str | None = None) -> OSError:
    return OSError(code, os.strerror(code), path)
