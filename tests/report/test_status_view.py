"""What is drawn: complete, aligned, harmless, at any width."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
import yaml
from rich.console import Console

from k0rdent_azure.report.picture import svg
from k0rdent_azure.report.status import summary
from k0rdent_azure.report.status_view import render
from k0rdent_azure.report.vm_table import MOST_LINES
from k0rdent_azure.state.lock import Holder
from tests.report.states import EXAMPLE, HOLDER, NOW, Data, complete, creating, failed, names, state


def drawn(
    data: Data,
    *,
    width: int = 110,
    holder: Holder | None = None,
    changed: tuple[str, ...] = (),
    ascii_only: bool = False,
) -> str:
    report = summary(state(data), now=NOW, live_holder=holder, config_changed=changed)
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    console.print(render(report, width=width, ascii_only=ascii_only))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def test_a_finished_deployment_shows_everything() -> None:
    text = drawn(complete())
    for expected in (
        "k0rdent-7k2p9xqa",
        "southeastasia",
        "completed",
        "100%",
        "7 of 7 phases",
        "7m 13s",
        "20.205.113.144",
        "10.240.1.15",
        "172.24.24.15",
        "Standard_D8pls_v6",
        "UDP 51820",
        "5 of 5 peers up",
        "https://172.24.24.11:6443",
        "8 of 8 components ready",
        "4 requests",
        "vm_creation 2",
        "deployment_completed",
        "kubectl --kubeconfig",
    ):
        assert expected in text, expected


@pytest.mark.parametrize("width", [60, 80, 100, 110, 120, 200])
@pytest.mark.parametrize("make", [complete, creating, failed])
def test_no_line_is_wider_than_the_screen(width: int, make: Callable[[], Data]) -> None:
    text = drawn(make(), width=width, changed=("cluster.workers.count",))
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width


@pytest.mark.parametrize("width", [80, 110])
def test_each_vm_is_one_line_and_columns_are_aligned(width: int) -> None:
    lines = drawn(complete(), width=width).splitlines()
    header = next(line for line in lines if line.startswith("name "))
    rows = [line for line in lines if line.startswith("k0s-")]
    assert len(rows) == 5
    for line in rows:
        assert line[header.index("status") :].startswith("running")
        assert line[header.index("VPN") :].startswith("172.24.24.")


def test_a_death_is_told_with_place_time_and_command() -> None:
    text = drawn(creating())
    for expected in (
        "died",
        "2026-03-04T10:38:30Z",
        "3m ago",
        "in vm_creation",
        "waiting for 3 VMs to answer",
        "arm-deployment",
        "process 4711",
        "k0rdent-azure resume",
    ):
        assert expected in text, expected


def test_a_living_run_is_told_with_its_holder() -> None:
    text = drawn(creating(), holder=HOLDER)
    assert "running" in text
    assert "ann@build-7, process 4711" in text
    assert "died" not in text


def test_a_failure_is_told_with_cause_code_resource_and_hint() -> None:
    text = drawn(failed())
    for expected in (
        "ZonalAllocationFailed",
        "k0s-worker-2",
        "no capacity for",
        "choose other zones",
        "resume",
    ):
        assert expected in text, expected


def test_a_changed_configuration_is_told() -> None:
    assert "cluster.workers.count" in drawn(complete(), changed=("cluster.workers.count",))
    assert "changed since" not in drawn(complete())


def test_components_that_are_not_ready_give_their_reason() -> None:
    data = complete()
    data["k0rdent"]["components"]["velero"] = {"success": False, "error": "no bucket"}
    text = drawn(data)
    assert "7 of 8 components ready" in text
    assert "velero: no bucket" in text


def test_nothing_in_the_file_reaches_the_terminal_untouched() -> None:
    data = failed()
    evil = "\x1b[2J\u202e\x9b31m\x07[bold]x[/bold]"
    data["metadata"]["failure"] |= {"message": evil, "hint": evil, "code": evil, "resource": evil}
    data["metadata"]["run"] |= {"user": evil, "host": evil, "command": evil}
    data["phases"]["vm_creation"]["step"] = evil
    data["configuration"]["azure"] |= {"location": evil, "cloud": evil}
    data["azure_resources"]["virtual_machines"]["k0s-worker-2"]["detail"] = evil
    data["azure_resources"]["virtual_machines"][evil] = dict(
        data["azure_resources"]["virtual_machines"]["k0s-worker-1"], public_ip=evil, availability_zone=evil
    )
    data["azure_resources"]["resource_group"]["name"] = evil
    data["k0rdent"] |= {"version": evil, "components": {evil: {"success": False, "error": evil}}}
    data["k0s_cluster"] |= {"installed_by": evil, "api_endpoint": evil, "version": evil}
    data["wireguard"]["laptop_config"]["interface"] = evil
    data["api_calls"]["by_phase"][evil] = 1
    data["pending_operations"] = {evil: {"kind": "vpn", "target": evil, "started_at": "2026-03-04T10:00:00Z"}}
    data["events"].append(
        {"timestamp": evil, "phase": evil, "action": evil, "message": evil, "resource": evil}
    )
    for holder in (None, HOLDER):
        text = drawn(data, holder=holder, changed=(evil,))
        assert not set(text) & {"\x1b", "\x9b", "\u202e", "\x07"}
        assert "[bold]x[/bold]" in text


def test_ascii_for_terminals_that_can_show_no_more() -> None:
    for data in (complete(), failed(), creating()):
        drawn(data, ascii_only=True, changed=("a",)).encode("ascii")


def test_many_vms_at_80_columns() -> None:
    data = complete()
    vms = data["azure_resources"]["virtual_machines"]
    for index in range(3, 51):
        vms[f"k0s-worker-{index}"] = vms["k0s-worker-1"]
    lines = drawn(data, width=80).splitlines()
    assert len([line for line in lines if line.startswith("k0s-worker-")]) == 50


def crowd(workers: int) -> Data:
    """The finished deployment with so many workers, all of them ready."""
    data = complete()
    cluster = data["k0s_cluster"]["workers"]
    for group in (data["azure_resources"]["virtual_machines"], data["wireguard"]["peers"], cluster):
        for index in range(3, workers + 1):
            group[f"k0s-worker-{index}"] = dict(group["k0s-worker-1"])
    return data


def listed(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines() if line.startswith("k0s-")]


def test_as_many_vms_as_a_screen_holds_are_all_listed() -> None:
    text = drawn(crowd(MOST_LINES - 3))
    assert len(listed(text)) == MOST_LINES
    assert "more:" not in text


def test_of_a_thousand_vms_the_first_are_listed_and_the_others_counted() -> None:
    text = drawn(crowd(1000))
    assert listed(text) == [name for name, _ in names()[:3]] + [f"k0s-worker-{n}" for n in range(1, 58)]
    assert "workers  1000 of 1000 ready" in text
    assert "… and 943 more: 943 ready (status --json lists all)" in text


def test_of_a_thousand_vms_those_that_are_not_well_are_listed_in_their_place() -> None:
    data = crowd(1000)
    vms = data["azure_resources"]["virtual_machines"]
    vms["k0s-worker-700"] |= {"status": "failed", "detail": "no capacity"}
    vms["k0s-worker-900"]["status"] = "creating"
    text = drawn(data)
    assert listed(text)[-3:] == ["k0s-worker-55", "k0s-worker-700", "k0s-worker-900"]
    assert "no capacity" in text
    assert "and 943 more: 943 ready" in text


def test_where_more_vms_are_not_ready_than_are_listed_the_failed_come_first_and_the_rest_is_told() -> None:
    data = crowd(200)
    workers = [vm for name, vm in data["azure_resources"]["virtual_machines"].items() if "worker" in name]
    for vm in workers[:100]:
        vm["status"] = "creating"
    for vm in workers[100:150]:
        vm["status"] = "failed"
    text = drawn(data)
    shown = listed(text)
    assert shown[-50:] == [f"k0s-worker-{n}" for n in range(101, 151)]
    assert shown[:10] == [f"k0s-worker-{n}" for n in range(1, 11)]
    assert "and 143 more: 90 creating, 53 ready" in text


def test_the_plans_example_renders() -> None:
    text = drawn(yaml.safe_load(EXAMPLE.read_text()))
    assert "k0rdent-abc123" in text
    assert "base64-encoded" not in text


def test_the_picture_needs_nothing_from_elsewhere_and_is_repeatable() -> None:
    report = summary(state(complete()), now=NOW, live_holder=None)
    first = svg(render(report, width=110), title="k0rdent-azure status")
    assert first == svg(render(report, width=110), title="k0rdent-azure status")
    assert first.startswith("<svg")
    assert "http" not in first.replace("http://www.w3.org/2000/svg", "").replace("https://172.24.24.11", "")
    assert "20.205.113.140" in first
