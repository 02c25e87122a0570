"""`replace`: delete one VM and make it anew, with its name, keys and addresses; the others are not touched."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from k0rdent_azure.cli.belongings_look import look_at_belongings
from k0rdent_azure.cli.deploy import continue_deployment
from k0rdent_azure.cli.help import HelpFormatter
from k0rdent_azure.cli.preflight import require
from k0rdent_azure.cli.quorum_look import look_at_etcd
from k0rdent_azure.cli.running import add_run_arguments, confirm, snapshot_of
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import UsageError

if TYPE_CHECKING:
    from k0rdent_azure.config.model import Config
    from k0rdent_azure.phases.quorum import Members
    from k0rdent_azure.phases.replace import Replacement

EPILOG = """\
examples:
  k0rdent-azure replace vm/k0s-worker-1              ask, then replace it
  k0rdent-azure replace vm/k0s-worker-1 --dry-run    what would be done
  k0rdent-azure replace vm/k0s-worker-1 --zone 3     make it in another zone of the configuration
  k0rdent-azure replace vm/k0s-worker-1 --new-keys   with other SSH host and WireGuard keys: they leaked

For a VM that is broken, or has to move. Its disk goes, and its public address changes; its name, private address, SSH
host key and WireGuard key stay, or are new with --new-keys. It joins the cluster again; pods on it are not drained
first. A controller is replaced only if the others keep etcd's majority: etcd is asked now, and again right before the
deletion. Interrupted, `resume` finishes it.
"""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "replace",
        help="delete one VM and make it anew",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("resource", metavar="vm/NAME", help="which VM, as `status` names it")
    parser.add_argument(
        "--zone", metavar="Z", help="one of the zones that the configuration names for its role"
    )
    parser.add_argument(
        "--new-keys",
        action="store_true",
        help="with a new SSH host key and WireGuard key: the old ones leaked",
    )
    parser.add_argument("--dry-run", action="store_true", help="only show what would be done")
    add_run_arguments(parser)


def run(args: argparse.Namespace) -> int:
    from k0rdent_azure.phases.replace import mark, plan
    from k0rdent_azure.state.intents import refuse

    workspace = Workspace(args.workspace)
    name = _name(args.resource)
    refuse(workspace.store().read().state, "replace", program=workspace.program)
    if args.dry_run:
        config, _ = snapshot_of(workspace)
        wanted = plan(config, workspace.store().read().state, name, zone=args.zone, new_keys=args.new_keys)
        members = look_at_etcd(workspace, [name], command="replace")
        if members is not None and members.listed:
            _refuse(config, members, name)
        _show(_complete(workspace, wanted), members, args)
        return 0
    with workspace.run_lock().acquire("replace"):
        config, _ = snapshot_of(workspace)
        require(workspace, config)
        wanted = plan(config, workspace.store().read().state, name, zone=args.zone, new_keys=args.new_keys)
        wanted = _complete(workspace, wanted)
        members = look_at_etcd(workspace, [name], command="replace")
        if not args.json:
            _show(wanted, members, args)
        _refuse(config, members, name)
        confirm(f"Delete {name} with its disk, and make it anew?", yes=args.yes)
        return continue_deployment(
            workspace, args, act="replace", intent=lambda tx: mark(tx, wanted), touches=[name]
        )


def _name(resource: str) -> str:
    kind, slash, name = resource.partition("/")
    if not slash or kind != "vm" or not name:
        raise UsageError(
            f"{resource[:80]!r} is nothing that can be replaced", hint="name a VM: replace vm/k0s-worker-1"
        )
    return name


def _complete(workspace: Workspace, wanted: Replacement) -> Replacement:
    """With what Azure says goes with the VM, or stays."""
    import msgspec

    found = look_at_belongings(workspace, [wanted.vm], command="replace").get(wanted.vm)
    if found is None:
        return wanted
    return msgspec.structs.replace(wanted, goes=[*wanted.goes, *found.goes], stays=found.stays)


def _refuse(config: Config, members: Members | None, name: str) -> None:
    """Raise QuorumError if etcd cannot spare the controller now, or nobody can say; UsageError if it never can."""
    from k0rdent_azure.phases.replace import refuse_last

    refusal = members.refusal({name}, act="replaced") if members is not None else None
    if refusal is not None:
        refuse_last(config, name)
        raise refusal


def _show(wanted: Replacement, members: Members | None, args: argparse.Namespace) -> None:
    import msgspec

    from k0rdent_azure.cli.output import print_json
    from k0rdent_azure.report.text import clean

    etcd = [] if members is None else [members.told()]
    if args.json:
        print_json({**msgspec.to_builtins(wanted), "etcd": etcd})
        return
    lines = [f"- {part}" for part in wanted.goes] + [f"+ {part}" for part in wanted.comes]
    lines += [f"= {part}, stays" for part in wanted.stays] + etcd
    sys.stdout.writelines(f"{clean(line)}\n" for line in lines)
    sys.stdout.flush()
