"""The client against a scripted server: what it retries, what it counts, what it says when it gives up."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest
from aiohttp import web
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ClientAuthenticationError

from k0rdent_azure import __version__
from k0rdent_azure.azure import policies, transport
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.credentials import RenewableCredential
from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.errors import AuthenticationError, AzureRequestError, AzureUnreachableError
from tests.azure.conftest import FakeArm, FakeClock, FakeCredential, environment

PATH = "/subscriptions/s/resourceGroups/g"


async def test_a_request_carries_version_token_and_user_agent(client: ArmClient, arm: FakeArm) -> None:
    arm.answer(200, {"name": "g"}, x_ms_request_id="r1")
    answer = await client.request("GET", PATH, api_version="2022-09-01", query={"$filter": "a eq 'b c'"})
    assert (answer.status, answer.body, answer.headers["x-ms-request-id"]) == (200, {"name": "g"}, "r1")
    seen = arm.seen[0]
    assert (seen.method, seen.path) == ("GET", PATH)
    assert seen.query == {"$filter": "a eq 'b c'", "api-version": "2022-09-01"}
    assert seen.headers["Authorization"] == "Bearer token-1"
    assert seen.headers["User-Agent"].startswith(f"k0rdent-azure/{__version__} (k0rdent-abcd1234; deploy)")
    assert "x-ms-client-request-id" in seen.headers


async def test_a_body_is_sent_as_json(client: ArmClient, arm: FakeArm) -> None:
    arm.answer(201, {})
    await client.request("PUT", PATH, api_version="1", body={"location": "x", "ü": [1, 2]})
    assert json.loads(arm.seen[0].body) == {"location": "x", "ü": [1, 2]}
    assert arm.seen[0].headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_throttling_and_server_errors_are_retried(
    client: ArmClient, arm: FakeArm, clock: FakeClock, method: str, status: int
) -> None:
    arm.error(status, "TooManyRequests", Retry_After="17")
    arm.answer(200, {"ok": True})
    answer = await client.request(method, PATH, api_version="1")
    assert answer.body == {"ok": True}
    assert clock.slept == [17.0]
    assert [entry.status for entry in client.ledger.entries] == [status, 200]


async def test_a_put_is_retried_with_the_same_bytes(client: ArmClient, arm: FakeArm) -> None:
    arm.error(503, "ServiceUnavailable")
    arm.answer(200, {})
    await client.request("PUT", PATH, api_version="1", body={"a": "b"})
    assert arm.seen[0].body == arm.seen[1].body == b'{"a":"b"}'


async def test_retries_are_bounded_and_spread_out(client: ArmClient, arm: FakeArm, clock: FakeClock) -> None:
    for _ in range(4):
        arm.error(500, "InternalServerError", "boom")
    with pytest.raises(AzureRequestError) as caught:
        await client.request("GET", PATH, api_version="1")
    assert (caught.value.status, caught.value.code) == (500, "InternalServerError")
    assert len(arm.seen) == 4
    assert len(clock.slept) == 3
    assert 1 <= clock.slept[0] < clock.slept[1] < clock.slept[2] <= 60


@pytest.mark.parametrize("header", ["soon", "", "-5", "nan", "Fri, 99 Foo 2026 00:00:00 GMT"])
async def test_a_strange_retry_after_does_not_break_the_retry(
    client: ArmClient, arm: FakeArm, clock: FakeClock, header: str
) -> None:
    arm.error(503, "ServiceUnavailable", Retry_After=header)
    arm.answer(200, {})
    await client.request("GET", PATH, api_version="1")
    assert len(clock.slept) == 1
    assert 0 < clock.slept[0] <= 60


@pytest.mark.parametrize("header", ["3600", "1e999"])
async def test_a_wait_that_is_too_long_is_told_and_not_waited_for(
    client: ArmClient, arm: FakeArm, clock: FakeClock, header: str
) -> None:
    arm.error(429, "SubscriptionRequestsThrottled", Retry_After=header)
    with pytest.raises(AzureRequestError) as caught:
        await client.request("GET", PATH, api_version="1")
    assert clock.slept == []
    assert len(arm.seen) == 1
    assert f"wait {header} s" in (caught.value.hint or "")


async def test_other_errors_are_not_retried(client: ArmClient, arm: FakeArm) -> None:
    arm.error(409, "DeploymentActive", "runs")
    with pytest.raises(AzureRequestError) as caught:
        await client.request("PUT", PATH, api_version="1", body={})
    assert (caught.value.code, caught.value.status, caught.value.resource_id) == (
        "DeploymentActive",
        409,
        PATH,
    )
    assert len(arm.seen) == 1


async def test_a_wanted_404_is_an_answer(client: ArmClient, arm: FakeArm) -> None:
    arm.error(404, "ResourceGroupNotFound")
    answer = await client.request("GET", PATH, api_version="1", accept=(200, 404))
    assert answer.status == 404


async def test_a_refused_token_is_replaced_once(arm: FakeArm, clock: FakeClock) -> None:
    credential = FakeCredential("old", "new")
    arm.error(401, "ExpiredAuthenticationToken", WWW_Authenticate='Bearer error="invalid_token"')
    arm.answer(200, {})
    async with _client(arm, clock, credential) as client:
        await client.request("GET", PATH, api_version="1")
        assert [seen.headers["Authorization"] for seen in arm.seen] == ["Bearer old", "Bearer new"]
        assert [entry.status for entry in client.ledger.entries] == [401, 200]


async def test_a_refused_token_that_a_credential_keeps_is_replaced_too(
    arm: FakeArm, clock: FakeClock
) -> None:
    made = [FakeCredential("kept"), FakeCredential("new")]
    left = iter(made)
    arm.error(401, "ExpiredAuthenticationToken", WWW_Authenticate='Bearer error="invalid_token"')
    arm.answer(200, {})
    async with _client(arm, clock, RenewableCredential(lambda: next(left))) as client:
        await client.request("GET", PATH, api_version="1")
        assert [seen.headers["Authorization"] for seen in arm.seen] == ["Bearer kept", "Bearer new"]
    assert all(each.closed for each in made)


async def test_a_token_that_stays_refused_ends_at_once(client: ArmClient, arm: FakeArm) -> None:
    arm.error(401, "InvalidAuthenticationToken", WWW_Authenticate='Bearer error="invalid_token"')
    with pytest.raises(AzureRequestError) as caught:
        await client.request("GET", PATH, api_version="1")
    assert caught.value.code == "InvalidAuthenticationToken"
    assert "az login" in (caught.value.hint or "")
    assert len(arm.seen) == 1


async def test_no_token_is_an_authentication_error_on_one_line(arm: FakeArm, clock: FakeClock) -> None:
    problem = ClientAuthenticationError(
        "DefaultAzureCredential failed to retrieve a token from the included credentials.\n"
        "Attempted credentials:\n"
        "\tEnvironmentCredential: EnvironmentCredential authentication unavailable. Not configured.\n"
        "\tAzureCliCredential: AADSTS700082: The refresh token has expired due to inactivity.\n"
        "To mitigate this issue, please refer to the troubleshooting guidelines"
    )
    async with _client(arm, clock, FakeCredential(error=problem)) as client:
        with pytest.raises(AuthenticationError) as caught:
            await client.request("GET", PATH, api_version="1")
        assert "\n" not in caught.value.message
        assert "refresh token has expired" in caught.value.message
        assert "EnvironmentCredential" not in caught.value.message
        assert "az login" in (caught.value.hint or "")
        assert client.ledger.entries == []


async def test_an_answer_cut_short_is_retried_then_unreachable(client: ArmClient, arm: FakeArm) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"value": [')
        assert request.transport is not None
        request.transport.abort()
        return response

    arm.script.extend([cut] * 4)
    with pytest.raises(AzureUnreachableError) as caught:
        await client.request("GET", PATH, api_version="1")
    assert PATH in caught.value.message
    assert len(arm.seen) == 4
    assert [entry.status for entry in client.ledger.entries] == [0, 0, 0, 0]


async def test_a_connection_dropped_without_answer_recovers(client: ArmClient, arm: FakeArm) -> None:
    async def drop(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    arm.script.append(drop)
    arm.answer(200, {"ok": 1})
    answer = await client.request("DELETE", PATH, api_version="1")
    assert answer.body == {"ok": 1}
    assert len(client.ledger.entries) == 2


async def test_nobody_listening_is_unreachable_and_counts_nothing(arm: FakeArm, clock: FakeClock) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        arm.url = f"https://127.0.0.1:{unused.getsockname()[1]}"
    async with _client(arm, clock, FakeCredential()) as client:
        with pytest.raises(AzureUnreachableError) as caught:
            await client.request("GET", PATH, api_version="1")
        assert arm.url in caught.value.message
        assert client.ledger.entries == []
    assert len(clock.slept) == 3


async def test_a_certificate_that_nobody_vouches_for_ends_at_once(arm: FakeArm, clock: FakeClock) -> None:
    made = ArmClient(
        environment=environment(arm.url), credential=FakeCredential(), ledger=Ledger(), clock=clock, retries=3
    )
    async with made as client:
        with pytest.raises(AzureUnreachableError) as caught:
            await client.request("GET", PATH, api_version="1")
    assert clock.slept == []
    assert "SSL_CERT_FILE" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "body", [b"{", b"[1, 2]", b'"text"', b"\xff\xfe", b"<html>hello</html>", b"[" * 100_000]
)
async def test_a_success_that_is_not_an_arm_answer_is_unreachable(
    client: ArmClient, arm: FakeArm, body: bytes
) -> None:
    for _ in range(3):
        arm.answer(200, body)
    with pytest.raises(AzureUnreachableError):
        await client.request("GET", PATH, api_version="1")
    assert len(arm.seen) == 3


async def test_an_answer_that_is_garbled_once_is_asked_for_again(client: ArmClient, arm: FakeArm) -> None:
    arm.answer(200, b'{"value": [')
    arm.answer(200, {"value": [{"name": "a"}]})
    assert await client.list(PATH, api_version="1") == [{"name": "a"}]
    assert len(client.ledger.entries) == 2


async def test_a_write_whose_answer_is_garbled_is_not_repeated(client: ArmClient, arm: FakeArm) -> None:
    arm.answer(200, b"{")
    with pytest.raises(AzureUnreachableError):
        await client.request("PUT", PATH, api_version="1", body={})
    assert len(arm.seen) == 1


async def test_an_html_error_page_is_named_as_such(client: ArmClient, arm: FakeArm) -> None:
    arm.answer(403, b"<!DOCTYPE html><html>Access denied by Corp Proxy</html>", Content_Type="text/html")
    with pytest.raises(AzureRequestError) as caught:
        await client.request("GET", PATH, api_version="1")
    assert (caught.value.status, caught.value.code) == (403, "HTTP403")
    assert "HTML" in caught.value.message
    assert "proxy" in (caught.value.hint or "").lower()


async def test_an_empty_answer_is_an_empty_body(client: ArmClient, arm: FakeArm) -> None:
    arm.answer(202, None, Location="https://example.invalid/poll")
    answer = await client.request("DELETE", PATH, api_version="1")
    assert (answer.status, answer.body) == (202, {})


async def test_a_list_follows_its_pages(client: ArmClient, arm: FakeArm) -> None:
    arm.answer(
        200, {"value": [{"n": 1}], "nextLink": f"{arm.url}{PATH}/v%20ms?api-version=1&$skiptoken=a%20b"}
    )
    arm.answer(200, {"value": [{"n": 2}, "not an object"], "nextLink": ""})
    assert await client.list(f"{PATH}/vms", api_version="1", query={"x": "y"}) == [{"n": 1}, {"n": 2}]
    assert arm.seen[1].path == f"{PATH}/v ms"
    assert arm.seen[1].query == {"api-version": "1", "$skiptoken": "a b"}
    assert len(client.ledger.entries) == 2


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example:{port}/x",
        "https://127.0.0.1:{port}@evil.example:{port}/x",
        "http://127.0.0.1:{port}/x",
        "https://127.0.0.1/x",
        "https://127.0.0.1:99999999/x",
        "//evil/x",
    ],
)
async def test_a_page_elsewhere_never_gets_the_token(client: ArmClient, arm: FakeArm, link: str) -> None:
    arm.answer(200, {"value": [], "nextLink": link.format(port=arm.url.rsplit(":", 1)[1])})
    with pytest.raises(AzureUnreachableError):
        await client.list(PATH, api_version="1")
    assert len(arm.seen) == 1


async def test_a_list_without_values_is_no_list(client: ArmClient, arm: FakeArm) -> None:
    arm.answer(200, {"surprise": 1})
    with pytest.raises(AzureUnreachableError):
        await client.list(PATH, api_version="1")


async def test_parallel_requests_share_one_token(
    client: ArmClient, arm: FakeArm, credential: FakeCredential
) -> None:
    for _ in range(8):
        arm.answer(200, {})
    await asyncio.gather(*(client.request("GET", PATH, api_version="1") for _ in range(8)))
    assert credential.asked == 1
    assert client.ledger.counts() == {"test": 8}


async def test_closing_twice_is_well(client: ArmClient, arm: FakeArm, credential: FakeCredential) -> None:
    arm.answer(200, {})
    await client.request("GET", PATH, api_version="1")
    await client.close()
    await client.close()
    assert credential.closed


async def test_a_silent_server_is_given_up_in_real_seconds(
    arm: FakeArm, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        return web.Response()

    monkeypatch.setattr(transport, "READ_TIMEOUT", 0.05)
    arm.script.extend([hang] * 4)
    async with _client(arm, clock, FakeCredential()) as client:
        with pytest.raises(AzureUnreachableError):
            await client.request("GET", PATH, api_version="1")
        assert [entry.status for entry in client.ledger.entries] == [0, 0, 0, 0]


async def test_a_server_that_drips_is_given_up_too(
    arm: FakeArm, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    monkeypatch.setattr(policies, "ATTEMPT_TIMEOUT", 0.1)
    arm.script.extend([drip] * 4)
    async with _client(arm, clock, FakeCredential()) as client:
        with pytest.raises(AzureUnreachableError):
            await client.request("GET", PATH, api_version="1")
    assert len(arm.seen) == 4


async def test_no_proxy_stands_before_this_machine(
    arm: FakeArm, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    arm.answer(200, {})
    async with _client(arm, clock, FakeCredential()) as client:
        await client.request("GET", PATH, api_version="1")


async def test_an_interrupted_request_still_counts(client: ArmClient, arm: FakeArm) -> None:
    reached = asyncio.Event()

    async def hang(_request: web.Request) -> web.StreamResponse:
        reached.set()
        await asyncio.Event().wait()
        return web.Response()

    arm.script.append(hang)
    task = asyncio.create_task(client.request("PUT", PATH, api_version="1", body={}))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(entry.method, entry.status) for entry in client.ledger.entries] == [("PUT", 0)]


def test_the_ledger_hands_out_each_request_once() -> None:
    ledger = Ledger("azure_setup")
    ledger.record("PUT", "/a", 201, seconds=0.1)
    ledger.phase = "vm_creation"
    ledger.record("GET", "/a", 200, seconds=0.1)
    assert ledger.take() == {"azure_setup": 1, "vm_creation": 1}
    assert ledger.take() == {}
    ledger.record("GET", "/a", 200, seconds=0.1)
    assert ledger.take() == {"vm_creation": 1}
    assert ledger.counts() == {"azure_setup": 1, "vm_creation": 2}


def _client(arm: FakeArm, clock: FakeClock, credential: AsyncTokenCredential) -> ArmClient:
    return ArmClient(
        environment=environment(arm.url),
        credential=credential,
        ledger=Ledger("test"),
        clock=clock,
        ca_file=arm.ca_file,
        retries=3,
    )
