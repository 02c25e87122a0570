"""The one table of pending operations: what each holds, what has to wait for its end, and who finishes it.

An intent is committed before its side effect and ended with its outcome. Every run asks here once, at its beginning,
whether what it is about to do may begin (`refuse`); the details are read and written as the types below, never by key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import msgspec

from k0rdent_azure.config.topology import LAPTOP
from k0rdent_azure.errors import StateError, StateInvalidError
from k0rdent_azure.state.codec import RECOVERY_HINT
from k0rdent_azure.state.model import DeploymentStatus, OperationKind, PhaseName, State
from k0rdent_azure.state.resources import Resource
from k0rdent_azure.state.transaction import Transaction

#: What a command does, as far as it matters to what is pending. `restore` is a rollback of the state alone.
Act = Literal["resume", "replace", "repair", "rollback", "restore", "rekey", "destroy"]
PROGRAM = "k0rdent-azure"


class NoDetails(msgspec.Struct, frozen=True):
    """Of an operation that its target tells all of."""


class SubmissionDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A template that was handed to ARM, or was about to be: which submission, and whether a repair goes with it.

    `claim` None: submitted before there were claims.
    """

    generation: int = 1
    claim: str | None = None
    repair: bool = False


class Removal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One VM that is to go. `vm_id` is the incarnation that it is about; None: Azure's id of it was never recorded.

    `doubt_since` is when a DELETE was sent of which no answer is known: it may still take effect. `new_keys` says that
    its successor has an SSH host key and a WireGuard key of its own.
    """

    why: str
    vm_id: str | None = None
    doubt_since: str | None = None
    new_keys: bool = False


class RemovalDetails(msgspec.Struct, frozen=True, kw_only=True):
    """VMs that are deleted and, unless the run says otherwise, recreated; by name."""

    vms: dict[str, Removal] = {}


class RepairDetails(msgspec.Struct, frozen=True, kw_only=True):
    """`start` and `again` are VMs: to be started, to be sent as they should be. `shared`: so are network and rules.

    `accepted` are fields, by resource id in lower case, that an ignore rule lets be as they are.
    """

    start: list[str] = []
    again: list[str] = []
    shared: bool = False
    accepted: dict[str, list[str]] = {}


class RollbackDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`remove` is None once that is done and the snapshot was restored: then `status` and `phase` are the last ones."""

    kept_as: str | None = None
    components: list[str] = []
    status: DeploymentStatus | None = None
    phase: PhaseName | None = None
    remove: list[Resource] | None = None
    make: list[Resource] = []
    #: What somebody agreed to lose: what others put into the group, clusters that k0rdent manages.
    delete_foreign: bool = False
    abandon_children: bool = False


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Private WireGuard keys by peer; under this name they are encrypted and hidden like any other."""

    private_key: dict[str, str] = {}


class RekeyDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The new keys, and the old ones as far as they are known."""

    scope: Literal["laptop", "hosts"]
    new: Keys
    old: Keys = Keys()
    old_laptop_public_key: str | None = None


D = TypeVar("D", bound=msgspec.Struct)


@dataclass(frozen=True)
class Intent(Generic[D]):
    """A kind of pending operation. `excludes` are the acts that must not begin while it is pending."""

    name: str
    kind: OperationKind
    details: type[D]
    #: What is going on, for a sentence: "… is pending".
    words: str
    #: The command that ends it.
    finish: str
    excludes: frozenset[Act] = frozenset()

    def is_pending(self, state: State) -> bool:
        return self.name in state.pending_operations

    def pending(self, state: State) -> D | None:
        """Its details; None if it is not pending. Raises StateInvalidError if they are not what they should be."""
        operation = state.pending_operations.get(self.name)
        if operation is None:
            return None
        try:
            return msgspec.convert(operation.details, self.details)
        except msgspec.ValidationError as error:
            raise StateInvalidError(
                f"pending_operations.{self.name}.details: {error}", hint=RECOVERY_HINT
            ) from None

    def begin(
        self, tx: Transaction, target: str, details: D | None = None, *, phase: PhaseName | None = None
    ) -> None:
        """Record it, in place of an earlier one of its kind."""
        plain = msgspec.to_builtins(details) if details is not None else {}
        tx.begin_operation(self.name, kind=self.kind, target=target, phase=phase, details=plain)

    def end(self, tx: Transaction) -> None:
        """Record that its outcome is known; nothing pending is fine."""
        tx.end_operation(self.name)


def _acts(*acts: Act) -> frozenset[Act]:
    return frozenset(acts)


SUBMISSION = Intent(
    "arm-deployment",
    "arm_deployment",
    SubmissionDetails,
    "a template deployment whose outcome is unknown",
    "resume",
    _acts("rollback", "rekey"),
)
VPN = Intent("vpn", "vpn", NoDetails, "a change of the VPN", "resume")
K0SCTL = Intent("k0sctl-apply", "k0sctl_apply", NoDetails, "a k0sctl run", "resume")
KCM = Intent("kcm-install", "kcm_install", NoDetails, "the installation of kcm", "resume")
REMOVAL = Intent(
    "vm-removal",
    "vm_removal",
    RemovalDetails,
    "the replacement of a VM",
    "resume",
    _acts("rollback", "restore", "rekey"),
)
REPAIR = Intent("repair", "repair", RepairDetails, "a repair", "resume", _acts("rollback", "rekey"))
ROLLBACK = Intent(
    "rollback",
    "rollback",
    RollbackDetails,
    "a rollback",
    "resume",
    _acts("replace", "repair", "rollback", "restore", "rekey"),
)
REKEY = Intent(
    "rekey",
    "rekey",
    RekeyDetails,
    "the replacement of WireGuard keys",
    "recover --rekey",
    _acts("resume", "replace", "repair", "rollback", "restore"),
)
DESTROY = Intent(
    "destroy",
    "destroy",
    NoDetails,
    "the removal of everything",
    "destroy",
    _acts("resume", "replace", "repair", "rollback", "restore", "rekey"),
)

TABLE: Mapping[
    str,
    Intent[SubmissionDetails]
    | Intent[NoDetails]
    | Intent[RemovalDetails]
    | Intent[RepairDetails]
    | Intent[RollbackDetails]
    | Intent[RekeyDetails],
] = {each.name: each for each in (SUBMISSION, VPN, K0SCTL, KCM, REMOVAL, REPAIR, ROLLBACK, REKEY, DESTROY)}


def refuse(state: State, act: Act, *, program: str = PROGRAM) -> None:
    """Raise StateError if `act` has to wait for something pending; `program` begins this workspace's commands.

    So it has for a new key of the workstation, if that was lost: what begins without one cannot end. That key waits for
    nothing that cannot go on without it.
    """
    is_locked_out = _is_locked_out(state)
    if state.metadata.deployment_status in ("destroying", "destroyed") and act != "destroy":
        raise StateError(
            f"{state.metadata.deployment_id} is {state.metadata.deployment_status}",
            hint=f"finish that first: {program} destroy",
        )
    for name, target in _pending(state).items():
        intent = TABLE.get(name)
        if is_locked_out and act == "rekey" and intent in _LEFT_ALONE:
            continue
        if intent is not None and act in intent.excludes:
            raise StateError(
                f"{intent.words} is pending ({target}), and it cannot be combined with {_WORDS[act]}",
                hint=f"finish that first: {program} {intent.finish}",
            )
    if act in _NEED_THE_KEY and is_locked_out:
        raise StateError(
            f"the WireGuard key of this workstation is lost, and {_WORDS[act]} needs it",
            hint=f"give the VMs a new one first: {program} {REKEY.finish}",
        )


#: What reaches the hosts at its end. A replacement does, too, and is how a host goes that would keep the key from all.
_NEED_THE_KEY = _acts("repair", "rollback")
#: What a new key leaves alone: a VM that goes comes back with it, and one that is still being made has to answer first.
_LEFT_ALONE = (REMOVAL, SUBMISSION)


def _is_locked_out(state: State) -> bool:
    """Whether VMs exist that accept the workstation's key alone, and nobody has it."""
    laptop = state.wireguard.peers.get(LAPTOP) if state.wireguard else None
    exist = any(vm.host_key and vm.id for vm in state.azure_resources.virtual_machines.values())
    return exist and (laptop is None or laptop.private_key is None)


def _pending(state: State) -> dict[str, str]:
    """What is pending, with its target. A VM that is to go may say so without an operation: older states have none.

    A submission that Azure accepted is pending, too, until it is known how it ended.
    """
    azure = state.azure_resources
    found = {name: operation.target for name, operation in state.pending_operations.items()}
    leaving = [name for name, vm in azure.virtual_machines.items() if vm.status == "deleting"]
    if leaving:
        found.setdefault(REMOVAL.name, ", ".join(leaving))
    at_work = azure.deployment.provisioning_state if azure.deployment else None
    if azure.deployment and at_work not in (None, *_ENDED):
        found.setdefault(SUBMISSION.name, azure.deployment.id)
    return found


#: Provisioning states of a deployment record that ARM does not change any more.
_ENDED = ("Succeeded", "Failed", "Canceled")


_WORDS: Mapping[Act, str] = {
    "resume": "a run of the deployment",
    "replace": "a replacement",
    "repair": "a repair",
    "rollback": "a rollback",
    "restore": "a rollback of the state",
    "rekey": "new WireGuard keys",
    "destroy": "the removal of everything",
}


def needed_snapshots(state: State) -> frozenset[str]:
    """Names of the snapshots that something pending still needs: nobody may remove them."""
    operation, details = state.pending_operations.get(ROLLBACK.name), ROLLBACK.pending(state)
    if operation is None or details is None:
        return frozenset()
    return frozenset(name for name in (operation.target, details.kept_as) if name)


def without_vms(tx: Transaction, names: Iterable[str]) -> None:
    """Take VMs out of a pending repair: something else is done with them now."""
    repair, gone = REPAIR.pending(tx.state), frozenset(names)
    if repair is None:
        return
    left = RepairDetails(
        start=[name for name in repair.start if name not in gone],
        again=[name for name in repair.again if name not in gone],
        shared=repair.shared,
    )
    if left.start or left.again or left.shared:
        REPAIR.begin(tx, tx.state.pending_operations[REPAIR.name].target, left)
    else:
        REPAIR.end(tx)
