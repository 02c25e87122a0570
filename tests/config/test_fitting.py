"""Values that are each right and wrong together: one row for each pair, with where it is told and what is expected."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from k0rdent_azure.cli.main import main
from k0rdent_azure.config.load import load_bytes
from k0rdent_azure.config.regions import REGIONS, has_zones
from k0rdent_azure.errors import ConfigError, Fault
from k0rdent_azure.rehearsal import regions as rehearsed

from .conftest import ANCESTOR
from .test_faults import X64

Set = dict[str, str]
UNKNOWN_IMAGE = {"azure.vm_image": "Acme:linux:9:latest"}


def found(overrides: Set, *, x64: bool = False) -> tuple[Fault, ...]:
    """Errors and warnings, each with the flag that it comes from."""
    text = ANCESTOR
    if x64:
        for old, new in X64.items():
            text = text.replace(old, new)
    try:
        return load_bytes(text.encode(), label="k0rdent.yaml", environ={}, overrides=overrides).warnings
    except ConfigError as error:
        return tuple(error.faults)


#: (what is set, the path, severity, part of the message, part of what is expected)
PAIRS: list[tuple[Set, str, str, str, str]] = [
    (
        {"azure.location": "westus", "cluster.workers.zones": ""},
        "cluster.controllers.zones",
        "error",
        "westus has no availability zones",
        "[], or a region with zones such as southeastasia",
    ),
    (
        {"azure.location": "UK West", "cluster.controllers.zones": ""},
        "cluster.workers.zones",
        "error",
        "ukwest has no availability zones",
        "[]",
    ),
    (
        {"azure.cloud": "AzureChinaCloud", "azure.location": "chinaeast", "azure.vm_priority": "Regular"}
        | {"cluster.workers.zones": "", "azure.eviction_policy": "Deallocate"},
        "cluster.controllers.zones",
        "error",
        "chinaeast has no availability zones",
        "such as chinanorth3",
    ),
    (
        {"cluster.controllers.count": "1"},
        "cluster.controllers.zones",
        "warning",
        "one controller cannot fill 2 zones: zone 3 stays without one",
        "at most 1",
    ),
    (
        {"azure.cloud": "AzureChinaCloud", "azure.location": "chinanorth3"},
        "azure.vm_priority",
        "error",
        "does not offer Spot",
        "Regular",
    ),
    ({"azure.vm_priority": "regular"}, "azure.eviction_policy", "warning", "no effect on Regular", "Spot"),
    (UNKNOWN_IMAGE, "vm_sizing", "warning", "does not tell whether it is for them", "an image for arm64"),
    (
        UNKNOWN_IMAGE | {"vm_sizing.worker.size": "Standard_D4s_v5"},
        "vm_sizing.worker.size",
        "error",
        "no image is for both",
        "the same processors",
    ),
    (
        UNKNOWN_IMAGE
        | {"vm_sizing.controller.size": "Standard_D2_v2", "vm_sizing.worker.size": "Standard_D4s_v6"},
        "vm_sizing.worker.size",
        "error",
        "no image boots on both",
        "sizes for the same images",
    ),
    (
        {"azure.vm_image": "almalinux:almalinux-arm:9-arm-gen2:latest"}
        | {"vm_sizing.worker.size": "Standard_D4s_v5"},
        "vm_sizing.worker.size",
        "error",
        "is for arm64",
        "an arm64 size",
    ),
    (
        {"software.k0rdent.version": "1.3.1"},
        "software.k0rdent.version",
        "warning",
        "does not become ready on arm64",
        "1.4.0 or newer",
    ),
    (
        {"network.allowed_ssh_sources": "203.0.113.0/24,198.51.100.7/32,203.0.113.7/32"},
        "network.allowed_ssh_sources",
        "error",
        "203.0.113.7/32 is inside 203.0.113.0/24",
        "203.0.113.0/24 without 203.0.113.7/32",
    ),
    (
        {"network.allowed_ssh_sources": "198.51.100.7/32,0.0.0.0/0"},
        "network.allowed_ssh_sources",
        "error",
        "is inside 0.0.0.0/0",
        "without",
    ),
    ({"network.wireguard_port": "4789"}, "network.wireguard_port", "error", "Calico's VXLAN", "another port"),
    ({"network.wireguard_port": "68"}, "network.wireguard_port", "error", "DHCP client", "such as 51820"),
    ({"network.wireguard_port": "31820"}, "network.wireguard_port", "warning", "NodePort", "outside 30000"),
    (
        {"network.subnet_prefix": "10.9.0.0/24", "network.wireguard_network": "10.9.0.0/20"},
        "network.wireguard_network",
        "error",
        "overlaps subnet 10.9.0.0/24",
        "a network of its own",
    ),
    (
        {"timeouts.vm_creation_minutes": "5", "timeouts.vm_wait_check_interval": "600"},
        "timeouts.vm_wait_check_interval",
        "warning",
        "600 seconds is longer than the 5 minutes",
        "less than 300",
    ),
    (
        {"azure.cloud": "AzureUSGovernment", "azure.location": "westeurope"},
        "azure.location",
        "error",
        "a region of AzureCloud, not of AzureUSGovernment",
        "usgovvirginia",
    ),
]


@pytest.mark.parametrize(("values", "path", "severity", "part", "expected"), PAIRS)
def test_each_pair_is_told_where_it_was_given(
    values: Set, path: str, severity: str, part: str, expected: str
) -> None:
    told = [each for each in found(values) if part in each.message]
    assert told, [str(each) for each in found(values)]
    assert all(each.path.startswith(path) and each.severity == severity for each in told)
    assert all(expected in (each.expected or "") for each in told)
    given = f"--set {told[0].path}" if told[0].path in values else None
    assert (told[0].origin, told[0].line is None) == (given, given is not None)


@pytest.mark.parametrize("size", ["Standard_D2_v2_Promo", "Standard_B2ms"])
def test_sizes_that_are_not_offered_as_spot(size: str) -> None:
    values = {"azure.vm_priority": "Spot", "vm_sizing.worker.size": size}
    values["azure.vm_image"] = "Debian:debian-12:12:latest"
    told = [each for each in found(values, x64=True) if "not as Spot" in each.message]
    assert [each.severity for each in told if each.path == "vm_sizing.worker.size"] == ["warning"]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"azure.location": "West US", "cluster.controllers.zones": "", "cluster.workers.zones": ""},
        {"azure.location": "westus", "cluster.controllers.zones": "[]", "cluster.workers.count": "0"},
        {"azure.location": "usgovarizona", "azure.cloud": "AzureUSGovernment"},
        {"network.allowed_ssh_sources": "203.0.113.0/25,203.0.113.128/25,203.0.113.0/25"},
        {"network.wireguard_port": "22"},
        {"network.wireguard_port": "10250"},
        {"azure.vm_image": "almalinux:almalinux-arm:9-arm-gen2:latest"},
        {"software.k0rdent.version": "1.4.0-rc1"},
    ],
)
def test_what_fits_is_no_fault(values: Set) -> None:
    """Zones that no VM asks for, a region that nobody knows of, sources that touch, TCP's ports for UDP."""
    assert found(values) == ()


def test_an_image_whose_processors_are_unknown_runs_on_any_x64_size() -> None:
    assert found(UNKNOWN_IMAGE | {"azure.eviction_policy": "Deallocate"}, x64=True) == ()


def test_the_rehearsal_cloud_offers_the_regions_of_the_one_table() -> None:
    assert REGIONS["rehearsal"] == rehearsed.REGIONS
    assert all(isinstance(has_zones(name), bool) for name in rehearsed.REGIONS)


def test_config_validate_says_it_with_the_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "k0rdent.yaml").write_text(ANCESTOR.replace("southeastasia", "West US"), encoding="utf-8")
    assert main(["-C", str(tmp_path), "config", "validate"]) == 3
    said = capsys.readouterr().err
    lines = [n for n, line in enumerate(ANCESTOR.splitlines(), 1) if "zones:" in line]
    for line in lines:
        assert re.search(rf"k0rdent\.yaml:{line}\b.*westus has no availability zones", said), said
