"""The store: free readers, one writer at a time, one transaction per change, one commit per transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from k0rdent_azure.errors import (
    StateConflictError,
    StateError,
    StateExistsError,
    StateInvalidError,
    StateNotFoundError,
    StateReadOnlyError,
)
from k0rdent_azure.state import layout
from k0rdent_azure.state.codec import RECOVERY_HINT
from k0rdent_azure.state.document import Document, read_document
from k0rdent_azure.state.files import SYSTEM, Files
from k0rdent_azure.state.migrations import is_newer_major
from k0rdent_azure.state.rewriting import rewritten
from k0rdent_azure.state.secrets import seal_secrets
from k0rdent_azure.state.storage import FileStorage, Storage

if TYPE_CHECKING:
    from pathlib import Path

    from k0rdent_azure.clock import Clock
    from k0rdent_azure.state.transaction import Transaction


class Store:
    """One state document in some storage. Every read and every commit validates; nothing is repaired silently."""

    def __init__(
        self, storage: Storage, *, clock: Clock, lost: Callable[[], str | None] = lambda: None
    ) -> None:
        """`lost` is asked where the document and all its copies are gone: a way back from outside, in words."""
        self.storage = storage
        self._lost = lost
        self._clock = clock
        self._lineage: str | None = None
        self._kept: Document | None = None

    def exists(self) -> bool:
        """Whether there is a state document (valid or not)."""
        return self.storage.exists()

    def read(self) -> Document:
        """The document as it is now. Takes no lock: it is whole at every instant.

        Raises StateNotFoundError, and StateInvalidError naming the fault and the newest good copy.
        """
        document = self._load()
        if self._lineage is None:
            self._lineage = document.lineage
        return document

    def create(self, data: Mapping[str, object]) -> Document:
        """Write the first version (serial 1, a new lineage). Raises StateExistsError."""
        import uuid

        from k0rdent_azure.state.transaction import Transaction

        with self.storage.writing():
            if self.exists():
                raise StateExistsError(
                    f"{self.storage.where} exists already", hint="resume that deployment, or destroy it first"
                )
            first = Transaction(Document(dict(data), text=b"", source=self.storage.where), self._clock)
            first.by_path.delete("metadata.lineage")
            first.stamp(1, str(uuid.uuid4()))
            self._write_schema()
            return self._commit(first, known=0, keep=False)

    @contextmanager
    def transaction(self, *, based_on: Document | None = None) -> Iterator[Transaction]:
        """One change: everything done to the transaction is committed at its end, or, on an error, nothing.

        The document is read anew under the write lock, so changes of others are never overwritten. A writer that
        decided by what it had read before passes that as `based_on`. Raises StateConflictError where the
        document is not that one any more or by now another deployment's, StateReadOnlyError where a newer major
        schema wrote it, StateInvalidError where the result would be invalid.
        """
        # Readers do not pay for what only writers need.
        from k0rdent_azure.state.transaction import Transaction

        with self.storage.writing():
            document = self._load()
            self._refuse_foreign(document)
            _refuse_changed(document, based_on)
            transaction = Transaction(document, self._clock)
            yield transaction
            if not transaction.changed:
                return
            import uuid

            seal_secrets(transaction)
            _refuse_configuration(transaction)
            transaction.stamp(document.serial + 1, str(uuid.uuid4()))
            self._commit(transaction, known=_events_in(document), keep=True)

    def _load(self) -> Document:
        """The document as stored; parsed only where its bytes are not those of last time."""
        try:
            text = self.storage.read()
        except StateNotFoundError as error:
            error.hint = self._way_out() or self._lost() or error.hint
            raise
        if self._kept is not None and self._kept.text == text:
            return self._kept
        try:
            self._kept = read_document(text, source=self.storage.where)
        except StateInvalidError as error:
            error.hint = self._way_out() or error.hint
            raise
        return self._kept

    def _way_out(self) -> str | None:
        """The newest good copy with its age, and how to restore it."""
        from k0rdent_azure.state.recovery import newest_good_copy

        try:
            copy = newest_good_copy(self.storage)
        except StateError:
            # What is wrong with the document matters more than that no copy can be looked for.
            return None
        return None if copy is None else copy.hint

    def _refuse_foreign(self, document: Document) -> None:
        if is_newer_major(document.head):
            version = document.state.metadata.schema_version
            raise StateReadOnlyError(
                f"{self.storage.where} has schema {version}, which is newer than this program",
                hint="use a newer k0rdent-azure; reading works",
            )
        if self._lineage is not None and document.lineage != self._lineage:
            raise StateConflictError(
                f"{self.storage.where} is another deployment's by now: lineage {document.lineage}, "
                f"expected {self._lineage}",
                hint="someone replaced the file; look at it with `k0rdent-azure status`",
            )

    def _commit(self, transaction: Transaction, *, known: int, keep: bool) -> Document:
        from k0rdent_azure.state.checks import check, refuse_errors
        from k0rdent_azure.state.events import seal

        data, source = transaction.data, self.storage.where
        try:
            # What was read was checked then; what `create` is given was not.
            before = transaction.document.head if keep else None
            refuse_errors(check(data, before=before), text=b"", source="the new version (not written)")
            seal(data, known=known, storage=self.storage)
            new, text = rewritten(transaction.document, data)
        except StateInvalidError as error:
            self._set_aside(data, error)
            raise
        self._kept = None
        self.storage.replace(text, keep=keep)
        self._kept = Document(data, text=text, source=source, layout=new)
        self._lineage = self._kept.lineage
        return self._kept

    def _set_aside(self, data: Mapping[str, object], error: StateInvalidError) -> None:
        """Keep a candidate that was refused beside the good document; that it cannot be kept hides nothing."""
        try:
            where = self.storage.set_aside(layout.fresh(data).text(), ".rejected")
        except StateError:
            # What has no form, or no room, cannot be kept for a look either.
            error.hint = "nothing was changed"
            return
        error.hint = f"nothing was changed; the version that was refused is {where}"

    def _write_schema(self) -> None:
        """The schema that the document's first line names for editors; the document is whole without it."""
        from pathlib import Path

        content = (Path(__file__).parent / "deployment-state.schema.json").read_bytes()
        self.storage.write_part("schema.json", content)


class FileStore(Store):
    """The store of one state file."""

    storage: FileStorage

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock,
        files: Files = SYSTEM,
        lost: Callable[[], str | None] = lambda: None,
    ) -> None:
        super().__init__(FileStorage(path, files=files), clock=clock, lost=lost)
        self.path = path

    def archive(self, target: Path) -> Path:
        """Move the state and all that stands beside it into `target`; returns that folder.

        Raises StateError; then the state is still here, and this can be run again.
        """
        with self.storage.writing():
            self.storage.move_to(str(target))
        self._kept = None
        return target


def _events_in(document: Document) -> int:
    events = document.data.get("events")
    return len(events) if isinstance(events, list) else 0


def _refuse_changed(document: Document, based_on: Document | None) -> None:
    if based_on is None or based_on.text == document.text:
        return
    from k0rdent_azure.state.compare import changed_paths

    paths = changed_paths(based_on.data, document.data, limit=5)
    what = ", ".join(paths) or "only its layout"
    raise StateConflictError(
        f"{document.source} was changed since it was read: serial {based_on.serial} is {document.serial} now; "
        f"changed: {what}",
        hint="look at it again and repeat the command",
    )


def _refuse_configuration(transaction: Transaction) -> None:
    present, wanted = transaction.document.data, transaction.data
    if wanted.get("configuration") != present.get("configuration") and not transaction.reconfigured:
        raise StateInvalidError(
            "configuration: the snapshot cannot be changed after creation",
            hint="destroy and deploy again to use another configuration",
        )
    if not isinstance(wanted.get("metadata"), dict):
        raise StateInvalidError("metadata: expected a mapping", hint=RECOVERY_HINT)
