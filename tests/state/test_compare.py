"""Differences: applied to the old version they give the new one, and no private key is among them."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from k0rdent_azure.state.compare import HIDDEN, Change, changed_paths, compare, event_count, hide
from tests.report.states import complete

Data = dict[str, Any]

#: Few keys, so that two documents have much in common, and some that are dotted, empty or look like the engine's.
KEYS = st.sampled_from(["a", "b", "a.b", "", "serial", "events", "metadata", "ü"])
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([0.0, 1.0, 1.5]),
    st.sampled_from(["", "1", "true", "x"]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5)


def applied(old: Data, changes: list[Change]) -> Data:
    data = copy.deepcopy(old)
    for change in changes:
        *parents, last = change.keys
        here = data
        for key in parents:
            here = here[key]
        if change.kind == "removed":
            assert exactly(here.pop(last)) == exactly(change.old)
        else:
            assert (last in here) == (change.kind == "changed")
            here[last] = copy.deepcopy(change.new)
    return data


def without_history(data: Data) -> Data:
    kept = {key: value for key, value in data.items() if key not in ("events", "event_history")}
    if isinstance(kept.get("metadata"), dict):
        own = ("serial", "last_updated")
        kept["metadata"] = {key: value for key, value in kept["metadata"].items() if key not in own}
    return kept


def exactly(value: object) -> bytes:
    """Types told apart, the order of keys not."""
    return msgspec.json.encode(value, order="sorted")


@given(DOCUMENTS, DOCUMENTS)
def test_the_changes_lead_from_the_old_version_to_the_new(old: Data, new: Data) -> None:
    before = exactly(old), exactly(new)
    changes = compare(old, new)
    assert exactly(without_history(applied(old, changes))) == exactly(without_history(new))
    assert (exactly(old), exactly(new)) == before
    assert compare(new, new) == []


@given(DOCUMENTS, DOCUMENTS)
def test_there_and_back_are_the_same_changes(old: Data, new: Data) -> None:
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    there = {(change.keys, turned[change.kind]) for change in compare(old, new)}
    assert there == {(change.keys, change.kind) for change in compare(new, old)}


@given(DOCUMENTS, DOCUMENTS, st.integers(0, 3))
def test_changed_paths_are_the_first_of_them(old: Data, new: Data, limit: int) -> None:
    assert changed_paths(old, new, limit=limit) == [change.path for change in compare(old, new)][:limit]


def test_kinds_and_values() -> None:
    old: Data = {"a": {"same": 1, "gone": [1], "is": "x"}, "b": {"c": 1}}
    new: Data = {"a": {"same": 1, "is": "y", "here": {"x": None}}, "b": 7}
    assert compare(old, new) == [
        Change(keys=("a", "gone"), kind="removed", old=[1]),
        Change(keys=("a", "is"), kind="changed", old="x", new="y"),
        Change(keys=("a", "here"), kind="added", new={"x": None}),
        Change(keys=("b",), kind="changed", old={"c": 1}, new=7),
    ]


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, 1.0), (0, False), (1, "1"), (None, ""), ([1], [True]), ({}, [])]
)
def test_equal_is_not_the_same(one: object, other: object) -> None:
    assert [change.kind for change in compare({"x": one}, {"x": other})] == ["changed"]


def test_null_is_not_absence() -> None:
    assert compare({"x": None}, {}) == [Change(keys=("x",), kind="removed")]
    assert compare({}, {"x": None}) == [Change(keys=("x",), kind="added")]


def test_what_is_no_number_is_the_same_as_another() -> None:
    assert compare({"x": float("nan")}, {"x": float("nan")}) == []


def test_history_is_left_out() -> None:
    old, new = complete(), complete()
    new["metadata"] |= {"serial": 99, "last_updated": "2030-01-01T00:00:00Z"}
    new["events"] = [*new["events"], {"timestamp": "2030-01-01T00:00:00Z"}]
    new["event_history"] = {"count": 40, "chain": "x"}
    assert compare(old, new) == []
    assert changed_paths(old, new, limit=9) == []
    assert (event_count(old), event_count(new), event_count({})) == (9, 40, 0)


def test_private_keys_are_only_told_to_have_changed() -> None:
    old, new = complete(), complete()
    old_key = old["wireguard"]["peers"]["mylaptop"]["private_key"]
    new["wireguard"]["peers"]["mylaptop"]["private_key"] = "OTHER-SECRET"
    new["azure_resources"]["virtual_machines"]["k0s-worker-3"] = {"host_private_key": "NEW-SECRET"}
    del new["wireguard"]["peers"]["k0s-worker-2"]
    new["notes"] = [{"private_key": {"in": ["DEEP-SECRET"]}}]
    new["other"] = {"private_key": None}
    changes = compare(old, new)
    assert (
        Change(keys=("wireguard", "peers", "mylaptop", "private_key"), kind="changed", old=HIDDEN, new=HIDDEN)
        in changes
    )
    assert [change.path for change in changes] == [
        "azure_resources.virtual_machines.k0s-worker-3",
        "wireguard.peers.mylaptop.private_key",
        "wireguard.peers.k0s-worker-2",
        "notes",
        "other",
    ]
    shown = msgspec.json.encode(changes).decode()
    gone = old["wireguard"]["peers"]["k0s-worker-2"]["private_key"]
    assert not [secret for secret in (old_key, gone, "-SECRET") if secret in shown]
    assert changes[-1].new == {"private_key": None}


def test_hide_leaves_the_original_alone() -> None:
    data = complete()
    hidden = hide(data)
    assert data == complete()
    assert "SECRET" not in str(hidden)
    assert hide("x", ("private_key",)) == HIDDEN
    assert hide({"private_key": ""}) == {"private_key": HIDDEN}
