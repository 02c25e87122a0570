"""Which drift is accepted: read from the file as it is now, because a state's own configuration never changes.

Only these rules are looked at, so that a slip elsewhere in the file keeps nobody from comparing. A slip in the rules
themselves is told: what they were to hide must neither be hidden nor reported by accident.
"""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from k0rdent_azure.config import document
from k0rdent_azure.config.layers import Layers, document_layer
from k0rdent_azure.config.load import fail_on_errors
from k0rdent_azure.config.model import IgnoreRule

_KEYS = ("drift", "ignore")


def ignore_rules(path: Path) -> tuple[IgnoreRule, ...]:
    """`drift.ignore` of a configuration file; () where it has none. Raises ConfigError where it cannot be read."""
    root, faults = document.parse(document.read_bytes(path, path.name), path.name)
    fail_on_errors(faults, path.name)
    layers = Layers()
    if root is not None:
        document_layer(layers, root, file=path.name, kind="file")
    fail_on_errors([each for each in layers.faults if each.path.startswith(_KEYS[0])], path.name)
    found = layers.values.get(_KEYS)
    return found.value if found is not None and isinstance(found.value, tuple) else ()


def matches(rule: IgnoreRule, *, resource: str, type_: str, name: str, field: str) -> bool:
    """Whether a rule speaks of this finding; `field` is "" where the whole resource is meant."""
    spellings = (resource, name, f"{type_.rpartition('/')[2]}/{name}")
    pattern = rule.resource.lower()
    return any(fnmatchcase(each.lower(), pattern) for each in spellings) and fnmatchcase(
        field.lower(), rule.field.lower()
    )


def has_expired(rule: IgnoreRule, today: date) -> bool:
    """Whether the rule's last day is over."""
    return rule.until is not None and today > date.fromisoformat(rule.until)
