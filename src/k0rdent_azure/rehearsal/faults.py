"""Faults to rehearse: what the cloud shall refuse or break, in `faults.json` beside the world.

A fault is used up after `times` uses. The file is read at each request and written under a lock, so it can
be changed while the cloud is served.
"""

from __future__ import annotations

import fcntl
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

FILE = "faults.json"
Kind = Literal[
    "AllocationFailed",
    "ZonalAllocationFailed",
    "OverconstrainedZonalAllocationRequest",
    "SkuNotAvailable",
    "QuotaExceeded",
    "http",
    "disconnect",
]
Moment = Literal["before", "after"]


class Fault(msgspec.Struct, kw_only=True):
    """One fault.

    The allocation kinds leave the VM `vm` (None: the next one) Failed. `SkuNotAvailable` (for `size`, None:
    any) and `QuotaExceeded` refuse a deployment before it starts. `http` answers `status` (429, 503, …)
    with `retry_after` cloud seconds, and `disconnect` cuts the connection `when` the request has had no
    effect yet (`before`) or has had it (`after`); both for requests of `method` whose path holds `path`.
    """

    kind: Kind
    id: str = msgspec.field(default_factory=lambda: uuid.uuid4().hex[:8])
    times: int = 1
    vm: str | None = None
    size: str | None = None
    method: str | None = None
    path: str | None = None
    status: int = 503
    retry_after: int | None = None
    when: Moment = "before"

    def hits(self, method: str, path: str) -> bool:
        return (self.method is None or self.method.upper() == method) and (
            self.path is None or self.path.lower() in path.lower()
        )


def add(directory: Path, fault: Fault) -> None:
    """Arm one more fault."""
    with _changing(directory) as present:
        present.append(fault)


def clear(directory: Path) -> None:
    """Disarm all."""
    with _changing(directory) as present:
        present.clear()


def list_faults(directory: Path) -> list[Fault]:
    """The faults that are still armed, in the order in which they were added."""
    path = directory / FILE
    return msgspec.json.decode(path.read_bytes(), type=list[Fault]) if path.exists() else []


class Faults:
    """The faults as one request meets them: what it uses is gone only once it `commit`s."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._armed = list_faults(directory)
        self._used: list[str] = []

    def allocation(self, vm: str) -> Fault | None:
        kinds = ("AllocationFailed", "ZonalAllocationFailed", "OverconstrainedZonalAllocationRequest")
        return self._use(lambda each: each.kind in kinds and each.vm in (None, vm))

    def sku(self, size: str) -> Fault | None:
        return self._use(lambda each: each.kind == "SkuNotAvailable" and each.size in (None, size))

    def quota(self) -> Fault | None:
        return self._use(lambda each: each.kind == "QuotaExceeded")

    def transport(self, method: str, path: str) -> Fault | None:
        return self._use(lambda each: each.kind in ("http", "disconnect") and each.hits(method, path))

    def _use(self, matches: Callable[[Fault], bool]) -> Fault | None:
        found = next((each for each in self._armed if matches(each) and each.times > 0), None)
        if found is not None:
            found.times -= 1
            self._used.append(found.id)
        return found

    def commit(self) -> None:
        """Use up what was used; also for a request that was refused because of a fault."""
        if not self._used:
            return
        with _changing(self._directory) as present:
            for fault in present:
                fault.times -= self._used.count(fault.id)
            present[:] = [fault for fault in present if fault.times > 0]
        self._used = []


@contextmanager
def _changing(directory: Path) -> Iterator[list[Fault]]:
    """The faults, to be changed in place; written when the block ends without an exception."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / FILE
    with (directory / "faults.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        present = list_faults(directory)
        yield present
        temporary = path.with_suffix(".new")
        temporary.write_bytes(msgspec.json.encode(present))
        temporary.replace(path)
