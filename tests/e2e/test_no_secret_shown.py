"""Whatever a whole rehearsal prints, logs or records, no private key is in it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import Product, Result, end
from tests.e2e.test_deployment import load, secrets_of

pytestmark = pytest.mark.e2e

#: Files whose business is to hold keys, by their place in the workspace. All others are searched.
KEEPERS = (
    "deployment-state.yaml",
    "deployment-state.snapshots/",
    "azure-resources/",
    "wireguard/",
    "k0sctl-config/",
    # The simulated cloud's own disk: its machines hold their keys as real ones do.
    ".rehearsal/",
    "archive/",
)
#: Every command that only looks; each is run plainly, as JSON where it has that, and in colour.
LOOKS = (
    ("status",),
    ("status", "--json"),
    ("status", "--refresh", "--json"),
    ("vm", "show", "k0s-controller"),
    ("vm", "show", "k0s-controller", "--refresh", "--json"),
    ("events",),
    ("events", "--json"),
    ("plan",),
    ("plan", "--json"),
    ("plan", "--template"),
    ("config", "show"),
    ("doctor",),
    ("doctor", "--json"),
    ("state", "check"),
    ("state", "get", "wireguard"),
    ("state", "get", "azure_resources", "--json"),
    ("state", "get", "wireguard.peers.mylaptop.private_key"),
    ("state", "export", "--json"),
    ("state", "export", "--shell"),
    ("secrets", "status"),
    ("snapshot", "list"),
    ("snapshot", "show", "latest"),
    ("snapshot", "show", "latest", "--json"),
    ("snapshot", "diff", "latest"),
    ("rollback", "latest", "--dry-run"),
    ("lock", "show", "--json"),
    ("rehearse", "log"),
)


def key_data(kubeconfig: Path) -> set[str]:
    """The client keys in a kubeconfig."""
    users = yaml.safe_load(kubeconfig.read_text())["users"]
    return {user["user"]["client-key-data"] for user in users}


def test_no_private_key_is_shown(product: Product) -> None:
    said: list[Result] = []
    product.environ["FORCE_COLOR"] = "1"
    product.init()
    process = product.start("deploy", "--yes")
    product.wait_for_phase("vm_creation")
    said.append(end(process, signal.SIGINT))
    said.append(product.run("resume", "--yes", "--svg", str(product.workspace / "resume.svg")))
    said.extend(product.run(*words, expect=None) for words in LOOKS)
    said.append(product.run("rollback", "no-such-snapshot", "--yes", expect=4))
    said.append(product.run("state", "get", "wireguard.peers.nobody.private_key", expect=4))
    said.append(
        product.run("state", "set", "wireguard.peers.mylaptop.ip", "nowhere", "--reason", "x", expect=4)
    )

    secrets = secrets_of(product)
    kubeconfig = product.workspace / load(product)["k0s_cluster"]["kubeconfig_file"]
    secrets |= key_data(kubeconfig)
    assert len(secrets) > 5 + 5 + 1

    state = product.workspace / "deployment-state.yaml"
    whole = state.read_bytes()
    state.write_bytes(whole[: len(whole) // 2])
    said.extend(
        product.run(*words, expect=4) for words in (("status",), ("state", "check"), ("resume", "--yes"))
    )
    state.write_bytes(whole)
    said.append(product.run("destroy", "--yes"))

    for result in said:
        for secret in secrets:
            assert secret not in result.out + result.err
    searched = 0
    for path in product.workspace.rglob("*"):
        if path.is_file() and not str(path.relative_to(product.workspace)).startswith(KEEPERS):
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in content], path
            searched += 1
    # The configuration, the picture and k0sctl's log at least.
    assert searched >= 3
