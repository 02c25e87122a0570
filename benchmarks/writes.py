"""What a durable change costs beside the raw calls for the same bytes, and beside `yq -i`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.measure import Row, compared, process
from benchmarks.states import deployment
from k0rdent_azure.state.store import FileStore

ROUNDS = 200
YQ_ROUNDS = 20


def raw_write(folder: Path, content: bytes) -> None:
    """What any durable replacement of a file costs at the least."""
    temporary = folder / "raw.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, content)
    os.fsync(descriptor)
    os.close(descriptor)
    temporary.replace(folder / "raw")
    directory = os.open(folder, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def change(store: FileStore) -> None:
    """One VM's status and the event that explains it."""
    path = "azure_resources.virtual_machines.k0s-worker-1.status"
    with store.transaction() as tx:
        tx.set(path, "stopped" if tx.get(path) == "running" else "running")
        tx.event("vm_creation", "vm_changed", "measured", resource="k0s-worker-1")


def rows(workspace: Path) -> Iterator[Row]:
    """The rows of the table, each measured when it is asked for."""
    stores: dict[tuple[int, int], FileStore] = {}
    for vms, events, target in ((5, 100, "≤ 3"), (5, 200_000, "≤ 3"), (1_000, 100, "")):
        folder = workspace / f"{vms}-{events}"
        folder.mkdir()
        store = stores[vms, events] = deployment(folder, vms=vms, events=events)
        content = store.path.read_bytes()
        yield compared(
            f"durable transaction, {vms:,} VMs, {events:,} events ({len(content) / 1000:.0f} kB)",
            partial(change, store),
            "raw write, fsync, rename, fsync",
            partial(raw_write, folder, content),
            rounds=ROUNDS,
            target=target,
        )
    long, short = partial(change, stores[5, 200_000]), partial(change, stores[5, 100])
    yield compared("transaction, 200,000 events", long, "100 events", short, rounds=ROUNDS, target="≤ 1.5")
    for vms in (5, 1_000):
        yield from _beside_yq(workspace, stores[vms, 100], vms)


def _beside_yq(workspace: Path, store: FileStore, vms: int) -> Iterator[Row]:
    program = shutil.which("yq")
    if program is None:
        return
    copy = workspace / "yq.yaml"
    copy.write_bytes(store.path.read_bytes())
    words = '.azure_resources.virtual_machines.k0s-worker-1.status = "running"'
    yq = process("-i", words, str(copy), program=program)
    what = f"update in our process, {vms:,} VMs"
    yield compared(what, partial(change, store), "`yq -i`", yq, rounds=YQ_ROUNDS, target="≤ 1/30")
