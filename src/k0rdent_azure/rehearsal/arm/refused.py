"""Refusals of any code and words, in the shapes in which Azure and what stands before it tell them.

Seen in public reports of other tools, and in
https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from aiohttp import web

from k0rdent_azure.rehearsal.arm.call import Answer
from k0rdent_azure.rehearsal.faults import Fault, Nesting
from k0rdent_azure.rehearsal.records import Json

_FAILED = "The resource operation completed with terminal provisioning state 'Failed'."
_LIST = "At least one resource deployment operation failed. Please list deployment operations for details."


def answer(fault: Fault) -> Answer:
    """The answer to a request that is refused; `garble` makes a page or a text of it on its way."""
    return Answer(fault.status, _BODIES.get(fault.nesting, _plain)(fault))


def cause(fault: Fault, resource: str) -> Json:
    """What an operation on `resource` ended with: the error itself, or JSON in the text of another one."""
    if fault.kind != "vm-fails":
        return _allocation(fault.kind, resource)
    if fault.nesting == "deployment":
        return _packed("Conflict", {"status": "Failed", **_plain(fault)})
    return {**_own(fault), "target": fault.target or resource}


def _allocation(kind: str, vm: str) -> Json:
    if kind == "ZonalAllocationFailed":
        where = "this zone"
    elif kind == "AllocationFailed":
        where = "this region"
    else:
        return {
            "code": kind,
            "message": "Allocation failed. VM(s) with the following constraints cannot be allocated, because the "
            "condition is too restrictive. Please remove some constraints and try again. Constraints applied are: "
            "Availability Zone, VM Size.",
            "target": vm,
        }
    return {
        "code": kind,
        "message": f"Allocation failed. We do not have sufficient capacity for the requested VM size in {where}. Read "
        "more about improving likelihood of allocation success at http://aka.ms/allocation-guidance",
        "target": vm,
    }


def garble(response: web.Response, nesting: Nesting, message: str) -> None:
    """What is not ARM's at all: a proxy's page, a gateway's text, nothing."""
    if nesting == "html":
        response.text = f"<html><head><title>{message}</title></head><body></body></html>"
        response.content_type = "text/html"
    elif nesting == "text":
        response.text = message
        response.content_type = "text/plain"
    elif nesting == "empty":
        response.body = b""


def _own(fault: Fault) -> Json:
    found: Json = {"code": fault.code or "Refused", "message": fault.message or "This was refused."}
    return {**found, "target": fault.target} if fault.target else found


def _plain(fault: Fault) -> Json:
    return {"error": _own(fault)}


def _preflight(fault: Fault) -> Json:
    told = "The template deployment is not valid according to the validation procedure. See inner errors for details."
    return {"error": {"code": "InvalidTemplateDeployment", "message": told, "details": [_own(fault)]}}


def _packed(code: str, inside: Json) -> Json:
    return {"code": code, "message": json.dumps(inside, indent=2).replace("\n", "\r\n")}


def _deployment(fault: Fault) -> Json:
    inner: Json = {"code": "ResourceDeploymentFailure", "message": _FAILED, "details": [_own(fault)]}
    packed = _packed("Conflict", {"status": "Failed", "error": inner})
    return {"error": {"code": "DeploymentFailed", "message": _LIST, "details": [packed]}}


def _multiple(fault: Fault) -> Json:
    told = f"Multiple error occurred: BadRequest,{fault.code}. Please see details. {fault.message or ''}"
    return {"error": {"code": "MultipleErrorsOccurred", "message": told.strip()}}


def _inner(fault: Fault) -> Json:
    return {"error": {"code": "BadRequest", "message": "It failed.", "innererror": _own(fault)}}


def _capitals(fault: Fault) -> Json:
    told = _own(fault)
    details: list[Json] = [{"Message": told["message"]}, {"Code": told["code"]}]
    return {"Code": told["code"], "Message": told["message"], "Target": None, "Details": details}


def _odata(fault: Fault) -> Json:
    told = _own(fault)
    message: Json = {"lang": "en-US", "value": told["message"]}
    return {"odata.error": {"code": told["code"], "message": message}}


def _policy(fault: Fault) -> Json:
    condition: Json = {
        "result": "True",
        "expressionKind": "Field",
        "expression": "tags[cost]",
        "path": "tags[cost]",
        "targetValue": "false",
        "operator": "Exists",
    }
    info: Json = {
        "policyAssignmentDisplayName": "Require a cost tag",
        "policyDefinitionEffect": "deny",
        "evaluationDetails": {"evaluatedExpressions": [condition]},
    }
    return {"error": {**_own(fault), "additionalInfo": [{"type": "PolicyViolation", "info": info}]}}


_BODIES: Mapping[Nesting, Callable[[Fault], Json]] = {
    "plain": _plain,
    "preflight": _preflight,
    "deployment": _deployment,
    "multiple": _multiple,
    "inner": _inner,
    "capitals": _capitals,
    "odata": _odata,
    "policy": _policy,
}
