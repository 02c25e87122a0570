"""Requests and answers that go wrong on purpose, as an HTTP client sees them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import cast

import aiohttp
import pytest

from k0rdent_azure.rehearsal import faults
from k0rdent_azure.rehearsal.faults import Fault
from tests.rehearsal.arm_stage import LONG, Cloud, Json, cloud_in, custom_data, machines


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with cloud_in(tmp_path / "cloud", speed=600.0) as found:
        yield found


def arm(cloud: Cloud, fault: Fault) -> None:
    faults.add(cloud.world.directory, fault)


def logged(cloud: Cloud) -> list[int]:
    """The status of each request, as the cloud's own log has it."""
    lines = (cloud.world.directory / "requests.jsonl").read_text().splitlines()
    return [json.loads(line)["status"] for line in lines]


async def test_throttling_comes_with_and_without_retry_after(cloud: Cloud) -> None:
    arm(cloud, Fault(kind="http", status=429, retry_after=17))
    arm(cloud, Fault(kind="http", status=429))
    first, second = [await cloud.get("/subscriptions") for _ in range(2)]
    assert (first.status, first.headers["Retry-After"], first.code) == (
        429,
        "17",
        "SubscriptionRequestsThrottled",
    )
    assert second.status == 429
    assert "Retry-After" not in second.headers
    assert (await cloud.get("/subscriptions")).status == 200


@pytest.mark.parametrize(("when", "made"), [("before", False), ("after", True)])
async def test_a_time_out_is_silence_and_then_the_connection_ends(
    cloud: Cloud, when: str, *, made: bool
) -> None:
    arm(cloud, Fault(kind="timeout", when=cast("faults.Moment", when), method="PUT", seconds=3600))
    asking = asyncio.create_task(cloud.make_group())
    done, _ = await asyncio.wait([asking], timeout=0.5)
    assert not done
    asking.cancel()
    assert ((await cloud.get(cloud.group)).status == 200) is made
    arm(cloud, Fault(kind="timeout", seconds=30))
    with pytest.raises(aiohttp.ClientError):
        await cloud.get("/subscriptions")
    assert logged(cloud) == [0, 200 if made else 404, 0]


async def test_half_an_answer_took_effect(cloud: Cloud) -> None:
    arm(cloud, Fault(kind="partial", method="PUT"))
    with pytest.raises(aiohttp.ClientPayloadError):
        await cloud.make_group()
    assert (await cloud.get(cloud.group)).status == 200
    assert logged(cloud) == [0, 200]


async def test_a_malformed_answer_says_that_it_is_json(cloud: Cloud) -> None:
    arm(cloud, Fault(kind="malformed", path="/subscriptions"))
    with pytest.raises(ValueError, match="decode"):
        await cloud.get("/subscriptions")
    assert logged(cloud) == [200]


async def test_an_expired_token_is_challenged(cloud: Cloud) -> None:
    arm(cloud, Fault(kind="expired-token"))
    refused = await cloud.get("/subscriptions")
    assert (refused.status, refused.code) == (401, "ExpiredAuthenticationToken")
    assert refused.headers["WWW-Authenticate"].startswith("Bearer ")
    assert (await cloud.get("/subscriptions")).status == 200


async def test_a_skewed_clock_shows_in_the_date(cloud: Cloud) -> None:
    arm(cloud, Fault(kind="clock-skew", seconds=-7200))
    wrong, right = [await cloud.get("/subscriptions") for _ in range(2)]
    moments = [parsedate_to_datetime(each.headers["Date"]) for each in (wrong, right)]
    assert (moments[1] - moments[0]).total_seconds() == pytest.approx(7200, abs=30)


@pytest.mark.parametrize("kind", ["DeploymentActive", "ResourceGroupBeingDeleted"])
async def test_conflicts_refuse_without_effect(cloud: Cloud, kind: str) -> None:
    arm(cloud, Fault(kind=cast("faults.Kind", kind), method="PUT", path="/deployments/"))
    reply = await cloud.deploy(machines("vm-1"), parameters={"customData": custom_data("vm-1")})
    assert (reply.status, reply.code) == (409, kind)
    assert (await cloud.get(cloud.deployment(group=True))).code == "DeploymentNotFound"


async def test_a_fault_waits_for_the_request_with_its_index(cloud: Cloud) -> None:
    arm(cloud, Fault(kind="http", status=503, at=3))
    arm(cloud, Fault(kind="http", status=500, at=2, method="GET", path="/locations"))
    places = f"{cloud.subscription}/locations"
    asked = ["/subscriptions", places, "/tenants", places, places]
    assert [(await cloud.get(path)).status for path in asked] == [200, 200, 503, 500, 200]
    assert faults.list_faults(cloud.world.directory) == []


async def test_a_fault_without_a_count_lasts_until_it_is_cleared(cloud: Cloud) -> None:
    arm(cloud, Fault(kind="http", status=500, times=None))
    assert {(await cloud.get("/subscriptions")).status for _ in range(3)} == {500}
    faults.clear(cloud.world.directory)
    assert (await cloud.get("/subscriptions")).status == 200


async def test_a_zone_without_capacity_fails_the_vms_in_it_alone(cloud: Cloud) -> None:
    arm(cloud, Fault(kind="ZonalAllocationFailed", zone="1", times=None))
    document = machines("vm-1", "vm-2")
    vms = [each for each in cast("list[Json]", document["resources"]) if "zones" in each]
    vms[0]["zones"] = ["1"]
    await cloud.deploy(document, parameters={"customData": custom_data("vm-1", "vm-2")})
    cloud.later(LONG)
    states = [
        (await cloud.get(cloud.compute("virtualMachines", name))).at("properties.provisioningState")
        for name in ("vm-1", "vm-2")
    ]
    assert states == ["Failed", "Succeeded"]


async def test_what_a_region_lacks_shows_in_its_lists(cloud: Cloud) -> None:
    arm(cloud, Fault(kind="SkuNotAvailable", size="Standard_D2pls_v6", zone="2", times=None))
    arm(cloud, Fault(kind="QuotaExceeded", size="Standard_D2pls_v6", times=None))
    compute = f"{cloud.subscription}/providers/Microsoft.Compute"
    skus = await cloud.get(f"{compute}/skus?$filter=location eq 'southeastasia'")
    restricted = [each for each in cast("list[Json]", skus.body["value"]) if each["restrictions"]]
    assert [each["name"] for each in restricted] == ["Standard_D2pls_v6"]
    (restriction,) = cast("list[Json]", restricted[0]["restrictions"])
    assert (restriction["type"], restriction["restrictionInfo"]) == (
        "Zone",
        {"locations": ["southeastasia"], "zones": ["2"]},
    )
    usages = await cloud.get(f"{compute}/locations/southeastasia/usages")
    full = [each for each in cast("list[Json]", usages.body["value"]) if each["limit"] == 0]
    assert [cast("Json", each["name"])["value"] for each in full] == ["StandardDplsv6Family"]
