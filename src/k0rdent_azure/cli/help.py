"""How the command line is read: options by their full names only, `--help` as wide as the terminal."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import NoReturn


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of descriptions and examples.

    argparse makes a formatter for each option that it is told of, and asks `shutil` for the width each time;
    importing that alone would cost `state get` more than reading the state does.
    """

    def __init__(self, prog: str, **options: int) -> None:
        super().__init__(prog, **{"width": _columns() - 2, **options})


class Parser(argparse.ArgumentParser):
    """A parser with this look, which argparse hands down to the parsers of commands and of their actions.

    An abbreviated option is unknown: `--ye` must not confirm a deletion, and a new option must not change what a
    script's abbreviation means. Raises UsageError instead of ending the process.
    """

    def __init__(
        self, *, formatter_class: Callable[[str], argparse.HelpFormatter] = HelpFormatter, **options: object
    ) -> None:
        super().__init__(formatter_class=formatter_class, **{"allow_abbrev": False, **options})  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        from k0rdent_azure.errors import UsageError

        raise UsageError(f"{self.prog}: {message}", hint=f"see: {self.prog} --help")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        # argparse has no public way to add to its refusal of a choice.
        if action.choices is None or value in action.choices:
            return
        from k0rdent_azure.cli.advice import unknown_choice

        raise unknown_choice(self, action, str(value))


def _columns() -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns):
        return int(columns)
    try:
        told = os.get_terminal_size(1).columns
        return told if told >= 20 else 80
    except OSError:
        return 80
