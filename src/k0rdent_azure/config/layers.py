"""The layers of a configuration, lowest first: defaults, file, variables, flags. The last one to speak counts.

Each layer puts its values into one `Layers`; every value keeps where it came from, so that a fault (or
`config show`) can name the line, the variable or the flag.
"""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, field
from typing import Literal

from k0rdent_azure.config import reading
from k0rdent_azure.config.document import MAX_FAULTS
from k0rdent_azure.config.nodes import Mapping, Node, Scalar, plain
from k0rdent_azure.config.normal import spelled
from k0rdent_azure.config.reading import Unfit
from k0rdent_azure.config.settings import PREFIX, SECTIONS, SETTINGS, VARIABLES, Setting
from k0rdent_azure.config.suggest import not_a_section, short_path, unknown_key, unknown_variable
from k0rdent_azure.config.values import Keys, Source, Value
from k0rdent_azure.errors import Fault

#: Variables with our prefix that are no settings.
RESERVED = (f"{PREFIX}REHEARSAL_", f"{PREFIX}STATE", f"{PREFIX}DEBUG", f"{PREFIX}AGE_IDENTITY")


@dataclass(slots=True)
class Layers:
    """What all layers together say. A path in `broken` was given, but in a form that cannot be used."""

    values: dict[Keys, Value] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)
    #: The line of each section of the file, to place what is missing in it.
    section_lines: dict[str, int] = field(default_factory=dict)

    def put(self, keys: Keys, value: Value) -> None:
        self.values[keys] = value

    def drop(self, keys: Keys) -> None:
        for other in [k for k in self.values if k[: len(keys)] == keys]:
            del self.values[other]

    def make_way(self, keys: Keys) -> None:
        """In free mappings a lower layer may have a value above or below the path that is about to be set."""
        for other in [k for k in self.values if k[: len(keys)] == keys or keys[: len(k)] == k]:
            del self.values[other]

    def read(self, setting: Setting, keys: Keys, node: Node, at: Value) -> None:
        """Read one setting (or one key of a mapping setting) from `node`; `at` tells where it was given."""
        self.broken.discard(setting.path)
        at = at.on_line(node.line)
        path = ".".join(keys)
        try:
            if setting.kind == "free map":
                self._read_free(keys, node, at)
            elif setting.kind == "text map":
                self._read_map(setting, keys, node, at)
            else:
                self.put(keys, at.with_value(spelled(setting.path, reading.read(setting, node))))
        except Unfit as unfit:
            self.faults.append(_fault_of(unfit, path, at))
            self.broken.add(setting.path)
            self.drop(keys)

    def _read_map(self, setting: Setting, keys: Keys, node: Node, at: Value) -> None:
        if len(keys) > setting.path.count(".") + 1:
            node = Mapping({keys[-1]: node})
            keys = keys[:-1]
        else:
            self.drop(keys)
        entries = reading.read(setting, node)
        assert isinstance(entries, dict)  # noqa: S101 - what `read` gives for a map
        for name, text in entries.items():
            item = node.entries.get(name) if isinstance(node, Mapping) else None
            place = at if item is None else at.on_line(item.line)
            self.put((*keys, name), place.with_value(text))

    def _read_free(self, keys: Keys, node: Node, at: Value) -> None:
        """Everything below `kof`: any keys, any plain values, one leaf for each."""
        try:
            reading.check_text(keys[-1], node.line)
            if isinstance(node, Scalar):
                reading.check_text(node.text, node.line)
            if len(keys) == 1 and not isinstance(node, Mapping) and not _is_null(node):
                raise Unfit("wrong type", expected="a mapping", line=node.line, found=reading.describe(node))
        except Unfit as unfit:
            self.faults.append(_fault_of(unfit, ".".join(keys), at))
            return
        if isinstance(node, Mapping) and node.entries:
            for name, item in node.entries.items():
                self._read_free((*keys, name), item, at.on_line(item.line))
        elif len(keys) > 1:
            self.put(keys, at.with_value(plain(node)))


def default_layer(layers: Layers) -> None:
    for setting in SETTINGS.values():
        if not setting.required and setting.kind not in ("text map", "free map"):
            layers.put(tuple(setting.path.split(".")), Value(setting.default, Source("default")))


def document_layer(layers: Layers, root: Mapping, *, file: str, kind: Literal["file", "snapshot"]) -> None:
    """The settings of a file (with lines), or of a snapshot, whose unknown keys are another version's."""
    _section(layers, root, "", file, kind)


def _section(
    layers: Layers, node: Mapping, prefix: str, file: str, kind: Literal["file", "snapshot"]
) -> None:
    for name, item in node.entries.items():
        if len(layers.faults) >= MAX_FAULTS:
            return
        line = node.lines.get(name)
        at = _at(file, line, kind)
        path = f"{prefix}{name}"
        if path in SETTINGS:
            layers.read(SETTINGS[path], tuple(path.split(".")), item, at)
        elif path in SECTIONS:
            if line is not None:
                layers.section_lines[path] = line
            if isinstance(item, Mapping):
                _section(layers, item, f"{path}.", file, kind)
            elif not _is_null(item):
                layers.faults.append(not_a_section(path, item, at))
                layers.broken.update(p for p in SETTINGS if p.startswith(f"{path}."))
        elif kind == "file":
            layers.faults.append(unknown_key(path, at))


def _at(file: str, line: int | None, kind: Literal["file", "snapshot"]) -> Value:
    if kind == "snapshot":
        return Value(None, Source("snapshot", file))
    return Value(None, Source("file", f"{file}:{line}" if line else file), file, line)


def variable_layer(layers: Layers, environ: AbstractMapping[str, str]) -> None:
    """`K0RDENT_AZURE_*`; an empty variable counts as not set."""
    for name in sorted(environ):
        text = environ[name]
        if not name.startswith(PREFIX) or name.startswith(RESERVED) or not text:
            continue
        at = Value(None, Source("variable", short_path(name)))
        setting = VARIABLES.get(name)
        if setting is None:
            layers.faults.append(unknown_variable(name, at))
        else:
            _read_text(layers, setting, tuple(setting.path.split(".")), text, at)


def override_layer(layers: Layers, overrides: AbstractMapping[str, str]) -> None:
    """`--set PATH=VALUE`; below `azure.tags` and `kof` any key may be named."""
    for path, text in overrides.items():
        at = Value(None, Source("flag", f"--set {short_path(path)}"))
        keys = tuple(path.split("."))
        setting = SETTINGS.get(path)
        if setting is None:
            setting, keys = _below_a_map(path)
        if setting is not None and all(keys) and path.isprintable():
            _read_text(layers, setting, keys, text, at)
        elif path in SECTIONS and path:
            layers.faults.append(not_a_section(path, Scalar(text, quoted=True), at))
        else:
            layers.faults.append(unknown_key(path, at))


def _below_a_map(path: str) -> tuple[Setting | None, Keys]:
    for setting in SETTINGS.values():
        rest = path.removeprefix(f"{setting.path}.")
        if rest != path and setting.kind == "text map":
            return setting, (*setting.path.split("."), rest)
        if rest != path and setting.kind == "free map":
            return setting, tuple(path.split("."))
    return None, tuple(path.split("."))


def _read_text(layers: Layers, setting: Setting, keys: Keys, text: str, at: Value) -> None:
    whole = ".".join(keys) == setting.path
    try:
        reading.check_text(text)
        node = (
            reading.node_from_text(setting, text)
            if whole
            else Scalar(text, quoted=setting.kind != "free map")
        )
    except Unfit as unfit:
        layers.faults.append(_fault_of(unfit, ".".join(keys), at))
        layers.broken.add(setting.path)
        return
    layers.make_way(keys)
    layers.read(setting, keys, node, at)


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.is_null


def _fault_of(unfit: Unfit, path: str, at: Value) -> Fault:
    return at.on_line(unfit.line).fault(
        short_path(path), unfit.message, expected=unfit.expected, found=unfit.found
    )
