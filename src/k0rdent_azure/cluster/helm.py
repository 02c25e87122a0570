"""helm's errors by family: which it tries again by itself, which it never overcomes, and what helps then. Pure.

k0s' helm controller writes them into a Chart's status, Flux' into conditions that kcm collects by component. Both try
again for ever, so the words decide. https://helm.sh/docs/ and k0s `pkg/component/controller/extensions_controller.go`
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Family = Literal[
    "locked", "missing", "denied", "incompatible", "invalid", "not ours", "image", "exhausted", "refused"
]


@dataclass(frozen=True, slots=True)
class Lasting:
    """An error that stays. `advice` says what helps; it has places for `kubectl`, `namespace` and `release`.

    `settings` are those of k0rdent.yaml that are wrong, if nothing but another configuration helps.
    """

    family: Family
    advice: str
    settings: tuple[str, ...] = ()


_OTHER_VERSION = "a deployment keeps its versions"
_VERSION = ("software.k0rdent.version", "software.k0rdent.registry")

#: For an API server that will not tell.
REFUSED = Lasting("refused", "see what the API server says: {kubectl} auth can-i --list")

#: Looked for first: what a network or a busy registry does, whatever else the text says.
_PASSING = re.compile(
    r"context deadline exceeded|timed out waiting|client\.timeout"
    r"|tls handshake timeout|i/o timeout|no such host|temporary failure in name resolution|server misbehaving"
    r"|connection re(?:fused|set)|no route to host|network is unreachable|\beof\b|toomanyrequests|too many requests"
    r"|(?:status(?: code)?:? ?|response |\b)(?:429|50[0234])\b|failed calling webhook|no endpoints available"
    r"|etcdserver|leader changed|unable to handle the request|client rate limiter"
)
_LASTING: tuple[tuple[re.Pattern[str], Lasting], ...] = (
    (
        re.compile(
            r"another operation \(install/upgrade/rollback\) is in progress|pending-(?:install|upgrade|rollback)"
            r"|cannot re-use a name that is still in use|has no deployed releases"
        ),
        Lasting(
            "locked",
            "an installation that was cut off left its mark; remove the mark, and helm begins again: {kubectl} -n "
            "{namespace} delete secret -l owner=helm,name={release}",
        ),
    ),
    (
        re.compile(
            r"\b40[13]\b|unauthorized|authentication required|access denied|\bdenied:|requested access to the resource"
            r"|insufficient_scope|forbidden by (?:policy|registry)"
        ),
        Lasting(
            "denied",
            "the registry does not let the VMs read the chart: make it public, or use another one",
            ("software.k0rdent.registry",),
        ),
    ),
    (
        re.compile(
            r"incompatible with kubernetes|requires kubeversion|kubeversion: .*incompatible"
            r"|no matches for kind .*(?:beta|alpha)"
        ),
        Lasting("incompatible", _OTHER_VERSION, ("software.k0s.version",)),
    ),
    (
        re.compile(
            r"no match for platform in manifest|no matching manifest for|exec format error|imagepullbackoff"
            r"|errimagepull|invalidimagename|manifest unknown.*image|image.*manifest unknown"
        ),
        Lasting("image", "see which image it is: {kubectl} -n {namespace} get events", _VERSION),
    ),
    (
        re.compile(
            r"\b404\b|manifest unknown|name unknown|repository .*not found|no chart (?:name|version) found"
            r"|chart .*(?:not found|matching)|chart version .*not found|failed to download|no cached repo"
            r"|invalid chart reference|unable to locate (?:any|chart)|improper constraint|invalid semantic version"
            r"|could not find (?:chart|protocol handler)|: not found$|scheme .*not supported|missing registry"
        ),
        Lasting("missing", _OTHER_VERSION, _VERSION),
    ),
    (
        re.compile(
            r"don't meet the specifications of the schema|error converting yaml|cannot unmarshal|yaml: line"
            r"|execution error at|parse error at|nil pointer evaluating|template: .*executing"
            r"|validation: chart\.metadata|chart\.yaml file is missing|unknown field|is invalid: |\bis required$"
        ),
        Lasting("invalid", _OTHER_VERSION, _VERSION),
    ),
    (
        re.compile(
            r"invalid ownership metadata|already exists and cannot be imported|exists and cannot be imported"
        ),
        Lasting(
            "not ours",
            "something in the cluster has a name that the chart needs: look at it, and remove it if nobody needs it",
        ),
    ),
)
#: Who tried has stopped, whatever the reason was.
_EXHAUSTED = re.compile(r"retries exhausted|maximum number of retries|stalled")
EXHAUSTED = Lasting("exhausted", "see why: {kubectl} -n {namespace} describe helmreleases")
#: How a component says that it is on its way.
_PROGRESS = re.compile(
    r"condition is not updated yet|is not ready|not yet |in progress|progressing|reconciling|waiting for"
    r"|being (?:installed|created)"
    r"|fulfilling prerequisites|running '(?:install|upgrade)' action|dependency .*not|no status|has not been reconciled"
    r"|not (?:been )?observed|unknown$|initializing|pending$"
)


def lasting(error: str) -> Lasting | None:
    """What helm will never overcome; None for what may pass, and for what we do not know."""
    words = error.lower()
    if _EXHAUSTED.search(words):
        return EXHAUSTED
    if _PASSING.search(words):
        return None
    return next((found for pattern, found in _LASTING if pattern.search(words)), None)


def is_progress(error: str) -> bool:
    """Whether a component's `error` says only that it is not ready yet."""
    return lasting(error) is None and _PROGRESS.search(error.lower()) is not None
