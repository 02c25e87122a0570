"""Key pairs: ed25519 in OpenSSH's form, and X25519 as `wg genkey` prints it. Private halves never show in a repr."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from k0rdent_azure.errors import HostError
from k0rdent_azure.hosts.key_files import private_key
from k0rdent_azure.hosts.login_errors import key_fault


@dataclass(frozen=True, slots=True)
class KeyPair:
    """`private` and `public` as the texts that the tools read."""

    private: str = field(repr=False)
    public: str


def ssh_keypair(comment: str) -> KeyPair:
    """A new ed25519 pair; `private` in OpenSSH's PEM form, `public` as one line with the comment."""
    key = asyncssh.generate_private_key("ssh-ed25519", comment=comment)
    return KeyPair(
        private=key.export_private_key("openssh").decode(),
        public=key.export_public_key("openssh").decode().strip(),
    )


def ssh_public_from_private(private: str, *, comment: str, path: Path | None = None) -> str:
    """The public line of a private key file's text. Raises HostError where it is not an unencrypted key.

    `path` is where the text comes from, for the message.
    """
    try:
        key = asyncssh.import_private_key(private_key(private))
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        reason, hint = key_fault(private, path=path)
        where = f" {path}" if path is not None else ""
        # Not chained: the cause may quote the key.
        raise HostError(f"the SSH private key{where}: {reason}", hint=hint) from None
    kind, blob = key.export_public_key("openssh").decode().split()[:2]
    return f"{kind} {blob} {comment}".strip()


def wireguard_keypair() -> KeyPair:
    """A new WireGuard pair, base64 of 32 bytes each, clamped as RFC 7748 says and `wg genkey` does."""
    raw = bytearray(X25519PrivateKey.generate().private_bytes_raw())
    raw[0] &= 248
    raw[31] = (raw[31] & 127) | 64
    private = base64.b64encode(bytes(raw)).decode()
    return KeyPair(private=private, public=wireguard_public_from_private(private))


def wireguard_public_from_private(private: str) -> str:
    """What `wg pubkey` prints for a private key. Raises HostError where it is not 32 bytes in base64."""
    try:
        key = X25519PrivateKey.from_private_bytes(base64.b64decode(private.strip(), validate=True))
    except ValueError:
        raise HostError("a WireGuard private key is not 32 bytes in base64") from None
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def fingerprint(public: str) -> str:
    """An SSH public key as `ssh-keygen -l` and Azure's serial console show it: `SHA256:…`."""
    return asyncssh.import_public_key(public).get_fingerprint()
