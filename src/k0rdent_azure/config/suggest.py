"""Faults about names that do not exist, each with the nearest name that does."""

from __future__ import annotations

from k0rdent_azure.config.nodes import Node
from k0rdent_azure.config.reading import describe, shown
from k0rdent_azure.config.settings import PREFIX, SECTIONS, SETTINGS, VARIABLES
from k0rdent_azure.config.values import Value
from k0rdent_azure.errors import Fault
from k0rdent_azure.nearest import nearest

#: Settings of earlier versions of the ancestor that no longer mean anything.
OBSOLETE = frozenset(
    {"timeouts.ssh_command", "timeouts.cloud_init_timeout", "timeouts.cloud_init_check_interval"}
)


def not_a_section(path: str, node: Node, at: Value) -> Fault:
    names = ", ".join(f"{path}.{name}" for name in SECTIONS[path])
    return at.fault(path, "is a section", expected=f"settings below it: {names}", found=describe(node))


def unknown_key(path: str, at: Value) -> Fault:
    path = path[:200]
    if path in OBSOLETE:
        message = "is no longer used and can be removed"
        return at.fault(path, message, severity="warning")
    parent, _, name = path.rpartition(".")
    while parent and parent not in SECTIONS:
        parent = parent.rpartition(".")[0]
    meant = nearest(name, SECTIONS[parent])
    if meant is not None:
        meant = f"{parent}.{meant}" if parent else meant
    else:
        elsewhere = [known for known in SETTINGS if known.rpartition(".")[2] == name.lower()]
        meant = elsewhere[0] if len(elsewhere) == 1 else nearest(path, SETTINGS)
    suggestion = f"; did you mean {meant}?" if meant else ""
    allowed = f"one of {', '.join(SECTIONS[parent])}" + (f" below {parent}" if parent else "")
    return at.fault(short_path(path), f"unknown key{suggestion}", expected=allowed)


def unknown_variable(name: str, at: Value) -> Fault:
    if name.startswith(f"{PREFIX}KOF_"):
        message = "kof cannot be set by a variable; use the file or --set kof.KEY=VALUE"
        return at.fault("", message, severity="warning")
    meant = nearest(name.removeprefix(PREFIX), [known.removeprefix(PREFIX) for known in VARIABLES])
    suggestion = f"; did you mean {PREFIX}{meant}?" if meant else ""
    return at.fault("", f"no such setting, the variable has no effect{suggestion}", severity="warning")


def short_path(path: str) -> str:
    """A path with foreign names in it, fit for a message."""
    return path if path.isprintable() and len(path) <= 80 else shown(path)
