"""Lists of which a part is ours: joined by name or id as Azure compares them, without regard to case. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from k0rdent_azure.azure.reading import mapping, number, option, text
from k0rdent_azure.config import resource_ids

Body = Mapping[str, object]
Json = dict[str, object]
Join = Callable[[Body, Body], Json]


def tags(found: Body, wanted: Body) -> Json:
    """Theirs, with ours put right, also where the name is spelled in another case: names of tags have none."""
    ours = {name.lower() for name in wanted}
    return {**{name: value for name, value in found.items() if name.lower() not in ours}, **wanted}


def by_name(found: Sequence[Json], wanted: Sequence[Json], join: Join) -> list[Json]:
    """Theirs as they stand and where they stand, ours joined with what has their name, new ones of ours at the end."""
    return _joined(found, wanted, join, lambda each: text(each, "name").lower())


def by_id(
    found: Sequence[Json], wanted: Sequence[Json], join: Join, plain: Callable[[object], str]
) -> list[Json]:
    """The same for references; `plain` gives the id that one of ours stands for."""
    return _joined(found, wanted, join, lambda each: resource_ids.key(plain(each.get("id"))))


def _joined(
    found: Sequence[Json], wanted: Sequence[Json], join: Join, key: Callable[[Body], str]
) -> list[Json]:
    ours = {key(each): each for each in wanted}
    kept = [join(each, ours.pop(key(each))) if key(each) in ours else dict(each) for each in found]
    return [*kept, *(dict(each) for each in ours.values())]


def one_primary(joined: Sequence[Json], found: Sequence[Json]) -> list[Json]:
    """Azure takes exactly one primary: where somebody made another one so, it stays, and ours is none."""
    if sum(_is_primary(each) for each in joined) < 2:
        return list(joined)
    before = [_is_primary(each) for each in found] + [False] * (len(joined) - len(found))
    return [
        {**each, "properties": {**mapping(each, "properties"), "primary": was}}
        for each, was in zip(joined, before, strict=True)
    ]


def _is_primary(each: Body) -> bool:
    return mapping(each, "properties").get("primary") is True


class RuleConflict(NamedTuple):
    """A rule of ours, by name, and somebody else's that has its priority and direction."""

    ours: str
    theirs: str
    priority: int
    direction: str


def rules(found: Sequence[Json], wanted: Sequence[Json]) -> list[Json]:
    """Security rules: ours as they should be; one whose place somebody else's has stays as it is."""
    left = {conflict.ours.lower() for conflict in rules_in_the_way(found, wanted)}
    return by_name(found, [each for each in wanted if text(each, "name").lower() not in left], _rule)


def rules_in_the_way(found: Sequence[Json], wanted: Sequence[Json]) -> list[RuleConflict]:
    """Rules of others that keep ours from being as they should be: two cannot have one priority and direction."""
    ours = {text(each, "name").lower(): each for each in wanted}
    there = {text(each, "name").lower(): each for each in found}
    taken = {_place(each): each for name, each in there.items() if name not in ours}
    conflicts: list[RuleConflict] = []
    waiting = dict(ours)
    while blocked := {name: taken[_place(each)] for name, each in waiting.items() if _place(each) in taken}:
        for name, theirs in blocked.items():
            rule = waiting.pop(name)
            priority, direction = _place(rule)
            conflicts.append(RuleConflict(text(rule, "name"), text(theirs, "name"), priority, direction))
            if name in there:
                # It stays where it is, which may be where another one of ours belongs.
                taken[_place(there[name])] = there[name]
    return conflicts


def free_priority(found: Sequence[Json], direction: str, near: int) -> int:
    """The next priority above `near` that no rule of that direction has; `near` where all are taken."""
    used = {_place(each) for each in found}
    return next((each for each in range(near + 1, 4097) if (each, direction) not in used), near)


def _place(rule: Body) -> tuple[int, str]:
    properties = mapping(rule, "properties")
    return (number(properties, "priority"), option(properties, "direction").lower())


def _rule(found: Body, wanted: Body) -> Json:
    """Ours as a whole, as sources, ports and destinations have several spellings each; their description stays."""
    note = text(mapping(found, "properties"), "description")
    kept = {"description": note} if note else {}
    return {**wanted, "properties": {**kept, **mapping(wanted, "properties")}}


def prefixes(found: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Address prefixes: theirs stay, ours are added where none of theirs holds them, parts of ours are not repeated."""
    theirs, ours = [_network(each) for each in found], [_network(each) for each in wanted]
    kept = [
        text
        for text, network in zip(found, theirs, strict=True)
        if not any(_holds(own, network) and own != network for own in ours)
    ]
    added = [
        text
        for text, network in zip(wanted, ours, strict=True)
        if not any(_holds(each, network) for each in theirs)
    ]
    return [*kept, *added]


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(prefix: str) -> _Network | str:
    """What is no prefix is compared as it is spelled."""
    try:
        return ipaddress.ip_network(prefix.strip(), strict=False)
    except ValueError:
        return prefix


def _holds(outer: _Network | str, inner: _Network | str) -> bool:
    if isinstance(outer, str) or isinstance(inner, str) or outer.version != inner.version:
        return outer == inner
    return inner[0] in outer and inner[-1] in outer
