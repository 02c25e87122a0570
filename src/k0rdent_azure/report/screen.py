"""How wide a screen is, where a terminal says something that cannot be."""

from __future__ import annotations

import os
from typing import TextIO

_NARROWEST, _USUAL = 20, 80


def width_instead(stream: TextIO) -> int | None:
    """The width to draw with if the terminal of `stream` tells one that nothing fits in; None if it is to be asked.

    Some consoles and containers begin with one column; there a letter a line would be drawn.
    """
    if os.environ.get("COLUMNS"):
        return None
    try:
        told = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return None
    return _USUAL if told < _NARROWEST else None
