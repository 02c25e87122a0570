"""Ids of ARM resources in their parts, read here and nowhere else.

ARM compares ids without case, and its services answer them with a slash at the end, with the address of the cloud
before them, or with a query behind them: whoever compares two takes `key`. Source of the form:
https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple


class ArmId(NamedTuple):
    """An ARM id in its parts; "" for a part that it does not have. `type` has the child's type appended."""

    subscription: str
    group: str
    type: str
    name: str


def strict(text: str) -> ArmId | None:
    """The parts of the id of a group or a resource that may become the path of a request; None for any other text."""
    found = _strict().fullmatch(text)
    if found is None or (found["type"] is None and found["group"] is None):
        return None
    names = [found["group"] or "", found["name"] or "", found["subname"] or ""]
    if any(name.endswith(".") for name in names):
        # `..` would lead to another resource, and no name of Azure ends in a period.
        return None
    kind = f"{found['type']}/{found['subtype']}" if found["subtype"] else found["type"] or ""
    return ArmId(found["subscription"], names[0], kind, names[2] or names[1])


def parts(text: str) -> ArmId:
    """The parts of whatever Azure answers as an id, as it spells them. Of any other text the last part is the name."""
    words = _words(text)
    lowered = [word.lower() for word in words]
    at = _last(lowered, "providers")
    kinds = [] if at is None else words[at + 1 :]
    return ArmId(
        subscription=_after(words, lowered, "subscriptions"),
        group=_after(words, lowered, "resourcegroups"),
        type="/".join([*kinds[:1], *kinds[1::2]]) if len(kinds) > 1 else "",
        name=words[-1] if words else "",
    )


def is_id(text: str | None) -> bool:
    """Whether this is meant as the id of a subscription or of something in one."""
    return key(text or "").startswith("/subscriptions/")


@functools.lru_cache(maxsize=16384)
def key(text: str) -> str:
    """The same text for every spelling of one id."""
    return path(text).lower()


def path(text: str) -> str:
    """The id as the path of a request has it, in the given spelling."""
    return _joined(_words(text))


def name(text: str | None) -> str:
    """The last part: the name of what the id is of. "" if there is none."""
    return parts(text).name if text else ""


def kind(text: str) -> str:
    """The last part of the type, in lower case: `virtualmachines`. "" for the id of a group or of a subscription."""
    return parts(text).type.rpartition("/")[2].lower()


def parent(text: str) -> str:
    """The id without its last type and name: of a rule its security group's. "" if nothing is left."""
    return _joined(_words(text)[:-2])


def _words(text: str) -> list[str]:
    told = text.strip()
    scheme, separator, rest = told.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        told = rest.partition("/")[2]
    return [word for word in told.partition("?")[0].split("/") if word]


def _joined(words: list[str]) -> str:
    return f"/{'/'.join(words)}" if words else ""


def _last(words: list[str], word: str) -> int | None:
    return next((at for at in range(len(words) - 1, -1, -1) if words[at] == word), None)


def _after(words: list[str], lowered: list[str], word: str) -> str:
    at = lowered.index(word) + 1 if word in lowered[:-1] else 0
    return words[at] if at else ""


@functools.cache
def _strict() -> re.Pattern[str]:
    return re.compile(
        r"/subscriptions/(?P<subscription>[0-9a-f-]{36})"
        r"(?:/resourceGroups/(?P<group>[-\w.()]{1,90}))?"
        r"(?:/providers/(?P<type>[A-Za-z]+(?:\.[A-Za-z]+)+/[A-Za-z]+)/(?P<name>[\w.()-]{1,90})"
        r"(?:/(?P<subtype>[A-Za-z]+)/(?P<subname>[\w.-]{1,90}))?)?",
        re.IGNORECASE,
    )
