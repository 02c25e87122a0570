"""Links that Azure hands out (`nextLink`, `Location`, `Azure-AsyncOperation`): checked, then followed byte for byte.

What such a link holds is Azure's business: decoded and encoded again, `%2B`, `+` and `%252f` become something else, and
Azure refuses it, or answers with another page. https://github.com/microsoft/api-guidelines (opaque continuation links)
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from k0rdent_azure.errors import AzureUnreachableError

#: What ends a line, or is invisible: no link of Azure's has it, and in a request it would begin another one.
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
#: Everything that may stand in a request line as it is; other characters are encoded as UTF-8.
_AS_IT_IS = "".join(chr(code) for code in range(0x21, 0x7F))


def resolve(link: str, *, endpoint: str, page: str) -> str:
    """The URL that `link` leads to, as Azure wrote it. `page` is the URL of the answer that it stood in.

    Raises AzureUnreachableError if that is another server than `endpoint`: our token must not go anywhere else.
    """
    text, _, _ = link.strip().partition("#")
    if _CONTROL.search(text):
        raise AzureUnreachableError("Azure's answer links to something that is no URL; not followed")
    text = quote(text, safe=_AS_IT_IS)
    if text.startswith("/") and not text.startswith("//"):
        base, own = urlsplit(page), text
        text = f"{base.scheme}://{base.netloc}{own}"
    elif text.startswith("?"):
        text = page.partition("?")[0] + text
    if _origin(text) != _origin(endpoint):
        raise AzureUnreachableError(
            "Azure's answer goes on at another server than Azure Resource Manager; not followed",
            hint="a proxy may answer in Azure's place; check HTTPS_PROXY, then run the same command again",
        )
    return text


def path_of(url: str) -> str:
    """Its path, for a message: a query can hold what nobody has to read."""
    return urlsplit(url).path


def _origin(url: str) -> tuple[str, str | None, int]:
    """Scheme, host and port; a URL that lacks one of them, or names a user, is nowhere."""
    try:
        parts = urlsplit(url)
        if "@" in parts.netloc or not parts.hostname:
            return "", None, 0
        return parts.scheme, parts.hostname.rstrip("."), parts.port or 443
    except ValueError:
        return "", None, 0
