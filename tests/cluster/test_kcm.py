"""kcm: the Chart object that k0s installs, and the Management object's verdict."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from k0rdent_azure.cluster import kcm
from k0rdent_azure.errors import ClusterError
from k0rdent_azure.hosts.ssh import CommandResult

REGISTRY = "oci://ghcr.io/k0rdent/kcm/charts/kcm"
NOT_FOUND = 'Error from server (NotFound): managements.k0rdent.mirantis.com "kcm" not found'
NO_KIND = 'error: the server doesn\'t have a resource type "managements"'


def management(**changes: object) -> dict[str, object]:
    """A Management object that is ready, but for what `changes` says (`status.…`, `metadata.…`, …)."""
    made: dict[str, dict[str, object]] = {
        "metadata": {"name": "kcm", "generation": 3},
        "spec": {"release": "kcm-1-1-1"},
        "status": {
            "observedGeneration": 3,
            "release": "kcm-1-1-1",
            "conditions": [
                {"type": "Other", "status": "False"},
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "AllComponentsHealthy",
                    "observedGeneration": 3,
                },
            ],
            "components": {"kcm": {"success": True}, "capi": {"success": True}},
        },
    }
    for path, value in changes.items():
        section, _, key = path.partition("_")
        made[section][key] = value
    return {**made}


class Cluster:
    """kubectl with prepared answers, in the order in which they are asked for."""

    def __init__(self, *answers: CommandResult) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[list[str], str | None]] = []

    async def __call__(self, arguments: list[str], stdin: str | None) -> CommandResult:
        self.asked.append((arguments, stdin))
        return self.answers.pop(0)


def found(document: Mapping[str, object]) -> CommandResult:
    return CommandResult(0, json.dumps(document), "")


def refused(stderr: str) -> CommandResult:
    return CommandResult(1, "", stderr)


def test_the_chart_is_one_as_k0s_makes_them() -> None:
    chart = json.loads(
        kcm.chart_manifest(version="1.1.1", registry=REGISTRY, namespace="kcm-system", release="kcm")
    )
    assert (chart["apiVersion"], chart["kind"]) == ("helm.k0sproject.io/v1beta1", "Chart")
    assert (chart["metadata"]["name"], chart["metadata"]["namespace"]) == (
        "k0s-addon-chart-kcm",
        "kube-system",
    )
    # Without it k0s would leave the release behind when the Chart is deleted.
    assert chart["metadata"]["finalizers"] == ["helm.k0sproject.io/uninstall-helm-release"]
    # k0s prunes what carries its stack label and is not in its own configuration.
    assert "labels" not in chart["metadata"]
    assert chart["spec"] == {
        "chartName": REGISTRY,
        "version": "1.1.1",
        "namespace": "kcm-system",
        "releaseName": "kcm",
        "timeout": "20m",
        "values": "",
    }


async def test_install_applies_it_through_standard_input() -> None:
    cluster = Cluster(CommandResult(0, "chart.helm.k0sproject.io/k0s-addon-chart-kcm created", ""))
    await kcm.install(cluster, version="1.1.1", registry=REGISTRY, namespace="kcm-system", release="kcm")
    arguments, stdin = cluster.asked[0]
    assert arguments == ["apply", "-f", "-"]
    assert stdin is not None
    assert json.loads(stdin)["kind"] == "Chart"


async def test_a_refused_install_says_why() -> None:
    cluster = Cluster(refused("error: no matches for kind \x1b[31mChart"))
    with pytest.raises(ClusterError, match="no matches for kind Chart"):
        await kcm.install(cluster, version="1", registry=REGISTRY, namespace="n", release="kcm")


def test_kubectl_words_survive_the_shell() -> None:
    assert kcm.kubectl_command(["get", "a b", "-o", "jsonpath={.x}"]) == (
        "sudo -n k0s kubectl get 'a b' -o 'jsonpath={.x}'"
    )


def test_ready() -> None:
    verdict = kcm.readiness(management())
    assert (verdict.ready, verdict.message, verdict.release) == (True, "ready", "kcm-1-1-1")
    assert {name: part.success for name, part in verdict.components.items()} == {"kcm": True, "capi": True}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status_observedGeneration": 2}, "newest release"),
        ({"status_release": "kcm-1-0-0"}, "newest release"),
        ({"status_release": None, "spec_release": None}, "newest release"),
        ({"metadata_generation": 4}, "newest release"),
        ({"metadata_deletionTimestamp": "2026-01-01T00:00:00Z"}, "being deleted"),
        ({"status_conditions": []}, "Ready condition"),
        ({"status_conditions": "nonsense"}, "Ready condition"),
        (
            {"status_conditions": [{"type": "Ready", "status": "True", "observedGeneration": 2}]},
            "newest release",
        ),
        (
            {"status_conditions": [{"type": "Ready", "status": "Unknown", "reason": "Progressing"}]},
            "Progressing",
        ),
        (
            {
                "status_conditions": [{"type": "Ready", "status": "False", "message": "wait"}],
                "status_components": {"a": {"success": True}, "b": {}},
            },
            "1 of 2 components",
        ),
        (
            {
                "status_conditions": [{"type": "Ready", "status": "False"}],
                "status_components": {"capi": {"success": False, "error": "no\x1b[2J image"}},
            },
            "capi: no image",
        ),
    ],
)
def test_not_ready_and_why(changes: dict[str, object], message: str) -> None:
    verdict = kcm.readiness(management(**changes))
    assert not verdict.ready
    assert message in verdict.message
    assert "\x1b" not in verdict.message


@pytest.mark.parametrize("broken", [{}, {"status": []}, {"status": {"components": {"a": 1}}, "spec": "x"}])
def test_an_object_of_another_shape_is_not_ready(broken: dict[str, object]) -> None:
    assert not kcm.readiness(broken).ready


@pytest.mark.parametrize("words", [NOT_FOUND, NO_KIND])
async def test_no_object_yet_is_not_an_error(words: str) -> None:
    verdict = await kcm.observe(Cluster(refused(words), refused(words)))
    assert (verdict.ready, verdict.message) == (False, "waiting for the Management object")


async def test_while_there_is_no_object_helm_is_heard() -> None:
    chart = {"status": {"error": "can't pull \x1b[1mchart: 403"}}
    verdict = await kcm.observe(Cluster(refused(NOT_FOUND), found(chart)))
    assert verdict.message == "helm: can't pull chart: 403"


async def test_an_api_server_that_restarts_is_not_ready_yet() -> None:
    """It must not end a wait of minutes."""
    verdict = await kcm.observe(Cluster(refused("The connection to the server localhost:6443 was refused")))
    assert not verdict.ready
    assert "refused" in verdict.message


async def test_the_object_is_asked_for_by_its_full_name() -> None:
    cluster = Cluster(found(management()))
    assert (await kcm.observe(cluster)).ready
    assert cluster.asked == [(["get", "managements.k0rdent.mirantis.com", "kcm", "-o", "json"], None)]


async def test_the_charts_version_decides_whether_to_install() -> None:
    assert await kcm.chart_version(Cluster(found({"spec": {"version": "1.1.1"}})), release="kcm") == "1.1.1"
    assert await kcm.chart_version(Cluster(refused(NO_KIND)), release="kcm") is None
    with pytest.raises(ClusterError, match="timed out"):
        await kcm.chart_version(Cluster(refused("net/http: timed out")), release="kcm")
    with pytest.raises(ClusterError, match="JSON"):
        await kcm.chart_version(Cluster(CommandResult(0, "no json", "")), release="kcm")
