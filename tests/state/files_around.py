"""`Files` with something in between: base of those that fail a call, leave one out, or do something else first."""

from __future__ import annotations

import os

from k0rdent_azure.state.files import Files


class FilesAround:
    """Passes every call on; `before` hears of each, with the path it is about ("" where there is none)."""

    def __init__(self, inner: Files) -> None:
        self.inner = inner
        #: What each open descriptor was opened as.
        self.paths: dict[int, str] = {}

    def before(self, call: str, path: str) -> None:
        """What a subclass does first; raising is a failure of the call."""

    def open(self, path: str, flags: int, mode: int = 0o600) -> int:
        self.before("open", path)
        descriptor = self.inner.open(path, flags, mode)
        self.paths[descriptor] = path
        return descriptor

    def read(self, descriptor: int, size: int) -> bytes:
        self.before("read", self.paths[descriptor])
        return self.inner.read(descriptor, size)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        self.before("write", self.paths[descriptor])
        return self.inner.write(descriptor, data)

    def truncate(self, descriptor: int, size: int) -> None:
        self.before("truncate", self.paths[descriptor])
        self.inner.truncate(descriptor, size)

    def fsync(self, descriptor: int) -> None:
        self.before("fsync", self.paths[descriptor])
        self.inner.fsync(descriptor)

    def chown(self, descriptor: int, uid: int, gid: int) -> None:
        self.before("chown", self.paths[descriptor])
        self.inner.chown(descriptor, uid, gid)

    def chmod(self, path: str, mode: int) -> None:
        self.before("chmod", path)
        self.inner.chmod(path, mode)

    def stat(self, target: str | int) -> os.stat_result:
        self.before("stat", self.paths[target] if isinstance(target, int) else target)
        return self.inner.stat(target)

    def lock(self, descriptor: int, operation: int) -> None:
        self.before("lock", self.paths[descriptor])
        self.inner.lock(descriptor, operation)

    def close(self, descriptor: int) -> None:
        path = self.paths.pop(descriptor)
        try:
            self.before("close", path)
        finally:
            # A descriptor is gone however its close ends (close(2), Linux).
            self.inner.close(descriptor)

    def rename(self, source: str, target: str) -> None:
        self.before("rename", target)
        self.inner.rename(source, target)

    def link(self, source: str, target: str) -> None:
        self.before("link", target)
        self.inner.link(source, target)

    def unlink(self, path: str) -> None:
        self.before("unlink", path)
        self.inner.unlink(path)

    def mkdir(self, path: str, mode: int = 0o700) -> None:
        self.before("mkdir", path)
        self.inner.mkdir(path, mode)

    def rmdir(self, path: str) -> None:
        self.before("rmdir", path)
        self.inner.rmdir(path)

    def list(self, folder: str) -> list[str]:
        self.before("list", folder)
        return self.inner.list(folder)
