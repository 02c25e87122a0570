"""PyYAML, ruamel, Go yq and npm's `yaml` read in our files what we read, and we read what they write."""

from __future__ import annotations

import io
import itertools
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from k0rdent_azure.state.codec import dump, parse
from k0rdent_azure.state.document import read_document
from k0rdent_azure.state.store import FileStore
from tests.state import interchange
from tests.state.conftest import EXAMPLE, StillClock, small
from tests.state.documents import AMBIGUOUS, KEYS, SIGNS, TEXTS, same

Reader = Callable[[Path], object]
_NEEDS_YQ = pytest.mark.skipif(
    interchange.go_yq() is None, reason="needs Go yq (go install github.com/mikefarah/yq/v4@v4.44.6)"
)
_NEEDS_NODE = pytest.mark.skipif(
    not interchange.has_node_yaml(), reason="needs node and npm's yaml (npm install yaml, NODE_PATH set)"
)
READERS = [
    pytest.param(interchange.read_pyyaml, id="PyYAML"),
    pytest.param(interchange.read_ruamel, id="ruamel"),
    pytest.param(interchange.read_yq, id="yq", marks=_NEEDS_YQ),
    pytest.param(lambda path: interchange.read_node(path, "1.2"), id="npm yaml 1.2", marks=_NEEDS_NODE),
    pytest.param(lambda path: interchange.read_node(path, "1.1"), id="npm yaml 1.1", marks=_NEEDS_NODE),
]
every_reader = pytest.mark.parametrize("read", READERS)
#: What a 64-bit integer holds; Go yq's JSON has no others. No parser keeps the sign of zero in JSON.
#: What YAML lets stand in a file as it is, and 1.1 and 1.2 take for the same.
RAW = re.compile("[ -~\n\t\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*\\Z")


def _is_raw(text: str) -> bool:
    # Hypothesis makes a grammar of `RAW.match` itself, which takes it many seconds for these ranges.
    return RAW.match(text) is not None


RAW_TEXTS = TEXTS.filter(_is_raw)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False).map(
    lambda x: x + 0.0
)


def _committed(path: Path, example: bool = False) -> dict[str, object]:
    """A file that the store wrote, with what it puts in itself: serial, links, segments."""
    if example:
        path.write_bytes(EXAMPLE.read_bytes())
    store = FileStore(path, clock=StillClock())
    if not example:
        store.create(small())
    for number in range(4):
        with store.transaction() as tx:
            tx.by_path.set(
                ("x", f"key {number}"), [number, 0.5, True, None, "no", {"a.b": {}}, [[], [{"1": "1"}]]]
            )
            for _ in range(100):
                tx.event("preparation", "noted", "yes: #1\n\u202e\t é 😀")
    return store.read().data


@every_reader
def test_the_example(read: Reader) -> None:
    assert same(read(EXAMPLE), parse(EXAMPLE.read_bytes(), source="x"))


@every_reader
@pytest.mark.parametrize("example", [False, True], ids=["own form", "a person's hand"])
def test_what_the_store_commits(tmp_path: Path, read: Reader, example: bool) -> None:
    path = tmp_path / "deployment-state.yaml"
    data = _committed(path, example)
    assert "event_history" in data
    assert same(read(path), data)


@every_reader
def test_every_sign(tmp_path: Path, read: Reader) -> None:
    """Each code point of the planes in use, alone and between others, and each text that is ambiguous."""
    points = (
        *range(0x3000),
        *range(0xD700, 0xD800),
        *range(0xE000, 0xE010),
        *range(0xF900, 0x10010),
        *range(0x1F5F0, 0x1F650),
    )
    points += (0x1FFFE, 0xE0001, 0xE0041, 0x10FFFD, 0x10FFFF)
    document: dict[str, object] = {
        "alone": [chr(point) for point in points],
        "between": [f"a{chr(point)}b" for point in points if point < 0x400],
        "ambiguous": [f"{one}{other}" for one, other in itertools.product(AMBIGUOUS, ("", " ", "\n", "x"))],
        "keys": {f"{sign}{text}": text for sign in ("", *SIGNS) for text in AMBIGUOUS if sign + text != "<<"},
    }
    _assert_same(read, tmp_path, document)


@every_reader
@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(
    st.lists(TEXTS, min_size=150, max_size=200),
    st.dictionaries(KEYS, TEXTS, min_size=20),
    st.lists(NUMBERS, min_size=20),
)
def test_nasty_texts_and_numbers(
    tmp_path: Path, read: Reader, texts: list[str], mapping: dict[str, str], numbers: list[float]
) -> None:
    """Many in one file, so that a reader is started once for them all."""
    _assert_same(read, tmp_path, {"texts": texts, "mapping": mapping, "numbers": numbers})


def _assert_same(read: Reader, folder: Path, document: dict[str, object]) -> None:
    path = folder / "x.yaml"
    path.write_bytes(dump(document))
    found = read(path)
    assert isinstance(found, dict)
    for section, expected in document.items():
        pairs = zip(_parts(found[section]), _parts(expected), strict=True)
        assert [pair for pair in pairs if not same(*pair)] == [], section


def _parts(value: object) -> list[object]:
    return (
        list(value.items() if isinstance(value, dict) else value)
        if isinstance(value, dict | list)
        else [value]
    )


def _pyyaml(data: dict[str, object]) -> bytes:
    return yaml.safe_dump(data, sort_keys=False, encoding="utf-8")


def _pyyaml_unicode(data: dict[str, object]) -> bytes:
    return yaml.safe_dump(
        data, sort_keys=False, encoding="utf-8", allow_unicode=True, default_flow_style=True, width=40
    )


def _ruamel(data: dict[str, object]) -> bytes:
    stream = io.BytesIO()
    writer = YAML(typ="safe", pure=True)
    # In flow style it leaves some indicators plain that libyaml then takes for such.
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.dump(data, stream)
    return stream.getvalue()


def _json(data: dict[str, object]) -> bytes:
    return json.dumps(data, ensure_ascii=False, indent=2).encode()


@pytest.mark.parametrize("write", [_pyyaml, _pyyaml_unicode, _ruamel, _json])
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(RAW_TEXTS, max_size=20),
    st.dictionaries(KEYS.filter(_is_raw), st.integers(), max_size=5),
)
def test_what_others_write(
    write: Callable[[dict[str, object]], bytes], texts: list[str], mapping: dict[str, int]
) -> None:
    document: dict[str, object] = {"texts": texts, "mapping": mapping, "n": [1.5, True, None, -3, {}, []]}
    assert same(parse(write(document), source="x"), document)


@_NEEDS_NODE
def test_what_npm_yaml_writes(tmp_path: Path) -> None:
    texts = [f"{one}{other}" for one, other in itertools.product(AMBIGUOUS, ("", " ", "\n", "x"))]
    document: dict[str, object] = {
        # It writes this one as a block that is empty for every reader.
        "texts": [text for text in texts if text != " \n"],
        "keys": {
            f"{sign}{text}": text
            for sign in ("", "é", "\t", "\n")
            for text in AMBIGUOUS
            if sign + text != "<<"
        },
        "n": [1.5, True, None, -3, {}, []],
    }
    path = tmp_path / "x.json"
    path.write_text(json.dumps(document))
    assert same(parse(interchange.write_node(path), source="x"), document)


@_NEEDS_YQ
@pytest.mark.parametrize("example", [False, True], ids=["own form", "a person's hand"])
def test_yq_edits_in_place_and_we_go_on(tmp_path: Path, example: bool) -> None:
    path = tmp_path / "deployment-state.yaml"
    before = _committed(path, example)
    edit = '.x.added = "no" | .k0rdent_note = {"a": [1, true]} | .metadata.deployment_status = "failed"'
    subprocess.run(["yq", "-i", edit, str(path)], check=True)
    store = FileStore(path, clock=StillClock())
    with store.transaction() as tx:
        assert tx.by_path.get("x.added") == "no"
        tx.event("preparation", "noted")
    after = read_document(path.read_bytes(), source="x").data
    assert after["k0rdent_note"] == {"a": [1, True]}
    for section in ("configuration", "x", "phases", "azure_resources"):
        added = {"added": "no"} if section == "x" else {}
        kept = before.get(section)
        assert same(after.get(section), {**kept, **added} if isinstance(kept, dict) else kept)
