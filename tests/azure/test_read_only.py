"""A client that may only read sends nothing else, whoever asks it to."""

from __future__ import annotations

import pytest

from k0rdent_azure.azure import removal, versions
from k0rdent_azure.azure.client import ArmClient
from k0rdent_azure.azure.ledger import Ledger
from k0rdent_azure.errors import ReadOnlyError
from tests.azure.conftest import FakeArm, FakeClock, FakeCredential, environment


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE", "delete"])
async def test_what_changes_something_never_leaves(
    arm: FakeArm, clock: FakeClock, credential: FakeCredential, method: str
) -> None:
    ledger = Ledger("test")
    async with ArmClient(
        environment=environment(arm.url),
        credential=credential,
        ledger=ledger,
        clock=clock,
        ca_file=arm.ca_file,
        read_only=True,
    ) as client:
        with pytest.raises(ReadOnlyError) as refused:
            await client.request(method, "/subscriptions/s", api_version="2022-12-01", body={})
        with pytest.raises(ReadOnlyError):
            await removal.delete_group(client, "s", "g")
        arm.answer(200, {"id": "/subscriptions/s"})
        await client.request("GET", "/subscriptions/s", api_version=versions.SUBSCRIPTIONS)
    assert "/subscriptions/s" in refused.value.message
    assert [each.method for each in arm.seen] == ["GET"]
    assert sum(ledger.counts().values()) == 1
    assert not clock.slept
