"""Reads ARM's error bodies: several shapes, nested in each other, down to the cause that a person can fix.

https://learn.microsoft.com/azure/azure-resource-manager/management/common-deployment-errors
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from k0rdent_azure.azure.policy_violation import violation
from k0rdent_azure.config import resource_ids

#: Wrappers that say only that something inside them failed.
WRAPPERS = frozenset(
    {
        "badrequest",
        "canceled",
        "conflict",
        "deploymentfailed",
        "error",
        "failed",
        "forbidden",
        "internalservererror",
        "invalidtemplatedeployment",
        "multipleerrorsoccurred",
        "notspecified",
        "resourcedeploymentfailure",
        "resourceoperationfailure",
        "retryableerror",
        "unknown",
        "unknownerror",
        "validationerror",
    }
)
#: Codes that something here is decided by, in the documented spelling: Azure's services differ in case.
_SPELLINGS = {
    code.lower(): code
    for code in (
        *(
            "ResourceGroupNotFound",
            "ResourceNotFound",
            "DeploymentNotFound",
            "ParentResourceNotFound",
            "NotFound",
        ),
        *("ResourceGroupBeingDeleted", "ResourceGroupDeletionInProgress", "AnotherOperationInProgress"),
        *("AllocationFailed", "ZonalAllocationFailed", "SkuNotAvailable", "SpotCapacityNotAvailable"),
        *("OverconstrainedAllocationRequest", "OverconstrainedZonalAllocationRequest", "DeploymentActive"),
        *("AuthorizationFailed", "InvalidAuthenticationToken", "ExpiredAuthenticationToken"),
        *("InvalidAuthenticationTokenTenant", "InvalidAuthenticationTokenAudience", "ScopeLocked"),
    )
}
#: Deeper than any answer of ARM's; a hostile one must not exhaust the stack.
MAX_DEPTH = 40
#: More causes than anybody reads.
MAX_CAUSES = 1000
#: Characters of ARM's own words that are kept.
MAX_TEXT = 500
#: At the end of the name of a VM's disk where an earlier one was kept.
_NUMBER = re.compile(r"-\d+$")
#: Keys, in lower case, whose value is an error or a list of errors, and says more than what is around it.
_INSIDE = ("error", "odata.error", "errorentity", "properties", "statusmessage", "innererror", "inner_error")
_LISTS = ("details", "errors", "innererrors")
#: Codes inside a text, as tools write them.
_CODE_IN_TEXT = (
    re.compile(r'\bCode="(?P<code>\w+)" Message="(?P<message>(?:[^"\\]|\\.)*)"'),
    re.compile(r"(?P<message>[^()]*)\(Code: ?(?P<code>\w+)"),
    re.compile(r"\bERROR CODE: (?P<code>\w+)(?P<message>.*)", re.DOTALL),
)
#: What a word has to look like to be a code that a text names, such as `SkuNotAvailable`.
_WORD = re.compile(r"\b[A-Z][a-z]+(?:[A-Z]+[a-z]+)+\b|\bIPv4[A-Z]\w+\b")


@dataclass(frozen=True, slots=True)
class ArmError:
    """One cause. `target` is whatever ARM put there: often a resource id, sometimes a name or nothing."""

    code: str
    message: str
    target: str | None = None

    @property
    def resource_id(self) -> str | None:
        """`target` where it is a resource id."""
        return resource_ids.path(self.target) if self.target and resource_ids.is_id(self.target) else None

    @property
    def is_wrapper(self) -> bool:
        """Whether the code says only that something failed. Numbers are codes of one service, known to nobody else."""
        return self.code.lower() in WRAPPERS or self.code.isdecimal()


def causes(error: object) -> list[ArmError]:
    """The innermost errors of an ARM error body, first cause first; [] where there is none.

    `error` is the value of `error`, or the whole body, or a text; a text that holds JSON is opened too.
    """
    found = [each for each, _ in zip(_walk(error, target=None, depth=0), range(MAX_CAUSES), strict=False)]
    telling = [cause for cause in found if not cause.is_wrapper] or [
        cause for cause in found if cause.message
    ]
    return [replace(each, message=shorten(each.message)) for each in dict.fromkeys(telling or found)]


def _walk(error: object, *, target: str | None, depth: int) -> Iterator[ArmError]:
    if depth > MAX_DEPTH:
        return
    if isinstance(error, list):
        for each in error:
            yield from _walk(each, target=target, depth=depth + 1)
    elif isinstance(error, str):
        yield from _of_text(error, target=target, depth=depth)
    elif isinstance(error, dict):
        yield from _of_object(
            {str(key).lower(): value for key, value in error.items()}, target=target, depth=depth
        )


def _of_object(fields: Mapping[str, object], *, target: str | None, depth: int) -> Iterator[ArmError]:
    code, message = _code(fields), _message(fields)
    target = str(fields["target"]) if fields.get("target") else target
    inside: list[object] = [fields[key] for key in _INSIDE if isinstance(fields.get(key), dict | list)]
    inside += [fields[key] for key in _LISTS if isinstance(fields.get(key), list)]
    inside += [fields[key] for key in ("statusmessage",) if isinstance(fields.get(key), str)]
    text, opened = _opened(message)
    inside += opened
    below = [cause for item in inside for cause in _walk(item, target=target, depth=depth + 1)]
    own = ArmError(code or "Unknown", _and_policy(text, fields), target)
    if code:
        # The same again, as some services list it.
        below = [each for each in below if each.code != own.code or each.message not in ("", own.message)]
    yield from _told(own, below, depth=depth)


def _told(own: ArmError, below: Sequence[ArmError], *, depth: int) -> Iterator[ArmError]:
    """Of an error and what is inside it, what tells the cause."""
    if any(not each.is_wrapper for each in below):
        yield from below
    elif not own.is_wrapper:
        # What is inside has words only: they belong to this code.
        words = [own.message, *(each.message for each in below if each.message not in own.message)]
        yield replace(own, message=" ".join(dict.fromkeys(word for word in words if word)))
    elif below and any(each.message for each in below):
        # Words without a code, as some services list them, have the code of what holds them.
        yield from (replace(each, code=own.code) if each.code == "Unknown" else each for each in below)
    elif own.message:
        yield from list(_of_text(own.message, target=own.target, depth=depth, code=own.code))
    elif own.code != "Unknown":
        yield own
    else:
        yield from below


def _code(fields: Mapping[str, object]) -> str:
    code = next((fields[key] for key in ("code", "errorcode", "status_code") if fields.get(key)), "")
    if not code and isinstance(fields.get("error"), str):
        code = fields["error"]
    return "" if isinstance(code, dict | list) else spelled_code(str(code))


def spelled_code(code: str) -> str:
    """A code that this program knows as Azure documents it; any other as it is."""
    return _SPELLINGS.get(code.strip().lower(), code)


def _message(fields: Mapping[str, object]) -> str:
    keys = ("message", "errormessage", "error_description", "errordetail", "messagetemplate")
    message = next((fields[key] for key in keys if fields.get(key)), "")
    if isinstance(message, dict):
        # OData: {"lang": "en-US", "value": "…"}
        message = message.get("value") or json.dumps(message, ensure_ascii=False)
    return message if isinstance(message, str) else str(message)


def _and_policy(text: str, fields: Mapping[str, object]) -> str:
    told = violation(fields.get("additionalinfo"))
    return f"{text.rstrip()} {told}".strip() if told else text


def _of_text(text: str, *, target: str | None, depth: int, code: str = "Unknown") -> Iterator[ArmError]:
    """The errors in a text: JSON, or codes as tools write them; else the text as it is."""
    left, opened = _opened(text)
    if opened:
        below = [cause for item in opened for cause in _walk(item, target=target, depth=depth + 1)]
        yield from _told(ArmError(code, left, target), below, depth=depth + 1)
        return
    for pattern in _CODE_IN_TEXT:
        found = [match for match in pattern.finditer(text) if match["code"].lower() not in WRAPPERS]
        if found:
            for match in found:
                yield ArmError(
                    spelled_code(match["code"]), match["message"].strip(" -\n\r\t:.") or text, target
                )
            return
    if text.strip():
        yield ArmError(code, text, target)


def codes_in(text: str) -> list[str]:
    """Words of a text that look like codes: `MultipleErrorsOccurred` names its causes only there."""
    return list(dict.fromkeys(word for word in _WORD.findall(text) if word.lower() not in WRAPPERS))


def _opened(message: str) -> tuple[str, list[object]]:
    """What a message says before, and the JSON in it that may be an error, as `Conflict` carries them."""
    start = message.find("{")
    quoted = message.lstrip().startswith('"{')
    if start < 0 or len(message) > 1_000_000:
        return message, []
    try:
        if quoted:
            inner = json.loads(message)
            return _opened(inner) if isinstance(inner, str) else (message, [])
        parsed, _ = json.JSONDecoder(strict=False).raw_decode(message, start)
    except (ValueError, RecursionError):
        return message, []
    keys = {str(key).lower() for key in parsed} if isinstance(parsed, dict) else set()
    if not keys & {"code", "message", "error", "details", "errors", "odata.error", "statusmessage"}:
        return message, []
    return message[:start].strip(" '\"-:\n\r\t"), [parsed]


def shorten(text: str) -> str:
    """ARM's words on one line, cut at a length that still fits a screen."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def vm_of(resource_id: str | None) -> str | None:
    """The VM that a resource id is about: the VM's own, or its NIC's, address's or disk's by their names."""
    if resource_id is None:
        return None
    name, kind = resource_ids.name(resource_id), resource_ids.kind(resource_id)
    if kind == "disks":
        name = _NUMBER.sub("", name)
    suffix = {"networkinterfaces": "VMNic", "publicipaddresses": "PublicIP", "disks": "OsDisk"}.get(kind)
    if kind == "virtualmachines":
        return name
    return name.removesuffix(suffix) if suffix and name.endswith(suffix) else None
