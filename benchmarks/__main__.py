"""`make bench`: ratios, both sides measured in one run on one machine, so that they mean something elsewhere too.

Prints a Markdown table. Medians of many rounds; the sides alternate, so that a slow moment hits both.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from k0rdent_azure.clock import SystemClock
from k0rdent_azure.state.store import FileStore

EXAMPLE = Path(__file__).parent.parent / "tests" / "data" / "state-example.yaml"
ROUNDS = 60
PROCESS_ROUNDS = 15


def ratio(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of both sides."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for side, run in enumerate((ours, theirs)):
            started = time.perf_counter()
            run()
            times[side].append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


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


def process(*words: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, *words], check=True, capture_output=True)


def main() -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        workspace = Path(folder)
        path = workspace / "deployment-state.yaml"
        path.write_bytes(EXAMPLE.read_bytes())
        store = FileStore(path, clock=SystemClock())

        def transaction() -> None:
            with store.transaction() as tx:
                tx.set("k0rdent.status", "installing")

        transaction()
        content = path.read_bytes()
        module = ("-m", "k0rdent_azure", "-C", folder)
        bare = process("-c", "pass")
        rows = [
            (
                "durable transaction",
                "raw write+fsync+rename+fsync of the same bytes",
                *ratio(transaction, lambda: raw_write(workspace, content), ROUNDS),
            ),
            (
                "`status --json`",
                "`python -c pass`",
                *ratio(process(*module, "status", "--json"), bare, PROCESS_ROUNDS),
            ),
            ("`status`", "`python -c pass`", *ratio(process(*module, "status"), bare, PROCESS_ROUNDS)),
            (
                "`state get PATH`",
                "`python -c pass`",
                *ratio(process(*module, "state", "get", "metadata.serial"), bare, PROCESS_ROUNDS),
            ),
        ]
        print("| ours | beside | ours, ms | beside, ms | ratio |\n| --- | --- | ---: | ---: | ---: |")
        for ours, beside, mine, other in rows:
            print(f"| {ours} | {beside} | {mine * 1000:.1f} | {other * 1000:.1f} | {mine / other:.1f} |")


if __name__ == "__main__":
    main()
