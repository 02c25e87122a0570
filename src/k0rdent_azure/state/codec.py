"""YAML in and out.

What the engine writes has one narrow form (`canonical`), which is read without a YAML library; everything else goes
through the strict parser, with the same result for the same document.
"""

from __future__ import annotations

from collections.abc import Mapping

from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state import canonical

HEADER = """\
# yaml-language-server: $schema=deployment-state.schema.json
# Written by k0rdent-azure, which rewrites values here; `k0rdent-azure state check` verifies it.
"""
RECOVERY_HINT = "see `k0rdent-azure state check`; `k0rdent-azure recover` lists the good copies"


def parse(text: bytes, *, source: str) -> dict[str, object]:
    """The document in `text`. Raises StateInvalidError with the line; `source` names the file in it."""
    document = parse_canonical(text, source=source)
    if document is not None:
        return document
    from k0rdent_azure.state import strict_yaml

    try:
        other = strict_yaml.parse(text, source=source)
    except StateInvalidError as error:
        error.hint = RECOVERY_HINT
        raise
    if not isinstance(other, dict):
        found = "nothing" if other is None else f"a {type(other).__name__}"
        raise StateInvalidError(
            f"{source} is not a state file: expected a mapping, found {found}", hint=RECOVERY_HINT
        )
    return other


def parse_canonical(text: bytes, *, source: str) -> dict[str, object] | None:
    """The document, or None where it is not in our own form. Raises StateInvalidError where it is no text."""
    if b"\0" in text:
        line = text[: text.index(b"\0")].count(b"\n") + 1
        raise StateInvalidError(f"{source}:{line}: a NUL byte; the file is damaged", hint=RECOVERY_HINT)
    try:
        return canonical.read(text.decode())
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise StateInvalidError(
            f"{source}:{line}: not UTF-8; the file is damaged", hint=RECOVERY_HINT
        ) from None


def dump(document: Mapping[str, object]) -> bytes:
    """The document as bytes, the same for equal documents. Raises StateInvalidError for what has no form."""
    data = dict(document)
    canonical.refuse_deep(data)
    return (HEADER + (canonical.mapping(data, 0) or "{}\n")).encode()


def positions(text: bytes) -> dict[str, int]:
    """The line (from 1) of each dotted path in a document that parses; used to place a fault."""
    from k0rdent_azure.state import strict_yaml

    return strict_yaml.positions(text)
