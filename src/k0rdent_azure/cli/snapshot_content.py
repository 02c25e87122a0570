"""`snapshot show` and `snapshot diff`: what stands in a snapshot."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from k0rdent_azure.cli.output import print_json
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.report.text import clean, plural

if TYPE_CHECKING:
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.storage import Storage


def run(args: argparse.Namespace) -> int:
    """`show --json`: the keys of `snapshot list`, and state (the document, private keys hidden).

    `diff --json`: from, to (a name, or "present"), serials[], changes[] (path, kind, old, new), events (how many more).
    """
    store = Workspace(args.workspace).store()
    if args.verb == "show":
        return _show(store.storage, args)
    from k0rdent_azure.state.snapshots import find, load

    names = [find(store.storage, wanted) for wanted in (args.old, args.new) if wanted is not None]
    documents = [load(store.storage, name) for name in names]
    if args.new is None:
        documents.append(store.read())
        names.append("present")
    _diff(names, documents, as_json=args.json)
    return 0


def _show(storage: Storage, args: argparse.Namespace) -> int:
    from k0rdent_azure.cli.snapshot import row
    from k0rdent_azure.state.compare import hide
    from k0rdent_azure.state.snapshots import find, list_snapshots, load

    name = find(storage, args.name)
    document = load(storage, name)
    about = row(next(each for each in list_snapshots(storage) if each.name == name))
    if args.json:
        print_json({**about, "state": hide(document.data)})
        return 0
    metadata = document.state.metadata
    lines = [
        name,
        f"taken     {about['taken_at']}, {'by a run' if about['automatic'] else 'on demand'}: {about['reason']}",
        f"serial    {document.serial} of {metadata.deployment_id}, last changed {metadata.last_updated}",
        f"stood at  {metadata.deployment_phase}, {metadata.deployment_status}",
        f"held      {_held(document)}",
        "checked   checksum, schema and references are right",
    ]
    sys.stdout.writelines(f"{clean(line)}\n" for line in lines)
    return 0


def _held(document: Document) -> str:
    from k0rdent_azure.state.compare import event_count

    state = document.state
    peers = len(state.wireguard.peers) if state.wireguard else 0
    vms = len(state.azure_resources.virtual_machines)
    events = event_count(document.data)
    return f"{plural(vms, 'VM')}, {plural(peers, 'peer')}, {plural(events, 'event')}"


def _diff(names: list[str], documents: list[Document], *, as_json: bool) -> None:
    from k0rdent_azure.report.changes import change_lines, change_rows
    from k0rdent_azure.state.compare import HIDDEN, compare, event_count

    old, new = documents
    changes = compare(old.data, new.data)
    events = event_count(new.data) - event_count(old.data)
    if as_json:
        print_json(
            {
                "from": names[0],
                "to": names[1],
                "serials": [old.serial, new.serial],
                "changes": change_rows(changes),
                "events": events,
            }
        )
        return
    sys.stdout.writelines(f"{line}\n" for line in change_lines(changes, hidden=HIDDEN))
    serials = f"serial {old.serial} -> {new.serial}"
    sys.stdout.write(f"{plural(len(changes), 'difference')}, {serials}, {_more(events)}\n")


def _more(events: int) -> str:
    return f"{plural(abs(events), 'event')} {'fewer' if events < 0 else 'more'}"
