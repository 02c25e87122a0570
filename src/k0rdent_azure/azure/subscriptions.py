"""Which subscription to deploy into, when the configuration does not say."""

from __future__ import annotations

import os
from collections.abc import Mapping

from k0rdent_azure.azure import versions
from k0rdent_azure.azure.az_profile import default_logins, profile_folder
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.reading import text
from k0rdent_azure.config import normal
from k0rdent_azure.config.foreign import unquoted
from k0rdent_azure.config.forms import is_uuid
from k0rdent_azure.config.reading import shown
from k0rdent_azure.errors import AzureError

#: States of a subscription in which resources can be made.
_USABLE = ("enabled", "warned", "pastdue", "")


async def pick(client: ArmClient, wanted: str | None, *, environ: Mapping[str, str] | None = None) -> str:
    """A subscription id: `wanted`, else AZURE_SUBSCRIPTION_ID, else az's default, else the only visible one.

    `wanted` may be a display name too. No ARM request where an id is known beforehand; one list otherwise.
    Raises AzureError where none or several remain, naming them.
    """
    variables = os.environ if environ is None else environ
    named = normal.uuid(wanted or "") or normal.uuid(unquoted(variables.get("AZURE_SUBSCRIPTION_ID", "")))
    chosen = named or az_default(client.environment.name, variables)
    if chosen and is_uuid(chosen):
        return chosen
    visible = await client.list("/subscriptions", api_version=versions.SUBSCRIPTIONS)
    enabled = [item for item in visible if text(item, "state").lower() in _USABLE]
    if chosen:
        enabled = [item for item in enabled if text(item, "displayName").lower() == chosen.lower()]
    if len(enabled) == 1:
        return text(enabled[0], "subscriptionId").lower()
    raise _undecided(chosen, [text(item, "displayName") for item in enabled])


def az_default(cloud: str, environ: Mapping[str, str]) -> str | None:
    """The default subscription of `az` for a cloud, read from its profile; None where there is none."""
    logins = (each for each in default_logins(profile_folder(environ)) if each.cloud and each.is_of(cloud))
    return next((each.subscription for each in logins if each.subscription), None)


def _undecided(chosen: str | None, names: list[str]) -> AzureError:
    hint = "set azure.subscription_id in k0rdent.yaml or AZURE_SUBSCRIPTION_ID"
    if chosen and names:
        return AzureError(f"several subscriptions are called {shown(chosen)}", hint=f"{hint} to its id")
    if chosen:
        return AzureError(
            f"this login sees no subscription {shown(chosen)}", hint="see `az account list -o table`"
        )
    if not names:
        return AzureError(
            "this login sees no subscription", hint="ask for a role on one, or log in otherwise"
        )
    several = ", ".join(sorted(names)[:5]) + (", …" if len(names) > 5 else "")
    return AzureError(f"this login sees {len(names)} subscriptions ({several})", hint=hint)
