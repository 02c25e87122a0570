"""The home folder of whoever runs this, where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def home_folder(environ: Mapping[str, str]) -> Path | None:
    """`$HOME`, else the folder of the password database; None without either, as in some containers.

    A relative or empty one would be whatever folder this runs in, and counts as none.
    """
    named = Path(environ.get("HOME", ""))
    if named.is_absolute():
        return named
    # Imported here: rarely needed.
    import os
    import pwd

    try:
        known = Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return None
    return known if known.is_absolute() else None
