"""A list's `nextLink` is asked for byte for byte, as Azure wrote it, and only from Azure Resource Manager."""

from __future__ import annotations

import pytest

from k0rdent_azure.azure import client as client_module
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.errors import AzureUnreachableError
from tests.azure.conftest import FakeArm

PATH = "/subscriptions/s/resourceGroups/g"

EXACT = [
    f"{PATH}/resources?api-version=1&$skiptoken=a%2Bb",
    f"{PATH}/resources?api-version=1&%24skiptoken=a%2bb",
    f"{PATH}/resources?api-version=1&$skipToken=a+b",
    f"{PATH}/resources?$SKIPTOKEN=%252f%252F&api-version=1",
    f"{PATH}/resources?api-version=1&$skiptoken=eyJ4Ijp7fX0=%3d%3D",
    f"{PATH}/resources?api-version=1&$skiptoken=a;b=c&&x",
    f"{PATH}/resources?api-version=1&$filter=tagName%20eq%20'k0rdent'&$skiptoken=%C3%BC%c3%bc",
    f"{PATH}/resources?api-version=1&api-version=2",
    "/subscriptions/s/resourceGroups/g%2fh%20i/resources?api-version=1",
    f"{PATH}/./x/../resources?api-version=1",
    f"{PATH}//providers/vms?api-version=1&t=%7e~",
    f"{PATH}/resources?$skiptoken=1",
    f"{PATH}/resources?api-version=1&t=%",
]


@pytest.mark.parametrize("target", EXACT)
@pytest.mark.parametrize("relative", [False, True])
async def test_the_next_page_is_asked_for_as_azure_wrote_it(
    client: ArmClient, arm: FakeArm, target: str, relative: bool
) -> None:
    arm.answer(200, {"value": [{"n": 1}], "nextLink": target if relative else arm.url + target})
    arm.answer(200, {"value": [{"n": 2}]})
    assert await client.list(f"{PATH}/resources", api_version="1") == [{"n": 1}, {"n": 2}]
    assert arm.seen[1].target == target


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("?api-version=1&$skiptoken=%2B", f"{PATH}/vms?api-version=1&$skiptoken=%2B"),
        (f"{PATH}/vms?$filter=a eq 'ü'", f"{PATH}/vms?$filter=a%20eq%20'%C3%BC'"),
        (f"  {PATH}/vms?x=1#top\n", f"{PATH}/vms?x=1"),
    ],
)
async def test_what_no_request_line_can_hold_is_written_so_that_it_can(
    client: ArmClient, arm: FakeArm, link: str, target: str
) -> None:
    arm.answer(200, {"value": [], "nextLink": link})
    arm.answer(200, {"value": []})
    await client.list(f"{PATH}/vms", api_version="1")
    assert arm.seen[1].target == target


async def test_the_host_has_no_case_and_the_link_keeps_its_own(client: ArmClient, arm: FakeArm) -> None:
    arm.answer(200, {"value": [], "nextLink": f"{arm.url.replace('https', 'HTTPS')}{PATH}/vms?T=%2b"})
    arm.answer(200, {"value": []})
    await client.list(f"{PATH}/vms", api_version="1")
    assert arm.seen[1].target == f"{PATH}/vms?T=%2b"


@pytest.mark.parametrize("link", [None, "", "  "])
async def test_an_empty_link_is_the_end(client: ArmClient, arm: FakeArm, link: str | None) -> None:
    arm.answer(200, {"value": [{"n": 1}], "nextLink": link})
    assert await client.list(PATH, api_version="1") == [{"n": 1}]


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "///evil.example/x",
        "https://127.0.0.1:{port}@evil.example/x",
        "https://user@127.0.0.1:{port}/x",
        "https://evil.example\\@127.0.0.1:{port}/x",
        "https://127.0.0.1:{port}\\@evil.example/x",
        "https://127.0.0.1:{port}.evil.example/x",
        "https://127.0.0.1:{port}/x\r\nX-Evil: 1",
        "http://127.0.0.1:{port}/x",
        "file:///etc/passwd",
        "x",
        7,
        ["/x"],
        {},
        False,
    ],
)
async def test_a_link_to_anywhere_else_is_not_followed(client: ArmClient, arm: FakeArm, link: object) -> None:
    told = link.format(port=arm.url.rsplit(":", 1)[1]) if isinstance(link, str) else link
    arm.answer(200, {"value": [], "nextLink": told})
    with pytest.raises(AzureUnreachableError):
        await client.list(PATH, api_version="1")
    assert len(arm.seen) == 1


async def test_a_list_in_a_circle_ends(client: ArmClient, arm: FakeArm) -> None:
    for page in ("b", "a", "b"):
        arm.answer(200, {"value": [], "nextLink": f"{PATH}/vms?p={page}"})
    with pytest.raises(AzureUnreachableError, match="circle"):
        await client.list(f"{PATH}/vms", api_version="1")
    assert len(arm.seen) == 3


async def test_a_list_without_end_ends(
    client: ArmClient, arm: FakeArm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_PAGES", 5)
    for page in range(6):
        arm.answer(200, {"value": [], "nextLink": f"{PATH}/vms?p={page}"})
    with pytest.raises(AzureUnreachableError, match="no end"):
        await client.list(f"{PATH}/vms", api_version="1")


async def test_a_page_that_azure_throttles_is_asked_for_again_as_it_was(
    client: ArmClient, arm: FakeArm
) -> None:
    arm.answer(200, {"value": [], "nextLink": f"{PATH}/vms?t=%2b+%252f"})
    arm.error(429, "TooManyRequests", Retry_After="1")
    arm.answer(200, {"value": []})
    await client.list(f"{PATH}/vms", api_version="1")
    assert arm.seen[1].target == arm.seen[2].target == f"{PATH}/vms?t=%2b+%252f"
