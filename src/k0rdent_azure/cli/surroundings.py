"""What of the environment would let the folder that a command runs in choose its programs and modules."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping


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


def leave_current_folder() -> None:
    """Take back what `python -m` does: it puts the current folder before everything that can be imported."""
    try:
        here = os.getcwd()  # noqa: PTH109
    except FileNotFoundError:
        return
    if not sys.flags.safe_path and sys.path and sys.path[0] in ("", here):
        del sys.path[0]
