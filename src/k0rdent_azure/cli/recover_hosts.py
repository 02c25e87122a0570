"""`recover --from-hosts` and `recover --rekey`: keys for a state that is there, but was rebuilt without them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from k0rdent_azure.cli import recover_search as search
from k0rdent_azure.cli.preflight import log_in, require
from k0rdent_azure.cli.recover_azure import trust
from k0rdent_azure.cli.run_snapshot import snapshot_before
from k0rdent_azure.cli.running import confirm, next_command_hint, snapshot_of, supervise
from k0rdent_azure.cli.workspace import Workspace
from k0rdent_azure.errors import K0rdentAzureError

if TYPE_CHECKING:
    from k0rdent_azure.phases.context import Context
    from k0rdent_azure.phases.rebuild_hosts import Shown
    from k0rdent_azure.state.model import State


def from_hosts(workspace: Workspace, args: argparse.Namespace) -> int:
    """Read from the hosts what the state lacks of them. Asks Azure nothing."""
    from k0rdent_azure.errors import UsageError
    from k0rdent_azure.phases.preparation import keyless

    missing = keyless(workspace.store().read().state)
    if not missing:
        raise UsageError("the state has the keys of every host already")

    async def work(ctx: Context) -> None:
        await _take_over(ctx, args, missing)

    with workspace.run_lock().acquire("recover"):
        snapshot_before(workspace, "recover")
        config, names = snapshot_of(workspace)
        supervise(workspace, config, names, args=args, work=work)
    _show(workspace, args, still_missing=keyless(workspace.store().read().state))
    return 0


async def _take_over(ctx: Context, args: argparse.Namespace, missing: list[str]) -> None:
    from k0rdent_azure.phases import rebuild_hosts
    from k0rdent_azure.phases.rebuild_config import Wanted
    from k0rdent_azure.phases.rebuild_hosts import Told
    from k0rdent_azure.phases.take_over import take_over

    plan = Wanted(ctx.config, ctx.names, "record", "")
    vms = ctx.state.azure_resources.virtual_machines
    where = {name: vms[name].public_ip or vms[name].fqdn or "" for name in missing}
    told = Told()
    pins = rebuild_hosts.pins(ctx.workspace, plan)
    shown = await rebuild_hosts.who_answers(ctx.ssh, where, pins, told)
    unknown = [each for each in shown if not each.pinned]
    trusted: list[Shown] = shown if not unknown or trust(unknown, args) else [e for e in shown if e.pinned]
    await rebuild_hosts.ask(ctx.ssh, plan, trusted, told, with_kubeconfig=False)
    private = search.laptop_file_key(ctx.path(f"wireguard/{ctx.names.wireguard_interface}.conf"))
    take_over(ctx, told, laptop_private=private)
    for name, why in told.silent.items():
        ctx.observer.notice(f"{name}: {why}")


def rekey(workspace: Workspace, args: argparse.Namespace) -> int:
    """Replace WireGuard keys on live hosts, or end what an earlier run began."""
    from k0rdent_azure.cli.output import show_notice
    from k0rdent_azure.phases.begin import end_run, open_run
    from k0rdent_azure.phases.rekey import rekey as replace_keys
    from k0rdent_azure.state.intents import REKEY, refuse

    async def work(ctx: Context) -> None:
        message = f"new WireGuard keys for {whose}"
        await open_run(ctx, "rekey", status="in_progress", action="rekey_requested", message=message)
        try:
            await replace_keys(ctx, scope)
        except K0rdentAzureError as error:
            end_run(ctx, type(error).__name__)
            raise
        end_run(ctx, "completed")

    with workspace.run_lock().acquire("recover"):
        state = workspace.store().read().state
        refuse(state, "rekey", program=workspace.program)
        pending = REKEY.pending(state)
        scope = pending.scope if pending else args.rekey
        whose = "the workstation" if scope == "laptop" else "every host"
        config, names = snapshot_of(workspace)
        require(workspace, config, without=("k0sctl",))
        if scope == "hosts":
            last = next(reversed(state.azure_resources.virtual_machines), "NAME")
            command = workspace.command(f"replace vm/{last} --new-keys")
            show_notice(f"SSH host keys stay; a VM gets a new one when it is replaced: {command}")
        confirm(f"Give {whose} a new WireGuard key, and restart WireGuard on the hosts?", yes=args.yes)
        log_in(workspace, config)
        snapshot_before(workspace, "recover")
        try:
            supervise(workspace, config, names, args=args, work=work)
        except K0rdentAzureError as error:
            # What was refused before anything was recorded leaves nothing to go on with.
            if REKEY.is_pending(workspace.store().read().state):
                next_command_hint(error, workspace, f"recover --rekey {scope} --yes")
            raise
    _show(workspace, args, still_missing=[])
    return 0


def _show(workspace: Workspace, args: argparse.Namespace, *, still_missing: list[str]) -> None:
    state: State = workspace.store().read().state
    if args.json:
        from k0rdent_azure.cli.output import print_json

        print_json(
            {
                "deployment_id": state.metadata.deployment_id,
                "serial": state.metadata.serial,
                "without_keys": still_missing,
            }
        )
        return
    from k0rdent_azure.cli.output import show_notice

    lacking = f"; still without keys: {', '.join(still_missing)}" if still_missing else ""
    show_notice(f"serial {state.metadata.serial}{lacking}; go on with: {workspace.command('resume')}")
