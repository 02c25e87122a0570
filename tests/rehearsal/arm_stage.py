"""A rehearsal cloud in the test's own event loop, reached over real HTTPS, whose clock the test moves."""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import aiohttp

from k0rdent_azure.rehearsal.arm.tokens import Authority
from k0rdent_azure.rehearsal.certificates import ca_file
from k0rdent_azure.rehearsal.server import serve_arm
from k0rdent_azure.rehearsal.world import World

Json = dict[str, object]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtleWtleWtleWtleWtleWtleWtleWtleWtleWtleWtl admin"
SECRET = "#cloud-config\n# the-secret-of-{name}\n"
LONG = 900.0  # cloud seconds after which any deployment here has ended


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: Json

    def at(self, path: str) -> object:
        """A member by its dotted path; a number is an index."""
        value: object = self.body
        for key in path.split("."):
            value = cast("list[object]", value)[int(key)] if key.isdigit() else cast("Json", value)[key]
        return value

    def text(self, path: str) -> str:
        return str(self.at(path))

    def names(self) -> list[str]:
        return [str(each["name"]) for each in cast("list[Json]", self.body["value"])]

    @property
    def code(self) -> str:
        return self.text("error.code")


class Cloud:
    """One cloud. `later` moves its clock; `call` is one ARM request with a token."""

    def __init__(self, world: World, authority: Authority, session: aiohttp.ClientSession) -> None:
        self.world = world
        self.authority = authority
        self.session = session
        self.subscription = f"/subscriptions/{world.subscription_id}"
        self.group = f"{self.subscription}/resourceGroups/rg"

    def later(self, seconds: float = LONG) -> None:
        offset = cast("Offset", self.world.clock._real)
        offset.seconds += seconds / self.world.clock.speed

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        api: str | None = "2022-09-01",
        token: str | None = None,
    ) -> Reply:
        url = path if path.startswith("https:") else self.authority.arm_endpoint + path
        if api and "api-version" not in url:
            url += ("&" if "?" in url else "?") + f"api-version={api}"
        headers = (
            {"Authorization": f"Bearer {self.token() if token is None else token}"} if token != "" else {}
        )
        async with self.session.request(method, url, json=body, headers=headers) as response:
            content = await response.json() if response.content_type == "application/json" else {}
            return Reply(response.status, dict(response.headers), content)

    async def get(self, path: str) -> Reply:
        return await self.call("GET", path)

    def token(self) -> str:
        """For whom no deployment answers: these tests are about the cloud, not about what was deployed to it."""
        issued = self.authority.issue(self.authority.arm_endpoint, self.authority.somebody)
        return str(issued["access_token"])

    def deployment(self, name: str = "main", *, group: bool = False) -> str:
        scope = self.group if group else self.subscription
        return f"{scope}/providers/Microsoft.Resources/deployments/{name}"

    def compute(self, type_: str, name: str = "") -> str:
        return f"{self.group}/providers/Microsoft.Compute/{type_}" + (f"/{name}" if name else "")

    def networking(self, type_: str, name: str = "") -> str:
        return f"{self.group}/providers/Microsoft.Network/{type_}" + (f"/{name}" if name else "")

    async def make_group(self) -> None:
        assert (await self.call("PUT", self.group, {"location": "southeastasia"})).status == 201

    async def deploy(
        self, document: Json, *, parameters: Mapping[str, object] | None = None, name: str = "main"
    ) -> Reply:
        """A deployment into the group `rg`, which is made if need be."""
        if self.world.group("rg") is None:
            await self.make_group()
        return await self.call("PUT", self.deployment(name, group=True), body(document, parameters))

    async def outputs(self, declared: Json, variables: Json | None = None) -> Json:
        """What a template without resources makes of output expressions, by name."""
        outputs = {name: {"type": "object", "value": value} for name, value in declared.items()}
        name = f"outputs-{self.world.clock.now():.6f}"
        reply = await self.deploy(template(outputs=outputs, variables=variables or {}), name=name)
        assert reply.status == 201, reply.body
        self.later(60)
        shown = await self.get(self.deployment(name, group=True))
        found = cast("dict[str, Json]", shown.at("properties.outputs"))
        return {key: value["value"] for key, value in found.items()}


class Offset:
    """Real time, and what the test added to it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.seconds


@asynccontextmanager
async def cloud_in(directory: Path, *, seed: int = 7, speed: float = 1.0) -> AsyncIterator[Cloud]:
    world = World(directory, seed=seed, speed=speed, real=Offset())
    async with serve_arm(world) as (_, authority):
        trusted = ssl.create_default_context(cafile=ca_file(directory / "tls"))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted)) as session:
            # A request that aiohttp repeats by itself would hide what was cut.
            session._retry_connection = False
            yield Cloud(world, authority, session)


def template(resources: list[Json] | None = None, **parts: object) -> Json:
    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": resources or [],
        **parts,
    }


def body(
    document: Json, parameters: Mapping[str, object] | None = None, *, location: str | None = None
) -> Json:
    given = {name: {"value": value} for name, value in (parameters or {}).items()}
    found: Json = {"properties": {"mode": "Incremental", "template": document, "parameters": given}}
    return found | ({"location": location} if location else {})


def resource(type_: str, name: str, *, depends: list[str] | None = None, **parts: object) -> Json:
    return {
        "type": type_,
        "apiVersion": "2023-09-01",
        "name": name,
        "location": "southeastasia",
        "tags": {"owner": "me"},
        "dependsOn": depends or [],
        **parts,
    }


def machines(*names: str, size: str = "Standard_D2pls_v6") -> Json:
    """A template at group scope for VMs with all that they need; its parameter is `customData`, by VM."""
    rules = [
        {
            "name": "ssh",
            "properties": {
                "priority": 100,
                "direction": "Inbound",
                "access": "Allow",
                "protocol": "Tcp",
                "sourceAddressPrefix": "*",
                "sourcePortRange": "*",
                "destinationAddressPrefix": "*",
                "destinationPortRange": "22",
            },
        }
    ]
    found = [
        resource(f"{_NETWORK}/networkSecurityGroups", "nsg", properties={"securityRules": rules}),
        resource(
            f"{_NETWORK}/virtualNetworks",
            "vnet",
            depends=["nsg"],
            properties={
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "subnets": [
                    {
                        "name": "subnet",
                        "properties": {
                            "addressPrefix": "10.0.1.0/24",
                            "networkSecurityGroup": {"id": _id("networkSecurityGroups", "nsg")},
                        },
                    }
                ],
            },
        ),
    ]
    for number, name in enumerate(names):
        found += _machine(name, f"10.0.1.{number + 11}", size)
    outputs = {name: f"[reference('{name}-ip').ipAddress]" for name in names}
    return template(
        found,
        parameters={"customData": {"type": "secureObject"}},
        outputs={"addresses": {"type": "object", "value": outputs}},
    )


def custom_data(*names: str) -> Json:
    return {name: base64.b64encode(SECRET.format(name=name).encode()).decode() for name in names}


def nested(inner: Json, *, scope: str = "inner", **parameters: object) -> Json:
    """A subscription's template: the group `rg`, and `inner` nested in it."""
    given = {name: {"value": value} for name, value in parameters.items()}
    deployment: Json = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": "2022-09-01",
        "name": "inner",
        "resourceGroup": "rg",
        "dependsOn": ["[subscriptionResourceId('Microsoft.Resources/resourceGroups', 'rg')]"],
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": {"scope": scope},
            "template": inner,
            **({"parameters": given} if scope == "inner" else {}),
        },
    }
    group: Json = {
        "type": "Microsoft.Resources/resourceGroups",
        "apiVersion": "2022-09-01",
        "name": "rg",
        "location": "southeastasia",
    }
    return template([group, deployment])


_NETWORK = "Microsoft.Network"


def _id(type_: str, *names: str) -> str:
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"[resourceId('{_NETWORK}/{type_}', {quoted})]"


def _machine(name: str, address: str, size: str) -> list[Json]:
    configuration = {
        "name": "primary",
        "properties": {
            "privateIPAllocationMethod": "Static",
            "privateIPAddress": address,
            "subnet": {"id": _id("virtualNetworks/subnets", "vnet", "subnet")},
            "publicIPAddress": {
                "id": _id("publicIPAddresses", f"{name}-ip"),
                "properties": {"deleteOption": "Delete"},
            },
        },
    }
    return [
        resource(
            f"{_NETWORK}/publicIPAddresses",
            f"{name}-ip",
            sku={"name": "Standard"},
            properties={
                "publicIPAllocationMethod": "Static",
                "dnsSettings": {"domainNameLabel": f"my-{name}"},
            },
        ),
        resource(
            f"{_NETWORK}/networkInterfaces",
            f"{name}-nic",
            depends=["vnet", f"{name}-ip"],
            properties={"ipConfigurations": [configuration]},
        ),
        resource(
            "Microsoft.Compute/virtualMachines",
            name,
            depends=[f"{name}-nic"],
            zones=["2"],
            properties={
                "hardwareProfile": {"vmSize": size},
                "storageProfile": {
                    "imageReference": {
                        "publisher": "Debian",
                        "offer": "debian-12",
                        "sku": "12-arm64",
                        "version": "latest",
                    },
                    "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"},
                },
                "osProfile": {
                    "computerName": name,
                    "adminUsername": "k0rdent",
                    "customData": f"[parameters('customData')['{name}']]",
                    "linuxConfiguration": {
                        "disablePasswordAuthentication": True,
                        "ssh": {
                            "publicKeys": [{"path": "/home/k0rdent/.ssh/authorized_keys", "keyData": KEY}]
                        },
                    },
                },
                "networkProfile": {
                    "networkInterfaces": [
                        {
                            "id": _id("networkInterfaces", f"{name}-nic"),
                            "properties": {"deleteOption": "Delete"},
                        }
                    ]
                },
            },
        ),
    ]
