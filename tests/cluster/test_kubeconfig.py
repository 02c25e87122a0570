"""A kubeconfig is data from a host: certificates and a key are taken over, a program that kubectl would run is not."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from k0rdent_azure.cluster.kubeconfig import for_workstation
from k0rdent_azure.errors import ClusterError


def printed(**user: object) -> str:
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "local", "cluster": {"server": "https://evil", "certificate-authority-data": "Y2E="}}
        ],
        "contexts": [{"name": "Default", "context": {"cluster": "local", "user": "user"}}],
        "users": [
            {"name": "user", "user": {"client-certificate-data": "Y3J0", "client-key-data": "a2V5"} | user}
        ],
    }
    return yaml.safe_dump(document)


def taken(text: str) -> Any:
    return yaml.safe_load(for_workstation(text, address="https://172.24.24.11:6443", cluster="c", user="u"))


def test_certificates_and_key_are_taken_over() -> None:
    found = taken(printed())
    assert found["users"] == [
        {"name": "u", "user": {"client-certificate-data": "Y3J0", "client-key-data": "a2V5"}}
    ]
    assert found["clusters"][0]["cluster"] == {
        "certificate-authority-data": "Y2E=",
        "server": "https://172.24.24.11:6443",
    }
    assert found["current-context"] == found["contexts"][0]["name"] == "c"


@pytest.mark.parametrize(
    "user",
    [
        {"exec": {"command": "sh", "args": ["-c", "id"], "apiVersion": "client.authentication.k8s.io/v1"}},
        {"auth-provider": {"name": "gcp", "config": {"cmd-path": "/bin/sh"}}},
        {"client-key": "/etc/shadow"},
        {"tokenFile": "/etc/shadow"},
    ],
)
def test_nothing_else_is(user: dict[str, object]) -> None:
    assert taken(printed(**user)) == taken(printed())


@pytest.mark.parametrize("user", [{"client-key-data": "not base64"}, {"client-key-data": {"exec": 1}}])
def test_what_is_no_key_is_refused(user: dict[str, object]) -> None:
    with pytest.raises(ClusterError):
        taken(printed(**user))


def test_values_that_are_broken_over_lines_are_taken_over_as_one() -> None:
    given = {"client-certificate-data": "Y3\r\nJ0\r\n", "client-key-data": " a2V5\n"}
    found = taken("\ufeff" + printed(**given))
    assert found["users"][0]["user"] == {"client-certificate-data": "Y3J0", "client-key-data": "a2V5"}
