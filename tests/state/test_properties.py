"""Random documents and random changes: the store against a plain model, the quick reader against the strict one."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Iterator
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from k0rdent_azure.errors import StateError, StateInvalidError
from k0rdent_azure.state import canonical, strict_yaml
from k0rdent_azure.state.canonical import MAX_DEPTH, MAX_KEY
from k0rdent_azure.state.chain import verify_history
from k0rdent_azure.state.codec import dump, parse
from k0rdent_azure.state.document import read_document
from k0rdent_azure.state.draft import Draft
from k0rdent_azure.state.events import history
from k0rdent_azure.state.store import Store
from k0rdent_azure.state.transaction import Transaction
from tests.fuzz.mutations import mutate_text
from tests.state.conftest import StillClock, small
from tests.state.documents import DOCUMENTS, KEYS, TEXTS, VALUES, Model, depth, nested, same
from tests.state.memory_storage import MemoryStorage

#: What the store itself changes at each commit.
_OWN = ("serial", "last_updated", "lineage")

Change = tuple[Literal["set", "merge", "delete", "event", "restore"], tuple[str, ...], object]
_STEPS = st.sampled_from(["a", "b", "list", "0", "1", "-1", "x.y"]) | KEYS
_PATHS = st.lists(_STEPS, max_size=4).map(lambda keys: ("x", *keys))
_CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.tuples(st.just("set"), _PATHS, VALUES | nested()),
    st.tuples(st.just("merge"), _PATHS, st.dictionaries(KEYS, VALUES, max_size=3)),
    st.tuples(st.just("delete"), _PATHS, st.none()),
    st.tuples(st.just("event"), st.just(("x",)), TEXTS),
    st.tuples(st.just("restore"), st.just(("x",)), st.integers(0, 20)),
)


@settings(max_examples=150)
@given(DOCUMENTS, st.lists(st.lists(_CHANGES, max_size=4), max_size=5))
def test_transactions_do_what_a_plain_model_does(
    first: dict[str, object], batches: list[list[Change]]
) -> None:
    storage = MemoryStorage()
    start = {**small(), "x": {"list": [{"a": 1}, [2], 3], "free": first}}
    Store(storage, clock=StillClock()).create(start)
    model, messages = Model(start), list[str]()
    versions = [copy.deepcopy(model.data)]
    store = Store(storage, clock=StillClock())
    for batch in batches:
        before = storage.content
        with store.transaction() as tx:
            for change in batch:
                _apply_both(tx, model, change, messages, versions)
            assert same(_rest(tx.data), _rest(model.data))
        # The writer goes on with what it has in memory; everybody else reads what is there.
        if storage.content != before:
            versions.append(copy.deepcopy(model.data))
        assert storage.content is not None
        read = read_document(storage.content, source="x")
        assert same(_rest(read.data), _rest(model.data))
        assert same(store.read().data, read.data)
        assert read.serial == len(versions)
        assert [event.message for event in history(read, storage)] == messages
        assert verify_history(read, storage) == ([], len(messages))


def _apply_both(
    tx: Transaction, model: Model, change: Change, messages: list[str], versions: list[dict[str, object]]
) -> None:
    kind, keys, value = change
    if kind == "event":
        assert isinstance(value, str)
        tx.event("preparation", "noted", value)
        messages.append(value)
    elif kind == "restore":
        assert isinstance(value, int)
        data = versions[value % len(versions)]
        tx.restore({**data, "metadata": {**small()["metadata"], "serial": 99}})  # type: ignore[dict-item]
        model.data = copy.deepcopy(data)
    else:
        wanted = Model(model.data)
        refused = False
        try:
            _apply(wanted, kind, keys, value)
        except StateError:
            refused = True
        refused = refused or depth(wanted.data) > MAX_DEPTH
        before = copy.deepcopy(tx.data)
        try:
            _apply(tx.by_path, kind, keys, value)
        except StateError:
            assert refused
            # What was refused has changed nothing.
            assert same(_rest(tx.data), _rest(before))
            return
        assert not refused
        model.data = wanted.data


def _apply(target: Model | Draft, kind: str, keys: tuple[str, ...], value: object) -> None:
    if kind == "set":
        target.set(keys, value)
    elif kind == "merge":
        assert isinstance(value, dict)
        target.merge(keys, value)
    else:
        target.delete(keys)


def _rest(data: dict[str, object]) -> dict[str, object]:
    """The document without what is history and what commits count."""
    metadata = data["metadata"]
    assert isinstance(metadata, dict)
    rest = {key: value for key, value in data.items() if key not in ("events", "event_history", "metadata")}
    return {**rest, "metadata": {key: value for key, value in metadata.items() if key not in _OWN}}


@given(DOCUMENTS)
@example({"a": {"b": -0.0, "c": 0.0}, "t": [True, 1, 1.0]})
def test_our_form_is_read_by_both_readers_alike(document: dict[str, object]) -> None:
    text = dump(document)
    assert same(parse(text, source="x"), document)
    assert same(strict_yaml.parse(text, source="x"), document)
    assert dump(parse(text, source="x")) == text


@settings(max_examples=300)
@given(DOCUMENTS, st.integers(0, 2**32), st.integers(1, 3))
def test_the_quick_reader_reads_nothing_that_the_strict_one_does_not(
    document: dict[str, object], seed: int, times: int
) -> None:
    """On our own form with something else in it, it gives the same, or it leaves the text to the other."""
    rng, text = random.Random(seed), dump(document)
    for _ in range(times):
        text = mutate_text(text, rng)
    try:
        quick = canonical.read(text.decode())
    except UnicodeDecodeError:
        return
    if quick is not None:
        assert same(quick, strict_yaml.parse(text, source="x"))


def _short_texts() -> Iterator[str]:
    """Every text of up to three lines of these."""
    lines = (
        *(
            "a: 1",
            "a:",
            "b: {}",
            "b:",
            "c: 1",
            '"a": "x"',
            "  a: 1",
            "  b:",
            "  c: []",
            "- 1",
            "- a: 1",
            "- a:",
        ),
        *(
            "  - 1",
            "  b: 2",
            "    a: 1",
            "- - 1",
            "null: 1",
            "",
            "# x",
            "a: 01",
            "a: 1.0e+400",
            'a: "\\ud83d"',
        ),
    )
    for count in (1, 2, 3):
        for chosen in itertools.product(lines, repeat=count):
            yield "\n".join([*chosen, ""])


def test_the_quick_reader_on_every_short_text() -> None:
    read = 0
    for text in _short_texts():
        quick = canonical.read(text)
        if quick is not None:
            read += 1
            assert same(quick, strict_yaml.parse(text.encode(), source="x")), text
    assert read > 100


@given(nested())
def test_nesting_has_one_limit_for_all(value: object) -> None:
    """What may be written can be read, by both readers, also beside signs that make them look twice."""
    document = {"a": value, "star": "*", "brackets": "[" * 80}
    if depth(document) > MAX_DEPTH:
        written = canonical.mapping(document, 0)
        assert canonical.read(written) is None
        with pytest.raises(StateInvalidError, match="nested deeper"):
            strict_yaml.parse(written.encode(), source="x")
        with pytest.raises(StateInvalidError, match="nested deeper"):
            dump(document)
        return
    text = dump(document)
    assert same(parse(text, source="x"), document)
    assert same(strict_yaml.parse(text, source="x"), document)
    assert same(parse(text + b"# a person was here\n", source="x"), document)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=100, max_size=MAX_KEY + 1)
    | st.integers(160, 257).map("\1".__mul__)
)
def test_a_key_that_is_written_can_be_read(key: str) -> None:
    for document in ({key: 1}, {"a": [[{key: 1}]]}):
        try:
            text = dump(document)
        except StateInvalidError:
            assert len(key) > 160
            continue
        assert same(strict_yaml.parse(text, source="x"), document)
        assert same(parse(text, source="x"), document)
