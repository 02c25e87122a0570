"""The durable store: free readers, one writer at a time, one transaction per change."""

from __future__ import annotations

import copy
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from k0rdent_azure.clock import Clock, timestamp
from k0rdent_azure.errors import (
    StateConflictError,
    StateError,
    StateExistsError,
    StateInvalidError,
    StateNotFoundError,
    StateReadOnlyError,
)
from k0rdent_azure.state.checks import check, refuse_errors
from k0rdent_azure.state.codec import dump, parse
from k0rdent_azure.state.document import Document, StatePath, keys_of, lookup
from k0rdent_azure.state.events import seal_old_events, segment_folder
from k0rdent_azure.state.files import remove_leftovers, replace_durably
from k0rdent_azure.state.lock import write_lock
from k0rdent_azure.state.migrations import is_newer_major, migrate
from k0rdent_azure.state.model import State


class FileStore:
    """One state file. Every read and every commit validates; nothing is repaired silently."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self.path = path
        self.backup = path.with_name(path.name + ".backup")
        self._lock = path.with_name(f".{path.name}.lock")
        self._clock = clock
        self._lineage: str | None = None
        self._kept: tuple[Signature, Document] | None = None

    def exists(self) -> bool:
        """Whether there is a state file (valid or not)."""
        return self.path.exists()

    def read(self) -> Document:
        """The document as it is now. Takes no lock: the file is whole at every instant.

        Raises StateNotFoundError, and StateInvalidError naming the fault and the newest good copy.
        """
        document = self._load()
        if self._lineage is None:
            self._lineage = document.lineage
        return document

    def create(self, data: Mapping[str, object]) -> Document:
        """Write the first version (serial 1, a new lineage). Raises StateExistsError."""
        with write_lock(self._lock):
            if self.exists():
                raise StateExistsError(
                    f"{self.path} exists already", hint="resume that deployment, or destroy it first"
                )
            first = copy.deepcopy(dict(data))
            metadata = _section(first, "metadata")
            metadata["serial"] = 1
            metadata["lineage"] = self._lineage = str(uuid.uuid4())
            self._commit(first, keep=False)
        return self.read()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One change: everything done to the transaction is committed at its end, or, on an error, nothing.

        The document is read anew under the write lock, so changes of others are never overwritten. Raises
        StateConflictError where the file is by now another deployment's, StateReadOnlyError where a newer
        major schema wrote it, StateInvalidError where the result would be invalid.
        """
        with write_lock(self._lock):
            remove_leftovers(self.path.resolve().parent)
            document = self._load()
            self._refuse_foreign(document)
            transaction = Transaction(document, self._clock)
            yield transaction
            if not transaction.changed:
                return
            data = transaction.data
            if data.get("configuration") != document.data.get("configuration"):
                raise StateInvalidError(
                    "configuration: the snapshot cannot be changed after creation",
                    hint="destroy and deploy again to use another configuration",
                )
            metadata = _section(data, "metadata")
            metadata["serial"] = document.serial + 1
            metadata["last_updated"] = timestamp(self._clock.now())
            metadata.setdefault("lineage", str(uuid.uuid4()))
            self._commit(data, keep=True)
            self._lineage = str(metadata["lineage"])

    def archive(self, target: Path) -> Path:
        """Move the state, its backup and its segments into `target`; returns that folder."""
        with write_lock(self._lock):
            try:
                target.mkdir(mode=0o700, parents=True, exist_ok=True)
                for source in (self.backup, segment_folder(self.path), self.path):
                    if source.exists():
                        shutil.move(source, target / source.name)
            except OSError as error:
                raise StateError(f"cannot archive to {target}: {error.strerror or error}") from error
        return target

    def _load(self) -> Document:
        """The document on disk; parsed only where the file is another one than last time."""
        signature = _signature(self.path)
        if self._kept is not None and self._kept[0] == signature:
            return self._kept[1]
        document = self._parse()
        if signature is not None:
            self._kept = (signature, document)
        return document

    def _parse(self) -> Document:
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            raise StateNotFoundError(
                f"there is no state file {self.path}", hint="start with: k0rdent-azure init, then deploy"
            ) from None
        except OSError as error:
            raise StateInvalidError(f"cannot read {self.path}: {error.strerror}") from error
        try:
            data = migrate(parse(text, source=str(self.path)))
            document = Document(data, path=self.path, text=text)
            if not is_newer_major(data):
                refuse_errors(check(data), text=text, source=str(self.path))
            _ = document.state
        except StateInvalidError as error:
            error.hint = self._good_copy() or error.hint
            raise
        return document

    def _good_copy(self) -> str | None:
        """Names the backup with its age, if it can be read."""
        try:
            data = parse(self.backup.read_bytes(), source=str(self.backup))
            refuse_errors(check(data), text=b"", source=str(self.backup))
            age = datetime.now(UTC).timestamp() - self.backup.stat().st_mtime
        except (OSError, StateError):
            return None
        return f"the newest good copy is {self.backup} ({age / 60:.0f} min old): cp it over {self.path.name}"

    def _refuse_foreign(self, document: Document) -> None:
        if is_newer_major(document.data):
            version = document.state.metadata.schema_version
            raise StateReadOnlyError(
                f"{self.path} has schema {version}, which is newer than this program",
                hint="use a newer k0rdent-azure; reading works",
            )
        if self._lineage is not None and document.lineage != self._lineage:
            raise StateConflictError(
                f"{self.path} is another deployment's by now: lineage {document.lineage}, "
                f"expected {self._lineage}",
                hint="someone replaced the file; look at it with `k0rdent-azure status`",
            )

    def _commit(self, data: dict[str, object], *, keep: bool) -> None:
        seal_old_events(data, self.path)
        refuse_errors(check(data), text=b"", source="the new version (not written)")
        text = dump(data)
        replace_durably(self.path, text, keep=self.backup if keep else None)
        signature = _signature(self.path)
        if signature is not None:
            self._kept = (signature, Document(data, path=self.path, text=text))


#: Each commit makes a new file, so its inode, time and size tell one version from another.
Signature = tuple[int, int, int]


def _signature(path: Path) -> Signature | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


class Transaction:
    """Changes to one document, by path. `state` and `document` stay as they were read."""

    def __init__(self, document: Document, clock: Clock) -> None:
        self.document = document
        self.data: dict[str, object] = copy.deepcopy(document.data)
        self.changed = False
        self._clock = clock

    @property
    def state(self) -> State:
        """The typed view of the document as it was read, before this transaction's changes."""
        return self.document.state

    def get(self, path: StatePath) -> object:
        """The value at `path`, with this transaction's changes. Raises StateError."""
        return lookup(self.data, path)

    def has(self, path: StatePath) -> bool:
        """Whether there is a value at `path`, with this transaction's changes."""
        try:
            lookup(self.data, path)
        except StateError:
            return False
        return True

    def set(self, path: StatePath, value: object) -> None:
        """Put a value (plain data or a struct) at `path`; missing mappings on the way are made."""
        *parents, last = keys_of(path)
        parent = self._mapping(parents)
        parent[str(last)] = _plain(value)
        self.changed = True

    def merge(self, path: StatePath, values: Mapping[str, object] | msgspec.Struct) -> None:
        """Put each of `values` beside what is at `path`. A struct's unset (None) fields are left alone."""
        plain = _plain(values)
        assert isinstance(plain, dict)  # noqa: S101 - structs and mappings both become dicts
        if isinstance(values, msgspec.Struct):
            plain = {key: value for key, value in plain.items() if value is not None}
        self._mapping(keys_of(path)).update(plain)
        self.changed = True

    def delete(self, path: StatePath) -> None:
        """Remove what is at `path`; nothing there is fine."""
        *parents, last = keys_of(path)
        if self.has(parents):
            parent = self._mapping(parents)
            if str(last) in parent:
                del parent[str(last)]
                self.changed = True

    def event(
        self,
        phase: str,
        action: str,
        message: str | None = None,
        *,
        resource: str | None = None,
        details: str | None = None,
    ) -> None:
        """Add an event to the audit trail; it is committed with the changes that it explains."""
        event = {"timestamp": timestamp(self._clock.now()), "phase": phase, "action": action}
        optional = {"resource": resource, "message": message, "details": details}
        event |= {key: value for key, value in optional.items() if value is not None}
        events = self.data.setdefault("events", [])
        if not isinstance(events, list):
            raise StateInvalidError("events: expected a list", hint="see `k0rdent-azure state check`")
        events.append(event)
        self.changed = True

    def begin_operation(
        self,
        name: str,
        *,
        kind: str,
        target: str,
        phase: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        """Record the intent of a side effect outside, before it happens."""
        operation: dict[str, object] = {"kind": kind, "target": target}
        operation["started_at"] = timestamp(self._clock.now())
        if phase is not None:
            operation["phase"] = phase
        if details:
            operation["details"] = dict(details)
        self.set(("pending_operations", name), operation)

    def end_operation(self, name: str) -> None:
        """Record that a side effect's outcome is known; the changes beside it say which."""
        self.delete(("pending_operations", name))

    def _mapping(self, keys: list[str | int]) -> dict[str, object]:
        here: object = self.data
        for key in keys:
            if isinstance(here, list):
                here = lookup(here, [key])
                continue
            assert isinstance(here, dict)  # noqa: S101
            if here.get(str(key)) is None:
                here[str(key)] = {}
            here = here[str(key)]
            if not isinstance(here, dict | list):
                raise StateError(f"{'.'.join(map(str, keys))}: {key} holds a value, not a mapping")
        if not isinstance(here, dict):
            raise StateError(f"{'.'.join(map(str, keys))} is a list, not a mapping")
        return here


def _section(data: dict[str, object], name: str) -> dict[str, object]:
    section = data.setdefault(name, {})
    if not isinstance(section, dict):
        raise StateInvalidError(f"{name}: expected a mapping", hint="see `k0rdent-azure state check`")
    return section


def _plain(value: object) -> object:
    return msgspec.to_builtins(value, str_keys=True)
