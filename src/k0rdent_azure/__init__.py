"""Deploys a k0rdent management cluster on Azure; `deployment-state.yaml` is the only truth about it."""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os

    from k0rdent_azure.state.store import FileStore


def open_state(path: str | os.PathLike[str] = "deployment-state.yaml") -> FileStore:
    """The store of the state file at `path`; of the `deployment-state.yaml` in it where `path` is a folder.

    Nothing is read yet, and the file need not be there.
    """
    # Imported here: every command imports this package, and few of them all of these.
    from pathlib import Path

    from k0rdent_azure.clock import SystemClock
    from k0rdent_azure.state.store import FileStore

    file = Path(path)
    return FileStore(file / "deployment-state.yaml" if file.is_dir() else file, clock=SystemClock())
