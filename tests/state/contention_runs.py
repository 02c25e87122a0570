"""Many processes on one state file at once. Run as a process of its own, whose forks they are:

    python -m tests.state.contention_runs FOLDER WRITERS TRANSACTIONS READERS [BUG]
    python -m tests.state.contention_runs FOLDER --runs PROCESSES TIMES [BUG]

The first form counts up in transactions while readers look; the second has runs fight for the run lock. It prints
one JSON object of figures, or exits with the broken promise.
"""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import K0rdentAzureError, LockedError
from k0rdent_azure.state import chain
from k0rdent_azure.state.events import history
from k0rdent_azure.state.lock import RunLock
from k0rdent_azure.state.store import FileStore
from tests.state.conftest import small
from tests.state.crash_versions import violated

#: Every so many looks a reader goes through all of the history, too.
WHOLE_LOOK = 50


def start(work: Callable[[], None]) -> int:
    """A process that does it, and exits with 1 where it fails."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        work()
        status = 0
    except (AssertionError, K0rdentAzureError) as error:
        sys.stderr.write(f"{error}\n")
    finally:
        os._exit(status)


def wait(pids: list[int]) -> None:
    failed = [pid for pid in pids if os.waitpid(pid, 0)[1]]
    if failed:
        violated("processes", f"{len(failed)} of {len(pids)} failed")


def count_up(path: Path, name: str, times: int) -> None:
    store = FileStore(path, clock=SystemClock())
    for number in range(times):
        with store.transaction() as tx:
            tx.by_path.set("extra.total", int(str(tx.by_path.get("extra.total"))) + 1)
            tx.event("preparation", "counted", f"{name} {number}")


def keep_looking(path: Path, end: int) -> None:
    """Until `end` is closed: each look shows a whole version, none older than the one before."""
    store, serial, looks = FileStore(path, clock=SystemClock()), 0, 0
    while not select.select([end], [], [], 0)[0]:
        document = store.read()
        if document.serial < serial:
            violated("readers", f"serial {document.serial} after {serial}")
        serial, looks = document.serial, looks + 1
        if document.get("extra.total") != serial - 1:
            violated("readers", f"{document.get('extra.total')} at serial {serial}")
        if not looks % WHOLE_LOOK and sum(1 for _ in history(document, store.storage)) != serial - 1:
            violated("readers", f"events are missing at serial {serial}")
    if not looks:
        violated("readers", "nobody looked")


def count(folder: Path, writers: int, times: int, readers: int) -> dict[str, int]:
    path = folder / "deployment-state.yaml"
    store = FileStore(path, clock=SystemClock())
    store.create({**small(), "extra": {"total": 0}})
    end, ours = os.pipe()

    def look() -> None:
        os.close(ours)
        keep_looking(path, end)

    looking = [start(look) for _ in range(readers)]
    writing = [
        start(lambda number=number: count_up(path, f"w{number}", times))  # type: ignore[misc]
        for number in range(writers)
    ]
    wait(writing)
    os.close(ours)
    wait(looking)
    document = store.read()
    seen: dict[str, list[int]] = {}
    for event in history(document, store.storage):
        name, number = str(event.message).split()
        seen.setdefault(name, []).append(int(number))
    if seen != {f"w{number}": list(range(times)) for number in range(writers)}:
        violated("lost update", f"{sum(map(len, seen.values()))} events of {writers * times}")
    if document.get("extra.total") != writers * times or document.serial != writers * times + 1:
        violated("lost update", f"{document.get('extra.total')} at serial {document.serial}")
    faults, _ = chain.verify_history(document, store.storage)
    if faults:
        violated("chain", str(faults))
    return {"serial": document.serial, "segments": len(store.storage.parts("events"))}


def run_often(folder: Path, times: int) -> None:
    """Hold the run lock so many times; nobody else may hold it then."""
    lock, held = RunLock(folder / "run.lock"), 0
    while held < times:
        try:
            with lock.acquire("deploy"):
                mine = folder / "mine"
                try:
                    mine.touch(exist_ok=False)
                except FileExistsError:
                    violated("two runs", "another one runs")
                mine.unlink()
                held += 1
        except LockedError as error:
            if "`deploy`" not in error.message and "`another run`" not in error.message:
                violated("two runs", f"nobody is named: {error}")


def fight(folder: Path, processes: int, times: int) -> dict[str, int]:
    wait([start(lambda: run_often(folder, times)) for _ in range(processes)])
    if RunLock(folder / "run.lock").holder() is not None:
        violated("two runs", "somebody still holds it")
    return {"runs": processes * times}


def main() -> None:
    folder, first, second, third, *bug = sys.argv[1:]
    with pytest.MonkeyPatch.context() as patch:
        for name in bug:
            from tests.state.known_bugs import BUGS

            BUGS[name].plant(patch)
        try:
            if first == "--runs":
                figures = fight(Path(folder), int(second), int(third))
            else:
                figures = count(Path(folder), int(first), int(second), int(third))
        except (AssertionError, K0rdentAzureError) as error:
            sys.exit(str(error))
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
