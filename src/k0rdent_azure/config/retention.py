"""How many snapshots stay: the one setting that follows the file while a deployment lives.

Only this setting is looked at, so that a slip elsewhere in the file changes nothing about it. Where the file does not
say it in a form that can be used, everything stays: what was removed by mistake does not come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from k0rdent_azure.config import document
from k0rdent_azure.config.layers import (
    Layers,
    default_layer,
    document_layer,
    override_layer,
    variable_layer,
)
from k0rdent_azure.config.rules import MAX_SNAPSHOTS, RULES
from k0rdent_azure.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

_SETTING = "snapshots.keep"


def snapshots_to_keep(
    path: Path, *, environ: Mapping[str, str], overrides: Mapping[str, str] | None = None
) -> int:
    """`snapshots.keep` as the file, the variables and the flags have it now; without a file, the default."""
    layers = Layers()
    default_layer(layers)
    if path.exists() and not _read(path, layers):
        return MAX_SNAPSHOTS
    variable_layer(layers, environ)
    override_layer(layers, overrides or {})
    found = layers.values.get(("snapshots", "keep"))
    if _SETTING in layers.broken or found is None:
        return MAX_SNAPSHOTS
    value = found.value
    return value if isinstance(value, int) and RULES[_SETTING](value) is None else MAX_SNAPSHOTS


def _read(path: Path, layers: Layers) -> bool:
    try:
        root, _ = document.parse(document.read_bytes(path, path.name), path.name)
    except ConfigError:
        return False
    if root is None:
        return False
    document_layer(layers, root, file=path.name, kind="file")
    return True
