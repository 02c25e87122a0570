"""The text of a document's next version: the old text where nothing changed, our own form elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state import layout
from k0rdent_azure.state.storage import MAX_BYTES

if TYPE_CHECKING:
    from k0rdent_azure.state.document import Document


def rewritten(document: Document, data: dict[str, object]) -> tuple[layout.Layout, bytes]:
    """Layout and text of `data`, made of those of `document` and the change. Raises StateInvalidError."""
    new = _changed(document, data) or layout.fresh(data)
    text = new.text()
    if len(text) > MAX_BYTES:
        raise StateInvalidError(f"the new version has {len(text)} bytes; expected at most {MAX_BYTES}")
    return new, text


def _changed(document: Document, data: dict[str, object]) -> layout.Layout | None:
    old = (document.layout or _read_layout(document)) if document.text else None
    if old is None:
        return None
    new = layout.changed(old, data)
    return new if new.is_canonical or _says(new, data) else None


def _read_layout(document: Document) -> layout.Layout | None:
    from k0rdent_azure.state.codec import HEADER

    text, data = document.head_text, document.head
    if text.startswith(HEADER.encode()):
        ours = layout.fresh(data)
        if ours.text() == text:
            return ours
    from k0rdent_azure.state.hand_layout import read_layout

    return read_layout(text.decode(), data)


def _says(new: layout.Layout, data: dict[str, object]) -> bool:
    """Whether a text that keeps a person's lines reads as what is to be stored: nothing is taken on trust there."""
    import msgspec

    from k0rdent_azure.state.codec import parse

    try:
        read = parse(new.text(), source="the new version (not written)")
    except StateInvalidError:
        return False
    return msgspec.json.encode(read) == msgspec.json.encode(data)
