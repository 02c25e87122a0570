"""`state`: check the state file, or get values out of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import Fault, StateInvalidError, StateNotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from k0rdent_azure.state.document import Document

#: Stands where a private key would, unless `--reveal` asks for it.
REDACTED = "(secret; --reveal shows it)"

EPILOG = """\
examples:
  k0rdent-azure state check                               exit code 0: valid (doubts are printed), 4: not
  k0rdent-azure state check backup/deployment-state.yaml  any file
  k0rdent-azure state get metadata.deployment_phase       a plain value
  k0rdent-azure state get azure_resources.virtual_machines.k0s-controller.public_ip
  k0rdent-azure state get k0s_cluster --json              a whole section
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "state",
        help="check the state file, get values out of it",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="say whether a state file is valid, and every fault in it")
    check.add_argument("file", metavar="FILE", nargs="?", type=Path, help="default: the workspace's")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    get = actions.add_parser("get", help="print values by their dotted path")
    get.add_argument("paths", metavar="PATH", nargs="+", help="e.g. metadata.serial or events.0.action")
    get.add_argument("--json", action="store_true", help="print JSON: the value, or all by their paths")
    get.add_argument("--reveal", action="store_true", help="print private keys too")


def run(args: argparse.Namespace) -> int:
    """`check --json` has file, valid, errors, warnings, faults[] (the keys of `errors.Fault`)."""
    return _check(args) if args.action == "check" else _get(args)


def _check(args: argparse.Namespace) -> int:
    path: Path = args.file or Workspace(args.workspace).state_path
    faults = find_faults(path)
    errors = [fault for fault in faults if fault.severity == "error"]
    if args.json:
        from k0rdent_azure.cli.output import print_json

        print_json(
            {
                "file": str(path),
                "valid": not errors,
                "errors": len(errors),
                "warnings": len(faults) - len(errors),
                "faults": faults,
            }
        )
        return StateInvalidError.exit_code if errors else 0
    from k0rdent_azure.cli.output import show_warnings

    if errors:
        raise StateInvalidError(f"{path} is not valid", faults=faults, hint=_good_copy(path))
    show_warnings(faults)
    from k0rdent_azure.report.text import clean, plural

    doubts = f" ({plural(len(faults), 'warning')})" if faults else ""
    sys.stdout.write(f"{clean(path)} is valid{doubts}\n")
    return 0


def find_faults(path: Path) -> Sequence[Fault]:
    """Everything wrong with a state file and its sealed events. Raises StateNotFoundError."""
    from k0rdent_azure.state.checks import check, place
    from k0rdent_azure.state.codec import parse
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.events import history
    from k0rdent_azure.state.migrations import migrate

    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise StateNotFoundError(f"there is no file {path}") from None
    except OSError as error:
        return [Fault(path="", message=f"cannot be read: {error.strerror}", file=str(path))]
    try:
        data = migrate(parse(text, source=str(path)))
        found = place(check(data), text=text, source=str(path))
        if not any(fault.severity == "error" for fault in found):
            for _ in history(Document(data, path=path, text=text)):
                pass
    except StateInvalidError as error:
        return error.faults or [Fault(path="", message=error.message, file=str(path))]
    return found


def _good_copy(path: Path) -> str | None:
    """Names the last good version beside a broken one, if it is one."""
    backup = path.with_name(path.name + ".backup")
    if not backup.is_file() or any(fault.severity == "error" for fault in find_faults(backup)):
        return None
    return f"{backup} is valid: cp it over {path.name}"


def _get(args: argparse.Namespace) -> int:
    from k0rdent_azure.cli.output import print_json

    document = Workspace(args.workspace).store().read()
    values = {path: _value(document, path, reveal=args.reveal) for path in args.paths}
    if args.json:
        print_json(values[args.paths[0]] if len(args.paths) == 1 else values)
        return 0
    for path in args.paths:
        sys.stdout.write(_text(values[path]) + "\n")
    return 0


def _value(document: Document, path: str, *, reveal: bool) -> object:
    """What is at `path`, without secrets unless they are asked for. Raises StateError, UsageError."""
    from k0rdent_azure.state.checks import SECRET_KEYS

    value = document.get(path)
    if reveal:
        return value
    if path.rpartition(".")[2] in SECRET_KEYS and value is not None:
        raise UsageError(f"{path} is a secret", hint="add --reveal to print it")
    return _redacted(value, SECRET_KEYS)


def _redacted(value: object, secret_keys: frozenset[str]) -> object:
    if isinstance(value, dict):
        return {
            key: REDACTED if key in secret_keys and inner is not None else _redacted(inner, secret_keys)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_redacted(inner, secret_keys) for inner in value]
    return value


def _text(value: object) -> str:
    """A scalar as a script wants it (`true`, `null`, no quotes), anything larger as YAML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        import yaml

        return yaml.safe_dump(value, sort_keys=False, allow_unicode=False, width=2**20).rstrip("\n")
    if isinstance(value, str) and sys.stdout.isatty():
        from k0rdent_azure.report.text import clean

        return clean(value, lines=True)
    return str(value)
