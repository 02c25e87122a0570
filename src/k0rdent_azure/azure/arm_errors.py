"""Reads ARM's error bodies: several shapes, nested in each other, down to the cause that a person can mend.

https://learn.microsoft.com/azure/azure-resource-manager/management/common-deployment-errors
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Wrappers that say only that something inside them failed.
WRAPPERS = frozenset(
    {
        "DeploymentFailed",
        "InvalidTemplateDeployment",
        "MultipleErrorsOccurred",
        "ResourceDeploymentFailure",
        "ResourceOperationFailure",
        "Conflict",
        "BadRequest",
        "Failed",
    }
)
#: Deeper than any answer of ARM's; a hostile one must not exhaust the stack.
MAX_DEPTH = 12
#: Characters of ARM's own words that are kept.
MAX_TEXT = 500
#: At the end of the name of a VM's disk where an earlier one was kept.
_NUMBER = re.compile(r"-\d+$")


@dataclass(frozen=True, slots=True)
class ArmError:
    """One cause. `target` is whatever ARM put there: often a resource id, sometimes a name or nothing."""

    code: str
    message: str
    target: str | None = None

    @property
    def resource_id(self) -> str | None:
        """`target` where it is a resource id."""
        return self.target if self.target and self.target.startswith("/subscriptions/") else None


def causes(error: object) -> list[ArmError]:
    """The innermost errors of an ARM error body, first cause first; [] where there is none.

    `error` is the value of `error`, or the whole body; a `message` that is JSON itself is opened too.
    """
    found = list(_walk(error, target=None, depth=0))
    meaningful = [cause for cause in found if cause.code not in WRAPPERS]
    return list(dict.fromkeys(meaningful or found))


def _walk(error: object, *, target: str | None, depth: int) -> Iterator[ArmError]:
    if not isinstance(error, dict) or depth > MAX_DEPTH:
        return
    inner = error.get("error")
    if isinstance(inner, dict):
        yield from _walk(inner, target=target, depth=depth + 1)
        return
    code, message = error.get("code"), error.get("message")
    target = str(error["target"]) if error.get("target") else target
    details = error.get("details")
    nested = [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    opened = _opened(message)
    if opened is not None:
        nested.append(opened)
    below = [cause for item in nested for cause in _walk(item, target=target, depth=depth + 1)]
    if below and (
        code is None or str(code) in WRAPPERS or any(cause.code not in WRAPPERS for cause in below)
    ):
        yield from below
    elif code is not None or message is not None:
        yield ArmError(str(code or "Unknown"), shorten(str(message or "")), target)


def _opened(message: object) -> dict[str, object] | None:
    """The error inside a message that is a JSON text, as `Conflict` carries them."""
    if not isinstance(message, str) or not message.lstrip().startswith("{"):
        return None
    try:
        parsed = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def shorten(text: str) -> str:
    """ARM's words on one line, cut at a length that still fits a screen."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def name_of(resource_id: str | None) -> str | None:
    """The last segment of a resource id."""
    return resource_id.rstrip("/").rsplit("/", 1)[-1] or None if resource_id else None


def vm_of(resource_id: str | None) -> str | None:
    """The VM that a resource id is about: the VM's own, or its NIC's, address's or disk's by their names."""
    if resource_id is None:
        return None
    name = name_of(resource_id) or ""
    kind = resource_id.rstrip("/").rsplit("/", 2)[-2].lower() if resource_id.count("/") > 2 else ""
    if kind == "disks":
        name = _NUMBER.sub("", name)
    suffix = {"networkinterfaces": "VMNic", "publicipaddresses": "PublicIP", "disks": "OsDisk"}.get(kind)
    if kind == "virtualmachines":
        return name
    return name.removesuffix(suffix) if suffix and name.endswith(suffix) else None
