"""Text for terminals: untrusted text made harmless, durations and ages in few characters."""

from __future__ import annotations

import re

_AGE = r"(\d{1,9})\s*([smhdw])"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def clean(text: object, *, lines: bool = False) -> str:
    """`text` without anything that could move a cursor, colour, reorder or hide; on one line unless `lines`."""
    plain = str(text)
    # Nothing that acts, hides or breaks a line is printable in Python's sense.
    if plain.isprintable():
        return plain.strip()
    from k0rdent_azure.report.unprintable import harmless

    return harmless(plain, lines=lines)


def shorten(text: str, width: int) -> str:
    """At most `width` characters, the last of them an ellipsis where something was cut."""
    return text if len(text) <= width else text[: max(0, width - 1)].rstrip() + "…"


def duration(seconds: float | None) -> str:
    """A length of time in two units at most: `<1s`, `42s`, `7m 13s`, `2h 05m`, `3d 4h`; "" for None."""
    if seconds is None:
        return ""
    whole = int(seconds)
    if whole < 1:
        return "<1s"
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d {whole % 86400 // 3600}h"


def age(seconds: float | None) -> str:
    """How old a fact is, in one unit: `12s`, `3m`, `2h`, `5d`; `never` for a fact that nobody has."""
    if seconds is None:
        return "never"
    whole = max(0, int(seconds))
    for limit, unit, size in ((60, "s", 1), (3600, "m", 60), (86400, "h", 3600)):
        if whole < limit:
            return f"{whole // size}{unit}"
    return f"{whole // 86400}d"


def ago(seconds: float | None) -> str:
    """`age` in a sentence: `3m ago`, `just now`, `never`."""
    if seconds is None:
        return "never"
    return "just now" if seconds < 2 else f"{age(seconds)} ago"


def parse_age(text: str) -> float | None:
    """Seconds from `90s`, `10m`, `2h`, `1d` or `1w`; None where it is not of that form."""
    match = re.fullmatch(_AGE, text.strip())
    return float(int(match[1]) * _SECONDS[match[2]]) if match else None


def plural(count: int, noun: str) -> str:
    """`1 peer`, `5 peers`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
