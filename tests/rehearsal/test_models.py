"""What the product sends, and what the cloud answers it and `az`, is what Microsoft's generated clients know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from k0rdent_azure.rehearsal import recording
from k0rdent_azure.rehearsal.recording import Exchange
from tests.e2e.conftest import Product
from tests.e2e.conftest import product as product  # noqa: PLC0414  the fixture
from tests.rehearsal import az_stage, microsoft_models
from tests.rehearsal.arm_stage import KEY

pytest.importorskip(
    "azure.mgmt.network", reason="the development extras are not installed (make test does it)"
)


def faults(exchanges: Iterator[Exchange], *, ours: bool) -> list[str]:
    """What is wrong with them. A URL that an answer named is no operation: pollers follow it as it is."""
    found: list[str] = []
    named: set[str] = set()
    for each in exchanges:
        path = urlsplit(each.path).path
        named |= {urlsplit(url).path for url in each.follow_ups}
        if path in named:
            continue
        if ours:
            found += microsoft_models.request_faults(each.method, each.path, each.body)
        if each.status >= 400:
            found += microsoft_models.misfits(each.answer, microsoft_models.error_model(), path)
        elif each.answer is not None:
            found += microsoft_models.answer_faults(each.method, each.path, each.answer)
    return sorted(set(found))


def record(workspace: Path) -> Path:
    directory = workspace / ".rehearsal"
    recording.begin(directory)
    return directory


@pytest.mark.e2e
def test_a_deployment_its_reading_and_its_end(product: Product) -> None:
    directory = record(product.workspace)
    product.init()
    product.run("deploy", "--yes")
    product.run("validate")
    product.run("status", "--refresh")
    product.run("destroy", "--yes")
    exchanges = list(recording.read(directory))
    assert {each.method for each in exchanges} == {"PUT", "GET", "DELETE"}
    assert len(exchanges) == len(product.requests())
    assert faults(iter(exchanges), ours=True) == []


@pytest.mark.needs_az
@az_stage.skip_without_az
def test_what_az_is_answered(tmp_path: Path) -> None:
    directory = record(tmp_path)
    with az_stage.az_on(directory) as az:
        az("group create -n rg -l southeastasia")
        az("network nsg create -g rg -n nsg")
        az("network nsg rule create -g rg --nsg-name nsg -n ssh --priority 100 --destination-port-ranges 22")
        az("network vnet create -g rg -n vnet --subnet-name a")
        az("network vnet subnet list -g rg --vnet-name vnet")
        az("sshkey create -g rg -n key --public-key", KEY)
        az(
            "vm create -g rg -n vm --image Debian:debian-12:12-arm64:latest --size Standard_D2pls_v6 --zone 1"
            " --ssh-key-name key --vnet-name vnet --subnet a --nsg nsg --public-ip-sku Standard --admin-username me"
        )
        az("vm list -d")
        az("vm list-usage -l southeastasia")
        az("vm list-skus -l southeastasia")
        az("disk list -g rg")
        az("network public-ip list -g rg")
        az("deployment group list -g rg")
        az("resource list -g rg")
        az("account list-locations")
        az("vm delete -g rg -n vm --yes")
        az("group delete -n rg --yes")
        az.run("group show -n rg", expect=3)
    assert faults(recording.read(directory), ours=False) == []


def test_a_property_that_no_model_has_is_found() -> None:
    path = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm?api-version=2023-09-01"
    good = {"location": "here", "properties": {"hardwareProfile": {"vmSize": "Standard_B2s"}}}
    assert microsoft_models.request_faults("PUT", path, good) == []
    strange = {"location": "here", "properties": {"hardwareProfile": {"size": "Standard_B2s"}}}
    (fault,) = microsoft_models.request_faults("PUT", path, strange)
    assert fault.endswith("properties.hardwareProfile.size: HardwareProfile has no such property")
    (fault,) = microsoft_models.answer_faults("GET", path, {"location": 7})
    assert "<class 'str'> is wanted" in fault
    (fault,) = microsoft_models.request_faults("GET", f"{path}&$select=name", None)
    assert "$select" in fault
    (fault,) = microsoft_models.request_faults("POST", "/subscriptions/s/everything", None)
    assert "no client has such an operation" in fault
