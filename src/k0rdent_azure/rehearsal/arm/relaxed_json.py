"""JSON as ARM reads it: with comments, and with names that are not quoted. `az` sends templates that way.

Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax#comments-and-metadata
"""

from __future__ import annotations

import json
import re

_PART = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*")|(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<name>[A-Za-z_$][\w$]*)(?=\s*:)',
    re.DOTALL,
)


def loads(content: bytes) -> object:
    """Raises ValueError."""
    try:
        return json.loads(content)
    except ValueError:
        return json.loads(_PART.sub(_strict, content.decode("utf-8")))


def _strict(part: re.Match[str]) -> str:
    if part["comment"] is not None:
        return " "
    return json.dumps(part["name"]) if part["name"] is not None else part[0]
