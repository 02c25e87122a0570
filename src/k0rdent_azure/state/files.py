"""The file calls of a commit, in the order that makes it durable. Everything else is above."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from k0rdent_azure.errors import StateError

#: Temporary files of a commit; one that is left behind belongs to a writer that died.
TEMPORARY_PREFIX = ".state-"


def replace_durably(path: Path, content: bytes, *, keep: Path | None) -> None:
    """Make `content` the file at `path`, or leave everything as it was and raise StateError.

    Temp file in the same folder (0600 from its creation), fsync, the old version kept as `keep`, rename,
    fsync of the folder. At every instant `path` is the old or the new version, whole.
    """
    target = path.resolve()
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=TEMPORARY_PREFIX)
        try:
            _write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if keep is not None and target.exists():
            _keep(target, keep)
        os.replace(temporary, target)  # noqa: PTH105 - the one call that commits, by its POSIX name
        temporary = ""
    except OSError as error:
        raise StateError(
            f"cannot write {path}: {error.strerror or error}; the old version is untouched",
            hint="free the disk or mend its permissions, then run the command again",
        ) from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
    try:
        sync_folder(target.parent)
    except OSError as error:
        raise StateError(
            f"{path} is written, but the disk did not confirm it: {error.strerror or error}",
            hint="check the disk; after a crash the file may be the old version, which is whole too",
        ) from error


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files of dead writers; the caller holds the write lock, so no live one has any."""
    for left in folder.glob(f"{TEMPORARY_PREFIX}*"):
        with contextlib.suppress(OSError):
            left.unlink()


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _keep(target: Path, keep: Path) -> None:
    """A second name for the old version: no copy, and no moment without one."""
    link = target.parent / f"{TEMPORARY_PREFIX}keep-{os.getpid()}"
    link.unlink(missing_ok=True)
    os.link(target, link)
    os.replace(link, keep)  # noqa: PTH105
