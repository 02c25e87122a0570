"""What became of a request that Azure accepted, from whatever its links answer."""

from __future__ import annotations

import pytest

from k0rdent_azure.azure import inventory, removal
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.inventory import ResourceView
from k0rdent_azure.azure.outcome import PAUSE, PAUSES, Accepted, ask, finish, pause_of
from k0rdent_azure.azure.undeleted import blocker_of
from k0rdent_azure.errors import AzureError, AzureRequestError
from tests.azure.conftest import FakeArm, FakeClock

ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/a"
LINK = "/subscriptions/s/operationresults/t?api-version=1&t=%2B+%252f"


def operation(arm: FakeArm, *, status: bool = False, link: str = LINK) -> Accepted:
    return Accepted("DELETE a", ID, arm.url + link if status else "", "" if status else arm.url + link)


def body(status: str, code: str = "") -> dict[str, object]:
    return {"status": status, **({"error": {"code": code, "message": "why"}} if code else {})}


@pytest.mark.parametrize(
    ("is_status", "http", "told", "state_and_code"),
    [
        (False, 202, None, "running "),
        (False, 200, None, "succeeded "),
        (False, 204, None, "succeeded "),
        (False, 200, {"properties": {"provisioningState": "Succeeded"}}, "succeeded "),
        (False, 200, {"properties": {"provisioningState": "Deleting"}}, "running "),
        (False, 200, body("Failed", "NicInUse"), "failed NicInUse"),
        (False, 202, body("Failed", "NicInUse"), "failed NicInUse"),
        (False, 409, {"error": {"code": "ScopeLocked", "message": "no"}}, "failed ScopeLocked"),
        (False, 400, {"error": {"code": "InUseSubnetCannotBeDeleted", "message": "no"}}, "failed InUse"),
        (False, 403, {"error": {"code": "RequestDisallowedByPolicy", "message": "no"}}, "failed Request"),
        (False, 403, {"error": {"code": "AuthorizationFailed", "message": "no"}}, "unknown "),
        (False, 404, {"error": {"code": "OperationNotFound", "message": "no"}}, "unknown "),
        (False, 410, b"<html>", "failed HTTP410"),
        (True, 200, body("InProgress"), "running "),
        (True, 200, body("succeeded"), "succeeded "),
        (True, 200, body("Failed", "AllocationFailed"), "failed AllocationFailed"),
        (True, 200, body("Failed"), "failed OperationFailed"),
        (True, 200, body("Canceled"), "failed OperationCanceled"),
        (True, 200, body("Cancelled", "OperationPreempted"), "failed OperationPreempted"),
        (True, 200, {}, "unknown "),
        (True, 204, None, "succeeded "),
    ],
)
async def test_every_answer_has_a_meaning(  # noqa: PLR0917
    client: ArmClient, arm: FakeArm, is_status: bool, http: int, told: object, state_and_code: str
) -> None:
    state, _, code = state_and_code.partition(" ")
    arm.answer(http, told)
    outcome = await ask(client, operation(arm, status=is_status))
    assert outcome.state == state
    assert arm.seen[0].target == LINK
    if state == "failed":
        assert outcome.error is not None
        assert outcome.error.code.startswith(code)
        assert outcome.error.resource_id == ID


@pytest.mark.parametrize(
    "link", ["https://evil.example/x", "//evil.example/x", "http://127.0.0.1/x", "https://u@127.0.0.1/x", "x"]
)
async def test_a_link_to_another_server_never_gets_the_token(
    client: ArmClient, arm: FakeArm, link: str
) -> None:
    assert (await ask(client, Accepted("DELETE a", ID, "", link))).state == "unknown"
    assert arm.seen == []


async def test_no_link_is_no_request(client: ArmClient, arm: FakeArm) -> None:
    assert (await ask(client, Accepted("DELETE a", ID))).state == "unknown"
    assert arm.seen == []


async def test_a_relative_link_and_one_that_moves_are_followed(
    client: ArmClient, arm: FakeArm, clock: FakeClock
) -> None:
    arm.answer(202, None, Location="/subscriptions/s/operationresults/u?x=%2b")
    arm.answer(200, None)
    await finish(client, Accepted("DELETE a", ID, "", LINK), limit=100)
    assert [seen.target for seen in arm.seen] == [LINK, "/subscriptions/s/operationresults/u?x=%2b"]
    assert clock.slept == [PAUSE]


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("0", PAUSES[0]),
        ("-5", PAUSES[0]),
        ("15", 15.0),
        ("99999999", PAUSES[1]),
        ("1e999", PAUSES[1]),
        ("nan", PAUSE),
        ("soon", PAUSE),
        ("", PAUSE),
        ("Fri, 31 Dec 2100 23:59:59 GMT", PAUSE),
    ],
)
def test_retry_after_is_believed_within_limits(header: str, pause: float) -> None:
    assert pause_of({"retry-after": header}) == pause


async def test_what_never_ends_is_given_up(client: ArmClient, arm: FakeArm, clock: FakeClock) -> None:
    for _ in range(20):
        arm.answer(202, None, Retry_After="10")
    with pytest.raises(AzureError, match="did not end it within 60 s"):
        await finish(client, operation(arm), limit=60)
    assert sum(clock.slept) <= 60


@pytest.mark.parametrize("told", [body("Failed", "ScopeLocked"), body("Canceled")])
async def test_tags_that_azure_only_accepted_are_waited_for(
    client: ArmClient, arm: FakeArm, told: dict[str, object]
) -> None:
    arm.answer(202, None, Location=LINK)
    arm.answer(200, {})
    await inventory.merge_tags(client, ID, {"a": "b"})
    arm.answer(202, None, Azure_AsyncOperation=arm.url + LINK)
    arm.answer(200, told)
    with pytest.raises(AzureRequestError):
        await inventory.merge_tags(client, ID, {"a": "b"})


async def test_tags_that_are_set_at_once_take_one_request(client: ArmClient, arm: FakeArm) -> None:
    arm.answer(200, {})
    await inventory.merge_tags(client, ID, {"a": "b"})
    assert len(arm.seen) == 1


def test_of_a_group_the_user_of_what_is_stuck_is_in_the_way() -> None:
    group = "/subscriptions/s/resourceGroups/g"
    address = f"{group}/providers/Microsoft.Network/publicIPAddresses/a"
    firewall = "/subscriptions/s/resourceGroups/other/providers/Microsoft.Network/azureFirewalls/f"
    words = f"Public IP address {address} is still allocated to {firewall}/azureFirewallIpConfigurations/ip."
    error = AzureRequestError(words, status=409, code="X", resource_id=address)
    assert blocker_of(group, error) == firewall
    assert blocker_of(group, AzureRequestError("no", status=409, code="X", resource_id=address)) == address


@pytest.mark.parametrize(
    ("message", "blocker"),
    [
        (
            "Subnet x is in use by /subscriptions/s/rg/nic/ipConfigurations/ip1 and stays.",
            "/subscriptions/s/rg/nic",
        ),
        (f"Disk {ID} is attached to VM /subscriptions/s/rg/vm.", "/subscriptions/s/rg/vm"),
        (f"used by: '{ID}'; '/subscriptions/s/rg/b'", "/subscriptions/s/rg/b"),
        (f"The scope '{ID}' is locked: '/subscriptions/s/resourceGroups/g'.", ""),
        ("cut off: /subscriptions/s/rg/longna…", ""),
        ("nothing is named", ""),
    ],
)
def test_what_is_in_the_way_is_read_from_azures_words(message: str, blocker: str) -> None:
    error = AzureRequestError(message, status=409, code="X", resource_id=ID)
    assert blocker_of(ID, error) == blocker


async def test_a_deletion_without_a_link_is_repeated_only_after_a_while(
    client: ArmClient, arm: FakeArm, clock: FakeClock
) -> None:
    vm = ResourceView(ID, "a", "Microsoft.Compute/virtualMachines", "Succeeded", {})
    memory = removal.Removal()
    arm.answer(202, None)
    for _ in range(3):
        await removal.delete_resources(client, [vm], memory=memory)
    assert len(arm.seen) == 1
    await clock.sleep(600)
    arm.answer(204, None)
    await removal.delete_resources(client, [vm], memory=memory)
    assert [seen.method for seen in arm.seen] == ["DELETE", "DELETE"]


async def test_one_that_cannot_go_does_not_keep_the_others(client: ArmClient, arm: FakeArm) -> None:
    first, second = (
        ResourceView(f"{ID}{each}", f"a{each}", "Microsoft.Compute/virtualMachines", "Succeeded", {})
        for each in "12"
    )
    memory = removal.Removal()
    arm.error(409, "ScopeLocked")
    arm.answer(202, None)
    await removal.delete_resources(client, [first, second], memory=memory)
    final = memory.troubles.final(0.0)
    assert final is not None
    assert final.resource_id == first.id
    assert [*memory.started] == [second.id.lower()]
