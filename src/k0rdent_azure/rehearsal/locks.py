"""The lock files of a rehearsal's folder: regular files of its own, whatever else somebody put at their names."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO

from k0rdent_azure.errors import PrerequisiteError


def open_lock(path: Path, *, make: bool = True) -> IO[str]:
    """Open the lock file, made if it is missing, and never cut. Raises PrerequisiteError, FileNotFoundError."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags | (os.O_CREAT if make else 0), 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _refusal(path, error.strerror or str(error)) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        raise _refusal(path, "expected a regular file with no other name")
    return os.fdopen(descriptor, "r+", encoding="utf-8")


def own_folder(directory: Path) -> None:
    """Make the rehearsal's folder. Raises PrerequisiteError if a link or something else stands at its name."""
    if not directory.is_symlink():
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise _refusal(directory, error.strerror or str(error)) from error
        return
    raise _refusal(
        directory, f"it is a symbolic link to {directory.readlink()}, and nothing is written through one"
    )


def opener(path: str, flags: int) -> int:
    """For `open`: never through a link, and for its owner alone."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _refusal(path: Path, why: str) -> PrerequisiteError:
    return PrerequisiteError(
        f"cannot use {path} for a rehearsal: {why}", hint=f"move it out of the way: mv {path} {path}.old"
    )
