"""A cluster that is slow, refuses, or has a helm that cannot go on: what a deployment and a rollback do and say."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.conftest import Product, end
from tests.e2e.test_room import messages

pytestmark = pytest.mark.e2e


def arm(product: Product, *words: str) -> None:
    product.run("rehearse", "fault", *words)


def test_a_release_that_is_locked_and_finalizers_that_take_long(product: Product) -> None:
    product.init("minimal")
    # Not there yet, and busy: waited for. What helm never overcomes: told soon, in its words.
    arm(product, "kubectl-error", "--verb", "apply", "--reason", "no-kind", "--times", "3")
    arm(product, "kubectl-error", "--resource", "managements", "--reason", "leader-changed", "--times", "2")
    arm(product, "helm-error", "--reason", "pending-install", "--always")
    process = product.start("deploy", "--yes")
    product.wait_for_phase("azure_setup")
    end(process, signal.SIGINT)
    snapshot = product.run("snapshot", "create", "--json").json["name"]
    refused = product.run("resume", "--yes", expect=8)
    assert (
        "kcm cannot be installed: helm: can't install loadedChart `kcm`: cannot re-use a name" in refused.err
    )
    assert "-n kcm-system delete secret -l owner=helm,name=kcm" in refused.err

    product.run("rehearse", "fault", "clear")
    arm(product, "component-error", "--resource", "capi", "--reason", "timeout", "--times", "1")
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"
    assert all(component["error"] is None for component in product.status()["k0rdent"]["components"])

    # 50 minutes of finalizers: longer than one run waits, and the next goes on.
    arm(product, "slow-deletion", "--resource", "managements", "--seconds", "3000")
    slow = product.run("rollback", snapshot, "--only", "k0rdent", "--apply", "--yes", expect=8)
    assert "managements.k0rdent.mirantis.com kcm is not deleted after 1800 s" in slow.err
    assert "its finalizers: k0rdent.mirantis.com/management" in slow.err
    product.run("resume", "--yes")
    assert len(messages(product, "rollback_applied")) == 1
