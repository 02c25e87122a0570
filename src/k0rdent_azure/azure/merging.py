"""What is sent of a resource that exists: ours where we say something, as it is everywhere else. Pure.

ARM's PUT replaces a resource as a whole, lists included: a colleague's security rule, subnet, route table, data disk or
tag that is not in the body is gone afterwards. So the body is what ARM shows now, with our part of it put right.

Shapes: https://learn.microsoft.com/azure/templates/ with the api-versions of `azure.versions`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from k0rdent_azure.azure.expressions import evaluated, rendered
from k0rdent_azure.azure.merged_lists import by_id, by_name, one_primary, prefixes, rules, tags
from k0rdent_azure.azure.reading import mapping, mappings, text
from k0rdent_azure.azure.resources import id_below
from k0rdent_azure.azure.settable import settable
from k0rdent_azure.azure.sparing import Spared, spared

Body = Mapping[str, object]
Json = dict[str, object]


class Existing:
    """What there is now, as ARM shows it, by type and name as Azure compares them.

    Differences in `accepted` are left as they are.
    """

    def __init__(self, bodies: Iterable[Json] = (), accepted: Spared | None = None) -> None:
        self._accepted = accepted or {}
        self._bodies = {(text(each, "type").lower(), text(each, "name").lower()): each for each in bodies}

    def get(self, type_: str, name: str) -> Json | None:
        return self._bodies.get((type_.lower(), name.lower()))

    def of_type(self, type_: str) -> list[Json]:
        return [each for (kind, _), each in self._bodies.items() if kind == type_.lower()]

    def holds(self, wanted: Body) -> bool:
        return self.get(text(wanted, "type"), text(wanted, "name")) is not None

    def kept(self, wanted: Body) -> Json:
        """What to send for `wanted`: merged with what is there under its name, else as it is."""
        found = self.get(text(wanted, "type"), text(wanted, "name"))
        return dict(wanted) if found is None else merged(found, spared(found, wanted, self._accepted))


def merged(found: Body, wanted: Body) -> Json:
    """The body to send for `wanted`, of which ARM shows `found` now.

    `wanted` keeps its name, type, api-version and dependencies. Nothing that ARM only shows is in the result.
    """
    kind, merge = text(wanted, "type").lower(), _MERGES.get(text(wanted, "type").lower(), _plainly)
    sent = merge(settable(found, kind), wanted, text(found, "id").partition("/providers/")[0])
    return {**sent, "tags": tags(mapping(found, "tags"), mapping(wanted, "tags"))}


def _plainly(found: Body, wanted: Body, _scope: str) -> Json:
    return _over(found, wanted)


def _over(found: Body, wanted: Body) -> Json:
    """`wanted` over `found`, objects within objects; a list of ours takes the place of theirs."""
    result: Json = dict(found)
    for key, ours in wanted.items():
        theirs = found.get(key)
        result[key] = _over(theirs, ours) if isinstance(ours, dict) and isinstance(theirs, dict) else ours
    return result


def _security_group(found: Body, wanted: Body, _scope: str) -> Json:
    return _with(
        _over(found, wanted), "properties.securityRules", rules(*_both(found, wanted, "securityRules"))
    )


def _network(found: Body, wanted: Body, _scope: str) -> Json:
    theirs, ours = (
        _texts(mapping(mapping(each, "properties"), "addressSpace"), "addressPrefixes")
        for each in (found, wanted)
    )
    sent = _with(_over(found, wanted), "properties.addressSpace.addressPrefixes", prefixes(theirs, ours))
    return _with(sent, "properties.subnets", by_name(*_both(found, wanted, "subnets"), _subnet))


def _subnet(found: Body, wanted: Body) -> Json:
    theirs, ours = (_subnet_prefixes(mapping(each, "properties")) for each in (found, wanted))
    both = prefixes(theirs, ours)
    sent = _over(found, wanted)
    properties = mapping(sent, "properties")
    rest = {key: properties[key] for key in properties if key not in ("addressPrefix", "addressPrefixes")}
    # ARM takes one in the singular or as a list of one.
    named: Json = {"addressPrefix": both[0]} if len(both) == 1 else {"addressPrefixes": both}
    return {**sent, "properties": {**rest, **named}}


def _subnet_prefixes(properties: Body) -> list[str]:
    one = text(properties, "addressPrefix")
    return list(dict.fromkeys([*([one] if one else []), *_texts(properties, "addressPrefixes")]))


def _interface(found: Body, wanted: Body, _scope: str) -> Json:
    theirs, ours = _both(found, wanted, "ipConfigurations")
    joined = one_primary(by_name(theirs, ours, _over), theirs)
    return _with(_over(found, wanted), "properties.ipConfigurations", joined)


def _machine(found: Body, wanted: Body, scope: str) -> Json:
    """A VM as it is, with what we say and a VM that exists can change: tags, size, what is deleted with it.

    User, keys, image, disk, zone and priority are what it was made with. Only another VM has others.
    """
    sent: Json = {**found, **{key: wanted[key] for key in wanted if key not in ("properties", "zones")}}
    for path in (
        "hardwareProfile.vmSize",
        "diagnosticsProfile.bootDiagnostics.enabled",
        "osProfile.customData",
    ):
        ours = _at(wanted, f"properties.{path}")
        sent = sent if ours is None else _with(sent, f"properties.{path}", ours)
    # Another OS disk than ours is somebody's: whether it goes with the VM is not ours to say.
    disk = "properties.storageProfile.osDisk"
    option = _at(wanted, f"{disk}.deleteOption")
    is_ours = str(_at(found, f"{disk}.name")).lower() == str(_at(wanted, f"{disk}.name")).lower()
    if is_ours and option is not None:
        sent = _with(sent, f"{disk}.deleteOption", option)
    theirs, own = (
        mappings(mapping(mapping(each, "properties"), "networkProfile"), "networkInterfaces")
        for each in (found, wanted)
    )
    joined = one_primary(by_id(theirs, own, _over, lambda each: _plain_id(each, scope)), theirs)
    return _with(sent, "properties.networkProfile.networkInterfaces", joined)


def _plain_id(reference: object, scope: str) -> str:
    """An id, or what an expression for one stands for in the group of `scope`."""
    return str(evaluated(rendered(reference), partial(id_below, scope)))


def _with(body: Body, path: str, value: object) -> Json:
    """A copy of `body` with another value at `path`."""
    first, _, rest = path.partition(".")
    return {**body, first: _with(mapping(body, first), rest, value) if rest else value}


def _at(body: Body, path: str) -> object:
    first, _, rest = path.partition(".")
    return _at(mapping(body, first), rest) if rest else body.get(first)


def _both(found: Body, wanted: Body, key: str) -> tuple[list[Json], list[Json]]:
    return mappings(mapping(found, "properties"), key), mappings(mapping(wanted, "properties"), key)


def _texts(body: Body, key: str) -> list[str]:
    value = body.get(key)
    return [str(each) for each in value] if isinstance(value, list) else []


_MERGES: Mapping[str, Callable[[Body, Body, str], Json]] = {
    "microsoft.network/networksecuritygroups": _security_group,
    "microsoft.network/virtualnetworks": _network,
    "microsoft.network/networkinterfaces": _interface,
    "microsoft.compute/virtualmachines": _machine,
}
