"""Every error that the product raises on purpose, one tree, each with an exit code and a hint.

    K0rdentAzureError                 1
    ├── UsageError                    2   the command line itself is wrong (argparse uses 2 too)
    ├── ConfigError                   3   k0rdent.yaml, a variable or a flag; carries every fault
    ├── StateError                    4   deployment-state.yaml
    │   ├── StateNotFoundError        4   there is none
    │   ├── StateExistsError          4   there is one already, and it was not to be replaced
    │   ├── StateInvalidError         4   it cannot be read, or a change would make it invalid
    │   ├── StateConflictError        4   its serial or lineage is not the one that was read
    │   ├── StateReadOnlyError        4   it was written by a newer major schema
    │   └── BehindError               4   Azure tells of a change that it does not know
    ├── LockedError                   5   another run holds the deployment
    ├── AzureError                    6   ARM said no, or could not be reached
    │   ├── AuthenticationError       6   no credential works
    │   ├── AzureUnreachableError     6   no answer at all (DNS, TLS, reset, time-out)
    │   ├── AzureRequestError         6   an answer that is an error; code, status, resource id
    │   │   └── NotDeletedError       6   Azure refuses, or accepts and fails, to delete something again and again
    │   ├── DeploymentFailedError     6   the template deployment ended as Failed or Canceled
    │   ├── StrangerError             6   what would be changed is not this deployment's
    │   └── ReadOnlyError             6   a change was about to be sent where only reading is allowed
    ├── HostError                     7   SSH, cloud-init or WireGuard on a VM or the workstation
    │   ├── HostUnreachableError      7   no SSH connection yet (a fact, not always a fault)
    │   │   └── LoginRefusedError     7   it answers, and does not let us in
    │   ├── HostKeyMismatchError      7   someone else answers at that address
    │   └── CommandFailedError        7   a command on a host ended non-zero
    ├── ClusterError                  8   k0sctl, k0s or kcm
    │   └── QuorumError               8   etcd would lose its majority, or nobody could say that it keeps it
    ├── PrerequisiteError             9   a tool or a right is missing on this machine
    ├── DeclinedError                10   the user, or the missing terminal, did not confirm
    │   └── UnconfirmedError         10   a run that only looks found something to change
    │                                11, 12   results of `validate`: drift, and something could not be read
    ├── InterruptedRunError         130   Ctrl-C; the state says how to go on
    └── TerminatedRunError          143   SIGTERM or SIGHUP; the state says how to go on

Callers branch on types, never on message text. A message says what failed and where; `hint` says what to
do now. Neither ever holds a private key, a token or a kubeconfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong (or doubtful) in a document, told so that a person can find and mend it.

    `path` is the dotted path in the document (`cluster.controllers.count`), `line` counts from 1,
    `file` is None where the value came from a variable or a flag (then `origin` names it).
    """

    path: str
    message: str
    file: str | None = None
    line: int | None = None
    origin: str | None = None
    expected: str | None = None
    found: str | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = self.origin or ""
        if self.file is not None:
            where = self.file if self.line is None else f"{self.file}:{self.line}"
        parts = [f"{where}: " if where else "", f"{self.path}: " if self.path else "", self.message]
        if self.expected is not None:
            parts.append(f"; expected {self.expected}")
        if self.found is not None:
            parts.append(f"; found {self.found}")
        return "".join(parts)


#: How a run goes on after what stopped it is put right. `again`: the same command; `change`: only another
#: configuration helps; `either`: one of the two; `replace`: the VM has to be recreated; `destroy`: nothing else helps;
#: `report`: nothing that a user can do helps.
Way = Literal["again", "change", "either", "replace", "destroy", "report"]


class K0rdentAzureError(Exception):
    """The root. `hint` is one sentence or one command: what to do now.

    `way` is how a run of a deployment goes on after that; `places` are the settings of k0rdent.yaml that could change,
    `about` is the VM that has to be recreated. `is_led` says that the hint ends with the command to run.
    """

    exit_code = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        way: Way = "again",
        places: Sequence[str] = (),
        about: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.way = way
        self.places = tuple(places)
        self.about = about
        self.is_led = False


class UsageError(K0rdentAzureError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = 2


class ConfigError(K0rdentAzureError):
    """The configuration cannot be used; `faults` lists everything wrong with it, not only the first."""

    exit_code = 3

    def __init__(self, message: str, *, faults: Sequence[Fault] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.faults = tuple(faults)


class StateError(K0rdentAzureError):
    """Something about deployment-state.yaml."""

    exit_code = 4

    def __init__(self, message: str, *, faults: Sequence[Fault] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.faults = tuple(faults)


class StateNotFoundError(StateError):
    """There is no state file in the workspace."""


class StateExistsError(StateError):
    """A state file is there already and was not to be replaced."""


class StateInvalidError(StateError):
    """The document cannot be parsed or breaks the schema; nothing was written."""


class StateConflictError(StateError):
    """The document on disk is not the one that this writer read (serial or lineage differ)."""


class StateReadOnlyError(StateError):
    """The document has a newer major schema than this program knows."""


class BehindError(StateError):
    """Another copy of this state has changed the deployment since: nothing is changed from here."""


class LockedError(K0rdentAzureError):
    """Another run holds this deployment; the message names its holder."""

    exit_code = 5


class AzureError(K0rdentAzureError):
    """Azure Resource Manager or its identity service."""

    exit_code = 6


class AuthenticationError(AzureError):
    """No credential could get a token; `reason` says in one word why (`not_logged_in`, `expired`, `clock`, …)."""

    reason: str = ""


class AzureUnreachableError(AzureError):
    """No complete answer came back; whether the request took effect is unknown.

    `reason` says in one word why, if that can be told (`proxy`, `name_lookup`, `certificate`, `no_network`, …).
    """

    reason: str = ""


class Quota(msgspec.Struct, frozen=True):
    """A quota that a request would exceed, in cores: `name` is ARM's (`standardDSv5Family Cores`)."""

    name: str
    limit: int
    in_use: int
    required: int


class AzureRequestError(AzureError):
    """ARM answered with an error. `code` is ARM's (`ResourceGroupNotFound`), `status` is HTTP's.

    `quota` is the one that would be exceeded, where ARM told it; `family` is what kind of refusal it is
    (`azure.failure_table`).
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        resource_id: str | None = None,
        hint: str | None = None,
        quota: Quota | None = None,
        way: Way = "again",
        places: Sequence[str] = (),
        about: str | None = None,
        family: str = "unknown",
    ) -> None:
        super().__init__(message, hint=hint, way=way, places=places, about=about)
        self.family = family
        self.status = status
        self.code = code
        self.resource_id = resource_id
        self.quota = quota


class NotDeletedError(AzureRequestError):
    """Something stays: its DELETE is refused, or was accepted and failed, again and again. `resource_id` is its id."""


class DeploymentFailedError(AzureError):
    """A template deployment ended as Failed or Canceled; `code` and `resource_id` name the first cause.

    `quota` is the one that it would exceed, where ARM told it; `family` is what kind of refusal it is.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        resource_id: str | None = None,
        hint: str | None = None,
        quota: Quota | None = None,
        way: Way = "again",
        places: Sequence[str] = (),
        about: str | None = None,
        family: str = "unknown",
    ) -> None:
        super().__init__(message, hint=hint, way=way, places=places, about=about)
        self.family = family
        self.code = code
        self.resource_id = resource_id
        self.quota = quota


class StrangerError(AzureError):
    """Something under a name of ours, or in the way, is not this deployment's: nothing was changed."""

    def __init__(self, message: str, *, resource_id: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.resource_id = resource_id


class ReadOnlyError(AzureError):
    """A request that could change something was stopped, before it was sent, in a command that only reads."""


class HostError(K0rdentAzureError):
    """A VM, or the workstation's end of the VPN."""

    exit_code = 7


class HostUnreachableError(HostError):
    """No SSH connection could be made; while a VM boots this is an observation, not a failure."""


class LoginRefusedError(HostUnreachableError):
    """The host answers, and does not take the user or the key; while a VM boots, its user may not be there yet."""


class HostKeyMismatchError(HostError):
    """The host key is not the one that cloud-init was given."""


class CommandFailedError(HostError):
    """A command ended non-zero. `exit_status` is the command's; `stderr` its last lines, cleaned."""

    def __init__(self, message: str, *, exit_status: int, stderr: str = "", hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.exit_status = exit_status
        self.stderr = stderr


class ClusterError(K0rdentAzureError):
    """k0sctl, k0s or kcm."""

    exit_code = 8


class QuorumError(ClusterError):
    """A controller was about to go without which etcd would lose its majority, or nobody could say that it keeps it.

    Nothing was done to that controller.
    """


class PrerequisiteError(K0rdentAzureError):
    """A tool, a right or a login that the next step needs is missing on this machine.

    `reason` says in one word why there is no login, as of an AuthenticationError; "" if it is not about one.
    """

    exit_code = 9
    reason: str = ""


class DeclinedError(K0rdentAzureError):
    """A confirmation was refused, or could not be asked for because there is no terminal."""

    exit_code = 10


class UnconfirmedError(DeclinedError):
    """A run that was to look only found something to do; `steps` say what, one change each."""

    def __init__(self, steps: Sequence[str]) -> None:
        super().__init__("not confirmed: " + "; ".join(steps), hint="add --yes")
        self.steps = tuple(steps)


class InterruptedRunError(K0rdentAzureError):
    """The run ended early because of Ctrl-C; everything done so far is in the state."""

    exit_code = 130


class TerminatedRunError(K0rdentAzureError):
    """The run ended early because of SIGTERM or SIGHUP; everything done so far is in the state."""

    exit_code = 143
