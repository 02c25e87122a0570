"""What there should be, from the one place that says so: the template that the deployment is made of.

The resources stand in the template as ARM is sent them, so they are flattened by the function that flattens what ARM
shows. Only `resourceId` has to be evaluated on the way; the template uses no other function in what is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from k0rdent_azure.azure.drift_facts import ADDRESS, DISK, GROUP, VM, ResourceFacts, flatten
from k0rdent_azure.azure.drift_values import exact, references, word
from k0rdent_azure.azure.expressions import evaluated
from k0rdent_azure.azure.inventory import group_id
from k0rdent_azure.azure.reading import mapping, mappings, text
from k0rdent_azure.azure.resources import id_below
from k0rdent_azure.azure.template import Template
from k0rdent_azure.config import resource_ids

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The resources by id in lower case. `group` is the scope of all; it is one of them where it is the deployment's.

    `owned` False: the group is the user's, and so is whatever in it does not carry our tag.
    """

    group: str
    deployment_id: str
    owned: bool
    resources: Mapping[str, ResourceFacts]
    #: What Azure called the incarnations that were made, by id in lower case, as far as that is recorded.
    incarnations: Mapping[str, str] = field(default_factory=dict)


def wanted(
    template: Template,
    *,
    subscription: str,
    group: str,
    deployment_id: str,
    addresses: Mapping[str, str],
    incarnations: Mapping[str, str] | None = None,
) -> Wanted:
    """Everything that `template` makes. `addresses` are the public addresses that were given, by VM."""
    scope = group_id(subscription, group)
    made = list(bodies(template, scope))
    found = [each for body in made for each in flatten(body)]
    found += [_disk(each, scope) for each in found if each.type == VM]
    owners = _owners(made)
    by_key = {each.key: _completed(each, owners, addresses) for each in found}
    return Wanted(scope, deployment_id, template.scope == "subscription", by_key, incarnations or {})


def bodies(template: Template, scope: str) -> Iterator[Json]:
    """The template's resources as a GET would show them: with ids, literals as text, expressions of ids evaluated."""
    plain = evaluated(template.template, partial(id_below, scope))
    whole = plain if isinstance(plain, dict) else {}
    resources = mappings(whole, "resources")
    nested = [each for each in resources if text(each, "type") == "Microsoft.Resources/deployments"]
    yield from ({**each, "id": scope} for each in resources if text(each, "type") == GROUP)
    inner = mapping(mapping(nested[0], "properties"), "template") if nested else whole
    for body in mappings(inner, "resources"):
        yield {**body, "id": f"{scope}/providers/{text(body, 'type')}/{text(body, 'name')}"}


def _disk(vm: ResourceFacts, scope: str) -> ResourceFacts:
    """The OS disk, which the VM brings along and the template names in it."""
    name = vm.fields["os_disk"].text
    fields = {"location": vm.fields["location"], "managed_by": references([vm.id])}
    return ResourceFacts(f"{scope}/providers/{DISK}/{name}", DISK, name, fields)


def _completed(each: ResourceFacts, owners: Mapping[str, str], addresses: Mapping[str, str]) -> ResourceFacts:
    """A resource with what the template does not say of it: that a VM runs, and whose an address is and which."""
    if each.type == VM:
        return replace(each, fields={**each.fields, "power_state": word("running")})
    if each.type != ADDRESS:
        return each
    fields = {**each.fields, "attached_to": references([owners.get(each.key, "")])}
    # One that was never recorded can be no other.
    known = {"address": exact(addresses[each.host])} if addresses.get(each.host) else {}
    return replace(each, fields={name: fact for name, fact in fields.items() if name != "address"} | known)


def _owners(made: Iterable[Json]) -> dict[str, str]:
    """The NIC of each public address, by the address's id in lower case."""
    owners: dict[str, str] = {}
    for body in made:
        for configuration in mappings(mapping(body, "properties"), "ipConfigurations"):
            taken = text(mapping(mapping(configuration, "properties"), "publicIPAddress"), "id")
            owners[resource_ids.key(taken)] = text(body, "id")
    return owners
