"""Runs of the fuzzer: each is told by its seed and its number, whatever ran before it."""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Iterable
from types import FrameType

from tests.fuzz.mutations import mutated
from tests.fuzz.oracle import Finding, judge, peak_memory

#: Seconds of processor time after which a document counts as one that hangs.
HANGS_AFTER = 20
#: One in so many is drawn on a screen too, which takes longer than all the rest.
_DRAW_EVERY = 8


def document(seed: int, number: int) -> bytes:
    """The document of one run."""
    return mutated(random.Random(f"{seed}:{number}"))


def run(seed: int, numbers: Iterable[int]) -> tuple[Counter[str], list[tuple[int, str]]]:
    """How the documents of these runs were taken, and what was found by which of them."""
    counts: Counter[str] = Counter()
    findings: list[tuple[int, str]] = []
    for number in numbers:
        try:
            counts[judge(document(seed, number), show=number % _DRAW_EVERY == 0)] += 1
        except Finding as finding:
            findings.append((number, str(finding)))
    return counts, findings


def run_alone(task: tuple[int, range]) -> tuple[Counter[str], list[tuple[int, str]], int]:
    """`run` in a process of its own, where a document that hangs is given up; the peak of memory too."""
    seed, numbers = task
    signal.signal(signal.SIGPROF, _give_up)
    counts: Counter[str] = Counter()
    findings: list[tuple[int, str]] = []
    for number in numbers:
        signal.setitimer(signal.ITIMER_PROF, HANGS_AFTER)
        more, found = run(seed, [number])
        signal.setitimer(signal.ITIMER_PROF, 0)
        counts += more
        findings += found
    return counts, findings, peak_memory()


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise Finding(f"no end after {HANGS_AFTER} s")
