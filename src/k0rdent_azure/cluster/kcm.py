"""kcm: its chart as k0s takes it, and its readiness as the Management object tells it.

Everything goes through `k0s kubectl` on a controller, so a callable that runs it is all that is needed.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from k0rdent_azure.errors import ClusterError
from k0rdent_azure.state.model import Component

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
    """The Chart object that k0s' helm controller installs. https://docs.k0sproject.io/stable/helm-charts/"""
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


async def chart_version(kubectl: Kubectl, *, release: str) -> str | None:
    """The version that the Chart object asks for, None where there is none. Raises ClusterError."""
    words = ["get", "charts.helm.k0sproject.io", chart_name(release), "-n", "kube-system", "-o", "json"]
    chart = await _get(kubectl, words)
    spec = chart.get("spec") if chart else None
    return str(spec["version"]) if isinstance(spec, dict) and "version" in spec else None


async def chart_error(kubectl: Kubectl, *, release: str) -> str | None:
    """What helm says went wrong, None where nothing did."""
    words = ["get", "charts.helm.k0sproject.io", chart_name(release), "-n", "kube-system", "-o", "json"]
    chart = await _get(kubectl, words)
    status = chart.get("status") if chart else None
    return str(status["error"]) if isinstance(status, dict) and status.get("error") else None


async def observe(kubectl: Kubectl) -> Readiness:
    """How far kcm is. Raises ClusterError where kubectl itself fails."""
    return readiness(await _get(kubectl, ["get", MANAGEMENT, "kcm", "-o", "json"]))


def readiness(management: Mapping[str, object] | None) -> Readiness:
    """The verdict on a Management object; none yet means "not yet".

    Ready: condition `Ready` is True for the current generation, and the release in force is the wanted one.
    """
    if management is None:
        return Readiness(ready=False, message="waiting for the Management object")
    status, spec = _mapping(management, "status"), _mapping(management, "spec")
    components = _components(status)
    release = status.get("release")
    condition = _condition(status)
    generation = _mapping(management, "metadata").get("generation")
    current = status.get("observedGeneration") == generation
    ready = condition.get("status") == "True" and current and release == spec.get("release")
    return Readiness(
        ready=ready,
        message="ready" if ready else _missing(components, condition),
        release=str(release) if release else None,
        components=components,
    )


def _missing(components: Mapping[str, Component], condition: Mapping[str, object]) -> str:
    failed = [f"{name}: {component.error}" for name, component in components.items() if component.error]
    if failed:
        return "; ".join(failed)[:300]
    done = sum(component.success for component in components.values())
    if components and done < len(components):
        return f"{done} of {len(components)} components are up"
    return str(condition.get("message") or condition.get("reason") or "waiting for the Ready condition")[:300]


def _components(status: Mapping[str, object]) -> dict[str, Component]:
    return {
        name: Component(
            success=bool(component.get("success")),
            error=str(component["error"])[:300] if component.get("error") else None,
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
        if "NotFound" in result.stderr or "the server doesn't have a resource type" in result.stderr:
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
    return result.stderr.strip()[-300:] or f"exit {result.exit_status}"
