"""Writes down, from inside the cloud and the product's processes, what decides whether harm was done.

Two journals in one folder: `etcd.jsonl`, each change of etcd's members and of which of them are up, as the simulated
hosts know it; `deletions.jsonl`, each request that deletes or stops something, with the generation that its sender's
state has and the one that Azure has at that moment. Nothing in the product or the rehearsal cloud knows of this.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from k0rdent_azure.azure.transport import CloudTransport
from k0rdent_azure.rehearsal import server as served
from k0rdent_azure.rehearsal.arm.arm_server import ArmServer
from k0rdent_azure.rehearsal.hosts.kubernetes import Cluster
from k0rdent_azure.rehearsal.hosts.site import Site
from tests.e2e.points import STATE

ETCD = "etcd.jsonl"
DELETIONS = "deletions.jsonl"
GENERATION, CLAIM = "k0rdent-azure-generation", "k0rdent-azure-claim"
#: Real seconds after which a cluster is seen at the latest; none forms sooner.
NOTICED = 1.0
DEPLOYMENT = re.compile(r"k0rdent-[a-z0-9]{8}")
#: Generation and claim.
Mark = tuple[int, str]


@dataclass(frozen=True)
class Witness:
    """Called once in a process before it begins; `journals` is the folder for what it sees.

    `workspace` is the one that the process works in; for a cloud, any.
    """

    journals: Path
    workspace: Path
    cloud: Path

    def __call__(self) -> None:
        self.journals.mkdir(exist_ok=True)
        _watch_etcd(self.journals / ETCD)
        _watch_deletions(self)

    def downs(self, on_purpose: Sequence[float] = ()) -> Iterator[str]:
        """Each moment at which fewer than a majority of etcd's members were up.

        A cluster that was there at a moment of `on_purpose` (real time) may go from then on.
        """
        first_seen: dict[str, float] = {}
        for line in _lines(self.journals / ETCD):
            at, members, up = line["at"], line["members"], line["up"]
            known_since = first_seen.setdefault(line["cluster"], at)
            if any(known_since - NOTICED <= moment <= at for moment in on_purpose):
                continue
            if members and len(up) * 2 <= len(members):
                yield f"etcd has no majority: of {', '.join(members)} only {', '.join(up) or 'none'} up"

    def now_up(self) -> list[str]:
        """The members of the newest cluster that are up, as far as it was seen."""
        lines = _lines(self.journals / ETCD)
        return list(lines[-1]["up"]) if lines else []

    def late_deletions(self) -> Iterator[str]:
        """Each deletion that was sent by a workspace whose state was behind Azure's."""
        for line in _lines(self.journals / DELETIONS):
            if is_behind(line["own"], line["azure"]):
                where = f"{line['path']} while Azure was at {line['azure']}"
                yield f"late: {line['workspace']}, at {line['own']}, deleted {where}"


def is_behind(own: Sequence[Any] | None, azure: Sequence[Any] | None) -> bool:
    """As the product counts it: Azure has a higher generation, or the same one by another run."""
    if own is None or azure is None:
        return False
    return azure[0] > own[0] or (azure[0] == own[0] and bool(azure[1] and own[1]) and azure[1] != own[1])


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _write(path: Path, line: dict[str, object]) -> None:
    with path.open("a") as out:
        out.write(json.dumps({"at": time.time(), **line}) + "\n")


def _watch_etcd(path: Path) -> None:
    """Look at every turn of the server's loop, which is five times a real second."""
    sites: list[Site] = []
    known: dict[str, tuple[list[str], list[str]]] = {}
    make, is_wanted = Site.__init__, served._is_wanted

    def made(self: Site, *args: Any, **options: Any) -> None:
        make(self, *args, **options)
        sites.append(self)

    def watched(directory: Path, server: ArmServer) -> bool:
        for site in sites:
            for cluster in list(site.clusters.values()):
                found = _members(site, cluster)
                if known.get(cluster.identifier) != found:
                    known[cluster.identifier] = found
                    _write(path, {"cluster": cluster.identifier, "members": found[0], "up": found[1]})
        return is_wanted(directory, server)

    Site.__init__ = made  # type: ignore[method-assign]
    served._is_wanted = watched


def _members(site: Site, cluster: Cluster) -> tuple[list[str], list[str]]:
    """The names of those that vote, and of those of them whose VM has power, is not being deleted, and joined."""
    now = site.now()
    members = sorted(name for name, member in cluster.members.items() if member.since <= now)
    up = set()
    for host in site.hosts():
        resource = site.world.resource(host.machine.id)
        node = host.state.node
        joined = node is not None and node.cluster == cluster.identifier and host.running(now)
        if joined and resource is not None and not resource.deleting(now):
            up.add(host.hostname)
    return members, [name for name in members if name in up]


def _watch_deletions(witness: Witness) -> None:
    original: Callable[..., Awaitable[Any]] = CloudTransport.send

    async def send(self: CloudTransport, request: Any, **options: Any) -> Any:
        path = urlsplit(request.url).path
        if request.method == "DELETE" or path.rpartition("/")[2] in ("deallocate", "powerOff"):
            marks = {"own": state_mark(witness.workspace), "azure": azure_mark(witness.cloud, path)}
            _write(witness.journals / DELETIONS, {"workspace": witness.workspace.name, "path": path, **marks})
        return await original(self, request, **options)

    CloudTransport.send = send  # type: ignore[method-assign]


def state_mark(workspace: Path) -> Mark | None:
    """What the workspace's state says of itself; None without one."""
    path = workspace / STATE
    if not path.exists():
        return None
    metadata = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)["metadata"]
    return int(metadata.get("generation") or 0), str(metadata.get("claim") or "")


def azure_mark(cloud: Path, path: str) -> Mark | None:
    """What the network's tags say, or, without a network, the newest deployment record; None if nothing does.

    Of the deployment in whose group, or with whose record, `path` is.
    """
    held = json.loads((cloud / "world.json").read_text())
    found = DEPLOYMENT.search(path)
    for each in held["resources"].values():
        tags = each["body"].get("tags") or {}
        ours = found is None or each["name"].startswith(found[0])
        if ours and each["type"] == "Microsoft.Network/virtualNetworks" and GENERATION in tags:
            return int(tags[GENERATION]), str(tags.get(CLAIM, ""))
    records = sorted(held["deployments"].values(), key=lambda each: float(each["started_at"]))
    for record in reversed([each for each in records if found is None or each["name"].startswith(found[0])]):
        told = (record.get("parameters") or {}).get("deployment") or {}
        told = told.get("value", told)
        if "generation" in told:
            return int(told["generation"]), str(told.get("claim", ""))
    return None
