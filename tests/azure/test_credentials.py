"""The clouds and where their tokens come from."""

from __future__ import annotations

import os

import pytest
from azure.identity.aio import DefaultAzureCredential

from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.clouds import ENVIRONMENTS
from k0rdent_azure.azure.credentials import default_credential
from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.errors import AuthenticationError
from tests.azure.conftest import FakeClock


@pytest.mark.parametrize("name", ["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"])
def test_each_cloud_has_its_own_endpoints(name: str) -> None:
    cloud = ENVIRONMENTS[name]
    assert cloud.scope == f"{cloud.audience}/.default"
    for url in (cloud.arm_endpoint, cloud.authority):
        assert url.startswith("https://")
        assert not url.endswith("/")
    assert cloud.dns_suffix.startswith("cloudapp.")


async def test_no_login_at_all_is_an_authentication_error(
    monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    # Only the credential that needs neither network nor az, by azure-identity's own switch.
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    cloud = ENVIRONMENTS["AzureCloud"]
    async with ArmClient(
        environment=cloud, credential=default_credential(cloud), ledger=Ledger(), clock=clock
    ) as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.request("GET", "/subscriptions", api_version="1")
    assert "AzureCloud" in caught.value.message
    assert "az login" in (caught.value.hint or "")


async def test_the_default_credential_never_opens_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_TOKEN_CREDENTIALS", raising=False)
    credential = default_credential(ENVIRONMENTS["AzureUSGovernment"])
    assert isinstance(credential, DefaultAzureCredential)
    kinds = [type(each).__name__ for each in credential.credentials]
    assert "AzureCliCredential" in kinds
    assert "EnvironmentCredential" in kinds
    assert not any("Interactive" in kind or "VisualStudio" in kind or "SharedToken" in kind for kind in kinds)
    await credential.close()


@pytest.mark.parametrize(
    ("environ", "asked"),
    [
        ({}, False),
        ({"AZURE_CLIENT_ID": "00000000-0000-0000-0000-000000000001"}, False),
        ({"AZURE_CLIENT_ID": "x", "AZURE_TENANT_ID": "y", "AZURE_CLIENT_SECRET": "z"}, False),
        ({"AZURE_FEDERATED_TOKEN_FILE": "/t", "AZURE_CLIENT_ID": "x", "AZURE_TENANT_ID": "y"}, False),
        ({"AZURE_TOKEN_CREDENTIALS": "dev"}, False),
        ({"AZURE_TOKEN_CREDENTIALS": "AzureCliCredential", "IDENTITY_ENDPOINT": "http://127.0.0.1:1"}, False),
        ({"IDENTITY_ENDPOINT": ""}, False),
        ({"AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential"}, True),
        ({"AZURE_TOKEN_CREDENTIALS": " managedidentitycredential "}, True),
        ({"AZURE_TOKEN_CREDENTIALS": "prod"}, True),
        ({"IDENTITY_ENDPOINT": "http://127.0.0.1:1", "IDENTITY_HEADER": "h"}, True),
        ({"IDENTITY_ENDPOINT": "http://127.0.0.1:1", "IMDS_ENDPOINT": "http://127.0.0.1:2"}, True),
        ({"MSI_ENDPOINT": "http://127.0.0.1:1"}, True),
        ({"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:1"}, True),
    ],
    ids=lambda value: "+".join(value) or "nothing" if isinstance(value, dict) else str(value),
)
async def test_the_metadata_address_is_asked_only_if_managed_identity_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], asked: bool
) -> None:
    for name in [name for name in os.environ if name.startswith(("AZURE_", "IDENTITY_", "MSI_", "IMDS_"))]:
        monkeypatch.delenv(name)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    credential = default_credential(ENVIRONMENTS["AzureCloud"])
    assert isinstance(credential, DefaultAzureCredential)
    kinds = [type(each).__name__ for each in credential.credentials]
    assert ("ManagedIdentityCredential" in kinds) is asked
    await credential.close()


@pytest.mark.parametrize("chosen", ["VisualStudioCodeCredential", "everything"])
def test_a_choice_that_leaves_no_credential_is_an_authentication_error(
    monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", chosen)
    with pytest.raises(AuthenticationError, match=chosen) as raised:
        default_credential(ENVIRONMENTS["AzureCloud"])
    assert "unset AZURE_TOKEN_CREDENTIALS" in (raised.value.hint or "")
