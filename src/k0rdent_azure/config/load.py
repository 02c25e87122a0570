"""A configuration from all its layers, every fault told at once, every value with its source."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from k0rdent_azure.config import document
from k0rdent_azure.config.layers import (
    Layers,
    default_layer,
    document_layer,
    override_layer,
    variable_layer,
)
from k0rdent_azure.config.model import Config
from k0rdent_azure.config.settings import SETTINGS, setting_of
from k0rdent_azure.config.validate import check
from k0rdent_azure.config.values import Source, Value
from k0rdent_azure.errors import ConfigError, Fault, UsageError

__all__ = ["LoadedConfig", "Source", "fail_on_errors", "finish", "load", "load_bytes", "parse_overrides"]


@dataclass(frozen=True)
class LoadedConfig:
    """`sources` by dotted leaf path (`cluster.workers.count`, `azure.tags.team`, `kof.enabled`).

    `values` has the same keys in the same order. `digest` is the SHA-256 of the file's bytes.
    """

    config: Config
    sources: dict[str, Source]
    values: dict[str, object]
    warnings: tuple[Fault, ...] = ()
    path: Path | None = None
    digest: str | None = None


def load(
    path: Path | None, *, environ: Mapping[str, str], overrides: Mapping[str, str] | None = None
) -> LoadedConfig:
    """Defaults, then the file (None: no file), then `K0RDENT_AZURE_*`, then `--set` overrides.

    Raises ConfigError with every fault that was found.
    """
    label = None if path is None else _label(path)
    data = None if path is None or label is None else document.read_bytes(path, label)
    loaded = load_bytes(data, label=label, environ=environ, overrides=overrides)
    return dataclasses.replace(loaded, path=path)


def load_bytes(
    data: bytes | None,
    *,
    label: str | None = None,
    environ: Mapping[str, str],
    overrides: Mapping[str, str] | None = None,
) -> LoadedConfig:
    """`load` for a file's bytes; `label` names them in faults."""
    layers = Layers()
    default_layer(layers)
    if data is not None:
        _read_document(layers, data, label or "configuration")
    variable_layer(layers, environ)
    override_layer(layers, overrides or {})
    _worker_size(layers)
    layers.faults.extend(_missing(layers, label))
    layers.faults.extend(check(layers.values))
    fail_on_errors(layers.faults, label or "configuration")
    return finish(layers, digest=None if data is None else hashlib.sha256(data).hexdigest())


def _read_document(layers: Layers, data: bytes, label: str) -> None:
    """Raises ConfigError where the YAML cannot be read to its end: the half of a file allows no conclusions."""
    root, faults = document.parse(data, label)
    if root is None:
        raise _failure(faults, label)
    document_layer(layers, root, file=label, kind="file")
    # A refused alias, say, leaves its setting without a value; that is one fault, not two.
    told = {fault.line for fault in faults}
    layers.faults[:] = [*faults, *(fault for fault in layers.faults if fault.line not in told)]


def finish(layers: Layers, *, digest: str | None = None) -> LoadedConfig:
    """The typed configuration of layers that passed every check."""
    ordered = _ordered(layers)
    return LoadedConfig(
        config=_build(layers),
        sources={".".join(keys): value.source for keys, value in ordered},
        values={".".join(keys): value.value for keys, value in ordered},
        warnings=tuple(_sorted(layers.faults)),
        digest=digest,
    )


def parse_overrides(words: Iterable[str]) -> dict[str, str]:
    """`PATH=VALUE` words of `--set`; a later one wins. Raises UsageError."""
    overrides: dict[str, str] = {}
    for word in words:
        path, equals, value = word.partition("=")
        if not equals or not path.strip():
            raise UsageError(
                f"--set {word!r} is not PATH=VALUE", hint="for example --set cluster.workers.count=3"
            )
        overrides[path.strip()] = value
    return overrides


def fail_on_errors(faults: Iterable[Fault], label: str) -> None:
    """Raise ConfigError if there is any error; warnings alone pass."""
    errors = _sorted(fault for fault in faults if fault.severity == "error")
    if errors:
        raise _failure(errors, label)


def _failure(errors: list[Fault], label: str) -> ConfigError:
    count = "one fault" if len(errors) == 1 else f"{len(errors)} faults"
    return ConfigError(
        f"{label} cannot be used: {count}",
        faults=errors,
        hint="mend it, then check with: k0rdent-azure config validate",
    )


def _build(layers: Layers) -> Config:
    root: dict[str, object] = {}
    for keys, value in layers.values.items():
        place = root
        for key in keys[:-1]:
            inner = place.setdefault(key, {})
            assert isinstance(inner, dict)  # noqa: S101 - `Layers.make_way` keeps leaves and mappings apart
            place = inner
        place[keys[-1]] = value.value
    return msgspec.convert(root, Config)


def _worker_size(layers: Layers) -> None:
    """A cluster without workers need not say how large they are."""
    size, controller = ("vm_sizing", "worker", "size"), ("vm_sizing", "controller", "size")
    count = layers.values.get(("cluster", "workers", "count"))
    if count is not None and count.value == 0 and size not in layers.values and controller in layers.values:
        layers.put(size, Value(layers.values[controller].value, Source("default")))


def _missing(layers: Layers, label: str | None) -> Iterable[Fault]:
    for setting in SETTINGS.values():
        if not setting.required or setting.path in layers.broken:
            continue
        if tuple(setting.path.split(".")) in layers.values:
            continue
        section = setting.path.rpartition(".")[0]
        line = layers.section_lines.get(section)
        message = f"is missing (or set {setting.variable}, or --set {setting.path}=…)"
        yield Fault(
            path=setting.path, message=message, file=label, line=line, expected=_example(setting.path)
        )


def _example(path: str) -> str:
    return {
        "azure.location": "an Azure region such as southeastasia",
        "azure.vm_image": "an image such as Debian:debian-12:12-gen2:latest",
        "vm_sizing.controller.size": "a VM size such as Standard_D2s_v5",
        "vm_sizing.worker.size": "a VM size such as Standard_D2s_v5",
        "cluster.controllers.count": "how many controllers: 1, 3 or 5",
        "cluster.workers.count": "how many workers: 0 or more",
    }[path]


def _ordered(layers: Layers) -> list[tuple[tuple[str, ...], Value]]:
    """In the order of the model, the user's own keys in the order of the file."""
    order = {path: index for index, path in enumerate(SETTINGS)}
    return sorted(layers.values.items(), key=lambda item: order[setting_of(".".join(item[0])).path])


def _sorted(faults: Iterable[Fault]) -> list[Fault]:
    """By place: the file from top to bottom, then variables and flags."""
    return sorted(faults, key=lambda fault: (fault.file is None, fault.line or 0))


def _label(path: Path) -> str:
    """The path as a user would type it: relative where it is below the current directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
