"""What a durable change costs beside the raw calls for the same bytes, and beside `yq -i`."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.measure import Row, Run, compared, process
from benchmarks.states import deployment
from k0rdent_azure.state.store import FileStore

ROUNDS = 200
#: Whoever updates in one process does so more than once; so do both sides here.
BATCH = 10
YQ_ROUNDS = 5
#: The plan's `update_deployment_state` is one `yq -i` for each value.
VALUES = 20


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
    with store.transaction() as tx:
        known = tx.state.azure_resources.virtual_machines["k0s-worker-1"].status
        tx.vm("k0s-worker-1").update(status="stopped" if known == "running" else "running")
        tx.event("vm_creation", "vm_changed", "measured", resource="k0s-worker-1")


def refresh(store: FileStore) -> None:
    """What the plan's `refresh_vm_state` records of five VMs: four values each, in one commit."""
    with store.transaction() as tx:
        vms = tx.state.azure_resources.virtual_machines
        for name in (f"k0s-worker-{number}" for number in range(1, 6)):
            tx.vm(name).update(
                status="running",
                power_state="VM stopped" if vms[name].power_state == "VM running" else "VM running",
                provisioning_state="Succeeded",
                last_checked="2025-01-07T16:45:00Z",
            )


def rows(workspace: Path) -> Iterator[Row]:
    """The rows of the table, each measured when it is asked for."""
    stores: dict[tuple[int, int], FileStore] = {}
    for vms, events, target in ((5, 100, "≤ 3"), (5, 200_000, "≤ 3"), (1_000, 100, "")):
        folder = workspace / f"{vms}-{events}"
        folder.mkdir()
        store = stores[vms, events] = deployment(folder, vms=vms, events=events)
        content = store.path.read_bytes()
        # What was written so far must not be flushed by the calls that are measured.
        os.sync()
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
    program = shutil.which("yq")
    if program is not None:
        for vms in (5, 1_000):
            yield from _beside_yq(program, workspace / f"yq-{vms}", vms, "on disk")
        memory = Path("/dev/shm")
        if memory.is_dir():
            with tempfile.TemporaryDirectory(dir=memory) as made:
                yield from _beside_yq(program, Path(made) / "yq", 5, "in memory")


def _beside_yq(program: str, folder: Path, vms: int, where: str) -> Iterator[Row]:
    """`yq -i` confirms nothing to the disk; in memory, where confirming is free, both do the same work."""
    folder.mkdir()
    store, copy = deployment(folder, vms=vms), folder / "yq.yaml"
    copy.write_bytes(store.path.read_bytes())
    words = '.azure_resources.virtual_machines.k0s-worker-1.status = "running"'
    yq = process("-i", words, str(copy), program=program)
    os.sync()
    what = f"{BATCH} values one by one in our process, {vms:,} VMs, {where}"
    mine, theirs = partial(_repeat, partial(change, store), BATCH), partial(_repeat, yq, BATCH)
    yield compared(what, mine, f"{BATCH} `yq -i`", theirs, rounds=YQ_ROUNDS, target="≤ 1/30")
    if vms * 4 == VALUES:
        what = f"a refresh of {vms} VMs, {VALUES} values, {where}"
        many = partial(_repeat, yq, VALUES)
        yield compared(
            what, partial(refresh, store), f"{VALUES} `yq -i`", many, rounds=YQ_ROUNDS, target="≤ 1/30"
        )


def _repeat(run: Run, times: int) -> None:
    for _ in range(times):
        run()
