"""A rollback of the state never brings an older incarnation's id back: Azure has the newer one."""

from __future__ import annotations

from typing import Any

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.state.document import Document
from k0rdent_azure.state.transaction import Transaction
from tests.report.states import complete

VM = "k0s-worker-1"
IDS = ("vm_id", "nic_guid", "public_ip_guid")


def version(number: str) -> dict[str, Any]:
    data = complete()
    data["azure_resources"]["virtual_machines"][VM].update({key: f"{key}-{number}" for key in IDS})
    data["azure_resources"]["network"]["vnet"]["guid"] = f"vnet-{number}"
    data["azure_resources"]["virtual_machines"][VM]["vm_size"] = f"size-{number}"
    return data


def restored(present: dict[str, Any], older: dict[str, Any]) -> Any:
    tx = Transaction(Document(present, text=b"", source="test"), SystemClock())
    tx.restore(older)
    return tx.data["azure_resources"]


def test_the_incarnations_stay_those_of_now() -> None:
    found = restored(version("2"), version("1"))
    assert {key: found["virtual_machines"][VM][key] for key in IDS} == {key: f"{key}-2" for key in IDS}
    assert found["network"]["vnet"]["guid"] == "vnet-2"
    assert found["virtual_machines"][VM]["vm_size"] == "size-1"


def test_a_vm_that_is_gone_gets_no_id_back() -> None:
    now = version("2")
    for key in IDS:
        del now["azure_resources"]["virtual_machines"][VM][key]
    assert not {*IDS} & {*restored(now, version("1"))["virtual_machines"][VM]}


def test_a_vm_that_the_present_state_does_not_know_keeps_what_it_had() -> None:
    now = version("2")
    del now["azure_resources"]["virtual_machines"][VM]
    assert restored(now, version("1"))["virtual_machines"][VM]["vm_id"] == "vm_id-1"


def test_neither_document_is_changed_by_it() -> None:
    now, older = version("2"), version("1")
    restored(now, older)
    assert (now, older) == (version("2"), version("1"))
