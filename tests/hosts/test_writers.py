"""What writes a file that root, cloud-init, k0sctl or k0s reads checks every value again: a line can be a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from k0rdent_azure.cluster.k0sctl import Node, cluster_config, known_hosts
from k0rdent_azure.cluster.kcm import chart_manifest
from k0rdent_azure.config import resource_ids
from k0rdent_azure.errors import ClusterError, HostError
from k0rdent_azure.hosts.cloud_init import user_data
from k0rdent_azure.hosts.keys import KeyPair, ssh_keypair, wireguard_keypair
from k0rdent_azure.hosts.wireguard import LaptopPeer, additional_peer, host_config, laptop_config

KEYS = wireguard_keypair()
SSH = ssh_keypair("k0s-worker-1")
PLACEHOLDER = "base64-encoded-private-key"
#: For any place: a line of its own, an option, a template of a shell, the end of a quote, signs that are not seen.
#: Fixed, not drawn: it is in the names of tests, which have to be the same in every process of a run.
KEY = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
HOSTILE = (
    f"{KEY}\nPostUp = touch /tmp/owned",
    f"{KEY}\r\nPostUp = x",
    f"{KEY} # x",
    "x\nPostUp = touch /tmp/owned",
    "",
    " ",
    "$(touch /tmp/owned)",
    "`id`",
    "-oProxyCommand=id",
    "'; id; '",
    '"; id; "',
    "..",
    "../../etc/passwd",
    "a\0b",
    "\u2028x",
    "\u202ex",
    "[string(parameters('customData'))]",
    "{{ x }}",
    "x: y",
)


def host(**changed: object) -> str:
    values: dict[str, object] = {
        "private_key": KEYS.private,
        "address": "172.24.24.11",
        "port": 51820,
        "laptop_public_key": KEYS.public,
        "laptop_ip": "172.24.24.1",
    }
    return host_config(**(values | changed))  # type: ignore[arg-type]


def laptop(**changed: object) -> str:
    values: dict[str, object] = {
        "name": "k0s-worker-1",
        "public_key": KEYS.public,
        "ip": "172.24.24.11",
        "endpoint": "20.1.2.3:51820",
    }
    peer = {key: value for key, value in changed.items() if key in values}
    whole = {"private_key": KEYS.private, "address": "172.24.24.1"} | {
        key: value for key, value in changed.items() if key not in values
    }
    return laptop_config(peers=[LaptopPeer(**(values | peer))], **whole)  # type: ignore[arg-type]


def cluster(**changed: object) -> str:
    node = {
        "name": "k0s-worker-1",
        "role": "worker",
        "ssh_address": "172.24.24.11",
        "private_address": "10.240.1.11",
    }
    of_node = {key: value for key, value in changed.items() if key in node and key != "name"}
    if "node_name" in changed:
        of_node["name"] = changed["node_name"]
    values: dict[str, object] = {
        "name": "k0rdent-abc123",
        "username": "k0rdent",
        "k0s_version": "v1.33.2+k0s.0",
        "api_sans": ["172.24.24.11"],
    }
    values |= {key: value for key, value in changed.items() if key in values}
    nodes = [Node(**(node | of_node))]  # type: ignore[arg-type]
    return cluster_config(nodes=nodes, key_path=Path("/w/key"), gateway=None, **values)  # type: ignore[arg-type]


def chart(**changed: str) -> str:
    values = {
        "version": "1.1.1",
        "registry": "oci://ghcr.io/k0rdent/kcm/charts/kcm",
        "namespace": "kcm-system",
        "release": "kcm",
    }
    return chart_manifest(**(values | changed))


def test_what_has_its_form_is_written() -> None:
    assert f"PrivateKey = {KEYS.private}\n" in host()
    assert "Endpoint = 20.1.2.3:51820\n" in laptop()
    assert "Endpoint = [2001:db8::1]:51820\n" in laptop(endpoint="[2001:db8::1]:51820")
    assert "hostname: k0s-worker-1" in cluster()
    assert "kcm-system" in chart()
    assert KEYS.public in additional_peer(KEYS.public)
    assert SSH.public in user_data(hostname="a-1", host_key=SSH, wireguard_config=host())


@pytest.mark.parametrize("text", [*HOSTILE, PLACEHOLDER])
@pytest.mark.parametrize("key", ["private_key", "laptop_public_key", "address", "laptop_ip", "port"])
def test_no_hosts_configuration(key: str, text: str) -> None:
    with pytest.raises(HostError) as refused:
        host(**{key: text})
    assert key != "private_key" or not text.strip() or text not in str(refused.value.message)


@pytest.mark.parametrize("text", [*HOSTILE, PLACEHOLDER])
@pytest.mark.parametrize("key", ["private_key", "public_key", "address", "ip", "endpoint"])
def test_no_workstations_configuration(key: str, text: str) -> None:
    with pytest.raises(HostError):
        laptop(**{key: text})


@pytest.mark.parametrize("text", HOSTILE)
def test_no_peers_name_that_ends_its_comment(text: str) -> None:
    with pytest.raises(HostError):
        laptop(name=text)
    with pytest.raises(HostError):
        additional_peer(text)


@pytest.mark.parametrize(
    "text", ["None:51820", "20.1.2.3", "20.1.2.3:0", "20.1.2.3:99999", "fe80::1%x:51820", ":1"]
)
def test_no_endpoint_that_is_none(text: str) -> None:
    with pytest.raises(HostError):
        laptop(endpoint=text)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cloud_init_data(text: str) -> None:
    for name, pair, interface in (
        (text, SSH, "wg0"),
        ("a", KeyPair(text, SSH.public), "wg0"),
        ("a", KeyPair(SSH.private, text), "wg0"),
        ("a", KeyPair(SSH.private + text, SSH.public), "wg0"),
        ("a", KeyPair(SSH.private, f"{SSH.public}\n{text}"), "wg0"),
        ("a", SSH, text),
    ):
        if pair.private == SSH.private + text == SSH.private:
            continue
        with pytest.raises(HostError) as refused:
            user_data(hostname=name, host_key=pair, wireguard_config=host(), interface=interface)
        assert "PRIVATE" not in str(refused.value)


@pytest.mark.parametrize("text", [*HOSTILE, "${HOME}", "$HOME"])
@pytest.mark.parametrize(
    "key", ["name", "node_name", "role", "ssh_address", "private_address", "username", "k0s_version"]
)
def test_no_k0sctl_configuration(key: str, text: str) -> None:
    with pytest.raises(HostError):
        cluster(**{key: text})


@pytest.mark.parametrize("text", HOSTILE)
def test_no_names_of_the_api_server_and_no_known_hosts(text: str) -> None:
    with pytest.raises(HostError):
        cluster(api_sans=["10.0.0.1", text])
    with pytest.raises(HostError):
        known_hosts([(text, 22, SSH.public)])
    with pytest.raises(HostError):
        known_hosts([("10.0.0.1", 22, text)])
    with pytest.raises(HostError):
        known_hosts([("10.0.0.1", 22, f"{SSH.public}\n* {SSH.public}")])


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("key", ["version", "registry", "namespace", "release"])
def test_no_chart(key: str, text: str) -> None:
    with pytest.raises(ClusterError):
        chart(**{key: text})


GROUP = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/g"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (GROUP, ("11111111-2222-3333-4444-555555555555", "g", "", "")),
        (
            f"{GROUP}/providers/Microsoft.Compute/virtualMachines/a",
            ("11111111-2222-3333-4444-555555555555", "g", "Microsoft.Compute/virtualMachines", "a"),
        ),
        (
            f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v/subnets/s",
            ("11111111-2222-3333-4444-555555555555", "g", "Microsoft.Network/virtualNetworks/subnets", "s"),
        ),
        (f"{GROUP}/providers/Microsoft.Compute/virtualMachines/a/../b", None),
        (f"{GROUP}/providers/Microsoft.Compute/virtualMachines/a?api-version=x", None),
        (f"{GROUP}/providers/Microsoft.Compute/virtualMachines/a\n", None),
        (f"{GROUP}/providers/Microsoft.Compute/virtualMachines/", None),
        (f"{GROUP}/providers/Microsoft.Compute/virtualMachines/..", None),
        (f"{GROUP}/../x", None),
        (f"x{GROUP}", None),
        ("/subscriptions/11111111-2222-3333-4444-555555555555", None),
        ("/subscriptions/x/resourceGroups/g", None),
    ],
)
def test_arm_ids(text: str, parts: tuple[str, ...] | None) -> None:
    assert resource_ids.strict(text) == parts
