"""The templates: each loads without a doubt on each cloud, and is what its name says."""

from __future__ import annotations

import pytest

from k0rdent_azure.config.load import load_bytes
from k0rdent_azure.config.regions import REGIONS
from k0rdent_azure.config.settings import SETTINGS
from k0rdent_azure.config.templates import CLOUDS, TEMPLATES, render
from k0rdent_azure.config.topology import hosts
from k0rdent_azure.errors import ConfigError, UsageError

SIZES = {
    "minimal": (1, 1),
    "small": (1, 2),
    "single-node": (1, 0),
    "production": (3, 2),
    "production-spot": (3, 2),
    "large": (3, 20),
}


#: Azure China has no Spot VMs.
OFFERED = [(t, c) for t in TEMPLATES for c in CLOUDS if (t, c) != ("production-spot", "AzureChinaCloud")]


@pytest.mark.parametrize(("template", "cloud"), OFFERED)
def test_a_template_loads_without_faults_or_warnings(template: str, cloud: str) -> None:
    loaded = load_bytes(render(template, cloud=cloud).encode(), label=template, environ={})
    assert loaded.warnings == ()
    config = loaded.config
    assert config.azure.cloud == cloud
    assert config.azure.location in REGIONS[config.azure.cloud]
    assert (config.cluster.controllers.count, config.cluster.workers.count) == SIZES[template]
    assert len(hosts(config)) == sum(SIZES[template])
    assert (config.azure.vm_priority == "Spot") == (template == "production-spot")


def test_a_template_writes_every_setting_that_is_not_optional() -> None:
    loaded = load_bytes(render("production", cloud="AzureCloud").encode(), label="t", environ={})
    unwritten = {path for path, source in loaded.sources.items() if source.kind == "default"}
    assert all(SETTINGS[path].optional for path in unwritten)


def test_what_a_template_comments_out_is_right_too() -> None:
    text = render("production", cloud="AzureCloud")
    for line in text.splitlines():
        bare = line.strip().removeprefix("# ")
        if line.strip().startswith("# ") and bare.split(":")[0] in (
            "owner",
            "subscription_id",
            "resource_group",
        ):
            text = text.replace(line, line.replace("# ", "", 1))
    text = text.replace("  # tags:\n  #   team:", "  tags:\n    team:")
    config = load_bytes(text.encode(), label="t", environ={}).config
    assert config.azure.tags == {"team": "platform"}
    assert config.metadata.owner == "alice@example.com"
    assert config.azure.resource_group == "my-group"
    assert config.azure.subscription_id is not None


def test_the_ancestors_production_layout() -> None:
    config = load_bytes(render("production", cloud="AzureCloud").encode(), environ={}).config
    assert config.azure.vm_image == "Debian:debian-12:12-arm64:latest"
    assert [host.zone for host in hosts(config)] == ["2", "3", "2", "2", "3"]
    assert config.vm_sizing.worker.size == "Standard_D8pls_v6"


def test_a_location_of_ones_own() -> None:
    text = render("small", cloud="AzureCloud", location="westeurope")
    assert load_bytes(text.encode(), environ={}).config.azure.location == "westeurope"


@pytest.mark.parametrize(
    "location", ["usgovvirginia", "West Middle", 'x"\ncloud: y', "a\x1bb", "{0}", "\ud800"]
)
def test_a_location_that_cannot_be_is_a_fault_not_an_injection(location: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_bytes(render("small", cloud="AzureCloud", location=location).encode(), label="t", environ={})
    assert len(raised.value.faults) == 1


@pytest.mark.parametrize("location", ["westus", "West US", "ukwest", "northcentralus"])
def test_a_region_without_zones_gets_none(location: str) -> None:
    """Also by the name that the portal shows."""
    loaded = load_bytes(render("production", cloud="AzureCloud", location=location).encode(), environ={})
    assert (loaded.warnings, {host.zone for host in hosts(loaded.config)}) == ((), {""})


def test_spot_is_not_offered_where_azure_has_none() -> None:
    with pytest.raises(UsageError, match="Azure China does not offer Spot") as raised:
        render("production-spot", cloud="azurechinacloud")
    assert raised.value.hint == "k0rdent-azure init --template production --cloud AzureChinaCloud"


@pytest.mark.parametrize("arguments", [("tiny", "AzureCloud"), ("small", "AWS")])
def test_unknown_names_list_the_known_ones(arguments: tuple[str, str]) -> None:
    with pytest.raises(UsageError) as raised:
        render(arguments[0], cloud=arguments[1])
    assert "one of" in (raised.value.hint or "")
