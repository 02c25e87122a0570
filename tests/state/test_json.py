"""JSON is YAML: a state that another program wrote as JSON, with JSON's escapes and numbers, is the same state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state.codec import parse, positions
from k0rdent_azure.state.store import FileStore

from .conftest import EXAMPLE, StillClock, small
from .documents import same

ROCKET = "\U0001f680"
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\U0001f680\ue000\\", max_size=9), inner)
    ),
    max_leaves=8,
)


@given(VALUES, st.sampled_from([None, 1, "\t"]))
@settings(max_examples=60)
def test_any_json_is_read_as_json(value: object, indent: int | str | None) -> None:
    text = json.dumps({"a": value}, indent=indent).encode()
    assert same(parse(text, source="x"), json.loads(text))


@pytest.mark.parametrize("first", [b"", b"\xef\xbb\xbf"], ids=["plain", "BOM"])
def test_the_example_as_json_is_the_same_state(path: Path, first: bytes) -> None:
    document = yaml.safe_load(EXAMPLE.read_bytes())
    document = json.loads(json.dumps(document, default=str))
    document["events"][0]["message"] = f"{ROCKET} started"
    path.write_bytes(first + json.dumps(document, indent="\t").replace("/", "\\/").encode())
    store = FileStore(path, clock=StillClock())
    assert store.read().state.events[0].message == f"{ROCKET} started"
    with store.transaction() as tx:
        tx.by_path.set(("note",), ROCKET)
    again = store.read()
    assert again.state.events[0].message == f"{ROCKET} started"
    # What other parsers read of our file is the character itself.
    assert yaml.safe_load(path.read_bytes())["note"] == ROCKET


def test_a_commit_keeps_the_text_of_a_person_who_writes_such_escapes(store: FileStore, path: Path) -> None:
    by_hand = f"""# "\\ud83d" in a comment, and \\uD83D
{path.read_text(encoding="utf-8").rstrip()}
mine: "\\ud83d\\ude80 and \\\\ud83d"  # \\ude80
plain: \\ud83d
quoted: '\\uD83D'
"""
    path.write_text(by_hand, encoding="utf-8")
    with store.transaction() as tx:
        tx.by_path.set(("note",), "x")
    text = path.read_text(encoding="utf-8")
    for line in by_hand.splitlines()[-3:]:
        assert line in text
    read = parse(text.encode(), source="x")
    assert read["mine"] == f"{ROCKET} and \\ud83d"
    assert (read["plain"], read["quoted"]) == ("\\ud83d", "\\uD83D")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (rb'{"a": 1,' + b"\n" + rb' "b": "\ud83d"}', "x:2: \\ud83d is half of a surrogate pair"),
        (rb'{"a": ["\ude80\ud83d"]}', "x:1: \\ude80 is half of a surrogate pair"),
        (rb'{"\ud83d": 1}', "half of a surrogate pair"),
        (rb'{"a\ud83d\ude80": 1, "a\ud83d\ude80": 2}', "stands twice"),
        (b'{"a": ' + b"[" * 70 + rb'"\ud83d\ude80"' + b"]" * 70 + b"}", "nested deeper than 64"),
        (rb'{"a": &x "\ud83d\ude80", "b": [' + b", ".join([b"*x"] * 51) + b"]}", "too many aliases"),
        (b'{"a": 1e999}', "a number is too large"),
        (b'{"a": ' + b"9" * 1001 + b"}", "more than 1000 digits"),
        (rb'{"a": "\ud83d' + b"\0" + rb'\ude80"}', "a NUL byte"),
    ],
)
def test_what_is_refused_is_refused_with_its_reason(text: bytes, words: str) -> None:
    with pytest.raises(StateInvalidError) as raised:
        parse(text, source="x")
    assert words in str(raised.value)


def test_an_alias_of_one_and_its_line() -> None:
    text = b'a: &x "\\ud83d\\ude80"\nb: *x\nc:\n  "d\\ud83d\\ude80": 1\n'
    assert parse(text, source="x") == {"a": ROCKET, "b": ROCKET, "c": {f"d{ROCKET}": 1}}
    assert positions(text)[f"c.d{ROCKET}"] == 4


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1e3", 1000.0), ("1E+3", 1000.0), ("-2e-1", -0.2), ("0e0", 0.0), ("12", 12), ("1.5e3", 1500.0)],
)
def test_numbers_with_an_exponent_are_numbers_in_json(written: str, meant: object) -> None:
    assert same(parse(f'{{"a": [{written}]}}'.encode(), source="x"), {"a": [meant]})


@pytest.mark.parametrize("text", ["a: 1e3\n", "{a: 1e3}\n", "a: {b: 12e4567}\n", '{"a": 1e3} # by hand\n'])
def test_and_text_where_a_writer_of_yaml_leaves_them_plain(text: str) -> None:
    """YAML 1.1 has no such number, so its writers do not quote it: a hash may be `12e4567`."""
    ((_, value),) = parse(text.encode(), source="x").items()
    assert value in ("1e3", {"b": "12e4567"})


def test_a_state_is_refused_for_its_content_not_for_being_json(path: Path) -> None:
    document = small() | {"metadata": {**small()["metadata"], "deployment_phase": f"{ROCKET}"}}  # type: ignore[dict-item]
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(StateInvalidError) as raised:
        FileStore(path, clock=StillClock()).read()
    assert any("deployment_phase" in fault.path for fault in raised.value.faults)
