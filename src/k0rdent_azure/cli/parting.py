"""What is asked before a deployment goes: Azure and the cluster first, then the user, with what was found."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from k0rdent_azure.cli.running import supervise
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import AzureError, StrangerError

if TYPE_CHECKING:
    from k0rdent_azure.config.model import Config
    from k0rdent_azure.config.topology import Names
    from k0rdent_azure.phases.context import Context
    from k0rdent_azure.phases.destroy import Parting
    from k0rdent_azure.state.model import K0sCluster


def add_loss_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags without which nothing is removed that others made, or that nobody would delete afterwards."""
    parser.add_argument(
        "--delete-foreign",
        action="store_true",
        help="delete, with the deployment's own group, what others put into it",
    )
    parser.add_argument(
        "--abandon-children",
        action="store_true",
        help="leave the clusters that k0rdent manages running, without anybody who manages them",
    )


def foresee(
    workspace: Workspace,
    config: Config,
    names: Names,
    args: argparse.Namespace,
    *,
    words: str = "destroy",
    whole_group: bool = True,
) -> Parting:
    """What a removal of everything, or without `whole_group` of the cluster, would take and leave.

    `words` are the command's. Raises StrangerError and ClusterError if `args` do not permit it, and AzureError, for
    `destroy` with both ways to go on, if Azure cannot be asked.
    """
    from k0rdent_azure.phases import destroy

    seen: list[Parting] = []

    async def work(ctx: Context) -> None:
        seen.append(await (destroy.foresee(ctx) if whole_group else destroy.foresee_cluster(ctx)))

    quietly = argparse.Namespace(**{**vars(args), "quiet": True, "svg": None})
    try:
        supervise(workspace, config, names, args=quietly, work=work)
        _permit(workspace, seen[0], args, words)
    except AzureError as error:
        if words == "destroy" and not isinstance(error, StrangerError):
            _name_both_ways(error, workspace)
        raise error from None
    _warn(seen[0])
    return seen[0]


def _permit(workspace: Workspace, seen: Parting, args: argparse.Namespace, words: str) -> None:
    """Raise StrangerError or ClusterError; the hint is the command with all flags that it then needs."""
    from k0rdent_azure.phases import children, removal_check

    foreign = removal_check.is_refused(seen.found, delete_foreign=args.delete_foreign)
    abandoned = children.is_refused(seen.children, abandon=args.abandon_children)
    flags = [removal_check.DELETE_FOREIGN] if foreign or args.delete_foreign else []
    flags += [children.ABANDON] if abandoned or args.abandon_children else []
    rerun = workspace.command(" ".join([words, *flags]))
    removal_check.permit(seen.found, delete_foreign=args.delete_foreign, rerun=rerun)
    children.permit(
        seen.children,
        abandon=args.abandon_children,
        what="nothing was removed",
        kubeconfig=str(workspace.directory / _kubeconfig(workspace.store().read().state.k0s_cluster)),
        rerun=rerun,
    )


def _kubeconfig(cluster: K0sCluster | None) -> str:
    return cluster.kubeconfig_file if cluster is not None else "k0sctl-config"


def _name_both_ways(error: AzureError, workspace: Workspace) -> None:
    again, unasked = workspace.command("destroy"), workspace.command("destroy --without-azure")
    error.message = f"Azure could not be asked, so nothing was deleted or archived: {error.message}"
    why = f"{error.hint}; " if error.hint else ""
    error.hint = (
        f"{why}then run again: {again}; or archive the state without asking, and leave what exists running: "
        f"{unasked}"
    )


def question(config: Config, names: Names, seen: Parting) -> str:
    """What goes, with cloud, subscription and group, and what others lose by it."""
    from k0rdent_azure.phases.removal_check import shown
    from k0rdent_azure.report.text import clean

    where = f"{config.azure.cloud}, subscription {seen.subscription}, group {names.resource_group}"
    if not seen.found.exists:
        what = f"Azure has nothing of it now ({where})"
    elif names.existing_group is None:
        what = f"the whole group goes ({where})"
    else:
        what = f"{len(seen.found.ours)} resources go, and the group stays ({where})"
    lines = [f"Destroy {names.deployment_id} for good? {what}."]
    if seen.found.foreign:
        named = shown([str(each) for each in seen.found.foreign])
        lines.append(f"NOT this deployment's, and deleted with it: {clean(named)}.")
    if seen.children.answer == "read" and seen.children.known:
        from k0rdent_azure.phases.children import names as child_names

        lines.append(f"Left running, and billed: {clean(child_names(seen.children.known))}.")
    return " ".join(lines)


def _warn(seen: Parting) -> None:
    """Say what is known of clusters that k0rdent manages if it could not be asked now."""
    from k0rdent_azure.cli.output import show_notice
    from k0rdent_azure.phases.children import names as child_names

    found = seen.children
    if found.answer == "unreadable":
        show_notice(f"the list of clusters that k0rdent manages could not be read: {found.why}")
    if found.answer != "unreached" or not (found.known or found.likely):
        return
    if found.checked_at is None:
        show_notice(
            "the cluster could not be asked, and never was: clusters that k0rdent manages would be left running"
        )
    elif found.known:
        show_notice(
            f"the cluster could not be asked; when it last was, {_age(found.checked_at)}, it managed clusters that "
            f"are left running and billed: {child_names(found.known)}"
        )
    else:
        show_notice(
            f"the cluster could not be asked; when it last was, {_age(found.checked_at)}, it managed no clusters"
        )


def _age(moment: str) -> str:
    from k0rdent_azure.clock import SystemClock, parse_timestamp
    from k0rdent_azure.report.text import ago

    return ago(max(0.0, (SystemClock().now() - parse_timestamp(moment)).total_seconds()))
