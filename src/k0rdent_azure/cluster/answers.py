"""What kubectl, the API server and helm say when something does not work: whether to wait, or to give up. Pure.

kubectl has one exit status for everything. Its words are the API's reasons, stable since Kubernetes 1.0; helm's
reach us as one text in the Chart object, and Flux' as one text for each component of the Management object.
"""

from __future__ import annotations

from typing import Literal, Protocol

from k0rdent_azure.errors import ClusterError
from k0rdent_azure.hosts.command import printable

#: `not_yet`: a cluster that settles says so, and later it does not. `refused`: it will say the same again.
Verdict = Literal["not_yet", "refused", "unclear"]

#: What an error shows, in characters.
SHOWN = 300

#: How kubectl says that an object, or its kind, does not exist (yet).
ABSENT = (
    "(NotFound)",
    "the server doesn't have a resource type",
    "the server could not find the requested resource",
    "no matches for kind",
)

#: With these kubectl only failed to find out which kinds there are.
NO_DISCOVERY = ("couldn't get", "unable to retrieve", "unauthorized", "forbidden")

#: Looked for first: they name a reason to wait in the words of a refusal.
_NOT_YET_FOR_ALL = (
    "because it is being terminated",
    "failed calling webhook",
    "conversion webhook for",
    "no endpoints available for service",
    "the object has been modified",
    "object is being deleted",
)
_REFUSED = (
    "(forbidden)",
    "is forbidden:",
    "(unauthorized)",
    "you must be logged in to the server",
    "(badrequest)",
    "(invalid)",
    "is invalid:",
    "(methodnotallowed)",
    "(unsupportedmediatype)",
    "(requestentitytoolarge)",
    "denied the request",
    "field is immutable",
    "error validating data",
    "strict decoding error",
    "unknown field",
    "unknown flag",
    "unknown command",
    "error parsing",
    "error converting yaml",
    "x509: certificate has expired",
    "x509: certificate is valid for",
    "no space left on device",
    "a password is required",
    "is not in the sudoers file",
    "command not found",
)
_NOT_YET = (
    "no matches for kind",
    "ensure crds are installed first",
    "could not find the requested resource",
    "the server doesn't have a resource type",
    "(notfound)",
    "unable to connect to the server",
    "was refused",
    "connection refused",
    "connection reset",
    "connection lost",
    "broken pipe",
    "no route to host",
    "network is unreachable",
    "tls handshake timeout",
    "i/o timeout",
    "client.timeout exceeded",
    "context deadline exceeded",
    "request canceled",
    "eof",
    "timed out",
    "no end of",
    "(timeout)",
    "etcdserver:",
    "leader changed",
    "(serviceunavailable)",
    "currently unable to handle the request",
    "unable to return a response in the time allotted",
    "(toomanyrequests)",
    "too many requests",
    "(internalerror)",
    "an error on the server",
    "apiserver not ready",
    "is shutting down",
    "failed to get server groups",
    "couldn't get current server api group list",
    "couldn't get resource list",
    "(conflict)",
    "certificate signed by unknown authority",
    "no such file or directory",
)


class CommandOutput(Protocol):
    """What a command gave; `hosts.ssh.CommandResult` is one."""

    @property
    def exit_status(self) -> int: ...
    @property
    def stdout(self) -> str: ...
    @property
    def stderr(self) -> str: ...


class NotYetError(ClusterError):
    """The API server cannot do it yet: a cluster that starts, a CRD that is not there, an etcd that elects."""


class RefusedError(ClusterError):
    """The API server will say the same again."""


def verdict(said: str) -> Verdict:
    """What kubectl's error output means for who would ask again."""
    words = said.lower()
    if any(phrase in words for phrase in _NOT_YET_FOR_ALL):
        return "not_yet"
    if any(phrase in words for phrase in _REFUSED):
        return "refused"
    return "not_yet" if any(phrase in words for phrase in _NOT_YET) else "unclear"


def is_absent(result: CommandOutput) -> bool:
    """Whether an object, or (yet) its kind, does not exist."""
    said = result.stderr.lower()
    return any(phrase.lower() in said for phrase in ABSENT) and not any(each in said for each in NO_DISCOVERY)


def failure(what: str, result: CommandOutput) -> ClusterError:
    """The error for a kubectl that failed: NotYetError, RefusedError, or neither. `what` begins the message."""
    message = f"{what}: {reason(result)}"
    kinds = {"not_yet": NotYetError, "refused": RefusedError, "unclear": ClusterError}
    return kinds[verdict(result.stderr)](message)


def reason(result: CommandOutput) -> str:
    """kubectl's words, of a long text the beginning and the end."""
    return middle_cut(printable(result.stderr).strip(), SHOWN) or f"exit {result.exit_status}"


def middle_cut(text: str, most: int) -> str:
    """`text`, without its middle if it is too long: what failed stands at its beginning, and why at its end."""
    if len(text) <= most:
        return text
    first = most // 3
    return f"{text[:first]} … {text[first + 3 - most :]}"
