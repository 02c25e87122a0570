"""Files that a phase leaves in the workspace; secret ones are 0600 from their first moment."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from k0rdent_azure.state.files import SYSTEM, give, make_folder


def make_private_folder(folder: Path) -> Path:
    """Make one of the workspace's folders, for its owner alone, where there is none; returns it."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_folder(SYSTEM, str(folder), like=[str(folder.parent)])
    return folder


def write_private(path: Path, text: str) -> None:
    """Replace `path` with `text`, atomically and durably; mode 0600, never a moment wider."""
    folder = make_private_folder(path.parent)
    # mkstemp creates with 0600 and O_EXCL.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            give(SYSTEM, stream.fileno(), like=[str(path), str(folder)])
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_private_if_changed(path: Path, text: str) -> bool:
    """As `write_private`, but only where the file does not hold `text` already. True if written."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    write_private(path, text)
    return True
