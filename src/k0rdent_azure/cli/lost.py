"""Where the state file is gone and its deployment may not be: what still tells of it, and the way back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.command_line import shell_word
from k0rdent_azure.errors import StateError, StateNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from k0rdent_azure.cli.workspace import Workspace
    from k0rdent_azure.state.recovery import Copy

SSH_KEY = "-ssh-key"
KEYS, CLUSTER = "azure-resources", "k0sctl-config"
#: A file of a deployment. Its id goes into a command that people paste: nothing else may pass for one.
_OURS = re.compile(r"(k0rdent-[a-z0-9]+)-")


class Trace(msgspec.Struct, frozen=True):
    """What is left of a deployment without a state: `what` in words, how to go back, what to move to begin anew."""

    what: str
    way_back: str
    moved: str


def leftovers(workspace: Workspace) -> list[str]:
    """Ids of deployments that left files in the workspace, but for those that were destroyed.

    Such a file is written only after the state that names it, and goes when the state goes into the archive.
    """
    files = [path for folder in (KEYS, CLUSTER) for path in (workspace.directory / folder).glob("k0rdent-*")]
    found = {ours[1] for path in files if (ours := _OURS.match(path.name))}
    gone = workspace.archive_dir
    return sorted(found - ({path.name for path in gone.iterdir()} if gone.is_dir() else set()))


def newest_copy(workspace: Workspace) -> Copy | None:
    """The copy of the state to restore; None, too, where copies cannot be looked for."""
    from k0rdent_azure.state.recovery import newest_good_copy

    try:
        return newest_good_copy(workspace.store().storage)
    except StateError:
        return None


def trace(workspace: Workspace) -> Trace | None:
    """The best trace of a deployment in a workspace without a state; None where there is nothing of one."""
    copy = newest_copy(workspace)
    if copy is not None:
        return Trace("there are copies of one", copy.hint, "the copies")
    return files_trace(workspace)


def files_trace(workspace: Workspace) -> Trace | None:
    """As `trace`, where there is no copy of the state."""
    left = leftovers(workspace)
    if not left:
        return None
    named = f" {left[0]}" if len(left) == 1 else ""
    return Trace(
        f"there are files of {', '.join(left)}",
        f"make it anew: {workspace.command(f'recover --from-azure{named}')}",
        f"what is of it in {KEYS} and {CLUSTER}",
    )


def put_aside(workspace: Workspace) -> StateNotFoundError | None:
    """The error that tells of a state that was archived without asking Azure, and how to take it back; None without."""
    from k0rdent_azure.state.document import read_document

    for path in sorted(workspace.archive_dir.glob("*/deployment-state.yaml"), reverse=True):
        try:
            state = read_document(path.read_bytes(), source=str(path)).state
        except (OSError, StateError):
            continue
        if state.metadata.deployment_status != "destroyed":
            return StateNotFoundError(
                f"there is no deployment in {workspace.directory}; {state.metadata.deployment_id} was archived "
                "without asking Azure, and may still run and cost",
                hint=f"take it back and destroy it: {take_back(workspace, path.parent)}",
            )
    return None


def take_back(workspace: Workspace, archive: Path) -> str:
    """The command that makes an archived state the workspace's again, and destroys its deployment."""
    moved = f"mv {shell_word(str(archive))}/* {shell_word(str(workspace.directory))}/"
    return f"{moved} && {workspace.command('destroy')}"


def no_deployment(workspace: Workspace, otherwise: str) -> StateNotFoundError:
    """The error of a command that needs a state; `otherwise` is its hint where nothing tells of a lost one."""
    found = trace(workspace)
    if found is None:
        return StateNotFoundError(f"there is no deployment in {workspace.directory}", hint=otherwise)
    return StateNotFoundError(
        f"there is no {workspace.state_path.name} in {workspace.directory}, but {found.what}",
        hint=found.way_back,
    )


def refuse_lost(workspace: Workspace) -> None:
    """Raise StateNotFoundError where a new deployment would begin beside one whose state is lost."""
    found = trace(workspace)
    if found is not None:
        raise StateNotFoundError(
            f"there is no {workspace.state_path.name}, but {found.what}: its deployment may still exist",
            hint=f"{found.way_back}; to begin anew all the same, move {found.moved} away",
        )
