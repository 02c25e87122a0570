"""Resources, lists, power and removal over HTTPS; tokens, api-versions, throttling and rehearsed faults."""

from __future__ import annotations

import json
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import ClientSecretCredential

from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.certificates import ca_file
from tests.rehearsal.arm_stage import LONG, Cloud, Json, cloud_in, custom_data, machines


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with cloud_in(tmp_path / "cloud") as found:
        yield found


async def deploy(cloud: Cloud, *names: str) -> None:
    reply = await cloud.deploy(machines(*names), parameters={"customData": custom_data(*names)})
    assert reply.status == 201, reply.body
    cloud.later(LONG)
    assert (await cloud.get(cloud.deployment(group=True))).at("properties.provisioningState") == "Succeeded"


def credential(cloud: Cloud, secret: str) -> ClientSecretCredential:
    authority = cloud.authority
    trusted = str(ca_file(cloud.world.directory / "tls"))
    return ClientSecretCredential(
        authority.tenant,
        authority.client_id,
        secret,
        authority=authority.arm_endpoint,
        connection_verify=trusted,
        disable_instance_discovery=True,
    )


async def test_azure_identity_gets_a_token_that_arm_takes(cloud: Cloud) -> None:
    async with credential(cloud, cloud.authority.client_secret) as found:
        token = await found.get_token(f"{cloud.authority.arm_endpoint}/.default")
    assert token.token.count(".") == 2
    assert "=" not in token.token
    reply = await cloud.call("GET", "/subscriptions", token=token.token)
    assert reply.at("value.0.subscriptionId") == cloud.world.subscription_id
    async with credential(cloud, "wrong") as found:
        with pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
            await found.get_token(f"{cloud.authority.arm_endpoint}/.default")


@pytest.mark.parametrize("token", ["", "a.b.c", "nonsense"])
async def test_without_a_good_token_arm_answers_401(cloud: Cloud, token: str) -> None:
    reply = await cloud.call("GET", "/subscriptions", token=token)
    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


async def test_discovery_needs_no_token_and_is_not_in_the_log(cloud: Cloud) -> None:
    base = cloud.authority.arm_endpoint
    for path in (f"/{cloud.authority.tenant}/v2.0/.well-known/openid-configuration", "/metadata/endpoints"):
        reply = await cloud.call("GET", path, token="", api=None)
        assert reply.status == 200
        assert base in str(reply.body)
    assert (cloud.world.directory / "requests.jsonl").read_text() == ""


async def test_the_log_has_each_request_in_order_with_its_query(cloud: Cloud) -> None:
    await cloud.make_group()
    await cloud.get(cloud.group)
    await cloud.call("GET", "/subscriptions", token="")
    lines = [json.loads(line) for line in (cloud.world.directory / "requests.jsonl").read_text().splitlines()]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [
        ("PUT", f"{cloud.group}?api-version=2022-09-01", 201),
        ("GET", f"{cloud.group}?api-version=2022-09-01", 200),
        ("GET", "/subscriptions?api-version=2022-09-01", 401),
    ]
    assert all(list(line) == ["time", "method", "path", "status"] for line in lines)
    assert lines == sorted(lines, key=lambda line: str(line["time"]))


async def test_requests_that_arm_does_not_understand(cloud: Cloud) -> None:
    assert (await cloud.call("GET", cloud.group, api=None)).code == "MissingApiVersionParameter"
    assert (await cloud.call("GET", cloud.group, api="yesterday")).code == "InvalidApiVersionParameter"
    assert (await cloud.get("/subscriptions/other/resourceGroups")).code == "SubscriptionNotFound"
    assert (await cloud.get(f"{cloud.subscription}/providers/Microsoft.Kitchen/sinks")).status == 404
    assert (await cloud.call("PUT", cloud.group, ["not", "an object"])).code == "InvalidRequestContent"
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        assert (await cloud.call("PUT", cloud.group, {"a": "x" * 5_000_000})).status == 413


async def test_groups(cloud: Cloud) -> None:
    assert (await cloud.call("HEAD", cloud.group)).status == 404
    missing = await cloud.get(cloud.group)
    assert (missing.status, missing.code) == (404, "ResourceGroupNotFound")
    tagged = {"location": "southeastasia", "tags": {"k0rdent-azure-deployment": "one"}}
    assert (await cloud.call("PUT", cloud.group, tagged)).status == 201
    assert (await cloud.call("PUT", cloud.group, tagged)).status == 200
    assert (
        await cloud.call("PUT", cloud.group, {"location": "westeurope"})
    ).code == "InvalidResourceGroupLocation"
    assert (await cloud.call("PUT", cloud.group + "2", {"location": "moon"})).status == 400
    wanted = "?$filter=tagName eq 'k0rdent-azure-deployment' and tagValue eq '{}'"
    groups = f"{cloud.subscription}/resourcegroups"
    assert (await cloud.get(groups + wanted.format("one"))).names() == ["rg"]
    assert (await cloud.get(groups + wanted.format("two"))).names() == []


async def test_a_group_goes_with_everything_in_it_after_minutes(cloud: Cloud) -> None:
    await deploy(cloud, "vm-1")
    reply = await cloud.call("DELETE", cloud.group)
    assert reply.status == 202
    cloud.later(60)
    assert (await cloud.get(cloud.group)).at("properties.provisioningState") == "Deleting"
    assert (await cloud.get(reply.headers["Location"])).status == 202
    again = await cloud.call("PUT", cloud.group, {"location": "southeastasia"})
    assert (again.status, again.code) == (409, "ResourceGroupBeingDeleted")
    refused = await cloud.deploy(machines("vm-2"), parameters={"customData": custom_data("vm-2")}, name="x")
    assert (refused.status, refused.code) == (409, "ResourceGroupBeingDeleted")
    cloud.later(260)
    assert (await cloud.get(cloud.group)).status == 404
    assert (await cloud.get(reply.headers["Location"])).status == 200
    assert (await cloud.call("DELETE", cloud.group)).status == 404
    assert cloud.world.vms() == []
    earlier = {each.uid for each in cloud.world.creations()}
    await deploy(cloud, "vm-1")
    assert cloud.world.vms()[0].vm_id not in earlier


async def test_deleting_the_group_ends_the_deployment_into_it(cloud: Cloud) -> None:
    await cloud.deploy(machines("vm-1"), parameters={"customData": custom_data("vm-1")})
    cloud.later(30)
    await cloud.call("DELETE", cloud.group)
    shown = await cloud.get(cloud.deployment(group=True))
    assert shown.at("properties.provisioningState") == "Failed"
    assert shown.at("properties.error.code") == "ResourceGroupBeingDeleted"


async def test_power_states_come_from_the_lists_that_have_them(cloud: Cloud) -> None:
    await deploy(cloud, "vm-1", "vm-2")
    in_group = await cloud.get(cloud.compute("virtualMachines"))
    assert in_group.names() == ["vm-1", "vm-2"]
    assert "instanceView" not in str(in_group.body)
    path = f"{cloud.subscription}/providers/Microsoft.Compute/virtualMachines?statusOnly=true"
    for vm in cast("list[Json]", (await cloud.get(path)).body["value"]):
        view = cast("Json", cast("Json", vm["properties"])["instanceView"])
        codes = [status["code"] for status in cast("list[Json]", view["statuses"])]
        assert codes == ["ProvisioningState/succeeded", "PowerState/running"]
    one = cloud.compute("virtualMachines", "vm-1")
    for action, passing, final in (
        ("deallocate", "deallocating", "deallocated"),
        ("start", "starting", "running"),
    ):
        reply = await cloud.call("POST", f"{one}/{action}")
        assert reply.status == 202
        assert (await cloud.get(f"{one}/instanceView")).at("statuses.1.code") == f"PowerState/{passing}"
        assert (await cloud.get(reply.headers["Azure-AsyncOperation"])).at("status") == "InProgress"
        cloud.later(90)
        shown = await cloud.get(f"{one}?$expand=instanceView")
        assert shown.at("properties.instanceView.statuses.1.displayStatus") == f"VM {final}"
        assert (await cloud.get(reply.headers["Azure-AsyncOperation"])).at("status") == "Succeeded"


async def test_a_vm_takes_along_what_its_delete_options_name(cloud: Cloud) -> None:
    await deploy(cloud, "vm-1", "vm-2")
    nic = cloud.networking("networkInterfaces", "vm-1-nic")
    assert (await cloud.call("DELETE", nic)).code == "NicInUse"
    reply = await cloud.call("DELETE", cloud.compute("virtualMachines", "vm-1"))
    assert reply.status == 202
    shown = await cloud.get(cloud.compute("virtualMachines", "vm-1"))
    assert shown.at("properties.provisioningState") == "Deleting"
    cloud.later(120)
    left = (await cloud.get(f"{cloud.group}/resources")).names()
    assert [name for name in left if name.startswith("vm-1")] == []
    assert {"vm-2", "vm-2-nic", "vm-2-ip", "nsg", "vnet"} < set(left)
    assert (await cloud.call("DELETE", nic)).status == 204
    assert (await cloud.get(reply.headers["Location"])).status == 200


@pytest.mark.parametrize(
    ("type_", "name", "code"),
    [
        ("publicIPAddresses", "vm-1-ip", "PublicIPAddressCannotBeDeleted"),
        ("networkSecurityGroups", "nsg", "InUseNetworkSecurityGroupCannotBeDeleted"),
        ("virtualNetworks", "vnet", "InUseSubnetCannotBeDeleted"),
    ],
)
async def test_what_is_used_cannot_be_deleted(cloud: Cloud, type_: str, name: str, code: str) -> None:
    await deploy(cloud, "vm-1")
    reply = await cloud.call("DELETE", cloud.networking(type_, name))
    assert reply.code == code
    assert (await cloud.get(cloud.networking(type_, name))).status == 200


async def test_resources_are_found_by_tag(cloud: Cloud) -> None:
    await deploy(cloud, "vm-1")
    wanted = "/resources?$filter=tagName eq 'owner' and tagValue eq '{}'"
    found = await cloud.get(cloud.subscription + wanted.format("me"))
    assert {"nsg", "vnet", "vm-1", "vm-1-nic", "vm-1-ip"} < set(found.names())
    assert (await cloud.get(cloud.group + wanted.format("you"))).names() == []
    assert (await cloud.get(cloud.group + "/resources?$filter=nonsense")).code == "InvalidFilterInQueryString"


async def test_a_subnet_and_a_vm_size_can_be_read(cloud: Cloud) -> None:
    await deploy(cloud, "vm-1")
    subnet = await cloud.get(cloud.networking("virtualNetworks", "vnet/subnets/subnet"))
    assert subnet.at("properties.addressPrefix") == "10.0.1.0/24"
    assert "vm-1-nic" in subnet.text("properties.ipConfigurations.0.id")
    skus = f"{cloud.subscription}/providers/Microsoft.Compute/skus?$filter=location eq 'southeastasia'"
    found = cast("list[Json]", (await cloud.get(skus)).body["value"])
    arm = next(each for each in found if each["name"] == "Standard_D2pls_v6")
    assert {"name": "CpuArchitectureType", "value": "Arm64"} in cast("list[Json]", arm["capabilities"])
    assert {"Standard_D8pls_v6", "Standard_D4s_v5", "Standard_B2s", "Standard_DS2_v2"} < {
        str(each["name"]) for each in found
    }


async def test_a_resource_can_be_put_by_itself(cloud: Cloud) -> None:
    await cloud.make_group()
    path = cloud.networking("networkSecurityGroups", "own")
    reply = await cloud.call("PUT", path, {"location": "southeastasia", "properties": {}})
    assert reply.status == 201
    assert reply.at("properties.provisioningState") == "Creating"
    cloud.later(30)
    assert (await cloud.get(path)).at("properties.provisioningState") == "Succeeded"


@pytest.mark.parametrize(
    ("sources", "status"),
    [
        (["203.0.113.0/24", "203.0.113.7/32"], 400),
        (["198.51.100.7/32", "0.0.0.0/0"], 400),
        (["203.0.113.0/25", "203.0.113.128/25"], 201),
    ],
)
async def test_sources_of_a_rule_that_overlap_are_refused(
    cloud: Cloud, sources: list[str], status: int
) -> None:
    await cloud.make_group()
    rule = {"name": "a", "properties": {"priority": 100, "sourceAddressPrefixes": sources}}
    body = {"location": "southeastasia", "properties": {"securityRules": [rule]}}
    reply = await cloud.call("PUT", cloud.networking("networkSecurityGroups", "own"), body)
    assert reply.status == status
    if status != 201:
        assert reply.code == "OverlappingSubnetsNotPermittedInSecurityRule"


async def test_a_body_that_nobody_foresaw_is_an_answer_and_in_the_log(cloud: Cloud) -> None:
    await cloud.make_group()
    strange = {
        "location": "southeastasia",
        "properties": {"addressSpace": 5, "subnets": [{"properties": "none"}]},
    }
    reply = await cloud.call("PUT", cloud.networking("virtualNetworks", "vnet"), strange)
    assert reply.status in (400, 500)
    lines = (cloud.world.directory / "requests.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["status"] == reply.status


async def test_reads_beyond_the_limit_are_throttled_in_cloud_seconds(tmp_path: Path) -> None:
    async with cloud_in(tmp_path, speed=0.001) as cloud:  # time stands all but still
        replies = [await cloud.get("/subscriptions") for _ in range(251)]
        assert {reply.status for reply in replies[:250]} == {200}
        assert replies[0].headers["x-ms-ratelimit-remaining-subscription-reads"] == "249"
        assert (replies[250].status, replies[250].headers["Retry-After"]) == (429, "1")
        assert replies[250].code == "SubscriptionRequestsThrottled"
        cloud.later(1)
        assert (await cloud.get("/subscriptions")).status == 200


async def test_rehearsed_http_faults_are_used_up(cloud: Cloud) -> None:
    await cloud.make_group()
    fault = faults.Fault(
        kind="http", status=429, retry_after=17, times=2, method="GET", path="/resourcegroups/rg"
    )
    faults.add(cloud.world.directory, fault)
    assert (await cloud.get("/subscriptions")).status == 200
    first = await cloud.get(cloud.group)
    assert (first.status, first.headers["Retry-After"]) == (429, "17")
    assert [each.times for each in faults.list_faults(cloud.world.directory)] == [1]
    assert (await cloud.get(cloud.group)).status == 429
    assert (await cloud.get(cloud.group)).status == 200
    faults.add(cloud.world.directory, fault)
    faults.clear(cloud.world.directory)
    assert (await cloud.get(cloud.group)).status == 200


@pytest.mark.parametrize(("when", "made"), [("before", False), ("after", True)])
async def test_a_cut_connection_leaves_open_whether_it_took_effect(
    cloud: Cloud, when: str, *, made: bool
) -> None:
    moment = cast("faults.Moment", when)
    faults.add(cloud.world.directory, faults.Fault(kind="disconnect", when=moment, method="PUT"))
    with pytest.raises(aiohttp.ClientError):
        await cloud.make_group()
    assert ((await cloud.get(cloud.group)).status == 200) is made
    first = json.loads((cloud.world.directory / "requests.jsonl").read_text().splitlines()[0])
    assert first["status"] == 0


async def test_json_is_read_as_arm_does(cloud: Cloud) -> None:
    content = b'{/* a */ location: "southeastasia", // b: "c"\n "tags": {"a": "// no: comment"}}'
    url = f"{cloud.authority.arm_endpoint}{cloud.group}?api-version=2022-09-01"
    headers = {"Authorization": f"Bearer {cloud.token()}"}
    async with cloud.session.put(url, data=content, headers=headers) as response:
        assert (response.status, (await response.json())["tags"]) == (201, {"a": "// no: comment"})
