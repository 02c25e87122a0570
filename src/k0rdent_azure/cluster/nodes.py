"""The cluster's nodes as the API knows them."""

from __future__ import annotations

from k0rdent_azure.cluster.answers import failure
from k0rdent_azure.cluster.kcm import Kubectl
from k0rdent_azure.hosts.command import printable

#: A name and the status of its Ready condition a line: a node's whole object has a list of all images in it.
_LINES = '{range .items[*]}{.metadata.name}{"\\t"}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'


async def nodes(kubectl: Kubectl) -> dict[str, bool]:
    """Each node, and whether it is ready: a status of `Unknown` is one that is not. Raises ClusterError."""
    result = await kubectl(["get", "nodes", "-o", f"jsonpath={_LINES}"], None)
    if result.exit_status:
        raise failure("kubectl get nodes", result)
    rows = (line.partition("\t") for line in printable(result.stdout).splitlines())
    return {name: status.strip() == "True" for name, _, status in rows if name}
