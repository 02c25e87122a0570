"""What goes with a VM and what stays is what Azure's `deleteOption`s say, not what we made it with."""

from __future__ import annotations

from typing import Any

import pytest

from k0rdent_azure.azure.belongings import Belongings, of
from k0rdent_azure.azure.merging import Existing
from tests.azure.test_merging import HOST, NAMES, NETWORK, NIC, Json, machine, shown

NIC_ID = f"{NETWORK}/networkInterfaces/{NAMES.nic(HOST.name)}"
ADDRESS_ID = f"{NETWORK}/publicIPAddresses/{NAMES.public_ip(HOST.name)}"
FIRST = "properties__ipConfigurations__0__properties"


def found(vm: Json, nic: Json | None = None) -> Belongings:
    if nic is None:
        address = {"id": ADDRESS_ID, "properties": {"deleteOption": "Delete"}}
        nic = shown(NIC, **{f"{FIRST}__publicIPAddress": address})
    return of(Existing([vm, nic]), NAMES, HOST.name)


def test_what_was_made_with_a_vm_goes_with_it_unnamed() -> None:
    assert found(machine()) == ([], [])
    assert of(Existing(), NAMES, HOST.name) == ([], [])


def test_of_a_vm_that_is_gone_its_disks_stay() -> None:
    names = ("k0s-worker-1OsDisk", "K0S-worker-1osdisk-2", "k0s-worker-10OsDisk", "k0s-worker-1OsDisk-old")
    disks: list[Json] = [{"type": "Microsoft.Compute/disks", "name": name} for name in names]
    stays = [f"disk {name}" for name in names[:2]]
    assert of(Existing(disks), NAMES, HOST.name) == ([], stays)


DISK: dict[str, Any] = {"name": "data", "lun": 0}
POOL = {"id": "/x/loadBalancers/lb/backendAddressPools/p"}


@pytest.mark.parametrize(
    ("vm", "goes", "stays"),
    [
        ({"properties__storageProfile__dataDisks": [DISK]}, [], ["data disk data, which is detached"]),
        (
            {"properties__storageProfile__dataDisks": [{**DISK, "deleteOption": "Delete"}]},
            ["data disk data, with all on it"],
            [],
        ),
        (
            {"properties__storageProfile__osDisk__deleteOption": "Detach"},
            [],
            [f"disk {HOST.name}OsDisk, which is detached"],
        ),
        (
            {"properties__networkProfile__networkInterfaces__0__properties": {"deleteOption": "Detach"}},
            [],
            [f"interface {HOST.name}vmnic", f"public address {NAMES.public_ip(HOST.name)}"],
        ),
        (
            {"properties__networkProfile__networkInterfaces__1": {"id": "/x/nic2"}},
            [],
            ["interface nic2"],
        ),
        (
            {
                "properties__networkProfile__networkInterfaces__1": {
                    "id": "/x/nic2",
                    "properties": {"deleteOption": "Delete"},
                }
            },
            ["interface nic2"],
            [],
        ),
        (
            {"identity": {"type": "SystemAssigned, UserAssigned"}},
            ["its system-assigned identity, with the rights that it was given"],
            [],
        ),
        ({"identity": {"type": "UserAssigned"}}, [], []),
        ({"resources": [{"id": "/x/extensions/agent"}]}, ["extension agent"], []),
    ],
)
def test_what_else_goes_or_stays_is_named(vm: dict[str, Any], goes: list[str], stays: list[str]) -> None:
    assert found(machine(**vm)) == (goes, stays)


def test_what_hangs_on_the_interface_is_named() -> None:
    theirs = {"name": "second", "properties": {"publicIPAddress": {"id": "/x/publicIPAddresses/theirs"}}}
    address = {"id": ADDRESS_ID, "properties": {"deleteOption": "Detach"}}
    nic = shown(
        NIC,
        **{
            f"{FIRST}__publicIPAddress": address,
            f"{FIRST}__loadBalancerBackendAddressPools": [POOL],
            "properties__ipConfigurations__1": theirs,
        },
    )
    assert found(machine(), nic) == (
        ["its place in the load balancer pool lb/p", f"IP configuration second of {NAMES.nic(HOST.name)}"],
        [f"public address {NAMES.public_ip(HOST.name)}", "public address theirs"],
    )
