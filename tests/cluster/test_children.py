"""The list of clusters that k0rdent manages: what is none, what is unknown, and where nobody is to be asked."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from k0rdent_azure.cluster.children import NoServerError, children
from k0rdent_azure.cluster.kcm import CommandOutput
from k0rdent_azure.errors import ClusterError
from k0rdent_azure.state.model import ChildCluster


@dataclass
class Said:
    exit_status: int = 0
    stdout: str = ""
    stderr: str = ""


async def asked(said: Said) -> list[ChildCluster]:
    async def kubectl(arguments: list[str], stdin: str | None) -> CommandOutput:
        assert arguments[:3] == ["get", "clusterdeployments.k0rdent.mirantis.com", "-A"]
        return said

    return await children(kubectl)


def listed(*items: object) -> Said:
    return Said(stdout=json.dumps({"kind": "List", "items": list(items)}))


async def test_all_namespaces_with_their_templates() -> None:
    one = {"metadata": {"name": "eu", "namespace": "a"}, "spec": {"template": "aws-1"}}
    other = {"metadata": {"name": "us", "namespace": "b"}}
    assert await asked(listed(one, other)) == [
        ChildCluster(namespace="a", name="eu", template="aws-1"),
        ChildCluster(namespace="b", name="us"),
    ]
    assert await asked(listed()) == []


@pytest.mark.parametrize(
    "stderr",
    [
        'error: the server doesn\'t have a resource type "clusterdeployments"',
        "Error from server (NotFound): Unable to list: the server could not find the requested resource",
    ],
)
async def test_a_cluster_that_does_not_know_the_kind_has_none(stderr: str) -> None:
    assert await asked(Said(1, stderr=stderr)) == []


@pytest.mark.parametrize(
    "said",
    [
        Said(stdout=""),
        Said(stdout="not json"),
        Said(stdout="[]"),
        Said(stdout='{"items": null}'),
        Said(stdout='{"items": {}}'),
        Said(stdout="[" * 100_000),
        listed("text"),
        listed({"metadata": {"namespace": "a"}}),
        listed({"metadata": {"name": "", "namespace": "a"}}),
        listed({"metadata": {"name": "x", "namespace": 7}}),
        Said(1, stderr="Error from server (Forbidden): clusterdeployments is forbidden"),
        Said(1, stderr="Error from server (Timeout): etcdserver: request timed out"),
        Said(1, stderr="error: You must be logged in to the server (Unauthorized)"),
        Said(
            1,
            stderr="couldn't get current server API group list: the server is currently unable to handle the request\n"
            'error: the server doesn\'t have a resource type "clusterdeployments"',
        ),
        Said(137),
    ],
)
async def test_what_cannot_be_read_is_not_none(said: Said) -> None:
    with pytest.raises(ClusterError) as caught:
        await asked(said)
    assert not isinstance(caught.value, NoServerError)


@pytest.mark.parametrize(
    "stderr",
    [
        "The connection to the server localhost:8080 was refused - did you specify the right host or port?",
        "sudo: k0s: command not found",
        "Unable to connect to the server: dial tcp 10.0.0.1:6443: i/o timeout",
    ],
)
async def test_where_no_server_answers_nobody_is_asked(stderr: str) -> None:
    with pytest.raises(NoServerError):
        await asked(Said(1, stderr=stderr))
