"""What of the environment must not lead this program astray: it is made sensible once, before anything is read."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

from k0rdent_azure.config.foreign import clean_variables

#: Debian's word for the home folder of a user who has none: there is nothing in it, and nothing can be put there.
NO_HOME = "/nonexistent"
#: A screen of fewer or more columns or lines than these is a mistake, not a screen.
_COLUMNS, _LINES = range(20, 1001), range(5, 1001)
_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")


def settle(environ: MutableMapping[str, str]) -> None:
    """Everything below, and no umask that would keep the owner from reading what is written here."""
    close(environ)
    clear_sizes(environ)
    name_user(environ)
    clean_variables(environ)
    os.umask(os.umask(0o077) & 0o077)


def close(environ: MutableMapping[str, str]) -> None:
    """Leave only absolute folders on the PATH: an empty or a relative one names whatever folder this runs in.

    Tools (`k0sctl`, `wg`, `sudo`, `az`) are looked up on it by us, by libraries and by what we start; a tool that is
    Python itself (`az`) is told not to import from the current folder, either.
    """
    if "PATH" in environ:
        folders = [folder for folder in environ["PATH"].split(os.pathsep) if os.path.isabs(folder)]  # noqa: PTH117
        # An empty PATH is the current folder, too.
        environ["PATH"] = os.pathsep.join(folders) or os.defpath
    environ["PYTHONSAFEPATH"] = "1"


def clear_sizes(environ: MutableMapping[str, str]) -> None:
    """Without a sensible COLUMNS or LINES, the terminal itself is asked: each library reads them in its own way."""
    for name, sensible in (("COLUMNS", _COLUMNS), ("LINES", _LINES)):
        text = environ.get(name)
        if text is None:
            continue
        # A number of a few plain digits: `²` is a digit to some, and a thousand digits are no number to Python.
        if not (text.isascii() and text.isdigit() and len(text) < 9 and int(text) in sensible):
            del environ[name]


def name_user(environ: MutableMapping[str, str]) -> None:
    """Give a user without a home or a name (a number in a container) what libraries and tools ask for."""
    if not os.path.isabs(environ.get("HOME", "")):  # noqa: PTH117 - pathlib costs more than this look
        from k0rdent_azure.home import home_folder

        environ["HOME"] = str(home_folder(environ) or NO_HOME)
    if not any(environ.get(name) for name in _NAMES):
        import pwd

        try:
            pwd.getpwuid(os.getuid())
        except KeyError:
            environ["LOGNAME"] = str(os.getuid())


def leave_current_folder() -> None:
    """Take back what `python -m` does: it puts the current folder before everything that can be imported."""
    try:
        here = os.getcwd()  # noqa: PTH109
    except OSError:
        return
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", here):
        del sys.path[0]
