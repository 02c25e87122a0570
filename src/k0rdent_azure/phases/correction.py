"""Takes another configuration into a deployment of which Azure has accepted nothing: one commit, with the keys kept.

What Azure has accepted has its configuration for life. Until then there is nothing that the configuration could
contradict, so a correction needs no destroy: names, id, lineage and keys stay, and what follows from the configuration
is made anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from k0rdent_azure.azure import deployments, inventory
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.deployments import DeploymentTarget
from k0rdent_azure.azure.tags import TAG_DEPLOYMENT, tag
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.topology import LAPTOP, Names, hosts, k0s_role, laptop_ip
from k0rdent_azure.phases.preparation import new_vm
from k0rdent_azure.state.accepted import something_accepted
from k0rdent_azure.state.document import Document
from k0rdent_azure.state.intents import SUBMISSION
from k0rdent_azure.state.model import State
from k0rdent_azure.state.transaction import Transaction

#: The user's own, which may hold anything: its values are not repeated in an event.
_UNTOLD = "kof"
#: Keys of a VM and of a WireGuard peer that are made once, and kept as long as the VM's name is in the configuration.
_VM_KEYS = ("host_key", "host_private_key")
_PEER_KEYS = ("private_key", "public_key")


def may_be_corrected(state: State) -> bool:
    """Whether Azure has accepted nothing, as far as the state knows; an unknown outcome only Azure can tell."""
    others = {*state.pending_operations} - ({SUBMISSION.name} if SUBMISSION.is_pending(state) else set())
    over = state.metadata.deployment_status in ("completed", "destroying", "destroyed")
    return not (something_accepted(state) or others or over)


def was_sent(state: State) -> bool:
    """Whether anything of this deployment was ever sent to Azure, whatever the answer was."""
    return SUBMISSION.is_pending(state) or bool(state.api_calls.by_phase.get("azure_setup"))


async def found_in_azure(client: ArmClient, subscription: str, names: Names) -> str | None:
    """What Azure has of the deployment, in words; None if it says that it has nothing. Two requests.

    Raises AzureError if Azure cannot be asked.
    """
    target = DeploymentTarget(subscription, names.deployment, names.existing_group)
    record = await deployments.get(client, target)
    if record is not None:
        return f"the deployment record {record.name} ({record.provisioning_state})"
    listed = await inventory.group_resources(client, subscription, names.resource_group)
    if listed is None:
        return None
    if names.existing_group is None:
        return f"the resource group {names.resource_group}"
    ours = [each.name for each in listed if tag(each.tags, TAG_DEPLOYMENT) == names.deployment_id]
    return f"{ours[0]} in the resource group {names.resource_group}" if ours else None


def take(
    tx: Transaction,
    fresh: Mapping[str, object],
    config: Config,
    names: Names,
    *,
    dns_suffix: str,
    changes: Sequence[str],
    details: str,
    moved: bool,
) -> None:
    """Make `fresh`, the state of a deployment that begins with `config`, the next version: with this one's identity.

    `changes` are the settings that differ, `details` their values; `moved` says that cloud or subscription differ.
    """
    tx.reconfigure(_merged(tx.document, fresh, config, names, dns_suffix=dns_suffix, moved=moved))
    tx.event(
        "preparation",
        "configuration_changed",
        f"another configuration was taken before Azure accepted anything: {', '.join(changes)}",
        details=details or None,
    )


def told_changes(old: Mapping[str, object], new: Mapping[str, object], paths: Sequence[str]) -> str:
    """`path: old -> new` for each; without the values of a section that is the user's own."""
    return "; ".join(
        path
        if path.partition(".")[0] == _UNTOLD
        else f"{path}: {_shown(old.get(path))} -> {_shown(new.get(path))}"
        for path in paths
    )[:1000]


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(str(each) for each in value)}]"
    return "none" if value is None else str(value)


def _merged(
    document: Document,
    fresh: Mapping[str, object],
    config: Config,
    names: Names,
    *,
    dns_suffix: str,
    moved: bool,
) -> dict[str, object]:
    old, state = document.data, document.state
    sections = {key: _over(old.get(key), fresh[key]) for key in ("k0rdent", "k0s_cluster", "wireguard")}
    azure = _over(old.get("azure_resources"), fresh["azure_resources"])
    if moved:
        azure.pop("subscription_id", None)
    kept = [host for host in hosts(config) if _has_keys(state, host.name)]
    old_vms, old_peers = (
        _mapping(old, "azure_resources", "virtual_machines"),
        _mapping(old, "wireguard", "peers"),
    )
    azure["virtual_machines"] = {
        host.name: {
            **msgspec.to_builtins(new_vm(config, names, host, dns_suffix=dns_suffix)),
            **_only(old_vms[host.name], _VM_KEYS),
        }
        for host in kept
    }
    peers = {
        host.name: {
            "ip": host.wireguard_ip,
            "config_status": "generated",
            **_only(old_peers[host.name], _PEER_KEYS),
        }
        for host in kept
    }
    if LAPTOP in old_peers:
        peers[LAPTOP] = {
            "ip": laptop_ip(config),
            "config_status": "pending",
            **_only(old_peers[LAPTOP], _PEER_KEYS),
        }
    sections["wireguard"]["peers"] = peers
    for role, section in (("controller", "controllers"), ("worker", "workers")):
        sections["k0s_cluster"][section] = {
            host.name: {
                "role": k0s_role(config, host),
                "ssh_status": "pending",
                "k0s_status": "not_installed",
            }
            for host in kept
            if host.role == role
        }
    dropped = {"phases", "pending_operations"} | ({"durations"} if moved else set())
    return {
        **{key: value for key, value in old.items() if key not in dropped},
        **({"durations": fresh["durations"]} if moved and "durations" in fresh else {}),
        "metadata": _metadata(old, fresh, moved=moved),
        "configuration": fresh["configuration"],
        "azure_resources": azure,
        **sections,
    }


def _has_keys(state: State, name: str) -> bool:
    vm = state.azure_resources.virtual_machines.get(name)
    peers = state.wireguard.peers if state.wireguard else {}
    return vm is not None and vm.host_key is not None and name in peers


def _metadata(old: Mapping[str, object], fresh: Mapping[str, object], *, moved: bool) -> dict[str, object]:
    """The deployment's identity stays; how far it came, and where its configuration is from, do not."""
    gone = {"config_file", "config_digest", "failure"} | ({"clock_speed"} if moved else set())
    new = _mapping(fresh, "metadata")
    taken = ("config_file", "config_digest", "deployment_phase", "deployment_status")
    kept = {key: value for key, value in _mapping(old, "metadata").items() if key not in gone}
    return kept | {key: new[key] for key in taken if key in new}


def _over(old: object, fresh: object) -> dict[str, object]:
    """A section as it begins, with what the present one holds beside that."""
    return {**(old if isinstance(old, dict) else {}), **(fresh if isinstance(fresh, dict) else {})}


def _mapping(data: Mapping[str, object], *path: str) -> dict[str, object]:
    found: object = data
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, dict) else {}


def _only(data: object, keys: Sequence[str]) -> dict[str, object]:
    return {key: data[key] for key in keys if isinstance(data, dict) and key in data}
