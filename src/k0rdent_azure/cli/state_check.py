"""`state check`: every fault of a state file, with its line, what was expected and what was found."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import StateInvalidError

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
        raise StateInvalidError(f"{path} is not valid", faults=faults, hint=_good_copy(path))
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


def _good_copy(path: Path) -> str | None:
    """Names the newest version that can be read, if there is one."""
    from k0rdent_azure.state.recovery import newest_good_copy
    from k0rdent_azure.state.storage import FileStorage

    copy = newest_good_copy(FileStorage(path))
    return copy.hint if copy else None
