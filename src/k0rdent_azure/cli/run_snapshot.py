"""The snapshot that each run takes of the state before it changes anything."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import StateError

if TYPE_CHECKING:
    from k0rdent_azure.cli.workspace import Workspace


def snapshot_before(workspace: Workspace, command: str, *, overrides: Sequence[str] = ()) -> None:
    """Keep the state as it is before `command`, which holds the run lock; not where the newest snapshot is the same.

    Raises StateError where that fails, and then nothing may be started.
    """
    from k0rdent_azure.config.load import parse_overrides
    from k0rdent_azure.config.retention import snapshots_to_keep
    from k0rdent_azure.state.snapshots import take

    keep = snapshots_to_keep(workspace.config_path, environ=os.environ, overrides=parse_overrides(overrides))
    store = workspace.store()
    with store.storage.writing():
        document = store.read()
        try:
            take(store.storage, document, reason=f"before {command}", clock=SystemClock(), keep=keep)
        except StateError as error:
            raise StateError(
                f"{command} was not started: the state could not be kept as it is now ({error.message})",
                hint=f"{error.hint or 'mend the cause'}; or make room: {workspace.command('snapshot prune --keep 3')}",
            ) from error
