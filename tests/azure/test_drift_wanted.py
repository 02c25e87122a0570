"""What is wanted is read from the template itself, to the last expression in what is compared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from k0rdent_azure.azure.drift_facts import ADDRESS, DISK, NIC, VM, flatten
from k0rdent_azure.azure.drift_wanted import bodies, wanted
from k0rdent_azure.azure.template import Template, build
from k0rdent_azure.config.topology import Names, hosts
from tests.azure.conftest import make_config

KEY = "ssh-ed25519 AAAA admin"
ID = "k0rdent-abcd1234"


def template(group: str | None) -> Template:
    config = make_config()
    return build(config, Names(ID, group), hosts(config), ssh_public_key=KEY, admin_username="k0rdent")


def texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from texts(each, f"{path}.{key}")
    elif isinstance(value, list):
        for each in value:
            yield from texts(each, path)
    elif isinstance(value, str):
        yield path, value


@pytest.mark.parametrize("group", [None, "theirs"])
def test_no_expression_is_compared_as_a_text(group: str | None) -> None:
    left = {
        path
        for body in bodies(template(group), "/subscriptions/s/resourceGroups/g")
        for path, text in texts(body)
        if text.startswith("[")
    }
    assert left == {".properties.osProfile.customData"}


@pytest.mark.parametrize("group", [None, "theirs"])
def test_everything_that_is_made_is_wanted(group: str | None) -> None:
    name = group or f"{ID}-resgrp"
    found = wanted(
        template(group),
        subscription="s",
        group=name,
        deployment_id=ID,
        addresses={"k0s-worker-1": "20.0.0.1"},
    )
    counts = {
        type_: sum(each.type == type_ for each in found.resources.values())
        for type_ in (VM, NIC, ADDRESS, DISK)
    }
    assert set(counts.values()) == {5}
    assert found.owned == (group is None)
    assert all(key.startswith(f"/subscriptions/s/resourcegroups/{name}") for key in found.resources)
    address = next(each for each in found.resources.values() if each.name == "k0s-worker-1PublicIP")
    assert address.fields["address"].text == "20.0.0.1"
    assert address.fields["attached_to"].text == "k0s-worker-1VMNic"
    other = next(each for each in found.resources.values() if each.name == "k0s-worker-2PublicIP")
    assert "address" not in other.fields, "one that nobody recorded can be no other"


def test_strange_answers_are_empty_facts_and_no_crash() -> None:
    for type_ in (VM, ADDRESS, NIC, DISK, "Microsoft.Network/networkSecurityGroups", ""):
        strange: list[dict[str, object]] = [
            {},
            {"properties": None, "tags": [], "zones": "1"},
            {
                "properties": {
                    "securityRules": [{"name": 7, "properties": []}],
                    "osProfile": "x",
                    "storageProfile": 1,
                }
            },
        ]
        for body in strange:
            flatten({"id": "/x", "type": type_, "name": "n", **body})
