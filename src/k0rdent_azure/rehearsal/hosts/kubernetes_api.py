"""The simulated Kubernetes API: the kinds that it serves, stored objects joined with those that live.

Nodes, Charts' status, and kcm's Management and Release are computed from the time; all else is as applied.
"""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from k0rdent_azure.rehearsal.faults import Faults
from k0rdent_azure.rehearsal.hosts import kcm
from k0rdent_azure.rehearsal.hosts.kubernetes import Cluster, Install, Object, node_objects
from k0rdent_azure.rehearsal.hosts.refusals import COMPONENT, HELM

if TYPE_CHECKING:
    from k0rdent_azure.rehearsal.hosts.site import Site


#: Cloud seconds until finalizers are done.
DELETION = 20.0


@dataclass(frozen=True)
class Kind:
    """`names` are what kubectl accepts besides `plural` and `plural.group`."""

    kind: str
    plural: str
    group: str
    namespaced: bool
    names: tuple[str, ...]

    @property
    def title(self) -> str:
        """`managements.k0rdent.mirantis.com`, as kubectl names a resource in its messages."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def applied(self) -> str:
        """`management.k0rdent.mirantis.com`, as kubectl names it after an apply or delete."""
        return f"{self.kind.lower()}.{self.group}" if self.group else self.kind.lower()


_CORE = (
    Kind("Node", "nodes", "", namespaced=False, names=("node", "no")),
    Kind("Namespace", "namespaces", "", namespaced=False, names=("namespace", "ns")),
    Kind("Pod", "pods", "", namespaced=True, names=("pod", "po")),
    Kind("Secret", "secrets", "", namespaced=True, names=("secret",)),
    Kind("ConfigMap", "configmaps", "", namespaced=True, names=("configmap", "cm")),
    Kind("Event", "events", "", namespaced=True, names=("event", "ev")),
    Kind("Deployment", "deployments", "apps", namespaced=True, names=("deployment", "deploy")),
    Kind("Chart", "charts", "helm.k0sproject.io", namespaced=True, names=("chart",)),
    Kind("ClusterConfig", "clusterconfigs", "k0s.k0sproject.io", namespaced=True, names=("clusterconfig",)),
    Kind(
        "CustomResourceDefinition", "customresourcedefinitions", "apiextensions.k8s.io",
        namespaced=False, names=("customresourcedefinition", "crd", "crds"),
    ),
)  # fmt: skip
_GROUP = "k0rdent.mirantis.com"
_KCM = (
    Kind("Management", "managements", _GROUP, namespaced=False, names=("management", "mgmt")),
    Kind("Release", "releases", _GROUP, namespaced=False, names=("release",)),
    Kind(
        "ClusterDeployment", "clusterdeployments", _GROUP, namespaced=True, names=("clusterdeployment", "cld")
    ),
    Kind("Credential", "credentials", _GROUP, namespaced=True, names=("credential", "cred")),
)


class Api:
    """One cluster's API as of now."""

    def __init__(self, cluster: Cluster, site: Site) -> None:
        self.cluster = cluster
        self.site = site
        for key, until in [*cluster.leaving.items()]:
            if until <= site.now():
                self._remove(key)

    def kind(self, word: str) -> Kind | None:
        """The served kind behind what a user typed: singular, plural, short, with or without group."""
        wanted, _, group = word.lower().partition(".")
        for kind in self._kinds():
            if wanted in {kind.plural, *kind.names} and (
                not group or kind.group.startswith(group.partition("/")[0])
            ):
                return kind
            if group and group.partition(".")[2] == kind.group and wanted in {kind.plural, *kind.names}:
                return kind  # `managements.v1beta1.k0rdent.mirantis.com`
        return None

    def objects(self, kind: Kind, namespace: str | None) -> list[Object]:
        """Every object of a kind, in one namespace or (None) in all."""
        if kind.kind == "Node":
            return node_objects(self.cluster, self.site.hosts(), self.site.now())
        found = [
            self._live(key, document)
            for key, document in sorted(self.cluster.objects.items())
            if key.startswith(f"{kind.kind}/")
            and (namespace is None or not kind.namespaced or key.split("/")[1] == namespace)
        ]
        return [self._marked(kind, item) for item in found + self._made_by_kcm(kind)]

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        return next((item for item in self.objects(kind, namespace) if metadata(item)["name"] == name), None)

    def apply(self, document: Object, namespace: str) -> tuple[Kind, str]:
        """Stores an object; returns its kind and kubectl's word. Raises LookupError for an unknown kind."""
        kind = next((kind for kind in self._kinds() if kind.kind == document.get("kind")), None)
        if kind is None:
            raise LookupError(str(document.get("kind")))
        facts = metadata(document)
        if kind.namespaced:
            facts.setdefault("namespace", namespace)
        key = f"{kind.kind}/{facts.get('namespace', '')}/{facts['name']}"
        word = self.cluster.put(key, document)
        if kind.kind == "Chart" and word != "unchanged":
            self.cluster.installs[key] = Install(self.site.now())
            self._namespace(document)
        self.cluster.save()
        return kind, word

    def delete(self, kind: Kind, namespace: str, name: str) -> bool:
        """Delete it, or begin to: what has finalizers stays until they are done. False if there is no such object."""
        if self.get(kind, namespace if kind.namespaced else "", name) is None:
            return False
        key, faults = self._key(kind, namespace, name), Faults(self.site.world.directory)
        slow = None if key in self.cluster.leaving else faults.deletion(kind.title)
        faults.commit()
        if slow is not None or kind.kind in {"Management", "Chart"}:
            seconds = DELETION if slow is None else slow.seconds or 0.0
            self.cluster.leaving.setdefault(key, self.site.now() + seconds)
            self.cluster.save()
        else:
            self._remove(key)
        return True

    def until_gone(self, kind: Kind, namespace: str, name: str) -> float:
        """Cloud seconds until what was deleted is gone."""
        return max(0.0, self.cluster.leaving.get(self._key(kind, namespace, name), 0.0) - self.site.now())

    def finish(self, kind: Kind, namespace: str, name: str) -> None:
        """Its finalizers are done."""
        if self._key(kind, namespace, name) in self.cluster.leaving:
            self._remove(self._key(kind, namespace, name))

    def _remove(self, key: str) -> None:
        kind, _, name = key.split("/")
        self.cluster.leaving.pop(key, None)
        self.cluster.objects.pop(key, None)
        self.cluster.installs.pop(key, None)
        if kind == "Node":
            self.cluster.nodes.pop(name, None)
        elif kind == "Management":
            self.cluster.objects["Deleted//management"] = {}
        self.cluster.save()

    def _marked(self, kind: Kind, item: Object) -> Object:
        """With the mark of its deletion."""
        facts = metadata(item)
        key = self._key(kind, str(facts.get("namespace", "")), str(facts["name"]))
        if key not in self.cluster.leaving:
            return item
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {**item, "metadata": {**facts, "deletionTimestamp": at}}

    @staticmethod
    def _key(kind: Kind, namespace: str, name: str) -> str:
        return f"{kind.kind}/{namespace if kind.namespaced else ''}/{name}"

    def _kinds(self) -> tuple[Kind, ...]:
        installation = self._kcm()
        return _CORE + _KCM if installation and installation[1].age >= kcm.CRDS else _CORE

    def _namespace(self, chart: Object) -> None:
        name = spec(chart).get("namespace")
        if name and kcm.is_kcm(chart):
            self.cluster.objects.pop("Deleted//management", None)
            namespace: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": str(name)}}
            self.cluster.put(f"Namespace//{name}", namespace)

    def _live(self, key: str, document: Object) -> Object:
        if not key.startswith("Chart/"):
            return document
        status = kcm.chart_status(spec(document), self._installation(key, document))
        reason = self._fault("helm-error") if kcm.is_kcm(document) else None
        if reason is not None:
            status = {**status, "error": HELM.get(reason, reason)}
        return {**document, "status": status}

    def _fault(self, kind: Literal["helm-error", "component-error"], resource: str = "") -> str | None:
        faults = Faults(self.site.world.directory)
        reason = faults.said(kind, resource)
        faults.commit()
        return reason

    def _kcm(self) -> tuple[str, kcm.Installation] | None:
        for key, document in self.cluster.objects.items():
            if key.startswith("Chart/") and kcm.is_kcm(document):
                return key, self._installation(key, document)
        return None

    def _installation(self, key: str, chart: Object) -> kcm.Installation:
        install, now = self.cluster.installs[key], self.site.now()
        if install.started_at is None:
            since = self._pods_since()
            if since is not None:
                install.started_at = max(install.applied_at, since)
                self.cluster.save()
        return kcm.Installation(
            version=str(spec(chart).get("version") or "1.0.0"),
            namespace=str(spec(chart).get("namespace") or "default"),
            age=-1.0 if install.started_at is None else now - install.started_at,
            whole=self.site.draw(key, "kcm", 300, 600),
            speed=self.site.speed,
        )

    def _pods_since(self) -> float | None:
        """When the first node that runs workloads became ready; None while there is none."""
        now = self.site.now()
        moments = [
            host.state.node.ready_at
            for host in self.site.hosts()
            if host.state.node is not None
            and host.state.node.cluster == self.cluster.identifier
            and host.state.node.schedulable
            and host.state.node.ready_at is not None
            and host.node_ready(now)
        ]
        return min(moments, default=None)

    def _made_by_kcm(self, kind: Kind) -> list[Object]:
        found = self._kcm()
        if found is None or kind not in _KCM:
            return []
        uid = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.cluster.identifier}/{kind.kind}"))
        made: Object | None = None
        if kind.kind == "Management" and "Deleted//management" not in self.cluster.objects:
            made = kcm.management(found[1], uid=uid) if not self._failed() else None
            if made is not None:
                self._break_components(made)
        elif kind.kind == "Release":
            made = kcm.release(found[1], uid=uid)
        return [made] if made is not None else []

    def _failed(self) -> bool:
        """Whether helm cannot install kcm: then nobody makes the Management object."""
        return any(each.times is None for each in Faults(self.site.world.directory).armed("helm-error"))

    def _break_components(self, made: Object) -> None:
        status = made["status"]
        assert isinstance(status, dict)  # noqa: S101 - `kcm.management` makes it
        broken = False
        for name, component in status["components"].items():
            reason = self._fault("component-error", name)
            if reason is not None:
                broken = True
                component.pop("success", None)
                component["error"] = COMPONENT.get(reason, reason).format(name=name)
        if broken:
            status["conditions"][0].update(status="False", reason="NotAllComponentsHealthy")


def metadata(document: Object) -> Object:
    """The object's `metadata`, made if it is not there."""
    found = document.setdefault("metadata", {})
    return found if isinstance(found, dict) else {}


def spec(document: Object) -> Object:
    found = document.get("spec")
    return copy.copy(found) if isinstance(found, dict) else {}
