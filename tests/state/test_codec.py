"""What goes in comes out, for every YAML parser; what no state file needs is refused with its line."""

from __future__ import annotations

import contextlib

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from k0rdent_azure.errors import StateInvalidError
from k0rdent_azure.state.canonical import key_fault
from k0rdent_azure.state.codec import dump, parse, positions
from tests.state.conftest import EXAMPLE

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40
) | st.sampled_from(
    ["yes", "no", "0o14", "1e3", "12:30", "2025-01-07", "~", "null", "0x1f", "010", "=", "<<"]
)
#: What can be a key: YAML's merge key, for one, cannot.
KEYS = TEXTS.filter(lambda text: key_fault(text) is None)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5)


@given(DOCUMENTS)
def test_round_trip(document: dict[str, object]) -> None:
    assert parse(dump(document), source="x") == document


@given(DOCUMENTS)
def test_a_yaml_1_1_parser_reads_the_same(document: dict[str, object]) -> None:
    assert yaml.safe_load(dump(document)) == document


@given(DOCUMENTS)
def test_same_document_same_bytes(document: dict[str, object]) -> None:
    assert dump(document) == dump(parse(dump(document), source="x"))


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_state_error(text: bytes) -> None:
    with contextlib.suppress(StateInvalidError):
        parse(text, source="x")


def test_the_example_round_trips() -> None:
    document = parse(EXAMPLE.read_bytes(), source="example")
    assert parse(dump(document), source="again") == document
    assert document["metadata"] == yaml.safe_load(EXAMPLE.read_text())["metadata"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"a: 1\nb: [", "x:3:"),
        (b"a: 1\na: 2\n", "x:2: the key 'a' stands twice"),
        (b"a:\n  b: 1\n  b: 2\n", "x:3:"),
        (b"a: !!python/object/apply:os.system [ls]\n", "x:1: the tag"),
        (b"a: !!binary aGk=\n", "x:1: the tag"),
        (b"a: 1\nb: \0\n", "x:2: a NUL byte"),
        (b"", "expected a mapping, found nothing"),
        (b"- 1\n", "expected a mapping, found a list"),
        (b"1: 2\n", "keys must be text"),
        (b"? [a]\n: 1\n", "keys must be text"),
        (b"a: " + b"[" * 100_000, "nested deeper"),
        (b"a:\n" + b"- " * 100_000, "nested deeper"),
        (b"a: 1\nb: " + b"[" * 1_100 + b"]" * 1_100, "x:2: nested deeper"),
        (b"a: [[1],\n" + b"[ " * 1_010, "x:2: nested deeper"),
        (b"a: " + b"[{" * 1_000, "x:1: nested deeper"),
        ("a: äöü ☃\nb: ".encode() + b"[" * 2_000, "x:2: nested deeper"),
        (b'a: [[1]]\nb: "' + b"[" * 2_000 + b"\n", "x:"),
        (b"a: @\nb: " + b"[" * 2_000, "x:1: "),
        (b"\n".join(b" " * i + b"a:" for i in range(1000)), "nested deeper"),
        (b"a: &a [1, 2]\nb: [" + b"*a," * 200 + b"]\n", "too many aliases"),
        (b"a: &a [1, *a]\n", "nested deeper"),
        (b"a:\n" + b"".join(b" " * i + b"- a:\n" for i in range(0, 80, 2)) + b"# *\n", "nested deeper"),
        (b"a: {b: 1}\nc:\n  <<: {b: 2}\n", "x:3: merge keys"),
        (b'c: {"<<": 1}\n', "x:1: merge keys"),
        (b"a: 1\nb: 1.0e+999\n", "x:2: a number is too large"),
        (b"a: -1.5E999 # c\n", "x:1: a number is too large"),
        (b"a: " + b"1" * 1001 + b"\n", "x:1: a number has more than 1000 digits"),
        (b"a:\n  " + b"k" * 257 + b": 1\n", "x:2: a key has 257 characters"),
        (b'"' + b"\\x01" * 170 + b'": 1\n', "x:1: a key has 170 characters"),
        (b"\xff\xfe\xff", "x"),
        (b"a: \x1b[31m\n", "x:"),
    ],
)
def test_refused(text: bytes, message: str) -> None:
    with pytest.raises(StateInvalidError) as raised:
        parse(text, source="x")
    assert message in raised.value.message
    assert raised.value.hint


def test_a_billion_laughs_are_refused_quickly() -> None:
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{i}: &a{i} [{','.join(f'*a{i - 1}' for _ in range(9))}]" for i in range(1, 10)]
    with pytest.raises(StateInvalidError, match="too many aliases"):
        parse("\n".join(lines).encode(), source="x")


@pytest.mark.parametrize(("levels", "each"), [(25, 2), (13, 4), (5, 12)])
def test_few_aliases_that_multiply_are_refused_too(levels: int, each: int) -> None:
    """Twenty-four that double what is before them already stand for sixteen million values."""
    lines = ["a0: &a0 [1, 2]"]
    lines += [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * each)}]" for i in range(1, levels)]
    with pytest.raises(StateInvalidError, match="too many aliases"):
        parse("\n".join(lines).encode(), source="x")


def test_aliases_that_a_person_uses_are_read() -> None:
    text = b"a: &a {b: [1, 2]}\nc: [*a, *a]\nd: &d x\ne: *d\n"
    shared = {"b": [1, 2]}
    assert parse(text, source="x") == {"a": shared, "c": [shared, shared], "d": "x", "e": "x"}


def test_positions_are_lines() -> None:
    lines = positions(b"a: 1\nb:\n  c: 2\n  d:\n  - x\n  - y\n")
    assert lines == {"a": 1, "b": 2, "b.c": 3, "b.d": 4, "b.d.0": 5, "b.d.1": 6}


@pytest.mark.parametrize(
    "text", [b"a: @\nb: " + b"[" * 2_000, b'a: "' + b"[" * 2_000 + b"\n", b"a: " + b"[" * 60 + b"@"]
)
def test_another_fault_is_not_taken_for_nesting(text: bytes) -> None:
    with pytest.raises(StateInvalidError) as raised:
        parse(text, source="x")
    assert "nested" not in raised.value.message
