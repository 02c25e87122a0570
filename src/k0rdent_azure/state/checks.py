"""Everything that can be wrong with a document: schema, values, and references between its sections.

Faults refuse (severity `error`), doubts warn. The plan's example, with its placeholder keys and a VM that is
not created yet, is valid with doubts.
"""

from __future__ import annotations

import functools
import ipaddress
import operator
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from k0rdent_azure.clock import parse_timestamp
from k0rdent_azure.config.forms import PLACEHOLDERS
from k0rdent_azure.config.topology import LAPTOP
from k0rdent_azure.errors import Fault, StateInvalidError
from k0rdent_azure.state import model
from k0rdent_azure.state.age_recipients import is_recipient
from k0rdent_azure.state.codec import positions
from k0rdent_azure.state.model import State
from k0rdent_azure.state.secrets import PREFIX, is_encrypted, is_well_formed
from k0rdent_azure.state.secrets import SECRET_KEYS as SECRET_KEYS  # noqa: PLC0414 - others find it here
from k0rdent_azure.state.strict_forms import same_deployment, strict_forms

#: Keys whose values are times.
TIME_KEYS = frozenset(
    {
        "timestamp",
        "created_at",
        "last_updated",
        "last_checked",
        "started_at",
        "ended_at",
        "last_handshake",
        "rekeyed_at",
        "at",
    }
)
#: Sections that are checked piece by piece, so that every fault is found and not only the first.
_PIECES: tuple[tuple[tuple[str, ...], type, bool], ...] = (
    (("metadata",), model.Metadata, False),
    (("azure_resources", "resource_group"), model.ResourceGroup, False),
    (("azure_resources", "network", "vnet"), model.Vnet, False),
    (("azure_resources", "network", "subnet"), model.Subnet, False),
    (("azure_resources", "network", "nsg"), model.Nsg, False),
    (("azure_resources", "ssh_key"), model.SshKey, False),
    (("azure_resources", "deployment"), model.ArmDeployment, False),
    (("azure_resources", "virtual_machines"), model.VirtualMachine, True),
    (("wireguard", "peers"), model.Peer, True),
    (("wireguard", "laptop_config"), model.LaptopConfig, False),
    (("k0s_cluster", "controllers"), model.ClusterNode, True),
    (("k0s_cluster", "workers"), model.ClusterNode, True),
    (("k0rdent",), model.K0rdent, False),
    (("phases",), model.PhaseRecord, True),
    (("pending_operations",), model.PendingOperation, True),
    (("api_calls",), model.ApiCalls, False),
)


def check(document: Mapping[str, object], *, before: Mapping[str, object] | None = None) -> list[Fault]:
    """All faults and doubts of a parsed document, in its order as far as that can be told. Never raises.

    `before` is a version that was checked: what is the same object there is not looked at again for its times.
    """
    return examine(document, before=before)[1]


def examine(
    document: Mapping[str, object], *, before: Mapping[str, object] | None = None
) -> tuple[State | None, list[Fault]]:
    """As `check`, with the typed view on the way to it; None where the schema is broken."""
    try:
        state = msgspec.convert(document, State)
    except msgspec.ValidationError as error:
        return None, _schema_faults(document, error)
    faults = list(_times(document, before or {}))
    for rule in (_trail, _networks, _peers, _secrets, _nodes, _counts):
        faults.extend(rule(state, document))
    for strict in (strict_forms, same_deployment):
        faults.extend(strict(document, before or {}))
    return state, faults


def refuse_errors(faults: Sequence[Fault], *, text: bytes, source: str) -> None:
    """Raise StateInvalidError with every error among `faults`, each with its line in `text`."""
    errors = [fault for fault in faults if fault.severity == "error"]
    if not errors:
        return
    placed = place(errors, text=text, source=source)
    raise StateInvalidError(
        str(placed[0])
        if len(placed) == 1
        else f"{source} has {len(placed)} faults; the first: {placed[0].path}",
        faults=placed,
        hint="see `k0rdent-azure state check`; the last good version is beside the file as .backup",
    )


def place(faults: Sequence[Fault], *, text: bytes, source: str) -> list[Fault]:
    """The same faults with the file and the line of their paths (or of the nearest parent that is there)."""
    lines = positions(text) if text else {}
    return [msgspec.structs.replace(fault, file=source, line=_line(lines, fault.path)) for fault in faults]


def _line(lines: Mapping[str, int], path: str) -> int | None:
    while path and path not in lines:
        path = path.rpartition(".")[0]
    return lines.get(path)


def _schema_faults(document: Mapping[str, object], first: msgspec.ValidationError) -> list[Fault]:
    found: list[Fault] = []
    for path, kind, many in _PIECES:
        piece = _dig(document, path)
        prefix = ".".join(path)
        if piece is None:
            continue
        if many and isinstance(piece, dict):
            for name, item in piece.items():
                found.extend(_convert(item, kind, f"{prefix}.{name}"))
        elif not many:
            found.extend(_convert(piece, kind, prefix))
    events = document.get("events")
    for index, event in enumerate(events if isinstance(events, list) else []):
        found.extend(_convert(event, model.Event, f"events.{index}"))
    return found or [_fault(str(first), "")]


def _convert(value: object, kind: type, prefix: str) -> Iterator[Fault]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield _fault(str(error), prefix)


def _fault(message: str, prefix: str) -> Fault:
    """msgspec says `Expected `int`, got `str` - at `$.a.b``; the path is put in front of ours."""
    text, _, where = message.partition(" - at `$")
    inner = where.rstrip("`").lstrip(".").replace("[...]", "").replace("[", ".").replace("]", "")
    path = ".".join(part for part in (prefix, inner) if part)
    if path.rpartition(".")[2] in SECRET_KEYS:
        text = "is not text"
    return Fault(path=path, message=text)


def _dig(document: object, path: Sequence[str]) -> object:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    return document


#: What others keep in the file means what they say, and the snapshot of the configuration holds no times.
_TIMED = frozenset(State.__struct_fields__) - {"configuration"}


def _times(document: Mapping[str, object], before: Mapping[str, object]) -> Iterator[Fault]:
    for key, value in document.items():
        if key in _TIMED and value is not before.get(key):
            yield from _times_in(value, before.get(key), (None, key))


#: A path from its end: its parent's, and the last key. Written out only where there is something to tell.
_Way = tuple["_Way | None", object]


def _times_in(value: object, before: object, way: _Way) -> Iterator[Fault]:
    if isinstance(value, dict):
        old = before if isinstance(before, dict) else {}
        for key, inner in value.items():
            if isinstance(inner, str):
                if key in TIME_KEYS and not _is_time(inner):
                    yield _no_time((way, key), inner)
            elif isinstance(inner, dict | list) and inner is not old.get(key):
                yield from _times_in(inner, old.get(key), (way, key))
    elif isinstance(value, list):
        # A list that only grew at its end, as the audit trail does, is looked at from there.
        known = len(before) if isinstance(before, list) and _begins_with(value, before) else 0
        for index in range(known, len(value)):
            if isinstance(value[index], dict | list):
                yield from _times_in(value[index], None, (way, index))


def _begins_with(value: Sequence[object], start: Sequence[object]) -> bool:
    """Whether the first items of `value` are those very objects."""
    return len(value) >= len(start) and all(map(operator.is_, start, value))


def _is_time(text: str) -> bool:
    try:
        parse_timestamp(text)
    except ValueError:
        return False
    return True


def _no_time(way: _Way, text: str) -> Fault:
    keys: list[str] = []
    here: _Way | None = way
    while here is not None:
        here, key = here
        keys.insert(0, str(key))
    return Fault(
        path=".".join(keys), message="is not a time", expected="2025-01-07T15:30:00Z", found=repr(text[:40])
    )


def _trail(state: State, document: Mapping[str, object]) -> Iterator[Fault]:
    """A file of ours ends with its trail: where that is not whole, the file was cut off, however well it parses."""
    history = state.event_history
    if state.metadata.serial and "events" not in document:
        yield Fault(path="events", message="is missing: the file is cut off", expected="the audit trail")
    elif history is not None:
        inline = history.count - (history.sealed.count if history.sealed else 0)
        if len(state.events) < inline:
            found = str(len(state.events))
            yield Fault(
                path="events", message="is cut off", expected=f"at least {inline} events", found=found
            )
        elif history.linked and len(state.events) == inline > 0 and state.events[-1].chain != history.chain:
            yield Fault(path=f"events.{inline - 1}", message="is not the event that was written last")


def _networks(state: State, _document: Mapping[str, object]) -> Iterator[Fault]:
    network = state.azure_resources.network
    subnet = None
    if network is not None:
        yield from _cidr("azure_resources.network.vnet.address_prefix", network.vnet.address_prefix)
        yield from _cidr("azure_resources.network.subnet.address_prefix", network.subnet.address_prefix)
        subnet = _network(network.subnet.address_prefix)
    for name, vm in state.azure_resources.virtual_machines.items():
        path = f"azure_resources.virtual_machines.{name}"
        yield from _address(f"{path}.public_ip", vm.public_ip, None)
        yield from _address(f"{path}.private_ip", vm.private_ip, subnet)


def _peers(state: State, _document: Mapping[str, object]) -> Iterator[Fault]:
    if state.wireguard is None:
        return
    yield from _cidr("wireguard.network", state.wireguard.network)
    network = _network(state.wireguard.network)
    taken: dict[str, str] = {}
    vms = state.azure_resources.virtual_machines
    for name, peer in state.wireguard.peers.items():
        path = f"wireguard.peers.{name}"
        yield from _address(f"{path}.ip", peer.ip, network)
        if peer.ip in taken:
            yield Fault(path=f"{path}.ip", message=f"is also the address of {taken[peer.ip]}", found=peer.ip)
        taken[peer.ip] = name
        for key in ("private_key", "public_key"):
            if getattr(peer, key) in PLACEHOLDERS:
                yield Fault(
                    path=f"{path}.{key}",
                    message="is a placeholder, from which no file is written",
                    expected="32 bytes in base64",
                    severity="warning",
                )
        if vms and name != LAPTOP and name not in vms:
            yield Fault(path=path, message="is a peer without a VM of that name")


def _secrets(state: State, _document: Mapping[str, object]) -> Iterator[Fault]:
    peers = state.wireguard.peers if state.wireguard else {}
    vms = state.azure_resources.virtual_machines
    recipients = state.metadata.secrets.recipients if state.metadata.secrets else []
    for index, text in enumerate(recipients):
        if not is_recipient(text):
            path = f"metadata.secrets.recipients.{index}"
            hint = "age1… or an SSH public key"
            yield Fault(path=path, message="is not a recipient", expected=hint, severity="warning")
    for group, key, items in (
        ("wireguard.peers", "private_key", peers),
        ("azure_resources.virtual_machines", "host_private_key", vms),
    ):
        for name, item in items.items():
            fault = _secret(getattr(item, key), wanted=bool(recipients))
            if fault is not None:
                yield msgspec.structs.replace(fault, path=f"{group}.{name}.{key}")


def _secret(value: str | None, *, wanted: bool) -> Fault | None:
    """What is wrong with one private key; `wanted` tells whether the document has recipients."""
    if not value:
        return None
    if is_encrypted(value):
        whole = is_well_formed(value)
        return None if whole else Fault("", "is damaged", expected=f"{PREFIX} and an age file in base64")
    if not wanted:
        return None
    hint = "`k0rdent-azure secrets encrypt`"
    return Fault("", "stands in clear although there are recipients", expected=hint, severity="warning")


def _nodes(state: State, _document: Mapping[str, object]) -> Iterator[Fault]:
    cluster, vms = state.k0s_cluster, state.azure_resources.virtual_machines
    if cluster is None or not vms:
        return
    for group, nodes in (("controllers", cluster.controllers), ("workers", cluster.workers)):
        for name in nodes:
            if name not in vms:
                yield Fault(path=f"k0s_cluster.{group}.{name}", message="is a node without a VM of that name")


def _counts(state: State, document: Mapping[str, object]) -> Iterator[Fault]:
    cluster = _dig(document, ("configuration", "cluster"))
    vms = state.azure_resources.virtual_machines
    if not isinstance(cluster, dict) or not vms:
        return
    counts = [cluster.get("controller_count"), cluster.get("worker_count")]
    wanted = sum(count for count in counts if isinstance(count, int))
    if wanted != len(vms):
        yield Fault(
            path="azure_resources.virtual_machines",
            message="does not list every VM of the configuration",
            expected=str(wanted),
            found=str(len(vms)),
            severity="warning",
        )


def _cidr(path: str, value: str) -> Iterator[Fault]:
    if _network(value) is None:
        yield Fault(path=path, message="is not a network", expected="10.240.0.0/16", found=repr(value[:40]))


@functools.lru_cache(maxsize=256)
def _network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        return None


#: A document of a thousand VMs holds three thousand addresses, and a commit changes few of them.
@functools.lru_cache(maxsize=8192)
def _ip(value: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(value)
    except ValueError:
        return None


def _address(
    path: str, value: str | None, network: ipaddress.IPv4Network | ipaddress.IPv6Network | None
) -> Iterator[Fault]:
    if not value:
        return
    address = _ip(value)
    if address is None:
        yield Fault(path=path, message="is not an IP address", expected="10.240.1.11", found=repr(value[:40]))
    elif network is not None and address not in network:
        yield Fault(path=path, message="lies outside its network", expected=f"in {network}", found=value)
