"""`config`: the settings in force with their sources, and everything that is wrong with them."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from typing import TYPE_CHECKING

from k0rdent_azure.cli.deploy import add_set_argument
from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import ConfigError, Fault

if TYPE_CHECKING:
    from k0rdent_azure.config.load import LoadedConfig

EPILOG = """\
examples:
  k0rdent-azure config show                           every value and where it comes from
  k0rdent-azure config show --json
  k0rdent-azure config validate                       every fault, with its line (exit code 3)
  k0rdent-azure config validate --set cluster.workers.count=300

Values come from, last wins: defaults, k0rdent.yaml, K0RDENT_AZURE_* variables, --set. Once a deployment
exists, the snapshot in its state is what counts; `config show` then tells what the file says otherwise.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "config",
        help="show or validate the configuration",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    actions = parser.add_subparsers(prog=parser.prog, dest="action", metavar="ACTION", required=True)
    for name, text in (
        ("show", "print each value with its source"),
        ("validate", "list every fault; exit code 3 if there is one"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("--json", action="store_true", help="print one JSON object")
        add_set_argument(action)


def run(args: argparse.Namespace) -> int:
    return _show(args) if args.action == "show" else _validate(args)


def _load(workspace: Workspace, overrides: list[str]) -> LoadedConfig:
    from k0rdent_azure.config.load import load, parse_overrides

    return load(workspace.config_path, environ=os.environ, overrides=parse_overrides(overrides))


def _validate(args: argparse.Namespace) -> int:
    from k0rdent_azure.cli.output import print_json, show_warnings

    workspace = Workspace(args.workspace)
    file = str(workspace.config_path)
    try:
        loaded = _load(workspace, args.overrides)
    except ConfigError as error:
        if not args.json:
            # The usual hint names this very command.
            error.hint = None if error.faults and workspace.config_path.exists() else error.hint
            raise
        faults = error.faults or (Fault(path="", message=error.message, file=file),)
        print_json({"valid": False, "file": file, "faults": faults})
        return error.exit_code
    if args.json:
        warnings = loaded.warnings
        print_json({"valid": True, "file": file, "faults": warnings})
        return 0
    show_warnings(loaded.warnings)
    count = len(loaded.warnings)
    doubts = "" if not count else f", {count} warning{'s' if count > 1 else ''}"
    sys.stdout.write(f"{file} is valid{doubts}\n")
    return 0


def _show(args: argparse.Namespace) -> int:
    from k0rdent_azure.cli.output import print_json, show_notice, show_warnings

    workspace = Workspace(args.workspace)
    if not workspace.state_path.exists():
        loaded, wanted = _load(workspace, args.overrides), None
        deployment, changed = None, list[str]()
    else:
        deployment, loaded, wanted, changed, notice = _deployed(workspace, args.overrides)
        if notice and not args.json:
            show_notice(notice)
    if args.json:
        print_json(_document(workspace, deployment, loaded, wanted, changed))
        return 0
    show_warnings(loaded.warnings)
    _print(_rows(loaded, wanted, changed))
    return 0


def _deployed(
    workspace: Workspace, overrides: list[str]
) -> tuple[str, LoadedConfig, LoadedConfig | None, list[str], str]:
    """The snapshot that counts; the file's wishes beside it, if it can be read, and how they differ."""
    from k0rdent_azure.config.snapshot import differs, load_snapshot, wishes, with_workspace_settings

    state = workspace.store().read().state
    name = state.metadata.deployment_id
    snapshot = load_snapshot(state.configuration)
    notice = f"{name} exists: these are the values it was created with, which count until it is destroyed"
    if not workspace.config_path.exists():
        return name, snapshot, None, [], notice
    try:
        wanted = _load(workspace, overrides)
    except ConfigError as error:
        return name, snapshot, None, [], f"{notice} ({error.message}; see `config validate`)"
    changed = differs(wanted, state.configuration)
    told = wishes(wanted, changed, state.metadata.config_digest)
    if told.file:
        notice = f"{notice}; {workspace.config_path.name} was changed since: {', '.join(told.file)}"
    if told.given:
        notice = f"{notice}; not taken: {', '.join(told.given)}"
    return name, with_workspace_settings(snapshot, wanted), wanted, changed, notice


def _document(
    workspace: Workspace,
    deployment: str | None,
    loaded: LoadedConfig,
    wanted: LoadedConfig | None,
    changed: list[str],
) -> dict[str, object]:
    settings: list[dict[str, object]] = []
    for path in _paths(loaded, changed):
        source = loaded.sources.get(path)
        row: dict[str, object] = {
            "path": path,
            "value": loaded.values.get(path),
            "source": None if source is None else dataclasses.asdict(source),
        }
        if path in changed and wanted is not None:
            row["wanted"] = wanted.values.get(path)
        settings.append(row)
    return {
        "file": str(workspace.config_path) if workspace.config_path.exists() else None,
        "deployment_id": deployment,
        "settings": settings,
        "changed": changed,
        "warnings": loaded.warnings,
    }


def _paths(loaded: LoadedConfig, changed: list[str]) -> list[str]:
    return [*loaded.values, *(path for path in changed if path not in loaded.values)]


def _rows(
    loaded: LoadedConfig, wanted: LoadedConfig | None, changed: list[str]
) -> list[tuple[str, str, str]]:
    """(path, value, source), all cleaned for a terminal."""
    from k0rdent_azure.report.text import clean

    rows = []
    for path in _paths(loaded, changed):
        source = loaded.sources.get(path)
        where = "" if source is None else source.where if source.kind == "file" else source.kind
        if source is not None and source.kind in ("variable", "flag"):
            where = source.where
        if path in changed and wanted is not None:
            now = wanted.sources.get(path)
            said = f"{_text(wanted.values[path])} in {now.where or now.kind}" if now else "no longer there"
            where = f"{where}; changed: {said}" if where else f"changed: {said}"
        rows.append((clean(path), clean(_text(loaded.values.get(path))), clean(where or "")))
    return rows


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, tuple):
        return f"[{', '.join(str(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)


def _print(rows: list[tuple[str, str, str]]) -> None:
    if sys.stdout.isatty():
        from rich.table import Table
        from rich.text import Text

        from k0rdent_azure.cli.output import console

        table = Table(box=None, pad_edge=False)
        for heading in ("setting", "value", "source"):
            table.add_column(heading, overflow="fold")
        for path, value, source in rows:
            table.add_row(Text(path), Text(value, style="bold"), Text(source, style="dim"))
        console().print(table)
        return
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for path, value, source in rows:
        sys.stdout.write(f"{path:<{widths[0]}}  {value:<{widths[1]}}  {source}\n")
