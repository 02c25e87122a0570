"""Rollback: an earlier version of the document, or components of it, taken over as a new version.

History is never rolled back: events, serial, request counts and pending operations stay (`Transaction.restore`). Nor
is anything outside touched; a plan lists what the restored state would no longer know of, and the reverse.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.config.topology import LAPTOP
from k0rdent_azure.errors import StateConflictError, StateInvalidError, StateReadOnlyError, UsageError
from k0rdent_azure.nearest import did_you_mean
from k0rdent_azure.state.checks import check, refuse_errors
from k0rdent_azure.state.compare import Change, compare
from k0rdent_azure.state.document import load_state
from k0rdent_azure.state.lock import user_name
from k0rdent_azure.state.migrations import is_newer_major
from k0rdent_azure.state.model import State
from k0rdent_azure.state.resources import Resource, only_in
from k0rdent_azure.state.transaction import Transaction

if TYPE_CHECKING:
    from k0rdent_azure.state.document import Document

Path = tuple[str, ...]

_VMS: Path = ("azure_resources", "virtual_machines")
#: Where a VM stands, and what refers to it: they go together, so that no reference is left dangling.
_OF_A_VM: tuple[Path, ...] = (
    _VMS,
    ("wireguard", "peers"),
    ("k0s_cluster", "controllers"),
    ("k0s_cluster", "workers"),
)
#: What each component is, by its paths; `vms` and `vm/NAME` follow from the VMs that there are.
COMPONENTS: dict[str, tuple[Path, ...]] = {
    "resource_group": (("azure_resources", "resource_group"),),
    "network": (("azure_resources", "network"),),
    "ssh_key": (("azure_resources", "ssh_key"),),
    "deployment": (("azure_resources", "deployment"),),
    "wireguard": (("wireguard",),),
    "cluster": (("k0s_cluster",),),
    "k0rdent": (("k0rdent",),),
    "phases": (
        ("phases",),
        ("metadata", "deployment_phase"),
        ("metadata", "deployment_status"),
        ("metadata", "failure"),
    ),
}
_ABSENT = object()


class RollbackPlan(msgspec.Struct, frozen=True, kw_only=True):
    """`data` is for `Transaction.restore`. `changes` lead from the present state to the restored one.

    `unrecorded` exists now without being in the restored state; `missing` is the reverse.
    """

    components: tuple[str, ...]
    data: dict[str, object]
    changes: list[Change]
    unrecorded: list[Resource]
    missing: list[Resource]


def plan(current: Document, target: Document, only: Sequence[str] = ()) -> RollbackPlan:
    """What taking over `target`, or the components `only` of it, would do to `current`. Changes nothing.

    Raises UsageError for an unknown component, StateConflictError for another deployment's snapshot,
    StateInvalidError where the result would be invalid, StateReadOnlyError where a newer major schema wrote it.
    """
    _refuse_foreign(current, target)
    wanted = _with_components(current, target, only) if only else target.data
    trial = Transaction(current, SystemClock())
    trial.restore(wanted)
    try:
        refuse_errors(check(trial.data), text=b"", source="the restored state (not written)")
    except StateInvalidError as error:
        error.hint = "take along what it refers to, with more --only, or restore the whole snapshot"
        raise
    restored = load_state({**trial.data, "events": []})
    return RollbackPlan(
        components=tuple(only),
        data=dict(wanted),
        changes=compare(current.data, trial.data),
        unrecorded=only_in(current.state, restored),
        missing=only_in(restored, current.state),
    )


def roll_back(transaction: Transaction, to: RollbackPlan, *, snapshot: str, kept_as: str) -> None:
    """Make `to` the next version, with the event that tells of it; `kept_as` is the snapshot of this version."""
    phase = transaction.state.metadata.deployment_phase
    transaction.restore(to.data)
    what = ", ".join(to.components) or "everything"
    transaction.event(
        phase,
        "rolled_back",
        f"{what} restored from the snapshot {snapshot}",
        details=f"by {user_name()}; {len(to.changes)} values changed; the version before is {kept_as}",
    )


def component_names(*documents: Document) -> list[str]:
    """Everything that `only` may name, of these versions."""
    own = [name for document in documents for name in document.data if name not in State.__struct_fields__]
    vms = [f"vm/{name}" for name in _names(_VMS, documents)]
    return list(dict.fromkeys([*COMPONENTS, "vms", *vms, *own]))


def _refuse_foreign(current: Document, target: Document) -> None:
    if is_newer_major(target.head):
        raise StateReadOnlyError(
            f"{target.source} has a schema that is newer than this program", hint="use a newer k0rdent-azure"
        )
    # Before our first commit a file of another writer has no lineage; then its id tells whose it is.
    same = target.lineage == current.lineage or (target.lineage is None and _id(target) == _id(current))
    if not same:
        raise StateConflictError(
            f"{target.source} is another deployment's: {_id(target)}, lineage {target.lineage}; "
            f"this is {_id(current)}, lineage {current.lineage}",
            hint="choose one of this deployment: k0rdent-azure snapshot list",
        )


def _id(document: Document) -> object:
    return _at(document.head, ("metadata", "deployment_id"))


def _with_components(current: Document, target: Document, only: Sequence[str]) -> dict[str, object]:
    """The present document with the components of the other one, and everything else the same object."""
    changed = Transaction(current, SystemClock())
    for path in dict.fromkeys(path for name in only for path in _paths(name, current, target)):
        value = _at(target.data, path)
        if value is _ABSENT:
            changed.by_path.delete(path)
        else:
            changed.by_path.set(path, value)
    return changed.data


def _paths(component: str, current: Document, target: Document) -> Iterable[Path]:
    known = component_names(current, target)
    if component not in known:
        raise UsageError(
            f"there is no component {component[:80]!r}",
            hint=f"{did_you_mean(component, known, otherwise='')} There are {', '.join(known)}".strip(),
        )
    if component in COMPONENTS:
        return COMPONENTS[component]
    if component == "vms":
        return [path for name in _hosts(current, target) for path in _of_vm(name)]
    kind, slash, name = component.partition("/")
    return _of_vm(name) if slash and kind == "vm" else [(component,)]


def _hosts(*documents: Document) -> list[str]:
    """Every name that a VM, its peer or its node has in any of these versions."""
    found = [name for group in _OF_A_VM for name in _names(group, documents)]
    return [name for name in dict.fromkeys(found) if name != LAPTOP]


def _of_vm(name: str) -> Iterator[Path]:
    return ((*group, name) for group in _OF_A_VM)


def _names(path: Path, documents: Iterable[Document]) -> Iterator[str]:
    for document in documents:
        group = _at(document.data, path)
        yield from group if isinstance(group, dict) else ()


def _at(data: Mapping[str, object], path: Path) -> object:
    here: object = data
    for key in path:
        here = here.get(key, _ABSENT) if isinstance(here, Mapping) else _ABSENT
    return here
