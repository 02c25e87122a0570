"""What a person wrote is read as any parser would, and stays, but for what a change replaces (`state/layout.py`)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k0rdent_azure.errors import StateError
from k0rdent_azure.state.codec import HEADER
from k0rdent_azure.state.document import read_document
from k0rdent_azure.state.store import Store
from k0rdent_azure.state.transaction import Transaction
from tests.state.conftest import StillClock, small
from tests.state.documents import DOCUMENTS, SCALARS, VALUES, same
from tests.state.handwriting import Hand, Keys, Line, mark_must_stay, must_stay, text_of
from tests.state.memory_storage import MemoryStorage

EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "timestamp": st.just("2025-01-07T15:30:00Z"),
            "phase": st.just("preparation"),
            "action": st.sampled_from(["a", "b"]),
        }
    ),
    max_size=3,
)


@st.composite
def handwritten(draw: st.DrawFn) -> tuple[list[Line], dict[str, object]]:
    """A valid state file in somebody's hand, and what it says."""
    data = {**small(), "x": draw(DOCUMENTS), "events": draw(EVENTS), "y": draw(VALUES)}
    order = draw(st.permutations(list(data)))
    data = {key: data[key] for key in order}
    return Hand(draw).document(data), data


@settings(max_examples=200)
@given(handwritten())
def test_any_hand_is_read(written: tuple[list[Line], dict[str, object]]) -> None:
    lines, data = written
    assert same(read_document(text_of(lines), source="x").data, data)


@settings(max_examples=400)
@given(st.data(), handwritten())
def test_what_is_not_changed_stays_as_it_was_written(
    data: st.DataObject, written: tuple[list[Line], dict[str, object]]
) -> None:
    lines, before = written
    storage = MemoryStorage(text_of(lines))
    store = Store(storage, clock=StillClock())
    for _ in range(data.draw(st.integers(1, 2), label="transactions")):
        with store.transaction() as tx:
            for number in range(data.draw(st.integers(1, 3), label="changes")):
                _change(data, tx, number)
        wanted = copy.deepcopy(tx.data)
        assert storage.content is not None
        after = read_document(storage.content, source="x").data
        assert same(after, wanted)
        lines = _still_there(lines, before, after, storage.content)
        before = after


def _change(data: st.DataObject, tx: Transaction, number: int) -> None:
    places = _places(tx.data)
    if not places:
        tx.by_path.set(f"z {number}", number)
        return
    where = data.draw(st.sampled_from(places), label="where")
    kind = data.draw(
        st.sampled_from(["set", "set", "delete", "add", "append", "event", "again"]), label="kind"
    )
    value = tx.by_path.get(where)
    try:
        if kind == "set":
            tx.by_path.set(where, data.draw(SCALARS | VALUES, label="value"))
        elif kind == "delete":
            tx.by_path.delete(where)
        elif kind == "add" and isinstance(value, dict):
            tx.by_path.set((*where, f"new {number}"), data.draw(VALUES, label="value"))
        elif kind == "append" and isinstance(value, list):
            tx.by_path.set(where, [*value, data.draw(VALUES, label="value")])
        elif kind == "event":
            tx.event("preparation", "noted")
        elif kind == "again":
            # The same value, but not the same object.
            tx.by_path.set(where, copy.deepcopy(value))
    except StateError:
        # There is no way to an item of a list itself.
        assert isinstance(tx.by_path.get(where[:-1]), list)


def _places(data: dict[str, object]) -> list[Keys]:
    """Where something may be changed without making the document invalid."""
    return [place for root in ("x", "y") if root in data for place in _below((root,), data[root])]


def _below(at: Keys, value: object) -> list[Keys]:
    found = [at]
    if isinstance(value, dict):
        for key, inner in value.items():
            found += _below((*at, key), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += _below((*at, index), inner)
    return found


def _still_there(lines: list[Line], before: object, after: object, content: bytes) -> list[Line]:
    """The lines that had to stay, after a look whether they did."""
    new = content.decode().split("\n")
    stay = [line for line in lines if line.text and must_stay(line, before, after)]
    at = 0
    for line in stay:
        assert line.text in new[at:], f"{line} is gone, or stands elsewhere, in:\n{content.decode()}"
        at = new.index(line.text, at) + 1
    for line in lines:
        if mark_must_stay(line, before, after):
            assert line.mark in content.decode(), f"the comment of {line} is gone from:\n{content.decode()}"
    return stay


#: What stands around the pieces below, in a file that a person wrote.
TOP = """\
# Who: the platform team.

metadata:  # ours
  schema_version: "1.0"
  deployment_id: k0rdent-test0001
  created_at: 2025-01-07T15:30:00Z
  last_updated: 2025-01-07T15:30:00Z
  deployment_phase: preparation
  deployment_status: 'pending'   # for now
  serial: 1
  lineage: "one"
configuration: {azure: {location: westus2}}
"""
END = """\
# Below is history.
events: []
# The end.
"""


def _changed(piece: str, change: Callable[[Transaction], object]) -> str:
    """`piece` of a file after a change of it; everything else must be as it was."""
    storage = MemoryStorage((TOP + piece + END).encode())
    with Store(storage, clock=StillClock()).transaction() as tx:
        change(tx)
    expected_top = TOP.replace("last_updated: 2025-01-07T15:30:00Z", 'last_updated: "2025-02-03T04:05:06Z"')
    text = storage.read().decode().replace("serial: 2", "serial: 1")
    top, _, rest = text.partition("westus2}}\n")
    assert top + "westus2}}\n" == expected_top
    middle, end, tail = rest.partition(END)
    assert end, text
    return middle + tail


@pytest.mark.parametrize(
    ("piece", "change", "expected"),
    [
        pytest.param(
            "# why\nx:   1   # c\n",
            lambda tx: tx.by_path.set("x", "two"),
            '# why\nx: "two"   # c\n',
            id="scalar",
        ),
        pytest.param("x:\n", lambda tx: tx.by_path.set("x", 1), "x: 1\n", id="nothing"),
        pytest.param(
            "x:   # c\n", lambda tx: tx.by_path.set("x", 1), "x: 1   # c\n", id="nothing with a comment"
        ),
        pytest.param(
            "x: {a: 1}  # c\ny: 2\n",
            lambda tx: tx.by_path.set("x.b", 2),
            "x:  # c\n  a: 1\n  b: 2\ny: 2\n",
            id="flow",
        ),
        pytest.param("x: []  # c\n", lambda tx: tx.by_path.set("x", None), "x: null  # c\n", id="empty list"),
        pytest.param(
            "x: |\n  a\n   b\n\n# of y\ny: 1\n",
            lambda tx: tx.by_path.set("y", 2),
            "x: |\n  a\n   b\n\n# of y\ny: 2\n",
            id="below a text",
        ),
        pytest.param(
            "x: >-\n  a\n  b\n# of y\ny: 1\n",
            lambda tx: tx.by_path.set("x", 1),
            "x: 1\n# of y\ny: 1\n",
            id="text",
        ),
        pytest.param(
            "x: 'a\n  b'\ny: 1 # c\n", lambda tx: tx.by_path.set("x", 1), "x: 1\ny: 1 # c\n", id="quoted text"
        ),
        pytest.param(
            "# of x\nx: 1\n# of y\ny: 1\n", lambda tx: tx.by_path.delete("x"), "# of y\ny: 1\n", id="removed"
        ),
        pytest.param(
            "x:\n    # of a\n    a: 1\n    b: 2 # b\n",
            lambda tx: tx.by_path.delete("x.a"),
            "x:\n    b: 2 # b\n",
            id="inner removed",
        ),
        pytest.param(
            "x: # c\n    a: 1\n", lambda tx: tx.by_path.delete("x.a"), "x: {} # c\n", id="last removed"
        ),
        pytest.param(
            "x:\n    a:   +1\n",
            lambda tx: tx.by_path.set("x.new", [1]),
            "x:\n    a:   +1\n    new:\n    - 1\n",
            id="added",
        ),
        pytest.param(
            "x:\n  - a   # 1\n  - 'b' # 2\n",
            lambda tx: tx.by_path.set("x", ["a", "b", "c"]),
            "x:\n  - a   # 1\n  - 'b' # 2\n  - \"c\"\n",
            id="item added",
        ),
        pytest.param(
            "x:\n- a   # 1\n# of b\n- b\n- c # 3\n",
            lambda tx: tx.by_path.set("x", ["a", "c"]),
            "x:\n- a   # 1\n- c # 3\n",
            id="item removed",
        ),
        pytest.param(
            "x:\n- a # 1\n- b # 2\n- c # 3\n",
            lambda tx: tx.by_path.set("x", ["a", "B", "c"]),
            'x:\n- a # 1\n- "B"\n- c # 3\n',
            id="item replaced",
        ),
        pytest.param(
            "x:\n- a # 1\n",
            lambda tx: tx.by_path.set("x", ["0", "a"]),
            'x:\n- "0"\n- a # 1\n',
            id="item before",
        ),
        pytest.param(
            "x:\n-\n  a: 1 # c\n-   b: 2   # d\n",
            lambda tx: tx.by_path.set("x.0.a", 2),
            "x:\n- a: 2\n-   b: 2   # d\n",
            id="inner of an item",
        ),
        pytest.param(
            "x: {a: 1, b: 2} # c\n",
            lambda tx: tx.by_path.set("x", {"b": 2, "a": 1}),
            "x: # c\n  b: 2\n  a: 1\n",
            id="another order",
        ),
        pytest.param(
            "x: {a: 1}   # c\n",
            lambda tx: tx.by_path.set("x", {"a": 1}),
            "x: {a: 1}   # c\n",
            id="the same again",
        ),
        pytest.param(
            "x: 1 # c\n", lambda tx: tx.by_path.set("x", True), "x: true # c\n", id="equal, but another"
        ),
        pytest.param("x: 0.0\n", lambda tx: tx.by_path.set("x", -0.0), "x: -0.0\n", id="another zero"),
        pytest.param(
            "x: 1.50 # c\ny: 007\nw: 1\n",
            lambda tx: tx.by_path.set("w", 2),
            "x: 1.50 # c\ny: 007\nw: 2\n",
            id="numbers",
        ),
        pytest.param(
            "x:\n    # where\n    a:\n            b: 1\n",
            lambda tx: tx.by_path.set("x.a.b", 2),
            "x:\n    # where\n    a:\n            b: 2\n",
            id="wide indents",
        ),
        pytest.param('"x" : 1 # c\n', lambda tx: tx.by_path.set("x", 2), '"x" : 2 # c\n', id="quoted key"),
    ],
)
def test_the_rule(piece: str, change: Callable[[Transaction], object], expected: str) -> None:
    """Each sentence of `state/layout.py`."""
    assert _changed(piece, change) == expected


def test_an_event_keeps_those_before_it_as_they_were() -> None:
    piece = "x: 1\n"
    storage = MemoryStorage(
        (TOP + piece).encode()
        + b"events:\n  # first\n  - {timestamp: 2025-01-07T15:30:00Z, phase: a, action: b} # c\n"
    )
    with Store(storage, clock=StillClock()).transaction() as tx:
        tx.event("preparation", "noted")
    assert (
        b"events:\n  # first\n  - {timestamp: 2025-01-07T15:30:00Z, phase: a, action: b} # c\n  - timestamp:"
        in storage.read()
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(HEADER, HEADER + "# We keep this.\n"),
        lambda text: text.replace("westus2", "west\\u0075s2"),
        lambda text: text.replace("location:", '"location":'),
        lambda text: text.replace("  azure:\n    location: ", "  azure: {location: ").replace(
            'westus2"', 'westus2"}'
        ),
        lambda text: text.replace("configuration:", "\nconfiguration:"),
    ],
    ids=["comment", "escape", "quoted key", "flow", "blank line"],
)
def test_our_own_file_that_a_person_edited_is_that_persons(change: Callable[[str], str]) -> None:
    """Also where it is still in a form that the quick reader takes."""
    storage = MemoryStorage()
    Store(storage, clock=StillClock()).create(small())
    edited = change(storage.read().decode())
    assert edited != storage.read().decode()
    storage.content = edited.encode()
    with Store(storage, clock=StillClock()).transaction() as tx:
        tx.by_path.set("x", 1)
    lines = storage.read().decode().split("\n")
    gone = [line for line in edited.split("\n") if line not in lines]
    assert gone == ["  serial: 1"]


@pytest.mark.parametrize(
    "text",
    [
        (TOP + END).replace("\n", "\r\n"),
        TOP + "x: &a 1\ny: *a\n" + END,
        "\ufeff" + TOP + END,
        TOP + "? x\n: 1\n" + END,
        json.dumps(small()),
    ],
    ids=["CRLF", "aliases", "byte order mark", "explicit key", "JSON"],
)
def test_what_is_written_anew_says_the_same(text: str) -> None:
    storage = MemoryStorage(text.encode())
    before = read_document(storage.read(), source="x").data
    with Store(storage, clock=StillClock()).transaction() as tx:
        tx.by_path.set("z", 1)
    after = read_document(storage.read(), source="x").data
    assert storage.read().startswith(HEADER.encode())
    for section in before:
        assert section == "metadata" or same(before[section], after[section])
