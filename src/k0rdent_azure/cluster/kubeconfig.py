"""The admin kubeconfig, made of what k0s prints on a controller. Pure. It is a secret, and stays in a 0600 file.

A kubeconfig can name a program that kubectl runs (`exec`) and files that it reads. A host has no say in that: only the
certificates and the key are taken over, as data.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

import yaml

from k0rdent_azure.errors import ClusterError

#: Prints it, with the controller's own address of the API server.
COMMAND = "sudo -n k0s kubeconfig admin"


def for_workstation(text: str, *, address: str, cluster: str, user: str) -> str:
    """As `k0sctl kubeconfig --address --cluster --user` writes it. Raises ClusterError where `text` is none."""
    try:
        document = yaml.safe_load(text)
        authority = _data(document["clusters"][0]["cluster"], "certificate-authority-data")
        certificate = _data(document["users"][0]["user"], "client-certificate-data")
        key = _data(document["users"][0]["user"], "client-key-data")
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError, RecursionError):
        # Not chained: the cause may quote a key.
        raise ClusterError("what k0s printed is no kubeconfig with certificates") from None
    written: str = yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"cluster": {"certificate-authority-data": authority, "server": address}, "name": cluster}
            ],
            "contexts": [{"context": {"cluster": cluster, "user": user}, "name": cluster}],
            "current-context": cluster,
            "users": [
                {"name": user, "user": {"client-certificate-data": certificate, "client-key-data": key}}
            ],
        },
        sort_keys=False,
    )
    return written


def _data(section: Mapping[str, object], key: str) -> str:
    """One value in base64. Raises KeyError, ValueError."""
    value = section[key]
    if not isinstance(value, str):
        raise ValueError(key)
    try:
        # Some programs break the lines of base64.
        plain = "".join(value.split())
        base64.b64decode(plain, validate=True)
    except binascii.Error:
        raise ValueError(key) from None
    return plain
