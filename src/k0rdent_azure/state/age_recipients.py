"""age's recipients (age-encryption.org/v1): the public keys to which a state's private keys are encrypted.

A recipient is `age1…` or an SSH public key (ed25519, RSA), in one line. No message quotes what could be a private key.
"""

from __future__ import annotations

from collections.abc import Iterable

from k0rdent_azure.errors import StateInvalidError

SSH_TYPES = ("ssh-ed25519", "ssh-rsa")
_HINT = "expected age1…, or an ssh-ed25519 or ssh-rsa public key in one line"


def is_recipient(text: str) -> bool:
    """Whether `text` begins as a recipient does; whether it is one shows when something is encrypted to it."""
    return text.startswith("age1") or text.partition(" ")[0] in SSH_TYPES


def load_recipient(text: str, *, where: str) -> object:
    """pyrage's recipient for one line. Raises StateInvalidError, which names `where` and never quotes the line."""
    import pyrage

    if "SECRET-KEY" in text.upper() or "PRIVATE KEY" in text:
        raise StateInvalidError(
            f"{where} is a private key, not a recipient",
            hint="give its public half (a .pub file); one that was typed stands in the shell's history: replace it",
        )
    kind = pyrage.x25519 if text.startswith("age1") else pyrage.ssh
    try:
        if is_recipient(text):
            found: object = kind.Recipient.from_str(text)
            return found
    except pyrage.RecipientError:
        pass
    raise StateInvalidError(f"{where} is not a recipient that can be used here", hint=_HINT)


def read_recipient(text: str, *, where: str) -> str:
    """A recipient in the form in which it is stored, verified. Raises StateInvalidError."""
    line = " ".join(text.split())
    load_recipient(line, where=where)
    return line


def read_recipients(lines: Iterable[str], *, where: str) -> list[str]:
    """The recipients in a file's lines; empty ones and comments are left out. Raises StateInvalidError."""
    found = [
        read_recipient(line, where=f"{where}:{number}")
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not found:
        raise StateInvalidError(f"{where} holds no recipient", hint=_HINT)
    return found


def key_of(recipient: str) -> str:
    """A recipient without the comment of an SSH key, which says nothing about who can read."""
    return " ".join(recipient.split()[:2])


def short(recipient: str) -> str:
    """How a recipient is called in an event or on a screen: enough to recognise it.

    SSH keys by the start of the fingerprint that `ssh-keygen -l` prints, and their comment.
    """
    import base64
    import hashlib

    if not is_recipient(recipient):
        # Whatever it is, it may be a private key that was put into the wrong place.
        return "(not a recipient)"
    if recipient.startswith("age1"):
        return f"{recipient[:10]}…{recipient[-6:]}"
    kind, *rest = recipient.split()
    try:
        digest = hashlib.sha256(base64.b64decode(rest[0])).digest()
    except (IndexError, ValueError):
        return kind
    fingerprint = base64.b64encode(digest).decode()[:16]
    return " ".join([kind, f"SHA256:{fingerprint}…", *rest[1:]])[:80]
