"""Which command helps after a failure: never one that is refused, and `resume` only where it can end otherwise."""

from __future__ import annotations

from typing import get_args

import pytest

from k0rdent_azure.errors import Way
from k0rdent_azure.report.next_step import next_step, run_row
from k0rdent_azure.report.ways import onward
from k0rdent_azure.state.accepted import nothing_accepted
from k0rdent_azure.state.model import State
from tests.report import states

HERE = "k0rdent-azure -C there"


def command(words: str) -> str:
    return f"{HERE} {words}"


def untouched() -> State:
    data = states.failed()
    data["azure_resources"] |= {"deployment": None}
    data["azure_resources"]["resource_group"]["status"] = "pending"
    for vm in data["azure_resources"]["virtual_machines"].values():
        vm |= {"id": None, "status": "pending"}
    return states.state(data)


def told(way: Way, state: State, about: str | None = "k0s-worker-2") -> str:
    return onward(way, state, command, places=("azure.vm_image",), about=about, yes=" --yes").told("fix it")


def test_a_state_tells_whether_azure_has_accepted_anything() -> None:
    assert nothing_accepted(untouched())
    assert not nothing_accepted(states.state(states.failed()))
    pending = states.creating()
    pending["azure_resources"] |= {"deployment": None}
    assert not nothing_accepted(states.state(pending)), (
        "a submission whose outcome is unknown may have been accepted"
    )


@pytest.mark.parametrize(
    ("way", "accepted", "wanted"),
    [
        ("again", False, "go on with: HERE resume"),
        ("again", True, "go on with: HERE resume"),
        (
            "change",
            False,
            "correct k0rdent.yaml (azure.vm_image): Azure has accepted nothing yet; go on with: HERE deploy --yes",
        ),
        (
            "change",
            True,
            "go on with: HERE destroy --yes, correct k0rdent.yaml (azure.vm_image), then: HERE deploy --yes",
        ),
        (
            "either",
            False,
            "or correct k0rdent.yaml (azure.vm_image): Azure has accepted nothing yet; go on with: HERE deploy --yes",
        ),
        (
            "either",
            True,
            (
                "go on with: HERE resume; or, for another configuration: HERE destroy --yes, correct k0rdent.yaml "
                "(azure.vm_image), then: HERE deploy --yes"
            ),
        ),
        ("destroy", True, "go on with: HERE destroy --yes, then: HERE deploy --yes"),
        ("report", True, "this removes what exists: HERE destroy --yes"),
    ],
)
def test_each_way_has_its_command(way: Way, accepted: bool, wanted: str) -> None:
    found = told(way, states.state(states.failed()) if accepted else untouched())
    assert found == f"fix it; {wanted.replace('HERE', HERE)}"


def test_only_a_vm_of_ours_can_be_replaced() -> None:
    state = states.state(states.failed())
    assert "go on with: k0rdent-azure -C there replace vm/k0s-worker-2 --yes" in told("replace", state)
    for other in (None, "somebodys-vm"):
        assert "go on with: k0rdent-azure -C there destroy --yes" in told("replace", state, other)


@pytest.mark.parametrize("way", [way for way in get_args(Way) if way not in ("again", "either")])
@pytest.mark.parametrize("accepted", [True, False])
def test_where_another_command_helps_nothing_says_resume(way: Way, accepted: bool) -> None:
    data = states.failed()
    data["metadata"]["failure"] |= {"way": way, "places": ["azure.location"], "about": "k0s-worker-2"}
    if not accepted:
        data["azure_resources"]["deployment"] = None
        data["azure_resources"]["resource_group"]["status"] = "pending"
        for vm in data["azure_resources"]["virtual_machines"].values():
            vm["id"] = None
    state = states.state(data)
    found = next_step(state, run_row(state, states.NOW, None), "k0rdent-azure")
    assert "resume" not in f"{found.command} {found.reason}"
    assert found.reason
    assert "resume" not in told(way, state)


def test_a_way_that_a_newer_program_wrote_counts_as_again() -> None:
    data = states.failed()
    data["metadata"]["failure"] |= {"way": "sideways"}
    state = states.state(data)
    assert next_step(state, run_row(state, states.NOW, None)).command == "k0rdent-azure resume"
