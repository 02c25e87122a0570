"""WireGuard configurations and `wg`'s output. Pure.

VMs listen and know only the laptop; the laptop knows every endpoint and keeps the way through NAT open. Root reads
what is written here, and runs what a line such as `PostUp` says: nothing is written without its strict form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from k0rdent_azure.config import forms
from k0rdent_azure.errors import HostError

#: What a host says of its interface, its private key included: for `parse_dump` and `dumped_public_key` only.
HOST_DUMP = "sudo -n wg show wg0 dump"
#: Seconds; the value that wg(8) recommends behind NAT.
KEEPALIVE = 25


@dataclass(frozen=True, slots=True)
class LaptopPeer:
    """One VM as the laptop sees it; `endpoint` is `20.1.2.3:51820`."""

    name: str
    public_key: str
    ip: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """A line of `wg show IF dump`; `latest_handshake` is Unix time, 0 for never; traffic in bytes."""

    public_key: str
    endpoint: str
    latest_handshake: int
    rx: int
    tx: int


@dataclass(frozen=True, slots=True)
class Interface:
    """A configuration file as it was read. `peers` are public keys with their allowed IPs, in the file's order."""

    private_key: str = field(repr=False)
    address: str = ""
    port: int | None = None
    peers: tuple[tuple[str, tuple[str, ...]], ...] = ()


def host_config(*, private_key: str, address: str, port: int, laptop_public_key: str, laptop_ip: str) -> str:
    """A VM's `/etc/wireguard/wg0.conf`: it waits for the laptop, so it needs no endpoint.

    Raises HostError where a value does not have its form, as the plan's placeholder keys do not.
    """
    _refuse_key("the private key of the host", private_key)
    _refuse_key("the public key of the workstation", laptop_public_key)
    _refuse("the WireGuard address of the host", address, good=forms.is_address(address))
    _refuse("the WireGuard address of the workstation", laptop_ip, good=forms.is_address(laptop_ip))
    _refuse("the WireGuard port", str(port), good=forms.is_port(port))
    return (
        "[Interface]\n"
        f"PrivateKey = {private_key}\n"
        f"Address = {address}/32\n"
        f"ListenPort = {port}\n"
        "\n"
        "[Peer]\n"
        f"PublicKey = {laptop_public_key}\n"
        f"AllowedIPs = {laptop_ip}/32\n"
    )


def laptop_config(*, private_key: str, address: str, peers: Sequence[LaptopPeer]) -> str:
    """The workstation's configuration, for `wg-quick up`. Raises HostError as `host_config` does."""
    _refuse_key("the private key of the workstation", private_key)
    _refuse("the WireGuard address of the workstation", address, good=forms.is_address(address))
    for peer in peers:
        _refuse("a peer's name", peer.name, good=forms.is_host_name(peer.name))
        _refuse_key(f"the public key of {peer.name}", peer.public_key)
        _refuse(f"the WireGuard address of {peer.name}", peer.ip, good=forms.is_address(peer.ip))
        _refuse(f"the endpoint of {peer.name}", peer.endpoint, good=forms.is_endpoint(peer.endpoint))
    parts = [f"[Interface]\nPrivateKey = {private_key}\nAddress = {address}/32\n"]
    parts += [
        f"# {peer.name}\n"
        "[Peer]\n"
        f"PublicKey = {peer.public_key}\n"
        f"AllowedIPs = {peer.ip}/32\n"
        f"Endpoint = {peer.endpoint}\n"
        f"PersistentKeepalive = {KEEPALIVE}\n"
        for peer in peers
    ]
    return "\n".join(parts)


def additional_peer(public_key: str) -> str:
    """A peer without addresses, for the end of a VM's configuration. Raises HostError as `host_config` does."""
    _refuse_key("the public key of the other peer", public_key)
    return f"\n[Peer]\nPublicKey = {public_key}\n"


def _refuse_key(what: str, key: str) -> None:
    """A key never stands in the message."""
    if not forms.is_wireguard_key(key):
        raise HostError(
            f"{what} is not a WireGuard key (32 bytes in base64); no configuration was written from it",
            hint="see which: k0rdent-azure state check",
        )


def _refuse(what: str, value: str, *, good: bool) -> None:
    if not good:
        raise HostError(
            f"{what} cannot stand in a WireGuard configuration: {value[:60]!r}; none was written",
            hint="see what is wrong: k0rdent-azure state check",
        )


def parse_config(text: str) -> Interface | None:
    """A file of wg-quick(8); None where it has no private key. Keys of the file have no case, comments are left out."""
    sections: list[tuple[str, dict[str, str]]] = []
    for line in text.splitlines():
        content = line.partition("#")[0].strip()
        if content.startswith("["):
            sections.append((content.strip("[] ").lower(), {}))
            continue
        name, equals, value = (part.strip() for part in content.partition("="))
        if equals and sections:
            sections[-1][1][name.lower()] = value
    own = next((values for kind, values in sections if kind == "interface"), {})
    if not own.get("privatekey"):
        return None
    port = own.get("listenport", "")
    return Interface(
        private_key=own["privatekey"],
        address=own.get("address", "").partition("/")[0],
        port=int(port) if port.isdecimal() else None,
        peers=tuple(
            (
                values["publickey"],
                tuple(ip.strip() for ip in values.get("allowedips", "").split(",") if ip.strip()),
            )
            for kind, values in sections
            if kind == "peer" and values.get("publickey")
        ),
    )


def private_key_in_dump(text: str) -> str | None:
    """The interface's own private key: the first column of the first line of `wg show IF dump`."""
    key = text.partition("\n")[0].partition("\t")[0].strip()
    return key if key and key != "(none)" else None


def dumped_public_key(text: str) -> str:
    """The interface's own public key from the same dump; "" if it has none."""
    columns = text.partition("\n")[0].split("\t")
    return columns[1] if len(columns) == 4 else ""


def parse_dump(text: str) -> dict[str, PeerStatus]:
    """Peers by public key from `wg show IF dump`, whose first line is the interface itself.

    Columns of a peer (wg(8)): public key, preshared key, endpoint, allowed IPs, latest handshake, received,
    sent, keepalive. Lines of another shape are passed over.
    """
    found: dict[str, PeerStatus] = {}
    for line in text.splitlines()[1:]:
        columns = line.split("\t")
        if len(columns) == 8 and all(column.isdigit() for column in columns[4:7]):
            handshake, received, sent = (int(column) for column in columns[4:7])
            found[columns[0]] = PeerStatus(columns[0], columns[2], handshake, received, sent)
    return found
