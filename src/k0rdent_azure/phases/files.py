"""Files that a phase leaves in the workspace; secret ones are 0600 from their first moment."""

from __future__ import annotations

import os
from pathlib import Path

from k0rdent_azure.state.files import SYSTEM, give, make_folder


def make_private_folder(folder: Path) -> Path:
    """Make one of the workspace's folders, for its owner alone, where there is none; returns it."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_folder(SYSTEM, str(folder), like=[str(folder.parent)])
    return folder


def write_private(path: Path, text: str) -> None:
    """Replace `path` with `text`, atomically and durably; mode 0600, never a moment wider.

    The name of the temp file is fixed: whoever writes holds the run lock, so one that is there is a dead writer's.
    """
    folder = make_private_folder(path.parent)
    temporary = _temporary(path)
    temporary.unlink(missing_ok=True)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            give(SYSTEM, stream.fileno(), like=[str(path), str(folder)])
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_private_if_changed(path: Path, text: str) -> bool:
    """As `write_private`, but only where the file does not hold `text` already. True if written."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    write_private(path, text)
    return True


def remove_private(path: Path) -> None:
    """Remove a file, and what a writer that died left of it; nothing there is fine."""
    _temporary(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.new")
