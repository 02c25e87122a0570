"""WireGuard as the simulated hosts see it: configuration files, key arithmetic, what `wg` prints.

Formats: wg(8) and wg-quick(8). Two ends have a handshake when each holds the other's public key, the
pre-shared keys agree, and the end with an endpoint reaches the other's listening port.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class WireGuardError(ValueError):
    """`wg` or `wg-quick` would refuse this configuration."""


@dataclass(frozen=True)
class Peer:
    public_key: str
    allowed_ips: tuple[Network, ...] = ()
    endpoint: str | None = None
    keepalive: int = 0
    preshared_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Interface:
    """One configuration file. `addresses` keep their prefix length (`172.24.24.11/32`)."""

    private_key: str = field(repr=False)
    public_key: str
    addresses: tuple[ipaddress.IPv4Interface | ipaddress.IPv6Interface, ...]
    listen_port: int
    peers: tuple[Peer, ...]

    def holds(self, address: str) -> bool:
        return any(str(own.ip) == address for own in self.addresses)

    def peer(self, public_key: str) -> Peer | None:
        return next((peer for peer in self.peers if peer.public_key == public_key), None)


@dataclass(frozen=True)
class PeerLine:
    """What changes while an interface is up. `handshake` is Unix seconds, 0 for never."""

    handshake: int
    received: int
    sent: int


def public_key(private_key: str) -> str:
    """`wg pubkey`. Raises WireGuardError for anything but 32 bytes in base64."""
    try:
        raw = base64.b64decode(private_key, validate=True)
        key = X25519PrivateKey.from_private_bytes(raw)
    except (binascii.Error, ValueError):
        raise WireGuardError("Key is not the correct length or format") from None
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


@lru_cache(maxsize=1024)  # fifty hosts are looked through for each handshake
def parse(text: str) -> Interface:
    """A `[Interface]` with its `[Peer]`s. Raises WireGuardError in wg's words."""
    sections: list[tuple[str, dict[str, str]]] = []
    for line in text.splitlines():
        content = line.partition("#")[0].strip()
        if not content:
            continue
        if content.startswith("["):
            sections.append((content.strip("[]").strip().lower(), {}))
            continue
        name, equals, value = content.partition("=")
        if not equals or not sections:
            raise WireGuardError(f"Line unrecognized: `{content.split()[0]}'")
        values, key = sections[-1][1], name.strip().lower()
        values[key] = f"{values[key]}, {value.strip()}" if key in values else value.strip()
    interfaces = [values for kind, values in sections if kind == "interface"]
    if len(interfaces) != 1 or "privatekey" not in interfaces[0]:
        raise WireGuardError("Configuration parsing error: one [Interface] with a PrivateKey is needed")
    try:
        return _interface(interfaces[0], [values for kind, values in sections if kind == "peer"])
    except (ValueError, KeyError) as error:
        raise WireGuardError(f"Configuration parsing error: {error}") from None


def _interface(values: dict[str, str], peers: list[dict[str, str]]) -> Interface:
    return Interface(
        private_key=values["privatekey"],
        public_key=public_key(values["privatekey"]),
        addresses=tuple(ipaddress.ip_interface(word) for word in _words(values.get("address", ""))),
        listen_port=int(values.get("listenport", "0")),
        peers=tuple(_peer(peer) for peer in peers),
    )


def _peer(values: dict[str, str]) -> Peer:
    keepalive = values.get("persistentkeepalive", "off")
    if len(base64.b64decode(values["publickey"], validate=True)) != 32:
        raise WireGuardError("Key is not the correct length or format")
    return Peer(
        public_key=values["publickey"],
        allowed_ips=tuple(
            ipaddress.ip_network(word, strict=False) for word in _words(values.get("allowedips", ""))
        ),
        endpoint=values.get("endpoint"),
        keepalive=0 if keepalive == "off" else int(keepalive),
        preshared_key=values.get("presharedkey"),
    )


def _words(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]


def linked(near: Interface, far: Interface, *, address: str, reachable: frozenset[str]) -> bool:
    """Whether `near` reaches `address` at `far` through its tunnel.

    `reachable` holds the `host:port` endpoints at which `far` can really be reached from `near`.
    """
    there = near.peer(far.public_key)
    back = far.peer(near.public_key)
    if there is None or back is None or there.preshared_key != back.preshared_key:
        return False
    if there.endpoint not in reachable or not far.holds(address):
        return False
    returns = all(any(own.ip in network for network in back.allowed_ips) for own in near.addresses)
    return returns and any(ipaddress.ip_address(address) in network for network in there.allowed_ips)


def _allowed(peer: Peer) -> str:
    return ",".join(map(str, peer.allowed_ips)) or "(none)"


def dump(interface: Interface, lines: dict[str, PeerLine]) -> str:
    """`wg show IF dump`: tab-separated, the interface first; see wg(8), "show"."""
    rows = [[interface.private_key, interface.public_key, str(interface.listen_port or 51820), "off"]]
    for peer in interface.peers:
        line = lines.get(peer.public_key, PeerLine(0, 0, 0))
        rows.append(
            [
                peer.public_key,
                peer.preshared_key or "(none)",
                peer.endpoint or "(none)",
                _allowed(peer),
                str(line.handshake),
                str(line.received),
                str(line.sent),
                str(peer.keepalive) if peer.keepalive else "off",
            ]
        )
    return "".join("\t".join(row) + "\n" for row in rows)


def show(name: str, interface: Interface, lines: dict[str, PeerLine], *, now: float) -> str:
    """`wg show`, the form for people; keys that are secret are hidden as `wg` hides them."""
    text = [
        f"interface: {name}",
        f"  public key: {interface.public_key}",
        "  private key: (hidden)",
        f"  listening port: {interface.listen_port or 51820}",
    ]
    for peer in interface.peers:
        line = lines.get(peer.public_key, PeerLine(0, 0, 0))
        text += ["", f"peer: {peer.public_key}"]
        text += [f"  endpoint: {peer.endpoint}"] if peer.endpoint else []
        text.append(f"  allowed ips: {_allowed(peer).replace(',', ', ')}")
        if line.handshake:
            text.append(f"  latest handshake: {max(1, int(now - line.handshake))} seconds ago")
            text.append(f"  transfer: {line.received} B received, {line.sent} B sent")
        text += [f"  persistent keepalive: every {peer.keepalive} seconds"] if peer.keepalive else []
    return "\n".join(text) + "\n"
