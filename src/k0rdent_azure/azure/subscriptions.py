"""Which subscription to deploy into, when the configuration does not say."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping

from k0rdent_azure.azure import versions
from k0rdent_azure.azure.az_profile import profile_folder
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.reading import mappings, text
from k0rdent_azure.errors import AzureError

_ID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.IGNORECASE)


async def pick(client: ArmClient, wanted: str | None, *, environ: Mapping[str, str] | None = None) -> str:
    """A subscription id: `wanted`, else AZURE_SUBSCRIPTION_ID, else az's default, else the only visible one.

    `wanted` may be a display name too. No ARM request where an id is known beforehand; one list otherwise.
    Raises AzureError where none or several remain, naming them.
    """
    variables = os.environ if environ is None else environ
    chosen = (
        wanted or variables.get("AZURE_SUBSCRIPTION_ID") or az_default(client.environment.name, variables)
    )
    if chosen and _ID.match(chosen):
        return chosen.lower()
    visible = await client.list("/subscriptions", api_version=versions.SUBSCRIPTIONS)
    enabled = [item for item in visible if text(item, "state") in ("Enabled", "Warned", "PastDue", "")]
    if chosen:
        enabled = [item for item in enabled if text(item, "displayName").lower() == chosen.lower()]
    if len(enabled) == 1:
        return text(enabled[0], "subscriptionId")
    raise _undecided(chosen, [text(item, "displayName") for item in enabled])


def az_default(cloud: str, environ: Mapping[str, str]) -> str | None:
    """The default subscription of `az` for a cloud, read from its profile; None where there is none."""
    folder = profile_folder(environ)
    if folder is None:
        return None
    try:
        profile = json.loads((folder / "azureProfile.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    entries = mappings(profile, "subscriptions") if isinstance(profile, dict) else []
    for entry in entries:
        if entry.get("isDefault") is True and text(entry, "environmentName") == cloud:
            return text(entry, "id") or None
    return None


def _undecided(chosen: str | None, names: list[str]) -> AzureError:
    hint = "set azure.subscription_id in k0rdent.yaml or AZURE_SUBSCRIPTION_ID"
    if chosen and names:
        return AzureError(f"several subscriptions are called {chosen}", hint=f"{hint} to its id")
    if chosen:
        return AzureError(f"this login sees no subscription {chosen}", hint="see `az account list -o table`")
    if not names:
        return AzureError(
            "this login sees no subscription", hint="ask for a role on one, or log in otherwise"
        )
    shown = ", ".join(sorted(names)[:5]) + (", …" if len(names) > 5 else "")
    return AzureError(f"this login sees {len(names)} subscriptions ({shown})", hint=hint)
