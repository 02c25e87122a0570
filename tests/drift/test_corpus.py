"""The drift corpus: every drift is found and rightly classed, and nothing harmless is reported."""

from __future__ import annotations

import pytest

from tests.drift.conftest import Deployed, told
from tests.drift.drifts import DRIFTS
from tests.drift.harmless import HARMLESS
from tests.drift.steps import Case

#: The cloud is served in the loop of the whole file.
in_its_loop = pytest.mark.asyncio(loop_scope="module")


def test_the_corpus_is_as_large_as_it_has_to_be() -> None:
    assert len(DRIFTS) >= 60
    assert len(HARMLESS) >= 40
    for cases in (DRIFTS, HARMLESS):
        assert len({case.what for case in cases}) == len(cases)


@in_its_loop
async def test_a_fresh_deployment_is_clean(deployed: Deployed) -> None:
    found = await deployed.validate()
    assert told(found) == []
    assert not found.found.unread


@in_its_loop
@pytest.mark.parametrize("case", DRIFTS, ids=lambda case: case.what)
async def test_a_drift_is_found_and_classed(deployed: Deployed, case: Case) -> None:
    found = await deployed.validate(*case.steps)
    assert told(found) == sorted(case.expected)
    assert all(each.action for each in found.findings)
    assert not found.found.unread


@in_its_loop
@pytest.mark.parametrize("case", HARMLESS, ids=lambda case: case.what)
async def test_what_is_harmless_is_no_drift(deployed: Deployed, case: Case) -> None:
    before = deployed.save()
    found = await deployed.validate(*case.steps)
    assert told(found) == []
    assert deployed.save() != before, "this case changes nothing in the cloud, so it proves nothing"
