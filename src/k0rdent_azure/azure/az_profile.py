"""Where `az` keeps what it knows; the folder is its own and only read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from k0rdent_azure.azure.reading import mapping, mappings, text
from k0rdent_azure.config import normal
from k0rdent_azure.config.foreign import unquoted
from k0rdent_azure.config.forms import is_uuid
from k0rdent_azure.home import home_folder


def profile_folder(environ: Mapping[str, str]) -> Path | None:
    """`$AZURE_CONFIG_DIR`, else `~/.azure`; None for a user without a home."""
    if named := unquoted(environ.get("AZURE_CONFIG_DIR", "")):
        return Path(named)
    home = home_folder(environ)
    return None if home is None else home / ".azure"


@dataclass(frozen=True, slots=True)
class AzLogin:
    """A subscription that `az` uses by default. `cloud` and `subscription` are "" if the profile has no usable one."""

    cloud: str
    subscription: str
    user: str

    def is_of(self, cloud: str) -> bool:
        return self.cloud.lower() in (cloud.lower(), "")


def default_logins(folder: Path | None) -> list[AzLogin]:
    """What `azureProfile.json` has as default, for each cloud; [] if it cannot be read. `az` writes it with a BOM."""
    if folder is None:
        return []
    try:
        profile = json.loads((folder / "azureProfile.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return []
    entries = mappings(profile, "subscriptions") if isinstance(profile, dict) else []
    return [_login(each) for each in entries if each.get("isDefault") is True]


def _login(entry: Mapping[str, object]) -> AzLogin:
    subscription = normal.uuid(text(entry, "id"))
    return AzLogin(
        cloud=text(entry, "environmentName").strip(),
        subscription=subscription if is_uuid(subscription) else "",
        user=text(mapping(entry, "user"), "name").strip(),
    )
