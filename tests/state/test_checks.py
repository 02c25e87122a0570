"""Each kind of fault is found, placed and told; doubts only warn; no secret stands in a message."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from k0rdent_azure.errors import Fault
from k0rdent_azure.state.checks import check, place
from tests.state.conftest import EXAMPLE

VM = "azure_resources.virtual_machines.k0s-controller"
PEER = "wireguard.peers.k0s-controller"


def example() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    return document


def changed(path: str, value: object) -> dict[str, Any]:
    document = copy.deepcopy(example())
    *parents, last = path.split(".")
    here: Any = document
    for parent in parents:
        here = here[int(parent)] if isinstance(here, list) else here[parent]
    here[last] = value
    return document


def errors(document: dict[str, Any]) -> list[Fault]:
    return [fault for fault in check(document) if fault.severity == "error"]


def test_the_example_has_doubts_only() -> None:
    faults = check(example())
    assert faults
    assert {fault.severity for fault in faults} == {"warning"}


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("metadata.deployment_status", "sleeping", "Invalid enum value 'sleeping'"),
        ("metadata.serial", "one", "Expected `int`"),
        ("metadata.created_at", "soon", "is not a time"),
        (f"{VM}.status", "flying", "Invalid enum value 'flying'"),
        (f"{VM}.public_ip", "20.1.2", "is not an IP address"),
        (f"{VM}.private_ip", "10.9.9.9", "lies outside its network"),
        (f"{VM}.vm_size", 7, "Expected `str`"),
        (f"{VM}.last_checked", "2025-13-01T00:00:00Z", "is not a time"),
        ("azure_resources.network.vnet.address_prefix", "10.240.0.0/33", "is not a network"),
        ("azure_resources.network.nsg.rules_count", "4", "Expected `int`"),
        ("wireguard.network", "172.24.24.5/24", "is not a network"),
        (f"{PEER}.ip", "172.99.0.1", "lies outside its network"),
        (f"{PEER}.ip", "172.24.24.1", "is also the address of mylaptop"),
        ("wireguard.peers.stranger", {"ip": "172.24.24.99", "public_key": "x"}, "without a VM"),
        ("k0s_cluster.workers.stranger", {"role": "worker"}, "without a VM"),
        ("k0s_cluster.controllers.k0s-controller.k0s_status", "maybe", "Invalid enum value 'maybe'"),
        ("k0rdent.status", "maybe", "Invalid enum value 'maybe'"),
        ("events.0.timestamp", "then", "is not a time"),
        ("events.1.action", None, "Expected `str`"),
    ],
)
def test_faults(path: str, value: object, words: str) -> None:
    found = errors(changed(path, value))
    assert next(fault.path for fault in found).startswith(path)
    assert words in str(found[0])


def test_every_fault_is_told_not_only_the_first() -> None:
    document = changed(f"{VM}.status", "flying")
    document["wireguard"]["peers"]["k0s-controller"]["config_status"] = "flying"
    document["metadata"]["deployment_phase"] = "flying"
    assert [fault.path for fault in errors(document)] == [
        "metadata.deployment_phase",
        f"{VM}.status",
        f"{PEER}.config_status",
    ]


def test_a_fault_is_placed_on_its_line() -> None:
    text = EXAMPLE.read_bytes().replace(b'status: "running"', b'status: "flying"', 1)
    placed = place(errors(yaml.safe_load(text)), text=text, source="s.yaml")
    assert placed[0].file == "s.yaml"
    line = text.splitlines()[(placed[0].line or 0) - 1]
    assert b"flying" in line


def test_a_missing_key_is_placed_on_its_parent() -> None:
    document = example()
    del document["azure_resources"]["virtual_machines"]["k0s-controller"]["vm_size"]
    placed = place(errors(document), text=EXAMPLE.read_bytes(), source="s.yaml")
    assert "vm_size" in placed[0].message
    line = EXAMPLE.read_text().splitlines()[(placed[0].line or 0) - 1]
    assert line.strip() == "k0s-controller:"


@pytest.mark.parametrize("value", [["SECRETSECRET"], {"x": "SECRETSECRET"}, 5])
def test_a_secret_never_stands_in_a_message(value: object) -> None:
    for path in (f"{PEER}.private_key", f"{VM}.host_private_key"):
        found = errors(changed(path, value))
        assert found[0].path == path
        assert "SECRETSECRET" not in str(found[0])


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(example())), JUNK)
def test_junk_in_a_section_is_a_fault_and_never_an_exception(section: str, junk: Any) -> None:
    document = example()
    document[section] = junk
    check(document)
