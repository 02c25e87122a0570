"""`--reveal`: private keys opened for the user, after the audit trail says who asked for which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.store import FileStore


def reveal(store: FileStore, document: Document, values: Mapping[str, object]) -> dict[str, object]:
    """`values` of `document`, by their paths, with their private keys in clear.

    Returns only when the event `secret_revealed` is committed; values without private keys need none. Raises
    PrerequisiteError where no identity here opens them, StateError where the event cannot be written.
    """
    from k0rdent_azure.state.document import keys_of
    from k0rdent_azure.state.secrets import Vault, recipients_of, replace_below, values_below

    vault = Vault(recipients_of(document.data))
    shown = {path: (tuple(keys_of(path)), value) for path, value in values.items()}
    opened = {path: replace_below(value, keys, vault.decrypt) for path, (keys, value) in shown.items()}
    counts = {path: sum(1 for _ in values_below(value, keys)) for path, (keys, value) in shown.items()}
    if any(counts.values()):
        _record(store, {path: count for path, count in counts.items() if count})
    return opened


def _record(store: FileStore, counts: Mapping[str, int]) -> None:
    from k0rdent_azure.report.text import plural
    from k0rdent_azure.state.lock import user_name

    what = ", ".join(f"{path} ({plural(count, 'private key')})" for path, count in counts.items())
    with store.transaction() as tx:
        phase = tx.state.metadata.deployment_phase
        tx.event(phase, "secret_revealed", f"{user_name()} revealed {what}")
