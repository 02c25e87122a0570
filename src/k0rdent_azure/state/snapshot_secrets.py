"""Private keys in snapshots: older copies of the document, which must not keep in clear what it encrypts."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from k0rdent_azure.errors import PrerequisiteError, StateInvalidError
from k0rdent_azure.state.codec import dump, parse
from k0rdent_azure.state.secrets import replace_below, secret_values
from k0rdent_azure.state.snapshot_file import decompressed
from k0rdent_azure.state.snapshots import FOLDER, SUFFIX

if TYPE_CHECKING:
    from k0rdent_azure.state.storage import Storage


def convert_snapshots(
    storage: Storage, convert: Callable[[str], str], recipients: Sequence[str]
) -> tuple[int, list[str]]:
    """Pass every private key in every snapshot through `convert`, and name `recipients` in it.

    Returns how many snapshots were rewritten, and the names of those that could not be: broken ones, and ones whose
    keys no identity here opens. Only inside `storage.writing()`. Raises StateError where the disk does not take one.
    """
    count, left = 0, []
    for name in storage.parts(FOLDER):
        if not name.endswith(SUFFIX):
            continue
        try:
            old = unpacked(storage, name)
            new = _converted(old, name, convert, recipients)
        except (StateInvalidError, PrerequisiteError):
            left.append(name)
            continue
        if new != old:
            storage.write_part(name, gzip.compress(new, mtime=0))
            count += 1
    return count, left


def unpacked(storage: Storage, name: str) -> bytes:
    """A snapshot's text. Raises StateInvalidError."""
    return decompressed(storage.read_part(name), name)


def snapshot_texts(storage: Storage) -> Iterator[tuple[str, bytes]]:
    """The name and the text of every snapshot that can be read."""
    for name in storage.parts(FOLDER):
        try:
            if name.endswith(SUFFIX):
                yield name, unpacked(storage, name)
        except StateInvalidError:
            continue


def _converted(text: bytes, name: str, convert: Callable[[str], str], recipients: Sequence[str]) -> bytes:
    """The snapshot with its keys converted; the very same bytes where there was nothing to convert."""
    end = text.find(b"\n") + 1 if text.startswith(b"# k0rdent-azure snapshot") else 0
    header, body = text[:end], text[end:]
    data = parse(body, source=name)
    converted = _convert_values(data, convert)
    if converted == data:
        return text
    _name_recipients(converted, recipients)
    new = dump(converted)
    # The header vouches for the document below it.
    digests = [hashlib.sha256(content).hexdigest().encode() for content in (body, new)]
    return header.replace(digests[0], digests[1]) + new


def _convert_values(data: dict[str, object], convert: Callable[[str], str]) -> dict[str, object]:
    sections = {str(path[0]) for path, _ in secret_values(data)}
    return {
        key: replace_below(section, (key,), convert) if key in sections else section
        for key, section in data.items()
    }


def _name_recipients(data: dict[str, object], recipients: Sequence[str]) -> None:
    metadata = data.get("metadata")
    if isinstance(metadata, dict):
        named = {"secrets": {"recipients": list(recipients)}} if recipients else {}
        data["metadata"] = {key: value for key, value in metadata.items() if key != "secrets"} | named
