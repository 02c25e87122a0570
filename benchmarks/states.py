"""Deployments of any size and age, made through the store as the product makes them."""

from __future__ import annotations

import copy
from pathlib import Path

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.state.codec import dump, parse
from k0rdent_azure.state.store import FileStore

EXAMPLE = Path(__file__).parent.parent / "tests" / "data" / "state-example.yaml"
KEY = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKvwNVUGHgL9EJ7Dmc5O7eHdbvwvM8tKZqe0tJ1r7lZz"
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/k0rdent-abc123-resgrp"
#: How many events one transaction adds while a long history is made.
BATCH = 5_000

Data = dict[str, object]


def document(vms: int) -> Data:
    """The plan's example, grown to `vms` workers that all run, with everything that the product records of them."""
    data: Data = copy.deepcopy(parse(EXAMPLE.read_bytes(), source=str(EXAMPLE)))
    names = [f"k0s-worker-{number}" for number in range(1, vms + 1)]
    azure, wireguard, cluster = data["azure_resources"], data["wireguard"], data["k0s_cluster"]
    assert isinstance(azure, dict)
    assert isinstance(wireguard, dict)
    assert isinstance(cluster, dict)
    azure["network"]["subnet"]["address_prefix"] = "10.240.0.0/16"
    azure["virtual_machines"] = {
        name: {
            **azure["virtual_machines"]["k0s-controller"],
            "private_ip": f"10.240.{1 + at // 250}.{at % 250}",
            "id": f"{GROUP}/providers/Microsoft.Compute/virtualMachines/{name}",
            "fqdn": f"{name}-abc123.southeastasia.cloudapp.azure.com",
            "role": "worker",
            "host_key": HOST_KEY,
        }
        for at, name in enumerate(names)
    }
    keys = {"private_key": KEY, "public_key": KEY, "config_status": "deployed"}
    wireguard["network"] = "172.24.0.0/16"
    wireguard["peers"] = {
        name: {"ip": f"172.24.{1 + at // 250}.{at % 250}", **keys}
        for at, name in enumerate(["mylaptop", *names])
    }
    cluster["controllers"] = {}
    cluster["workers"] = {
        name: {"role": "worker", "ssh_status": "verified", "k0s_status": "ready"} for name in names
    }
    data["configuration"]["cluster"] = {"controller_count": 0, "worker_count": vms}  # type: ignore[index]
    data["events"] = []
    return data


def event(number: int) -> dict[str, str]:
    """One event as the product writes them."""
    return {
        "phase": "vm_creation",
        "action": "vm_created",
        "message": f"VM provisioned successfully in zone {number % 3 + 1}",
        "resource": f"k0s-worker-{number % 5 + 1}",
    }


def deployment(folder: Path, *, vms: int = 5, events: int = 100) -> FileStore:
    """A state file in `folder` with that many VMs, and that many events of history."""
    store = FileStore(folder / "deployment-state.yaml", clock=SystemClock())
    store.create(document(vms))
    for start in range(0, events, BATCH):
        with store.transaction() as change:
            for number in range(start, min(start + BATCH, events)):
                change.event(**event(number))
    return store


def arrived(folder: Path, *, events: int) -> Path:
    """A file of another writer, all of whose events stand in it."""
    data = document(5)
    data["events"] = [{"timestamp": "2025-01-07T15:30:00Z", **event(number)} for number in range(events)]
    path = folder / "deployment-state.yaml"
    path.write_bytes(dump(data))
    return path
