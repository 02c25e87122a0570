"""Documents of other schema versions: older ones are brought up, newer minors are read, newer majors only read."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state.model import SCHEMA_VERSION

#: (from, what changes it to the next one), oldest first. Schema 1.0 is the first that was published.
MIGRATIONS: tuple[tuple[tuple[int, int], Callable[[dict[str, object]], dict[str, object]]], ...] = ()

_CURRENT = tuple(int(part) for part in SCHEMA_VERSION.split("."))


def version_of(data: Mapping[str, object]) -> tuple[int, int]:
    """(major, minor). Raises StateInvalidError where the document names none."""
    metadata = data.get("metadata")
    text = metadata.get("schema_version") if isinstance(metadata, Mapping) else None
    try:
        major, minor = str(text).split(".")
        return int(major), int(minor)
    except ValueError:
        raise StateInvalidError(
            f'metadata.schema_version: expected a version such as "{SCHEMA_VERSION}", found {text!r}'
        ) from None


def is_newer_major(data: Mapping[str, object]) -> bool:
    """Whether the document may only be read."""
    return version_of(data)[0] > _CURRENT[0]


def migrate(data: dict[str, object]) -> dict[str, object]:
    """The document in the current schema; it is written back with the next commit, the old one kept as backup."""
    version = version_of(data)
    for start, step in MIGRATIONS:
        if version == start:
            data = step(data)
            version = version_of(data)
    if version < _CURRENT:
        raise StateInvalidError(
            f"metadata.schema_version: {version[0]}.{version[1]} is older than any that this program can read",
            hint=f"expected {SCHEMA_VERSION}",
        )
    return data
