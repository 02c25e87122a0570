"""JSON is YAML: a configuration that another program wrote as JSON, with JSON's escapes."""

from __future__ import annotations

import json

import pytest
import yaml

from k0rdent_azure.config.load import load_bytes
from k0rdent_azure.errors import ConfigError

from .conftest import ANCESTOR

ROCKET = "\U0001f680"


def as_json(**metadata: str) -> bytes:
    document = yaml.safe_load(ANCESTOR)
    document["metadata"] |= metadata
    return json.dumps(document, indent="\t").encode()


def described(data: bytes) -> str:
    return load_bytes(data, label="k0rdent.yaml", environ={}).config.metadata.description


@pytest.mark.parametrize(
    "text",
    [
        f"{ROCKET} team",
        "a\U00010000b\U0010ffffc",
        f"\\ud83d\\ude80 {ROCKET}",
        f"\\{ROCKET}\\\\{ROCKET}",
        f'quote " slash / {ROCKET} \ue0b0 icon',
        f"\ue000 \ub000 {ROCKET}",
    ],
)
def test_pairs_of_escapes_are_one_character(text: str) -> None:
    """Whatever stands beside them: the same as text, backslashes, characters for private use."""
    assert described(as_json(description=text)) == text


def test_the_case_of_the_digits_does_not_matter() -> None:
    data = as_json(description=ROCKET)
    assert described(data.replace(b"\\ud83d\\ude80", b"\\uD83D\\uDe80")) == ROCKET


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (r"'\ud83d\ude80'", r"\ud83d\ude80"),
        (r"\uD83d\udE80", r"\uD83d\udE80"),
        (r'"\\ud83d\\ude80"', r"\ud83d\ude80"),
        (r'"\ud83d\ude80"  # not "\ud83d"', ROCKET),
        ("|-\n    \\ud83d\n    \\ude80", "\\ud83d\n\\ude80"),
    ],
    ids=["single quotes", "plain", "backslash", "comment", "block"],
)
def test_what_is_no_escape_stays(written: str, meant: str) -> None:
    config = ANCESTOR.replace("kof:\n", f'kof:\n  note: "\\ud83d\\ude80"\n  other: {written}\n')
    loaded = load_bytes(config.encode(), label="k0rdent.yaml", environ={}).config
    assert loaded.kof["note"] == ROCKET
    assert loaded.kof["other"] == meant


@pytest.mark.parametrize(
    "half", [r"\ud83d", r"\ude80", r"\ude80\ud83d", r"\ud83d\u0041", r"\ud83d\ud83d\ude80"]
)
def test_half_a_pair_is_a_fault_with_its_line(half: str) -> None:
    data = as_json(description="HALF").replace(b"HALF", half.encode())
    with pytest.raises(ConfigError) as raised:
        described(data)
    (fault,) = raised.value.faults
    line = data[: data.index(half.encode())].count(b"\n") + 1
    assert (fault.line, "half of a surrogate pair" in fault.message) == (line, True)
    assert fault.expected == "both halves, or the character itself"


def test_a_key_may_hold_one_too() -> None:
    document = yaml.safe_load(ANCESTOR)
    document["azure"]["tags"] = {f"team {ROCKET}": f"a{ROCKET}"}
    data = json.dumps(document, separators=(",", ":")).replace("/", "\\/").encode("utf-8-sig")
    loaded = load_bytes(data, label="k0rdent.yaml", environ={}).config
    assert loaded.azure.tags == {f"team {ROCKET}": f"a{ROCKET}"}
    assert loaded.network.vnet_prefix == "10.240.0.0/16"


def test_the_limit_of_nesting_holds_for_them_too() -> None:
    data = b'{"kof": ' + b"[" * 500 + rb'"\ud83d\ude80"' + b"]" * 500 + b"}"
    with pytest.raises(ConfigError) as raised:
        described(data)
    assert "nested more than" in str(raised.value.faults[0])
