"""The resources of a template, one by one, after copy loops and nesting of child resources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from k0rdent_azure.rehearsal import ids
from k0rdent_azure.rehearsal.arm import template
from k0rdent_azure.rehearsal.arm.arm_errors import invalid_template
from k0rdent_azure.rehearsal.arm.expressions import Resolve, evaluate
from k0rdent_azure.rehearsal.arm.scope import Target
from k0rdent_azure.rehearsal.arm.template import Copy
from k0rdent_azure.rehearsal.records import Json

GROUPS = "Microsoft.Resources/resourceGroups"
DEPLOYMENTS = "Microsoft.Resources/deployments"
_AT_SUBSCRIPTION = {GROUPS.lower(), DEPLOYMENTS.lower()}

Resolver = Callable[[list[Copy]], Resolve]


@dataclass(slots=True, eq=False)
class Item:
    """One resource to deploy, and what became of it: `ended` is the moment at which others may build on it,
    `succeeded` is False also where something that it needs failed, so that it was never started. `skipped`
    says that its condition is false; `shown` is what `reference` finds in it."""

    raw: Json
    type: str
    name: str
    id: str
    loops: list[Copy]
    symbol: str = ""
    skipped: bool = False
    visiting: bool = False
    planned: bool = False
    succeeded: bool = True
    ended: float = 0.0
    ends: list[float] = field(default_factory=list)
    shown: Json = field(default_factory=dict)


def expand(document: Json, target: Target, resolver: Resolver) -> list[Item]:
    """All resources of a template. Raises ArmError (InvalidTemplate)."""
    for key in ("$schema", "contentVersion", "resources"):
        if key not in document:
            raise invalid_template(f"The template property '{key}' is required")
    resources = document["resources"]
    named = (
        resources.items() if isinstance(resources, dict) else (("", each) for each in _sequence(resources))
    )
    items = [
        item
        for symbol, raw in named
        for item in _expand_one(
            template.require_mapping(raw, "a resource of the template"), target, resolver, symbol=symbol
        )
    ]
    _check_unique(items)
    return items


def _expand_one(
    raw: Json, target: Target, resolver: Resolver, *, symbol: str = "", parent: Item | None = None
) -> Iterator[Item]:
    outer = parent.loops if parent else []
    for turn in template.turns(raw["copy"], resolver(outer)) if "copy" in raw else [None]:
        loops = [*outer, turn] if turn else list(outer)
        item = _item(raw, loops, target, resolver, symbol=symbol, parent=parent)
        yield item
        for child in _sequence(raw.get("resources", [])):
            yield from _expand_one(
                template.require_mapping(child, "a child resource"), target, resolver, parent=item
            )


def _item(
    raw: Json, loops: list[Copy], target: Target, resolver: Resolver, *, symbol: str, parent: Item | None
) -> Item:
    for key in ("type", "name", "apiVersion"):
        if key not in raw:
            raise invalid_template(f"The template resource '{raw.get('name', '')}' has no property '{key}'")
    type_, name = str(raw["type"]), str(evaluate(raw["name"], resolver(loops)))
    if parent is not None:
        type_, name = f"{parent.type}/{type_}", f"{parent.name}/{name}"
    if not target.group and type_.lower() not in _AT_SUBSCRIPTION:
        raise invalid_template(f"The resource type '{type_}' cannot be deployed at subscription scope")
    try:
        id_ = (
            ids.group_scope(target.subscription, name)
            if type_.lower() == GROUPS.lower()
            else ids.resource_id(target.scope, type_, name)
        )
    except ValueError as error:
        raise invalid_template(
            f"The template resource '{name}' for type '{type_}' has incorrect segment lengths: {error}"
        ) from error
    wanted = evaluate(raw.get("condition", True), resolver(loops))
    return Item(raw, type_, name, id_, loops, symbol, skipped=wanted is False)


def find(items: list[Item], wanted: str) -> list[Item]:
    """What `dependsOn` or `reference` means by `wanted`: an id, a name, a symbol, or a copy loop's name."""
    key = wanted.lower()
    by_id = [item for item in items if key in (item.id.lower(), f"{item.type}/{item.name}".lower())]
    if by_id:
        return by_id
    by_name = [item for item in items if key in (item.name.lower(), item.symbol.lower())]
    return by_name or [item for item in items if any(loop.name == key for loop in item.loops)]


def _check_unique(items: list[Item]) -> None:
    seen: set[str] = set()
    for item in items:
        if item.id.lower() in seen:
            raise invalid_template(f"The resource '{item.id}' is defined multiple times in a template")
        seen.add(item.id.lower())
    if len(items) > template.MAXIMUM_RESOURCES:
        raise invalid_template(f"The template has more than {template.MAXIMUM_RESOURCES} resources")


def _sequence(value: object) -> list[object]:
    if not isinstance(value, list):
        raise invalid_template("The template property 'resources' is not an array")
    return value
