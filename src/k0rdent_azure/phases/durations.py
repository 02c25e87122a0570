"""What earlier deployments took: noted in the state, handed on from an archived state to the next deployment."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import Literal

from k0rdent_azure.errors import StateError
from k0rdent_azure.state.changes import DurationsChanges
from k0rdent_azure.state.document import read_document
from k0rdent_azure.state.model import Durations, State
from k0rdent_azure.state.transaction import Transaction

#: How many of each kind are kept; the newest.
KEPT = 10
#: Archived states that are read at most: each holds what those before it took, so one good one is enough.
MOST_READ = 3


def note(tx: Transaction, kind: Literal["creation", "failure", "deletion"], seconds: float) -> None:
    """Add one duration, in cloud seconds; the oldest beyond `KEPT` go."""
    known = tx.state.durations or Durations()
    before: list[float] = getattr(known, kind)
    noted: DurationsChanges = {}
    noted[kind] = [*before, round(seconds, 1)][-KEPT:]
    tx.durations.update(**noted)


def inherited(archive: Path, cloud: str) -> Durations:
    """What the newest archived deployment on `cloud` knew, its own durations included; nothing where none is legible.

    `archive` holds one folder for each deployment. A rehearsal tells nothing of Azure, so clouds are kept apart.
    """
    for path in heapq.nlargest(MOST_READ, archive.glob("*/deployment-state.yaml"), key=_modified):
        try:
            state = read_document(path.read_bytes(), source=str(path)).state
        except (OSError, StateError):
            # Nothing but the moments of a few requests depends on it.
            continue
        if _cloud(state) == cloud:
            return state.durations or _own(state)
    return Durations()


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _cloud(state: State) -> str:
    azure = state.configuration.get("azure")
    return str(azure.get("cloud") or "AzureCloud") if isinstance(azure, dict) else "AzureCloud"


def _own(state: State) -> Durations:
    """Of a state that noted no durations: what its phase took."""
    phase = state.phases.get("vm_creation")
    if phase is None or phase.status != "completed" or phase.seconds is None:
        return Durations()
    return Durations(creation=[phase.seconds])
