"""Rules of ours that cannot be put back, because somebody's own rule has their priority and direction. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from shlex import quote

import msgspec

from k0rdent_azure.azure.drift_facts import RULE, ResourceFacts
from k0rdent_azure.azure.drift_values import NOTHING
from k0rdent_azure.config import resource_ids
from k0rdent_azure.state.finding import Finding

_Place = tuple[str, str, str]


def left(
    findings: Iterable[Finding], wanted: Mapping[str, ResourceFacts], found: Mapping[str, ResourceFacts]
) -> list[Finding]:
    """The findings, with those of such rules left to a person: their action says which rule to move, and where to."""
    there = [each for each in found.values() if each.type == RULE]
    theirs = {_place(each): each for each in there if each.key not in wanted}
    used = {_place(each) for each in there} | {_place(each) for each in wanted.values() if each.type == RULE}
    return [_left(each, wanted, theirs, used) for each in findings]


def _left(
    finding: Finding,
    wanted: Mapping[str, ResourceFacts],
    theirs: Mapping[_Place, ResourceFacts],
    used: Iterable[_Place],
) -> Finding:
    ours = wanted.get(finding.resource.lower())
    blocker = theirs.get(_place(ours)) if ours is not None and ours.type == RULE else None
    if ours is None or blocker is None:
        return finding
    free = _free(ours, {*used})
    move = f"az network nsg rule update --ids {quote(blocker.id)} --priority {free}"
    has = f"rule {quote(blocker.name)} has its priority {ours.fields['priority'].text}"
    said = f"{has}; move that one, then repair: {move}"
    return msgspec.structs.replace(finding, repair="none", action=said)


def _free(ours: ResourceFacts, used: set[_Place]) -> int:
    group, priority, direction = _place(ours)
    start = int(priority) if priority.isdigit() else 100
    return next((each for each in range(start + 1, 4097) if (group, str(each), direction) not in used), start)


def _place(rule: ResourceFacts) -> _Place:
    """The security group, priority and direction, of which two rules cannot have the same."""
    group = resource_ids.parent(rule.key)
    return group, rule.fields.get("priority", NOTHING).key, rule.fields.get("direction", NOTHING).key
