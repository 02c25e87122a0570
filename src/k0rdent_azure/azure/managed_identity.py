"""Whether anything asks for a managed identity, whose tokens come from the metadata address of an Azure VM.

That address, 169.254.169.254, is link-local: on another machine whoever is on its network can answer there. So it is
never asked on suspicion, as azure-identity would do.
"""

from __future__ import annotations

from collections.abc import Mapping

#: With one of these a hosting environment says where its identity is: App Service and Functions, Azure Arc, Service
#: Fabric, Cloud Shell, AKS pod identity (azure-identity 1.27, `azure.identity._constants.EnvironmentVariables`).
ENDPOINTS = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "IMDS_ENDPOINT", "AZURE_POD_IDENTITY_AUTHORITY_HOST")
#: Values of AZURE_TOKEN_CREDENTIALS whose documented meaning includes it.
CHOICES = ("managedidentitycredential", "prod")


def asked_for(environ: Mapping[str, str]) -> bool:
    """By a variable of the user's, or by the environment's own. AZURE_CLIENT_ID alone names an identity of any kind."""
    chosen = environ.get("AZURE_TOKEN_CREDENTIALS", "").strip().lower()
    if chosen:
        return chosen in CHOICES
    return any(environ.get(name) for name in ENDPOINTS)
