"""What fails says why, in words and with ARM's code, and `resume` goes on from there; `destroy` always ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.clock import SystemClock
from k0rdent_azure.config.load import load
from k0rdent_azure.rehearsal import faults, service
from tests.e2e.conftest import SPEED, Product
from tests.e2e.test_deployment import load as load_state
from tests.e2e.test_interruption import creations
from tests.somebody import colleague

pytestmark = pytest.mark.e2e
T = TypeVar("T")


def arm(product: Product, ask: Callable[[ArmClient, str], Awaitable[T]]) -> T:
    """Ask the rehearsal cloud something beside the product, as a colleague at the portal would."""

    async def run() -> T:
        found = service.start(product.workspace / ".rehearsal", speed=float(SPEED), seed=0)
        async with colleague(found, SystemClock(found.speed)) as client:
            return await ask(client, found.subscription_id)

    return asyncio.run(run())


def arm_fault(product: Product, fault: faults.Fault) -> None:
    directory = product.workspace / ".rehearsal"
    directory.mkdir(mode=0o700, exist_ok=True)
    faults.add(directory, fault)


def test_a_vm_that_cannot_be_allocated(product: Product) -> None:
    product.init("minimal")
    arm_fault(product, faults.Fault(kind="AllocationFailed", vm="k0s-worker-1"))
    failed = product.run("deploy", "--yes", expect=6)
    assert "k0s-worker-1" in failed.err
    assert f"k0rdent-azure -C {product.workspace} resume" in failed.err

    status = product.status()
    assert status["status"] == "failed"
    assert status["failure"]["code"] == "AllocationFailed"
    assert status["failure"]["resource"].endswith("/virtualMachines/k0s-worker-1")
    assert product.state("azure_resources.virtual_machines.k0s-worker-1.status") == "failed"
    assert "AllocationFailed" in product.run("status").out

    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"
    assert product.status()["failure"] is None


def test_a_size_that_the_region_does_not_have_is_refused_before_anything_starts(product: Product) -> None:
    product.init("minimal")
    arm_fault(product, faults.Fault(kind="SkuNotAvailable"))
    product.run("deploy", "--yes", expect=6)
    assert product.status()["failure"]["code"] == "SkuNotAvailable"
    assert creations(product) == []
    assert product.run("state", "get", "pending_operations", "--json").json == {}
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"


@pytest.mark.parametrize(
    "fault",
    [
        faults.Fault(kind="http", status=429, retry_after=20, method="PUT", times=2),
        faults.Fault(kind="http", status=503, times=3),
        faults.Fault(kind="disconnect", when="after", method="PUT"),
        faults.Fault(kind="disconnect", when="before"),
    ],
    ids=["429", "503", "cut after the PUT took effect", "cut before"],
)
def test_a_passing_fault_is_overcome(product: Product, fault: faults.Fault) -> None:
    product.init("single-node")
    arm_fault(product, fault)
    product.run("deploy", "--yes")
    made = creations(product)
    assert len(made) == len(set(made))
    # Every attempt is counted, on both sides.
    assert product.run("state", "get", "api_calls.total").out.strip() == str(len(product.requests()))


def test_an_existing_group_keeps_what_is_not_ours(product: Product) -> None:
    product.init("single-node")
    path = product.workspace / "k0rdent.yaml"
    path.write_text(path.read_text().replace("azure:\n", "azure:\n  resource_group: team-rg\n", 1))
    foreign = "/providers/Microsoft.Compute/sshPublicKeys/not-ours"

    async def prepare(client: ArmClient, subscription: str) -> None:
        group = f"/subscriptions/{subscription}/resourceGroups/team-rg"
        location = load(path, environ={}).config.azure.location
        await client.request("PUT", group, api_version="2021-04-01", body={"location": location})
        key = {"location": location, "properties": {"publicKey": "ssh-ed25519 AAAA not-ours"}}
        await client.request("PUT", group + foreign, api_version="2023-03-01", body=key)

    async def left(client: ArmClient, subscription: str) -> list[str]:
        group = f"/subscriptions/{subscription}/resourceGroups/team-rg"
        items = await client.list(f"{group}/resources", api_version="2021-04-01")
        return [str(item["name"]) for item in items]

    product.run("deploy", "--yes", expect=6)
    assert product.status()["failure"]["code"] == "ResourceGroupNotFound"
    arm(product, prepare)
    product.run("resume", "--yes")
    puts = [r["path"] for r in product.requests() if r["method"] == "PUT" and "/deployments/" in r["path"]]
    assert all("/team-rg/" in path for path in puts)

    # A second deployment into the same group would change the first one's VMs: it is refused before the PUT.
    # Where the state is gone, and its copies or other files of it are there, it is refused even before that.
    kept, second = product.workspace / "kept", product.workspace / "of-the-second"
    _move(product.workspace, kept, "deployment-state.yaml")
    assert "recover --from-backup" in product.run("deploy", "--yes", expect=4).err
    _move(product.workspace, kept, "deployment-state.*")
    assert "recover --from-azure" in product.run("deploy", "--yes", expect=4).err
    for folder in ("azure-resources", "k0sctl-config"):
        _move(product.workspace, kept, folder)
    refused = product.run("deploy", "--yes", expect=6)
    assert "k0s-controller" in refused.err
    _move(product.workspace, second, "deployment-state.*")
    _move(product.workspace, second, "azure-resources")

    # Lost for good, it is made anew from what is in their group.
    for folder in ("azure-resources", "k0sctl-config"):
        _move(kept, product.workspace, folder)
    product.run("recover", "--from-azure", "--resource-group", "team-rg", "--yes")
    assert product.status()["status"] == "completed"
    asked = len(product.requests())
    product.run("resume", "--yes")
    assert len(product.requests()) - asked <= 2
    product.run("validate")

    product.run("destroy", "--yes")
    assert arm(product, left) == ["not-ours"]


def _move(source: Path, target: Path, pattern: str) -> None:
    target.mkdir(exist_ok=True)
    for path in source.glob(pattern):
        path.rename(target / path.name)


def test_destroy_does_not_need_what_it_removes(product: Product) -> None:
    """The group gone already, the VPN down, the key file lost: nothing keeps destroy from ending."""
    product.deployed("single-node")

    async def delete(client: ArmClient, subscription: str) -> None:
        group = load_state(product)["azure_resources"]["resource_group"]["name"]
        await client.request(
            "DELETE", f"/subscriptions/{subscription}/resourceGroups/{group}", api_version="2021-04-01"
        )

    arm(product, delete)
    (product.workspace / load_state(product)["azure_resources"]["ssh_key"]["local_path"]).unlink()
    product.run("destroy", "--yes")
    assert product.state_text() == ""


def test_destroy_leaves_no_record_behind_while_azure_is_out_of_order(product: Product) -> None:
    product.deployed("single-node")
    arm_fault(product, faults.Fault(kind="http", method="DELETE", path="/deployments/", times=None))
    failed = product.run("destroy", "--yes", expect=6)
    assert "currently unable to handle the request" in failed.err
    assert "destroy --yes" in failed.err
    product.run("rehearse", "fault", "clear")
    product.run("destroy", "--yes")
    world = json.loads((product.workspace / ".rehearsal" / "world.json").read_text())
    assert (world["groups"], world["deployments"]) == ({}, {})

    # A right that is missing is told, and keeps nothing from ending.
    product.run("deploy", "--yes")
    arm_fault(
        product, faults.Fault(kind="http", status=403, method="DELETE", path="/deployments/", times=None)
    )
    assert "could not remove the deployment record" in product.run("destroy", "--yes").err
    assert product.state_text() == ""


def test_destroy_of_what_never_reached_azure_asks_it_nothing(product: Product) -> None:
    product.init("single-node")
    arm_fault(product, faults.Fault(kind="SkuNotAvailable"))
    product.run("deploy", "--yes", expect=6)
    calls = len(product.requests())
    product.run("destroy", "--yes")
    assert len(product.requests()) - calls <= 3
    product.run("destroy", "--yes", expect=4)


def test_a_vpn_that_went_down_is_brought_up_again(product: Product) -> None:
    product.deployed("single-node")
    laptop = product.workspace / ".rehearsal" / "laptop.json"
    product.run("rehearse", "stop")
    laptop.unlink()
    product.run("resume", "--yes")
    assert product.status()["status"] == "completed"
    assert product.state("wireguard.laptop_config.status") == "connected"


def test_a_vpn_that_never_came_up_goes_with_destroy_and_a_wanted_rule_is_missed(product: Product) -> None:
    """Somebody's policy takes the rule away before anybody has seen it."""
    product.init("single-node")
    for _ in range(2):
        product.run("rehearse", "fault", "rule-removed", "--rule", "AllowWireGuard")
        # Twice the same: the first one's interface is no more.
        assert "no WireGuard handshake" in product.run("deploy", "--yes", expect=7).err
        if not (product.workspace / "archive").exists():
            product.run("destroy", "--yes")
    (missed,) = product.run("validate", "--json", expect=11).json["findings"]
    assert (missed["kind"], missed["name"], missed["repair"]) == ("missing", "AllowWireGuard", "restore")
    product.run("validate", "--repair", "--yes")
    assert product.status()["status"] == "completed"


def test_without_yes_and_without_a_terminal_nothing_happens(product: Product) -> None:
    product.init("single-node")
    refused = product.run("deploy", expect=10)
    assert "--yes" in refused.err
    assert product.state_text() == ""
    product.environ["K0RDENT_AZURE_REHEARSAL_SPEED"] = "fast"
    product.run("deploy", "--yes", expect=2)
    del product.environ["K0RDENT_AZURE_REHEARSAL_SPEED"]
    assert product.state_text() == ""
    # A run that ended before it handed anything to Azure is no consent to what comes.
    arm_fault(product, faults.Fault(kind="http", status=403, method="GET", times=1))
    product.run("deploy", "--yes", expect=6)
    assert product.state_text()
    assert "--yes" in product.run("deploy", expect=10).err
    assert [each["method"] for each in product.requests()] == ["GET"]


def test_json_is_all_that_a_json_run_prints(product: Product) -> None:
    product.init("single-node")
    deployed = product.run("deploy", "--yes", "--json")
    assert deployed.json["status"] == "completed"
    # The run that prints this has ended, whoever still holds its lock.
    assert deployed.json["run"]["live"] is False
    events = product.run("events", "--json").lines
    assert events[-1]["action"] == "phase_completed"
    again = product.run("deploy", "--set", "azure.location=mars", "--yes", "--json", expect=0)
    assert again.json["status"] == "completed"


def test_errors_are_json_too(product: Product) -> None:
    missing = product.run("status", "--json", expect=4)
    assert json.loads(missing.err)["error"]["exit_code"] == 4
