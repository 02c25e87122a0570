"""What an ARM error means for a user, and what to do about it: the errors made from what Azure answers.

Codes: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from k0rdent_azure.azure.advice import Advice
from k0rdent_azure.azure.arm_errors import ArmError, causes, codes_in, shorten, spelled_code, vm_of
from k0rdent_azure.azure.failure_table import UNKNOWN, advice_for
from k0rdent_azure.azure.network_failures import trouble
from k0rdent_azure.azure.where import NOWHERE, Where, fill
from k0rdent_azure.config import resource_ids
from k0rdent_azure.errors import (
    AzureRequestError,
    AzureUnreachableError,
    DeploymentFailedError,
    Quota,
    Way,
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
#: Families whose cause is a setting that only Azure's words name.
_BY_WORDS = frozenset({"value", "policy", "unknown"})
#: Azure's names for what a setting of k0rdent.yaml becomes.
_SETTINGS = (
    (re.compile(r"\bvmSize\b|hardwareProfile|sku\.name", re.IGNORECASE), "vm_sizing"),
    (re.compile(r"imageReference|storageProfile\.image", re.IGNORECASE), "azure.vm_image"),
    (re.compile(r"adminUser", re.IGNORECASE), "ssh.username"),
    (re.compile(r"\bzones\b", re.IGNORECASE), "cluster.*.zones"),
    (re.compile(r"addressPrefix|addressSpace", re.IGNORECASE), "network"),
    (re.compile(r"\btags?\b", re.IGNORECASE), "azure.tags"),
    (re.compile(r"\blocation\b|\bregion", re.IGNORECASE), "azure.location"),
    (re.compile(r"\bpriority\b|evictionPolicy", re.IGNORECASE), "azure.vm_priority"),
    (re.compile(r"sourceAddressPrefix", re.IGNORECASE), "network.allowed_ssh_sources"),
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A failure in words: `message` names resource and code, `hint` says what to do before `way` is gone."""

    message: str
    hint: str
    family: str
    way: Way
    places: tuple[str, ...]


def explain(
    error: ArmError, resource_id: str | None = None, *, where: Where = NOWHERE, path: str = ""
) -> Explanation:
    """Words for one cause. ARM's own text follows ours, cut short; of an unknown refusal it is all there is.

    `path` is that of the request, which tells subscription and scope.
    """
    resource = resource_id or error.resource_id or error.target
    vm = vm_of(resource)
    subject = f"VM {vm}" if vm else resource_ids.name(resource)
    advice = _advice(error)
    lead = f"{subject}: " if subject else ""
    detail = _quota(error.message) or error.message
    if advice.meaning:
        message = f"{lead}{advice.meaning} ({error.code})" + (f": {detail}" if detail else "")
    else:
        message = f"{lead}{detail or 'Azure gives no reason'} ({error.code})"
    fix = advice.fix_in_group if where.in_group and advice.fix_in_group else advice.fix
    way = (where.in_group and advice.way_in_group) or advice.way
    placed = replace(error, target=resource) if resource else error
    return Explanation(message, fill(fix, placed, where, path), advice.family, way, _places(advice, error))


def _advice(error: ArmError) -> Advice:
    """By code and words; of a code that says only that something failed, by the codes that its words name too."""
    found = advice_for(error.code, error.message)
    if found is None and error.is_wrapper:
        named = (advice_for(code, error.message) for code in codes_in(error.message))
        found = next((each for each in named if each is not None), None)
    return found or UNKNOWN


def _telling(found: Sequence[ArmError]) -> int:
    """Which one says most: the first whose family is known, else the first."""
    known = (at for at, error in enumerate(found) if _advice(error).family not in ("unknown", "untold"))
    return next(known, 0)


def _places(advice: Advice, error: ArmError) -> tuple[str, ...]:
    if advice.family not in _BY_WORDS:
        return advice.places
    words = error.message if error.resource_id else f"{error.target or ''} {error.message}"
    return tuple(place for pattern, place in _SETTINGS if pattern.search(words)) or advice.places


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


def request_failed(method: str, path: str, answer: Answer, where: Where = NOWHERE) -> AzureRequestError:
    """The error for an answer whose status was not wanted, whether or not its body is ARM's."""
    found = causes(answer.body)
    if not found:
        return _foreign(method, path, answer, where)
    first = found[_telling(found)]
    if answer.status == HTTPStatus.NOT_FOUND:
        # Whether a thing exists is no matter of what its answer holds further inside.
        first = _outermost(answer.body) or first
    if first.code == "Unknown":
        first = replace(first, code=f"HTTP{answer.status}")
    told = explain(first, where=where, path=path)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return AzureRequestError(
        f"{told.message}{more}",
        status=answer.status,
        code=first.code,
        resource_id=first.resource_id or path,
        hint=_hint(told, _wait_hint(answer.headers), _correlation(answer.headers)),
        quota=quota_of(first.message),
        way=told.way,
        places=told.places,
        about=vm_of(first.resource_id or path),
        family=told.family,
    )


def _outermost(body: Mapping[str, object] | None) -> ArmError | None:
    """The error that an answer begins with, without what is inside it."""
    error = (body or {}).get("error", body)
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return None
    return ArmError(spelled_code(error["code"]), shorten(str(error.get("message") or "")))


def is_absent(error: AzureRequestError) -> bool:
    """Whether ARM says that the thing asked for does not exist."""
    return error.status == HTTPStatus.NOT_FOUND and error.code in ABSENT


def _hint(told: Explanation, wait: str | None, correlation: str) -> str:
    """What to do; of what nobody here can explain, with what Azure's support finds it by."""
    hint = wait or told.hint
    traced = told.family in ("unknown", "untold", "internal", "program") and correlation
    return f"{hint}; Azure's support finds it by correlation id {correlation}" if traced else hint


def _correlation(headers: Mapping[str, str]) -> str:
    lowered = {name.lower(): value for name, value in headers.items()}
    return shorten(lowered.get("x-ms-correlation-request-id", ""))[:64]


def _foreign(method: str, path: str, answer: Answer, where: Where) -> AzureRequestError:
    """The error for an answer that is not ARM's: it never tells what exists, so it has no code but HTTP's."""
    code = f"HTTP{answer.status}"
    text = answer.raw.decode("utf-8", "replace").strip()
    what, hint, is_proxy = _not_arms(text, answer.status)
    told = explain(ArmError(code, ""), where=where, path=path)
    if not is_proxy and told.family in ("login", "throttled"):
        hint = told.hint
    return AzureRequestError(
        f"{method} {path}: HTTP {answer.status} with {what}",
        status=answer.status,
        code=code,
        resource_id=path,
        hint=_wait_hint(answer.headers) or hint,
        family="proxy" if is_proxy else told.family,
    )


def _not_arms(text: str, status: int) -> tuple[str, str, bool]:
    """What an answer that is not ARM's is, what to do, and whether something else answers in Azure's place."""
    if text.startswith("<") or status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        title = re.search(r"<(title|h1|message)[^>]*>(.{1,200}?)</\1>", text, re.IGNORECASE | re.DOTALL)
        told = f" ({shorten(html.unescape(title[2]))})" if title else ""
        kind = "an XML answer" if text.lower().startswith("<?xml") else "an HTML page"
        what = f"{kind} in place of ARM's JSON{told}" if text else "an empty body"
        return (
            what,
            "a proxy, firewall or captive portal may answer in Azure's place; check HTTPS_PROXY",
            True,
        )
    hint = "wait a minute; if it stays, see https://azure.status.microsoft"
    what = f"no error in ARM's form: {shorten(text)}" if text else "an empty body"
    return what, hint, False


def _wait_hint(headers: Mapping[str, str]) -> str | None:
    wait = shorten(headers.get("Retry-After", ""))
    return f"wait {wait} s, as Azure asks" if wait else None


def unreachable(method: str, path: str, endpoint: str, error: Exception) -> AzureUnreachableError:
    """No complete answer, after all retries."""
    found = trouble(error, endpoint)
    failed = AzureUnreachableError(
        f"{method} {path}: no complete answer from {endpoint}: {found.message}", hint=found.hint
    )
    failed.reason = found.reason
    return failed


def deployment_failed(
    name: str,
    state: str,
    found: Sequence[tuple[ArmError, str | None]],
    *,
    where: Where = NOWHERE,
    path: str = "",
    correlation: str = "",
) -> DeploymentFailedError:
    """The error for a deployment that ended as `state`; `found` has causes, each with its resource's id.

    `path` is the record's id, `correlation` what Azure's support finds it by.
    """
    if not found:
        if state == "Canceled":
            return DeploymentFailedError(
                f"deployment {name} was cancelled",
                code="DeploymentCanceled",
                hint="somebody stopped it, in the portal or with another program",
            )
        return DeploymentFailedError(
            f"deployment {name} ended as {state} without a reason",
            code="DeploymentFailed",
            hint="the portal's deployment page may say more"
            + (f"; Azure's support finds it by correlation id {correlation}" if correlation else ""),
        )
    first = _telling([error for error, _ in found])
    error, resource_id = found[first]
    told = explain(error, resource_id, where=where, path=path)
    others = sorted({vm for _, resource in found if (vm := vm_of(resource))} - {vm_of(resource_id)})
    more = f"; also failed: {', '.join(others)}" if others else ""
    return DeploymentFailedError(
        f"{told.message}{more}",
        code=error.code,
        resource_id=resource_id or error.resource_id,
        hint=_hint(told, None, correlation),
        quota=quota_of(error.message),
        way=told.way,
        places=told.places,
        about=vm_of(resource_id or error.resource_id),
        family=told.family,
    )
