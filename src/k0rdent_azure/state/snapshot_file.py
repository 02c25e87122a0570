"""The form of a snapshot: gzip of one comment line and the bytes of the state file as they were.

    # k0rdent-azure snapshot: {"serial": 12, "lineage": "…", "taken_at": "…", "reason": "…", "sha256": "…"}

So `zcat` shows a YAML document. `sha256` is that of the bytes below the line. The header is what counts; the name
(`000012-20250107T153000Z-before-resume`) repeats it for people.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Collection

import msgspec

from k0rdent_azure.clock import parse_timestamp, timestamp
from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state.storage import MAX_BYTES

_MARK = b"# k0rdent-azure snapshot: "
_MAX_HEADER = 16 * 1024
#: zlib's word for "a gzip file"; it writes neither time nor name, so that equal versions are equal bytes.
_GZIP = 31
_NAME = re.compile(r"(\d{6,15})-(\d{8}T\d{6}Z)-")
#: A longer reason is cut in the name.
_SLUG = 40


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The comment line. `automatic` snapshots are those that runs take; only they make way by themselves."""

    serial: int
    lineage: str | None
    taken_at: str
    reason: str
    sha256: str
    automatic: bool = False


def digest(text: bytes) -> str:
    """What a header vouches with for the document below it."""
    return hashlib.sha256(text).hexdigest()


def pack(header: Header, text: bytes) -> bytes:
    """The file of a snapshot."""
    # ASCII only: some of YAML's line breaks are not in it, and a comment must not end early.
    import json

    line = _MARK + json.dumps(msgspec.to_builtins(header)).encode() + b"\n"
    return zlib.compress(line + text, wbits=_GZIP)


def unpack(content: bytes, name: str) -> tuple[Header, bytes]:
    """The header and the document's bytes, the checksum verified. Raises StateInvalidError."""
    line, newline, text = decompressed(content, name).partition(b"\n")
    if not (newline and line.startswith(_MARK) and len(line) <= _MAX_HEADER):
        raise _damaged(name, "its first line is not a snapshot's")
    try:
        header = msgspec.json.decode(line[len(_MARK) :], type=Header)
        parse_timestamp(header.taken_at)
    except (msgspec.DecodeError, ValueError) as error:
        raise _damaged(name, f"its header is not valid: {error}") from None
    if digest(text) != header.sha256:
        raise _damaged(name, "its checksum is not that of its content")
    return header, text


def decompressed(content: bytes, name: str) -> bytes:
    """What the gzip file holds; one that would fill the memory is refused before it does. Raises StateInvalidError."""
    limit = MAX_BYTES + _MAX_HEADER
    gzip = zlib.decompressobj(wbits=_GZIP)
    try:
        text = gzip.decompress(content, limit + 1)
    except zlib.error as error:
        raise _damaged(name, str(error)) from None
    if len(text) > limit:
        raise _damaged(name, f"it holds more than {MAX_BYTES} bytes")
    if not gzip.eof:
        raise _damaged(name, "its end is missing")
    if gzip.unused_data:
        raise _damaged(name, "something follows its end")
    return text


def _damaged(name: str, why: str) -> StateInvalidError:
    return StateInvalidError(
        f"the snapshot {name} is damaged: {why}", hint="use another one: k0rdent-azure snapshot list"
    )


def name_for(header: Header, taken: Collection[str]) -> str:
    """A name that is not among `taken`: two of one second and one reason are told apart by a number."""
    slug = "-".join(re.findall("[a-z0-9]+", header.reason.lower()))[:_SLUG].strip("-") or "snapshot"
    moment = header.taken_at.replace("-", "").replace(":", "")
    stem = f"{header.serial:06d}-{moment}-{slug}"
    others = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (stem, *others) if name not in taken)


def told_by_name(name: str) -> tuple[int, str] | None:
    """The serial and the time (RFC 3339) in a name; None where it is none of ours."""
    match = _NAME.match(name)
    try:
        return (int(match[1]), timestamp(parse_timestamp(match[2]))) if match else None
    except ValueError:
        return None
