"""The cloud's conscience: each kind of harm that a deployer can do is noted, and what is its own affair is not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.arm import conscience
from k0rdent_azure.rehearsal.arm.conscience import Harm
from k0rdent_azure.rehearsal.faults import Fault
from tests.conscience import SWITCH
from tests.rehearsal.arm_stage import Cloud, Json, Reply, cloud_in, custom_data, machines

US, OTHERS = "k0rdent-abcd1234", "k0rdent-wxyz9876"
NSG, VNET = ("networkSecurityGroups", "nsg"), ("virtualNetworks", "vnet")


class Stage:
    """One cloud with our two VMs, and who asks it for something."""

    def __init__(self, cloud: Cloud, file: Path) -> None:
        self.cloud, self.file = cloud, file

    async def ours(
        self, method: str, path: str, body: object = None, *, who: str = US, command: str = "repair"
    ) -> Reply:
        """A request of a deployment, and all the time that it needs."""
        issued = self.cloud.authority.issue(self.cloud.authority.arm_endpoint, self.cloud.authority.client_id)
        self.cloud.session.headers["User-Agent"] = f"k0rdent-azure/1 ({who}; {command})"
        reply = await self.cloud.call(method, path, body, token=str(issued["access_token"]))
        assert reply.status < 500, reply.body
        self.cloud.later()
        return reply

    async def theirs(self, method: str, path: str, body: object = None) -> Reply:
        reply = await self.cloud.call(method, path, body)
        assert reply.status < 300, reply.body
        self.cloud.later()
        return reply

    async def deploy(self, *names: str, who: str = US, name: str = "main") -> None:
        data = {"customData": {"value": custom_data(*names)}}
        properties = {"mode": "Incremental", "template": machines(*names), "parameters": data}
        path = self.cloud.deployment(name, group=True)
        assert (await self.ours("PUT", path, {"properties": properties}, who=who)).status < 300

    async def get(self, path: str) -> Json:
        return (await self.cloud.get(path)).body

    def vm(self, name: str) -> str:
        return self.cloud.compute("virtualMachines", name)

    def fault(self, kind: str, **values: object) -> None:
        armed = Fault(kind=cast("faults.Kind", kind), **values)  # type: ignore[arg-type]
        faults.add(self.cloud.world.directory, armed)

    def harm(self) -> list[tuple[str, str, str]]:
        """Kind, name and what became of it."""
        return [
            (each.kind, each.resource.rpartition("/")[2], each.what) for each in conscience.read(self.file)
        ]


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    """Harm that is done here on purpose goes into a file of its own."""
    file = tmp_path / "harm.jsonl"
    monkeypatch.setenv(conscience.VARIABLE, str(file))
    async with cloud_in(tmp_path / "cloud") as cloud:
        made = Stage(cloud, file)
        await made.ours("PUT", cloud.group, {"location": "southeastasia"})
        await made.deploy("vm-1", "vm-2")
        await cloud.get(cloud.group)
        yield made


async def test_a_life_of_its_own_does_no_harm(stage: Stage) -> None:
    await stage.deploy("vm-1", "vm-2")
    await stage.ours("POST", stage.vm("vm-1") + "/deallocate")
    await stage.ours("POST", stage.vm("vm-1") + "/start")
    await stage.ours("PATCH", stage.vm("vm-1"), {"tags": {"a": "b"}})
    await stage.ours("DELETE", stage.vm("vm-1"))
    await stage.deploy("vm-1", "vm-2")
    await stage.ours("DELETE", stage.cloud.deployment(group=True))
    await stage.ours("DELETE", stage.cloud.group)
    assert stage.harm() == []
    assert list(stage.cloud.world.resources()) == []


async def test_a_copy_of_the_workspace_is_the_same_deployment(stage: Stage) -> None:
    await stage.ours("DELETE", stage.vm("vm-1"), command="destroy")
    assert stage.harm() == []


@pytest.mark.parametrize(
    ("method", "action", "body", "what"),
    [
        ("DELETE", "", None, "deleted"),
        ("POST", "/deallocate", None, "switched"),
        ("POST", "/powerOff", None, "switched"),
        ("POST", "/restart", None, "switched"),
        ("PATCH", "", {"tags": {"owner": "us"}}, "changed"),
        ("PATCH", "", {"properties": {"hardwareProfile": {"vmSize": "Standard_D4pls_v6"}}}, "changed"),
        (
            "PATCH",
            "/providers/Microsoft.Resources/tags/default",
            {"operation": "Merge", "properties": {"tags": {"a": "b"}}},
            "changed",
        ),
    ],
)
async def test_a_vm_of_somebodys(
    stage: Stage, method: str, action: str, body: Json | None, what: str
) -> None:
    stage.fault("foreign-vm", vm="theirs")
    await stage.cloud.get(stage.cloud.group)
    await stage.ours(method, stage.vm("theirs") + action, body)
    assert stage.harm() == [("stranger", "theirs", what)]


@pytest.mark.parametrize("tags", [None, "copied", "k0rdent-azure-deployment=k0rdent-wxyz9876"])
async def test_somebodys_vm_under_the_name_of_ours(stage: Stage, tags: str | None) -> None:
    stage.fault("vm-replaced", vm="vm-1", tags=tags)
    await stage.cloud.get(stage.cloud.group)
    await stage.deploy("vm-2")
    assert stage.harm() == []
    await stage.ours("DELETE", stage.vm("vm-1"))
    assert stage.harm() == [("stranger", "vm-1", "deleted")]


async def test_a_stopped_vm_of_somebodys_is_started(stage: Stage) -> None:
    stage.fault("foreign-vm", vm="theirs")
    stage.fault("vm-deallocated", vm="theirs")
    await stage.cloud.get(stage.cloud.group)
    await stage.ours("POST", stage.vm("theirs") + "/start")
    assert stage.harm() == [("stranger", "theirs", "switched")]


async def test_what_changes_nothing_does_no_harm(stage: Stage) -> None:
    await stage.theirs("PUT", stage.cloud.networking("publicIPAddresses", "theirs"), PLAIN)
    await stage.ours("PUT", stage.cloud.networking("publicIPAddresses", "theirs"), PLAIN)
    await stage.ours("DELETE", stage.vm("nobodys"))
    stage.fault("foreign-vm", vm="theirs")
    await stage.cloud.get(stage.cloud.group)
    await stage.ours("POST", stage.vm("theirs") + "/start")
    await stage.ours("DELETE", stage.cloud.networking(*VNET))  # in use: refused
    assert stage.harm() == []


PLAIN = {"location": "southeastasia", "properties": {}}


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_somebodys_address_network_or_account(stage: Stage, method: str) -> None:
    account = f"{stage.cloud.group}/providers/Microsoft.Storage/storageAccounts/theirs"
    for path in (stage.cloud.networking("publicIPAddresses", "theirs"), account):
        await stage.theirs("PUT", path, PLAIN)
        await stage.ours(method, path, {**PLAIN, "tags": {"a": "b"}} if method == "PUT" else None)
    what = "changed" if method == "PUT" else "deleted"
    assert stage.harm() == [("stranger", "theirs", what)] * 2


async def test_a_group_that_takes_a_stranger_along(stage: Stage) -> None:
    stage.fault("foreign-vm", vm="theirs")
    await stage.cloud.get(stage.cloud.group)
    await stage.ours("DELETE", stage.cloud.group, command="destroy")
    found = {(kind, what) for kind, _, what in stage.harm()}
    assert found == {("stranger", "deleted")}
    names = {name for _, name, _ in stage.harm()}
    assert {"theirs", "theirs-nic"} < names
    assert len(names) == 3  # and the disk
    assert not names & {"vm-1", "vm-2", "nsg", "vnet", "rg"}


async def test_a_group_of_somebodys(stage: Stage) -> None:
    group = f"{stage.cloud.subscription}/resourceGroups/theirs"
    await stage.theirs("PUT", group, {"location": "southeastasia"})
    await stage.ours("PUT", group, {"location": "southeastasia"})
    assert stage.harm() == []
    await stage.ours("PUT", group, {"location": "southeastasia", "tags": {"a": "b"}})
    await stage.ours("DELETE", group)
    assert stage.harm() == [("stranger", "theirs", "changed"), ("stranger", "theirs", "deleted")]


async def test_another_deployments_vms_of_the_same_names(stage: Stage) -> None:
    await stage.deploy("vm-1", "vm-2", who=OTHERS, name="second")
    assert stage.harm() == []  # the templates say the same
    await stage.ours("DELETE", stage.vm("vm-1"), who=OTHERS)
    found = conscience.read(stage.file)
    assert {(each.kind, each.actor, each.maker) for each in found} == {
        ("stranger", f"deployer {OTHERS}", f"deployer {US}")
    }
    assert {each.resource.rpartition("/")[2] for each in found} > {"vm-1", "vm-1-nic", "vm-1-ip"}


async def test_another_deployments_template_and_record(stage: Stage) -> None:
    changed = machines("vm-1", size="Standard_D4pls_v6")
    data = {"customData": {"value": custom_data("vm-1")}}
    properties = {"mode": "Incremental", "template": changed, "parameters": data}
    await stage.ours("PUT", stage.cloud.deployment(group=True), {"properties": properties}, who=OTHERS)
    assert {(kind, name) for kind, name, _ in stage.harm()} == {("stranger", "vm-1"), ("stranger", "main")}
    before = len(stage.harm())
    await stage.ours("PUT", stage.cloud.deployment("mine", group=True), {"properties": properties})
    await stage.ours("DELETE", stage.cloud.deployment("mine", group=True), who=OTHERS)
    assert stage.harm()[before:] == [("stranger", "mine", "gone")]


async def test_a_child_of_somebodys(stage: Stage) -> None:
    path = stage.cloud.networking("networkSecurityGroups", "theirs")
    await stage.theirs("PUT", path, PLAIN)
    await stage.ours("PUT", f"{path}/securityRules/door", {"properties": RULE})
    await stage.ours("DELETE", f"{path}/securityRules/door")
    assert stage.harm() == [("stranger", "theirs", "changed")] * 2


async def test_somebodys_disk_that_goes_with_our_vm(stage: Stage) -> None:
    disk = stage.cloud.compute("disks", "theirs")
    empty = {"location": "southeastasia", "properties": {"creationData": {"createOption": "Empty"}}}
    await stage.theirs("PUT", disk, empty)
    one = {"lun": 0, "createOption": "Attach", "deleteOption": "Delete", "managedDisk": {"id": disk}}
    storage = {"storageProfile": {"dataDisks": [one]}}
    await stage.theirs("PATCH", stage.vm("vm-1"), {"properties": storage})
    await stage.ours("DELETE", stage.vm("vm-1"))
    assert stage.harm() == [("stranger", "theirs", "deleted")]


RULE = {
    "priority": 300,
    "direction": "Inbound",
    "access": "Allow",
    "protocol": "Tcp",
    "sourceAddressPrefix": "*",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "443",
}


async def test_what_others_added_is_dropped(stage: Stage) -> None:
    cloud = stage.cloud
    stage.fault("rule-added", rule="AllowAll")
    stage.fault("tag-added", tag="costcenter=4711", resource="vnet")
    await cloud.get(cloud.group)
    other = {"name": "theirs", "properties": {"addressPrefix": "10.0.9.0/24"}}
    await stage.theirs("PUT", cloud.networking(*VNET) + "/subnets/theirs", other)
    table = {"id": cloud.networking("routeTables", "theirs")}
    stage.fault(
        "property-changed",
        resource="vnet",
        property="properties.subnets.0.properties.routeTable",
        value=table,
    )
    await cloud.get(cloud.group)
    await stage.deploy("vm-1", "vm-2")
    assert stage.harm() == [
        ("addition", "nsg", "rule/allowall is gone"),
        ("addition", "vnet", "subnet/subnet/routetable is gone"),
        ("addition", "vnet", "subnet/theirs is gone"),
        ("addition", "vnet", "tags/costcenter is gone"),
    ]


async def test_what_others_added_is_put_again_and_stays_theirs(stage: Stage) -> None:
    path = stage.cloud.networking(*NSG)
    stage.fault("rule-added", rule="AllowAll")
    whole = await stage.get(path)
    await stage.ours("PUT", path, {**whole, "tags": {"new": "one"}})
    assert stage.harm() == []
    rules = cast("list[Json]", cast("Json", whole["properties"])["securityRules"])
    without = [each for each in rules if each["name"] != "AllowAll"]
    await stage.ours("PUT", path, {**whole, "properties": {"securityRules": without}})
    assert stage.harm() == [("addition", "nsg", "rule/allowall is gone")]


async def test_a_rule_of_others_is_changed(stage: Stage) -> None:
    path = stage.cloud.networking(*NSG)
    await stage.theirs("PUT", f"{path}/securityRules/door", {"properties": RULE})
    await stage.ours("PUT", f"{path}/securityRules/door", {"properties": {**RULE, "access": "Deny"}})
    assert stage.harm() == [("addition", "nsg", "rule/door is another one")]


async def test_what_others_changed_of_ours_may_be_put_back(stage: Stage) -> None:
    stage.fault("rule-opened", rule="ssh", source="0.0.0.0/0")
    stage.fault("tags-removed", resource="vm-1")
    stage.fault("property-changed", resource="vm-2", property="tags.owner", value="them")
    await stage.cloud.get(stage.cloud.group)
    await stage.deploy("vm-1", "vm-2")
    await stage.ours("DELETE", stage.cloud.networking(*NSG) + "/securityRules/ssh")
    assert stage.harm() == []


async def test_what_others_added_goes_with_what_is_ours(stage: Stage) -> None:
    stage.fault("tag-added", tag="costcenter=4711")
    stage.fault("rule-added", rule="AllowAll")
    await stage.cloud.get(stage.cloud.group)
    await stage.ours("DELETE", stage.cloud.group, command="destroy")
    assert stage.harm() == []


def elect(stage: Stage, *names: str) -> None:
    """An etcd whose members are these VMs."""
    addresses = {vm.name: vm.private_ip for vm in stage.cloud.world.vms()}
    members = {name: {"peer": addresses.get(name, "10.0.1.99"), "since": 0} for name in names}
    folder = stage.cloud.world.directory / "clusters"
    folder.mkdir(exist_ok=True)
    (folder / "one.json").write_text(json.dumps({"identifier": "one", "members": members}))


@pytest.mark.parametrize(
    ("method", "action"),
    [("DELETE", ""), ("POST", "/deallocate"), ("POST", "/powerOff"), ("POST", "/restart"), ("PATCH", "")],
)
async def test_an_etcd_loses_its_majority(stage: Stage, method: str, action: str) -> None:
    elect(stage, "vm-1", "vm-2", "down")
    size = {"properties": {"hardwareProfile": {"vmSize": "Standard_D4pls_v6"}}}
    await stage.ours(method, stage.vm("vm-1") + action, size if method == "PATCH" else None)
    (harm,) = conscience.read(stage.file)
    assert (harm.kind, harm.what) == ("quorum", "1 of 3 members of etcd are up without vm-1")


async def test_an_etcd_keeps_its_majority_or_is_ended_on_purpose(stage: Stage) -> None:
    await stage.deploy("vm-1", "vm-2", "vm-3")
    elect(stage, "vm-1", "vm-2", "vm-3")
    await stage.ours("DELETE", stage.vm("vm-3"))
    elect(stage, "vm-2")  # the others left before
    await stage.ours("DELETE", stage.vm("vm-1"))
    await stage.ours("DELETE", stage.vm("vm-2"), command="destroy")
    assert stage.harm() == []


async def test_a_group_that_goes_as_a_whole_ends_its_etcd(stage: Stage) -> None:
    elect(stage, "vm-1", "vm-2")
    await stage.ours("DELETE", stage.cloud.group, command="rollback")
    assert stage.harm() == []


async def test_somebody_may_do_what_somebody_likes(stage: Stage) -> None:
    elect(stage, "vm-1", "vm-2")
    await stage.theirs("DELETE", stage.vm("vm-1"))
    await stage.theirs("DELETE", stage.cloud.group)
    assert stage.harm() == []


async def test_it_is_noted_beside_the_cloud_and_survives_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(conscience.VARIABLE)
    directory = tmp_path / "cloud"
    path = "publicIPAddresses", "theirs"
    async with cloud_in(directory) as cloud:
        await cloud.make_group()
        await Stage(cloud, tmp_path).theirs("PUT", cloud.networking(*path), PLAIN)
    async with cloud_in(directory) as cloud:
        await Stage(cloud, tmp_path).ours("DELETE", cloud.networking(*path))
    (harm,) = conscience.read(directory / conscience.FILE)
    assert harm == Harm(
        kind="stranger",
        request=f"DELETE {cloud.networking(*path)}",
        resource=cloud.networking(*path),
        actor=f"deployer {US}",
        maker="somebody",
        what="deleted",
    )


HARMFUL = """
import asyncio
from pathlib import Path

import pytest

from tests.rehearsal.arm_stage import cloud_in
from tests.rehearsal.test_conscience import PLAIN, Stage


async def harm(directory: Path) -> None:
    async with cloud_in(directory) as cloud:
        await cloud.make_group()
        path = cloud.networking("publicIPAddresses", "theirs")
        await Stage(cloud, directory).theirs("PUT", path, PLAIN)
        await Stage(cloud, directory).ours("DELETE", path)


def test_harm(tmp_path: Path) -> None:
    asyncio.run(harm(tmp_path))


@pytest.mark.harm_allowed("theirs")
def test_allowed(tmp_path: Path) -> None:
    asyncio.run(harm(tmp_path))


@pytest.mark.harm_allowed("others")
def test_something_else_allowed(tmp_path: Path) -> None:
    asyncio.run(harm(tmp_path))


def test_none() -> None:
    pass
"""


def test_a_test_in_which_harm_is_done_fails(tmp_path: Path) -> None:
    root = Path(__file__).parent.parent.parent
    (tmp_path / "conftest.py").write_text((root / "tests" / "conftest.py").read_text())
    (tmp_path / "test_harm.py").write_text(HARMFUL)
    words = ["-p", "no:cacheprovider", "-n", "0", "-q", "-rA", "-c", str(root / "pyproject.toml")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--rootdir", str(root), str(tmp_path / "test_harm.py")],
        cwd=root,
        env={**os.environ, SWITCH: "on"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("ERROR ")]
    assert [line.split("::")[1].split(" ")[0] for line in lines] == [
        "test_harm",
        "test_something_else_allowed",
    ]
    assert "stranger: DELETE /subscriptions/" in done.stdout
    assert "(made by somebody): deleted" in done.stdout
