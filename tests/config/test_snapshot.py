"""The snapshot: what the state keeps of a configuration, and how a changed file is told."""

from __future__ import annotations

import dataclasses

import pytest

from k0rdent_azure.config.load import load_bytes
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.snapshot import differs, from_snapshot, load_snapshot, to_snapshot
from k0rdent_azure.config.topology import hosts
from k0rdent_azure.errors import ConfigError

#: The `configuration` of the plan's example state.
PLAN: dict[str, object] = {
    "azure": {
        "location": "southeastasia",
        "resource_group": "k0rdent-abc123-resgrp",
        "vm_image": "Debian:debian-12:12-arm64:latest",
        "vm_priority": "Regular",
    },
    "cluster": {"controller_count": 3, "worker_count": 2},
    "network": {
        "vnet_prefix": "10.240.0.0/16",
        "subnet_prefix": "10.240.1.0/24",
        "wireguard_network": "172.24.24.0/24",
        "wireguard_port": 51820,
    },
}


def config_of(text: str, **overrides: str) -> Config:
    return load_bytes(text.encode(), environ={}, overrides=overrides).config


def test_a_snapshot_gives_back_what_went_in(ancestor: str) -> None:
    config = config_of(ancestor, **{"azure.tags.team": "x", "metadata.owner": "null"})
    snapshot = to_snapshot(config, resource_group="k0rdent-x-resgrp")
    assert from_snapshot(snapshot) == config
    assert snapshot["cluster"] == {
        "controller_count": 3,
        "controller_zones": [2, 3],
        "worker_count": 3,
        "worker_zones": [3, 2],
    }


def test_a_snapshot_holds_every_key_of_the_plan(ancestor: str) -> None:
    snapshot = to_snapshot(config_of(ancestor), resource_group="k0rdent-x-resgrp")
    for section, keys in PLAN.items():
        found = snapshot[section]
        assert isinstance(keys, dict)
        assert isinstance(found, dict)
        assert keys.keys() <= found.keys()


def test_only_a_group_that_the_user_named_comes_back(ancestor: str) -> None:
    ours = to_snapshot(config_of(ancestor), resource_group="k0rdent-x-resgrp")
    theirs = to_snapshot(config_of(ancestor, **{"azure.resource_group": "mine"}), resource_group="mine")
    assert from_snapshot(ours).azure.resource_group is None
    assert from_snapshot(theirs).azure.resource_group == "mine"


def test_the_plans_example_is_completed_with_what_fits() -> None:
    config = from_snapshot(PLAN)
    assert len(hosts(config)) == 5
    assert config.vm_sizing.controller.size == "Standard_D2pls_v6"
    assert config.azure.resource_group is None
    sources = load_snapshot(PLAN).sources
    assert sources["azure.location"].kind == "snapshot"
    assert sources["vm_sizing.worker.size"].kind == "default"


def test_keys_of_another_version_are_left_alone() -> None:
    inner = PLAN["network"]
    assert isinstance(inner, dict)
    assert from_snapshot({**PLAN, "later": {"x": 1}, "network": {**inner, "mtu": 9}}) == from_snapshot(PLAN)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("network", "subnet_prefix", "banana"),
        ("network", "subnet_prefix", "10.240.1.0/29"),
        ("network", "wireguard_network", 7),
        ("cluster", "controller_count", "many"),
        ("cluster", "controller_count", None),
        ("azure", "location", None),
        ("azure", "cloud", "AWS"),
    ],
)
def test_a_snapshot_that_makes_no_sense_is_a_config_error(section: str, key: str, value: object) -> None:
    inner = PLAN[section]
    assert isinstance(inner, dict)
    with pytest.raises(ConfigError) as raised:
        from_snapshot({**PLAN, section: {**inner, key: value}})
    assert "configuration in the state" in str(raised.value.faults[0])


def test_rules_that_no_deployment_depends_on_do_not_lock_anybody_out() -> None:
    """A later version may refuse this user name or region in new files; `destroy` must still work."""
    assert from_snapshot({**PLAN, "ssh": {"username": "admin"}}).ssh.username == "admin"


def test_differences_are_told_by_the_files_own_paths(ancestor: str) -> None:
    data = ancestor.encode()
    loaded = load_bytes(data, environ={})
    snapshot = to_snapshot(loaded.config, resource_group="k0rdent-x-resgrp")
    assert differs(loaded, snapshot) == []
    now = load_bytes(
        data,
        environ={"K0RDENT_AZURE_AZURE_TAGS": "team=x"},
        overrides={"cluster.workers.count": "9", "azure.resource_group": "mine", "kof.enabled": "true"},
    )
    assert differs(now, snapshot) == [
        "azure.resource_group",
        "azure.tags.team",
        "cluster.workers.count",
        "kof.enabled",
    ]


def test_what_the_file_no_longer_says_is_a_difference(ancestor: str) -> None:
    before = load_bytes(
        ancestor.encode(), environ={}, overrides={"azure.tags.team": "x", "ssh.username": "carol"}
    )
    snapshot = to_snapshot(before.config, resource_group="k0rdent-x-resgrp")
    assert differs(load_bytes(ancestor.encode(), environ={}), snapshot) == ["azure.tags.team", "ssh.username"]


def test_what_a_snapshot_does_not_hold_cannot_differ(ancestor: str) -> None:
    loaded = load_bytes(ancestor.encode(), environ={})
    assert differs(loaded, PLAN) == ["azure.vm_priority", "cluster.workers.count"]
    assert differs(dataclasses.replace(loaded), {}) == []


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("azure", {"location": "x\ny"}),
        ("azure", {"vm_image": "a:b:c:$(id)"}),
        ("azure", {"existing_group": True, "resource_group": "g/../h"}),
        ("azure", {"subscription_id": "../x"}),
        ("azure", {"tags": {"a?b": "c"}}),
        ("azure", {"tags": {"a": "b\nc"}}),
        ("azure", {"tags": {"a": "x" * 257}}),
        ("ssh", {"username": "root; id"}),
        ("ssh", {"username": "-oProxyCommand=id"}),
        ("ssh", {"key_comment": "a\nssh-ed25519 AAAA"}),
        ("metadata", {"owner": "a\x1bb"}),
        ("vm_sizing", {"controller": {"size": "Standard_D2s_v5'"}}),
        ("network", {"allowed_ssh_sources": ["1.2.3.4/32", "x"]}),
        ("software", {"k0s": {"version": "v1; id"}}),
        ("software", {"k0rdent": {"registry": "oci://x/y --post-renderer z"}}),
        ("software", {"k0rdent": {"namespace": "-A"}}),
        ("software", {"k0rdent": {"version": "1.1.1\n"}}),
    ],
)
def test_a_snapshot_is_data_from_a_file(section: str, values: dict[str, object]) -> None:
    inner = PLAN.get(section, {})
    assert isinstance(inner, dict)
    with pytest.raises(ConfigError):
        from_snapshot({**PLAN, section: {**inner, **values}})
