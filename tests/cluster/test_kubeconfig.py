"""A kubeconfig is what a host printed: whatever it is, it becomes a kubeconfig or one error."""

from __future__ import annotations

import pytest

from k0rdent_azure.cluster.kubeconfig import for_workstation
from k0rdent_azure.errors import ClusterError


@pytest.mark.parametrize(
    "text", ["[" * 5_000 + "]" * 5_000, "a: " + "{b: " * 900, "a: 2025-13-45", "- x", "@", ""]
)
def test_what_is_no_kubeconfig_is_refused(text: str) -> None:
    with pytest.raises(ClusterError, match="no kubeconfig"):
        for_workstation(text, address="https://192.0.2.1:6443", cluster="c", user="admin")
