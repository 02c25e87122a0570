"""The moments at which ARM is asked, from what earlier deployments took."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k0rdent_azure.phases import schedule
from k0rdent_azure.state.model import Durations

ANY = st.lists(st.floats(), max_size=25)


def test_without_history_the_defaults() -> None:
    assert schedule.creation(Durations()) == schedule.Schedule(120, 900, 300, learned_from=0)


def test_late_is_not_before_nearly_all_earlier_ones_were_done() -> None:
    learned = schedule.creation(Durations(creation=[300, 410, 350]))
    assert learned.late == 1.25 * 410
    assert learned.learned_from == 3


def test_one_strange_deployment_among_ten_moves_nothing() -> None:
    usual = schedule.creation(Durations(creation=[400.0] * 10))
    assert schedule.creation(Durations(creation=[*[400.0] * 9, 3000.0])).late == usual.late == 500


def test_early_follows_the_moments_of_earlier_failures() -> None:
    assert schedule.creation(Durations(failure=[200])).early == 220
    assert schedule.creation(Durations(failure=[2])).early == 60
    assert schedule.creation(Durations(failure=[5000])).early == 300


@pytest.mark.parametrize(
    ("waited", "asked"), [(0, 0), (119, 0), (120, 1), (899, 1), (900, 2), (1199, 2), (1200, 3)]
)
def test_due(waited: float, asked: int) -> None:
    assert schedule.Schedule().due(waited) == asked


@given(creation=ANY, failure=ANY, ready=st.floats(180, 600))
def test_whatever_was_learned_vms_of_three_to_eight_minutes_cost_five_requests(
    creation: list[float], failure: list[float], ready: float
) -> None:
    """The PUT, what is due while hosts are missing (cloud-init included: ten minutes), and the verdict."""
    learned = schedule.creation(Durations(creation=creation, failure=failure))
    assert learned.early < learned.late
    assert 1 + learned.due(ready) + 1 <= 5


@given(deletion=ANY, took=st.floats(60, 360))
def test_a_deletion_is_looked_at_until_it_is_over(deletion: list[float], took: float) -> None:
    looks, waited = 0, 0.0
    while waited < took:
        pause = schedule.deletion_pause(Durations(deletion=deletion), looks)
        assert 30 <= pause <= 1800
        waited, looks = waited + pause, looks + 1
    assert math.isfinite(waited)


@pytest.mark.parametrize("takes", [120, 200, 300, 360])
def test_repeated_deletions_learn_when_to_look(takes: float) -> None:
    """Two looks at most, each time, and the last of them within half of what it takes."""
    known, waited = Durations(), 0.0
    for number in range(12):
        looks, waited = 0, 0.0
        while waited < takes:
            waited += schedule.deletion_pause(known, looks)
            looks += 1
        assert looks <= 2, number
        known.deletion.append(waited)
    assert waited <= 1.5 * takes


def test_a_verdict_that_is_not_ready_is_asked_for_less_and_less_often() -> None:
    assert [schedule.verdict_pause(asked) for asked in range(5)] == [30, 60, 120, 240, 300]
    assert schedule.verdict_pause(10_000) == 300
