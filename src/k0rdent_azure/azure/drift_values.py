"""Values of ARM in the one spelling in which they are compared, each beside the text that people read."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from k0rdent_azure.config import resource_ids
from k0rdent_azure.config.public_keys import plain
from k0rdent_azure.config.regions import squeezed

#: All of these let every IPv4 address in, and a deployment has no others.
_ANYWHERE = frozenset({"*", "any", "0.0.0.0/0"})


class Fact(NamedTuple):
    """`key` is compared; `text` is shown."""

    text: str
    key: str


NOTHING = Fact("", "")


def exact(value: str) -> Fact:
    """A value whose every character counts."""
    return Fact(value, value)


#: Names of tags are compared without regard to case, their values with.
#: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources
tag = exact


def word(value: str) -> Fact:
    """A name or an enumeration: ARM takes each in any case, and does not always give it back in the same."""
    return Fact(value, value.strip().lower())


def option(value: str, default: str) -> Fact:
    """A `word` that may be left out, which means `default`."""
    return word(value or default)


def flag(value: bool) -> Fact:
    return exact("yes" if value else "no")


def place(value: str) -> Fact:
    """A region by name or by display name (`South East Asia`)."""
    return Fact(value, squeezed(value))


def references(values: Iterable[str]) -> Fact:
    """Ids or names in any order; people read the names."""
    found = sorted(filter(None, values), key=str.lower)
    return Fact(
        ", ".join(resource_ids.name(each) for each in found),
        ",".join(resource_ids.key(each) for each in found),
    )


def public_keys(values: Iterable[str]) -> Fact:
    """OpenSSH public keys by type and key; the comment and the way lines are broken say nothing."""
    found = sorted(plain(value) for value in values if value.strip())
    return Fact(", ".join(found), ",".join(found))


def cidrs(values: Iterable[str]) -> Fact:
    """Address prefixes, service tags or ids, in any order."""
    found = sorted({_prefix(value) for value in values})
    return Fact(", ".join(each.rpartition("/providers/")[2] for each in found), ",".join(found))


def ports(values: Iterable[str]) -> Fact:
    """Ports and ranges of ports, in any order."""
    found = sorted({_range(value) for value in values} or {"*"})
    return Fact(", ".join(found), ",".join(found))


def _prefix(value: str) -> str:
    plain = value.strip().lower()
    if plain in _ANYWHERE:
        return "*"
    try:
        return str(ipaddress.ip_network(plain, strict=False))
    except ValueError:
        return plain


def _range(value: str) -> str:
    low, dash, high = value.strip().partition("-")
    if (low.strip(), high.strip()) == ("0", "65535"):
        return "*"
    return low.strip() if not dash or low.strip() == high.strip() else f"{low.strip()}-{high.strip()}"
