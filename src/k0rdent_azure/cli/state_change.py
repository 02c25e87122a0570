"""`state set` and `state unset`: a person's or a script's change, validated, with its reason in the audit trail."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from k0rdent_azure.cli.redaction import REDACTED, redacted_at
from k0rdent_azure.cli.state_words import Change, changes, refuse_identity, unicode_text
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import LockedError, StateConflictError, StateInvalidError, UsageError

if TYPE_CHECKING:
    from k0rdent_azure.state.lock import RunLock
    from k0rdent_azure.state.transaction import Transaction

#: As many characters of a value stand in an event.
_SHOWN = 60


def run(args: argparse.Namespace) -> int:
    """`--json` has serial, changed[] (path, old, new; private keys hidden)."""
    reason = unicode_text(args.reason, "--reason").strip()
    if not reason:
        raise UsageError("--reason is empty", hint="say why; it stands in the audit trail")
    serial, done = _commit(Workspace(args.workspace), args, changes(args), reason)
    _show(serial, done, as_json=args.json)
    return 0


def _commit(
    workspace: Workspace, args: argparse.Namespace, asked: Sequence[Change], reason: str
) -> tuple[int, list[Change]]:
    """The serial afterwards, and what was changed. Raises LockedError, StateConflictError, StateInvalidError."""
    store = workspace.store()
    # Tells what is missing or broken before anything is made or locked.
    store.read()
    with ExitStack() as held:
        try:
            with store.transaction() as tx:
                _refuse_serial(tx, args.if_serial)
                if not args.during_run:
                    # Taken under the write lock, so that two scripts never refuse each other; held until the commit.
                    held.enter_context(_run_lock(workspace, f"state {args.action}"))
                done = _apply(tx, args, asked)
                if done:
                    _add_event(tx, f"state_{args.action}", reason, done)
                return tx.document.serial + bool(done), done
        except StateInvalidError as error:
            if args.action == "set" and any("Expected `str" in fault.message for fault in error.faults):
                error.hint = f"{error.hint}; --text takes a value as text, and so do quotes: '\"1.0\"'"
            raise


def _run_lock(workspace: Workspace, command: str) -> RunLock:
    try:
        return workspace.run_lock().acquire(command)
    except LockedError as error:
        error.hint = f"{error.hint}; --during-run changes it all the same"
        raise


def _refuse_serial(tx: Transaction, wanted: int | None) -> None:
    serial = tx.document.serial
    if wanted is not None and serial != wanted:
        raise StateConflictError(
            f"{tx.document.source} has serial {serial} now, not {wanted}; nothing was changed",
            hint="read the values and metadata.serial again, in one `state get`, and decide anew",
        )


def _apply(tx: Transaction, args: argparse.Namespace, asked: Sequence[Change]) -> list[Change]:
    """Make the changes; returns those that differ from what was there."""
    done: list[Change] = []
    for change in asked:
        unknown = _guard(tx, change, allowed=args.new) if args.action == "set" else []
        refuse_identity(change.path, change.keys)
        if args.action == "set":
            there = tx.by_path.has(change.keys)
            change.old = tx.by_path.get(change.keys) if there else None
            if there and _same(change.old, change.new):
                continue
            change.unknown = unknown
            tx.by_path.set(change.keys, change.new)
        else:
            change.old = _remove(tx, change)
        done.append(change)
    return done


def _remove(tx: Transaction, change: Change) -> object:
    old = tx.by_path.get(change.keys)
    tx.by_path.delete(change.keys)
    return old


def _guard(tx: Transaction, change: Change, *, allowed: bool) -> list[str]:
    """The new keys that the schema does not know. Raises UsageError for what looks like a slip, unless `allowed`."""
    from k0rdent_azure.cli.unknown_keys import unknown_keys

    found = [unknown for unknown in unknown_keys(change.keys, change.new) if not tx.by_path.has(unknown.path)]
    for unknown in found:
        if unknown.near is not None and not allowed:
            raise UsageError(
                f"{unknown.path} is not in the schema; did you mean {unknown.near}?",
                hint="--new adds it all the same",
            )
    return [unknown.path for unknown in found]


def _add_event(tx: Transaction, action: str, reason: str, done: Sequence[Change]) -> None:
    told = [
        f"{f'{change.path}: ' if len(done) > 1 else ''}{_short(change.old, change)} → {_short(change.new, change)}"
        for change in done
    ]
    phase = tx.state.metadata.deployment_phase
    resource = ", ".join(change.path for change in done)
    tx.event(phase, action, reason, resource=resource, details="; ".join(told))


def _short(value: object, change: Change) -> str:
    from k0rdent_azure.cli.output import json_text
    from k0rdent_azure.report.text import shorten

    if value is None:
        return "nothing"
    text = json_text(redacted_at(change.keys, value), indent=0)
    return shorten(text.replace(f'"{REDACTED}"', "(secret)"), _SHOWN)


def _same(old: object, new: object) -> bool:
    """Equal in type too: 1, 1.0, true and "1" are four values."""
    import msgspec

    return msgspec.json.encode(old, order="sorted") == msgspec.json.encode(new, order="sorted")


def _show(serial: int, done: Sequence[Change], *, as_json: bool) -> None:
    from k0rdent_azure.cli.output import json_text, print_json, show_notice
    from k0rdent_azure.report.text import clean

    for path in sorted({path for change in done for path in change.unknown}):
        show_notice(f"note: {path} is not in the schema; it is kept, but nothing here uses it")
    shown = [
        {"path": change.path}
        | {"old": redacted_at(change.keys, change.old), "new": redacted_at(change.keys, change.new)}
        for change in done
    ]
    if as_json:
        print_json({"serial": serial, "changed": shown})
        return
    for row in shown:
        old, new = (json_text(row[side], indent=0) for side in ("old", "new"))
        sys.stdout.write(f"{clean(row['path'])}: {old} -> {new}\n")
    sys.stdout.write(f"serial {serial}\n" if done else f"nothing to change; serial {serial}\n")
