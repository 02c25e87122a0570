"""`recover`: put a good copy, or a new one made from what exists, in the place of a lost state file."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import BehindError, K0rdentAzureError, UsageError

if TYPE_CHECKING:
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.recovery import Copy, Recovery
    from k0rdent_azure.state.storage import Storage

CLOUDS = ("AzureCloud", "AzureUSGovernment", "AzureChinaCloud", "rehearsal")
EPILOG = """\
examples:
  k0rdent-azure recover                              which copies there are, and what restores each
  k0rdent-azure recover --from-backup                the version before the newest commit
  k0rdent-azure recover --from-snapshot latest
  k0rdent-azure recover --from-azure --dry-run       no copy is left: what Azure and the hosts still know
  k0rdent-azure recover --from-azure --take-over     another copy of this folder has changed the deployment since
  k0rdent-azure recover --rekey                      the workstation's WireGuard key is lost: a new one

Before a copy is restored, Azure is asked whether the deployment was changed since (two requests at most).
The damaged file stays beside the new one, with the ending .damaged-<time>; events in it that are newer than the copy
are taken over. A state file that can be read is not replaced: see `rollback`. --from-azure only reads in Azure and on
hosts; it logs in to a host whose key is known nowhere any more only if you say that its fingerprint is right.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "recover",
        help="restore a damaged state file from a copy",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--from-backup", action="store_true", help="the version before the newest commit")
    source.add_argument(
        "--from-snapshot", metavar="NAME", help="latest, a serial, or the beginning of a name"
    )
    source.add_argument(
        "--from-azure",
        nargs="?",
        const="",
        metavar="DEPLOYMENT_ID",
        help="make it anew from Azure, the hosts and the files that are left",
    )
    source.add_argument(
        "--from-hosts", action="store_true", help="read keys from the hosts into a state rebuilt without them"
    )
    source.add_argument(
        "--rekey",
        nargs="?",
        const="laptop",
        choices=("laptop", "hosts"),
        help="new WireGuard keys on the live hosts, for the workstation (default) or for every host",
    )
    parser.add_argument(
        "--take-over",
        action="store_true",
        help="with --from-azure: replace a healthy state that is behind, and make this the newest copy",
    )
    parser.add_argument(
        "--although-behind",
        action="store_true",
        help="with --from-backup or --from-snapshot: restore a copy even if Azure knows of changes since",
    )
    parser.add_argument("--resource-group", metavar="G", help="with --from-azure: only in this group")
    parser.add_argument("--subscription", metavar="S", help="with --from-azure: look in this subscription")
    parser.add_argument(
        "--cloud", choices=CLOUDS, help="with --from-azure: the cloud, where no k0rdent.yaml tells"
    )
    parser.add_argument(
        "--trust-hosts",
        action="store_true",
        help="believe the host keys that are shown (they are printed), where none is pinned",
    )
    parser.add_argument("--dry-run", action="store_true", help="with --from-azure: only show what was found")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Keys of `--json`: source (kind, name, serial, age_seconds), serial, damaged, unread[], older[] (path, restored,
    damaged), events (taken, unproven, unread). Without a source: state, copies[] (kind, name, serial, lineage,
    age_seconds, fault, command), and exit code 2.

    With --from-azure: deployment_id, subscription_id, resource_group, record (its provisioning state, null without
    one), sources[], requests, phase, status, virtual_machines[] (name, status, public_ip, keys), lost[] (what, means,
    do), events (found, unread), written (serial, damaged, taken, unproven, unread; null with --dry-run). With
    --from-hosts and --rekey: deployment_id, serial, without_keys[].
    """
    workspace = Workspace(args.workspace)
    _refuse_lonely(args)
    if args.from_azure is not None:
        from k0rdent_azure.cli.recover_azure import from_azure

        args.deployment_id = args.from_azure or None
        _refuse_id(args.deployment_id)
        return from_azure(workspace, args)
    if args.from_hosts or args.rekey:
        from k0rdent_azure.cli.recover_hosts import from_hosts, rekey

        args.quiet, args.svg = False, None
        return rekey(workspace, args) if args.rekey else from_hosts(workspace, args)
    storage = workspace.store().storage
    if not (args.from_backup or args.from_snapshot):
        return _offer(workspace, storage, as_json=args.json)
    with workspace.run_lock().acquire("recover"):
        _recover(workspace, storage, args)
    return 0


def _refuse_id(text: str | None) -> None:
    """Raise UsageError for what is no deployment's id: it becomes part of what Azure is asked."""
    from k0rdent_azure.config.forms import is_deployment_id

    if text is not None and not is_deployment_id(text):
        raise UsageError(f"{text[:60]!r} is no deployment id", hint="it looks like k0rdent-5b8hxhz5")


def _refuse_lonely(args: argparse.Namespace) -> None:
    """Raise UsageError for a flag of --from-azure without it."""
    flags = ["resource_group", "subscription", "cloud", "dry_run", "take_over"]
    flags += [] if args.from_hosts else ["trust_hosts"]
    given = [f"--{flag.replace('_', '-')}" for flag in flags if getattr(args, flag)]
    if given and args.from_azure is None:
        raise UsageError(f"{given[0]} goes with --from-azure")
    if args.although_behind and not (args.from_backup or args.from_snapshot):
        raise UsageError("--although-behind goes with --from-backup or --from-snapshot")


def _recover(workspace: Workspace, storage: Storage, args: argparse.Namespace) -> None:
    from k0rdent_azure.cli.running import confirm
    from k0rdent_azure.state.recovery import (
        backup_copy,
        damaged_text,
        document_of,
        recover,
        snapshot_copy,
    )

    clock = SystemClock()
    damaged_text(storage)
    copy = (
        backup_copy(storage) if args.from_backup else snapshot_copy(storage, args.from_snapshot, clock=clock)
    )
    _refuse_older_than_azure(workspace, document_of(storage, copy), although_behind=args.although_behind)
    confirm(f"Restore {_named(copy)}?", yes=args.yes)
    _show(recover(storage, copy, clock=clock), workspace, as_json=args.json)


def _refuse_older_than_azure(workspace: Workspace, copy: Document, *, although_behind: bool) -> None:
    """Ask Azure whether the deployment was changed since the copy was written, and say what the copy lacks.

    Raises BehindError if so, unless `although_behind`. If Azure cannot be asked, that is said, and nothing more: with a
    copy that is behind, no command changes anything.
    """
    import asyncio

    from k0rdent_azure.cli.output import show_notice
    from k0rdent_azure.report.text import clean

    try:
        lacks = asyncio.run(_lacks(workspace, copy))
    except K0rdentAzureError as error:
        show_notice(
            f"Azure was not asked whether this copy is the newest ({clean(error.message)}); "
            "each command that changes something asks before it does"
        )
        return
    if lacks is None:
        return
    if not although_behind:
        raise BehindError(
            f"this copy is behind: {lacks}",
            hint=f"rebuild the state from Azure: {workspace.command('recover --from-azure')}; "
            "or restore it all the same, with --although-behind",
        )
    show_notice(f"this copy is behind: {clean(lacks)}; no command changes anything with it")


async def _lacks(workspace: Workspace, copy: Document) -> str | None:
    """What Azure knows and the copy does not, in words; None if there is no such thing. Raises AzureError."""
    from k0rdent_azure.azure.subscriptions import pick
    from k0rdent_azure.cli.cloud import A_LOOK, outside
    from k0rdent_azure.config.snapshot import from_snapshot
    from k0rdent_azure.config.topology import Names
    from k0rdent_azure.phases.standing import is_behind, newest, since

    state = copy.state
    config = from_snapshot(state.configuration)
    names = Names(state.metadata.deployment_id, config.azure.resource_group)
    around = outside(config, workspace, retries=A_LOOK, read_only=True)
    try:
        subscription = state.azure_resources.subscription_id or await pick(around.arm, around.subscription_id)
        found = await newest(around.arm, state, names, subscription)
    finally:
        await around.arm.close()
    return since(state, found) if found is not None and is_behind(state, found) else None


def _offer(workspace: Workspace, storage: Storage, *, as_json: bool) -> int:
    """Say what there is to restore from, and how. Raises StateError where the state is healthy."""
    from k0rdent_azure.state.recovery import copies, damaged_text

    state = "missing" if damaged_text(storage) is None else "damaged"
    found = copies(storage, clock=SystemClock())
    if as_json:
        from k0rdent_azure.cli.output import print_json

        print_json({"state": state, "copies": [_row(copy, workspace) for copy in found]})
    else:
        from k0rdent_azure.cli.output import show_notice
        from k0rdent_azure.report.text import clean

        for copy in found:
            said = f"broken: {copy.fault}" if copy.fault else workspace.command(copy.command)
            sys.stdout.write(f"{clean(_named(copy))}\n  {clean(said)}\n")
        sys.stdout.flush()
        anew = workspace.command("recover --from-azure")
        usable = any(not copy.fault for copy in found)
        rest = "choose a copy to restore" if usable else f"no copy can be used; make it anew: {anew}"
        show_notice(f"{storage.where} is {state}; {rest}")
    return UsageError.exit_code


def _named(copy: Copy) -> str:
    from k0rdent_azure.report.text import ago

    serial = "of no known serial" if copy.serial is None else f"of serial {copy.serial}"
    return f"the {copy.kind} {copy.name} {serial}, written {ago(copy.age_seconds)}"


def _row(copy: Copy, workspace: Workspace) -> dict[str, object]:
    import msgspec

    command = None if copy.fault else workspace.command(copy.command)
    return {**msgspec.to_builtins(copy), "command": command}


def _show(done: Recovery, workspace: Workspace, *, as_json: bool) -> None:
    if as_json:
        _print_json(done)
        return
    from k0rdent_azure.report.changes import change_lines
    from k0rdent_azure.report.text import clean, plural
    from k0rdent_azure.state.compare import HIDDEN

    sys.stdout.write(f"{clean(f'restored {_named(done.copy)} as serial {done.serial}')}\n")
    if done.older:
        sys.stdout.write(f"older than in the damaged file: {plural(len(done.older), 'value')}\n")
        sys.stdout.writelines(f"  {line}\n" for line in change_lines(done.older, hidden=HIDDEN))
    lines = [] if done.damaged is None else [f"the damaged file is kept as {done.damaged}"]
    lines += [f"could not be read in the damaged file, so not compared: {name}" for name in done.unread]
    if done.taken:
        lines.append(f"{plural(done.taken, 'newer event')} taken over from the damaged file")
    if done.unproven:
        lines.append(f"{plural(done.unproven, 'event')} among these do not follow from the one before")
    if done.events_unread:
        lines.append(f"{plural(done.events_unread, 'event')} could not be read")
    lines.append(f"go on with: {workspace.command('resume')}, which looks at what exists")
    sys.stdout.writelines(f"{clean(line)}\n" for line in lines)


def _print_json(done: Recovery) -> None:
    from k0rdent_azure.cli.output import print_json

    source = done.copy
    print_json(
        {
            "source": {
                "kind": source.kind,
                "name": source.name,
                "serial": source.serial,
                "age_seconds": source.age_seconds,
            },
            "serial": done.serial,
            "damaged": done.damaged,
            "unread": done.unread,
            "older": [
                {"path": change.path, "restored": change.new, "damaged": change.old} for change in done.older
            ],
            "events": {"taken": done.taken, "unproven": done.unproven, "unread": done.events_unread},
        }
    )
