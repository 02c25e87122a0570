"""The admin kubeconfig, made of what k0s prints on a controller. Pure. It is a secret, and stays in a 0600 file."""

from __future__ import annotations

import yaml

from k0rdent_azure.errors import ClusterError

#: Prints it, with the controller's own address of the API server.
COMMAND = "sudo -n k0s kubeconfig admin"


def for_workstation(text: str, *, address: str, cluster: str, user: str) -> str:
    """As `k0sctl kubeconfig --address --cluster --user` writes it. Raises ClusterError where `text` is none."""
    try:
        document = yaml.safe_load(text)
        document["clusters"][0]["name"] = document["contexts"][0]["name"] = cluster
        document["current-context"] = cluster
        document["clusters"][0]["cluster"]["server"] = address
        document["users"][0]["name"] = user
        document["contexts"][0]["context"] = {"cluster": cluster, "user": user}
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError, RecursionError):
        # Not chained: the cause may quote a key.
        raise ClusterError("what k0s printed is no kubeconfig") from None
    written: str = yaml.safe_dump(document, sort_keys=False)
    return written
