"""This deployment in ARM's terms: the one file between a phase and the `azure` package.

It fixes the subscription, the scope and the names, so that a phase reads as what it does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus

from k0rdent_azure.azure import deployments, inventory, removal, subscriptions
from k0rdent_azure.azure import outcome as outcomes
from k0rdent_azure.azure.deployments import DeploymentTarget, DeploymentView, OperationView
from k0rdent_azure.azure.failures import is_absent
from k0rdent_azure.azure.inventory import ResourceView, VmView
from k0rdent_azure.azure.merging import Existing
from k0rdent_azure.azure.outcome import Accepted
from k0rdent_azure.azure.reading import provisioning_state
from k0rdent_azure.azure.resources import security_rules
from k0rdent_azure.azure.sight import ADDRESS, NETWORK, NIC, SECURITY_GROUP, VM
from k0rdent_azure.azure.tags import Mark
from k0rdent_azure.azure.template import build
from k0rdent_azure.config import resource_ids
from k0rdent_azure.config.topology import LAPTOP, Host
from k0rdent_azure.errors import AzureRequestError, DeploymentFailedError
from k0rdent_azure.hosts.cloud_init import user_data
from k0rdent_azure.hosts.keys import KeyPair
from k0rdent_azure.hosts.wireguard import host_config
from k0rdent_azure.phases import ownership
from k0rdent_azure.phases.baseline import record_baseline
from k0rdent_azure.phases.context import Context
from k0rdent_azure.state.intents import SUBMISSION
from k0rdent_azure.state.model import State
from k0rdent_azure.state.transaction import Transaction


async def choose_subscription(ctx: Context) -> None:
    """Settle on a subscription, once: no request where the configuration, `az` or the cloud names it."""
    if ctx.state.azure_resources.subscription_id is not None:
        return
    chosen = await subscriptions.pick(ctx.arm, ctx.outside.subscription_id)
    with ctx.commit() as tx:
        tx.azure.update(subscription_id=chosen)


def target(ctx: Context) -> DeploymentTarget:
    """The deployment record: the subscription's, or the group's where the user named one."""
    subscription = ctx.state.azure_resources.subscription_id or ""
    return DeploymentTarget(subscription, ctx.names.deployment, ctx.names.existing_group)


async def put(
    ctx: Context, only: Collection[str], *, mark: Mark, shared: bool, existing: Existing
) -> DeploymentView:
    """Submit the deployment with the VMs `only`; others stay as they are, and without `shared` all that is not a VM's.

    What is in `existing` keeps what others put into it.
    Raises AzureRequestError, e.g. from ARM's preflight.
    """
    state = ctx.state
    key = state.azure_resources.ssh_key
    # Azure refuses other custom data for a VM that exists, and after a rekey nobody has the bytes any more.
    vms = state.azure_resources.virtual_machines
    rekeyed = [name for name, vm in vms.items() if vm.status != "pending" and (vm.rekeyed_at or vm.id)]
    wanted = build(
        ctx.config,
        ctx.names,
        ctx.placed_hosts,
        ssh_public_key=(key.public_key if key else None) or "",
        admin_username=ctx.config.ssh.username,
        only=only,
        rekeyed=rekeyed,
        shared=shared,
        lineage=state.metadata.lineage,
        mark=mark,
        existing=existing,
        with_baseline=state.azure_resources.baseline is None,
    )
    sent = [host for host in ctx.hosts if host.name in only and host.name not in rekeyed]
    custom_data = {host.name: _custom_data(ctx, state, host) for host in sent}
    return await deployments.put(ctx.arm, target(ctx), wanted, custom_data)


def _custom_data(ctx: Context, state: State, host: Host) -> str:
    """A VM's cloud-init: the same bytes at each call, because Azure refuses a change."""
    assert state.wireguard is not None, "preparation fills the wireguard section"  # noqa: S101
    vm = state.azure_resources.virtual_machines[host.name]
    laptop = state.wireguard.peers[LAPTOP]
    config = host_config(
        private_key=ctx.secret(state.wireguard.peers[host.name].private_key),
        address=host.wireguard_ip,
        port=ctx.config.network.wireguard_port,
        laptop_public_key=laptop.public_key,
        laptop_ip=laptop.ip,
    )
    return user_data(
        hostname=host.name,
        host_key=KeyPair(private=ctx.secret(vm.host_private_key), public=vm.host_key or ""),
        wireguard_config=config,
    )


async def get(ctx: Context) -> DeploymentView | None:
    """The record as ARM has it now; None where there is none. One request."""
    return await deployments.get(ctx.arm, target(ctx))


async def failure(ctx: Context, view: DeploymentView) -> tuple[DeploymentFailedError, list[OperationView]]:
    """Why a deployment failed: the error to raise, and the operations that failed."""
    found = await deployments.operations(ctx.arm, target(ctx))
    return deployments.failure(view, found, ctx.arm.where), [
        operation for operation in found if operation.errors
    ]


def record(ctx: Context, tx: Transaction, view: DeploymentView) -> None:
    """Put what ARM says of the deployment record into the state."""
    tx.arm_deployment.update(
        name=view.name,
        scope=view.scope,
        id=view.id,
        provisioning_state=view.provisioning_state,
        last_checked=ctx.now,
        generation=view.mark.generation,
    )
    if view.correlation_id is not None:
        tx.arm_deployment.update(correlation_id=view.correlation_id)


def record_success(ctx: Context, tx: Transaction, view: DeploymentView) -> None:
    """Everything exists: ids and addresses from the deployment's outputs, and what has no output of its own.

    A VM that was deleted since, or is about to be, has none of them: the outputs tell of the one before.
    """
    group = inventory.group_id(target(ctx).subscription, ctx.names.resource_group)
    network = f"{group}/providers/Microsoft.Network"
    tx.resource_group.update(status="created", id=group, created_at=ctx.now)
    vnet = f"{network}/virtualNetworks/{ctx.names.vnet}"
    tx.vnet.update(status="created", id=vnet)
    tx.subnet.update(status="created", id=f"{vnet}/subnets/{ctx.names.subnet}")
    nsg = f"{network}/networkSecurityGroups/{ctx.names.nsg}"
    tx.nsg.update(status="created", id=nsg, rules_count=len(security_rules(ctx.config)))
    key = f"{group}/providers/Microsoft.Compute/sshPublicKeys/{ctx.names.ssh_key}"
    tx.ssh_key.update(status="created", id=key)
    known = tx.state.azure_resources.virtual_machines
    for name, vm in view.virtual_machines.items():
        if name in known and known[name].status in ("pending", "deleting"):
            continue
        tx.vm(name).update(
            id=vm.id,
            public_ip=vm.public_ip,
            private_ip=vm.private_ip,
            fqdn=vm.fqdn,
            nic_id=vm.nic_id,
            public_ip_id=vm.public_ip_id,
            provisioning_state="Succeeded",
            last_checked=ctx.now,
        )
        _record_incarnation(ctx, tx, name, view.guids)
    if guid := view.guids.get(f"{NETWORK}/{ctx.names.vnet}".lower()):
        tx.vnet.update(guid=guid)
    if guid := view.guids.get(f"{SECURITY_GROUP}/{ctx.names.nsg}".lower()):
        tx.nsg.update(guid=guid)
    record_baseline(ctx, tx, view)


def _record_incarnation(ctx: Context, tx: Transaction, name: str, guids: Mapping[str, str]) -> None:
    """The ids that no other VM, interface or address ever has, as far as Azure told them."""
    if guid := guids.get(f"{VM}/{name}".lower()):
        tx.vm(name).update(vm_id=guid)
    if guid := guids.get(f"{NIC}/{ctx.names.nic(name)}".lower()):
        tx.vm(name).update(nic_guid=guid)
    if guid := guids.get(f"{ADDRESS}/{ctx.names.public_ip(name)}".lower()):
        tx.vm(name).update(public_ip_guid=guid)


async def cancel(ctx: Context) -> None:
    """Stop the template deployment if it may be at work: no request if it is known to have ended."""
    recorded = ctx.state.azure_resources.deployment
    # A later submission that no run recorded may be at work, whatever is known of the one before.
    known = not SUBMISSION.is_pending(ctx.state)
    if not (known and recorded is not None and recorded.provisioning_state in deployments.ENDED):
        await cancel_active(ctx)


async def cancel_active(ctx: Context) -> None:
    """Stop the template deployment; none that is at work is fine."""
    await deployments.cancel(ctx.arm, target(ctx))


async def delete_group(ctx: Context) -> Accepted | None:
    """Start deleting the group with all that is in it; None if there is none. The caller has proven that it is ours."""
    return await removal.delete_group(ctx.arm, target(ctx).subscription, ctx.names.resource_group)


#: Power states of a VM that exists and has to be started. https://learn.microsoft.com/azure/virtual-machines/states-billing
WITHOUT_POWER = frozenset({"VM stopped", "VM stopping", "VM deallocated", "VM deallocating"})


async def virtual_machines(ctx: Context) -> list[VmView]:
    """All VMs of the group with their power states: two requests."""
    return await inventory.virtual_machines(ctx.arm, target(ctx).subscription, ctx.names.resource_group)


async def public_addresses(ctx: Context) -> dict[str, str]:
    """The public address of each VM that has one: one request."""
    found = await inventory.addresses(ctx.arm, target(ctx).subscription, ctx.names.resource_group)
    by_id = {resource_ids.key(each.id): each.ip for each in found}
    vms = ctx.state.azure_resources.virtual_machines
    return {
        name: ip for name, vm in vms.items() if (ip := by_id.get(resource_ids.key(vm.public_ip_id or "")))
    }


async def start_vms(ctx: Context, names: Collection[str]) -> None:
    """Start VMs that have no power: one request for each of them, as there is no bulk start.

    One that is not there is passed over. Raises AzureRequestError for the first that Azure does not start, after all.
    """
    failed: AzureRequestError | None = None
    for name in names:
        try:
            ctx.starts[name] = await inventory.start(
                ctx.arm, target(ctx).subscription, ctx.names.resource_group, name
            )
        except AzureRequestError as error:
            failed = failed or (None if is_absent(error) else error)
    if failed is not None:
        raise failed


async def failed_starts(ctx: Context, names: Collection[str]) -> dict[str, AzureRequestError]:
    """Why Azure did not start those of these VMs that this run had it start: one request for each of them."""
    found: dict[str, AzureRequestError] = {}
    for name in names:
        operation = ctx.starts.pop(name, None)
        outcome = await outcomes.ask(ctx.arm, operation) if operation is not None else None
        if outcome is not None and outcome.state == "failed" and outcome.error is not None:
            found[name] = outcome.error
    return found


async def delete_vm(ctx: Context, name: str) -> Accepted | None:
    """Start deleting a VM; None if there is none. One request for each VM: ARM has no bulk delete."""
    return await removal.delete_vm(ctx.arm, target(ctx).subscription, ctx.names.resource_group, name)


async def parts_left(ctx: Context, names: Collection[str]) -> list[ResourceView]:
    """What Azure still has of these VMs, their interfaces, addresses and disks: one request.

    Whoever acts next goes by this look, not by one from before.
    """
    seen = await ownership.look(ctx)
    vms = ctx.state.azure_resources.virtual_machines
    parts = {
        part.lower()
        for name in names
        for part in (
            name,
            ctx.names.nic(name),
            ctx.names.public_ip(name),
            vms[name].os_disk or ctx.names.os_disk(name),
        )
    }
    return [each for each in seen.resources if each.name.lower() in parts]


async def group_state(ctx: Context) -> str | None:
    """The group's provisioning state, None if Azure says that there is no group any more: one request."""
    body = await inventory.resource_group(ctx.arm, target(ctx).subscription, ctx.names.resource_group)
    return None if body is None else provisioning_state(body)


def group_id(ctx: Context) -> str:
    """The group's resource id."""
    return inventory.group_id(target(ctx).subscription, ctx.names.resource_group)


async def delete_resources(ctx: Context, ours: Sequence[ResourceView]) -> bool:
    """One pass over what is ours in a group of the user's; whether anything of it was left."""
    return bool(await removal.delete_resources(ctx.arm, ours, memory=ctx.removal))


async def forget_deployment(ctx: Context) -> bool:
    """Remove the deployment's record, which a deleted group does not take along at subscription scope.

    False while the deployment is still at work.
    """
    try:
        await removal.delete_deployment_record(ctx.arm, target(ctx))
    except AzureRequestError as error:
        if error.status == HTTPStatus.CONFLICT:
            return False
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        # The record holds nothing; a right that is missing for it must not keep a destroy from ending.
        ctx.observer.notice(f"could not remove the deployment record: {error.message}")
    return True
