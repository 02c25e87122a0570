"""Where each value comes from, and which layer has the last word."""

from __future__ import annotations

from pathlib import Path

import pytest

from k0rdent_azure.config.load import LoadedConfig, Source, load, load_bytes, parse_overrides
from k0rdent_azure.config.settings import SETTINGS, VARIABLES
from k0rdent_azure.errors import ConfigError

MINIMAL = {
    "azure.location": "westeurope",
    "azure.vm_image": "Debian:debian-12:12-gen2:latest",
    "vm_sizing.controller.size": "Standard_B2s",
    "cluster.controllers.count": "1",
    "cluster.workers.count": "0",
}


def loaded(
    text: str | None = None, environ: dict[str, str] | None = None, overrides: dict[str, str] | None = None
) -> LoadedConfig:
    data = None if text is None else text.encode()
    return load_bytes(data, label="k0rdent.yaml", environ=environ or {}, overrides=overrides)


def test_an_ancestors_file_loads_unchanged(ancestor: str) -> None:
    found = loaded(ancestor)
    assert found.warnings == ()
    config = found.config
    assert config.azure.vm_priority == "Spot"
    assert config.azure.eviction_policy == "Delete"
    assert config.azure.cloud == "AzureCloud"
    assert config.metadata.owner == "alice@example.com"
    assert config.cluster.workers.zones == (3, 2)
    assert config.network.wireguard_port == 51820


def test_kof_is_kept_as_it_was_written(ancestor: str) -> None:
    assert loaded(ancestor).config.kof == {
        "enabled": False,
        "version": "1.1.0",
        "istio": {"version": "1.1.0", "namespace": "istio-system"},
        "mothership": {"storage_class": "default", "install_retries": 3, "collectors": {"global": {}}},
        "regional": {
            "cluster_name": "",
            "root_volume_size": "32",
            "anything": None,
            "list": [1, 2.5, "yes", "yes"],
        },
    }


def test_the_last_layer_to_speak_counts_and_is_remembered(ancestor: str) -> None:
    found = loaded(
        ancestor,
        {"K0RDENT_AZURE_CLUSTER_WORKERS_COUNT": "5", "K0RDENT_AZURE_SSH_USERNAME": "carol"},
        {"cluster.workers.count": "7"},
    )
    line = next(n for n, text in enumerate(ancestor.splitlines(), 1) if "ssh_connect" in text)
    assert found.config.cluster.workers.count == 7
    assert found.config.ssh.username == "carol"
    assert found.sources["cluster.workers.count"] == Source("flag", "--set cluster.workers.count")
    assert found.sources["ssh.username"] == Source("variable", "K0RDENT_AZURE_SSH_USERNAME")
    assert found.sources["timeouts.ssh_connect"] == Source("file", f"k0rdent.yaml:{line}")
    assert found.sources["network.wireguard_port"] == Source("default", None)


def test_every_value_has_a_source_and_every_source_a_value(ancestor: str) -> None:
    found = loaded(ancestor)
    assert list(found.sources) == list(found.values)
    leaves = {path for path, setting in SETTINGS.items() if "map" not in setting.kind}
    assert leaves <= set(found.sources)
    assert found.sources["kof.mothership.collectors.global"].kind == "file"


def test_without_a_file_variables_and_flags_are_enough() -> None:
    found = loaded(None, {"K0RDENT_AZURE_AZURE_LOCATION": "westus2"}, MINIMAL)
    assert found.config.azure.location == "westeurope"
    assert found.path is None
    assert found.digest is None


def test_without_workers_their_size_need_not_be_said() -> None:
    assert loaded(None, overrides=MINIMAL).config.vm_sizing.worker.size == "Standard_B2s"
    with pytest.raises(ConfigError) as raised:
        loaded(None, overrides={**MINIMAL, "cluster.workers.count": "1"})
    assert [fault.path for fault in raised.value.faults] == ["vm_sizing.worker.size"]


def test_every_required_setting_is_asked_for() -> None:
    with pytest.raises(ConfigError) as raised:
        loaded("azure:\n")
    assert {fault.path for fault in raised.value.faults} == {
        path for path, setting in SETTINGS.items() if setting.required
    }


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("cluster.workers.zones", "1,3", (1, 3)),
        ("cluster.workers.zones", "[1, 3]", (1, 3)),
        ("cluster.workers.zones", "[]", ()),
        ("network.allowed_ssh_sources", "10.0.0.0/8,192.0.2.1/32", ("10.0.0.0/8", "192.0.2.1/32")),
        ("network.wireguard_port", "51821", 51821),
        ("azure.vm_priority", "SPOT", "Spot"),
        ("azure.cloud", "azurecloud", "AzureCloud"),
        ("azure.resource_group", "my-group", "my-group"),
        ("azure.resource_group", "null", None),
        ("software.k0s.version", "v1.34.0+k0s.1", "v1.34.0+k0s.1"),
    ],
)
def test_text_from_a_variable_or_a_flag_becomes_the_settings_type(
    path: str, text: str, expected: object
) -> None:
    variable = SETTINGS[path].variable
    image = {"azure.vm_priority": "Spot"} if path == "azure.vm_priority" else {}
    assert loaded(None, {variable: text}, MINIMAL).values[path] == expected
    assert loaded(None, overrides={**MINIMAL, **image, path: text}).values[path] == expected


def test_an_empty_variable_counts_as_not_set(ancestor: str) -> None:
    assert loaded(ancestor, {"K0RDENT_AZURE_AZURE_LOCATION": ""}).config.azure.location == "southeastasia"


def test_tags_from_all_layers_meet_and_a_whole_map_replaces(ancestor: str) -> None:
    text = ancestor.replace("azure:\n", "azure:\n  tags: {team: a, cost.center: '7'}\n", 1)
    found = loaded(text, overrides={"azure.tags.team": "b", "azure.tags.env": "x"})
    assert found.config.azure.tags == {"team": "b", "cost.center": "7", "env": "x"}
    assert found.sources["azure.tags.team"].kind == "flag"
    assert found.sources["azure.tags.cost.center"].kind == "file"
    replaced = loaded(text, {"K0RDENT_AZURE_AZURE_TAGS": "env=y,a=b"})
    assert replaced.config.azure.tags == {"env": "y", "a": "b"}


def test_any_key_below_kof_can_be_set_by_a_flag(ancestor: str) -> None:
    overrides = parse_overrides(["kof.enabled=true", "kof.istio=none", "kof.new.key=3", "kof.new.key=4"])
    kof = loaded(ancestor, overrides=overrides).config.kof
    assert (kof["enabled"], kof["istio"], kof["new"]) == (True, "none", {"key": 4})


def test_text_settings_are_read_as_written_not_as_yaml_numbers() -> None:
    text = "azure: {location: westeurope, resource_group: 010}\nmetadata: {version: 1.10, description: no}\n"
    found = loaded(text, overrides=MINIMAL)
    assert found.config.metadata.version == "1.10"
    assert found.config.metadata.description == "no"
    assert found.config.azure.resource_group == "010"


def test_empty_sections_and_optional_nulls_mean_the_defaults() -> None:
    text = "kof:\nnetwork:\nssh: ~\nmetadata:\n  owner:\nazure:\n  tags:\n  resource_group: ''\n"
    config = loaded(text, overrides=MINIMAL).config
    assert config.kof == {}
    assert config.azure.tags == {}
    assert config.metadata.owner is None
    assert config.azure.resource_group is None


def test_unknown_variables_are_doubts_with_the_nearest_one_and_reserved_ones_are_none(ancestor: str) -> None:
    found = loaded(
        ancestor,
        {
            "K0RDENT_AZURE_AZURE_LOCATOIN": "x",
            "K0RDENT_AZURE_KOF_ENABLED": "true",
            "K0RDENT_AZURE_REHEARSAL_SPEED": "60",
            "K0RDENT_AZURE_REHEARSAL_SEED": "1",
            "K0RDENT_AZURE_STATE": "x",
            "K0RDENT_OTHER": "x",
        },
    )
    assert [warning.origin for warning in found.warnings] == [
        "K0RDENT_AZURE_AZURE_LOCATOIN",
        "K0RDENT_AZURE_KOF_ENABLED",
    ]
    assert "did you mean K0RDENT_AZURE_AZURE_LOCATION?" in str(found.warnings[0])
    assert "--set kof.KEY=VALUE" in str(found.warnings[1])


def test_variable_names_are_unique() -> None:
    assert len(VARIABLES) == sum(setting.kind != "free map" for setting in SETTINGS.values())


def test_a_file_is_remembered_with_its_digest(ancestor: str, tmp_path: Path) -> None:
    path = tmp_path / "k0rdent.yaml"
    path.write_text("\ufeff" + ancestor, encoding="utf-8")
    first = load(path, environ={})
    assert first.path == path
    path.write_text(ancestor + "\n", encoding="utf-8")
    second = load(path, environ={})
    assert first.config == second.config
    assert first.digest != second.digest
    assert len(first.digest or "") == 64


def test_a_label_is_short_in_the_current_directory(
    ancestor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "k0rdent.yaml"
    path.write_text(ancestor, encoding="utf-8")
    where = load(path, environ={}).sources["azure.location"].where or ""
    assert where.startswith("k0rdent.yaml:")


def test_files_that_are_none(tmp_path: Path) -> None:
    huge, pipe = tmp_path / "huge.yaml", tmp_path / "pipe.yaml"
    huge.write_bytes(b"# x\n" * 300_000)
    import os

    os.mkfifo(pipe)
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(loop)
    for path, part in (
        (tmp_path / "missing.yaml", "no such file"),
        (tmp_path, "is a directory"),
        (huge, "larger than"),
        (pipe, "is not a file"),
        (loop, "cannot be read"),
        (tmp_path / "a\0b", "cannot be read"),
        (tmp_path / ("x" * 5000), "cannot be read"),
        (huge / "below.yaml", "cannot be read"),
    ):
        with pytest.raises(ConfigError, match=part) as raised:
            load(path, environ={})
        assert raised.value.faults


def test_a_missing_file_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load(tmp_path / "k0rdent.yaml", environ={})
    assert raised.value.hint == "write one with: k0rdent-azure init"
