"""`state export`: the whole document for other programs, without private keys: shell variables, or JSON."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import StateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Reserved by the configuration, so that an exported variable is never taken for a setting.
PREFIX = "K0RDENT_AZURE_STATE_"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NOT_IN_NAMES = re.compile(r"[^A-Z0-9_]")


def run(args: argparse.Namespace) -> int:
    """`--json` prints the document itself, private keys hidden."""
    prefix = PREFIX if args.prefix is None else args.prefix
    if not _NAME.match(prefix):
        raise UsageError(
            f"--prefix {prefix!r} cannot begin the name of a shell variable",
            hint="letters, digits and _, no digit first, such as K0S_",
        )
    data = Workspace(args.workspace).store().read().data
    if args.json:
        from k0rdent_azure.cli.output import print_json
        from k0rdent_azure.cli.redaction import redacted

        print_json(redacted(data))
        return 0
    lines = shell_lines(data, prefix)
    if sys.stdout.isatty():
        from k0rdent_azure.report.text import clean

        lines = [clean(line, lines=True) for line in lines]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


def shell_lines(data: Mapping[str, object], prefix: str) -> Sequence[str]:
    """`NAME='value'` for each single value that is reached through mappings, in the document's order.

    The name is the prefix and the path in capitals, with `_` for everything that is no letter, digit or `_`; null is
    empty. Left out, and named in a comment at the end: private keys, lists, and texts with a NUL, which no shell
    can hold. Raises StateError where two paths make one name: numbering them would let a name change its meaning.
    """
    import shlex

    names: dict[str, str] = {}
    lines: list[str] = []
    left: dict[str, int] = {}
    for path, value in _leaves(data, ()):
        kind = _left_out(path, value)
        if kind is not None:
            left[kind] = left.get(kind, 0) + 1
            continue
        name, dotted = variable(path, prefix), ".".join(path)
        if name in names:
            raise StateError(
                f"{names[name]} and {dotted} would both be {name}",
                hint="rename one of them, or use `state export --json`",
            )
        names[name] = dotted
        lines.append(f"{name}={shlex.quote(_word(value))}")
    if left:
        lines.append(f"# left out: {', '.join(f'{count} {kind}' for kind, count in left.items())}")
    return lines


def variable(path: Sequence[str], prefix: str) -> str:
    """The name of the variable for a path."""
    return prefix + _NOT_IN_NAMES.sub("_", "_".join(path).upper())


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    """What is no mapping, with its path."""
    if not isinstance(value, dict):
        yield path, value
        return
    for key, inner in value.items():
        yield from _leaves(inner, (*path, key))


def _left_out(path: tuple[str, ...], value: object) -> str | None:
    """Why a value is not among the variables."""
    from k0rdent_azure.state.secrets import is_secret

    if is_secret(path):
        return "private key(s)"
    if isinstance(value, list):
        return "list(s)"
    return "text(s) with a NUL" if isinstance(value, str) and "\0" in value else None


def _word(value: object) -> str:
    """A value as a shell wants it: `true`, `false`, nothing for null."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
