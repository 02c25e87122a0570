"""What this deployment wants to be there, and what Azure said was there when the deployment had succeeded."""

from __future__ import annotations

import msgspec

from k0rdent_azure.azure import drift_baseline
from k0rdent_azure.azure.deployments import DeploymentView
from k0rdent_azure.azure.drift_baseline import Known
from k0rdent_azure.azure.drift_wanted import Wanted, wanted
from k0rdent_azure.azure.template import build
from k0rdent_azure.clock import azure_timestamp
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.topology import Names, hosts
from k0rdent_azure.phases.context import Context
from k0rdent_azure.phases.ownership import owner_of
from k0rdent_azure.state.model import Baseline, State
from k0rdent_azure.state.transaction import Transaction


def wanted_of(config: Config, names: Names, state: State) -> Wanted:
    """All resources as the template has them, with the zones and the addresses that the VMs were given.

    Where the VPN has another address for a host than its VM's record, the VPN's counts: that is the one which has to
    be there for a host to be reached.
    """
    azure, peers = state.azure_resources, state.wireguard.peers if state.wireguard else {}
    placed = [
        msgspec.structs.replace(host, zone=vm.availability_zone or "", os_disk=vm.os_disk or "")
        if (vm := azure.virtual_machines.get(host.name))
        else host
        for host in hosts(config)
    ]
    addresses = {
        name: ((peers[name].endpoint or "") if name in peers else "").rpartition(":")[0] or vm.public_ip or ""
        for name, vm in azure.virtual_machines.items()
    }
    template = build(
        config,
        names,
        placed,
        ssh_public_key=(azure.ssh_key.public_key if azure.ssh_key else None) or "",
        admin_username=config.ssh.username,
    )
    return wanted(
        template,
        subscription=azure.subscription_id or "",
        group=names.resource_group,
        deployment_id=names.deployment_id,
        addresses=addresses,
        incarnations={key: guid for key, guid in owner_of(state).recorded.items() if guid},
    )


def known_of(state: State, there: Wanted) -> Known:
    """The recorded baseline; empty for a deployment of which none was recorded."""
    recorded = state.azure_resources.baseline
    return drift_baseline.decode(recorded.differences, there) if recorded else {}


def record_baseline(ctx: Context, tx: Transaction, view: DeploymentView) -> None:
    """Keep how Azure's answer differs from what was wanted; of resources that it does not speak of, what was known."""
    taken = baseline(ctx.config, ctx.names, ctx.state, view, now=ctx.now)
    if taken is not None:
        tx.baseline.put(taken)


def baseline(
    config: Config, names: Names, state: State, view: DeploymentView, *, now: str
) -> Baseline | None:
    """What a record of a deployment that succeeded tells of its resources; None where it tells nothing."""
    there = wanted_of(config, names, state)
    answered = drift_baseline.answered(view.outputs, there.group)
    if not answered:
        return None
    known = drift_baseline.observe(there, answered, known_of(state, there))
    at = azure_timestamp(view.timestamp or "") or now
    return Baseline(recorded_at=at, differences=drift_baseline.encode(known, there))
