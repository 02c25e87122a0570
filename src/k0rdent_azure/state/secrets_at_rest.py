"""Encrypts, decrypts or rotates every private key of a deployment: in the state, and in its older copies.

The state changes first, in one transaction with one event; then its previous version and the snapshots follow. Each
step can be repeated: after an interruption the same command goes on.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.errors import StateConflictError, StateError
from k0rdent_azure.state.age_recipients import short
from k0rdent_azure.state.lock import user_name
from k0rdent_azure.state.secrets import recipients_of, secret_values
from k0rdent_azure.state.secrets_standing import copies_in_clear
from k0rdent_azure.state.snapshot_secrets import convert_snapshots

if TYPE_CHECKING:
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.secrets import Vault
    from k0rdent_azure.state.store import FileStore
    from k0rdent_azure.state.transaction import Transaction

Convert = Callable[[str], str]


class Outcome(msgspec.Struct, kw_only=True):
    """`changed` of `secrets` private keys were rewritten, and so many `snapshots`; `left` are snapshots that could not
    be, `in_clear` the copies beside the state that hold keys in clear now.
    """

    secrets: int
    changed: int
    recipients: list[str]
    snapshots: int
    left: list[str]
    in_clear: list[str]


def encrypt(store: FileStore, document: Document, vault: Vault) -> Outcome:
    """Encrypt what stands in clear; what is encrypted already keeps its text.

    `document` is what the caller decided by. Raises StateConflictError where its recipients were changed since.
    """
    readers = ", ".join(map(short, vault.recipients))
    told = ("secrets_encrypted", f"encrypted to {readers}")
    return _convert(store, document, vault.encrypt, vault.recipients, told)


def decrypt(store: FileStore, document: Document, vault: Vault) -> Outcome:
    """Put every private key in clear. Raises PrerequisiteError where no identity here opens one; nothing is changed."""
    told = ("secrets_decrypted", "decrypted; they stand in clear")
    return _convert(store, document, vault.decrypt, (), told)


def rotate(store: FileStore, document: Document, old: Vault, new: Vault) -> Outcome:
    """Encrypt every private key anew, to the recipients of `new`. Raises as `decrypt`."""
    readers = ", ".join(map(short, new.recipients))
    told = ("secrets_rotated", f"encrypted anew, to {readers}")
    return _convert(store, document, lambda value: new.encrypt(old.decrypt(value)), new.recipients, told)


def _convert(
    store: FileStore, document: Document, convert: Convert, recipients: tuple[str, ...], told: tuple[str, str]
) -> Outcome:
    """`told` is the event's action and the end of its message."""
    # One text for one key, wherever it stands: a snapshot does not differ from the state where their keys agree.
    convert = functools.cache(convert)
    with store.transaction() as tx:
        _refuse_other_recipients(tx, document)
        count, changed = _convert_values(tx, convert)
        _name_recipients(tx, recipients)
        if tx.changed:
            message = f"{changed} of {count} private keys {told[1]}"
            tx.event(tx.state.metadata.deployment_phase, told[0], message, details=f"by {user_name()}")
    try:
        with store.storage.writing():
            store.storage.forget_previous()
            snapshots, left = convert_snapshots(store.storage, convert, recipients)
        in_clear = list(copies_in_clear(store.storage))
    except StateError as error:
        error.hint = "the state itself is done, its older copies are not: run the same command again"
        raise
    return Outcome(
        secrets=count,
        changed=changed,
        recipients=list(recipients),
        snapshots=snapshots,
        left=left,
        in_clear=in_clear,
    )


def _refuse_other_recipients(tx: Transaction, document: Document) -> None:
    if recipients_of(tx.data) != recipients_of(document.data):
        raise StateConflictError(
            "the recipients were changed since they were read", hint="look at `k0rdent-azure secrets status`"
        )


def _convert_values(tx: Transaction, convert: Convert) -> tuple[int, int]:
    """How many private keys there are, and how many of them were rewritten."""
    count = changed = 0
    for path, value in list(secret_values(tx.data)):
        converted = convert(value)
        if converted != value:
            tx.by_path.set(path, converted)
            changed += 1
        count += 1
    return count, changed


def _name_recipients(tx: Transaction, recipients: tuple[str, ...]) -> None:
    if not recipients:
        tx.by_path.delete("metadata.secrets")
    elif recipients_of(tx.data) != recipients:
        tx.by_path.set("metadata.secrets.recipients", list(recipients))
