"""Drift: what is there now, and is neither what was wanted nor what was there right after deployment. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from k0rdent_azure.azure import drift_blocked
from k0rdent_azure.azure.drift_actions import action
from k0rdent_azure.azure.drift_baseline import EXISTS, Change, Difference, Known, differences
from k0rdent_azure.azure.drift_facts import GROUP, TAG, ResourceFacts
from k0rdent_azure.azure.drift_rules import Verdict, judge, judge_unexpected
from k0rdent_azure.azure.drift_values import NOTHING, Fact, exact, word
from k0rdent_azure.azure.drift_wanted import Wanted
from k0rdent_azure.azure.tags import TAG_DEPLOYMENT, Mark
from k0rdent_azure.config import resource_ids
from k0rdent_azure.state.finding import Finding, FindingKind, Unread, worst_first

_SUCCEEDED = word("Succeeded")
#: The field of a finding that says that another resource took a name.
INCARNATION = "incarnation"


@dataclass(frozen=True, slots=True)
class Found:
    """What was read. `exists` False: the group is gone, and nothing else was asked.

    `detailed` are the types (in lower case) whose own list was read; of others only the group's list tells, where
    `complete` says that it was read.
    """

    exists: bool
    resources: Mapping[str, ResourceFacts] = field(default_factory=dict)
    detailed: frozenset[str] = frozenset()
    complete: bool = False
    unread: Sequence[Unread] = ()
    #: What virtual networks' tags tell of the newest change, by id in lower case.
    marks: Mapping[str, Mark] = field(default_factory=dict)

    def knows(self, type_: str) -> bool:
        """Whether a resource of this type that is not among `resources` is not there."""
        kind = type_.lower()
        if kind.count("/") > 1:
            return kind.rpartition("/")[0] in self.detailed
        return kind in self.detailed or self.complete


def compare(
    wanted: Wanted, found: Found, baseline: Known | None = None, *, not_yet: Collection[str] = ()
) -> list[Finding]:
    """Every difference, the worst first.

    `baseline` is what Azure answered right after deployment and was not what was wanted. `not_yet` are ids (in lower
    case) that the state itself does not say exist: those that are missing are no drift.
    """
    if not found.exists:
        return [] if wanted.group.lower() in not_yet else [_group_gone(wanted)]
    known = baseline or {}
    findings: list[Finding] = []
    for key, each in wanted.resources.items():
        there = found.resources.get(key)
        if there is not None:
            another = _another(each, there, wanted.incarnations.get(key, ""))
            findings += [another] if another else _changes(each, there, known)
        elif found.knows(each.type) and key not in not_yet and not _parent_missing(each, wanted, found):
            findings.append(_finding("missing", each, judge("missing", each.type)))
    findings += (
        each
        for resource in found.resources.values()
        if resource.key not in wanted.resources
        and _is_ours_to_judge(resource, wanted)
        and not _parent_unexpected(resource, wanted, found)
        for each in _unexpected(resource, known)
    )
    return worst_first(drift_blocked.left(findings, wanted.resources, found.resources))


def _group_gone(wanted: Wanted) -> Finding:
    """One finding in place of one for each of its resources: they went with it."""
    name = resource_ids.name(wanted.group)
    return _finding("missing", ResourceFacts(wanted.group, GROUP, name, {}), judge("missing", GROUP))


def _parent_missing(each: ResourceFacts, wanted: Wanted, found: Found) -> bool:
    """A rule or a subnet whose group or network is gone is not worth a finding of its own."""
    parent = resource_ids.parent(each.key)
    return parent in wanted.resources and parent not in found.resources


def _parent_unexpected(each: ResourceFacts, wanted: Wanted, found: Found) -> bool:
    """A rule in somebody's own security group is no finding beside the group."""
    parent = resource_ids.parent(each.key)
    return parent in found.resources and parent not in wanted.resources


def _unexpected(each: ResourceFacts, known: Known) -> Iterator[Finding]:
    if known.get(Difference(each.key, EXISTS)) != each.fingerprint:
        yield _finding("unexpected", each, judge_unexpected(each))


def _is_ours_to_judge(each: ResourceFacts, wanted: Wanted) -> bool:
    """Everything in a group of our own; in the user's, what carries our tag or is part of what we made."""
    if wanted.owned:
        return True
    tag = each.fields.get(f"{TAG}{TAG_DEPLOYMENT}", NOTHING)
    return tag.key == wanted.deployment_id or resource_ids.parent(each.key) in wanted.resources


def _another(each: ResourceFacts, there: ResourceFacts, recorded: str) -> Finding | None:
    """Somebody's own resource under a name of ours is one finding: how it differs is nobody's business here."""
    if not (recorded and there.incarnation) or recorded.lower() == there.incarnation.lower():
        return None
    change = Change(INCARNATION, exact(recorded), exact(there.incarnation))
    return _finding("changed", there, judge("changed", each.type, *change), change)


def _changes(each: ResourceFacts, there: ResourceFacts, known: Known) -> Iterator[Finding]:
    is_spot = each.fields.get("priority", NOTHING).key == "spot"
    for change in differences(each, there):
        recorded = Difference(each.key, change.field)
        if recorded in known and known[recorded] == (change.found.key if change.found else None):
            continue
        verdict = judge("changed", each.type, *change)
        yield _finding("changed", there, verdict, change, is_spot=is_spot)
    state = there.fields.get("provisioning_state", _SUCCEEDED)
    if state.key != _SUCCEEDED.key:
        change = Change("provisioning_state", _SUCCEEDED, state)
        verdict = judge("changed", each.type, *change)
        if verdict.repair == "recreate" and there.fields.get("power_state", NOTHING).key == "running":
            # What failed was a change of it (an extension, a tag, a size): it is sent again, and keeps its disk.
            verdict = verdict._replace(repair="restore")
        yield _finding("changed", there, verdict, change)


def _finding(
    kind: FindingKind,
    each: ResourceFacts,
    verdict: Verdict,
    change: Change | None = None,
    *,
    is_spot: bool = False,
) -> Finding:
    found = Finding(
        kind=kind,
        severity=verdict.severity,
        resource=each.id,
        type=each.type,
        name=each.name,
        field=change.field if change else None,
        expected=_shown(change.wanted) if change else None,
        found=_shown(change.found) if change else None,
        repair=verdict.repair,
    )
    return msgspec.structs.replace(found, action=action(found, is_spot=is_spot))


def _shown(fact: Fact | None) -> str | None:
    return fact.text or None if fact else None
