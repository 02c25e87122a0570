"""How `--help` looks: as argparse lays it out, as wide as the terminal."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of descriptions and examples.

    argparse makes a formatter for each option that it is told of, and asks `shutil` for the width each time;
    importing that alone would cost `state get` more than reading the state does.
    """

    def __init__(self, prog: str, **options: int) -> None:
        super().__init__(prog, **{"width": _columns() - 2, **options})


class Parser(argparse.ArgumentParser):
    """A parser with this look, which argparse hands down to the parsers of commands and of their actions."""

    def __init__(
        self, *, formatter_class: Callable[[str], argparse.HelpFormatter] = HelpFormatter, **options: object
    ) -> None:
        super().__init__(formatter_class=formatter_class, **options)  # type: ignore[arg-type]


def _columns() -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        return os.get_terminal_size(1).columns or 80
    except OSError:
        return 80
