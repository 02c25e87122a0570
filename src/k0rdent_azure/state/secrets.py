"""Private keys at rest: in clear, or encrypted to age recipients that the document names.

An encrypted value is `age:` and, in base64, an age file of that one value, so that everything else in the document
stays readable and a key that did not change keeps its text. Whoever uses a key opens it at that moment; the store
encrypts whatever stands in clear when it commits a document that has recipients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from k0rdent_azure.errors import K0rdentAzureError, StateInvalidError

if TYPE_CHECKING:
    from pathlib import Path

    from k0rdent_azure.state.age_identities import Identities
    from k0rdent_azure.state.transaction import Transaction

#: Values under these keys are private keys; they never stand in a message.
SECRET_KEYS = frozenset({"private_key", "host_private_key"})
PREFIX = "age:"
_AGE_FILE = b"age-encryption.org/v1\n"
#: Neither holds keys of ours, and `configuration` cannot be changed.
_WITHOUT_SECRETS = frozenset({"configuration", "events", "event_history"})
#: How pyrage tells a value that is another recipient's from one that is damaged.
_ANOTHER_RECIPIENT = "No matching keys found"

SecretPath = tuple[str | int, ...]


def is_encrypted(value: object) -> bool:
    """Whether `value` says that it is encrypted; `is_well_formed` tells whether it can be."""
    return isinstance(value, str) and value.startswith(PREFIX)


def is_well_formed(value: str) -> bool:
    """Whether an encrypted value is base64 of what begins as an age file does."""
    return _age_file(value) is not None


def _age_file(value: str) -> bytes | None:
    import base64
    import binascii

    try:
        content = base64.b64decode(value.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return None
    return content if content.startswith(_AGE_FILE) and b"\n--- " in content else None


def is_secret(path: SecretPath) -> bool:
    """Whether what stands at `path` is a private key, or part of one."""
    return not SECRET_KEYS.isdisjoint(path)


def secret_values(data: Mapping[str, object]) -> Iterator[tuple[SecretPath, str]]:
    """Every private key in a document with its path, encrypted or not."""
    for key, section in data.items():
        if key not in _WITHOUT_SECRETS:
            yield from values_below(section, (key,))


def values_below(value: object, path: SecretPath) -> Iterator[tuple[SecretPath, str]]:
    """Every private key in the part of a document that stands at `path`, that part itself included."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from values_below(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from values_below(inner, (*path, index))
    elif isinstance(value, str) and value and is_secret(path):
        yield path, value


def replace_below(value: object, path: SecretPath, convert: Callable[[str], str]) -> object:
    """A copy of the part of a document that stands at `path`, with every private key in it converted."""
    if isinstance(value, dict):
        return {key: replace_below(inner, (*path, key), convert) for key, inner in value.items()}
    if isinstance(value, list):
        return [replace_below(inner, (*path, index), convert) for index, inner in enumerate(value)]
    return convert(value) if isinstance(value, str) and value and is_secret(path) else value


def recipients_of(data: Mapping[str, object]) -> tuple[str, ...]:
    """Whom a document names in `metadata.secrets.recipients`; none where its keys are to stand in clear."""
    here: object = data
    for key in ("metadata", "secrets", "recipients"):
        here = here.get(key) if isinstance(here, Mapping) else None
    return tuple(item for item in here if isinstance(item, str)) if isinstance(here, list) else ()


class Vault:
    """Encrypts to `recipients`, decrypts with the identities of this machine, which are not read before that."""

    def __init__(self, recipients: Sequence[str], *, identities: Identities | None = None) -> None:
        self.recipients = tuple(recipients)
        self._identities = identities
        self._loaded: list[object] | None = None

    @property
    def identities(self) -> Identities:
        if self._identities is None:
            from k0rdent_azure.state.age_identities import Identities

            self._identities = Identities()
        return self._identities

    def encrypt(self, value: str) -> str:
        """`value` for the recipients. What is encrypted already, and all where there are no recipients, stays as it is.

        Raises StateInvalidError where a recipient is none.
        """
        if is_encrypted(value) or not self.recipients:
            return value
        import base64

        import pyrage

        sealed: bytes = pyrage.encrypt(value.encode(), self._load_recipients())
        return PREFIX + base64.b64encode(sealed).decode()

    def decrypt(self, value: str) -> str:
        """`value` in clear; what is in clear stays as it is.

        Raises PrerequisiteError where no identity here opens it, StateInvalidError where it is damaged.
        """
        if not is_encrypted(value):
            return value
        return self._open(value, self.identities.keys)

    def opener(self, value: str | None = None) -> Path | None:
        """The identity file here that opens `value`, or else what the recipients are sent; found by trying."""
        trial = value or self.encrypt("trial")
        if not is_encrypted(trial):
            return None
        for file in self.identities.files:
            try:
                self._open(trial, file.keys)
            except K0rdentAzureError:
                continue
            return file.path
        return None

    def _open(self, value: str, keys: Sequence[object]) -> str:
        import pyrage

        sealed = _age_file(value)
        if sealed is None:
            raise _damaged()
        try:
            opened: bytes = pyrage.decrypt(sealed, keys)
            return opened.decode()
        except pyrage.DecryptError as error:
            if _ANOTHER_RECIPIENT not in str(error):
                raise _damaged() from None
        except UnicodeDecodeError:
            # Not chained: this error carries what it could not decode.
            raise _damaged() from None
        from k0rdent_azure.state.age_recipients import short

        readers = ", ".join(map(short, self.recipients)) or "recipients that the state does not name"
        raise self.identities.refusal(f"no identity opens the private keys, which are encrypted to {readers}")

    def _load_recipients(self) -> list[object]:
        from k0rdent_azure.state.age_recipients import load_recipient

        if self._loaded is None:
            self._loaded = [
                load_recipient(text, where=f"metadata.secrets.recipients.{index}")
                for index, text in enumerate(self.recipients)
            ]
        return self._loaded


def seal_secrets(transaction: Transaction) -> None:
    """Encrypt what stands in clear in a change that is about to be committed, if the document has recipients.

    The store does this for every commit, so no writer needs to think of it. Raises StateInvalidError.
    """
    vault = Vault(recipients_of(transaction.data))
    if not vault.recipients:
        return
    for path, value in list(secret_values(transaction.data)):
        if not is_encrypted(value):
            transaction.by_path.set(path, vault.encrypt(value))


def _damaged() -> StateInvalidError:
    return StateInvalidError(
        "an encrypted private key is damaged: it is not a whole age file",
        hint="`k0rdent-azure secrets status` names it; the backup or a snapshot may have it whole",
    )
