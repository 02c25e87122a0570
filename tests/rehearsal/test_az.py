"""The real `az` works on the rehearsal cloud: what it makes it sees, in its own words."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from k0rdent_azure.rehearsal import az as real_az
from tests.e2e.conftest import Product
from tests.e2e.conftest import product as product  # noqa: PLC0414  the fixture
from tests.rehearsal.arm_stage import KEY, Json, body, custom_data, machines
from tests.rehearsal.az_stage import HUNG, Az, az_on, skip_without_az

pytestmark = [pytest.mark.needs_az, skip_without_az]

IMAGE = "Debian:debian-12:12-arm64:latest"


@pytest.fixture(scope="module")
def az(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Az]:
    with az_on(tmp_path_factory.mktemp("az") / "cloud") as found:
        yield found


@pytest.fixture(scope="module")
def network(az: Az) -> str:
    """A group with a network, a security group and a key, made by az; its name."""
    az("group create -n net -l southeastasia --tags owner=me")
    az("network nsg create -g net -n nsg")
    az(
        "network vnet create -g net -n vnet --address-prefix 10.0.0.0/16 --subnet-name a --subnet-prefix 10.0.1.0/24"
    )
    az("sshkey create -g net -n admin --public-key", KEY)
    return "net"


def test_the_subscription_is_the_clouds(az: Az) -> None:
    account = az("account show")
    assert (account["id"], account["environmentName"]) == (az.endpoint.subscription_id, "rehearsal")


def test_a_group_lives_and_dies(az: Az) -> None:
    assert az("group create -n short -l southeastasia --tags a=b")["tags"] == {"a": "b"}
    assert az("group show -n short")["properties"]["provisioningState"] == "Succeeded"
    az("group update -n short --set tags.c=d")
    assert {each["name"]: each["tags"] for each in az("group list --tag c=d")} == {
        "short": {"a": "b", "c": "d"}
    }
    assert az("group exists -n short") is True
    az("group delete -n short --yes")
    assert az("group exists -n short") is False
    assert "ResourceGroupNotFound" in az.run("group show -n short", expect=3).stderr


def test_networks_groups_of_rules_and_subnets(az: Az, network: str) -> None:
    assert az("network vnet show -g net -n vnet")["addressSpace"]["addressPrefixes"] == ["10.0.0.0/16"]
    az("network vnet subnet create -g net --vnet-name vnet -n b --address-prefixes 10.0.2.0/24")
    az("network vnet subnet update -g net --vnet-name vnet -n b --network-security-group nsg")
    subnets = {each["name"]: each for each in az("network vnet subnet list -g net --vnet-name vnet")}
    assert set(subnets) == {"a", "b"}
    assert subnets["b"]["networkSecurityGroup"]["id"].endswith("/networkSecurityGroups/nsg")
    az("network vnet subnet delete -g net --vnet-name vnet -n b")
    assert [each["name"] for each in az("network vnet subnet list -g net --vnet-name vnet")] == ["a"]


def test_rules(az: Az, network: str) -> None:
    rule = "-g net --nsg-name nsg -n AllowSSH"
    made = az(f"network nsg rule create {rule} --priority 1000 --protocol Tcp --destination-port-ranges 22")
    assert (made["access"], made["destinationPortRange"], made["provisioningState"]) == (
        "Allow",
        "22",
        "Succeeded",
    )
    az(f"network nsg rule update {rule} --source-address-prefixes 198.51.100.0/24")
    assert az(f"network nsg rule show {rule}")["sourceAddressPrefix"] == "198.51.100.0/24"
    assert [each["name"] for each in az("network nsg rule list -g net --nsg-name nsg")] == ["AllowSSH"]
    az(f"network nsg rule delete {rule}")
    assert az("network nsg rule list -g net --nsg-name nsg") == []
    assert az("network nsg show -g net -n nsg")["securityRules"] == []


def test_ssh_keys(az: Az, network: str) -> None:
    assert az("sshkey show -g net -n admin")["publicKey"] == KEY
    az("sshkey create -g net -n second --public-key", KEY)
    assert {each["name"] for each in az("sshkey list -g net")} == {"admin", "second"}
    az("sshkey delete -g net -n second --yes")
    assert {each["name"] for each in az("sshkey list -g net")} == {"admin"}


def test_what_can_be_had(az: Az) -> None:
    assert "southeastasia" in {each["name"] for each in az("account list-locations")}
    (sku,) = az("vm list-skus -l southeastasia --size Standard_D2pls_v6")
    assert sku["locationInfo"][0]["zones"] == ["1", "2", "3"]
    assert az("vm list-sizes -l southeastasia")[0]["numberOfCores"] >= 1
    assert az("vm list-usage -l southeastasia")[0]["name"]["value"] == "cores"


def test_a_vm_from_creation_to_deletion(az: Az, network: str, tmp_path: Path) -> None:
    user_data = tmp_path / "user-data.yaml"
    user_data.write_text("#cloud-config\nhostname: vm1\n")
    made = az(
        f"vm create -g net -n vm1 --image {IMAGE} --size Standard_D2pls_v6 --zone 1 --priority Spot"
        " --eviction-policy Deallocate --admin-username k0rdent --ssh-key-name admin --vnet-name vnet --subnet a"
        f" --nsg nsg --public-ip-sku Standard --custom-data {user_data} --os-disk-size-gb 64 --tags role=worker"
    )
    assert (made["powerState"], made["privateIpAddress"]) == ("VM running", "10.0.1.4")

    shown = az("vm show -g net -n vm1 -d")
    assert (shown["publicIps"], shown["zones"]) == (made["publicIpAddress"], ["1"])
    assert (shown["provisioningState"], shown["evictionPolicy"]) == ("Succeeded", "Deallocate")
    assert [(each["name"], each["powerState"]) for each in az("vm list -d")] == [("vm1", "VM running")]
    assert [each["diskSizeGB"] for each in az("disk list -g net")] == [64]

    for action, state in (
        ("stop", "VM stopped"),
        ("deallocate", "VM deallocated"),
        ("start", "VM running"),
        ("restart", "VM running"),
    ):
        az(f"vm {action} -g net -n vm1")
        assert az("vm show -g net -n vm1 -d")["powerState"] == state

    az("vm update -g net -n vm1 --set tags.more=yes")
    az("vm resize -g net -n vm1 --size Standard_D4pls_v6")
    resized = az("vm show -g net -n vm1")
    assert (resized["hardwareProfile"]["vmSize"], resized["tags"]) == (
        "Standard_D4pls_v6",
        {"role": "worker", "more": "yes"},
    )
    refused = az.run("network vnet subnet delete -g net --vnet-name vnet -n a", expect=1)
    assert "InUseSubnetCannotBeDeleted" in refused.stderr

    az("vm delete -g net -n vm1 --yes")
    assert az("vm list -g net") == []
    az("network nic delete -g net -n vm1VMNic")
    az("network public-ip delete -g net -n vm1PublicIP")
    assert az("network public-ip list -g net") == []
    assert az("network nic list -g net") == []


def test_tags(az: Az, network: str) -> None:
    key = az("sshkey show -g net -n admin")["id"]
    az(f"tag create --resource-id {key} --tags a=b")
    az(f"tag update --operation Merge --resource-id {key} --tags c=d")
    assert az("sshkey show -g net -n admin")["tags"] == {"a": "b", "c": "d"}
    assert [each["name"] for each in az("resource list --tag c=d")] == ["admin"]
    az(f"tag update --operation Delete --resource-id {key} --tags a=b")
    assert az(f"tag list --resource-id {key}")["properties"]["tags"] == {"c": "d"}
    assert "c" in {each["tagName"] for each in az("tag list")}


def test_template_deployments(az: Az, tmp_path: Path) -> None:
    az("group create -n templates -l southeastasia")
    properties = body(machines("vm-1"), {"customData": custom_data("vm-1")})["properties"]
    assert isinstance(properties, dict)
    template, parameters = tmp_path / "template.json", tmp_path / "parameters.json"
    template.write_text(json.dumps(properties["template"]))
    schema: Json = {
        "$schema": "https://schema.management.azure.com/schemas/2015-01-01/deploymentParameters.json#"
    }
    parameters.write_text(
        json.dumps({**schema, "contentVersion": "1.0.0.0", "parameters": properties["parameters"]})
    )
    az(f"deployment group create -g templates -n main -f {template} -p {parameters}")
    shown = az("deployment group show -g templates -n main")
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert [each["name"] for each in az("deployment group list -g templates")] == ["main"]
    operations = az("deployment operation group list -g templates -n main")
    assert "vm-1" in {(each["properties"]["targetResource"] or {}).get("resourceName") for each in operations}
    types = {each["type"] for each in az("resource list -g templates")}
    assert {"Microsoft.Compute/virtualMachines", "Microsoft.Network/virtualNetworks"} <= types
    assert az("resource show -g templates -n vm-1 --resource-type Microsoft.Compute/virtualMachines")[
        "zones"
    ] == ["2"]


def test_a_managed_identity_can_log_in(az: Az, tmp_path: Path) -> None:
    environ = {
        **real_az.environment(az.directory, az.endpoint),
        "AZURE_CONFIG_DIR": str(tmp_path / "az"),
        "IDENTITY_ENDPOINT": f"{az.endpoint.arm_endpoint}/identity/token",
        "IDENTITY_HEADER": az.endpoint.client_secret,
        "AZURE_CORE_INSTANCE_DISCOVERY": "false",
    }
    register = [
        "cloud",
        "register",
        "-n",
        "rehearsal",
        "--endpoint-resource-manager",
        az.endpoint.arm_endpoint,
    ]
    for words in (register, ["cloud", "set", "-n", "rehearsal"], ["login", "--identity"], ["group", "list"]):
        done = subprocess.run(
            ["az", *words], env=environ, capture_output=True, text=True, check=False, timeout=HUNG
        )
        assert done.returncode == 0, done.stderr


def test_what_leads_a_shell_here_is_no_secret(az: Az) -> None:
    workspace = az.directory.with_name("workspace")
    workspace.mkdir()
    command = [sys.executable, "-m", "k0rdent_azure", "-C", str(workspace), "rehearse"]
    try:
        done = subprocess.run([*command, "az-env"], capture_output=True, text=True, check=True, timeout=HUNG)
        lines = dict(line.removeprefix("export ").split("=", 1) for line in done.stdout.splitlines())
        assert set(lines) == {"AZURE_CONFIG_DIR", "REQUESTS_CA_BUNDLE"}
        script = f"{done.stdout}\naz account show --query environmentName -o tsv"
        seen = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=HUNG)
        assert seen.stdout == "rehearsal\n"
        run = subprocess.run(
            [*command, "az", "group", "exists", "-n", "none"],
            capture_output=True,
            text=True,
            check=True,
            timeout=HUNG,
        )
        assert run.stdout == "false\n"
        secret = json.loads((workspace / ".rehearsal" / "endpoint.json").read_text())["client_secret"]
        assert secret not in done.stdout + done.stderr
        for path in (workspace / ".rehearsal" / "az").rglob("*"):
            if path.is_file() and secret in path.read_text(errors="replace"):
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        assert not [each for each in (workspace / ".rehearsal").iterdir() if each.name.startswith("az-")]
    finally:
        subprocess.run([*command, "stop"], check=True, timeout=HUNG, env=os.environ)


@pytest.mark.e2e
def test_az_lists_what_deploy_made_and_nothing_after_destroy(product: Product) -> None:
    product.init()
    product.run("deploy", "--yes")
    group = product.state("azure_resources.resource_group.name")

    def az(*words: str) -> object:
        return product.run("rehearse", "az", *words, "--output", "json").json

    listed = az("resource", "list", "-g", group, "--query", "[].id")
    ids = product.run("state", "get", "azure_resources", "--json").out
    assert isinstance(listed, list)
    vms = [each for each in listed if "/virtualMachines/" in each]
    assert len(vms) == 5
    assert all(each in ids for each in vms)
    # A key, a security group, a network, and for each VM itself, its NIC, address and disk.
    assert len(listed) == 3 + 5 * 4
    states = az("vm", "list", "-d", "-g", group, "--query", "[].[name, powerState, publicIps]")
    assert states == [
        [name, "VM running", product.state(f"azure_resources.virtual_machines.{name}.public_ip")]
        for name in ("k0s-controller", "k0s-controller-2", "k0s-controller-3", "k0s-worker-1", "k0s-worker-2")
    ]
    name = product.state("metadata.deployment_id")
    shown = az("deployment", "sub", "show", "-n", name, "--query", "properties.provisioningState")
    assert shown == "Succeeded"
    assert az("deployment", "operation", "sub", "list", "-n", name)
    product.run("destroy", "--yes")
    assert az("resource", "list") == []
    assert az("group", "list") == []
    assert az("vm", "list", "-d") == []
    assert az("deployment", "sub", "list") == []
