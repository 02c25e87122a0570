"""The strict form of what becomes part of an ARM path, a file path, a command or a file that root reads.

Anybody can edit, copy or make a state file. What does not have its form is an error with its path, whoever would use it
and whenever. The plan's placeholder keys are read, and no file is written from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from k0rdent_azure.config import forms, resource_ids
from k0rdent_azure.config.topology import Names
from k0rdent_azure.errors import Fault
from k0rdent_azure.state.secrets import is_encrypted, values_below

Json = Mapping[str, object]
Path = tuple[str, ...]
#: Length of what a message shows of a value.
_SHOWN = 40


class Form(NamedTuple):
    """What a text must be, in words, and whether it is. A secret one is never shown."""

    expected: str
    is_good: Callable[[str], bool]
    secret: bool = False


def _is_stored_key(text: str) -> bool:
    return is_encrypted(text) or forms.is_wireguard_key(text) or text in forms.PLACEHOLDERS


def _is_stored_public_key(text: str) -> bool:
    return forms.is_wireguard_key(text) or text in forms.PLACEHOLDERS


def _is_stored_host_key(text: str) -> bool:
    """A single word is no key of any kind, but can harm nobody: cloud-init data is not written from it."""
    return is_encrypted(text) or forms.is_private_key(text) or forms.is_word(text)


def _in(folder: str) -> Form:
    return Form(f"a file in the workspace's folder ./{folder}", lambda text: forms.is_file_in(text, folder))


_GROUP = Form("a resource group's name: 1 to 90 letters, digits and _ - . ( )", forms.is_group)
_RESOURCE = Form("a resource's name: letters, digits and _ - .", forms.is_resource)
_UUID = Form("a UUID", forms.is_uuid)
_WORD = Form("letters, digits and . _ + -", forms.is_word)
_LABEL = Form("1 to 63 of a-z, 0-9 and -", forms.is_label)
_LINE = Form("one line of text", forms.is_one_line)
_ADDRESS = Form("an IP address", forms.is_address)
_SSH_KEY = Form("an SSH public key on one line", forms.is_ssh_public_key)
_CHART = Form("an OCI chart such as oci://ghcr.io/k0rdent/kcm/charts/kcm", forms.is_chart)
_NETWORK = Form("a network such as 10.240.0.0/16", forms.is_network)
_REGION = Form("a location such as southeastasia", lambda text: forms.is_word(text.replace(" ", "")))
_ZONE = Form("an availability zone's number", forms.is_zone)
_ROLE = Form("controller, controller+worker, single or worker", forms.is_role)

#: Sections of the document with the forms of their fields. The required ones are never empty.
_SECTIONS: dict[Path, dict[str, Form]] = {
    ("metadata",): {
        "deployment_id": Form("k0rdent- and up to 32 of a-z and 0-9", forms.is_deployment_id),
        "lineage": _LINE,
        "claim": _WORD,
        "config_file": _LINE,
        "config_digest": _WORD,
    },
    ("azure_resources",): {"subscription_id": _UUID},
    ("azure_resources", "resource_group"): {"name": _GROUP, "location": _REGION},
    ("azure_resources", "network", "vnet"): {"name": _RESOURCE, "guid": _UUID},
    ("azure_resources", "network", "subnet"): {"name": _RESOURCE},
    ("azure_resources", "network", "nsg"): {"name": _RESOURCE, "guid": _UUID},
    ("azure_resources", "ssh_key"): {
        "name": _RESOURCE,
        "local_path": _in("azure-resources"),
        "public_key": _SSH_KEY,
    },
    ("azure_resources", "deployment"): {"name": Form("a deployment's name", forms.is_record)},
    ("wireguard", "laptop_config"): {
        "file_path": _in("wireguard"),
        "interface": Form("an interface's name of at most 15 characters", forms.is_interface),
    },
    ("k0s_cluster",): {
        "config_file": _in("k0sctl-config"),
        "kubeconfig_file": _in("k0sctl-config"),
        "version": _WORD,
        "api_endpoint": Form("https://ADDRESS:PORT", forms.is_api_endpoint),
    },
    ("k0rdent",): {
        "version": _WORD,
        "registry": _CHART,
        "namespace": _LABEL,
        "helm_release": _LABEL,
        "release": _WORD,
    },
    ("event_history", "sealed"): {"file": _WORD},
}
_RECORD = "Microsoft.Resources/deployments"
_NAME = Form("a host's name: letters, digits and -", forms.is_host_name)
_ENDPOINT = Form("ADDRESS:PORT", forms.is_endpoint)
#: Mappings of names, with the forms of the fields of each.
_NAMED: dict[Path, dict[str, Form]] = {
    ("azure_resources", "virtual_machines"): {
        "vm_size": _WORD,
        "public_ip": _ADDRESS,
        "private_ip": _ADDRESS,
        "availability_zone": _ZONE,
        "fqdn": Form("a host's whole name, such as a.example.org", forms.is_fqdn),
        "host_key": _SSH_KEY,
        "host_private_key": Form(
            "one private key in PEM form, or an encrypted one", _is_stored_host_key, secret=True
        ),
        "os_disk": _RESOURCE,
        "vm_id": _UUID,
        "nic_guid": _UUID,
        "public_ip_guid": _UUID,
    },
    ("wireguard", "peers"): {
        "ip": _ADDRESS,
        "endpoint": _ENDPOINT,
        "public_key": Form("a WireGuard key: 32 bytes in base64", _is_stored_public_key),
        "private_key": Form(
            "a WireGuard key: 32 bytes in base64, or an encrypted one", _is_stored_key, secret=True
        ),
    },
    ("k0s_cluster", "controllers"): {"role": _ROLE},
    ("k0s_cluster", "workers"): {"role": _ROLE},
}
#: The snapshot of the configuration; when it is used, every rule of the configuration is applied to it.
_CONFIGURATION: dict[Path, dict[str, Form]] = {
    ("azure",): {
        "location": _WORD,
        "resource_group": _GROUP,
        "subscription_id": _UUID,
        "vm_image": Form("an image's URN", forms.is_image),
    },
    ("vm_sizing", "controller"): {"size": _WORD},
    ("vm_sizing", "worker"): {"size": _WORD},
    ("network",): {
        "vnet_prefix": _NETWORK,
        "subnet_prefix": _NETWORK,
        "wireguard_network": _NETWORK,
    },
    ("metadata",): {"owner": _LINE},
    ("ssh",): {"username": Form("a Linux user's name", forms.is_user_name), "key_comment": _LINE},
    ("software", "k0s"): {"version": _WORD},
    ("software", "k0rdent"): {"version": _WORD, "registry": _CHART, "namespace": _LABEL},
}
#: Fields that may be "" although nothing else is allowed there: nobody knows the value yet.
_REQUIRED = frozenset(
    {
        "deployment_id",
        "name",
        "local_path",
        "file_path",
        "config_file",
        "kubeconfig_file",
        "vm_size",
        "public_key",
        "ip",
        "role",
        "namespace",
        "helm_release",
        "registry",
    }
)


def strict_forms(document: Json, before: Json) -> Iterator[Fault]:
    """Every value that does not have its form. What is the same object in `before` was looked at."""
    for path, fields in _SECTIONS.items():
        section = _at(document, path)
        if section is not _at(before, path):
            yield from _fields(section, fields, path)
    for path, fields in _NAMED.items():
        old = _at(before, path) or {}
        for name, item in (_at(document, path) or {}).items():
            if not isinstance(item, Mapping) or item is old.get(name):
                continue
            if not forms.is_host_name(name):
                yield _fault((*path, name), _NAME, name)
            yield from _fields(item, fields, (*path, name))
            zones = item.get("full_zones")
            for index, zone in enumerate(zones if isinstance(zones, list) else []):
                yield from _fields({str(index): zone}, {str(index): _ZONE}, (*path, name, "full_zones"))
    yield from _lists(document)
    yield from _pending(document, before)
    if document.get("configuration") is not before.get("configuration"):
        yield from _configuration(document)


def same_deployment(document: Json, before: Json) -> Iterator[Fault]:
    """Ids, names and paths that belong together: each id is of its own resource, in the deployment's own group."""
    place = _Place(document)
    same_place = bool(before) and place == _Place(before)
    yield from place.faults()
    for path, kind, name in place.shared(document):
        yield from place.check(path, _text(_at(document, path), "id"), kind, name)
    vms: Path = ("azure_resources", "virtual_machines")
    old = _at(before, vms) or {}
    for name, vm in (_at(document, vms) or {}).items():
        if not isinstance(vm, Mapping) or (same_place and vm is old.get(name)):
            continue
        for field, kind, wanted in (
            ("id", "Microsoft.Compute/virtualMachines", name),
            ("nic_id", "Microsoft.Network/networkInterfaces", place.names.nic(name)),
            ("public_ip_id", "Microsoft.Network/publicIPAddresses", place.names.public_ip(name)),
        ):
            yield from place.check((*vms, name), _text(vm, field), kind, wanted, field=field)


class _Place:
    """Subscription, group and deployment id of a document, "" for what it does not tell."""

    def __init__(self, document: Json) -> None:
        azure = _at(document, ("azure_resources",)) or {}
        group = _at(document, ("azure_resources", "resource_group")) or {}
        self.group = _text(group, "name")
        self.owned = group.get("owned", True) is not False
        self.subscription = _text(azure, "subscription_id")
        self.names = Names(_text(_at(document, ("metadata",)), "deployment_id"))
        self._configured = _text(_at(document, ("configuration", "azure")), "resource_group")
        paths = [
            _text(_at(document, ("k0s_cluster",)), key).removeprefix("./")
            for key in ("config_file", "kubeconfig_file")
        ]
        self._one_file = bool(paths[0]) and paths[0] == paths[1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Place) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[object, ...]:
        return self.group, self.owned, self.subscription, self.names.deployment_id

    def faults(self) -> Iterator[Fault]:
        path = "azure_resources.resource_group.name"
        known = {self.names.resource_group.lower() if self.owned else "", self._configured.lower()} - {""}
        if self.group and known and self.group.lower() not in known:
            yield Fault(
                path=path,
                message="is not the group of this deployment",
                expected=" or ".join(sorted(known)),
                found=repr(self.group[:_SHOWN]),
            )
        if self._one_file:
            yield Fault(path="k0s_cluster.kubeconfig_file", message="is the same file as config_file")

    def shared(self, document: Json) -> Iterator[tuple[Path, str, str]]:
        """Sections with an id, the type that it has to be of, and the name that its resource has."""
        azure, names = ("azure_resources",), self.names
        yield (*azure, "resource_group"), "", ""
        yield (*azure, "network", "vnet"), "Microsoft.Network/virtualNetworks", names.vnet
        yield (*azure, "network", "subnet"), "Microsoft.Network/virtualNetworks/subnets", names.subnet
        yield (*azure, "network", "nsg"), "Microsoft.Network/networkSecurityGroups", names.nsg
        yield (*azure, "ssh_key"), "Microsoft.Compute/sshPublicKeys", names.ssh_key
        path = (*azure, "deployment")
        # This id is only shown: the record is asked for by the deployment's id.
        yield path, _RECORD, resource_ids.name(_text(_at(document, path), "id"))

    def check(self, path: Path, text: str, kind: str, name: str, *, field: str = "id") -> Iterator[Fault]:
        """Whether an id is that of the resource which is recorded beside it. Names of ARM have no case."""
        if not text:
            return
        found = resource_ids.strict(text)
        if found is None:
            yield _fault((*path, field), Form("an id of Azure, /subscriptions/…", lambda _: False), text)
            return
        # The record of a deployment with a group of its own is the subscription's.
        group = self.group if found.group or kind != _RECORD else ""
        wanted = (self.subscription or found.subscription, group or found.group, kind, name)
        if tuple(map(str.lower, found)) != tuple(map(str.lower, wanted)):
            yield Fault(
                path=".".join((*path, field)),
                message="is the id of something else",
                expected=f"{kind or 'the resource group'} {name or group} in the group {self.group}".strip(),
                found=repr(text[-90:]),
            )


def _fields(section: Json | None, fields: Mapping[str, Form], path: Path) -> Iterator[Fault]:
    if section is None:
        return
    for key, form in fields.items():
        value = section.get(key)
        if isinstance(value, str) and (value or key in _REQUIRED) and not form.is_good(value):
            yield _fault((*path, key), form, value)


def _fault(path: Path, form: Form, value: str) -> Fault:
    shown = None if form.secret else repr(value[:_SHOWN])
    return Fault(path=".".join(path), message="does not have its form", expected=form.expected, found=shown)


def _lists(document: Json) -> Iterator[Fault]:
    port = (_at(document, ("wireguard",)) or {}).get("port")
    if isinstance(port, int) and not 0 <= port < 65536:
        yield Fault(path="wireguard.port", message="is no port", expected="1 to 65535", found=str(port))
    laptop = _at(document, ("wireguard", "laptop_config"))
    stem = _text(laptop, "file_path").rpartition("/")[2].removesuffix(".conf")
    if laptop is not None and _text(laptop, "interface") not in ("", stem):
        # wg-quick(8) takes the interface's name from the file's.
        yield Fault(
            path="wireguard.laptop_config.interface",
            message="is not the interface of file_path",
            expected=stem[:_SHOWN],
        )


def _pending(document: Json, before: Json) -> Iterator[Fault]:
    """Keys that an operation is to put in force are keys like any other."""
    pending = _at(document, ("pending_operations",))
    if pending is None or pending is _at(before, ("pending_operations",)):
        return
    form = _NAMED["wireguard", "peers"]["private_key"]
    for path, value in values_below(pending, ("pending_operations",)):
        if not form.is_good(value):
            yield _fault(tuple(map(str, path)), form, value)


def _configuration(document: Json) -> Iterator[Fault]:
    for path, fields in _CONFIGURATION.items():
        where = ("configuration", *path)
        yield from _fields(_at(document, where), fields, where)
    sources = (_at(document, ("configuration", "network")) or {}).get("allowed_ssh_sources")
    for index, source in enumerate(sources if isinstance(sources, list) else []):
        if not forms.is_network(str(source)):
            yield _fault(
                ("configuration", "network", "allowed_ssh_sources", str(index)), _NETWORK, str(source)
            )
    for name, value in (_at(document, ("configuration", "azure", "tags")) or {}).items():
        if not forms.is_one_line(name) or not forms.is_one_line(str(value)):
            yield _fault(("configuration", "azure", "tags", name), _LINE, str(value))


def _at(document: Json, path: Path) -> Json | None:
    here: object = document
    for key in path:
        here = here.get(key) if isinstance(here, Mapping) else None
    return here if isinstance(here, Mapping) else None


def _text(section: Json | None, key: str) -> str:
    value = (section or {}).get(key)
    return value if isinstance(value, str) else ""
