"""The whole deployment as one ARM template: pure data, the same bytes for the same configuration.

At subscription scope the template holds the resource group and, nested, everything in it; where the user
named a group, the same resources stand in it directly. Secrets enter only through the `customData`
parameter, a secure object, which ARM neither stores nor shows.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from k0rdent_azure.azure import resources, versions
from k0rdent_azure.azure.expressions import Expression, call, rendered
from k0rdent_azure.azure.incarnations import NUMBERED
from k0rdent_azure.azure.merging import Existing
from k0rdent_azure.azure.tags import (
    TAG_DEPLOYMENT,
    TAG_HOST,
    TAG_INDEX,
    TAG_LINEAGE,
    TAG_OWNER,
    TAG_ROLE,
    TAG_WIREGUARD_IP,
    Mark,
)
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.topology import Host, Names

SUBSCRIPTION_SCHEMA = (
    "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#"
)
GROUP_SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
CONTENT_VERSION = "1.0.0.0"
#: Of a template that is only looked at.
NO_MARK = Mark()


@dataclass(frozen=True, slots=True)
class Template:
    """A template, and what must be sent with it. Nothing in here is secret.

    `record` becomes the parameter `deployment` of the record in Azure: the configuration and the hosts,
    for a recovery of the state. `location` is where a subscription keeps the record, None in a group.
    """

    scope: Literal["subscription", "group"]
    location: str | None
    template: dict[str, object]
    record: dict[str, object]
    tags: dict[str, str]

    def body(self, custom_data: Mapping[str, str]) -> dict[str, object]:
        """The body of the PUT. `custom_data`: cloud-init user data as plain text, by VM."""
        body: dict[str, object] = {
            "properties": {
                "mode": "Incremental",
                "template": self.template,
                "parameters": {"deployment": {"value": self.record}, **parameters(custom_data)},
            },
            "tags": self.tags,
        }
        if self.location is not None:
            body["location"] = self.location
        return body


def build(
    config: Config,
    names: Names,
    hosts: Sequence[Host],
    *,
    ssh_public_key: str,
    admin_username: str,
    tags: Mapping[str, str] | None = None,
    only: Collection[str] | None = None,
    rekeyed: Collection[str] = (),
    shared: bool = True,
    existing: Existing | None = None,
    with_baseline: bool = True,
    lineage: str | None = None,
    mark: Mark = NO_MARK,
) -> Template:
    """The template for `hosts`; `tags` go onto every resource beside the configured ones and ours.

    With `only`, other hosts get no resources and so stay as they are (the deployment is incremental), but the record
    tells of all. VMs in `rekeyed` exist with custom data that stays as it is. Without `shared`, the group, network,
    rules and SSH key are there, and are not sent. `lineage` goes into every resource's tags, `mark` into the virtual
    network's: it tells one submission from the next. What is in `existing` is sent with all that others put into it.
    With `with_baseline` the outputs tell of that too: else what others added since would pass for what Azure made of
    the deployment.
    """
    there = existing or Existing()
    common = {**config.azure.tags, **(tags or {}), **_own_tags(config, names, lineage)}
    chosen = [host.name for host in hosts if only is None or host.name in only]
    group_template = _group_template(
        config,
        names,
        hosts,
        chosen,
        key=ssh_public_key,
        username=admin_username,
        tags=common,
        rekeyed=rekeyed,
        shared=shared,
        there=there,
        with_baseline=with_baseline,
        mark=mark,
    )
    record = _record(config, names, hosts, ssh_public_key, admin_username) | _recorded_mark(lineage, mark)
    if names.existing_group is not None:
        return Template("group", None, _complete(group_template), record, common)
    nested = _subscription_template(
        config, names, group_template, common, shared=shared, there=there, with_baseline=with_baseline
    )
    return Template("subscription", config.azure.location, _complete(nested), record, common)


def parameters(custom_data: Mapping[str, str]) -> dict[str, object]:
    """The secure parameter: user data by VM, each encoded as Azure wants it (base64)."""
    encoded = {name: base64.b64encode(data.encode()).decode() for name, data in custom_data.items()}
    return {"customData": {"value": encoded}}


def rules_count(config: Config) -> int:
    """How many rules the network security group gets."""
    return len(resources.security_rules(config))


def _own_tags(config: Config, names: Names, lineage: str | None) -> dict[str, str]:
    owner = {TAG_OWNER: config.metadata.owner} if config.metadata.owner else {}
    proof = {TAG_LINEAGE: lineage} if lineage else {}
    return {TAG_DEPLOYMENT: names.deployment_id, **proof, **owner}


def _recorded_mark(lineage: str | None, mark: Mark) -> dict[str, object]:
    """What the deployment's record tells of the submission."""
    return {"lineage": lineage, "generation": mark.generation, "claim": mark.claim, "change": mark.change}


def _host_tags(host: Host, index: int) -> dict[str, str]:
    return {
        TAG_HOST: host.name,
        TAG_ROLE: host.role,
        TAG_INDEX: str(index),
        TAG_WIREGUARD_IP: host.wireguard_ip,
    }


def _group_template(
    config: Config,
    names: Names,
    hosts: Sequence[Host],
    chosen: Collection[str],
    *,
    key: str,
    username: str,
    tags: dict[str, str],
    rekeyed: Collection[str],
    shared: bool,
    there: Existing,
    with_baseline: bool,
    mark: Mark,
) -> dict[str, object]:
    location = config.azure.location
    found = [
        resources.ssh_key(names, location, key, tags),
        resources.security_group(config, names, tags),
        resources.network(config, names, {**tags, **(mark.tags if mark.generation else {})}),
    ]
    network = {resources.resource_id(str(each["type"]), str(each["name"])) for each in found}
    if not shared:
        found = []
    for index, host in enumerate(hosts):
        if host.name not in chosen:
            continue
        own = {**tags, **_host_tags(host, index)}
        found += [
            resources.public_address(names, host, location, own),
            resources.interface(names, host, location, own),
            resources.virtual_machine(
                config,
                names,
                host,
                username=username,
                public_key=key,
                tags=own,
                custom_data=host.name not in rekeyed,
            ),
        ]
    if not shared:
        # ARM refuses a dependency on what is not in the template.
        found = [_without_dependencies(each, network) for each in found]
    answers = [
        _as_deployed(each, brief=there.holds(each))
        for each in found
        if with_baseline or not there.holds(each)
    ]
    machines = {host.name: _output(names, host) for host in hosts if host.name in chosen}
    return {
        "$schema": GROUP_SCHEMA,
        "contentVersion": CONTENT_VERSION,
        "parameters": {"customData": {"type": "secureObject"}},
        "resources": [there.kept(each) for each in found],
        "outputs": {
            "virtualMachines": {"type": "object", "value": machines},
            "baseline": {"type": "object", "value": dict(answers)},
            "incarnations": {
                "type": "object",
                "value": {key: shown for each in found for key, shown in _incarnation(each).items()},
            },
        },
    }


def _without_dependencies(resource: Mapping[str, object], ids: Collection[Expression]) -> dict[str, object]:
    needed = resource.get("dependsOn")
    if not isinstance(needed, list):
        return dict(resource)
    return {**resource, "dependsOn": [each for each in needed if each not in ids]}


def _as_deployed(resource: Mapping[str, object], *, brief: bool) -> tuple[str, Expression]:
    """A resource's id below the group, and the expression for what Azure shows of it once it is there.

    Nothing secret is in it: ARM never shows custom data. `brief` is for what was there before, and may hold what others
    added to it. Of an interface only what its group's list shows is compared later, and the outputs of 200 VMs need not
    be a third larger.
    """
    kind, name, version = (str(resource[key]) for key in ("type", "name", "apiVersion"))
    shown = call("reference", resources.resource_id(kind, name), version, "Full")
    if brief or kind == "Microsoft.Network/networkInterfaces":
        shown = call("createObject", "location", shown.property("location"), "tags", shown.property("tags"))
    return f"{kind}/{name}", shown


def _incarnation(resource: Mapping[str, object]) -> dict[str, Expression]:
    """The id of this very incarnation, by type and name; nothing of what Azure does not number."""
    kind, name = str(resource["type"]), str(resource["name"])
    if kind.lower() not in NUMBERED:
        return {}
    shown = call("reference", resources.resource_id(kind, name))
    return {f"{kind}/{name}": shown.property(NUMBERED[kind.lower()][0])}


def _output(names: Names, host: Host) -> dict[str, str | Expression]:
    address = resources.resource_id("Microsoft.Network/publicIPAddresses", names.public_ip(host.name))
    shown = call("reference", address)
    return {
        "id": resources.resource_id("Microsoft.Compute/virtualMachines", host.name),
        "publicIp": shown.property("ipAddress"),
        "fqdn": shown.property("dnsSettings.fqdn"),
        "nicId": resources.resource_id("Microsoft.Network/networkInterfaces", names.nic(host.name)),
        "publicIpId": address,
        "privateIp": host.private_ip,
    }


def _subscription_template(
    config: Config,
    names: Names,
    inner: dict[str, object],
    tags: dict[str, str],
    *,
    shared: bool,
    there: Existing,
    with_baseline: bool,
) -> dict[str, object]:
    nested_name = f"{names.deployment}-resources"
    group_id = call("subscriptionResourceId", "Microsoft.Resources/resourceGroups", names.resource_group)
    group = {
        "type": "Microsoft.Resources/resourceGroups",
        "apiVersion": versions.RESOURCES,
        "name": names.resource_group,
        "location": config.azure.location,
        "tags": tags,
        "properties": {},
    }
    nested = {
        "type": "Microsoft.Resources/deployments",
        "apiVersion": versions.DEPLOYMENTS,
        "name": nested_name,
        "resourceGroup": names.resource_group,
        "dependsOn": [group_id] if shared else [],
        "properties": {
            "mode": "Incremental",
            # With the outer scope, ARM would keep the secure parameter in the nested record, in clear.
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {"customData": {"value": call("parameters", "customData")}},
            "template": inner,
        },
    }
    made = call("reference", nested_name)
    group_shown = call("reference", group_id, versions.RESOURCES, "Full")
    answers = shared and (with_baseline or not there.holds(group))
    return {
        "$schema": SUBSCRIPTION_SCHEMA,
        "contentVersion": CONTENT_VERSION,
        "parameters": {"customData": {"type": "secureObject"}},
        "resources": [there.kept(group), nested] if shared else [nested],
        "outputs": {
            "virtualMachines": {
                "type": "object",
                "value": made.property("outputs.virtualMachines.value"),
            },
            **({"group": {"type": "object", "value": group_shown}} if answers else {}),
            "baseline": {
                "type": "object",
                "value": made.property("outputs.baseline.value"),
            },
            "incarnations": {
                "type": "object",
                "value": made.property("outputs.incarnations.value"),
            },
        },
    }


def _complete(template: dict[str, object]) -> dict[str, object]:
    """The template as it is sent, with the parameter that nothing in it reads: ARM keeps it with the record."""
    sent = rendered(
        {
            **template,
            "parameters": {"deployment": {"type": "object"}, "customData": {"type": "secureObject"}},
        }
    )
    assert isinstance(sent, dict)  # noqa: S101 - of a mapping it makes a mapping
    return sent


def _record(
    config: Config, names: Names, hosts: Sequence[Host], public_key: str, username: str
) -> dict[str, object]:
    settings = msgspec.json.decode(msgspec.json.encode(config), type=dict[str, object])
    # Nothing here reads `kof`, so nobody can say that no secret stands in it.
    settings.pop("kof", None)
    # Rules of the workspace, with what somebody wrote about them.
    settings.pop("drift", None)
    return {
        "id": names.deployment_id,
        "configuration": settings,
        "adminUsername": username,
        "sshPublicKey": public_key,
        "virtualMachines": {host.name: msgspec.to_builtins(host) for host in hosts},
    }
