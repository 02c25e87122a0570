"""What Azure answered right after deployment, where that is not what was wanted: policies' tags, its own spellings.

The answer comes with the deployment's record, as outputs, so it costs no request. The state keeps the differences
alone, and of those that many resources share one line.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from k0rdent_azure.azure.drift_facts import GROUP, TAG, ResourceFacts, flatten, listed
from k0rdent_azure.azure.drift_values import NOTHING, Fact
from k0rdent_azure.azure.drift_wanted import Wanted
from k0rdent_azure.azure.reading import mapping
from k0rdent_azure.config import resource_ids
from k0rdent_azure.state.model import BaselineDifference

#: The field of a resource as a whole: None where a wanted one was not there, else all facts of one nobody wanted.
EXISTS = "exists"
_EVERYTHING = "*"
#: What Azure gives, which the state keeps in places of its own.
_GIVEN = frozenset({"address", "power_state"})


class Difference(NamedTuple):
    """`resource` is an id in lower case."""

    resource: str
    field: str


#: What was there, as `Fact.key`; None where nothing was.
Known = Mapping[Difference, str | None]


class Change(NamedTuple):
    """A field with what was wanted and what is there; None for a tag that is not there."""

    field: str
    wanted: Fact | None
    found: Fact | None


def differences(each: ResourceFacts, there: ResourceFacts) -> Iterator[Change]:
    """The fields that differ. One that either side does not tell is not known there, unless it is a tag."""
    for field in [*each.fields, *(name for name in there.fields if name not in each.fields)]:
        want, now = each.fields.get(field), there.fields.get(field)
        told = want is not None and now is not None and field != "provisioning_state"
        if not (told or (field.startswith(TAG) and each.has_tags)):
            continue
        if (want or NOTHING).key != (now or NOTHING).key:
            yield Change(field, want, now)


def answered(outputs: Mapping[str, object], scope: str) -> list[ResourceFacts]:
    """The resources of a deployment's outputs: `baseline`, by id below the group, and `group` where it is its own."""
    found: list[ResourceFacts] = []
    for path, body in mapping(outputs, "baseline").items():
        type_, _, name = path.rpartition("/")
        if isinstance(body, dict):
            it = {**body, "id": f"{scope}/providers/{path}", "type": type_, "name": name}
            # Of what was there before, a record tells tags and place only: nothing is known of the rest.
            found += flatten(it) if "properties" in body else [listed(it)]
    if group := mapping(outputs, "group"):
        found += flatten({**group, "id": scope, "type": GROUP, "name": resource_ids.name(scope)})
    return found


def observe(wanted: Wanted, found: Iterable[ResourceFacts], earlier: Known) -> Known:
    """The baseline with what `found` says of its resources; what it says nothing of stays as it was."""
    there = {each.key: each for each in found}
    parents = {resource_ids.parent(key) for key in there}
    news: dict[Difference, str | None] = {
        each: value for each, value in earlier.items() if not _is_told(each, there, parents)
    }
    for key, each in there.items():
        want = wanted.resources.get(key)
        if want is None:
            news[Difference(key, EXISTS)] = each.fingerprint
            continue
        for change in differences(want, each):
            if change.field in _GIVEN:
                continue
            news[Difference(key, change.field)] = change.found.key if change.found else None
    # What is wanted and was not there is no peculiarity of Azure's: it is missed from the first day on.
    return news


def _is_told(each: Difference, there: Mapping[str, ResourceFacts], parents: Collection[str]) -> bool:
    """Whether `there` tells this field; of a rule or a subnet that is not in it, whether its siblings are."""
    own = there.get(each.resource)
    if own is None:
        parent = resource_ids.parent(each.resource)
        return parent in there and parent in parents
    return each.field in own.fields or each.field == EXISTS or each.field.startswith(TAG)


def encode(known: Known, wanted: Wanted) -> list[BaselineDifference]:
    """For the state: one entry for each field and value, with patterns in place of long lists of resources."""
    shared: dict[tuple[str, str | None], list[str]] = {}
    for each, value in known.items():
        shared.setdefault((each.field, value), []).append(each.resource)
    whole = _by_type(wanted)
    return [
        BaselineDifference(field=field, value=value, resources=_short(resources, whole, wanted))
        for (field, value), resources in sorted(shared.items(), key=str)
    ]


def decode(recorded: Iterable[BaselineDifference], wanted: Wanted) -> Known:
    """The reverse of `encode`."""
    return {
        Difference(key, each.field): each.value
        for each in recorded
        for pattern in each.resources
        for key in _long(pattern, _by_type(wanted), wanted)
    }


def _by_type(wanted: Wanted) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {_EVERYTHING: set()}
    for key, each in wanted.resources.items():
        # A disk is named by its VM and stands in no output.
        if each.has_tags:
            found.setdefault(f"{each.type}/{_EVERYTHING}", set()).add(key)
            found[_EVERYTHING].add(key)
    return found


def _short(resources: Collection[str], whole: Mapping[str, set[str]], wanted: Wanted) -> list[str]:
    rest, patterns = set(resources), []
    for pattern, members in whole.items():
        if len(members) > 1 and members <= rest:
            patterns.append(pattern)
            rest -= members
    scope = wanted.group.lower()
    return [*patterns, *sorted(each.removeprefix(scope).removeprefix("/providers/") or "." for each in rest)]


def _long(pattern: str, whole: Mapping[str, set[str]], wanted: Wanted) -> Collection[str]:
    if pattern.endswith(_EVERYTHING):
        return whole.get(pattern, ())
    scope = wanted.group.lower()
    return [scope if pattern == "." else f"{scope}/providers/{pattern}"]
