"""Two sides of a ratio, measured in turns, so that a slow moment of the machine hits both."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

Run = Callable[[], object]
#: What, beside what, the seconds of both, and the target for their ratio ("" where there is none).
Row = tuple[str, str, float, float, str]


def compared(what: str, ours: Run, beside: str, theirs: Run, *, rounds: int, target: str = "") -> Row:
    """One row of a table, measured now."""
    mine, other = seconds([ours, theirs], rounds)
    return what, beside, mine, other, target


def seconds(sides: Sequence[Run], rounds: int) -> list[float]:
    """The median time of each side."""
    times: list[list[float]] = [[] for _ in sides]
    for warm_up in sides:
        warm_up()
    for _ in range(rounds):
        for side, run in enumerate(sides):
            started = time.perf_counter()
            run()
            times[side].append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in times]


def process(*words: str, program: str = sys.executable) -> Run:
    """A whole process, from its start to its end; it may keep its bytecode, as an installed program does."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run([program, *words], check=True, capture_output=True, env=environ)


def peak_memory(*words: str) -> float:
    """The most memory that a Python process with these arguments holds, in MB."""
    script = (
        "import resource, subprocess, sys\n"
        "subprocess.run([sys.executable, *sys.argv[1:]], check=True, capture_output=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], check=True, capture_output=True, text=True)
    # Linux counts kB, macOS bytes.
    return int(done.stdout) / (1024 if sys.platform == "linux" else 1024 * 1024)
