"""`state`: check the state file, get values out of it, change them with a reason, export all of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import StateError, StateInvalidError, UsageError

if TYPE_CHECKING:
    from k0rdent_azure.state.document import Document

EPILOG = """\
examples:
  k0rdent-azure state check                               exit code 0: valid (doubts are printed), 4: not
  k0rdent-azure state check backup/deployment-state.yaml  any file
  k0rdent-azure state get metadata.deployment_phase       a plain value
  k0rdent-azure state get azure_resources.virtual_machines.k0s-controller.public_ip
  k0rdent-azure state get k0s_cluster --json              a whole section
  k0rdent-azure state set k0rdent.version 1.1.0 --text --reason "upgraded by hand"
  k0rdent-azure state unset azure_resources.virtual_machines.k0s-worker-1.detail --reason "it is back"
  eval "$(k0rdent-azure state export --shell)"            everything as shell variables
"""

SET = """\
Change values in one commit; its event tells the reason and what was changed.

VALUE is JSON where it is JSON (3, true, null, {"a": 1}), else text. A private key is read from stdin only (-).
What can be set is how things are: statuses, addresses, times, versions, details, and keys of your own. What they are is
refused: names, ids, keys, paths of files, the resource group, the subscription, and all that the engine keeps itself.
A new key that looks like a slip of one in the schema is refused too.
While a run holds the deployment nothing is changed (exit code 5), nor after --if-serial was overtaken (4).
"""

EXPORT = """\
Print the whole document for other programs, without private keys.

--shell: a line for each single value; its name is the prefix and the path in capitals, with _ for other signs.
Two paths with one name are refused. Null is empty; lists and private keys are left out, which the last line says.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "state",
        help="check, read or change the state file",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    actions = parser.add_subparsers(prog=parser.prog, dest="action", metavar="ACTION", required=True)
    check = actions.add_parser(
        "check",
        help="say whether a state file is valid, and every fault in it",
        formatter_class=HelpFormatter,
    )
    check.add_argument("file", metavar="FILE", nargs="?", type=Path, help="default: the workspace's")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    get = actions.add_parser("get", help="print values by their dotted path", formatter_class=HelpFormatter)
    get.add_argument("paths", metavar="PATH", nargs="+", help="e.g. metadata.serial or events.0.action")
    get.add_argument("--default", metavar="VALUE", help="print this for a path that is not there")
    get.add_argument("--json", action="store_true", help="print JSON: the value, or all by their paths")
    get.add_argument(
        "--reveal", action="store_true", help="print private keys too, in clear; the audit trail says so"
    )
    _register_changes(actions)
    actions.add_parser("schema", help="print the JSON Schema of a state file", formatter_class=HelpFormatter)


def _register_changes(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    change = actions.add_parser(
        "set",
        help="change values, validated as a whole, in one commit",
        description=SET,
        formatter_class=HelpFormatter,
    )
    change.add_argument(
        "words", metavar="PATH VALUE", nargs="+", help="VALUE is JSON, or else text; - reads it from stdin"
    )
    change.add_argument("--text", action="store_true", help="take every VALUE as text")
    change.add_argument("--new", action="store_true", help="add a key although it looks like a slip")
    remove = actions.add_parser("unset", help="remove values", formatter_class=HelpFormatter)
    remove.add_argument("words", metavar="PATH", nargs="+", help="what to remove")
    for action in (change, remove):
        action.add_argument("--reason", metavar="TEXT", required=True, help="why, for the audit trail")
        action.add_argument(
            "--if-serial", metavar="N", type=int, help="only while metadata.serial is N (else exit 4)"
        )
        action.add_argument("--during-run", action="store_true", help="even while a run holds the deployment")
        action.add_argument("--json", action="store_true", help="print one JSON object")
    export = actions.add_parser(
        "export",
        help="print everything but private keys, for other programs",
        description=EXPORT,
        formatter_class=HelpFormatter,
    )
    shape = export.add_mutually_exclusive_group(required=True)
    shape.add_argument("--shell", action="store_true", help="assignments, for eval in any POSIX shell")
    shape.add_argument("--json", action="store_true", help="one JSON object")
    export.add_argument("--prefix", metavar="PREFIX", help="of the variables (default: K0RDENT_AZURE_STATE_)")


def run(args: argparse.Namespace) -> int:
    """Keys of `--json`: see `state_check.run`, `state_change.run`; those of `get` and `export` are the document's."""
    if args.action == "get":
        return _get(args)
    if args.action == "check":
        from k0rdent_azure.cli import state_check

        return state_check.run(args)
    if args.action == "export":
        from k0rdent_azure.cli import state_export

        return state_export.run(args)
    if args.action == "schema":
        return _schema()
    from k0rdent_azure.cli import state_change

    return state_change.run(args)


def _schema() -> int:
    import importlib.resources

    folder = importlib.resources.files("k0rdent_azure.state")
    sys.stdout.write(folder.joinpath("deployment-state.schema.json").read_text(encoding="utf-8"))
    return 0


def _get(args: argparse.Namespace) -> int:
    from k0rdent_azure.cli.output import print_json

    store = Workspace(args.workspace).store()
    document = store.read()
    there = [path for path in args.paths if args.default is None or _has(document, path)]
    values = {path: _value(document, path, reveal=args.reveal) for path in there}
    if args.reveal:
        from k0rdent_azure.cli.reveal import reveal

        values = reveal(store, document, values)
    if args.json:
        shown = {path: values[path] if path in values else _default(args.default) for path in args.paths}
        print_json(shown[args.paths[0]] if len(args.paths) == 1 else shown)
        return 0
    for path in args.paths:
        text = _text(values[path], one_line=len(args.paths) > 1) if path in values else args.default
        sys.stdout.write(text + "\n")
    return 0


def _has(document: Document, path: str) -> bool:
    try:
        document.get(path)
    except StateInvalidError:
        raise
    except StateError:
        return False
    return True


def _default(word: str) -> object:
    from k0rdent_azure.cli.state_words import json_or_text

    return json_or_text(word, "--default")


def _value(document: Document, path: str, *, reveal: bool) -> object:
    """What is at `path`, without secrets unless they are asked for. Raises StateError, UsageError."""
    from k0rdent_azure.state.document import keys_of
    from k0rdent_azure.state.secrets import is_secret

    value = document.get(path)
    if reveal:
        return value
    if is_secret(tuple(keys_of(path))) and value is not None:
        raise UsageError(f"{path} is a secret", hint="add --reveal to print it")
    if not isinstance(value, dict | list):
        return value
    from k0rdent_azure.cli.redaction import redacted

    return redacted(value)


def _text(value: object, *, one_line: bool) -> str:
    """A scalar as a script wants it (`true`, `null`, no quotes), anything larger as JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, dict | list):
        from k0rdent_azure.cli.output import json_text

        return json_text(value, indent=0 if one_line else 2)
    if isinstance(value, str) and sys.stdout.isatty():
        from k0rdent_azure.report.text import clean

        return clean(value, lines=True)
    return str(value)
