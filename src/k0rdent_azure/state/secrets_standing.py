"""How the private keys of a deployment stand: in clear or encrypted, to whom, and whether this machine opens them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.errors import K0rdentAzureError
from k0rdent_azure.state.age_recipients import is_recipient, short
from k0rdent_azure.state.secrets import Vault, is_encrypted, recipients_of, secret_values
from k0rdent_azure.state.snapshot_secrets import snapshot_texts

if TYPE_CHECKING:
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.storage import FileStorage

#: A private key in clear in a text that need not be valid YAML or JSON: PEM, or 32 bytes in base64, on the line of its
#: name or below it. A schema's `"private_key": {`, a placeholder and an encrypted key are none.
_IN_CLEAR = re.compile(
    rb"private_key[\"']?\s*:\s*(?:[|>][-+\d]*\s*|[!&][^\s]*\s+)*[\"']?"
    rb"(?:-----BEGIN|(?:[A-Za-z0-9+/]|\\/){42}[A-Za-z0-9+/]?=)"
)


class Reader(msgspec.Struct, kw_only=True):
    """A recipient as it is stored, and as it is called."""

    recipient: str
    short: str


class Standing(msgspec.Struct, kw_only=True):
    """`opened_by` is the identity file here that opens the keys, `trouble` why some do not open; both None where
    nothing is encrypted. `in_clear` are the copies beside the state that hold keys in clear although it does not.
    """

    secrets: int
    encrypted: int
    recipients: list[Reader]
    opened_by: str | None
    trouble: str | None
    in_clear: list[str]


def standing(document: Document, storage: FileStorage) -> Standing:
    """Look, and try to open every key that is encrypted."""
    recipients = recipients_of(document.data)
    values = list(secret_values(document.data))
    sealed = [(path, value) for path, value in values if is_encrypted(value)]
    opened, trouble = None, None
    vault = Vault(recipients)
    for path, value in sealed:
        try:
            vault.decrypt(value)
            opened = opened or vault.opener(value)
        except K0rdentAzureError as error:
            trouble = trouble or f"{'.'.join(map(str, path))}: {error.message}"
    if not sealed:
        opened = vault.opener()
    return Standing(
        secrets=len(values),
        encrypted=len(sealed),
        recipients=[
            Reader(recipient=text if is_recipient(text) else short(text), short=short(text))
            for text in recipients
        ],
        opened_by=None if opened is None else str(opened),
        trouble=trouble,
        in_clear=list(copies_in_clear(storage)) if recipients else [],
    )


def copies_in_clear(storage: FileStorage) -> Iterator[str]:
    """What stands beside the state and holds private keys in clear: its previous version, snapshots, other copies."""
    for name, text in snapshot_texts(storage):
        if _IN_CLEAR.search(text):
            yield name
    for path in storage.beside()[:-1]:
        if _IN_CLEAR.search(storage.glance(path) or b""):
            yield str(path)
