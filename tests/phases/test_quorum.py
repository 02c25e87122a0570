"""Whether a controller may go: decided from what etcd and Azure say now, and never for a majority that is not shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k0rdent_azure.phases.etcd_health import addresses
from k0rdent_azure.phases.quorum import RUNNING, Controller, Members

NAMES = ("k0s-controller", "k0s-controller-2", "k0s-controller-3")
ALL = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
POWERS = (RUNNING, "", None, "VM stopped", "VM deallocating", "VM starting")


def controller(
    index: int, *, listed: tuple[str, ...] | None = ALL, power: str | None = RUNNING
) -> Controller:
    silence = "" if listed else "no SSH"
    return Controller(NAMES[index], ALL[index], power, listed, silence, holds=power is not None)


def three(*, last: Controller | None = None) -> Members:
    return Members((controller(0), controller(1), last or controller(2)))


controllers = st.lists(
    st.builds(
        Controller,
        name=st.sampled_from(NAMES),
        address=st.sampled_from(ALL),
        power=st.sampled_from(POWERS),
        listed=st.none() | st.lists(st.sampled_from((*ALL, "10.9.9.9")), min_size=1, max_size=5).map(tuple),
        holds=st.booleans(),
    ),
    max_size=5,
    unique_by=lambda each: each.name,
).map(tuple)


@given(controllers, st.sets(st.sampled_from(NAMES), min_size=1))
def test_nothing_is_allowed_that_leaves_no_majority_of_the_listed_members(
    found: tuple[Controller, ...], going: set[str]
) -> None:
    """From the facts alone: a member is up only with power, an answer of its own, and its address in a list."""
    members = Members(found)
    if members.refusal(going, act="deleted") is not None:
        return
    up = [
        each
        for each in found
        if each.name not in going and each.power == RUNNING and each.listed and each.address in each.listed
    ]
    most = max((len(each.listed) for each in found if each.listed), default=0)
    if most:
        assert len(up) > most // 2
    else:
        assert not any(each.holds for each in found)


@given(controllers, st.sets(st.sampled_from(NAMES), min_size=1))
def test_nobody_leaves_etcd_who_would_leave_it_without_a_majority(
    found: tuple[Controller, ...], going: set[str]
) -> None:
    """Before and after: the ones that leave have to agree with the others, and those that stay go on."""
    members = Members(found)
    if not members.keeps_majority(going, leaving=True):
        return
    smaller = len(members.listed) - len(
        {each.address for each in found if each.name in going} & {*members.listed}
    )
    assert len(members.up) > len(members.listed) // 2
    assert len(members.up - going) > smaller // 2


def test_of_three_that_are_up_one_may_go_and_no_second() -> None:
    assert three().refusal([NAMES[0]], act="deleted") is None
    both = three().refusal(NAMES[:2], act="deleted")
    assert both is not None
    assert "one at a time" in both.message


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (controller(2, power="VM deallocated", listed=None), "k0s-controller-3 (VM deallocated)"),
        (controller(2, power=None, listed=None), "k0s-controller-3 (Azure does not have it)"),
        (controller(2, power="VM deallocating"), "k0s-controller-3 (VM deallocating)"),
        (controller(2, power=""), "k0s-controller-3 (its power state is not known)"),
        (controller(2, listed=None), "k0s-controller-3 (no SSH)"),
        (controller(2, listed=ALL[:2]), "k0s-controller-3 (etcd does not list it)"),
    ],
)
def test_what_is_down_or_unknown_does_not_count(last: Controller, why: str) -> None:
    """Only the one that is down itself may go; the two others are the majority."""
    members = three(last=last)
    refusal = members.refusal([NAMES[0]], act="deleted")
    assert refusal is not None
    assert why in refusal.message
    assert "of etcd's 3 members 1 would be up, and it needs 2" in refusal.message
    assert members.refusal([NAMES[2]], act="deleted") is None


@pytest.mark.parametrize(
    "listed",
    [
        pytest.param((*ALL, "10.9.9.9"), id="a member without a VM"),
        pytest.param((*ALL, "10.0.0.1"), id="two members at one address"),
        pytest.param((*ALL, ""), id="a member that has not started yet, or learns"),
    ],
)
def test_every_listed_member_counts_in_the_size(listed: tuple[str, ...]) -> None:
    members = Members(tuple(controller(index, listed=listed) for index in range(3)))
    refusal = members.refusal([NAMES[0]], act="deleted")
    assert refusal is not None
    assert "of etcd's 4 members 2 would be up, and it needs 3" in refusal.message


def test_nobody_answers_and_azure_says_that_all_run() -> None:
    silent = Members(tuple(controller(index, listed=None) for index in range(3)))
    refusal = silent.refusal([NAMES[0]], act="deleted")
    assert refusal is not None
    assert "no controller's etcd could be asked" in refusal.message
    assert "validate --hosts" in (refusal.hint or "")
    assert silent.told().startswith("not checked: ")


def test_where_azure_cannot_be_asked_nothing_goes() -> None:
    unknown = Members(tuple(controller(index, power="") for index in range(3)), unasked="no answer")
    refusal = unknown.refusal([NAMES[0]], act="deleted")
    assert refusal is not None
    assert "Azure could not be asked: no answer" in refusal.message


def test_a_cluster_that_is_gone_or_never_was_has_nothing_to_lose() -> None:
    gone = Members(tuple(controller(index, listed=None, power=None) for index in range(3)))
    assert gone.refusal(NAMES, act="deleted") is None
    new = Controller(NAMES[0], ALL[0], RUNNING, silence="k0s was never installed on it", holds=False)
    assert Members((new,)).refusal([NAMES[0]], act="deleted") is None


def test_machines_that_are_off_still_hold_the_cluster() -> None:
    off = Members(tuple(controller(index, listed=None, power="VM deallocated") for index in range(3)))
    refusal = off.refusal([NAMES[0]], act="deleted")
    assert refusal is not None
    assert "validate --repair" in (refusal.hint or "")


def test_a_majority_that_is_gone_for_good_is_told() -> None:
    left = Members((controller(0, listed=None), *(controller(i, listed=None, power=None) for i in (1, 2))))
    refusal = left.refusal([NAMES[0]], act="deleted")
    assert refusal is not None
    assert "destroy" in (refusal.hint or "")


def test_a_cluster_that_is_being_set_up_is_no_lost_one() -> None:
    """Two controllers are new because k0sctl has not come to them, and the first one's etcd starts."""
    new = "k0s was never installed on it"
    others = (Controller(NAMES[i], ALL[i], RUNNING, silence=new, holds=False) for i in (1, 2))
    members = (controller(0, listed=None), *others)
    refusal = Members(members, is_new=True).refusal([NAMES[1]], act="deleted")
    assert refusal is not None
    assert (refusal.way, "resume" in (refusal.hint or "")) == ("again", True)
    lost = Members(members).refusal([NAMES[1]], act="deleted")
    assert lost is not None
    assert lost.way == "destroy"


def test_a_new_machine_joins_before_another_one_goes() -> None:
    """As a replacement leaves it that was killed before k0sctl came to the new machine."""
    new = Controller(NAMES[1], ALL[1], RUNNING, silence="k0s was never installed on it", holds=False)
    refusal = Members((controller(0), new, controller(2))).refusal([NAMES[0]], act="removed")
    assert refusal is not None
    assert f"{NAMES[1]} is new and has to join" in (refusal.hint or "")
    assert "resume" in (refusal.hint or "")


def test_who_leaves_etcd_in_order_makes_the_cluster_smaller() -> None:
    two = Members(tuple(controller(index, listed=ALL[:2]) for index in range(2)))
    assert two.refusal([NAMES[1]], act="deleted") is not None
    assert two.refusal([NAMES[1]], act="taken out", leaving=True) is None


def test_who_leaves_needs_the_others_to_agree() -> None:
    one = Members((controller(0, listed=ALL[:2]), controller(1, listed=None, power="VM stopped")))
    assert not one.keeps_majority([NAMES[1]], leaving=True)


def test_of_five_that_are_up_no_two_go_at_once() -> None:
    every = tuple(f"10.0.0.{number}" for number in range(1, 6))
    five = Members(tuple(Controller(f"c{address}", address, RUNNING, every) for address in every))
    assert five.refusal(["c10.0.0.1"], act="deleted") is None
    refusal = five.refusal(["c10.0.0.1", "c10.0.0.2"], act="deleted")
    assert refusal is not None
    assert "controllers go one at a time" in refusal.message


def test_an_address_of_another_kind_is_not_shown() -> None:
    hostile = (*ALL, "\x1b[2Jx", "y")
    members = Members(tuple(controller(index, listed=hostile) for index in range(3)))
    refusal = members.refusal([NAMES[0]], act="deleted")
    assert refusal is not None
    assert "\x1b" not in refusal.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"members":{"a":"https://10.0.0.1:2380","b":"https://10.0.0.2:2380"}}', ["10.0.0.1", "10.0.0.2"]),
        ('{"members":{"":"https://10.0.0.1:2380","":"https://10.0.0.1:2380"}}', ["10.0.0.1", "10.0.0.1"]),
        ('{"members":{"a":"https://[fd00::1]:2380"}}', ["fd00::1"]),
        (
            'time="2026-12-01" level=warning msg="{x"\n{"members":{"a":"https://10.0.0.1:2380"}}\nlevel=info\n',
            ["10.0.0.1"],
        ),
        (' \n{\n  "members": {\n    "a": "https://10.0.0.1:2380"\n  }\n}\n', ["10.0.0.1"]),
        ("level=warning {", []),
        ('{"members":{}}', []),
        ('{"members":["https://10.0.0.1:2380"]}', []),
        ("{}", []),
        ("[]", []),
        ("null", []),
        ("Error: context deadline exceeded", []),
        ("[" * 100_000, []),
    ],
)
def test_members_are_read_as_etcd_tells_them(text: str, expected: list[str]) -> None:
    assert addresses(text) == expected
