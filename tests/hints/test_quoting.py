"""Ids come from Azure, and some hold blanks (`Failure Anomalies - site`): each is one word of a hint."""

from __future__ import annotations

import shlex

import pytest

from k0rdent_azure.azure.ownership import Stranger
from k0rdent_azure.azure.sight import Sight
from k0rdent_azure.errors import StrangerError
from k0rdent_azure.phases import removal_check
from k0rdent_azure.phases.removal_check import Found
from tests.hints.commands import foreign_commands

NAMES = ("Failure Anomalies - site", "rule (theirs)", "it's", "$(touch harm)", "a;b", "`id`")


@pytest.mark.parametrize("name", NAMES)
def test_an_id_is_one_word(name: str) -> None:
    resource_id = f"/subscriptions/s/resourceGroups/g/providers/microsoft.alertsmanagement/rules/{name}"
    foreign = [Stranger(resource_id, "microsoft.alertsmanagement/rules", name, "it has no tag of ours")]
    with pytest.raises(StrangerError) as refused:
        removal_check.permit(
            Found(seen=Sight(exists=True, resources=[]), exists=True, foreign=foreign), delete_foreign=False
        )
    assert refused.value.hint is not None
    command = next(foreign_commands(refused.value.hint))
    assert shlex.split(command)[-2:] == ["--ids", resource_id]
