"""The settings, derived from the model: path, kind, default and variable.

A setting is declared once, in `config.model`. Its dotted path is its place in the file, `--set` uses the same
path, and its variable is `K0RDENT_AZURE_` plus the path in capitals with underscores.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import UnionType
from typing import Literal, get_args, get_origin

import msgspec

from k0rdent_azure.config.model import Config, IgnoreRule

PREFIX = "K0RDENT_AZURE_"

Kind = Literal["text", "number", "choice", "numbers", "texts", "text map", "rules", "free map"]


@dataclass(frozen=True, slots=True)
class Setting:
    """`default` is msgspec.NODEFAULT where the user must say; `optional` settings may also be null."""

    path: str
    kind: Kind
    default: object
    optional: bool = False
    choices: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        return self.default is msgspec.NODEFAULT

    @property
    def variable(self) -> str:
        return PREFIX + self.path.replace(".", "_").upper()

    @property
    def expected(self) -> str:
        """What a value must look like, in words."""
        return {
            "text": "text",
            "number": "a whole number",
            "choice": f"one of {', '.join(self.choices)}",
            "numbers": "a list of whole numbers such as [1, 2]",
            "texts": "a list of texts such as [a, b]",
            "text map": "a mapping of names to texts",
            "rules": "a list of rules, each with a reason, and resource, field and until where wanted",
            "free map": "a mapping",
        }[self.kind]


def _kind(annotation: object) -> tuple[Kind, bool, tuple[str, ...]]:
    if isinstance(annotation, UnionType):
        (inner,) = (part for part in get_args(annotation) if part is not type(None))
        kind, _, choices = _kind(inner)
        return kind, True, choices
    if get_origin(annotation) is Literal:
        return "choice", False, get_args(annotation)
    kinds: dict[object, Kind] = {
        str: "text",
        int: "number",
        tuple[int, ...]: "numbers",
        tuple[str, ...]: "texts",
        dict[str, str]: "text map",
        tuple[IgnoreRule, ...]: "rules",
        dict[str, object]: "free map",
    }
    return kinds[annotation], False, ()


def _settings(struct: type[msgspec.Struct], prefix: str = "") -> Iterable[Setting]:
    for field in msgspec.structs.fields(struct):
        path = prefix + field.name
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _settings(field.type, f"{path}.")
            continue
        kind, optional, choices = _kind(field.type)
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        yield Setting(path, kind, default, optional, choices)


#: Every setting by its dotted path, in the order of the model.
SETTINGS: dict[str, Setting] = {setting.path: setting for setting in _settings(Config)}
#: Every section (`cluster`, `cluster.workers`, …) with the names below it.
SECTIONS: dict[str, tuple[str, ...]] = {}
for _path in SETTINGS:
    _parts = _path.split(".")
    for _depth, _name in enumerate(_parts):
        _section = ".".join(_parts[:_depth])
        if _name not in SECTIONS.setdefault(_section, ()):
            SECTIONS[_section] += (_name,)
#: By variable name; `kof` has free keys, so no variable can name them.
VARIABLES: dict[str, Setting] = {
    setting.variable: setting for setting in SETTINGS.values() if setting.kind != "free map"
}


def setting_of(path: str) -> Setting:
    """The setting of a leaf path, which for `azure.tags.team` is `azure.tags`. Raises KeyError."""
    while path not in SETTINGS and path:
        path = path.rpartition(".")[0]
    return SETTINGS[path]
