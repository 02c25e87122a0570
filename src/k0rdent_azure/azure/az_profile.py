"""Where `az` keeps what it knows; the folder is its own and only read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from k0rdent_azure.home import home_folder


def profile_folder(environ: Mapping[str, str]) -> Path | None:
    """`$AZURE_CONFIG_DIR`, else `~/.azure`; None for a user without a home."""
    if named := environ.get("AZURE_CONFIG_DIR"):
        return Path(named)
    home = home_folder(environ)
    return None if home is None else home / ".azure"
