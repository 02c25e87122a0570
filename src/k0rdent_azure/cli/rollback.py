"""`rollback`: go back to an earlier version of the state, or of one component of it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.parting import add_loss_arguments, foresee
from k0rdent_azure.cli.running import add_run_arguments
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.clock import SystemClock

if TYPE_CHECKING:
    from k0rdent_azure.config.topology import Host
    from k0rdent_azure.phases.following import Step
    from k0rdent_azure.state.document import Document
    from k0rdent_azure.state.rollback import RollbackPlan
    from k0rdent_azure.state.store import FileStore
    from k0rdent_azure.state.transaction import Transaction

EPILOG = """\
examples:
  k0rdent-azure rollback latest --dry-run             what would change
  k0rdent-azure rollback 12                           to the version of serial 12
  k0rdent-azure rollback 12 --only wireguard
  k0rdent-azure rollback 12 --only vm/k0s-worker-1 --only k0rdent
  k0rdent-azure rollback 12 --apply --dry-run         what would be removed and made outside, too

components: resource_group, network, ssh_key, deployment, vms, vm/NAME (the VM, its peer and its node),
            wireguard, cluster, k0rdent, phases, or a section of your own

It takes a snapshot first, so `rollback latest` undoes it. The restored version is a new one: the audit trail, the
serial and pending operations are never rolled back. Without --apply nothing in Azure or on a VM is touched; with it
reality follows: what was made since the snapshot is removed, what was removed since is made again. If the group or the
cluster would go, it looks first, and needs --delete-foreign and --abandon-children as `destroy` does.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "rollback",
        help="go back to a snapshot of the state",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="latest, a serial, or the beginning of a name")
    parser.add_argument(
        "--only", metavar="C", action="append", default=[], help="only this component (repeatable)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would change")
    parser.add_argument(
        "--apply", action="store_true", help="remove and make what is in Azure and on the VMs accordingly"
    )
    add_run_arguments(parser)
    add_loss_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Keys of `--json`: snapshot, components[], dry_run, serial (afterwards), kept_as (null where nothing was changed),
    changes[] (path, kind, old, new), unrecorded[] and missing[] (kind, name, id), steps[] (what, kind, name; empty
    without --apply). With --apply, and without --dry-run, it is what `status` prints at the end instead.
    """
    from contextlib import nullcontext

    workspace = Workspace(args.workspace)
    store = workspace.store()
    # Tells what is missing or broken before anything is made or locked.
    store.read()
    with nullcontext() if args.dry_run else workspace.run_lock().acquire("rollback"):
        return _roll_back(workspace, store, args)


def _roll_back(workspace: Workspace, store: FileStore, args: argparse.Namespace) -> int:
    from k0rdent_azure.cli.running import confirm
    from k0rdent_azure.state.intents import refuse
    from k0rdent_azure.state.rollback import plan
    from k0rdent_azure.state.snapshots import find, load

    current = store.read()
    refuse(current.state, "rollback" if args.apply else "restore", program=workspace.program)
    name = find(store.storage, args.snapshot)
    to = plan(current, load(store.storage, name), args.only)
    steps = _steps(to, args)
    if args.apply and _permit_losses(workspace, to, args):
        # What was found out was recorded.
        current = store.read()
        to = plan(current, load(store.storage, name), args.only)
    if not args.json:
        _show_changes(to, steps, apply=args.apply)
    kept_as = None
    if to.changes and not args.dry_run:
        follow = " and make reality follow" if args.apply else ""
        confirm(f"Restore {', '.join(to.components) or 'all of it'} from {name}{follow}?", yes=args.yes)
        if args.apply:
            return _apply(workspace, current, to, name, args=args)
        kept_as = _commit(store, current, to, name)
    serial = current.serial + (kept_as is not None)
    if args.json:
        _print_json(args, name, to, steps, serial=serial, kept_as=kept_as)
    else:
        _show_outcome(to, serial, kept_as)
    return 0


def _permit_losses(workspace: Workspace, to: RollbackPlan, args: argparse.Namespace) -> bool:
    """Where the group or the cluster would go, look first what others would lose, as `destroy` does.

    Raises StrangerError and ClusterError if the flags do not permit it; returns whether anything was looked at.
    """
    from shlex import quote

    from k0rdent_azure.cli.running import snapshot_of
    from k0rdent_azure.config.topology import hosts
    from k0rdent_azure.phases.following import takes_cluster, takes_everything

    config, names = snapshot_of(workspace)
    controllers = [host.name for host in hosts(config) if host.role == "controller"]
    if not takes_cluster(to.unrecorded, controllers):
        return False
    only = "".join(f" --only {quote(each)}" for each in args.only)
    foresee(
        workspace,
        config,
        names,
        args,
        words=f"rollback {quote(args.snapshot)} --apply{only}",
        whole_group=takes_everything(to.unrecorded),
    )
    return True


def _steps(to: RollbackPlan, args: argparse.Namespace) -> list[Step]:
    if not args.apply:
        return []
    from k0rdent_azure.phases.following import steps

    return steps(to)


def _apply(
    workspace: Workspace, current: Document, to: RollbackPlan, name: str, *, args: argparse.Namespace
) -> int:
    from k0rdent_azure.cli.deploy import drive
    from k0rdent_azure.cli.preflight import CLUSTER_TOOLS, be_ready
    from k0rdent_azure.cli.running import snapshot_of
    from k0rdent_azure.config.topology import hosts
    from k0rdent_azure.phases.following import begin
    from k0rdent_azure.state.snapshots import take

    store = workspace.store()

    def intent(tx: Transaction) -> None:
        kept = take(store.storage, tx.document, reason="before rollback", clock=SystemClock())
        begin(
            tx,
            to,
            snapshot=name,
            kept_as=kept.name,
            delete_foreign=args.delete_foreign,
            abandon_children=args.abandon_children,
        )

    config, names = snapshot_of(workspace)
    # What is only removed needs neither k0sctl nor the VPN.
    be_ready(workspace, config, without=() if to.missing else CLUSTER_TOOLS)
    _refuse_loss(workspace, to, hosts(config))
    return drive(
        workspace, config, names, args=args, act="rollback", intent=intent, seen_serial=current.serial
    )


def _refuse_loss(workspace: Workspace, to: RollbackPlan, every: Sequence[Host]) -> None:
    """Raise QuorumError if etcd cannot spare the first controller that would go; the run asks again for each."""
    from k0rdent_azure.cli.quorum_look import look_at_etcd
    from k0rdent_azure.phases.following import controllers_spared

    spared = controllers_spared(to.unrecorded, every)
    members = look_at_etcd(workspace, spared, command="rollback")
    refusal = members.refusal(spared[:1], act="removed", leaving=True) if members is not None else None
    if refusal is not None:
        raise refusal


def _commit(store: FileStore, current: Document, to: RollbackPlan, name: str) -> str:
    from k0rdent_azure.state.rollback import roll_back
    from k0rdent_azure.state.snapshots import take

    with store.transaction(based_on=current) as tx:
        kept = take(store.storage, tx.document, reason="before rollback", clock=SystemClock())
        roll_back(tx, to, snapshot=name, kept_as=kept.name)
    return kept.name


def _show_changes(to: RollbackPlan, steps: Sequence[Step], *, apply: bool) -> None:
    from k0rdent_azure.report.changes import change_lines, resource_lines
    from k0rdent_azure.report.text import clean
    from k0rdent_azure.state.compare import HIDDEN

    lines = list(change_lines(to.changes, hidden=HIDDEN))
    for title, resources in (
        ("exists now, and the restored state does not know of it:", to.unrecorded),
        ("stands in the restored state, and does not exist now as far as the present one knows:", to.missing),
    ):
        if resources and not apply:
            lines += [title, *resource_lines(resources)]
    if steps:
        lines.append("done outside, in this order:")
        signs = {"remove": "-", "make": "+"}
        lines += [f"  {signs[step.what]} {step.kind} {clean(step.name)}" for step in steps]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _show_outcome(to: RollbackPlan, serial: int, kept_as: str | None) -> None:
    from k0rdent_azure.report.text import plural

    if not to.changes:
        sys.stdout.write(f"nothing to restore; serial {serial}\n")
        return
    count = plural(len(to.changes), "value")
    if kept_as is None:
        sys.stdout.write(f"{count} would change; nothing was done\n")
        return
    sys.stdout.write(f"{count} restored; serial {serial}; the version before is {kept_as}\n")
    sys.stdout.write("only the state was changed: nothing in Azure or on a VM was touched\n")


def _print_json(
    args: argparse.Namespace,
    name: str,
    to: RollbackPlan,
    steps: Sequence[Step],
    *,
    serial: int,
    kept_as: str | None,
) -> None:
    from k0rdent_azure.cli.output import print_json
    from k0rdent_azure.report.changes import change_rows

    print_json(
        {
            "snapshot": name,
            "components": to.components,
            "dry_run": args.dry_run,
            "serial": serial,
            "kept_as": kept_as,
            "changes": change_rows(to.changes),
            "unrecorded": to.unrecorded,
            "missing": to.missing,
            "steps": list(steps),
        }
    )
