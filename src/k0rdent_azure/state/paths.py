"""Paths in a document as people write them: `a.b.0`, and `notes."cost.center"[2]` where a key is no plain word.

A key that holds a dot, a quote, a bracket or a blank is written as a JSON string. `[0]` and `.0` are one item of a
list, `["key"]` and `."key"` one key. What is shown in a message can be given to a command again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from k0rdent_azure.errors import UsageError

#: A key that needs no quotes.
_PLAIN = re.compile(r"[^\s.\"\[\]\x00-\x1f\x7f]+")
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_INDEX = re.compile(r"\[(?:(-?\d+|-)|(\"(?:[^\"\\\x00-\x1f]|\\.)*\"))\]")


def shown(keys: Sequence[str | int]) -> str:
    """The path of `keys`, in the form that `parsed` reads."""
    return ".".join(key if _PLAIN.fullmatch(key) else _quoted(key) for key in map(str, keys))


def _quoted(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


def parsed(path: str) -> list[str]:
    """The keys of a path; positions in lists stay text until they meet a list. Raises UsageError."""
    if '"' not in path and "[" not in path:
        keys = path.split(".")
        if not all(keys):
            raise _no_path(path)
        return keys
    keys, at = [], 0
    while at < len(path):
        key, at = _key(path, at, first=not keys)
        keys.append(key)
    return keys


def _key(path: str, at: int, *, first: bool) -> tuple[str, int]:
    """The key that begins at `at`, and where it ends."""
    found = _INDEX.match(path, at)
    if found is not None:
        return found[1] or _unquoted(path, found[2]), found.end()
    if not first:
        if path[at] != ".":
            raise _no_path(path)
        at += 1
        # `a.["b"]` and `a.[0]`, as yq writes them.
        if path[at : at + 1] == "[":
            return _key(path, at, first=True)
    for pattern in (_QUOTED, _PLAIN):
        found = pattern.match(path, at)
        if found is not None:
            return (_unquoted(path, found[0]) if pattern is _QUOTED else found[0]), found.end()
    raise _no_path(path)


def _unquoted(path: str, text: str) -> str:
    try:
        return str(json.loads(text))
    except ValueError:
        raise _no_path(path) from None


def _no_path(path: str) -> UsageError:
    return UsageError(
        f"{path!r} is no path",
        hint="keys with dots between them, such as wireguard.port; one that holds a dot in quotes: 'notes.\"a.b\"'",
    )
