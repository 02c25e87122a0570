"""What must hold for any bytes: refused with a StateInvalidError, or read, shown, changed and read again."""

from __future__ import annotations

import io
import re
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console

from k0rdent_azure.cli.output import json_text
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.report.status import summary
from k0rdent_azure.report.status_view import render
from k0rdent_azure.report.text import clean
from k0rdent_azure.report.timeline import plain_line
from k0rdent_azure.state import canonical, document, strict_yaml
from k0rdent_azure.state.chain import verify_history
from k0rdent_azure.state.document import Document, LongDocument, read_document
from k0rdent_azure.state.migrations import is_newer_major
from k0rdent_azure.state.store import Store
from tests.state.documents import same
from tests.state.memory_storage import MemoryStorage

#: Seconds of processor time and bytes of memory that one reading of a document under 1 MB may take.
MAX_SECONDS = 2.0
MAX_MEMORY = 200 * 1024 * 1024
SOURCE = "fuzz.yaml"
NOW = datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)
#: What no terminal may be sent: controls, bidirectional and invisible signs.
_FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
#: What a commit changes by itself.
_OWN_METADATA = ("serial", "last_updated", "lineage")
_NASTY = 'new "value"\n\u202e: \\ # é 😀'


class Finding(AssertionError):  # noqa: N818 - it is what the fuzzer is after
    """The oracle does not hold."""


class _Clock(SystemClock):
    def now(self) -> datetime:
        return NOW


def judge(text: bytes, *, show: bool = True) -> str:
    """How `text` was taken: `refused`, `canonical`, `other`, `read-only`. Raises Finding.

    `show` renders the status screen too, which costs more than all the rest.
    """
    agrees = _readers_agree(text)
    read = _read(text)
    if read is None:
        return "refused"
    _check_lazy(text, read)
    _check_shown(read, draw=show)
    if is_newer_major(read.data):
        return "read-only"
    for change in (_set_unknown, _set_status):
        _check_commit(read, change)
    return "canonical" if agrees else "other"


def peak_memory() -> int:
    """Bytes that this process held at most so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _readers_agree(text: bytes) -> bool:
    """Whether the text is in our own form; then the strict parser must read the same."""
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        return False
    quick = canonical.read(decoded)
    if quick is None:
        return False
    try:
        strict = strict_yaml.parse(text, source=SOURCE)
    except StateInvalidError as error:
        raise Finding(f"the canonical reader takes what the strict one refuses: {error}") from error
    if not same(quick, strict):
        raise Finding(f"the readers disagree: {quick!r} and {strict!r}")
    return True


def _read(text: bytes) -> Document | None:
    started, memory = time.process_time(), peak_memory()
    try:
        read = read_document(text, source=SOURCE)
    except StateInvalidError as error:
        _check_refusal(error)
        return None
    except Exception as error:
        raise Finding(f"reading raised {type(error).__name__}: {error}") from error
    finally:
        spent, grown = time.process_time() - started, peak_memory() - memory
        if len(text) < 1024 * 1024 and (spent > MAX_SECONDS or grown > MAX_MEMORY):
            raise Finding(f"reading took {spent:.1f} s and {grown / 2**20:.0f} MB")
    return read


def _check_refusal(error: StateInvalidError) -> None:
    said = [error.message, error.hint or "", *map(str, error.faults)]
    if not error.message or any(_FORBIDDEN.search(clean(line)) for line in said):
        raise Finding(f"the refusal cannot be shown: {said!r}")


def _check_lazy(text: bytes, read: Document) -> None:
    """A long inline trail is read in part: never otherwise than as a whole."""
    with _setting(document, "NEWEST", 3), _setting(document, "LAZY_ABOVE", 0):
        long = read_document(text, source=SOURCE)
        if not isinstance(long, LongDocument):
            return
        whole, part = read.state, long.state
        if whole.events[-3:] != part.events:
            raise Finding(f"of the trail {part.events!r} was read, expected {whole.events[-3:]!r}")
    for name in whole.__struct_fields__:
        if name != "events" and getattr(whole, name) != getattr(part, name):
            raise Finding(f"{name} is another one without the trail")
    if not same(read.data, long.data):
        raise Finding("the document is another one when read in two steps")


def _check_shown(read: Document, *, draw: bool) -> None:
    try:
        report = summary(read.state, now=NOW, live_holder=None)
        lines = [plain_line(event, date=True) for event in read.state.events]
        lines += json_text(report).split("\n") + json_text(read.data).split("\n")
        if draw:
            screen = Console(file=io.StringIO(), width=100, color_system=None, markup=False, emoji=False)
            screen.print(render(report, width=100))
            assert isinstance(screen.file, io.StringIO)
            lines += screen.file.getvalue().split("\n")
    except Exception as error:
        raise Finding(f"showing it raised {type(error).__name__}: {error}") from error
    for line in lines:
        if _FORBIDDEN.search(line):
            raise Finding(f"shown with signs that a terminal must not be sent: {line!r}")


def _set_unknown(store: Store) -> tuple[str, ...]:
    with store.transaction() as tx:
        tx.by_path.set(("x-fuzz",), {"text": _NASTY, "list": [1, [2, {"three": None}]]})
    return ("x-fuzz",)


def _set_status(store: Store) -> tuple[str, ...]:
    with store.transaction() as tx:
        other = "failed" if tx.state.metadata.deployment_status != "failed" else "interrupted"
        tx.by_path.set(("metadata", "deployment_status"), other)
        tx.event("complete", "fuzzed", _NASTY)
    return ("metadata", "deployment_status")


def _check_commit(read: Document, change: object) -> None:
    assert callable(change)
    storage = MemoryStorage(read.text)
    try:
        changed = change(Store(storage, clock=_Clock()))
    except Exception as error:
        raise Finding(f"it loads, but a commit raised {type(error).__name__}: {error}") from error
    assert storage.content is not None
    try:
        again = read_document(storage.content, source="the new version")
    except StateInvalidError as error:
        raise Finding(f"the commit cannot be read: {error}") from error
    if storage.previous != read.text:
        raise Finding("the previous version was not kept as it was")
    before, after = _comparable(read.data, changed), _comparable(again.data, changed)
    if not same(before, after):
        raise Finding(f"the commit changed what it was not to: {_difference(before, after)}")
    if again.serial != read.serial + 1:
        raise Finding(f"serial {read.serial} became {again.serial}")
    _check_trail(read, again, storage)


def _check_trail(read: Document, again: Document, storage: MemoryStorage) -> None:
    """What was wrong with the trail still is; nothing new is."""
    own = [event for event in again.state.events if event.action == "fuzzed" and event.message == _NASTY]
    if own and _NASTY not in [event.message for event in read.state.events] and own[-1].chain is None:
        raise Finding("the new event is not linked")
    if read.state.event_history is None and not _errors(read, storage) and _errors(again, storage):
        raise Finding(f"the commit broke the trail: {_errors(again, storage)}")


def _errors(read: Document, storage: MemoryStorage) -> list[str]:
    return [str(fault) for fault in verify_history(read, storage)[0] if fault.severity == "error"]


def _comparable(data: Mapping[str, object], changed: tuple[str, ...]) -> dict[str, object]:
    """The document without what the commit itself changes."""
    rest = {key: value for key, value in data.items() if key not in (changed[0], "event_history", "events")}
    metadata = data["metadata"]
    assert isinstance(metadata, dict)
    gone = (*_OWN_METADATA, *changed[1:])
    rest["metadata"] = {key: value for key, value in metadata.items() if key not in gone}
    events = data.get("events") or []
    assert isinstance(events, list)
    rest["events"] = [event for event in events if event.get("action") != "fuzzed"]
    return rest


def _difference(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    for key in [*before, *after]:
        if key not in before or key not in after or not same(before[key], after[key]):
            return f"{key}: {str(before.get(key))[:200]!r} became {str(after.get(key))[:200]!r}"
    return "the order"


@contextmanager
def _setting(module: object, name: str, value: object) -> Iterator[None]:
    old = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, old)
