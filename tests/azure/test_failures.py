"""ARM's error bodies, as they really look, in words that a user can act on."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k0rdent_azure.azure.arm_errors import ArmError, causes, vm_of
from k0rdent_azure.azure.failure_table import RULES, UNKNOWN
from k0rdent_azure.azure.failures import Answer, deployment_failed, explain, request_failed

GROUP = "/subscriptions/0/resourceGroups/k0rdent-x-resgrp/providers"
VM = f"{GROUP}/Microsoft.Compute/virtualMachines/k0s-worker-1"
QUOTA = (
    "Operation could not be completed as it results in exceeding approved standardDPLSv6Family Cores quota. "
    "Additional details - Deployment Model: Resource Manager, Location: southeastasia, Current Limit: 10, Current "
    "Usage: 8, Additional Required: 4, (Minimum) New Limit Required: 12. Setup Alerts when Quota reaches threshold."
)


def failed(status: int, body: object) -> tuple[str, str, str, str | None]:
    raw = json.dumps(body).encode()
    parsed = body if isinstance(body, dict) else None
    error = request_failed("PUT", "/subscriptions/0/x", Answer(status, parsed, raw, {}))
    return error.code, error.message, error.hint or "", error.resource_id


def test_the_check_before_the_start_is_opened_down_to_its_cause() -> None:
    body = {
        "error": {
            "code": "InvalidTemplateDeployment",
            "message": "The template deployment 'k0rdent-x' is not valid according to the validation procedure.",
            "details": [
                {"code": "SkuNotAvailable", "target": VM, "message": "The requested VM size … not available"}
            ],
        }
    }
    code, message, hint, resource = failed(400, body)
    assert (code, resource) == ("SkuNotAvailable", VM)
    assert message.startswith("VM k0s-worker-1: ")
    assert "az vm list-skus" in hint


def test_a_quota_is_told_in_numbers_whatever_its_code() -> None:
    for code in ("QuotaExceeded", "OperationNotAllowed"):
        body = {"error": {"code": "InvalidTemplateDeployment", "details": [{"code": code, "message": QUOTA}]}}
        found, message, hint, _ = failed(400, body)
        assert found == code
        assert "standardDPLSv6Family Cores: limit 10, in use 8, needed 12" in message
        assert "Usage + quotas" in hint


def test_operation_not_allowed_without_a_quota_keeps_its_own_reason() -> None:
    _, message, hint, _ = failed(
        409, {"error": {"code": "OperationNotAllowed", "message": "Disk is attached"}}
    )
    assert "Disk is attached" in message
    assert "quota" not in hint


def test_an_image_of_another_architecture_is_told_whatever_its_code() -> None:
    text = "this VM size only supports a CPU Architecture of 'Arm64'"
    _, message, hint, _ = failed(400, {"error": {"code": "BadRequest", "message": text}})
    assert text in message
    assert "same architecture" in hint


def test_an_error_inside_a_json_message_is_opened() -> None:
    packed = json.dumps(
        {"status": "Failed", "error": {"code": "DnsRecordInUse", "message": "DNS record x is taken"}}
    )
    body = {
        "error": {
            "code": "DeploymentFailed",
            "message": "At least one resource deployment operation failed.",
            "details": [{"code": "Conflict", "message": packed}],
        }
    }
    code, message, hint, _ = failed(409, body)
    assert code == "DnsRecordInUse"
    assert "DNS record x is taken" in message
    assert "wait until its group is gone" in hint


def test_several_causes_are_counted() -> None:
    details = [{"code": "AllocationFailed", "message": "a", "target": f"{VM}{n}"} for n in range(3)]
    _, message, _, _ = failed(400, {"error": {"code": "MultipleErrorsOccurred", "details": details}})
    assert message.endswith("(and 2 more)")


def test_an_unknown_code_keeps_azures_words() -> None:
    code, message, hint, resource = failed(
        409, {"error": {"code": "BrandNew", "message": "because\r\n of that"}}
    )
    assert (code, message, hint) == ("BrandNew", "because of that (BrandNew)", "fix what Azure names")
    assert resource == "/subscriptions/0/x"


def test_an_old_body_without_the_error_envelope_is_read_too() -> None:
    assert failed(404, {"code": "ResourceGroupNotFound", "message": "gone"})[0] == "ResourceGroupNotFound"


@pytest.mark.parametrize(
    "code",
    [
        "AllocationFailed",
        "ZonalAllocationFailed",
        "OverconstrainedAllocationRequest",
        "OverconstrainedZonalAllocationRequest",
        "SkuNotAvailable",
        "QuotaExceeded",
        "AuthorizationFailed",
        "ResourceGroupNotFound",
        "ResourceGroupBeingDeleted",
        "DeploymentActive",
        "DnsRecordInUse",
        "SubscriptionNotFound",
        "InvalidAuthenticationToken",
        "RequestDisallowedByPolicy",
        "MarketplacePurchaseEligibilityFailed",
        "MissingSubscriptionRegistration",
        "ScopeLocked",
    ],
)
def test_a_known_code_has_a_hint_that_names_a_way_on(code: str) -> None:
    told = explain(ArmError(code, "Azure's own words", VM))
    assert "VM k0s-worker-1" in told.message
    assert code in told.message
    assert "Azure's own words" in told.message
    assert told.hint


def test_the_table_speaks_in_one_style() -> None:
    for advice in (*(rule.advice for rule in RULES), UNKNOWN):
        assert not advice.meaning.endswith("."), advice
        assert advice.fix, advice
        assert "\n" not in advice.meaning + advice.fix, advice


def test_a_failed_deployment_names_the_first_cause_and_the_other_vms() -> None:
    other = VM.replace("worker-1", "worker-2")
    nic = f"{GROUP}/Microsoft.Network/networkInterfaces/k0s-worker-3VMNic"
    error = deployment_failed(
        "k0rdent-x",
        "Failed",
        [
            (ArmError("ZonalAllocationFailed", "no room"), VM),
            (ArmError("ZonalAllocationFailed", "no room"), other),
            (ArmError("Conflict", "?"), nic),
        ],
    )
    assert (error.code, error.resource_id) == ("ZonalAllocationFailed", VM)
    assert error.message.startswith("VM k0s-worker-1: ")
    assert error.message.endswith("; also failed: k0s-worker-2, k0s-worker-3")
    assert (error.way, error.about) == ("either", "k0s-worker-1")


@pytest.mark.parametrize("state", ["Failed", "Canceled"])
def test_a_deployment_that_ended_without_a_reason_still_says_what_to_do(state: str) -> None:
    error = deployment_failed("k0rdent-x", state, [])
    assert "k0rdent-x" in error.message
    assert error.hint
    assert error.way == "again"


@pytest.mark.parametrize(
    ("resource", "vm"),
    [
        (VM, "k0s-worker-1"),
        (VM.replace("virtualMachines", "VIRTUALMACHINES"), "k0s-worker-1"),
        (f"{GROUP}/Microsoft.Network/publicIPAddresses/k0s-controllerPublicIP", "k0s-controller"),
        (f"{GROUP}/Microsoft.Compute/disks/k0s-controllerOsDisk", "k0s-controller"),
        (f"{GROUP}/Microsoft.Network/virtualNetworks/k0rdent-x-vnet", None),
        ("name", None),
        ("", None),
        (None, None),
    ],
)
def test_a_resource_id_tells_its_vm(resource: str | None, vm: str | None) -> None:
    assert vm_of(resource) == vm


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "message", "details", "target", "x"]), inner, max_size=5
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_body_whatever_breaks_the_reader(body: object) -> None:
    for cause in causes(body):
        assert isinstance(cause.code, str)
        assert isinstance(explain(cause).message, str)


def test_a_body_nested_without_end_is_left_at_some_depth() -> None:
    body: dict[str, object] = {"code": "Deep", "message": "m"}
    for _ in range(5000):
        body = {"code": "Wrapper", "details": [body]}
    assert len(causes({"error": body})) <= 1


def test_long_words_are_cut() -> None:
    assert len(causes({"code": "X", "message": "long " * 10_000})[0].message) <= 500


def test_a_cause_that_is_known_comes_before_one_that_says_nothing() -> None:
    untold = ArmError(
        "ResourceDeploymentFailure", "The resource operation completed with terminal provisioning state."
    )
    known = ArmError("SkuNotAvailable", "not available")
    other = VM.replace("worker-1", "worker-2")
    error = deployment_failed("k0rdent-x", "Failed", [(untold, VM), (known, other)])
    assert (error.code, error.about) == ("SkuNotAvailable", "k0s-worker-2")
    assert error.message.endswith("; also failed: k0s-worker-1")
    details = [{"code": "Strange", "message": "?"}, {"code": "QuotaExceeded", "message": QUOTA}]
    assert (
        failed(400, {"error": {"code": "InvalidTemplateDeployment", "details": details}})[0]
        == "QuotaExceeded"
    )
