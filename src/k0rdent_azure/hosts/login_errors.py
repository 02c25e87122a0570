"""Why an SSH login did not work, told apart: who is in the way, and what to look at.

A port that is shut, a server that is not there yet, a key that is refused and a key file that is none need different
things from the user. The types that callers branch on are few: unreachable, refused, another host key, our own key.
"""

from __future__ import annotations

import base64
import errno
import os
import shlex
import socket
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import asyncssh

from k0rdent_azure.errors import HostError, HostKeyMismatchError, HostUnreachableError, LoginRefusedError
from k0rdent_azure.hosts.command import printable
from k0rdent_azure.hosts.key_files import decoded

if TYPE_CHECKING:
    from k0rdent_azure.hosts.login import Target

#: What an error shows of the other side's words, in characters.
SHOWN = 200
#: SSH_DISCONNECT_* of RFC 4253, 11.1: no more attempts at a login.
_NO_MORE_ATTEMPTS = frozenset({13, 14})
_PUBLIC = ("ssh-", "ecdsa-", "sk-", "---- BEGIN SSH2 PUBLIC", "-----BEGIN PUBLIC", "-----BEGIN RSA PUBLIC")


class _Cause(NamedTuple):
    reason: str
    hint: str


def told(target: Target, error: BaseException, *, key_path: Path) -> HostError:
    """The error for a login that failed with `error`.

    HostKeyMismatchError for another host key, LoginRefusedError if the server takes neither the user nor the key,
    HostUnreachableError for all that may pass.
    """
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return HostKeyMismatchError(
            f"{target.name} ({target.address}) shows another host key than the one recorded for it",
            hint="someone else answers at that address; do not go on before you know who",
        )
    if _is_refused(error):
        return LoginRefusedError(
            f"{target.name} ({target.address}:{target.port}) refuses the SSH login of {target.username}: "
            f"{printable(str(error))[:SHOWN]}",
            hint=f"it answers, but does not let {target.username} in with {key_path}: is that the deployment's key, "
            f"and was neither the user nor its ~/.ssh/authorized_keys changed on {target.name}?",
        )
    return unreachable(target, error)


def unreachable(target: Target, error: BaseException) -> HostUnreachableError:
    """What stands between us and the host, in the words of whoever said it."""
    cause = _cause(target, error)
    return HostUnreachableError(
        f"no SSH connection to {target.name} ({target.address}:{target.port}): {printable(cause.reason)[:SHOWN]}",
        hint=cause.hint,
    )


def unusable_key(path: Path, error: BaseException) -> HostError:
    """The error for a private key file that cannot be used; nothing of what it holds is in it."""
    if isinstance(error, OSError):
        reason, hint = error.strerror or "cannot be read", "put the deployment's own key back there"
        if isinstance(error, FileNotFoundError):
            reason = "is not there"
        elif isinstance(error, PermissionError):
            hint = f"let yourself read it, and nobody else: chmod 600 {shlex.quote(str(path))}"
        return HostError(f"the SSH private key {path}: {reason}", hint=hint)
    try:
        text = decoded(path.read_bytes())[:4096]
    except OSError:
        text = ""
    reason, hint = key_fault(text, path=path)
    return HostError(f"the SSH private key {path}: {reason}", hint=hint)


def key_fault(text: str, *, path: Path | None) -> tuple[str, str]:
    """Why this text is no private key that can be used, and what helps."""
    put_back = "put the deployment's own private key back there"
    where = shlex.quote(str(path)) if path is not None else "FILE"
    head = text.lstrip("\ufeff \t\r\n")
    if _has_passphrase(text):
        return (
            "has a passphrase; it must be stored without one, because k0sctl runs without a terminal",
            f"remove the passphrase (leave the new one empty): ssh-keygen -p -f {where}",
        )
    if head.startswith("PuTTY-User-Key-File"):
        return (
            "is in PuTTY's format",
            f"convert it: puttygen {where} -O private-openssh -o {where}.new, and move that in its place",
        )
    if head.startswith(_PUBLIC):
        return "holds a public key", f"{put_back}: the public one is the file beside it that ends in .pub"
    cut_off = head.startswith("-----BEGIN ") and "-----END " not in text
    reason = "is cut off: it has no end line" if cut_off else "is not an unencrypted private key"
    return reason if head else "is empty", put_back


def _has_passphrase(text: str) -> bool:
    """By its headers, or in OpenSSH's own form by the name of its cipher.

    https://cvsweb.openbsd.org/src/usr.bin/ssh/PROTOCOL.key
    """
    if "-----BEGIN ENCRYPTED PRIVATE KEY" in text or "Proc-Type: 4,ENCRYPTED" in text:
        return True
    _, begin, body = text.partition("-----BEGIN OPENSSH PRIVATE KEY-----")
    if not begin:
        return False
    try:
        # The first 48 characters hold the magic number and the cipher.
        raw = base64.b64decode("".join(body.split())[:48])
    except ValueError:
        return False
    magic, length = b"openssh-key-v1\0", int.from_bytes(raw[15:19], "big")
    cipher = raw[19 : 19 + length]
    return raw.startswith(magic) and len(cipher) == length > 0 and cipher != b"none"


def _is_refused(error: BaseException) -> bool:
    """Whether the server said no to who we are, in one of its ways."""
    if isinstance(error, asyncssh.PermissionDenied):
        return True
    if not isinstance(error, asyncssh.DisconnectError):
        return False
    said = error.reason.lower()
    return (
        error.code in _NO_MORE_ATTEMPTS
        or "too many authentication failures" in said
        or "permission denied" in said
    )


def _cause(target: Target, error: BaseException) -> _Cause:
    network = f"is it running, and may TCP port {target.port} leave this network?"
    if isinstance(error, TimeoutError):
        return _Cause("no answer in time", network)
    if isinstance(error, socket.gaierror):
        passing = error.errno == socket.EAI_AGAIN
        return _Cause(
            f"the name cannot be looked up: {error.strerror}",
            "no name server answers: is this machine online?"
            if passing
            else "does the VM still exist, and does this network's DNS know Azure's names?",
        )
    if isinstance(error, OSError) and error.errno:
        return _Cause(*_of_network(error.errno, target, network))
    return _of_protocol(target, error, network)


def _of_protocol(target: Target, error: BaseException, network: str) -> _Cause:
    words = str(error) or type(error).__name__
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return _Cause(
            words,
            "its sshd takes none of our algorithms: see Ciphers, MACs and KexAlgorithms in its sshd_config",
        )
    if isinstance(error, asyncssh.ConnectionLost) or "connection lost" in words.lower():
        return _Cause(
            f"it closed the connection before the login ({words})",
            "its sshd is starting, or has too many logins at once (MaxStartups); or something on the way, such as a "
            "firewall, ends connections",
        )
    if isinstance(error, asyncssh.ProtocolError | asyncssh.ProtocolNotSupported):
        return _Cause(
            f"what answers there does not speak SSH as it should ({words})",
            f"look at what listens on port {target.port} of {target.name}",
        )
    return _Cause(words, network)


def _of_network(number: int, target: Target, network: str) -> tuple[str, str]:
    """asyncio's own words are "Connect call failed ('20.1.2.3', 22)"."""
    words = os.strerror(number)
    if number == errno.ECONNREFUSED:
        return (
            words,
            f"{target.name} is up, and nothing listens on port {target.port}: it boots, or its sshd does not run",
        )
    if number in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN):
        return words, "is this machine online, and is the VPN up if the address is one of it?"
    if number in (errno.ECONNRESET, errno.EPIPE):
        return words, "something ended the connection: its sshd as it starts, or a firewall on the way"
    if number in (errno.EMFILE, errno.ENFILE):
        return words, "this machine has too few file descriptors: ulimit -n 4096"
    return words, network
