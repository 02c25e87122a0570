"""What Azure made of a deployment at its end is kept, in few words, and is no drift from then on."""

from __future__ import annotations

from pathlib import Path

import pytest

from k0rdent_azure.azure import drift_baseline
from k0rdent_azure.azure.drift_baseline import EXISTS, Difference
from k0rdent_azure.config import resource_ids
from k0rdent_azure.phases import arm
from k0rdent_azure.phases.azure_setup import AzureSetup
from k0rdent_azure.phases.baseline import known_of, wanted_of
from k0rdent_azure.phases.begin import begin_run
from k0rdent_azure.phases.engine import run_phases
from k0rdent_azure.phases.preparation import Preparation
from k0rdent_azure.phases.validation import Comparison, validate
from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.faults import Fault
from k0rdent_azure.state.model import BaselineDifference
from tests.azure.conftest import make_config
from tests.drift.conftest import told
from tests.drift.steps import NSG, VM, another_rule
from tests.phases.stage import Stage, stage

POLICY = Fault(kind="policy-tag", tag="costCentre=4711", times=None)


async def deploy_unseen(made: Stage) -> None:
    """As `deploy` does it, but ARM's word is taken for the hosts."""
    async with made.run("deploy") as ctx:
        begin_run(ctx, status="in_progress", action="deployment_started", message="deploy")
        await run_phases(ctx, (Preparation(), AzureSetup()))
        await made.clock.sleep(1800)
        view = await arm.get(ctx)
        assert view is not None
        assert view.provisioning_state == "Succeeded"
        with ctx.commit() as tx:
            arm.record(ctx, tx, view)
            arm.record_success(ctx, tx, view)
            for host in ctx.hosts:
                tx.by_path.set(f"azure_resources.virtual_machines.{host.name}.status", "running")


async def compared(made: Stage) -> Comparison:
    async with made.run("validate") as ctx:
        return await validate(made.config, made.names, made.store.read().state, ctx.outside)


async def test_what_policies_add_at_deployment_is_no_drift_and_what_comes_later_is(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=2)) as made:
        faults.add(made.world.directory, POLICY)
        await deploy_unseen(made)
        baseline = made.store.read().state.azure_resources.baseline
        assert baseline is not None
        assert baseline.differences == [
            BaselineDifference(field="tags.costcentre", value="4711", resources=["*"])
        ]
        assert told(await compared(made)) == []

        faults.add(made.world.directory, Fault(kind="tag-added", resource=VM, tag="costCentre=9"))
        assert told(await compared(made)) == [f"changed info virtualMachines {VM} tags.costcentre none"]
        faults.add(made.world.directory, Fault(kind="tags-removed", resource=VM, tag="costCentre"))
        assert told(await compared(made)) == [], "as it was wanted, so nobody misses it"


async def test_a_deployment_without_a_baseline_is_compared_with_what_was_wanted(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=0)) as made:
        faults.add(made.world.directory, POLICY)
        await deploy_unseen(made)
        with made.store.transaction() as tx:
            tx.by_path.delete("azure_resources.baseline")
        assert len((await compared(made)).findings) == 7
        assert {each.field for each in (await compared(made)).findings} == {"tags.costcentre"}


async def test_a_later_deployment_keeps_what_is_known_of_what_it_does_not_touch(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=1)) as made:
        faults.add(made.world.directory, POLICY)
        await deploy_unseen(made)
        state = made.store.read().state
        wanted = wanted_of(made.config, made.names, state)
        known = known_of(state, wanted)
        vm = next(each for each in wanted.resources.values() if each.name == VM)
        later = drift_baseline.observe(wanted, [vm], known)
        assert {key: value for key, value in known.items() if key not in later} == {
            Difference(vm.key, "tags.costcentre"): "4711"
        }
        assert drift_baseline.decode(drift_baseline.encode(later, wanted), wanted) == later


async def test_a_record_that_tells_tags_only_says_nothing_of_the_rest(tmp_path: Path) -> None:
    """As the one of a submission that came after a failed one: of what was there before, it has no more."""
    async with stage(tmp_path, make_config(controllers=1, workers=1)) as made:
        faults.add(made.world.directory, POLICY)
        await deploy_unseen(made)
        state = made.store.read().state
        wanted = wanted_of(made.config, made.names, state)
        vm = next(each for each in wanted.resources.values() if each.name == VM)
        rule = next(each for each in wanted.resources.values() if each.name == "AllowSSH")
        nsg = wanted.resources[resource_ids.parent(rule.key)]
        of_vm, of_rule = Difference(vm.key, "image"), Difference(rule.key, "source")
        known = {**known_of(state, wanted), of_vm: "theirs", of_rule: "theirs"}
        brief = {"location": "southeastasia", "tags": {"costCentre": "5"}}
        answers = {resource_ids.path(each.id).partition("/providers/")[2]: brief for each in (vm, nsg)}
        later = drift_baseline.observe(
            wanted, drift_baseline.answered({"baseline": answers}, wanted.group), known
        )
        assert (later[of_vm], later[of_rule]) == ("theirs", "theirs")
        assert later[Difference(vm.key, "tags.costcentre")] == "5"
        assert {each.field for each in later if not each.field.startswith("tags.")} == {"image", "source"}


async def test_a_rule_that_a_policy_adds_is_known_and_one_that_it_takes_is_missed(tmp_path: Path) -> None:
    async with stage(tmp_path, make_config(controllers=1, workers=0)) as made:
        await deploy_unseen(made)
        faults.add(made.world.directory, another_rule("policy"))
        faults.add(made.world.directory, Fault(kind="rule-removed", rule="AllowSSH"))
        found = await compared(made)
        assert len(found.findings) == 2
        there = [each for each in found.found.resources.values() if NSG.lower() in each.key]
        known = drift_baseline.observe(found.wanted, there, {})
        assert {each.field for each in known} == {EXISTS}
        with made.store.transaction() as tx:
            differences = drift_baseline.encode(known, found.wanted)
            tx.by_path.set("azure_resources.baseline.differences", differences)
        missed = "missing critical securityRules AllowSSH - restore"
        assert told(await compared(made)) == [missed]
        faults.add(made.world.directory, another_rule("policy", destinationPortRange="80"))
        assert told(await compared(made)) == [
            missed,
            "unexpected critical securityRules policy - none",
        ]


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
@pytest.mark.parametrize(("controllers", "workers"), [(1, 2), (3, 197)])
async def test_eight_requests_for_any_number_of_vms(tmp_path: Path, controllers: int, workers: int) -> None:
    config = make_config(controllers=controllers, workers=workers)
    async with stage(tmp_path, config) as made:
        faults.add(made.world.directory, POLICY)
        await deploy_unseen(made)
        before = len(made.requests())
        found = await compared(made)
        asked = made.requests()[before:]
        assert told(found) == []
        assert len(found.found.resources) > 4 * (controllers + workers)
        assert len(asked) == 8
        assert {each.partition(" ")[0] for each in asked} == {"GET"}
        baseline = made.store.read().state.azure_resources.baseline
        assert baseline is not None
        assert len(baseline.differences) == 1
        faults.add(made.world.directory, Fault(kind="group-deleted"))
        assert [each.type for each in (await compared(made)).findings] == [
            "Microsoft.Resources/resourceGroups"
        ]
        assert len(made.requests()) == before + 9
