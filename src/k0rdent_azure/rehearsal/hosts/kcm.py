"""How k0s installs a Helm chart, and how k0rdent's kcm becomes ready after it: tables over time.

Everything follows from the moment at which the Chart was applied and a first node could run its pods. The
last component succeeds 300 to 600 cloud seconds later. Sources: k0s `pkg/apis/helm/v1beta1`, kcm
`api/v1beta1/management_types.go` (conditions, components) and its chart's default Release.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Object = dict[str, object]

CRDS = 20.0  # cloud seconds after the start at which kcm's CRDs are registered
RELEASED = 60.0  # … the chart's first revision is deployed
MANAGED = 75.0  # … kcm has made its Management object
FIRST = 0.35  # the first component succeeds after this part of the whole time, the last at its end

PROVIDERS = ("aws", "azure", "docker", "gcp", "infoblox", "k0sproject-k0smotron", "openstack-orc", "vsphere")
COMPONENTS = (
    "kcm",
    "capi",
    *(f"cluster-api-provider-{name}" for name in PROVIDERS),
    "projectsveltos",
)


@dataclass(frozen=True)
class Installation:
    """`age` in cloud seconds since pods could run (negative: they cannot); `whole` until all is ready."""

    version: str
    namespace: str
    age: float
    whole: float
    speed: float

    def moment(self, after: float) -> str:
        """The real time at which `after` cloud seconds had passed."""
        real = datetime.now(UTC) - timedelta(seconds=(self.age - after) / self.speed)
        return real.strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def release(self) -> str:
        return f"kcm-{self.version.removeprefix('v').replace('.', '-')}"


def is_kcm(chart: Object) -> bool:
    """Whether a Chart object installs kcm."""
    spec = chart.get("spec")
    name = str(spec.get("chartName", "")) if isinstance(spec, dict) else ""
    return name.rstrip("/").rpartition("/")[2] in {"kcm", "k0rdent-kcm", "k0rdent-enterprise"}


def chart_status(spec: Object, installation: Installation) -> Object:
    """A Chart's `status`: empty until the release is deployed, or the error that helm would give."""
    missing = [name for name in ("chartName", "namespace") if not spec.get(name)]
    if missing:
        return {
            "error": f"can't install loadedChart: {missing[0]} is required",
            "updated": installation.moment(5),
        }
    if installation.age < RELEASED:
        return {}
    return {
        "appVersion": installation.version,
        "namespace": installation.namespace,
        "releaseName": spec.get("releaseName") or str(spec["chartName"]).rpartition("/")[2],
        "revision": 1,
        "updated": installation.moment(RELEASED),
        "valuesHash": "",
        "version": installation.version,
    }


def management(installation: Installation, *, uid: str) -> Object | None:
    """The Management object `kcm`, or None before kcm has made it."""
    if installation.age < MANAGED:
        return None
    ready = installation.age >= installation.whole
    return {
        "apiVersion": "k0rdent.mirantis.com/v1beta1",
        "kind": "Management",
        "metadata": {
            "name": "kcm",
            "uid": uid,
            "generation": 1,
            "creationTimestamp": installation.moment(MANAGED),
            "finalizers": ["k0rdent.mirantis.com/management"],
        },
        "spec": {
            "core": {"capi": {}, "kcm": {}},
            "providers": [{"name": name} for name in COMPONENTS if name not in {"kcm", "capi"}],
            "release": installation.release,
        },
        "status": {
            "components": {
                name: _component(name, index, installation) for index, name in enumerate(COMPONENTS)
            },
            "conditions": [_condition(installation, ready=ready)],
            "observedGeneration": 1,
            **({"release": installation.release} if ready else {}),
        },
    }


def _component(name: str, index: int, installation: Installation) -> Object:
    part = FIRST + (1 - FIRST) * index / (len(COMPONENTS) - 1)
    facts: Object = {"template": f"{name}-{installation.version.replace('.', '-')}"}
    if installation.age >= part * installation.whole:
        return {**facts, "success": True}
    return {
        **facts,
        "error": f"HelmRelease {installation.namespace}/{name} Ready condition is not updated yet",
    }


def _condition(installation: Installation, *, ready: bool) -> Object:
    waiting = [
        name for index, name in enumerate(COMPONENTS) if "error" in _component(name, index, installation)
    ]
    return {
        "type": "Ready",
        "status": "True" if ready else "False",
        "reason": "AllComponentsHealthy" if ready else "NotAllComponentsHealthy",
        "message": "All components are successfully installed"
        if ready
        else f"Components {', '.join(waiting)} are not ready",
        "observedGeneration": 1,
        "lastTransitionTime": installation.moment(installation.whole if ready else MANAGED),
    }


def release(installation: Installation, *, uid: str) -> Object | None:
    """The Release object that kcm's chart brings along."""
    if installation.age < RELEASED:
        return None
    return {
        "apiVersion": "k0rdent.mirantis.com/v1beta1",
        "kind": "Release",
        "metadata": {
            "name": installation.release,
            "uid": uid,
            "creationTimestamp": installation.moment(RELEASED),
        },
        "spec": {"version": installation.version},
        "status": {"ready": installation.age >= MANAGED, "observedGeneration": 1},
    }
