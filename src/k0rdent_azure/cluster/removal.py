"""kcm taken away again: its objects are marked for deletion, and are gone once their finalizers are done.

kubectl itself would wait for that without an end and without a word, and a command on a host has a limit.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from k0rdent_azure.cluster.answers import CommandOutput, NotYetError, failure, is_absent
from k0rdent_azure.cluster.kcm import CLUSTERS, MANAGEMENT, Kubectl, chart_name
from k0rdent_azure.errors import ClusterError
from k0rdent_azure.hosts.command import printable

#: What an object waits for, in characters.
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Leaving:
    """An object that is deleted and not gone. `why` is what it waits for, in words; `words` name it for kubectl."""

    name: str
    words: tuple[str, ...]
    why: str


#: Called between two looks; raises when it has been long enough.
Wait = Callable[[Leaving], Awaitable[None]]


async def uninstall(kubectl: Kubectl, *, namespace: str, release: str, wait: Wait) -> None:
    """Take kcm away: the Management object, then the chart, then the namespace. Can be repeated.

    Each is waited for until it is gone. Raises ClusterError, and does nothing, while kcm still manages clusters: nobody
    else would delete what they are made of.
    """
    listed = await kubectl(["get", CLUSTERS, "-A", "-o", "name"], None)
    if listed.exit_status and not is_absent(listed):
        # A list that cannot be read may have something in it.
        raise failure(f"kubectl get {CLUSTERS}", listed)
    if listed.exit_status == 0 and listed.stdout.strip():
        count = len(listed.stdout.split())
        raise ClusterError(
            f"kcm still manages {count} clusters",
            hint="delete them first: kubectl delete clusterdeployments -A --all",
        )
    for words in (
        (MANAGEMENT, "kcm"),
        ("charts.helm.k0sproject.io", chart_name(release), "-n", "kube-system"),
        ("namespace", namespace),
    ):
        await _delete(kubectl, words, wait)


async def _delete(kubectl: Kubectl, words: tuple[str, ...], wait: Wait) -> None:
    name = " ".join(words[:2])
    while True:
        result = await kubectl(["delete", *words, "--ignore-not-found", "--wait=false"], None)
        if not result.exit_status or is_absent(result):
            break
        refused = failure(f"kubectl delete {name}", result)
        if not isinstance(refused, NotYetError):
            raise refused
        await wait(Leaving(name, words, refused.message))
    while True:
        result = await kubectl(["get", *words, "--ignore-not-found", "-o", "json"], None)
        if is_absent(result) or (not result.exit_status and not result.stdout.strip()):
            return
        if result.exit_status:
            unread = failure(f"kubectl get {name}", result)
            if not isinstance(unread, NotYetError):
                raise unread
            await wait(Leaving(name, words, unread.message))
        else:
            await wait(Leaving(name, words, _why(result)))


def _why(result: CommandOutput) -> str:
    """Its finalizers, and what its conditions say about them."""
    try:
        document = json.loads(result.stdout)
    except ValueError:
        return "its deletion"
    metadata, status = (_mapping(document, key) for key in ("metadata", "status"))
    spec = _mapping(document, "spec")
    finalizers = [
        str(each)
        for part in (metadata, spec)
        for each in _list(part.get("finalizers"))
        if isinstance(each, str)
    ]
    said = [
        str(each.get("message"))
        for each in _list(status.get("conditions"))
        if isinstance(each, dict) and each.get("message")
    ]
    told = f"its finalizers: {', '.join(finalizers)}" if finalizers else "its deletion"
    return printable("; ".join([told, *said[-1:]]))[:SHOWN]


def _mapping(document: object, key: str) -> dict[str, object]:
    value = document.get(key) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
