"""Which incarnations exist is no matter of an older version: Azure's ids of them are those of now. Pure."""

from __future__ import annotations

from collections.abc import Mapping

#: Azure's ids of the incarnations of a VM and of what belongs to it.
_OF_A_VM = ("vm_id", "nic_guid", "public_ip_guid")
_OF_THE_NETWORK = ("vnet", "nsg")


def with_incarnations(present: Mapping[str, object], restored: Mapping[str, object]) -> dict[str, object]:
    """`azure_resources` of `restored`, with the incarnations' ids as `present` has them, or has them not.

    What `present` does not know of at all keeps what `restored` says.
    """
    now, then = _mapping(present, "azure_resources"), _mapping(restored, "azure_resources")
    result = dict(then)
    vms, known = _mapping(then, "virtual_machines"), _mapping(now, "virtual_machines")
    if vms:
        result["virtual_machines"] = {name: _as_now(vms[name], known.get(name), _OF_A_VM) for name in vms}
    network, seen = _mapping(then, "network"), _mapping(now, "network")
    if network:
        kept = {
            part: _as_now(network[part], seen.get(part), ("guid",))
            for part in _OF_THE_NETWORK
            if part in network
        }
        result["network"] = {**network, **kept}
    return result


def _as_now(then: object, now: object, fields: tuple[str, ...]) -> object:
    if not (isinstance(then, dict) and isinstance(now, dict)):
        return then
    rest = {key: value for key, value in then.items() if key not in fields}
    return rest | {field: now[field] for field in fields if now.get(field)}


def _mapping(data: Mapping[str, object], key: str) -> dict[str, object]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}
