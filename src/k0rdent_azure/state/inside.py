"""Files below one folder, reached through no symbolic link, whoever exchanges a folder for a link meanwhile.

Each folder on the way is opened by its name in the one before (`openat` with O_NOFOLLOW, POSIX.1-2008), and the file
is made, renamed or removed in the folder that was opened: between a look and an act there is no path to redirect.
The root itself may be reached through a link; that is how its user names it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from k0rdent_azure.command_line import shell_word
from k0rdent_azure.errors import PrerequisiteError
from k0rdent_azure.state.files import NO_FOLDER, SYSTEM, give

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: A larger file is none of ours.
_MAX_BYTES = 16 * 1024 * 1024


@contextmanager
def folder_of(root: Path, path: Path, *, make: bool) -> Iterator[int]:
    """A descriptor of the folder that holds `path`; with `make`, folders that are missing are made, 0700.

    Raises PrerequisiteError if `path` is not below `root`, or a folder on the way is a link or no folder;
    FileNotFoundError without `make`; OSError.
    """
    folders = _steps(root, path)[:-1]
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        reached = root
        for name in folders:
            reached /= name
            following = _enter(here, name, reached, make=make)
            os.close(here)
            here = following
        yield here
    finally:
        os.close(here)


def write(root: Path, path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace the file, atomically and durably; `mode` holds from its first moment.

    A link at `path` is replaced, and what it leads to stays.

    The name of the temp file is fixed: whoever writes holds the run lock, so one that is there is a dead writer's.
    Raises as `folder_of` does.
    """
    name, new = path.name, temporary(path).name
    with folder_of(root, path, make=True) as folder:
        remove(folder, new)
        try:
            descriptor = os.open(
                new,
                os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC,
                mode & 0o600,
                dir_fd=folder,
            )
            with os.fdopen(descriptor, "wb") as stream:
                os.fchmod(descriptor, mode)
                give(SYSTEM, descriptor, like=[str(path.parent)])
                stream.write(content)
                stream.flush()
                os.fsync(descriptor)
            rename(new, name, folder, path)
            os.fsync(folder)
        except BaseException:
            remove(folder, new)
            raise


def read(root: Path, path: Path) -> bytes | None:
    """What the file holds; None if there is none, it has a second name, or it or a folder on the way is a link.

    Raises PrerequisiteError if `path` is not below `root`; OSError.
    """
    _steps(root, path)
    try:
        with folder_of(root, path, make=False) as folder:
            # Without O_NONBLOCK, opening a pipe would wait for its writer.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(path.name, flags, dir_fd=folder)
    except PrerequisiteError:
        return None
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENXIO, *NO_FOLDER):
            return None
        raise
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        own = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        return stream.read() if own and status.st_size <= _MAX_BYTES else None


def remove(folder: int, name: str) -> None:
    """Remove the name in an opened folder; nothing there is fine, and what a link leads to stays. Raises OSError."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def temporary(path: Path) -> Path:
    """What `write` makes first; a writer that died leaves it."""
    return path.with_name(f".{path.name}.new")


def _steps(root: Path, path: Path) -> Sequence[str]:
    """The names from `root` to `path`. Raises PrerequisiteError if it leads elsewhere, or up."""
    try:
        names = path.relative_to(root).parts
    except ValueError:
        names = ()
    if not names or ".." in names:
        raise PrerequisiteError(
            f"{path} is not inside the workspace {root}: nothing is written or removed there",
            hint="see which path of the state that is: k0rdent-azure state check",
        )
    return names


def _enter(folder: int, name: str, reached: Path, *, make: bool) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except FileNotFoundError:
        if not make:
            raise
    except OSError as error:
        raise _refusal(error, reached) from error
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=folder)
    try:
        made = os.open(name, _FOLDER, dir_fd=folder)
    except OSError as error:
        raise _refusal(error, reached) from error
    with suppress(OSError):
        give(SYSTEM, made, like=[str(reached.parent)])
    return made


def _refusal(error: OSError, reached: Path) -> OSError | PrerequisiteError:
    if error.errno not in NO_FOLDER:
        return error
    what = f"a symbolic link to {reached.readlink()}" if reached.is_symlink() else "not a folder"
    return PrerequisiteError(
        f"{reached} is {what}; expected a folder in the workspace: nothing is written or removed through it",
        hint=_out_of_the_way(reached),
    )


def _out_of_the_way(path: Path) -> str:
    return f"move it out of the way: mv {shell_word(str(path))} {shell_word(f'{path}.elsewhere')}"


def rename(new: str, name: str, folder: int, path: Path) -> None:
    """The step that makes the new file the file. Raises PrerequisiteError, OSError."""
    try:
        os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    except (IsADirectoryError, NotADirectoryError) as error:
        raise PrerequisiteError(
            f"{path} is a folder; expected a file of the deployment",
            hint=_out_of_the_way(path),
        ) from error
