"""What a deployment sends to Azure, from the template itself: names, tags and security rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from k0rdent_azure.azure.tags import Mark
from k0rdent_azure.azure.template import Template, build
from k0rdent_azure.config.load import load_bytes
from k0rdent_azure.config.templates import render
from k0rdent_azure.config.topology import Names, hosts

#: Stands for the deployment's id; of the length that ids have, so that nothing is cut.
ID = "k0rdent-5b8hxhz5"
_OWNER = "metadata.owner"
#: How https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources counts.
MOST_TAGS_OF_A_RESOURCE = 50

_TAGS = {
    "k0rdent-azure-deployment": "the deployment's id",
    "k0rdent-azure-lineage": "the lineage of its state file; with the id, the proof that a resource is its own",
    "k0rdent-azure-owner": f"`{_OWNER}`, if it is set",
    "k0rdent-azure-host": "the VM that it belongs to",
    "k0rdent-azure-role": "`controller` or `worker`",
    "k0rdent-azure-index": "the VM's place among all VMs, from 0",
    "k0rdent-azure-wireguard-ip": "the VM's address in the VPN",
    "k0rdent-azure-generation": "how many runs have changed the deployment ([two copies](copies.md))",
    "k0rdent-azure-claim": "drawn by the run that raised the generation",
    "k0rdent-azure-change": "which command that was, by whom, and when",
}


def template(group: str | None = None) -> Template:
    """A template with everything that a deployment can send: an owner, zones, a lineage, a mark."""
    text = render("production", cloud="AzureCloud")
    config = load_bytes(text.encode(), environ={}, overrides={_OWNER: "ann", "azure.tags": "team=a"}).config
    return build(
        config,
        Names(ID, group),
        hosts(config),
        ssh_public_key="ssh-ed25519 AAAA",
        admin_username=config.ssh.username,
        lineage="8f14e45f-ceea-467f-a8f0-2c5d0c6b9d11",
        mark=Mark(1, "claim", "deploy by ann@desk"),
    )


def sent_resources(group: str | None = None) -> list[dict[str, object]]:
    """Every resource of the template, the nested ones too; the nested deployment itself is none."""
    return list(_resources(template(group).template))


def _resources(within: Mapping[str, object]) -> Iterator[dict[str, object]]:
    for resource in cast("list[dict[str, object]]", within["resources"]):
        if resource["type"] != "Microsoft.Resources/deployments":
            yield resource
            continue
        properties = cast("dict[str, dict[str, object]]", resource["properties"])
        yield from _resources(properties["template"])


def sent_tags() -> dict[str, list[str]]:
    """Each tag of ours by its name, with the short types of the resources that carry it."""
    found: dict[str, list[str]] = {}
    for resource in sent_resources():
        for name in cast("dict[str, str]", resource["tags"]):
            kinds = found.setdefault(name, [])
            if (kind := short(resource)) not in kinds:
                kinds.append(kind)
    found.pop("team")
    return found


def most_own_tags() -> int:
    """How many tags of ours the resource has that carries most of them."""
    return max(len(cast("dict[str, str]", resource["tags"])) for resource in sent_resources()) - 1


def sent_rules() -> list[dict[str, object]]:
    """The security rules: `name` and the properties, flat."""
    (group,) = (resource for resource in sent_resources() if short(resource) == "networkSecurityGroups")
    rules = cast("dict[str, list[dict[str, object]]]", group["properties"])["securityRules"]
    return [{"name": rule["name"], **cast("dict[str, object]", rule["properties"])} for rule in rules]


def short(resource: Mapping[str, object]) -> str:
    """`virtualMachines` for `Microsoft.Compute/virtualMachines`."""
    return str(resource["type"]).rpartition("/")[2]


def resources() -> str:
    """The tables of docs/resources.md."""
    return "\n".join([*_names(), "", *_tags(), "", *_rules()])


def _names() -> Iterator[str]:
    yield from ("| type | name |", "| --- | --- |")
    seen: set[str] = set()
    for resource in sent_resources():
        kind = str(resource["type"])
        if kind not in seen:
            seen.add(kind)
            yield f"| `{kind}` | `{_with_id(str(resource['name']))}` |"
        for name, below in parts(resource):
            if below not in seen:
                seen.add(below)
                yield f"| {below} | `{_with_id(name)}` |"


def parts(resource: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """What has a name of its own within a resource, and is none in the template."""
    properties = cast("dict[str, object]", resource.get("properties") or {})
    for subnet in cast("list[dict[str, str]]", properties.get("subnets", [])):
        yield subnet["name"], "its subnet"
    storage = cast("dict[str, dict[str, str]]", properties.get("storageProfile", {}))
    if storage:
        yield storage["osDisk"]["name"], "its disk"


def _with_id(name: str) -> str:
    return name.replace(ID, "<id>")


def _tags() -> Iterator[str]:
    yield from ("| tag | on | what it says |", "| --- | --- | --- |")
    everything = {short(resource) for resource in sent_resources()}
    for name, kinds in sent_tags().items():
        where = "every resource" if set(kinds) == everything else ", ".join(f"`{kind}`" for kind in kinds)
        yield f"| `{name}` | {where} | {_TAGS[name]} |"


def _rules() -> Iterator[str]:
    yield from ("| security rule | priority | protocol | port | from |", "| --- | ---: | --- | ---: | --- |")
    sources = {
        "AllowSSH": "`network.allowed_ssh_sources`",
        "AllowWireGuard": "anywhere: WireGuard answers known keys only",
    }
    ports = {"AllowWireGuard": "`network.wireguard_port`, {port} by default"}
    for rule in sent_rules():
        name, port = str(rule["name"]), rule["destinationPortRange"]
        shown = ports.get(name, "{port}").format(port=port)
        yield f"| `{name}` | {rule['priority']} | {str(rule['protocol']).upper()} | {shown} | {sources[name]} |"
