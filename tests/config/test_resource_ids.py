"""One id in all the spellings in which Azure's services answer it."""

from __future__ import annotations

import pytest

from k0rdent_azure.config import resource_ids
from k0rdent_azure.config.resource_ids import ArmId

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/My-Rg"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/k0s-worker-1"
RULE = f"{GROUP}/providers/Microsoft.Network/networkSecurityGroups/a-nsg/securityRules/AllowSSH"

LOCK = ArmId(SUBSCRIPTION, "My-Rg", "Microsoft.Authorization/locks", "keep")


@pytest.mark.parametrize(
    "spelled",
    [
        VM,
        VM.upper(),
        f"{VM}/",
        f" {VM}\n",
        VM.replace("resourceGroups", "resourcegroups"),
        VM.replace("/providers/", "//providers/"),
        f"https://management.azure.com{VM}?api-version=2024-07-01",
        f"HTTPS://MANAGEMENT.CHINACLOUDAPI.CN{VM}/",
        VM.removeprefix("/"),
    ],
)
def test_an_id_is_one_in_every_spelling(spelled: str) -> None:
    assert resource_ids.key(spelled) == VM.lower()
    assert resource_ids.name(spelled).lower() == "k0s-worker-1"
    assert resource_ids.kind(spelled) == "virtualmachines"
    assert resource_ids.parts(spelled).group.lower() == "my-rg"
    assert resource_ids.is_id(spelled)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (f"/subscriptions/{SUBSCRIPTION}", ArmId(SUBSCRIPTION, "", "", SUBSCRIPTION)),
        (GROUP, ArmId(SUBSCRIPTION, "My-Rg", "", "My-Rg")),
        (VM, ArmId(SUBSCRIPTION, "My-Rg", "Microsoft.Compute/virtualMachines", "k0s-worker-1")),
        (
            RULE,
            ArmId(SUBSCRIPTION, "My-Rg", "Microsoft.Network/networkSecurityGroups/securityRules", "AllowSSH"),
        ),
        # What is laid upon a resource has a provider of its own; the last one says what it is.
        (f"{VM}/providers/Microsoft.Authorization/locks/keep", LOCK),
        ("k0s-worker-1", ArmId("", "", "", "k0s-worker-1")),
        ("", ArmId("", "", "", "")),
        ("/subscriptions/", ArmId("", "", "", "subscriptions")),
    ],
)
def test_parts(text: str, parts: ArmId) -> None:
    assert resource_ids.parts(text) == parts


def test_what_an_id_is_part_of() -> None:
    assert resource_ids.parent(RULE) == RULE.removesuffix("/securityRules/AllowSSH")
    assert resource_ids.parent(f"{RULE}/") == resource_ids.parent(RULE)
    assert resource_ids.parent("x") == ""


@pytest.mark.parametrize("text", [None, "", "/", "subnet", "/providers/Microsoft.Compute", "/subscriptions"])
def test_what_is_no_id(text: str | None) -> None:
    assert not resource_ids.is_id(text)
