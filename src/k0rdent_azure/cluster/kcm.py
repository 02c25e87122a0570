"""kcm: its chart as k0s takes it, and its readiness as the Management object tells it.

Everything goes through `k0s kubectl` on a controller, so a callable that runs it is all that is needed.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from k0rdent_azure.cluster.answers import (
    SHOWN,
    CommandOutput,
    RefusedError,
    failure,
    is_absent,
    middle_cut,
)
from k0rdent_azure.cluster.helm import REFUSED, Lasting, is_progress, lasting
from k0rdent_azure.config import forms
from k0rdent_azure.errors import ClusterError
from k0rdent_azure.hosts.command import printable
from k0rdent_azure.state.model import Component

__all__ = ["CommandOutput", "Kubectl", "Readiness", "install", "observe"]

CLUSTERS = "clusterdeployments.k0rdent.mirantis.com"
MANAGEMENT = "managements.k0rdent.mirantis.com"
#: Installing pulls images; helm gives up after this. Go duration syntax.
HELM_TIMEOUT = "20m"


#: Runs kubectl with arguments and standard input.
Kubectl = Callable[[list[str], str | None], Awaitable[CommandOutput]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """`ready` is the verdict, `message` what is still missing, in words."""

    ready: bool
    message: str
    release: str | None = None
    components: Mapping[str, Component] = field(default_factory=dict)
    #: What will not pass by itself; None while it may.
    lasting: Lasting | None = None
    #: What helm says of the chart, while there is no Management object.
    helm: str | None = None


def kubectl_command(arguments: list[str]) -> str:
    """The shell command for a controller: k0s carries kubectl and its admin credentials."""
    return f"sudo -n k0s kubectl {shlex.join(arguments)}"


def chart_name(release: str) -> str:
    """The name that k0s gives the Chart object of an addon."""
    return f"k0s-addon-chart-{release}"


def chart_manifest(*, version: str, registry: str, namespace: str, release: str, attempt: str = "") -> str:
    """The Chart object that k0s' helm controller installs. https://docs.k0sproject.io/stable/helm-charts/

    With another `attempt` it is another object: k0s lets helm try again at once, and not after the next of its pauses,
    which grow to 17 minutes.

    Raises ClusterError where a value does not have its strict form: it names what runs in the cluster, and where.
    """
    for what, value, good in (
        ("version", version, forms.is_word(version)),
        ("registry", registry, forms.is_chart(registry)),
        ("namespace", namespace, forms.is_label(namespace)),
        ("release", release, forms.is_label(release)),
        ("attempt", attempt, not attempt or forms.is_word(attempt.replace(":", "-"))),
    ):
        if not good:
            raise ClusterError(
                f"the {what} of the kcm chart cannot stand in its manifest: {value[:60]!r}",
                hint="see what is wrong: k0rdent-azure state check",
            )
    return json.dumps(
        {
            "apiVersion": "helm.k0sproject.io/v1beta1",
            "kind": "Chart",
            "metadata": {
                "name": chart_name(release),
                "namespace": "kube-system",
                "finalizers": ["helm.k0sproject.io/uninstall-helm-release"],
            },
            "spec": {
                "chartName": registry,
                "version": version,
                "namespace": namespace,
                "releaseName": release,
                "timeout": HELM_TIMEOUT,
                # A comment changes nothing but the object's generation.
                "values": f"# {attempt}\n" if attempt else "",
            },
        }
    )


async def install(
    kubectl: Kubectl, *, version: str, registry: str, namespace: str, release: str, attempt: str = ""
) -> None:
    """Apply the Chart object; applying it again changes nothing.

    Raises NotYetError while the API server or the kind is not there, RefusedError if it is never taken, ClusterError.
    """
    manifest = chart_manifest(
        version=version, registry=registry, namespace=namespace, release=release, attempt=attempt
    )
    result = await kubectl(["apply", "-f", "-"], manifest)
    if result.exit_status:
        raise failure("kubectl apply of the kcm chart", result)


async def chart_version(kubectl: Kubectl, *, release: str) -> str | None:
    """The version that the Chart object asks for, None where there is none. Raises as `install` does."""
    words = ["get", "charts.helm.k0sproject.io", chart_name(release), "-n", "kube-system", "-o", "json"]
    chart = await _get(kubectl, words)
    spec = chart.get("spec") if chart else None
    version = str(spec.get("version", "")) if isinstance(spec, dict) else ""
    return version if forms.is_word(version) else None


async def chart_error(kubectl: Kubectl, *, release: str) -> str | None:
    """What helm says went wrong, None where nothing did."""
    words = ["get", "charts.helm.k0sproject.io", chart_name(release), "-n", "kube-system", "-o", "json"]
    chart = await _get(kubectl, words)
    status = chart.get("status") if chart else None
    error = status.get("error") if isinstance(status, dict) else None
    return middle_cut(printable(str(error)), SHOWN) if error else None


async def observe(kubectl: Kubectl, *, release: str = "kcm") -> Readiness:
    """How far kcm is; while there is no Management object, what helm says of the chart.

    An API server that does not answer is "not yet": it restarts now and then while a cluster settles.
    """
    try:
        management = await _get(kubectl, ["get", MANAGEMENT, "kcm", "-o", "json"])
        error = await chart_error(kubectl, release=release) if management is None else None
    except RefusedError as refused:
        return Readiness(ready=False, message=refused.message, lasting=REFUSED)
    except ClusterError as silent:
        return Readiness(ready=False, message=silent.message)
    if error is not None:
        return Readiness(ready=False, message=f"helm: {error}", lasting=lasting(error), helm=error)
    return readiness(management)


def readiness(management: Mapping[str, object] | None) -> Readiness:
    """The verdict on a Management object; none yet means "not yet".

    Ready: condition `Ready` is True for the current generation, the release in force is the wanted one, and
    the object is not on its way out.
    """
    if management is None:
        return Readiness(ready=False, message="waiting for the Management object")
    status, spec = _mapping(management, "status"), _mapping(management, "spec")
    components = _components(status)
    release = status.get("release")
    condition = _condition(status)
    metadata = _mapping(management, "metadata")
    generation = metadata.get("generation")
    # A condition may carry a generation of its own; where it does not, the object's counts.
    current = {status.get("observedGeneration"), condition.get("observedGeneration", generation)} == {
        generation
    }
    installed = release is not None and release == spec.get("release")
    leaving = metadata.get("deletionTimestamp") is not None
    ready = condition.get("status") == "True" and current and installed and not leaving
    return Readiness(
        ready=ready,
        message="ready" if ready else "is being deleted" if leaving else _missing(components, condition),
        release=str(release) if forms.is_word(str(release or "")) else None,
        components=components,
        lasting=None if ready or leaving else _lasting(components),
    )


def _lasting(components: Mapping[str, Component]) -> Lasting | None:
    found = (lasting(component.error) for component in components.values() if component.error)
    return next((each for each in found if each is not None), None)


def _missing(components: Mapping[str, Component], condition: Mapping[str, object]) -> str:
    failed = [f"{name}: {component.error}" for name, component in components.items() if component.error]
    if failed:
        # What stays is what has to be read.
        failed.sort(key=lambda said: lasting(said) is None)
        return middle_cut("; ".join(failed[:3]), SHOWN)
    done = sum(component.success for component in components.values())
    if components and done < len(components):
        return f"{done} of {len(components)} components are up"
    if condition.get("status") == "True":
        return "waiting for the newest release to be in force"
    text = condition.get("message") or condition.get("reason") or "waiting for the Ready condition"
    return printable(str(text))[:300]


def _components(status: Mapping[str, object]) -> dict[str, Component]:
    return {
        name: Component(
            success=bool(component.get("success")),
            error=_component_error(component.get("error")),
        )
        for name, component in _mapping(status, "components").items()
        if isinstance(component, dict)
    }


def _component_error(said: object) -> str | None:
    """What went wrong with a component; None if it only says that it is on its way."""
    text = middle_cut(printable(str(said)).strip(), SHOWN) if said else ""
    return text if text and not is_progress(text) else None


def _condition(status: Mapping[str, object]) -> Mapping[str, object]:
    conditions = status.get("conditions")
    for condition in conditions if isinstance(conditions, list) else []:
        if isinstance(condition, dict) and condition.get("type") == "Ready":
            return condition
    return {}


async def _get(kubectl: Kubectl, words: list[str]) -> dict[str, object] | None:
    """An object, or None where neither it nor (yet) its kind exists."""
    result = await kubectl(words, None)
    if result.exit_status:
        if is_absent(result):
            return None
        raise failure(f"kubectl {' '.join(words[:3])}", result)
    try:
        document = json.loads(result.stdout)
    except ValueError as error:
        raise ClusterError(f"kubectl {' '.join(words[:3])} did not answer with JSON") from error
    return document if isinstance(document, dict) else None


def _mapping(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}
