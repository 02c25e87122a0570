"""kubectl's words: what to wait for, and what will be said again."""

from __future__ import annotations

import pytest

from k0rdent_azure.cluster import kcm
from k0rdent_azure.cluster.answers import NotYetError, RefusedError, is_absent, verdict
from k0rdent_azure.cluster.nodes import nodes
from k0rdent_azure.errors import ClusterError
from k0rdent_azure.rehearsal.hosts.refusals import KUBECTL
from tests.cluster.test_kcm import REGISTRY, Cluster, refused

REFUSED = {
    "forbidden", "invalid", "bad-request",
}  # fmt: skip


@pytest.mark.parametrize("name", KUBECTL)
def test_what_the_rehearsal_says(name: str) -> None:
    assert verdict(KUBECTL[name]) == ("refused" if name in REFUSED else "not_yet")


@pytest.mark.parametrize(
    "said",
    [
        "The connection to the server localhost:6443 was refused - did you specify the right host or port?",
        "error: stat /var/lib/k0s/pki/admin.conf: no such file or directory",
        "Error from server: etcdserver: request timed out",
        "Error from server (Timeout): the server was unable to return a response in the time allotted",
        "Error from server (TooManyRequests): the server has received too many requests",
        "error: couldn't get current server API group list: Get https://localhost:6443/api: dial tcp: i/o timeout",
        "E1201 memcache.go: couldn't get resource list for metrics.k8s.io/v1beta1: the server is currently unable",
        'Error from server (Forbidden): charts "x" is forbidden: it cannot be made because it is being terminated',
        'Error from server (InternalError): failed calling webhook "x": x509: certificate signed by unknown authority',
        "Error from server (Conflict): Operation cannot be fulfilled: the object has been modified",
        "no end of `sudo -n k0s kubectl get` on k0s-controller within 60 s",
        "Unable to connect to the server: http2: client connection lost",
        "error: apiserver not ready",
    ],
)
def test_a_cluster_that_settles_is_waited_for(said: str) -> None:
    assert verdict(said) == "not_yet"


@pytest.mark.parametrize(
    "said",
    [
        "error: You must be logged in to the server (Unauthorized)",
        'Error from server: admission webhook "x" denied the request: no release kcm-1-1-1',
        "Unable to connect to the server: tls: failed to verify certificate: x509: certificate has expired",
        'error: error validating "STDIN": error validating data: unknown object type',
        "sudo: a password is required",
        "sh: 1: k0s: command not found",
        "error: unknown flag: --wat",
        'The Service "x" is invalid: spec.clusterIP: Invalid value: "": field is immutable',
    ],
)
def test_a_refusal_is_told_at_once(said: str) -> None:
    assert verdict(said) == "refused"


def test_what_nobody_knows_is_no_reason_to_wait() -> None:
    assert verdict("error: the flux capacitor is empty") == "unclear"


@pytest.mark.parametrize(
    ("said", "absent"),
    [
        ('Error from server (NotFound): managements.k0rdent.mirantis.com "kcm" not found', True),
        ('error: the server doesn\'t have a resource type "managements"', True),
        ('error: no matches for kind "Chart" in version "helm.k0sproject.io/v1beta1"', True),
        (
            "couldn't get resource list for x/v1: EOF\nerror: the server doesn't have a resource type \"managements\"",
            False,
        ),
    ],
)
def test_absent_is_only_what_a_server_that_knows_calls_so(said: str, absent: bool) -> None:
    assert is_absent(refused(said)) is absent


async def test_an_install_tells_apart_what_to_wait_for() -> None:
    for said, kind in ((KUBECTL["no-kind"], NotYetError), (KUBECTL["forbidden"], RefusedError)):
        with pytest.raises(kind):
            await kcm.install(
                Cluster(refused(said)), version="1", registry=REGISTRY, namespace="n", release="kcm"
            )


async def test_a_long_error_keeps_both_ends() -> None:
    with pytest.raises(ClusterError) as caught:
        await nodes(Cluster(refused(f"error: first {'x' * 900} the cause")))
    assert "error: first" in caught.value.message
    assert caught.value.message.endswith("the cause")
    assert len(caught.value.message) < 400
