"""Microsoft.Storage: accounts as far as others keep them beside a deployment; nothing is stored in them.

Source: https://learn.microsoft.com/rest/api/storagerp/storage-accounts
"""

from __future__ import annotations

import re

from k0rdent_azure.rehearsal.arm.arm_errors import ArmError
from k0rdent_azure.rehearsal.arm.network import mapping
from k0rdent_azure.rehearsal.arm.plan import Wanted
from k0rdent_azure.rehearsal.records import Json

ACCOUNTS = "Microsoft.Storage/storageAccounts"


def account(wanted: Wanted, body: Json) -> dict[str, str]:
    """Raises ArmError (AccountNameInvalid)."""
    if not re.fullmatch(r"[a-z0-9]{3,24}", wanted.name):
        raise ArmError(
            400,
            "AccountNameInvalid",
            f"{wanted.name} is not a valid storage account name. Storage account name must be between 3 and 24 "
            "characters in length and use numbers and lower-case letters only.",
        )
    body.setdefault("kind", "StorageV2")
    body.setdefault("sku", {"name": "Standard_LRS", "tier": "Standard"})
    properties = mapping(body, "properties")
    properties.setdefault("supportsHttpsTrafficOnly", True)
    properties["primaryEndpoints"] = {"blob": f"https://{wanted.name}.blob.core.windows.net/"}
    return {}
