"""What `wg show` says of an interface, in the form for people: it hides private keys, which `dump` does not. Pure."""

from __future__ import annotations

from dataclasses import dataclass

COMMAND = "sudo -n wg show wg0"


@dataclass(frozen=True, slots=True)
class InterfaceStatus:
    """Its public key, the UDP port it listens on, and the public keys of its peers."""

    public_key: str
    port: str
    peers: tuple[str, ...]


def parse(text: str) -> InterfaceStatus | None:
    """None where the text is not `wg`'s, or of no interface."""
    values: dict[str, str] = {}
    peers: list[str] = []
    for line in text.splitlines():
        name, colon, value = line.strip().partition(": ")
        if colon and name == "peer":
            peers.append(value.strip())
        elif colon:
            values.setdefault(name, value.strip())
    if "interface" not in values:
        return None
    return InterfaceStatus(values.get("public key", ""), values.get("listening port", ""), tuple(peers))
