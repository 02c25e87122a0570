"""age's identities (age-encryption.org/v1): the private keys of this machine's user that open a state's secrets.

An identity file is age's own, or an OpenSSH private key. No message holds a word of what stands in one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from k0rdent_azure.errors import PrerequisiteError
from k0rdent_azure.home import home_folder

#: Names the one identity file to use; without it the files below are tried, those that are there.
VARIABLE = "K0RDENT_AZURE_AGE_IDENTITY"
FILES = (".config/k0rdent-azure/identity.txt", ".ssh/id_ed25519", ".ssh/id_rsa")
#: No key file comes near it.
_MAX_BYTES = 1024 * 1024
_LOCKED = "needs its passphrase"


class IdentityFile:
    """A file that may hold identities: `keys` are pyrage's; `trouble` says why there are none."""

    __slots__ = ("keys", "path", "trouble")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys: list[object] = []
        self.trouble: str | None = None
        try:
            self.keys = _read_identities(_content(path))
        except _UnusableError as error:
            self.trouble = str(error)

    def __str__(self) -> str:
        return f"{self.path} ({self.trouble or 'another key'})"


class Identities:
    """The identity files of this machine's user; nothing is read before it is asked for."""

    def __init__(self, *, environ: Mapping[str, str] = os.environ, home: Path | None = None) -> None:
        self._environ = environ
        self._home = home

    @cached_property
    def candidates(self) -> list[Path]:
        """Where identities are looked for, there or not."""
        named = self._environ.get(VARIABLE)
        if named:
            # Never raises, unlike pathlib: `~nobody` is then a file that is not there.
            return [Path(os.path.expanduser(named))]  # noqa: PTH111
        home = self._home or home_folder(self._environ)
        return [] if home is None else [home / name for name in FILES]

    @cached_property
    def files(self) -> list[IdentityFile]:
        """Those that are there, and the one that the variable names in any case."""
        return [IdentityFile(path) for path in self.candidates if self._is_named or os.path.lexists(path)]

    @property
    def keys(self) -> list[object]:
        """Every identity that can be used."""
        return [key for file in self.files for key in file.keys]

    def refusal(self, message: str) -> PrerequisiteError:
        """The error to raise where none of them fits: which were tried, and what to do."""
        hint = f"set {VARIABLE} to an identity file of a recipient"
        if any(file.trouble == _LOCKED for file in self.files):
            hint = (
                "an SSH key with a passphrase cannot be used here: copy it, take the passphrase off the copy with "
                f"`ssh-keygen -p -f COPY`, and set {VARIABLE} to the copy"
            )
        if self.files:
            return PrerequisiteError(f"{message}: tried {', '.join(map(str, self.files))}", hint=hint)
        looked = ", ".join(map(str, self.candidates)) or "nowhere, because this user has no home folder"
        return PrerequisiteError(f"{message}: there is none here; looked for {looked}", hint=hint)

    @property
    def _is_named(self) -> bool:
        return bool(self._environ.get(VARIABLE))


class _UnusableError(Exception):
    """Why a file gives no identity; its text holds nothing of the file."""


def _content(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise _UnusableError("no such file" if not path.exists() else "not a regular file")
        if path.stat().st_size > _MAX_BYTES:
            raise _UnusableError("too large for a key")
        return path.read_bytes()
    except OSError as error:
        raise _UnusableError(f"cannot be read: {error.strerror}") from None


def _read_identities(content: bytes) -> list[object]:
    if content.startswith((b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")):
        raise _UnusableError("encrypted itself; decrypt it with `age -d` first")
    if content.lstrip().startswith(b"-----BEGIN "):
        return [_ssh_identity(content)]
    found = list(_age_identities(content.decode(errors="replace")))
    if not found:
        raise _UnusableError("holds no identity")
    return found


def _ssh_identity(content: bytes) -> object:
    import pyrage

    try:
        identity: object = pyrage.ssh.Identity.from_buffer(content)
    except pyrage.IdentityError as error:
        told = str(error)
        if "decrypted first" in told or "Encrypted" in told:
            raise _UnusableError(_LOCKED) from None
        raise _UnusableError("not an SSH key that age can use; ed25519 and RSA keys are") from None
    return identity


def _age_identities(text: str) -> Iterator[object]:
    import pyrage

    for number, line in enumerate(text.splitlines(), start=1):
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        if word.startswith("AGE-PLUGIN-"):
            raise _UnusableError(f"line {number} is a plugin's identity, which cannot be used here")
        try:
            yield pyrage.x25519.Identity.from_str(word)
        except pyrage.IdentityError:
            raise _UnusableError(f"line {number} is not an age identity") from None
