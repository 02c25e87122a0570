"""The strict form of each text that becomes part of an ARM path, a file path, a command or a file that root reads.

Whoever reads such a text (from a state file, Azure, a host) and whoever writes it into something asks here, so that
both mean the same form. A form says nothing about whether a value is right, only that it is harmless where it goes.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable


class _Pattern:
    """A regular expression for whole texts, compiled when it is first asked: most commands need few of them."""

    __slots__ = ("_arguments", "_match")

    def __init__(self, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self._arguments = pattern, flags
        self._match: Callable[[str], re.Match[str] | None] | None = None

    def __call__(self, text: str) -> re.Match[str] | None:
        if self._match is None:
            self._match = re.compile(*self._arguments).fullmatch
        return self._match(text)


#: 32 bytes in base64, as `wg genkey` prints them.
_WIREGUARD_KEY = _Pattern(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
#: What the plan's example has in place of keys. It can be read and shown; no file is written from it.
PLACEHOLDERS = frozenset({"base64-encoded-private-key", "base64-encoded-public-key"})
_DEPLOYMENT_ID = _Pattern(r"k0rdent-[a-z0-9]{1,32}")
#: A host's name (RFC 1123), which Azure takes for a VM too.
_HOST_NAME = _Pattern(r"[A-Za-z0-9](?:[A-Za-z0-9-]|\.(?!\.)){0,61}(?<![.-])")
_FQDN = _Pattern(r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*", re.IGNORECASE)
#: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
_GROUP = _Pattern(r"[-\w.()]{0,89}[-\w()]")
_RESOURCE = _Pattern(r"[A-Za-z0-9_](?:[\w.-]{0,88}\w)?", re.ASCII)
_RECORD = _Pattern(r"[-\w.()]{1,64}", re.ASCII)
_UUID = _Pattern(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: dev_valid_name() of Linux allows more; wg-quick(8) allows this.
_INTERFACE = _Pattern(r"[A-Za-z0-9][A-Za-z0-9_=+.-]{0,14}")
_SSH_PUBLIC = _Pattern(
    r"(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp(?:256|384|521)) AAAA[A-Za-z0-9+/]+={0,3}"
    r"(?: [^\x00-\x1f\x7f-\x9f\u2028\u2029]{1,256})?"
)
_PEM = _Pattern(r"-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----\n(?:[A-Za-z0-9+/]+={0,2}\n)+-----END \1-----\n?")
#: One file in a folder of the workspace. No part begins with `-` or `.`, so none is an option or leads upwards.
_FILE = _Pattern(r"(?:\./)?(?P<folder>[a-z0-9-]+)/(?P<name>[A-Za-z0-9_][A-Za-z0-9_=+.-]{0,199})")
#: Of what stands in a message, a manifest or a command and has no stricter form: a version, a size, a zone.
_WORD = _Pattern(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_USER = _Pattern(r"[a-z_][a-z0-9_-]{0,31}")
_ROLES = frozenset({"controller", "controller+worker", "single", "worker"})
_ONE_LINE = _Pattern(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{0,4096}")
_IMAGE = _Pattern(r"[\w.-]+(?::[\w.-]+){3}", re.ASCII)
_LABEL = _Pattern(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_CHART = _Pattern(
    r"oci://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+"
)
_API = _Pattern(r"https://(?P<host>[^/:@\[\]]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")


def is_wireguard_key(text: str) -> bool:
    return _WIREGUARD_KEY(text) is not None


def is_deployment_id(text: str) -> bool:
    return _DEPLOYMENT_ID(text) is not None


def is_host_name(text: str) -> bool:
    """A VM's name, which is its host's name and a node's."""
    return _HOST_NAME(text) is not None


def is_fqdn(text: str) -> bool:
    return _FQDN(text) is not None


def is_group(text: str) -> bool:
    """A resource group's name."""
    return _GROUP(text) is not None


def is_resource(text: str) -> bool:
    """The name of a network, a security group, an SSH key."""
    return _RESOURCE(text) is not None


def is_record(text: str) -> bool:
    """The name of a deployment record."""
    return _RECORD(text) is not None


def is_uuid(text: str) -> bool:
    return _UUID(text) is not None


def is_interface(text: str) -> bool:
    return _INTERFACE(text) is not None


def is_ssh_public_key(text: str) -> bool:
    """One line of OpenSSH's form."""
    return _SSH_PUBLIC(text) is not None


def is_private_key(text: str) -> bool:
    """One unencrypted key in PEM form, and nothing beside it."""
    return _PEM(text) is not None


def is_user_name(text: str) -> bool:
    """A Linux user's name (useradd(8))."""
    return _USER(text) is not None


def is_role(text: str) -> bool:
    """A node's role, as k0sctl has it."""
    return text in _ROLES


def is_zone(text: str) -> bool:
    """An availability zone."""
    return text.isascii() and text.isdigit() and len(text) <= 2


def is_one_line(text: str) -> bool:
    """Text for people: no control characters, and not endless."""
    return _ONE_LINE(text) is not None


def is_network(text: str) -> bool:
    """A network in CIDR form, without host bits."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return "/" in text and "%" not in text


def is_image(text: str) -> bool:
    """An image's URN, `Publisher:Offer:Sku:Version`."""
    return _IMAGE(text) is not None


def is_word(text: str) -> bool:
    return _WORD(text) is not None


def is_label(text: str) -> bool:
    """A name of Kubernetes: a namespace, a helm release."""
    return _LABEL(text) is not None


def is_chart(text: str) -> bool:
    return _CHART(text) is not None


@functools.lru_cache(maxsize=8192)
def is_address(text: str) -> bool:
    """An IPv4 or IPv6 address without a zone."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    # `fe80::1%eth0` has a zone, which may hold anything.
    return "%" not in text


def is_endpoint(text: str) -> bool:
    """`20.1.2.3:51820`, `[2001:db8::1]:51820` or `host.example.org:51820`."""
    host, colon, port = text.rpartition(":")
    if not colon or not is_port(port):
        return False
    return is_address(host[1:-1]) if host.startswith("[") and host.endswith("]") else is_host(host)


def is_api_endpoint(text: str) -> bool:
    found = _API(text)
    return found is not None and is_port(found["port"]) and is_host(found["host"].strip("[]"))


def is_port(value: object) -> bool:
    """A port as a number, or as the text of one."""
    text = str(value)
    return text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536


def is_file_in(text: str, folder: str) -> bool:
    """Whether `text` names a file that stands in that folder of the workspace, and no other place."""
    found = _FILE(text)
    return found is not None and found["folder"] == folder


def is_host(text: str) -> bool:
    """Where a host is reached: an address or a whole name."""
    return is_address(text) or is_fqdn(text)
