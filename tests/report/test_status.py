"""A report says what the state says: progress, the run's fate, the next command, ages."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from k0rdent_azure.report.model import HealthRow, StatusReport
from k0rdent_azure.report.next_step import next_without_state
from k0rdent_azure.report.status import summary
from k0rdent_azure.state.lock import Holder
from tests.report.states import EXAMPLE, HOLDER, NOW, Data, at, complete, creating, failed, state


def report(data: Data, *, holder: Holder | None = None, changed: tuple[str, ...] = ()) -> StatusReport:
    return summary(state(data), now=NOW, live_holder=holder, config_changed=changed)


def test_complete() -> None:
    made = report(complete())
    assert (made.progress.done, made.progress.total, made.progress.percent) == (7, 7, 100)
    assert made.next.command is None
    assert "kubeconfig" in made.next.reason
    assert {vm.percent for vm in made.vms} == {100}
    assert made.vms_ready == 5
    assert made.vpn is not None
    assert (made.vpn.peers_up, made.vpn.peers_total, made.vpn.laptop_ip) == (5, 5, "172.24.24.1")
    assert made.cluster is not None
    assert (made.cluster.controllers_ready, made.cluster.workers_total) == (3, 2)
    assert made.k0rdent is not None
    assert made.k0rdent.components_ready == 8
    assert not made.run.died


def test_ages_are_of_each_fact() -> None:
    made = report(complete())
    assert made.facts == {
        "state": 30,
        "network": 33.5 * 60,
        "vms": 90,
        "vpn": 150,
        "cluster": 90,
        "k0rdent": 30,
    }
    assert made.vms[0].handshake_age_seconds == 150
    assert report(creating()).facts["cluster"] is None


def test_percent_grows_with_the_work_of_the_current_phase() -> None:
    before = report(creating()).progress
    assert before.done == 2
    assert 28 < before.percent < 43
    data = creating()
    for vm in data["azure_resources"]["virtual_machines"].values():
        vm["cloud_init"] = "done"
        vm["status"] = "running"
    assert report(data).progress.percent > before.percent
    assert report(data).progress.percent < 43 + 1


def test_vms_are_joined_from_all_sections() -> None:
    rows = {vm.name: vm for vm in report(creating()).vms}
    first = rows["k0s-controller"]
    assert (first.role, first.zone, first.vpn_ip) == ("controller", "2", "172.24.24.11")
    assert (first.public_ip, first.private_ip) == ("20.205.113.140", "10.240.1.11")
    assert (first.cloud_init, first.ssh, first.k0s) == ("done", "pending", "not_installed")
    assert first.percent == 40
    assert rows["k0s-controller-2"].percent == 20
    assert rows["k0s-worker-2"].percent == 0
    assert rows["k0s-worker-2"].age_seconds is None


def test_a_run_without_a_living_process_died() -> None:
    made = report(creating())
    assert made.run.died
    assert not made.run.live
    assert made.run.last_sign_of_life == at(38.5)
    assert (made.run.phase, made.run.step) == ("vm_creation", "waiting for 3 VMs to answer")
    assert made.run.pending == ["arm-deployment"]
    assert made.next.command == "k0rdent-azure resume"


def test_a_living_run_names_its_holder() -> None:
    made = report(creating(), holder=HOLDER)
    assert made.run.live
    assert not made.run.died
    assert made.run.holder is not None
    assert (made.run.holder.pid, made.run.holder.age_seconds) == (4711, 41.5 * 60)
    assert made.next.command is None
    assert "deploy" in made.next.reason


def test_a_run_whose_end_is_recorded_did_not_die() -> None:
    data = creating(status="interrupted")
    data["metadata"]["run"] |= {"ended_at": at(39), "outcome": "InterruptedRunError"}
    made = report(data)
    assert not made.run.died
    assert made.status == "interrupted"
    assert made.next.command == "k0rdent-azure resume"


def test_failure() -> None:
    made = report(failed())
    assert made.failure is not None
    assert made.failure.code == "ZonalAllocationFailed"
    assert made.failure.age_seconds == 180
    assert made.next.command == "k0rdent-azure resume"


def test_an_old_failure_is_not_the_present_one() -> None:
    data = failed()
    data["metadata"]["deployment_status"] = "in_progress"
    assert report(data).failure is None


@pytest.mark.parametrize(
    ("status", "command"),
    [("pending", "deploy"), ("destroying", "destroy"), ("destroyed", "destroy"), ("failed", "resume")],
)
def test_next_command(status: str, command: str) -> None:
    data = creating(status="interrupted")
    data["metadata"]["deployment_status"] = status
    made = summary(state(data), now=NOW, live_holder=None, program="k0rdent-azure -C /w")
    assert made.next.command == f"k0rdent-azure -C /w {command}"


def test_a_killed_destroy_died() -> None:
    data = complete()
    data["metadata"]["deployment_status"] = "destroying"
    data["metadata"]["run"] |= {"command": "destroy", "ended_at": None, "outcome": None}
    assert report(data).run.died
    assert report(data).next.command == "k0rdent-azure destroy"


def test_next_without_a_state() -> None:
    assert next_without_state(has_config=False, holder=None).command == "k0rdent-azure init"
    assert next_without_state(has_config=True, holder=None).command == "k0rdent-azure deploy"
    waiting = next_without_state(has_config=True, holder=HOLDER)
    assert waiting.command is None
    assert "4711" in waiting.reason


def test_the_plans_example() -> None:
    data: Data = yaml.safe_load(EXAMPLE.read_text())
    made = report(data)
    assert [phase.status for phase in made.phases] == [
        "completed",
        "completed",
        "in_progress",
        *["pending"] * 4,
    ]
    assert made.progress.done == 2
    assert [vm.name for vm in made.vms if vm.status == "pending"] == ["k0s-controller-3", "k0s-worker-2"]
    assert made.vpn is not None
    assert made.vpn.interface == "wgk0abc123"


def test_a_state_with_metadata_alone() -> None:
    metadata = complete()["metadata"] | {"deployment_status": "pending", "deployment_phase": "preparation"}
    made = report({"metadata": metadata, "configuration": {}})
    assert made.progress.percent == 0
    assert made.vms == []
    assert made.vpn is None
    assert made.facts["vms"] is None


def test_a_mistaken_count_does_not_plan_a_million_vms() -> None:
    data = complete()
    data["configuration"]["cluster"]["worker_count"] = 10**9
    assert len(report(data).vms) <= 1005


def test_times_that_are_no_times_have_no_age() -> None:
    data = complete()
    data["k0rdent"]["last_checked"] = "yesterday"
    assert report(data).facts["k0rdent"] is None


def test_json_is_plain_and_keeps_its_keys() -> None:
    made: Any = msgspec.json.decode(msgspec.json.encode(report(failed(), changed=("a.b",))))
    assert set(made) == set(StatusReport.__struct_fields__)
    assert set(made["next"]) == {"command", "reason"}
    assert made["config"]["changed"] == ["a.b"]
    assert made["events"][-1]["age_seconds"] is not None
    assert "SECRET" not in str(made)
    assert "private_key" not in str(made)


def test_a_finished_deployment_elsewhere_is_used_by_its_full_path() -> None:
    made = summary(state(complete()), now=NOW, live_holder=None, directory=Path("/srv/west"))
    assert "/srv/west/k0sctl-config/k0rdent-7k2p9xqa-kubeconfig" in made.next.reason


@pytest.mark.parametrize("status", ["stopped", "deleted", "failed"])
def test_a_vm_that_is_down_is_the_next_thing_to_do(status: str) -> None:
    data = complete()
    names = list(data["azure_resources"]["virtual_machines"])
    for name in names:
        data["azure_resources"]["virtual_machines"][name]["status"] = status
    made = report(data)
    assert made.next.command == "k0rdent-azure resume"
    assert f"{names[0]} is {status}" in made.next.reason
    assert f"and {len(names) - 3} more" in made.next.reason


def validated(data: Data, **counts: object) -> Data:
    told = {"checked_at": at(70), "verdict": "drift", **counts}
    return {**data, "metadata": {**data["metadata"], "validation": told}}


def changed(data: Data, path: str, value: object) -> Data:
    data = copy.deepcopy(data)
    *keys, last = path.split("/")
    functools.reduce(lambda found, key: found[key], keys, data)[last] = value
    return data


WORKER = "azure_resources/virtual_machines/k0s-worker-1"


@pytest.mark.parametrize(
    ("path", "value", "verdict", "said"),
    [
        (f"{WORKER}/status", "deleted", "bad", "k0s-worker-1 is gone"),
        (f"{WORKER}/status", "stopped", "bad", "k0s-worker-1 is stopped"),
        (f"{WORKER}/power_state", "VM deallocated", "bad", "k0s-worker-1 is deallocated"),
        (f"{WORKER}/provisioning_state", "Failed", "doubtful", "the last change of k0s-worker-1 failed"),
        ("k0s_cluster/workers/k0s-worker-1/k0s_status", "failed", "bad", "k0s failed on k0s-worker-1"),
        ("k0s_cluster/status", "failed", "bad", "the cluster is failed"),
        ("k0rdent/status", "installing", "bad", "k0rdent is installing"),
        (
            "wireguard/laptop_config/status",
            "disconnected",
            "doubtful",
            "the VPN is disconnected on this machine",
        ),
        ("azure_resources/network/vnet/status", "deleted", "bad", "v is deleted"),
        ("phases/vpn_setup/status", "interrupted", "doubtful", "not completed: vpn_setup"),
        ("metadata/deployment_status", "in_progress", "doubtful", "the resume died"),
    ],
)
def test_a_complete_deployment_is_well_only_if_nothing_is_known_to_be_wrong(
    path: str, value: object, verdict: str, said: str
) -> None:
    assert report(complete()).health == HealthRow(verdict="well")
    data = changed(complete(), path, value)
    if path == "metadata/deployment_status":
        data = changed(data, "metadata/run/ended_at", None)
    told = report(data).health
    assert told is not None
    assert (told.verdict, [each.what for each in told.problems]) == (verdict, [said])


def test_an_operation_of_unknown_outcome_is_a_doubt() -> None:
    operation = {"kind": "k0sctl_apply", "target": "x", "started_at": at(1)}
    told = report(changed(complete(), "pending_operations", {"k0sctl-apply": operation})).health
    assert told is not None
    assert (told.verdict, told.problems[0].what) == ("doubtful", "outcome unknown: k0sctl-apply")


def test_the_last_validation_counts_until_a_run_begins() -> None:
    told = report(validated(complete(), critical=1))
    assert told.validation is not None
    assert told.health is not None
    assert (told.health.verdict, told.validation.outdated) == ("bad", False)
    told = report(changed(validated(complete(), critical=1), "metadata/run/started_at", at(71)))
    assert told.validation is not None
    assert told.health == HealthRow(verdict="well")
    assert told.validation.outdated
    assert report(validated(complete(), info=3)).health == HealthRow(verdict="well")


def test_a_commit_of_somebody_else_is_no_sign_of_life() -> None:
    data = changed(creating(), "metadata/run/last_seen", at(20))
    told = report(changed(data, "metadata/last_updated", at(90))).run
    assert told.died
    assert told.last_sign_of_life == at(20)
