"""SSH public keys as other programs write them, in one form."""

from __future__ import annotations

import re

from k0rdent_azure.config.foreign import unquoted

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_KEY = re.compile(
    r"(?:^|[\s,])((?:ssh-|ecdsa-sha2-|sk-)[a-z0-9@.-]+)[ \t]+(AAAA[A-Za-z0-9+/]+={0,3})(?:[ \t]+(\S.*))?$",
    re.IGNORECASE,
)


def one_line(text: str) -> str:
    """The first key in a text as `type key comment`, without options before it; "" if there is none."""
    for line in unquoted(text).splitlines():
        bare = _QUOTED.sub('""', line.strip().removeprefix("\ufeff"))
        match = None if bare.startswith("#") else _KEY.search(bare)
        if match is not None:
            kind, key, comment = match.groups()
            return " ".join([kind.lower(), key, *(comment or "").split()])
    return ""


def plain(text: str) -> str:
    """Its type and key alone, which tell whose it is; two words of a text that holds no key."""
    return " ".join((one_line(text) or text).split()[:2])
