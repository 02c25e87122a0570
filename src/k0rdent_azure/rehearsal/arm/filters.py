"""The `$filter` of ARM's lists: `tagName eq 'a' and tagValue eq 'b'`, `resourceType eq '…'`, joined by `and`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from k0rdent_azure.rehearsal.arm.arm_errors import ArmError

_TERM = re.compile(r"\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*")


def parse(text: str) -> dict[str, str]:
    """The wanted values by lower-case property. Raises ArmError (InvalidFilterInQueryString)."""
    wanted: dict[str, str] = {}
    for term in re.split(r"\s+and\s+", text) if text.strip() else ():
        found = _TERM.fullmatch(term)
        if found is None:
            raise ArmError(
                400, "InvalidFilterInQueryString", f"Invalid $filter '{text}' specified in the query string."
            )
        wanted[found.group(1).lower()] = found.group(2).replace("''", "'")
    return wanted


def tags_match(wanted: Mapping[str, str], tags: object) -> bool:
    """Names of tags have no case, their values do."""
    if "tagname" not in wanted:
        return True
    own = {str(key).lower(): value for key, value in tags.items()} if isinstance(tags, dict) else {}
    name = wanted["tagname"].lower()
    return name in own and wanted.get("tagvalue", own[name]) == own[name]
