"""What an ARM error means for a user, and what to do about it: a table of codes, and the errors made from it.

Codes: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from k0rdent_azure.azure.arm_errors import ArmError, causes, name_of, shorten, vm_of
from k0rdent_azure.azure.clouds import AzureEnvironment
from k0rdent_azure.azure.failure_table import BY_TEXT, TABLE, Advice
from k0rdent_azure.errors import (
    AuthenticationError,
    AzureRequestError,
    AzureUnreachableError,
    DeploymentFailedError,
    Quota,
)

#: Two wordings of the same refusal; the first one is today's.
_QUOTAS = (
    re.compile(
        r"exceeding approved (?P<name>.+?) quota"
        r".*?Current Limit: (?P<limit>\d+).*?Current Usage: (?P<usage>\d+).*?Additional Required: (?P<more>\d+)",
        re.IGNORECASE | re.DOTALL,
    ),
    re.compile(
        r"exceeding quota limits of (?P<name>.+?)\. Maximum allowed: (?P<limit>\d+)"
        r".*?Current in use: (?P<usage>\d+).*?Additional requested: (?P<more>\d+)",
        re.IGNORECASE | re.DOTALL,
    ),
)


#: Codes of a 404 that says "this thing does not exist". Other 404s (a subscription that this login does not
#: see, a proxy's page) say nothing about the thing, and must never pass for its absence.
ABSENT = frozenset(
    {"ResourceGroupNotFound", "ResourceNotFound", "DeploymentNotFound", "ParentResourceNotFound", "NotFound"}
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A failure in words: `message` names resource and code, `hint` says what to do now."""

    message: str
    hint: str | None


def explain(error: ArmError, resource_id: str | None = None) -> Explanation:
    """Words for one cause. ARM's own text follows ours, cut short; unknown codes keep ARM's alone."""
    resource = resource_id or error.resource_id or error.target
    vm = vm_of(resource)
    subject = f"VM {vm}" if vm else (name_of(resource) or "")
    advice = _advice(error)
    lead = f"{subject}: " if subject else ""
    if advice is None:
        return Explanation(f"{lead}{error.message or 'no reason given'} ({error.code})", None)
    detail = _quota(error.message) or error.message
    tail = f": {detail}" if detail else ""
    return Explanation(f"{lead}{advice.meaning} ({error.code}){tail}", advice.hint)


def _advice(error: ArmError) -> Advice | None:
    """By code; but some codes (OperationNotAllowed, BadRequest) say less than the text beside them."""
    for pattern, advice in BY_TEXT:
        if pattern.search(error.message):
            return advice
    return TABLE.get(error.code)


def _quota(message: str) -> str | None:
    quota = quota_of(message)
    if quota is None:
        return None
    need = quota.in_use + quota.required
    return f"{quota.name}: limit {quota.limit}, in use {quota.in_use}, needed {need}"


def quota_of(message: str) -> Quota | None:
    """The quota that ARM's text is about; None where it is about none."""
    match = next((found for pattern in _QUOTAS if (found := pattern.search(message))), None)
    if match is None:
        return None
    return Quota(match["name"], int(match["limit"]), int(match["usage"]), int(match["more"]))


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: `body` is its JSON object, None where it has none; `raw` the bytes."""

    status: int
    body: Mapping[str, object] | None
    raw: bytes
    headers: Mapping[str, str]


def request_failed(method: str, path: str, answer: Answer) -> AzureRequestError:
    """The error for an answer whose status was not wanted, whether or not its body is ARM's."""
    found = causes(answer.body)
    if not found:
        return _foreign(method, path, answer)
    first = found[0]
    told = explain(first)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return AzureRequestError(
        f"{told.message}{more}",
        status=answer.status,
        code=first.code,
        resource_id=first.resource_id or path,
        hint=told.hint or _wait_hint(answer.headers),
        quota=quota_of(first.message),
    )


def is_absent(error: AzureRequestError) -> bool:
    """Whether ARM says that the thing asked for does not exist."""
    return error.status == 404 and error.code in ABSENT


def _foreign(method: str, path: str, answer: Answer) -> AzureRequestError:
    if answer.raw.lstrip().startswith(b"<"):
        what = "an HTML page in place of ARM's JSON"
        hint = "a proxy, firewall or captive portal may answer in Azure's place; check HTTPS_PROXY"
    else:
        what = "no error in ARM's form" if answer.raw.strip() else "an empty body"
        hint = "try again; if it stays, see https://azure.status.microsoft"
    return AzureRequestError(
        f"{method} {path}: HTTP {answer.status} with {what}",
        status=answer.status,
        code=f"HTTP{answer.status}",
        resource_id=path,
        hint=_wait_hint(answer.headers) or hint,
    )


def _wait_hint(headers: Mapping[str, str]) -> str | None:
    wait = shorten(headers.get("Retry-After", ""))
    return f"Azure asks to wait {wait} s; then run the same command again" if wait else None


def unreachable(method: str, path: str, endpoint: str, error: Exception) -> AzureUnreachableError:
    """No complete answer, after all retries."""
    reason = shorten(str(error)) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in reason:
        hint = "a TLS-inspecting proxy needs its authority in SSL_CERT_FILE; else do not trust this network"
    else:
        hint = "check the network and HTTPS_PROXY, then run the same command again"
    return AzureUnreachableError(f"{method} {path}: no complete answer from {endpoint}: {reason}", hint=hint)


def authentication_failed(reason: str, environment: AzureEnvironment) -> AuthenticationError:
    """No token. Of the ways that azure-identity tried, those are told that are set up and failed."""
    lines = [line for line in reason.splitlines() if line.strip()]
    tried = [line for line in lines if line.startswith("\t") and "unavailable" not in line]
    told = "; ".join(line.strip() for line in tried) or (lines[0] if lines else "no reason given")
    return AuthenticationError(
        f"no token for {environment.name}: {shorten(told)}",
        hint="run `az login` (with `az cloud set` for other clouds than AzureCloud), or set AZURE_TENANT_ID, "
        "AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
    )


def deployment_failed(
    name: str, state: str, found: Sequence[tuple[ArmError, str | None]]
) -> DeploymentFailedError:
    """The error for a deployment that ended as `state`; `found` has causes, each with its resource's id."""
    if not found:
        if state == "Canceled":
            return DeploymentFailedError(
                f"deployment {name} was cancelled",
                code="DeploymentCanceled",
                hint="run resume to go on with it",
            )
        return DeploymentFailedError(
            f"deployment {name} ended as {state} without a reason",
            code="DeploymentFailed",
            hint="run resume to try again; the portal's deployment page may say more",
        )
    error, resource_id = found[0]
    told = explain(error, resource_id)
    others = sorted({vm for _, resource in found[1:] if (vm := vm_of(resource))} - {vm_of(resource_id)})
    more = f"; also failed: {', '.join(others)}" if others else ""
    return DeploymentFailedError(
        f"{told.message}{more}",
        code=error.code,
        resource_id=resource_id or error.resource_id,
        hint=told.hint or "mend the cause, then run resume",
        quota=quota_of(error.message),
    )
