"""k0sctl's configuration, also as the real k0sctl reads it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from k0rdent_azure.cluster.k0sctl import Node, cluster_config, known_hosts
from k0rdent_azure.errors import HostError
from k0rdent_azure.hosts.keys import ssh_keypair
from k0rdent_azure.hosts.ssh import Gateway

K0SCTL = shutil.which("k0sctl")
HA = ("controller", "controller", "controller", "worker", "worker")
GATEWAY = Gateway("127.0.0.1", 2222, "jump", Path("/keys/jump"), "ssh-ed25519 AAAA")


def made(*roles: str, gateway: Gateway | None = None, key: Path = Path("/keys/id"), address: str = "") -> str:
    nodes = [
        Node(f"k0s-{role}-{i}", role, address or f"172.24.24.{i}", f"10.240.1.{i}")
        for i, role in enumerate(roles, 11)
    ]
    return cluster_config(
        name="k0rdent-abc123",
        nodes=nodes,
        username="k0rdent",
        key_path=key,
        k0s_version="v1.33.2+k0s.0",
        gateway=gateway,
        api_sans=["172.24.24.11", "10.240.1.11"],
    )


def spec(text: str) -> dict[str, dict[str, dict[str, dict[str, dict[str, object]]]]]:
    read = yaml.safe_load(text)
    assert isinstance(read, dict)
    found = read["spec"]
    assert isinstance(found, dict)
    return found


def hosts(text: str) -> list[dict[str, object]]:
    found: object = spec(text)["hosts"]
    assert isinstance(found, list)
    return found


def balances(text: str) -> object:
    return spec(text)["k0s"]["config"]["spec"]["network"]["nodeLocalLoadBalancing"]["enabled"]  # type: ignore[index]


def test_a_host_has_both_addresses_and_its_own_name() -> None:
    assert hosts(made(*HA))[3] == {
        "role": "worker",
        "hostname": "k0s-worker-14",
        "privateAddress": "10.240.1.14",
        "ssh": {"address": "172.24.24.14", "user": "k0rdent", "port": 22, "keyPath": "/keys/id"},
    }


def test_a_gateway_becomes_the_bastion_of_every_host() -> None:
    bastion = {"address": "127.0.0.1", "user": "jump", "port": 2222, "keyPath": "/keys/jump"}
    for host in hosts(made(*HA, gateway=GATEWAY)):
        assert isinstance(host["ssh"], dict)
        assert host["ssh"]["bastion"] == bastion


def test_several_controllers_are_balanced_on_each_node() -> None:
    assert balances(made(*HA)) is True


def test_a_single_node_is_not() -> None:
    """k0s: "node-local load balancing cannot be used in a single-node cluster"."""
    assert balances(made("single")) is False


def test_controllers_that_carry_the_workload_have_no_taint() -> None:
    assert [host.get("noTaints") for host in hosts(made(*["controller+worker"] * 3))] == [True] * 3
    # k0sctl refuses it for every other role.
    assert not any("noTaints" in host for host in hosts(made(*HA)) + hosts(made("single")))


def test_the_same_input_gives_the_same_text() -> None:
    assert made(*HA) == made(*HA)


def test_the_api_certificate_names_what_it_is_asked_by() -> None:
    config = spec(made(*HA))["k0s"]["config"]
    assert config["spec"]["api"]["sans"] == ["172.24.24.11", "10.240.1.11"]


def test_known_hosts_pins_each_address() -> None:
    key = ssh_keypair("a comment").public
    pinned = " ".join(key.split()[:2])
    assert known_hosts([("172.24.24.11", 22, key), ("127.0.0.1", 2222, key)]) == (
        f"172.24.24.11 {pinned}\n[127.0.0.1]:2222 {pinned}\n"
    )


@pytest.mark.parametrize("key", ["", "ssh-ed25519"])
def test_a_host_without_a_key_is_refused(key: str) -> None:
    """k0sctl would trust whoever answers there first."""
    with pytest.raises(HostError, match=r"172\.24\.24\.11"):
        known_hosts([("172.24.24.11", 22, key)])


@pytest.mark.needs_k0sctl
@pytest.mark.skipif(K0SCTL is None, reason="k0sctl is not on the PATH")
@pytest.mark.parametrize("roles", [HA, ("single",), ("controller+worker",) * 3, ("controller", "worker")])
@pytest.mark.parametrize("gateway", [None, GATEWAY], ids=["direct", "gateway"])
def test_the_real_k0sctl_accepts_it(roles: tuple[str, ...], gateway: Gateway | None, tmp_path: Path) -> None:
    """It gets as far as connecting: everything before that (parsing, validation) went well."""
    said = dry_run(made(*roles, gateway=gateway, key=tmp_path / "no-such-key"), tmp_path)
    assert "Running phase: Connect to hosts" in said
    assert "failed to parse" not in said


@pytest.mark.needs_k0sctl
@pytest.mark.skipif(K0SCTL is None, reason="k0sctl is not on the PATH")
def test_the_real_k0sctl_refuses_what_is_not_in_its_format(tmp_path: Path) -> None:
    """So the test above can fail."""
    said = dry_run(made("single").replace("hostname:", "hostnam:"), tmp_path)
    assert "Running phase: Connect to hosts" not in said


@pytest.mark.needs_k0sctl
@pytest.mark.skipif(K0SCTL is None, reason="k0sctl is not on the PATH")
def test_a_dollar_sign_in_a_path_stays_one(tmp_path: Path) -> None:
    """k0sctl replaces environment variables in its configuration."""
    key = tmp_path / "my$HOME,${USER},$$" / "no-such-key"
    dry_run(made("single", key=key), tmp_path)
    own_log = (tmp_path / "home" / "k0sctl" / "k0sctl.log").read_text()
    assert f"keyPath: {key}" in own_log


def dry_run(text: str, folder: Path) -> str:
    """What k0sctl says; nothing leaves this machine, because the hosts get addresses on loopback."""
    assert K0SCTL is not None
    config, home = folder / "k0sctl.yaml", folder / "home"
    (home / ".ssh").mkdir(parents=True)
    config.write_text(text.replace("172.24.24.", "127.0.0."))
    environment = {key: value for key, value in os.environ.items() if key != "SSH_AUTH_SOCK"}
    environment |= {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home),
        "DISABLE_TELEMETRY": "true",
        "DISABLE_UPGRADE_CHECK": "true",
        "SSH_KNOWN_HOSTS": str(folder / "known_hosts"),
    }
    done = subprocess.run(
        [K0SCTL, "apply", "--config", str(config), "--dry-run"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60, env=environment,
    )  # fmt: skip
    assert done.returncode == 1
    return done.stdout + done.stderr
