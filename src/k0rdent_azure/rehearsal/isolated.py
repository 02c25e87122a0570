"""Children that are Python programs of ours, run so that no folder of the user's is looked into for modules."""

from __future__ import annotations

import os
import sys
from pathlib import Path

BOOT = Path(__file__).with_name("boot.py")


def python(module: str, *words: str) -> list[str]:
    """The command line that runs a module of this package with this interpreter.

    `-I` leaves out the current folder, `PYTHONPATH`, `PYTHONSTARTUP` and the like, and the user's site-packages. Where
    this process found its packages by such a way, the child looks there last, so that nothing there stands for a
    module of Python or of an installed package; never in the current folder.
    """
    return [sys.executable, "-I", str(BOOT), os.pathsep.join(_found_elsewhere()), module, *words]


def _found_elsewhere() -> list[str]:
    try:
        here = os.path.realpath(Path.cwd())
    except FileNotFoundError:
        here = ""
    absolute = (path for path in sys.path if os.path.isabs(path))  # noqa: PTH117 - "" is no path
    return [path for path in absolute if os.path.realpath(path) != here and os.pathsep not in path]
