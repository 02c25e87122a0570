"""Files that a phase leaves in the workspace; secret ones are 0600 from their first moment."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace `path` with `text`, atomically and durably; mode 0600, never a moment wider."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp creates with 0600 and O_EXCL.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
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
