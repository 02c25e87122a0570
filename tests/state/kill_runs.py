"""Kills a writer with SIGKILL at random moments, and looks at what it left. Run as a process of its own:

    python -m tests.state.kill_runs FOLDER KILLS SEED [BUG]

It prints one JSON object: kills, acknowledged, unacknowledged, segments; or it exits with the broken promise. The
writers are forks of it, so that each is at work within a millisecond. `BUG` is one of `known_bugs`.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
import traceback
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.errors import K0rdentAzureError, StateError
from k0rdent_azure.state import chain, checks, events
from k0rdent_azure.state.store import FileStore
from tests.state.conftest import small
from tests.state.crash_versions import violated

#: After up to so many transactions, and up to so many seconds more, the kill comes.
MOST_LINES = 6
LONGEST = 0.01
#: After so many kills the trail begins anew, so that looking at all of it stays quick.
KILLS_PER_FILE = 25
#: Every fourth time another writer is there, who must go on when the first is killed.
EVERY = 4


class Writer(NamedTuple):
    pid: int
    acknowledged: int
    """Where its lines come out: one for each transaction that returned."""


def write_forever(path: Path, name: str, out: int) -> None:
    """Transactions without end, each with several events that only make sense together."""
    store = FileStore(path, clock=SystemClock())
    for number in count():
        size = number % 7 + 1
        with store.transaction() as tx:
            tx.by_path.set("extra", {"writer": name, "number": number})
            for part in range(size):
                tx.event("preparation", "counted", f"{name} {number} {part}/{size}")
        os.write(out, f"{name} {number}\n".encode())


def start(path: Path, name: str) -> Writer:
    readable, writable = os.pipe()
    pid = os.fork()
    if not pid:
        # So that its next line ends it, should its parent end first.
        os.close(readable)
        try:
            write_forever(path, name, writable)
        except BrokenPipeError:
            pass
        except K0rdentAzureError:
            # One that ends by itself met what a killed one left: that is the finding.
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(1)
    os.close(writable)
    return Writer(pid, readable)


def kill(writer: Writer) -> bytes:
    """Returns what it had still acknowledged."""
    os.kill(writer.pid, signal.SIGKILL)
    status = os.waitpid(writer.pid, 0)[1]
    rest = b""
    while piece := os.read(writer.acknowledged, 65536):
        rest += piece
    os.close(writer.acknowledged)
    if not os.WIFSIGNALED(status):
        violated("writer", "it ended by itself")
    return rest


def collect(writer: Writer, least: int, seconds: float) -> bytes:
    """What it acknowledges: at least so many lines, and then what comes in that time."""
    lines = b""
    while lines.count(b"\n") < least and (piece := os.read(writer.acknowledged, 65536)):
        lines += piece
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and select.select([writer.acknowledged], [], [], left)[0]:
        if not (piece := os.read(writer.acknowledged, 65536)):
            break
        lines += piece
    return lines


def one_kill(path: Path, name: str, chance: random.Random, *, beside: bool) -> bytes:
    """Everything that was acknowledged."""
    other = start(path, f"{name}-beside") if beside else None
    writer = start(path, name)
    lines = collect(writer, chance.randint(0, MOST_LINES), chance.uniform(0, LONGEST))
    lines += kill(writer)
    if other is not None:
        # It waits for a lock that died with its holder, if it waits at all.
        lines += os.read(other.acknowledged, 65536) + kill(other)
    return lines


class Judge:
    """Knows what was acknowledged of one file, and looks for it."""

    def __init__(self, path: Path) -> None:
        self.store = FileStore(path, clock=SystemClock())
        self.store.create(small())
        self.acknowledged: set[str] = set()
        self.found = 0

    def judge(self, lines: bytes) -> None:
        self.acknowledged |= set(lines.decode().splitlines())
        document = self.store.read()
        faults = [*chain.verify_history(document, self.store.storage)[0], *checks.check(document.data)]
        if any(fault.severity == "error" for fault in faults):
            violated("chain", str(faults))
        there: dict[str, list[str]] = {}
        for event in events.history(document, self.store.storage):
            transaction, _, part = str(event.message).rpartition(" ")
            there.setdefault(transaction, []).append(part)
        if missing := self.acknowledged - there.keys():
            violated("acknowledged", f"{len(missing)} transactions are missing: {sorted(missing)[:3]}")
        for transaction, parts in there.items():
            size = parts[0].partition("/")[2]
            if parts != [f"{part}/{size}" for part in range(int(size))]:
                violated("whole", f"the transaction {transaction} is there in part: {parts}")
        if document.serial != 1 + len(there):
            violated("serial", f"{document.serial} after {len(there)} transactions")
        self.found = len(there)

    def leftovers(self) -> list[str]:
        """What dead writers left beside the document, after another transaction."""
        with self.store.transaction() as tx:
            tx.by_path.set("extra", "done")
        return [file.name for file in self.store.path.parent.iterdir() if file.suffix in (".new", ".keep")]


def run(folder: Path, kills: int, seed: int) -> dict[str, int]:
    chance = random.Random(seed)
    figures = {"kills": 0, "acknowledged": 0, "unacknowledged": 0, "segments": 0}
    for first in range(0, kills, KILLS_PER_FILE):
        path = folder / str(first) / "deployment-state.yaml"
        path.parent.mkdir()
        judge = Judge(path)
        for number in range(first, min(first + KILLS_PER_FILE, kills)):
            beside = not number % EVERY
            judge.judge(one_kill(path, f"w{number}", chance, beside=beside))
            figures["kills"] += 1 + beside
        if left := judge.leftovers():
            violated("leftovers", str(left))
        figures["acknowledged"] += len(judge.acknowledged)
        figures["unacknowledged"] += judge.found - len(judge.acknowledged)
        figures["segments"] += len(judge.store.storage.parts("events"))
    return figures


def main() -> None:
    folder, kills, seed, *bug = sys.argv[1:]
    # Trails are cut every few transactions, so that many kills meet one.
    events.INLINE_LIMIT, events.KEEP_INLINE = 40, 20
    with pytest.MonkeyPatch.context() as patch:
        for name in bug:
            from tests.state.known_bugs import BUGS

            BUGS[name].plant(patch)
        try:
            json.dump(run(Path(folder), int(kills), int(seed)), sys.stdout)
        except (AssertionError, StateError) as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
