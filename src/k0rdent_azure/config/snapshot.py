"""The configuration as it stands in the state: taken once at creation, immutable after.

Its keys are those of the plan's example (`cluster.controller_count`, `azure.resource_group`), to which every
other setting is added under its own path. A snapshot that lacks some of them (the example does) is completed
with defaults; keys of another version are left alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from k0rdent_azure.config import nodes
from k0rdent_azure.config.images import DEBIAN_X64, SIZES, image_traits
from k0rdent_azure.config.layers import Layers, default_layer, document_layer
from k0rdent_azure.config.load import LoadedConfig, fail_on_errors, finish
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.settings import SETTINGS, setting_of
from k0rdent_azure.config.validate import check_snapshot
from k0rdent_azure.config.values import Source, Value
from k0rdent_azure.errors import Fault

_LABEL = "configuration in the state"
#: The plan's flat names of what the configuration nests.
_FLAT = {
    "controller_count": ("controllers", "count"),
    "controller_zones": ("controllers", "zones"),
    "worker_count": ("workers", "count"),
    "worker_zones": ("workers", "zones"),
}

#: Rules for the workspace: they follow the file for as long as the deployment lives.
WORKSPACE_SECTIONS = ("snapshots", "drift")


def to_snapshot(config: Config, *, resource_group: str) -> dict[str, object]:
    """The `configuration` section for a new deployment; plain data, no nulls.

    `resource_group` is the group's true name; `existing_group` tells that the user named it.
    """
    whole = msgspec.to_builtins(config)
    azure = {**whole["azure"], "resource_group": resource_group}
    if config.azure.resource_group is not None:
        azure["existing_group"] = True
    cluster = {flat: whole["cluster"][pool][key] for flat, (pool, key) in _FLAT.items()}
    sections = {**whole, "azure": azure, "cluster": cluster}
    order = ("azure", "cluster", "network")
    names = [*order, *(name for name in sections if name not in (*order, *WORKSPACE_SECTIONS))]
    # `kof` is the user's own, nulls included.
    return {name: sections[name] if name == "kof" else _written(sections[name]) for name in names}


def from_snapshot(configuration: Mapping[str, object]) -> Config:
    """The configuration that a deployment was created with. Raises ConfigError where it makes no sense."""
    return load_snapshot(configuration).config


def load_snapshot(configuration: Mapping[str, object]) -> LoadedConfig:
    """`from_snapshot` with the source of every value: the snapshot, or the default of what it lacks."""
    layers = _layers(configuration)
    fail_on_errors([*layers.faults, *_required(layers), *check_snapshot(layers.values)], _LABEL)
    return finish(layers)


def with_workspace_settings(taken: LoadedConfig, wanted: LoadedConfig) -> LoadedConfig:
    """The settings in force: those of the deployment as they were taken, those of the workspace as wanted now."""

    def followed(path: str) -> bool:
        return path.partition(".")[0] in WORKSPACE_SECTIONS

    return dataclasses.replace(
        taken,
        values={path: (wanted if followed(path) else taken).values[path] for path in taken.values},
        sources={path: (wanted if followed(path) else taken).sources[path] for path in taken.sources},
    )


def differs(loaded: LoadedConfig, snapshot: Mapping[str, object]) -> list[str]:
    """Dotted paths whose value is wanted otherwise now than the snapshot has it, in the order of the model.

    A setting that the snapshot does not hold cannot differ; an optional one counts as held, because nulls
    are not written.
    """
    taken = {".".join(keys): value.value for keys, value in _layers(snapshot).values.items()}
    missing = object()
    changed = [
        path
        for path in {**loaded.values, **taken}
        if loaded.values.get(path, missing) != taken.get(path, missing) and _held(path, _nested(snapshot))
    ]
    order = list(SETTINGS)
    return sorted(changed, key=lambda path: order.index(setting_of(path).path))


def wishes(loaded: LoadedConfig, changed: Sequence[str], digest: str | None) -> Wishes:
    """Who wants `changed`, what differs from the snapshot, otherwise: `digest` is of the file at creation.

    While the file's bytes are the same, it was not changed: then an earlier flag or variable made the difference.
    """
    given = {path: loaded.sources[path] for path in changed if path in loaded.sources}
    given = {path: source for path, source in given.items() if source.kind in ("flag", "variable")}
    is_new = digest is None or loaded.digest != digest
    return Wishes(
        given=list(dict.fromkeys(source.where or path for path, source in given.items())),
        file=[path for path in changed if path not in given] if is_new else [],
    )


@dataclass(frozen=True, slots=True)
class Wishes:
    """`given` names flags and variables, `file` paths that the file wants otherwise since it was changed."""

    given: list[str]
    file: list[str]


def _held(path: str, nested: Mapping[str, object]) -> bool:
    setting = setting_of(path)
    *sections, name = setting.path.split(".")
    place: object = nested
    for section in sections:
        place = place.get(section) if isinstance(place, dict) else None
    return isinstance(place, dict) and (name in place or setting.optional)


def _layers(configuration: Mapping[str, object]) -> Layers:
    layers = Layers()
    default_layer(layers)
    root = nodes.tree(_nested(configuration))
    if isinstance(root, nodes.Mapping):
        document_layer(layers, root, file=_LABEL, kind="snapshot")
    _sizes(layers)
    return layers


def _nested(configuration: Mapping[str, object]) -> dict[str, object]:
    """The snapshot's keys as the configuration has them."""
    nested = dict(configuration)
    azure, cluster = configuration.get("azure"), configuration.get("cluster")
    if isinstance(azure, dict):
        own = () if azure.get("existing_group") is True else ("resource_group",)
        nested["azure"] = {key: value for key, value in azure.items() if key not in (*own, "existing_group")}
    if isinstance(cluster, dict):
        pools: dict[str, dict[str, object]] = {}
        for flat, (pool, key) in _FLAT.items():
            if flat in cluster:
                pools.setdefault(pool, {})[key] = cluster[flat]
        nested["cluster"] = {**{k: v for k, v in cluster.items() if k not in _FLAT}, **pools}
    return nested


def _sizes(layers: Layers) -> None:
    """Sizes that fit the image, where the snapshot (the plan's, or another writer's) names none."""
    image = layers.values.get(("azure", "vm_image"))
    traits = image_traits(str(image.value)) if image is not None else None
    sizes = SIZES[(traits and traits.architecture) or "x86-64"]
    for role, size in zip(("controller", "worker"), sizes, strict=True):
        if ("vm_sizing", role, "size") not in layers.values:
            layers.put(("vm_sizing", role, "size"), Value(size, Source("default")))
    if image is None:
        layers.put(("azure", "vm_image"), Value(DEBIAN_X64, Source("default")))


def _required(layers: Layers) -> list[Fault]:
    needed = (("azure", "location"), ("cluster", "controllers", "count"), ("cluster", "workers", "count"))
    return [
        Fault(path=".".join(keys), message="is missing", origin=_LABEL)
        for keys in needed
        if keys not in layers.values and ".".join(keys) not in layers.broken
    ]


def _written(value: object) -> object:
    """As YAML has it: without nulls, with lists."""
    if isinstance(value, dict):
        return {key: _written(item) for key, item in value.items() if item is not None}
    return list(value) if isinstance(value, tuple) else value
