"""kcm: its chart as k0s takes it, and its readiness as the Management object tells it.

Everything goes through `k0s kubectl` on a controller, so a callable that runs it is all that is needed.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from k0rdent_azure.config import forms
from k0rdent_azure.errors import ClusterError
from k0rdent_azure.hosts.command import printable
from k0rdent_azure.state.model import Component

#: How kubectl says that an object, or its kind, does not exist (yet).
ABSENT = (
    "(NotFound)",
    "the server doesn't have a resource type",
    "the server could not find the requested resource",
)
CLUSTERS = "clusterdeployments.k0rdent.mirantis.com"
MANAGEMENT = "managements.k0rdent.mirantis.com"
#: Installing pulls images; helm gives up after this. Go duration syntax.
HELM_TIMEOUT = "20m"


class CommandOutput(Protocol):
    """What a command gave; `hosts.ssh.CommandResult` is one."""

    @property
    def exit_status(self) -> int: ...
    @property
    def stdout(self) -> str: ...
    @property
    def stderr(self) -> str: ...


#: Runs kubectl with arguments and standard input.
Kubectl = Callable[[list[str], str | None], Awaitable[CommandOutput]]


@dataclass(frozen=True, slots=True)
class Readiness:
    """`ready` is the verdict, `message` what is still missing, in words."""

    ready: bool
    message: str
    release: str | None = None
    components: Mapping[str, Component] = field(default_factory=dict)


def kubectl_command(arguments: list[str]) -> str:
    """The shell command for a controller: k0s carries kubectl and its admin credentials."""
    return f"sudo -n k0s kubectl {shlex.join(arguments)}"


def chart_name(release: str) -> str:
    """The name that k0s gives the Chart object of an addon."""
    return f"k0s-addon-chart-{release}"


def chart_manifest(*, version: str, registry: str, namespace: str, release: str) -> str:
    """The Chart object that k0s' helm controller installs. https://docs.k0sproject.io/stable/helm-charts/

    Raises ClusterError where a value does not have its strict form: it names what runs in the cluster, and where.
    """
    for what, value, good in (
        ("version", version, forms.is_word(version)),
        ("registry", registry, forms.is_chart(registry)),
        ("namespace", namespace, forms.is_label(namespace)),
        ("release", release, forms.is_label(release)),
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
                "values": "",
            },
        }
    )


async def install(kubectl: Kubectl, *, version: str, registry: str, namespace: str, release: str) -> None:
    """Apply the Chart object; applying it again changes nothing. Raises ClusterError."""
    manifest = chart_manifest(version=version, registry=registry, namespace=namespace, release=release)
    result = await kubectl(["apply", "-f", "-"], manifest)
    if result.exit_status:
        raise ClusterError(f"kubectl apply of the kcm chart: {_reason(result)}")


async def uninstall(kubectl: Kubectl, *, namespace: str, release: str) -> None:
    """Take kcm away: the Management object, then the chart, then the namespace. Can be repeated.

    Each waits until its finalizers are done. Raises ClusterError, and does nothing, while kcm still manages clusters:
    nobody else would delete what they are made of.
    """
    listed = await kubectl(["get", CLUSTERS, "-A", "-o", "name"], None)
    if listed.exit_status == 0 and listed.stdout.strip():
        count = len(listed.stdout.split())
        raise ClusterError(
            f"kcm still manages {count} clusters",
            hint="delete them first: kubectl delete clusterdeployments -A --all",
        )
    for words in (
        [MANAGEMENT, "kcm"],
        ["charts.helm.k0sproject.io", chart_name(release), "-n", "kube-system"],
        ["namespace", namespace],
    ):
        result = await kubectl(["delete", *words, "--ignore-not-found"], None)
        if result.exit_status and not any(phrase in result.stderr for phrase in ABSENT):
            raise ClusterError(f"kubectl delete {' '.join(words[:2])}: {_reason(result)}")


async def chart_version(kubectl: Kubectl, *, release: str) -> str | None:
    """The version that the Chart object asks for, None where there is none. Raises ClusterError."""
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
    return printable(str(error))[:300] if error else None


async def observe(kubectl: Kubectl, *, release: str = "kcm") -> Readiness:
    """How far kcm is; while there is no Management object, what helm says of the chart.

    An API server that does not answer is "not yet": it restarts now and then while a cluster settles.
    """
    try:
        management = await _get(kubectl, ["get", MANAGEMENT, "kcm", "-o", "json"])
        error = await chart_error(kubectl, release=release) if management is None else None
    except ClusterError as failure:
        return Readiness(ready=False, message=failure.message)
    if error is not None:
        return Readiness(ready=False, message=f"helm: {error}")
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
    )


def _missing(components: Mapping[str, Component], condition: Mapping[str, object]) -> str:
    failed = [f"{name}: {component.error}" for name, component in components.items() if component.error]
    if failed:
        return printable("; ".join(failed))[:300]
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
            error=printable(str(component["error"]))[:300] if component.get("error") else None,
        )
        for name, component in _mapping(status, "components").items()
        if isinstance(component, dict)
    }


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
        # kubectl has one exit status for everything; its words are the API's reasons, stable since 1.0.
        if any(phrase in result.stderr for phrase in ABSENT):
            return None
        raise ClusterError(f"kubectl {' '.join(words[:3])}: {_reason(result)}")
    try:
        document = json.loads(result.stdout)
    except ValueError as error:
        raise ClusterError(f"kubectl {' '.join(words[:3])} did not answer with JSON") from error
    return document if isinstance(document, dict) else None


def _mapping(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _reason(result: CommandOutput) -> str:
    return printable(result.stderr).strip()[-300:] or f"exit {result.exit_status}"
