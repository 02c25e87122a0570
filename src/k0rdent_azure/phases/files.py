"""Files that a phase leaves in the workspace; secret ones are 0600 from their first moment.

They are written and removed inside the workspace only, and through no symbolic link below it (`state.inside`).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from k0rdent_azure.errors import PrerequisiteError
from k0rdent_azure.state import inside

#: What `rmdir` says of a folder that holds something (POSIX allows both).
_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)


class Left(msgspec.Struct, frozen=True):
    """What a removal did not touch, and why, in words."""

    path: str
    why: str


def write_private(path: Path, text: str, *, root: Path, mode: int = 0o600) -> None:
    """Replace `path`, which is below `root`, with `text`, atomically and durably; never a moment wider than `mode`.

    Raises PrerequisiteError if the way there leads through a link or out of `root`.
    """
    inside.write(root, path, text.encode(), mode=mode)


def write_private_if_changed(path: Path, text: str, *, root: Path) -> bool:
    """As `write_private`, but only where the file does not hold `text` already. True if written."""
    if inside.read(root, path) == text.encode():
        return False
    write_private(path, text, root=root)
    return True


def remove_private(paths: Iterable[Path], *, root: Path) -> list[Left]:
    """Remove files, and what writers that died left of them; nothing there is fine. Returns what was left, and why.

    A file that is a link goes as a link; what it leads to stays.
    """
    left: dict[str, Left] = {}
    for path in paths:
        if not os.path.lexists(path) and not os.path.lexists(inside.temporary(path)):
            continue
        try:
            with inside.folder_of(root, path, make=False) as folder:
                for name in (inside.temporary(path).name, path.name):
                    inside.remove(folder, name)
        except FileNotFoundError:
            continue
        except PrerequisiteError as error:
            left[error.message] = Left(str(path), error.message)
        except OSError as error:
            left[str(path)] = Left(str(path), f"{path}: {error.strerror}")
    return list(left.values())


def remove_if_empty(folder: Path, *, root: Path) -> Left | None:
    """Remove a folder of ours; one that holds something stays. Returns why it was left if it is a link or no folder."""
    try:
        with inside.folder_of(root, folder / "within", make=False):
            pass
        with inside.folder_of(root, folder, make=False) as parent:
            os.rmdir(folder.name, dir_fd=parent)
    except FileNotFoundError:
        return None
    except PrerequisiteError as error:
        return Left(str(folder), error.message)
    except OSError as error:
        return None if error.errno in _EMPTY else Left(str(folder), f"{folder}: {error.strerror}")
    return None
