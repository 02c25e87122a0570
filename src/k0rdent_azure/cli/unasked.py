"""`destroy --without-azure`: put the state aside without asking Azure; nothing is deleted, and what exists runs on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from k0rdent_azure.cli.lost import take_back
from k0rdent_azure.cli.running import confirm, snapshot_of
from k0rdent_azure.cli.workspace import Workspace

if TYPE_CHECKING:
    from k0rdent_azure.state.model import State


def archive_unasked(workspace: Workspace, args: argparse.Namespace) -> int:
    """Archive the state as it is. Keys and configurations stay where they are: they are the way back."""
    store = workspace.store()
    config, names = snapshot_of(workspace)
    state = store.read().state
    subscription = state.azure_resources.subscription_id or config.azure.subscription_id
    left = _may_remain(state, names.resource_group, owned=names.existing_group is None)
    where = f"{config.azure.cloud}, subscription {subscription or 'unknown'}"
    confirm(
        f"Archive {names.deployment_id} without asking Azure? These may still run and cost ({where}): "
        f"{', '.join(left)}.",
        yes=args.yes,
    )
    with store.transaction() as tx:
        tx.event(
            state.metadata.deployment_phase,
            "archived_without_azure",
            f"Azure was not asked; may still run and cost ({where}): {', '.join(left)}",
            resource=names.resource_group,
        )
    archive = store.archive(workspace.archive_dir / names.deployment_id)
    _show(workspace, state, str(archive), left, where, as_json=args.json)
    return 0


def _may_remain(state: State, group: str, *, owned: bool) -> list[str]:
    """What the deployment makes, by the names that it has in Azure."""
    vms = [f"VM {name}" for name in state.azure_resources.virtual_machines]
    return [f"resource group {group}", *vms] if owned else [*(vms or ["its VMs"]), f"in group {group}"]


def _show(
    workspace: Workspace, state: State, archive: str, left: list[str], where: str, *, as_json: bool
) -> None:
    from k0rdent_azure.cli.output import print_json, show_notice

    children = state.k0rdent.children if state.k0rdent else []
    checked = state.k0rdent.children_checked_at if state.k0rdent else None
    if as_json:
        print_json(
            {
                "deployment_id": state.metadata.deployment_id,
                "status": "archived",
                "archive": archive,
                "azure_asked": False,
                "foreign": [],
                "children": children,
                "children_checked_at": checked,
                "may_remain": left,
            }
        )
        return
    show_notice(
        f"Azure was not asked, and nothing was deleted. May still run and cost ({where}): {', '.join(left)}"
    )
    if children:
        from k0rdent_azure.phases.children import names

        show_notice(f"clusters that k0rdent managed when it was last asked: {names(children)}")
    laptop = state.wireguard.laptop_config if state.wireguard else None
    if laptop is not None and laptop.status == "connected":
        show_notice(f"the VPN interface {laptop.interface} was left as it is")
    show_notice(
        f"the state is kept in {archive}, keys and configurations stay; to go back and delete it all: "
        f"{take_back(workspace, Path(archive))}"
    )
