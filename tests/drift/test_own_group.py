"""In somebody's own group only the deployment's part is looked at; on Spot, a stop looks like an eviction."""

from __future__ import annotations

from pathlib import Path

from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.faults import Fault
from tests.azure.conftest import make_config
from tests.drift.conftest import told
from tests.drift.steps import ADDRESS, NIC, NSG, VM, another_rule, change, stranger
from tests.drift.test_baseline import compared, deploy_unseen
from tests.phases.stage import stage


async def test_what_others_have_in_their_group_is_theirs(tmp_path: Path) -> None:
    config = make_config(controllers=1, workers=1, azure={"resource_group": "theirs"})
    async with stage(tmp_path, config) as made:
        async with made.colleague() as arm:
            group = f"/subscriptions/{made.world.subscription_id}/resourceGroups/theirs"
            body = {"location": "southeastasia", "tags": {"owner": "them"}}
            await arm.request("PUT", group, api_version="2022-09-01", body=body)
            await made.clock.sleep(60)
        await deploy_unseen(made)
        stranger("Microsoft.Storage/storageAccounts", "their-data")(made.world)
        faults.add(made.world.directory, Fault(kind="foreign-vm", vm="their-vm"))
        faults.add(made.world.directory, Fault(kind="tag-added", resource="theirs", tag="a=b"))
        assert told(await compared(made)) == []

        copied = change("their-data", "tags", {"k0rdent-azure-deployment": "k0rdent-abcd1234"})
        for step in (another_rule("open"), Fault(kind="resource-deleted", resource=NIC), copied):
            faults.add(made.world.directory, step)
        assert told(await compared(made)) == [
            f"changed critical publicIPAddresses {ADDRESS} attached_to restore",
            f"missing critical networkInterfaces {NIC} - recreate",
            "unexpected critical securityRules open - none",
            "unexpected info storageAccounts their-data - none",
        ]


async def test_their_group_may_go_too(tmp_path: Path) -> None:
    config = make_config(controllers=1, workers=0, azure={"resource_group": "theirs"})
    async with stage(tmp_path, config) as made:
        async with made.colleague() as arm:
            group = f"/subscriptions/{made.world.subscription_id}/resourceGroups/theirs"
            await arm.request("PUT", group, api_version="2022-09-01", body={"location": "southeastasia"})
            await made.clock.sleep(60)
        await deploy_unseen(made)
        faults.add(made.world.directory, Fault(kind="group-deleted"))
        assert told(await compared(made)) == ["missing critical resourceGroups theirs - recreate"]


async def test_an_evicted_vm_is_told_as_such(tmp_path: Path) -> None:
    config = make_config(controllers=1, workers=1, azure={"vm_priority": "Spot"})
    async with stage(tmp_path, config) as made:
        await deploy_unseen(made)
        assert told(await compared(made)) == []
        faults.add(made.world.directory, Fault(kind="vm-evicted", vm=VM))
        (found,) = (await compared(made)).findings
        assert (found.expected, found.found) == ("running", "deallocated")
        assert found.action.startswith("evicted, it seems")
        assert found.action.endswith("validate --repair")


async def test_names_are_quoted_where_they_go_into_a_shell(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=1)) as made:
        await deploy_unseen(made)
        faults.add(made.world.directory, another_rule("a;reboot"))
        faults.add(
            made.world.directory, Fault(kind="tags-removed", resource=ADDRESS, tag="k0rdent-azure-role")
        )
        opened, tag = (await compared(made)).findings
        assert "--ids '/subscriptions/" in opened.action
        assert NSG in opened.action
        assert tag.action == "put it back: k0rdent-azure validate --repair"


async def test_a_rule_in_the_place_of_ours_is_named_with_where_to_move_it(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=1)) as made:
        await deploy_unseen(made)
        for step in (
            Fault(kind="rule-removed", rule="AllowSSH"),
            another_rule("it's mine", priority=1000),
        ):
            faults.add(made.world.directory, step)
        missed = (await compared(made)).findings[0]
        assert (missed.kind, missed.name, missed.repair) == ("missing", "AllowSSH", "none")
        assert "has its priority 1000" in missed.action
        assert missed.action.endswith("--priority 1001")
        assert f"{NSG}/securityRules/it'\"'\"'s mine'" in missed.action
