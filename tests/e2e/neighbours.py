"""Others who live beside a deployment: a group of the user's, and strangers in it, made through the cloud's ARM.

A stranger is what somebody else made: a VM with its network interface and disk, a network of its own, a disk with
data. Nothing that the product does may change a byte of them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.clouds import AzureEnvironment
from k0rdent_azure.azure.credentials import client_secret_credential
from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import AzureRequestError
from k0rdent_azure.rehearsal import endpoint

#: The user's group, and the group that nobody of ours knows.
TEAM, ELSEWHERE = "team-rg", "elsewhere-rg"
#: What the names of all that is a stranger's begin with.
THEIRS = "theirs"
LOCATION = "westeurope"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJkXnNxcPqVKzTqXrjFqHQkXHJZs0b8P0QfZb0VvZ9mB theirs"
_GROUPS, _DISKS, _NETWORK, _COMPUTE = "2021-04-01", "2023-04-02", "2023-09-01", "2023-09-01"


def move_in(cloud: Path, group: str) -> None:
    """Make the group and a stranger's things in it. The cloud has to be served."""
    asyncio.run(_move_in(cloud, group))


async def _move_in(cloud: Path, group: str) -> None:
    found = endpoint.read(cloud)
    if found is None:
        raise RuntimeError(f"no cloud is served in {cloud}")
    environment = AzureEnvironment("rehearsal", found.arm_endpoint, found.arm_endpoint, found.authority, "x")
    credential = client_secret_credential(
        found.authority, found.tenant, found.somebody_id, found.client_secret, found.ca_file
    )
    client = ArmClient(
        environment=environment,
        credential=credential,
        ledger=Ledger(),
        clock=SystemClock(found.speed),
        ca_file=found.ca_file,
    )
    scope = f"/subscriptions/{found.subscription_id}/resourceGroups/{group}"
    try:
        await client.request("PUT", scope, api_version=_GROUPS, body={"location": LOCATION})
        for path, version, properties in _things(scope):
            body: dict[str, object] = {
                "location": LOCATION,
                "tags": {"owner": "somebody"},
                "properties": properties,
            }
            await _put(client, f"{scope}/providers/{path}", version, body)
    finally:
        await client.close()
        await credential.close()


async def _put(client: ArmClient, path: str, version: str, body: dict[str, object]) -> None:
    """Again while what it needs is not ready yet."""
    while True:
        try:
            await client.request("PUT", path, api_version=version, body=body)
        except AzureRequestError as error:
            if error.code != "ReferencedResourceNotProvisioned":
                raise
            await asyncio.sleep(0.05)
        else:
            return


def _things(scope: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, version and properties of each, in the order in which they need each other."""
    network, compute = f"{scope}/providers/Microsoft.Network", "Microsoft.Compute"
    subnet = {"name": "default", "properties": {"addressPrefix": "10.99.0.0/24"}}
    yield (
        f"Microsoft.Network/virtualNetworks/{THEIRS}-vnet",
        _NETWORK,
        {"addressSpace": {"addressPrefixes": ["10.99.0.0/16"]}, "subnets": [subnet]},
    )
    where = {"id": f"{network}/virtualNetworks/{THEIRS}-vnet/subnets/default"}
    yield (
        f"Microsoft.Network/networkInterfaces/{THEIRS}-nic",
        _NETWORK,
        {"ipConfigurations": [{"name": "one", "properties": {"subnet": where}}]},
    )
    key = {"path": "/home/somebody/.ssh/authorized_keys", "keyData": KEY}
    login = {"disablePasswordAuthentication": True, "ssh": {"publicKeys": [key]}}
    image = {"publisher": "debian", "offer": "debian-12", "sku": "12-gen2", "version": "latest"}
    yield (
        f"{compute}/virtualMachines/{THEIRS}-vm",
        _COMPUTE,
        {
            "hardwareProfile": {"vmSize": "Standard_B2s"},
            "storageProfile": {"imageReference": image, "osDisk": {"createOption": "FromImage"}},
            "osProfile": {
                "computerName": THEIRS,
                "adminUsername": "somebody",
                "linuxConfiguration": login,
            },
            "networkProfile": {"networkInterfaces": [{"id": f"{network}/networkInterfaces/{THEIRS}-nic"}]},
        },
    )
    yield (
        f"{compute}/disks/{THEIRS}-data",
        _DISKS,
        {"creationData": {"createOption": "Empty"}, "diskSizeGB": 64},
    )


def is_theirs(resource: str) -> bool:
    """Whether the id is of something that `move_in` made, or of a group of it."""
    name = resource.lower().rpartition("/")[2]
    return name.startswith(THEIRS) or name in (TEAM, ELSEWHERE)


def held(cloud: Path) -> set[str]:
    """Every group, resource and deployment record that the cloud has."""
    world = json.loads((cloud / "world.json").read_text())
    return {str(each).lower() for kind in ("groups", "resources", "deployments") for each in world[kind]}


def strangers(cloud: Path) -> dict[str, str]:
    """Every byte that the cloud holds of what is not ours, by id."""
    held = json.loads((cloud / "world.json").read_text())
    found = {**held["groups"], **held["resources"]}
    return {
        name: json.dumps(each, sort_keys=True) for name, each in found.items() if is_theirs(str(each["id"]))
    }


def changed(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    """Which of them are not what they were."""
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"a stranger was touched: {name} is {after.get(name, 'gone')[:400]}"


def use_group(workspace: Path, group: str) -> None:
    """Say in the configuration that the deployment goes into that group."""
    path = workspace / "k0rdent.yaml"
    text = path.read_text().replace("azure:\n", f"azure:\n  resource_group: {group}\n", 1)
    assert yaml.safe_load(text)["azure"]["resource_group"] == group
    path.write_text(text)
