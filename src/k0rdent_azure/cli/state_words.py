"""What `state set` and `state unset` are asked for on the command line: paths and values, made sure of."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from k0rdent_azure.errors import UsageError
from k0rdent_azure.state.identity import OWNED, identity_at
from k0rdent_azure.state.paths import parsed, shown


class Change:
    """One path with what it held and what it holds now, plain data; `None` for nothing.

    `unknown` are the paths on its way and in it that the schema does not know.
    """

    __slots__ = ("keys", "new", "old", "path", "unknown")

    def __init__(self, path: str, new: object) -> None:
        self.keys: tuple[str, ...] = tuple(parsed(path))
        #: Of the keys, not as it was typed: what belongs to the engine is told by it.
        self.path = shown(self.keys)
        self.old: object = None
        self.new = new
        self.unknown: list[str] = []


def changes(args: argparse.Namespace) -> list[Change]:
    """What is to be changed, in the order given; for `unset` without values. Raises UsageError."""
    asked = _values(args) if args.action == "set" else [Change(path, None) for path in args.words]
    for change in asked:
        _refuse_path(change)
    return asked


def unicode_text(word: str, what: str) -> str:
    """`word`, which is Unicode text. Raises UsageError."""
    try:
        word.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{what} is not UTF-8") from None
    return word


def _values(args: argparse.Namespace) -> list[Change]:
    words: list[str] = args.words
    if len(words) % 2:
        raise UsageError(
            "PATH and VALUE come in pairs; one of them is missing", hint="quote a value with blanks in it"
        )
    if words[1::2].count("-") > 1:
        raise UsageError("only one VALUE can be read from stdin (-)")
    return [
        _change(path, value, as_text=args.text) for path, value in zip(words[::2], words[1::2], strict=True)
    ]


def _change(path: str, word: str, *, as_text: bool) -> Change:
    from_stdin = word == "-"
    given = _stdin(path) if from_stdin else unicode_text(word, f"the value of {path}")
    change = Change(path, given if as_text else json_or_text(given, f"the value of {path}"))
    if not from_stdin:
        _refuse_open_secret(change)
    return change


def _stdin(path: str) -> str:
    """The value on stdin; the newline that ends its last line is not part of it."""
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise UsageError(f"the value of {path} on stdin is not UTF-8") from None


def json_or_text(word: str, what: str) -> object:
    """`word` as JSON where it is JSON, else as it stands. Raises UsageError for JSON that cannot be kept."""
    import msgspec

    try:
        value = msgspec.json.decode(word)
        msgspec.json.encode(value)
    except (RecursionError, OverflowError):
        raise UsageError(f"{what} is nested too deeply or is too large a number", hint="--text") from None
    except msgspec.DecodeError:
        return word
    return value


def _refuse_open_secret(change: Change) -> None:
    from k0rdent_azure.state.secrets import values_below

    for keys, _ in values_below(change.new, change.keys):
        path = shown(keys)
        if identity_at([str(key) for key in keys]) is not None:
            refuse_identity(path, [str(key) for key in keys])
        raise UsageError(
            f"{path} is a private key, and everybody on this machine can read a command line",
            hint="give `-` for its value, and the value on stdin",
        )


def refuse_identity(path: str, keys: Sequence[str]) -> None:
    """Raise UsageError where a change at `path` would change what a thing is."""
    found = identity_at(keys)
    if found is None:
        return
    holds = f"{path} is" if found.path == path else f"{path} holds {found.path},"
    also = ", not from stdin either" if found.path.endswith("key") else ""
    raise UsageError(f"{holds} {found.what}: it cannot be set or unset by hand{also}", hint=found.hint)


def _refuse_path(change: Change) -> None:
    unicode_text(change.path, "a path")
    for owned, why in OWNED.items():
        if f"{change.path}.".startswith(f"{owned}."):
            raise UsageError(f"{change.path} belongs to the engine: {why}")
        if f"{owned}.".startswith(f"{change.path}."):
            raise UsageError(
                f"{change.path} holds {owned}, which belongs to the engine: {why}",
                hint=f"change single values below {change.path}",
            )
