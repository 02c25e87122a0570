"""`state check`: every fault of a state file, with its line, what was expected and what was found."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import StateError, StateInvalidError

if TYPE_CHECKING:
    from k0rdent_azure.state.inspection import Inspection


def run(args: argparse.Namespace) -> int:
    """`--json` has file, valid, errors, warnings, events (how many were verified; null if it is not valid),
    faults[] (the keys of `errors.Fault`).
    """
    workspace = Workspace(args.workspace)
    path: Path = args.file or workspace.state_path
    found = inspect_file(path)
    faults, errors = [workspace.placed_fault(fault) for fault in found.faults], found.errors
    if args.json:
        from k0rdent_azure.cli.output import print_json

        counts = {
            "errors": errors,
            "warnings": len(faults) - errors,
            "events": None if errors else found.events,
        }
        print_json({"file": str(path), "valid": not errors, **counts, "faults": faults})
        return StateInvalidError.exit_code if errors else 0
    if errors:
        raise StateInvalidError(f"{path} is not valid", faults=faults, hint=_hint(path, workspace))
    from k0rdent_azure.cli.output import show_warnings
    from k0rdent_azure.report.text import clean, plural

    show_warnings(faults)
    doubts = f" ({plural(len(faults), 'warning')})" if faults else ""
    sys.stdout.write(f"{clean(path)} is valid{doubts}; {plural(found.events, 'event')} verified\n")
    return 0


def inspect_file(path: Path) -> Inspection:
    """Everything wrong with a state file and its sealed events. Raises StateNotFoundError."""
    from k0rdent_azure.state.inspection import inspect
    from k0rdent_azure.state.storage import FileStorage

    return inspect(FileStorage(path))


def _hint(path: Path, workspace: Workspace) -> str | None:
    """What helps: a copy, if commands refuse the workspace's own file; a trail that was edited stops no command."""
    from k0rdent_azure.state.document import read_document
    from k0rdent_azure.state.recovery import newest_good_copy
    from k0rdent_azure.state.storage import FileStorage

    try:
        read_document(path.read_bytes(), source=str(path))
    except (OSError, StateError):
        if path.resolve() != workspace.state_path.resolve():
            return None
        copy = newest_good_copy(FileStorage(path))
        return copy.hint if copy else None
    return (
        "commands go on working with this file: only its history was changed. Put the file that is named back as it "
        "was, from a backup of the folder"
    )
