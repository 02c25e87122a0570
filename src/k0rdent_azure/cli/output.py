"""Where commands write: results on stdout, everything said to a person on the way on stderr.

`NO_COLOR` (no-color.org) and `FORCE_COLOR` are honoured, `COLUMNS` sets the width, and off a terminal there are no
colours and 120 columns. With `--json` errors are JSON too:

    {"error": {"type", "message", "hint", "exit_code", "code", "resource", "faults": [{"path", "message",
     "file", "line", "origin", "expected", "found", "severity"}]}}

`code` and `resource` are Azure's and null elsewhere; `faults` is empty where there is a single cause.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from k0rdent_azure.errors import Fault, K0rdentAzureError
from k0rdent_azure.report.screen import width_instead
from k0rdent_azure.report.text import clean

if TYPE_CHECKING:
    from rich.console import Console

#: Off a terminal nobody says how wide the reader's screen is; most logs and pagers show this much.
_WIDTH_OFF_TERMINAL = 120
#: JSON escapes C0 controls itself; these would still reach a terminal (C1) or reorder what it shows (bidi).
_HIDDEN = "[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"


def console(*, stderr: bool = False) -> Console:
    """A rich console on stdout or stderr that adds nothing by itself: no markup, no emoji, no highlights."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    columns = width_instead(stream)
    if columns is None and not (os.environ.get("COLUMNS", "").isdecimal() or stream.isatty()):
        columns = _WIDTH_OFF_TERMINAL
    return Console(file=stream, width=columns, markup=False, emoji=False, highlight=False, soft_wrap=False)


def is_ascii_only(stream: TextIO) -> bool:
    """Whether the encoding of `stream` cannot show the signs and lines that we draw with."""
    try:
        "✓●○✗━─·→…".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return True
    return False


def json_text(value: object, *, indent: int = 2) -> str:
    """`value` (plain data, msgspec structs, dataclasses) as JSON that is also safe to show on a terminal.

    `indent` 0 makes one line.
    """
    import msgspec

    encoded = msgspec.json.encode(value, enc_hook=str)
    text = (msgspec.json.format(encoded, indent=indent) if indent else encoded).decode()
    if text.isascii() and "\x7f" not in text:
        return text
    return re.sub(_HIDDEN, lambda match: f"\\u{ord(match[0]):04x}", text)


def print_json(value: object) -> None:
    """`value` on stdout, indented."""
    sys.stdout.write(json_text(value) + "\n")


def print_json_line(value: object) -> None:
    """`value` on stdout as one line."""
    sys.stdout.write(json_text(value, indent=0) + "\n")


def show_notice(text: str) -> None:
    """Something the user should know, on stderr."""
    _say([(clean(text), "")])


def show_warnings(faults: Iterable[Fault]) -> None:
    """Doubts that stop nothing, one a line, on stderr; of many of one kind the first ones, and how many more."""
    for _, line in _fault_lines(faults):
        _say([("warning: ", "yellow"), (line, "")])


def _fault_lines(faults: Iterable[Fault]) -> Iterator[tuple[Fault, str]]:
    """A line for each fault that is shown, and one for the others of its kind."""
    from k0rdent_azure.report.grouping import fault_kind, grouped, kind_of_place

    for group in grouped(faults, fault_kind):
        yield from ((fault, clean(fault)) for fault in group.shown)
        if group.more:
            last = group.shown[-1]
            yield (
                last,
                clean(f"and {group.more:,} more of this kind, at {kind_of_place(last)} (--json has all)"),
            )


def show_error(error: K0rdentAzureError, *, as_json: bool) -> None:
    """An error on stderr: the message, each fault on a line of its own, the hint."""
    faults: tuple[Fault, ...] = getattr(error, "faults", ())
    if as_json:
        sys.stderr.write(json_text({"error": _error_document(error, faults)}) + "\n")
        return
    _say([("error: ", "bold red"), (clean(error.message, lines=True), "")])
    for fault, line in _fault_lines(faults):
        if len(faults) == 1 and str(fault) == error.message:
            continue
        _say([("  " if fault.severity == "error" else "  warning: ", "yellow"), (line, "")])
    if error.hint:
        _say([("hint: ", "bold cyan"), (clean(error.hint), "")])


def _error_document(error: K0rdentAzureError, faults: tuple[Fault, ...]) -> dict[str, object]:
    return {
        "type": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        "exit_code": error.exit_code,
        "code": getattr(error, "code", None),
        "resource": getattr(error, "resource_id", None),
        "reason": getattr(error, "reason", "") or None,
        "faults": faults,
    }


def _say(parts: list[tuple[str, str]]) -> None:
    """One line on stderr, coloured where that is wanted; commands in it stay whole for copying."""
    text = "".join(part for part, _ in parts)
    if not (sys.stderr.isatty() or os.environ.get("FORCE_COLOR")):
        sys.stderr.write(_encodable(text) + "\n")
        return
    from rich.text import Text

    console(stderr=True).print(Text.assemble(*parts), soft_wrap=True)


def _encodable(text: str) -> str:
    encoding = sys.stderr.encoding or "ascii"
    return text.encode(encoding, "replace").decode(encoding)
