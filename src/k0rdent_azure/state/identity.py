"""What a thing is, in contrast to how it is: identity, which no hand changes.

A status, an address or a time is what somebody saw, and can be seen differently. A name, an id, a key or a path is what
everything else finds the thing by: a changed one leads to somebody else's VM, or to a file of somebody else. The rule
goes by the field's name, so that a field that comes later and is called like one of these is covered from the start.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple, Union, get_args, get_origin

import msgspec

from k0rdent_azure.state.model import State

#: What only the engine writes, and why: whole sections.
OWNED = {
    "metadata.serial": "each commit numbers itself",
    "metadata.lineage": "it is what tells this deployment's file from another's",
    "metadata.schema_version": "only a migration changes it",
    "metadata.last_updated": "each commit writes its time",
    "metadata.secrets": "the `secrets` commands keep it true to what is encrypted",
    "metadata.run": "each run writes who it is",
    "metadata.validation": "each validation writes what it found",
    "configuration": "it is the snapshot that the deployment was made with",
    "event_history": "it vouches for the audit trail",
    "events": "the audit trail is only ever added to: see `event add`",
    "api_calls": "it counts the requests that were sent",
    "pending_operations": "it is what a run began; `resume` or `destroy` finishes it",
    "metadata.generation": "each run that changes something raises it",
    "metadata.claim": "it tells which run raised the generation",
    "metadata.unmarked": "it tells which resources have no lineage in their tags",
    "azure_resources.baseline": "it is what Azure showed after the deployment",
}
_NAME = "a name, by which Azure, the hosts and the cluster know the thing"
_ID = "an id, by which Azure knows the thing"
_KEY = "a key"
_FILE = "the path of a file that commands read, write and delete"
_PLACE = "where the deployment is"
#: Fields of the schema that are identity, by their own name.
_FIELDS = {
    "name": _NAME,
    "os_disk": _NAME,
    "role": "what the VM was made for",
    "interface": _NAME,
    "namespace": _NAME,
    "helm_release": _NAME,
    "deployment_id": "the deployment's id",
    "id": _ID,
    "guid": _ID,
    "local_path": _FILE,
    "file_path": _FILE,
    "config_file": _FILE,
    "kubeconfig_file": _FILE,
    "config_digest": "the digest of the configuration that the deployment was made with",
    "owned": "whether the resource group is the deployment's own, which `destroy` goes by",
    "location": _PLACE,
    "scope": _PLACE,
    "subscription_id": _PLACE,
    "generation": "the number of a submission",
    "host_key": _KEY,
    "public_key": _KEY,
    "private_key": _KEY,
    "host_private_key": _KEY,
}
_ENDINGS = {"_id": _ID, "_guid": _ID, "_key": _KEY, "_path": _FILE, "_file": _FILE}
#: Mappings whose keys are names of things that exist.
_NAMED = {"virtual_machines": "a VM", "peers": "a peer", "controllers": "a controller", "workers": "a worker"}
_VM_COMMAND = "k0rdent-azure replace vm/{} recreates a VM, with new keys"
_LOST = "k0rdent-azure recover --from-azure reads names and ids from Azure if the state is lost"
#: Paths whose values stay the same for as long as a deployment lives: not even a snapshot has others.
CONSTANT = (
    "metadata.deployment_id",
    "azure_resources.subscription_id",
    "azure_resources.resource_group.name",
    "azure_resources.resource_group.owned",
    "azure_resources.network.vnet.name",
    "azure_resources.network.subnet.name",
    "azure_resources.network.nsg.name",
    "azure_resources.ssh_key.local_path",
    "azure_resources.ssh_key.public_key",
    "wireguard.laptop_config.file_path",
    "wireguard.laptop_config.interface",
    "k0s_cluster.config_file",
    "k0s_cluster.kubeconfig_file",
    "k0rdent.namespace",
    "k0rdent.helm_release",
)


class Identity(NamedTuple):
    """Why a path cannot be set: what stands there, and the command or advice that helps.

    `path` is the place itself; it is another one than was asked for where that one only holds it.
    """

    path: str
    what: str
    hint: str


def identity_at(path: Sequence[str]) -> Identity | None:
    """What of identity a change at `path` would touch; None where it can be made.

    What the schema does not know belongs to whoever wrote it.
    """
    kind: object = State
    for index, key in enumerate(path):
        known, here = fields_of(kind), ".".join(path[: index + 1])
        if known is not None:
            if key not in known:
                return None
            what = _field(key)
            if what is not None:
                return Identity(here, what, _hint(path, what))
            kind = known[key]
        else:
            named = _NAMED.get(path[index - 1]) if index else None
            if named is not None and index == len(path) - 1:
                return Identity(here, f"{named} with its name and keys", _hint(path, _NAME))
            kind = item_of(kind)
    return _below(kind, list(path))


def changed_identity(present: Mapping[str, object], wanted: Mapping[str, object]) -> str | None:
    """The first of `CONSTANT` whose values differ, as far as both documents have one."""
    for path in CONSTANT:
        values = [_value(data, path.split(".")) for data in (present, wanted)]
        if None not in values and values[0] != values[1]:
            return path
    return None


def fields_of(kind: object) -> Mapping[str, object] | None:
    """The keys of a struct with their types; None for what is none."""
    for choice in _choices(kind):
        if isinstance(choice, type) and issubclass(choice, msgspec.Struct):
            return {field.encode_name: field.type for field in msgspec.structs.fields(choice)}
    return None


def item_of(kind: object) -> object:
    """The type of the values in a mapping or a list; None where nothing is known of them."""
    for choice in _choices(kind):
        if get_origin(choice) in (dict, list):
            return get_args(choice)[-1]
    return None


def _below(kind: object, path: list[str]) -> Identity | None:
    """The first identity in what has the type `kind` and stands at `path`."""
    if path and path[-1] in _NAMED:
        names = f"the names of every {_NAMED[path[-1]].removeprefix('a ')}"
        return Identity(".".join(path), names, _hint(path, _NAME))
    known = fields_of(kind)
    for key, inner in (known or {}).items():
        what = _field(key)
        found = Identity(f"{'.'.join(path)}.{key}", what, _hint(path, what)) if what else None
        found = found or _below(inner, [*path, key])
        if found is not None:
            return found
    item = item_of(kind)
    return _below(item, [*path, "*"]) if item is not None else None


def _field(key: str) -> str | None:
    ending = next((what for end, what in _ENDINGS.items() if key.endswith(end)), None)
    return _FIELDS.get(key) or ending


def _hint(path: Sequence[str], what: str) -> str:
    if path[0] == "wireguard" and what == _KEY:
        return "k0rdent-azure recover --rekey laptop (or hosts) puts new keys in force"
    if "virtual_machines" in path[:-1]:
        return _VM_COMMAND.format(path[2])
    return _LOST if what in (_ID, _NAME) else "k0rdent-azure state set --help tells what can be set"


def _value(data: Mapping[str, object], keys: Sequence[str]) -> object:
    here: object = data
    for key in keys:
        here = here.get(key) if isinstance(here, Mapping) else None
    return here


def _choices(kind: object) -> tuple[object, ...]:
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
