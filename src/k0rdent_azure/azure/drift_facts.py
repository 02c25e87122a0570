"""An ARM resource as comparable facts: the same function flattens what a template wants and what a GET shows.

Only what is named here is compared, so whatever else Azure puts on a resource is no drift. Each fact has a text for
people and a key in which all spellings of one value are the same: case, order, a single value or a list of one,
a default that is written or left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from k0rdent_azure.azure import drift_properties
from k0rdent_azure.azure.drift_properties import Body, Facts
from k0rdent_azure.azure.drift_values import Fact, exact, option, place, references, tag, word
from k0rdent_azure.azure.incarnations import number
from k0rdent_azure.azure.reading import (
    mapping,
    mappings,
    provisioning_state,
    resource_type,
    text,
    texts,
    zones,
)
from k0rdent_azure.azure.tags import MARKS, TAG_HOST
from k0rdent_azure.config import resource_ids

GROUP = "Microsoft.Resources/resourceGroups"
VM = "Microsoft.Compute/virtualMachines"
DISK = "Microsoft.Compute/disks"
SSH_KEY = "Microsoft.Compute/sshPublicKeys"
NIC = "Microsoft.Network/networkInterfaces"
ADDRESS = "Microsoft.Network/publicIPAddresses"
SECURITY_GROUP = "Microsoft.Network/networkSecurityGroups"
RULE = "Microsoft.Network/networkSecurityGroups/securityRules"
NETWORK = "Microsoft.Network/virtualNetworks"
SUBNET = "Microsoft.Network/virtualNetworks/subnets"
TAG = "tags."


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """One resource. `id` is spelled as its source does; `fields` by name, tags as `tags.<name in lower case>`."""

    id: str
    type: str
    name: str
    fields: Mapping[str, Fact]
    #: Azure's id of this incarnation; "" where it has none. Another SSH key is drift, no other incarnation.
    incarnation: str = ""

    @property
    def key(self) -> str:
        """The id as ARM compares ids."""
        return resource_ids.key(self.id)

    @property
    def has_tags(self) -> bool:
        return any(name.startswith(TAG) for name in self.fields)

    @property
    def host(self) -> str:
        """The VM that it belongs to, "" where it is every host's."""
        if self.type == VM:
            return self.name
        return next(
            (self.fields[each].text for each in (f"{TAG}{TAG_HOST}", "managed_by") if each in self.fields), ""
        )

    @property
    def fingerprint(self) -> str:
        """All facts in one text, to tell whether a resource that nobody wanted is still the same."""
        return "; ".join(f"{name}={fact.key}" for name, fact in sorted(self.fields.items()) if fact.key)


def flatten(body: Body) -> list[ResourceFacts]:
    """A resource, and its children where they live in it (rules, subnets), from a body with id, type and name."""
    type_ = resource_type(body)
    id_, properties = text(body, "id"), mapping(body, "properties")
    reader = _READERS.get(type_.lower())
    fields = {**_common(body), **(reader(properties) if reader else {})}
    if type_ == VM:
        fields["zone"] = exact("".join(zones(body)[:1]))
    if type_ == ADDRESS:
        fields["sku"] = option(text(mapping(body, "sku"), "name"), "Basic")
    own = ResourceFacts(id_, type_, text(body, "name"), fields, number(type_, body))
    return [own, *_children(id_, type_, properties)]


def listed(body: Body) -> ResourceFacts:
    """A resource as the list of a whole group shows it: what it is, where, its tags, and a disk's VM."""
    fields = _common(body)
    if resource_type(body) == DISK:
        fields["managed_by"] = references([text(body, "managedBy")])
    return ResourceFacts(text(body, "id"), resource_type(body), text(body, "name"), fields)


def _common(body: Body) -> Facts:
    tags = {
        f"{TAG}{name.lower()}": tag(value)
        for name, value in texts(body, "tags").items()
        if name.lower() not in MARKS
    }
    state = provisioning_state(body)
    told: Facts = {"provisioning_state": word(state)} if state else {}
    return {"location": place(text(body, "location")), **told, **tags}


def _children(id_: str, type_: str, properties: Body) -> list[ResourceFacts]:
    found: list[ResourceFacts] = []
    if type_ == SECURITY_GROUP:
        for rule in mappings(properties, "securityRules"):
            name = text(rule, "name")
            facts = drift_properties.rule(mapping(rule, "properties"))
            found.append(ResourceFacts(f"{id_}/securityRules/{name}", RULE, name, facts))
    if type_ == NETWORK:
        for subnet in mappings(properties, "subnets"):
            name = text(subnet, "name")
            facts = drift_properties.subnet(mapping(subnet, "properties"))
            found.append(ResourceFacts(f"{id_}/subnets/{name}", SUBNET, name, facts))
    return found


#: By type in lower case. A NIC and a disk are known from the group's list alone.
_READERS: dict[str, Callable[[Body], Facts]] = {
    VM.lower(): drift_properties.vm,
    SSH_KEY.lower(): drift_properties.ssh_key,
    ADDRESS.lower(): drift_properties.address,
    NETWORK.lower(): drift_properties.network,
}
