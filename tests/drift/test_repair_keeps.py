"""A repair puts ours right; what others added stays as it is, byte for byte, and `validate` still tells of it."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from k0rdent_azure.config.model import IgnoreRule, NetworkSettings
from k0rdent_azure.errors import StrangerError
from k0rdent_azure.phases import arm
from k0rdent_azure.phases.acceptance import accept
from k0rdent_azure.phases.azure_setup import AzureSetup
from k0rdent_azure.phases.begin import begin_run
from k0rdent_azure.phases.engine import run_phases
from k0rdent_azure.phases.repair import mark, plan
from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.faults import Fault
from tests.azure.conftest import make_config
from tests.drift.conftest import told
from tests.drift.steps import (
    ADDRESS,
    GROUP,
    KEY,
    NIC,
    NSG,
    VM,
    VNET,
    Step,
    another_rule,
    change,
    own,
    rule,
    subnet,
)
from tests.drift.test_baseline import compared, deploy_unseen
from tests.phases.stage import Silent, Stage, stage

CONFIG = make_config(
    controllers=1, workers=1, network=NetworkSettings(allowed_ssh_sources=("203.0.113.0/24",))
)


def tagged(resource: str, tag: str = "cost=[42]") -> Fault:
    return Fault(kind="tag-added", resource=resource, tag=tag)


#: What somebody adds; each of them, and all at once, must outlive every repair.
THEIRS: dict[str, list[Step]] = {
    "rule": [another_rule("theirs")],
    "rule that denies": [another_rule("theirs", access="Deny", priority=100)],
    "rule outwards": [another_rule("theirs", direction="Outbound", priority=1000)],
    "rule with groups": [another_rule("theirs", destinationApplicationSecurityGroups=[{"id": "/x/asg"}])],
    "route table": [subnet("routeTable", {"id": "/x/routes"})],
    "NAT gateway": [subnet("natGateway", {"id": "/x/nat"})],
    "service endpoint": [subnet("serviceEndpoints", [{"service": "Microsoft.Storage", "locations": ["*"]}])],
    "delegation": [subnet("delegations", [{"name": "x", "properties": {"serviceName": "Microsoft.Web/x"}}])],
    "private endpoint policy": [subnet("privateEndpointNetworkPolicies", "Disabled")],
    "second subnet": [
        own(VNET, "subnets.1", {"name": "theirs", "properties": {"addressPrefix": "10.240.2.0/24"}})
    ],
    "address space": [own(VNET, "addressSpace.addressPrefixes.1", "10.9.0.0/16")],
    "peering": [own(VNET, "virtualNetworkPeerings", [{"name": "hub", "properties": {"useRemoteGateways": True}}])],
    "DNS servers": [own(VNET, "dhcpOptions.dnsServers", ["10.0.0.4"])],
    "DDoS plan": [own(VNET, "ddosProtectionPlan", {"id": "/x/ddos"}), own(VNET, "enableDdosProtection", True)],
    "tags": [tagged(each) for each in (NSG, VNET, KEY, GROUP, VM, NIC, ADDRESS)],
    "tags that look like expressions": [
        tagged(each, "[concat('a')]=[parameters('customData')]") for each in (NSG, VNET, KEY, GROUP, VM, NIC, ADDRESS)
    ],
    "data disk": [
        own(VM, "storageProfile.dataDisks.0", {"name": "data", "lun": 0, "createOption": "Attach"})
    ],
    "identity": [change(VM, "identity", {"type": "SystemAssigned"})],
    "licence": [own(VM, "licenseType", "RHEL_BYOS")],
    "larger disk": [own(VM, "storageProfile.osDisk.diskSizeGB", 256)],
    "encryption": [own(VM, "securityProfile", {"encryptionAtHost": True})],
    "accelerated networking": [own(NIC, "enableAcceleratedNetworking", True)],
    "DNS servers of an interface": [own(NIC, "dnsSettings", {"dnsServers": ["10.0.0.4"]})],
    "load balancer": [
        own(NIC, "ipConfigurations.0.properties.loadBalancerBackendAddressPools", [{"id": "/x/lb/pools/p"}])
    ],
    "idle timeout": [own(ADDRESS, "idleTimeoutInMinutes", 30)],
    "zones of an address": [change(ADDRESS, "zones", ["1", "2", "3"])],
    "protection of an address": [own(ADDRESS, "ddosSettings", {"protectionMode": "Enabled"})],
}  # fmt: skip

#: What happens to ours beside it, and a repair ends.
OURS: dict[str, list[Step]] = {
    "rule opened": [Fault(kind="rule-opened", rule="AllowSSH", source="*")],
    "rule removed": [Fault(kind="rule-removed", rule="AllowWireGuard")],
    "rule moved": [rule(0, "priority", 900)],
    "subnet without group": [subnet("networkSecurityGroup")],
    "key replaced": [Fault(kind="ssh-key-replaced")],
    "tag of the network": [Fault(kind="tags-removed", resource=VNET, tag="k0rdent-azure-owner")],
    "tags of the rules": [change(NSG, "tags.k0rdent-azure-owner", "eve")],
    "VM resized": [Fault(kind="vm-resized", vm=VM, size="Standard_D4pls_v6")],
    "tag of a VM": [Fault(kind="tags-removed", resource=VM, tag="k0rdent-azure-role")],
    "tag of an interface": [Fault(kind="tags-removed", resource=NIC, tag="k0rdent-azure-role")],
    "label of an address": [own(ADDRESS, "dnsSettings.domainNameLabel", "other")],
    "disk stays behind": [own(VM, "storageProfile.osDisk.deleteOption", "Detach")],
}  # fmt: skip


@pytest_asyncio.fixture
async def made(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, CONFIG) as made:
        await deploy_unseen(made)
        yield made


def bodies(made: Stage) -> dict[str, Any]:
    """Everything in the group as the cloud keeps it, but for the marks of the runs on the network."""
    found: dict[str, Any] = {each.name: copy.deepcopy(each.body) for each in made.world.resources()}
    for group in made.world.groups():
        found[group.name] = {"tags": dict(group.tags)}
    for body in found.values():
        for name in ("generation", "claim", "change"):
            body.get("tags", {}).pop(f"k0rdent-azure-{name}", None)
        # It follows from the label; a fault changes that alone.
        body.get("properties", {}).get("dnsSettings", {}).pop("fqdn", None)
        for kind in ("securityRules", "subnets"):
            children = body.get("properties", {}).get(kind, [])
            children.sort(key=lambda each: str(each["name"]))
            for child in children:
                # A fault writes none of these.
                child.pop("id", None)
                child.pop("type", None)
                child["properties"].pop("provisioningState", None)
    return found


async def happens(made: Stage, steps: Sequence[Step]) -> list[str]:
    """What `validate` tells after these."""
    for step in steps:
        assert isinstance(step, Fault)
        faults.add(made.world.directory, step)
    return list(told(await compared(made)))


async def repair(made: Stage, rules: Sequence[IgnoreRule] = ()) -> list[str]:
    """As `validate --repair --yes`; what it told the user."""
    told_apart = accept((await compared(made)).findings, rules, today=date(2026, 11, 30))
    findings = [*told_apart.findings, *told_apart.ignored]
    wanted = plan(findings, made.config, made.names, made.store.read().state)
    async with made.run("validate") as ctx:
        begin_run(
            ctx,
            status="in_progress",
            action="run_resumed",
            message="repair",
            intent=lambda tx: mark(tx, wanted),
        )
        await run_phases(ctx, (AzureSetup(),))
        await made.clock.sleep(1800)
        view = await arm.get(ctx)
        assert view is not None
        assert view.provisioning_state == "Succeeded", view.error
        with ctx.commit() as tx:
            arm.record(ctx, tx, view)
            arm.record_success(ctx, tx, view)
            for host in ctx.hosts:
                tx.vm(host.name).update(status="running")
        assert isinstance(ctx.observer, Silent)
        return ctx.observer.notices


def test_no_case_is_lost() -> None:
    assert len(THEIRS) > 20


@pytest.mark.parametrize("theirs", THEIRS)
async def test_what_others_added_outlives_a_repair(made: Stage, theirs: str) -> None:
    accepted = await happens(made, THEIRS[theirs])
    before = bodies(made)
    drift = [step for steps in OURS.values() for step in steps]
    assert len(await happens(made, drift)) > len(accepted)
    await repair(made)
    assert bodies(made) == before
    assert told(await compared(made)) == accepted


@pytest.mark.parametrize("ours", OURS)
async def test_ours_is_put_right_beside_all_that_others_added(made: Stage, ours: str) -> None:
    theirs = [step for key, steps in THEIRS.items() if not key.startswith("rule ") for step in steps]
    accepted = await happens(made, theirs)
    before = bodies(made)
    assert len(await happens(made, OURS[ours])) == len(accepted) + len(OURS[ours])
    await repair(made)
    assert bodies(made) == before
    assert told(await compared(made)) == accepted


async def test_a_rule_in_the_place_of_ours_stays_and_is_named(made: Stage) -> None:
    steps = [
        rule(0, "priority", 900),
        another_rule("theirs", priority=1000),
        change(NSG, "tags.k0rdent-azure-owner", "eve"),
    ]
    await happens(made, steps)
    rules = bodies(made)[NSG]["properties"]["securityRules"]
    (said,) = await repair(made)
    assert "rule theirs of" in said
    assert "the priority 1000 of rule AllowSSH" in said
    after = bodies(made)[NSG]
    assert after["properties"]["securityRules"] == rules
    assert after["tags"]["k0rdent-azure-owner"] != "eve"


async def test_an_address_that_is_used_elsewhere_is_not_taken_back(made: Stage) -> None:
    theirs = own(ADDRESS, "ipConfiguration.id", "/x/providers/N/networkInterfaces/theirs/ipConfigurations/a")
    await happens(made, [theirs, Fault(kind="tags-removed", resource=VM, tag="k0rdent-azure-role")])
    before, sent = bodies(made), made.requests()
    with pytest.raises(StrangerError, match="used by N/networkInterfaces/theirs") as refused:
        await repair(made)
    assert "--remove PublicIpAddress" in (refused.value.hint or "")
    assert bodies(made) == before
    assert not [each for each in made.requests()[len(sent) :] if each.startswith(("PUT", "DELETE"))]


#: Changes of ours that somebody may accept with an ignore rule, each with what it is about.
ACCEPTED: list[tuple[str, str, Step]] = [
    ("AllowSSH", "*", Fault(kind="rule-opened", rule="AllowSSH", source="*")),
    ("AllowWireGuard", "*", Fault(kind="rule-removed", rule="AllowWireGuard")),
    ("*", "network_security_group", subnet("networkSecurityGroup")),
    (VM, "size", Fault(kind="vm-resized", vm=VM, size="Standard_D4pls_v6")),
    (VM, "os_disk_delete_option", own(VM, "storageProfile.osDisk.deleteOption", "Detach")),
    (VM, "nic_delete_option", own(VM, "networkProfile.networkInterfaces.0.properties.deleteOption", "Detach")),
    (VM, "boot_diagnostics", own(VM, "diagnosticsProfile.bootDiagnostics.enabled", False)),
    (VM, "tags.k0rdent-azure-index", Fault(kind="tags-removed", resource=VM, tag="k0rdent-azure-index")),
    (ADDRESS, "dns_label", own(ADDRESS, "dnsSettings.domainNameLabel", "other")),
    (KEY, "public_key", Fault(kind="ssh-key-replaced")),
    (VNET, "tags.*", change(VNET, "tags.k0rdent-azure-owner", "eve")),
]  # fmt: skip


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: f"{case[0]} {case[1]}")
async def test_what_somebody_accepted_is_not_put_right_along(
    made: Stage, case: tuple[str, str, Step]
) -> None:
    """Its resource is sent for another reason; only an ignore rule says what may stay."""
    resource, field, step = case
    rules = [IgnoreRule(resource=resource, field=field, reason="a test")]
    assert await happens(made, [step])
    before = bodies(made)
    parts = [each for each in (VM, NSG, KEY, ADDRESS, VNET) if each != resource or field != "tags.*"]
    drift = [Fault(kind="tags-removed", resource=each, tag="k0rdent-azure-owner") for each in parts]
    await happens(made, drift)
    await repair(made, rules)
    assert bodies(made) == before


async def test_in_a_group_of_the_users_it_is_the_same(tmp_path: Path) -> None:
    config = make_config(
        controllers=1,
        workers=1,
        azure={"resource_group": "theirs"},
        network=NetworkSettings(allowed_ssh_sources=("203.0.113.0/24",)),
    )
    async with stage(tmp_path, config) as made:
        async with made.run("az") as ctx:
            group = f"/subscriptions/{made.world.subscription_id}/resourceGroups/theirs"
            await ctx.arm.request("PUT", group, api_version="2022-09-01", body={"location": "southeastasia"})
            await made.clock.sleep(60)
        await deploy_unseen(made)
        theirs = [step for key, steps in THEIRS.items() if not key.startswith("rule ") for step in steps]
        accepted = await happens(made, [each for each in theirs if each.resource != GROUP])  # type: ignore[union-attr]
        before = bodies(made)
        assert len(await happens(made, [step for steps in OURS.values() for step in steps])) > len(accepted)
        await repair(made)
        assert bodies(made) == before
        assert told(await compared(made)) == accepted
