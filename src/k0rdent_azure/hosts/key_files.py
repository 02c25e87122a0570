"""SSH files that editors, shells and other programs wrote: private keys and known_hosts."""

from __future__ import annotations

import codecs
from pathlib import Path

import asyncssh


def decoded(raw: bytes) -> str:
    """A text file's text. PowerShell writes UTF-16, and editors a byte order mark."""
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return raw.decode("utf-16" if wide else "utf-8-sig", errors="replace")


def private_key(text: str) -> str:
    """A private key with the line ends that OpenSSH and k0sctl need, and no space around its lines."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    return "\n".join(lines).strip("\n") + "\n" if any(lines) else ""


def read_private_key(path: Path) -> str:
    """The private key in a file, cleaned. Raises OSError."""
    return private_key(decoded(path.read_bytes()))


def pinned_key(known_hosts: str, address: str) -> str | None:
    """The ed25519 key that a known_hosts file has for an address, as `type key`; None if it has none.

    Names may be hashed, stand in lists with ports, and have keys of other types beside; a revoked key is no pin.
    https://man.openbsd.org/sshd#SSH_KNOWN_HOSTS_FILE_FORMAT
    """
    for line in known_hosts.removeprefix("\ufeff").splitlines():
        try:
            found = asyncssh.import_known_hosts(line.strip() + "\n").match(address, address, None)
        except (ValueError, IndexError):
            # One bad line says nothing about the others.
            continue
        keys = [key.export_public_key("openssh").decode().split() for key in found[0]]
        told = next((f"{kind} {blob}" for kind, blob, *_ in keys if kind == "ssh-ed25519"), None)
        if told is not None and told not in _revoked(known_hosts):
            return told
    return None


def _revoked(known_hosts: str) -> set[str]:
    words = [line.split() for line in known_hosts.splitlines() if line.strip().startswith("@revoked")]
    return {" ".join(each[2:4]) for each in words}
