"""The one spelling of settings that Azure compares without case: put right where a value is read, and nowhere else.

The file, a variable, a flag and the snapshot in the state all pass here, so that no later comparison has to. A text
that is not in the form at all stays as it is, for its rule to refuse.
"""

from __future__ import annotations

from collections.abc import Callable

from k0rdent_azure.config import regions
from k0rdent_azure.config.foreign import unquoted
from k0rdent_azure.config.forms import is_uuid
from k0rdent_azure.config.images import image_name, size_name


def location(text: str) -> str:
    """`West Europe`, `westEurope`: a region by its display name, if this version knows the region."""
    name = regions.squeezed(text)
    return name if regions.cloud_of(name) is not None else text.strip()


def uuid(text: str) -> str:
    """A UUID in small letters, without the quotes or braces that a shell or another program left around it."""
    name = unquoted(text).removeprefix("{").removesuffix("}").lower()
    return name if is_uuid(name) else text.strip()


#: By the path of the setting.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "azure.location": location,
    "azure.subscription_id": uuid,
    "azure.resource_group": str.strip,
    "azure.vm_image": image_name,
    "vm_sizing.controller.size": size_name,
    "vm_sizing.worker.size": size_name,
}


def spelled(path: str, value: object) -> object:
    """The value of a setting in its one spelling."""
    spelling = SPELLINGS.get(path)
    return spelling(value) if spelling is not None and isinstance(value, str) else value
