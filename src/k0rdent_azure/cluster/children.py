"""The clusters that k0rdent made (`ClusterDeployment`s), read through kubectl.

They stand in clouds of their own and are billed there; without the management cluster nobody would delete them.
https://docs.k0rdent.io/latest/reference/crds/
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from k0rdent_azure.cluster.answers import is_absent, reason
from k0rdent_azure.cluster.kcm import CLUSTERS, CommandOutput, Kubectl
from k0rdent_azure.errors import ClusterError
from k0rdent_azure.hosts.command import printable
from k0rdent_azure.state.model import ChildCluster

#: How kubectl, sudo or a shell say that there is no API server to ask.
_NO_SERVER = (
    "was refused",
    "connection refused",
    "no route to host",
    "i/o timeout",
    "command not found",
)
#: An API server that takes longer is as good as none.
REQUEST_TIMEOUT = "--request-timeout=10s"


class NoServerError(ClusterError):
    """No API server answers there."""


async def children(kubectl: Kubectl) -> list[ChildCluster]:
    """All of them, in all namespaces; [] if the cluster does not know the kind.

    Raises NoServerError if no API server answers, ClusterError if one does and the list cannot be read.
    """
    result = await kubectl(["get", CLUSTERS, "-A", "-o", "json", REQUEST_TIMEOUT], None)
    if result.exit_status:
        said = result.stderr.lower()
        if is_absent(result):
            return []
        kind = NoServerError if any(words in said for words in _NO_SERVER) else ClusterError
        raise kind(f"kubectl get {CLUSTERS}: {reason(result)}")
    return [_child(item) for item in _items(result)]


def _items(result: CommandOutput) -> list[object]:
    try:
        document = json.loads(result.stdout)
    except (ValueError, RecursionError):
        document = None
    items = document.get("items") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise ClusterError(f"kubectl get {CLUSTERS}: the answer is no list")
    return items


def _child(item: object) -> ChildCluster:
    """One of them. Raises ClusterError: one that cannot be read is not none."""
    metadata, spec = _mapping(item, "metadata"), _mapping(item, "spec")
    name, namespace, template = metadata.get("name"), metadata.get("namespace"), spec.get("template")
    if not (isinstance(name, str) and name and isinstance(namespace, str) and namespace):
        raise ClusterError(f"kubectl get {CLUSTERS}: one of the list has no name")
    return ChildCluster(
        namespace=printable(namespace),
        name=printable(name),
        template=printable(template) if isinstance(template, str) else None,
    )


def _mapping(item: object, key: str) -> Mapping[str, object]:
    value = item.get(key) if isinstance(item, dict) else None
    return value if isinstance(value, dict) else {}
