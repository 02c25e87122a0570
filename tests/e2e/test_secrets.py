"""A deployment whose keys are encrypted in the middle goes on as any other."""

from __future__ import annotations

import gzip
import signal
from pathlib import Path

import pytest

from tests.e2e.conftest import Product, end
from tests.e2e.test_deployment import load, secrets_of
from tests.state.test_secrets import ssh_key

pytestmark = pytest.mark.e2e


def test_a_killed_deployment_resumes_with_encrypted_keys(product: Product, tmp_path: Path) -> None:
    home = tmp_path / "home"
    ssh_key(home / ".ssh/id_ed25519")
    product.environ["HOME"] = str(home)
    product.init("minimal")
    process = product.start("deploy", "--yes")
    product.wait_for(lambda: "keys_generated" in product.state_text(), "the keys")
    end(process, signal.SIGKILL)
    document = load(product)
    public = {name: peer["public_key"] for name, peer in document["wireguard"]["peers"].items()}
    keys = {peer["private_key"] for peer in document["wireguard"]["peers"].values()}
    for vm in document["azure_resources"]["virtual_machines"].values():
        keys |= {line for line in vm["host_private_key"].splitlines() if "PRIVATE KEY" not in line}

    product.run("secrets", "encrypt", "--ssh-key")
    sealed = secrets_of(product)
    resumed = product.run("resume", "--yes")
    assert product.status()["status"] == "completed"

    # The same keys, to the hosts and to the VPN; in the state they kept their ciphertext.
    after = load(product)
    assert {name: peer["public_key"] for name, peer in after["wireguard"]["peers"].items()} == public
    assert sealed == secrets_of(product)
    assert sum(1 for r in product.requests() if r["method"] == "PUT" and r["status"] == 201) == 1
    beside = [*product.workspace.glob("deployment-state*"), *product.workspace.glob("deployment-state*/*")]
    texts = [
        (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
        for path in beside
        if path.is_file()
    ]
    texts += [resumed.out, resumed.err, product.run("status").out, product.run("events", "--json").out]
    assert not [key for key in keys for text in texts if key in text]

    # Without the user's key the deployment cannot be worked on, and says so; nothing is lost.
    (home / ".ssh/id_ed25519").rename(home / "away")
    refused = product.run("resume", "--yes", expect=9)
    assert "encrypted to ssh-ed25519" in refused.err
    (home / "away").rename(home / ".ssh/id_ed25519")
    product.run("resume", "--yes")
    product.run("destroy", "--yes")
