"""helm's errors: what passes by itself, what never does and what helps then; and what is no error."""

from __future__ import annotations

import pytest

from k0rdent_azure.cluster import kcm
from k0rdent_azure.cluster.helm import Family, is_progress, lasting
from k0rdent_azure.rehearsal.hosts.refusals import COMPONENT, HELM
from tests.cluster.test_kcm import NOT_FOUND, Cluster, found, management, refused

FAMILIES: dict[str, Family | None] = {
    "chart-not-found": "missing", "version-not-found": "missing", "unauthorized": "denied",
    "pending-install": "locked", "locked": "locked", "values": "invalid", "incompatible": "incompatible",
    "timeout": None, "busy": None,
}  # fmt: skip


def family(error: str) -> Family | None:
    kept = lasting(error)
    return kept.family if kept is not None else None


@pytest.mark.parametrize("name", HELM)
def test_what_the_rehearsal_says(name: str) -> None:
    assert family(HELM[name]) == FAMILIES[name]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("can't locate chart: GET https://ghcr.io/v2/x/manifests/9: MANIFEST_UNKNOWN: manifest unknown", "missing"),
        ("can't locate chart: no chart version found for kcm-9.9.9", "missing"),
        ("can't locate chart: improper constraint: v1.x.y", "missing"),
        ("could not find protocol handler for: ocl", "missing"),
        ("can't locate chart: response status code 403: denied: denied", "denied"),
        ("failed to authorize: 401 Unauthorized: authentication required", "denied"),
        ('can\'t upgrade: "kcm" has no deployed releases', "locked"),
        ("release kcm is in status pending-upgrade", "locked"),
        ("can't install: execution error at (kcm/templates/x.yaml:3:4): controller.name is required", "invalid"),
        ("error converting YAML to JSON: yaml: line 3: mapping values are not allowed in this context", "invalid"),
        ('ServiceAccount "x" exists and cannot be imported: invalid ownership metadata', "not ours"),
        ("Back-off pulling image x: ImagePullBackOff", "image"),
        ("failed to pull: no matching manifest for linux/arm64/v8 in the manifest list entries", "image"),
        ("dial tcp: lookup ghcr.io: Temporary failure in name resolution", None),
        ("failed to fetch: unexpected status: 503 Service Unavailable", None),
        ("failed to download chart: net/http: TLS handshake timeout", None),
        ("timed out waiting for the condition", None),
        ("Internal error occurred: failed calling webhook: no endpoints available for service cert-manager", None),
        ("etcdserver: leader changed", None),
        ("something new", None),
    ],
)  # fmt: skip
def test_errors_by_family(error: str, expected: Family | None) -> None:
    assert family(error) == expected


@pytest.mark.parametrize(
    ("error", "progress"),
    [
        ("HelmRelease kcm-system/capi Ready condition is not updated yet", True),
        ("HelmRelease kcm-system/capi: Fulfilling prerequisites", True),
        (
            "HelmChart 'kcm-system/capi' is not ready: latest generation of object has not been reconciled",
            True,
        ),
        ("Running 'install' action with timeout of 10m0s", True),
        ("dependency 'kcm-system/capi' is not ready", True),
        ("Reconciliation in progress", True),
        (COMPONENT["retries-exhausted"], False),
        (COMPONENT["timeout"], False),
        ("HelmRelease x is not ready: install failed: 401 Unauthorized", False),
    ],
)
def test_a_component_on_its_way_has_no_error(error: str, progress: bool) -> None:
    assert is_progress(error) is progress
    components = {"kcm": {"success": True}, "capi": {"success": False, "error": error}}
    condition = [{"type": "Ready", "status": "False", "message": "wait"}]
    verdict = kcm.readiness(management(status_components=components, status_conditions=condition))
    assert (verdict.components["capi"].error is None) is progress
    assert verdict.message.startswith("1 of 2 components" if progress else "capi: ")


async def test_the_chart_of_a_cluster_without_kcm_tells_what_stays() -> None:
    chart = {"status": {"error": HELM["pending-install"]}}
    verdict = await kcm.observe(Cluster(refused(NOT_FOUND), found(chart)))
    assert verdict.lasting is not None
    assert verdict.lasting.family == "locked"
    chart = {"status": {"error": HELM["timeout"]}}
    assert (await kcm.observe(Cluster(refused(NOT_FOUND), found(chart)))).lasting is None
