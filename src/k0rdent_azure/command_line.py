"""Command lines for people to copy: what stands in a hint runs when it is pasted into a shell."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

NAME = "k0rdent-azure"


def program(workspace: Path) -> str:
    """What begins each command line of a workspace: with `-C`, unless this is the current folder."""
    try:
        is_here = workspace == Path.cwd()
    except OSError:
        # The current folder was deleted, or may not be looked at.
        is_here = False
    return NAME if is_here else f"{NAME} -C {shell_folder(workspace)}"


def shell_folder(folder: Path) -> str:
    """A folder as one word for any POSIX shell."""
    text = str(folder)
    # `$(…)` drops line ends, and `-` would begin an option.
    text += "/." if text.endswith("\n") else ""
    return shell_word(f"./{text}" if text.startswith("-") else text)


def shell_word(text: str) -> str:
    """One word for any POSIX shell, on one line, of printable characters only: a terminal shows just these."""
    if text.isprintable():
        return quote(text)
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b"%\\'\"" else f"\\{byte:03o}"
        for byte in os.fsencode(text)
    )
    return f"\"$(printf '{plain}')\""
