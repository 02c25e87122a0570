"""`python -m tests.fuzz --runs N --seed S [--jobs J]`: mutate, judge, keep what breaks the oracle."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.fuzz.runs import document, run_alone

_BATCH = 500


def main() -> int:
    """Exit code 1 where something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, metavar="N", help="mutated documents (10000)")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="S", help="the same seed, the same documents (1)"
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes (1)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the number of the first run (0)")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="keep the documents of findings there")
    args = parser.parse_args()
    end = args.first + args.runs
    tasks = [(args.seed, range(at, min(at + _BATCH, end))) for at in range(args.first, end, _BATCH)]
    counts: Counter[str] = Counter()
    found, peak, started = 0, 0, time.monotonic()
    with ProcessPoolExecutor(args.jobs, multiprocessing.get_context("spawn")) as pool:
        for index, (more, findings, memory) in enumerate(pool.map(run_alone, tasks)):
            counts += more
            found, peak = found + len(findings), max(peak, memory)
            for number, message in findings:
                _tell(args.seed, number, message, args.save)
            if index % 100 == 99:
                _say(f"{counts.total() + found} documents, {found} findings", started, peak)
    taken = ", ".join(f"{count} {how}" for how, count in counts.most_common())
    _say(f"{args.runs} documents from seed {args.seed}: {taken}; {found} findings", started, peak)
    return 1 if found else 0


def _tell(seed: int, number: int, message: str, folder: Path | None) -> None:
    sys.stdout.write(f"seed {seed} run {number}: {message[:500]!r}\n")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{seed}-{number}.yaml").write_bytes(document(seed, number))


def _say(text: str, started: float, peak: int) -> None:
    sys.stdout.write(f"{text} ({time.monotonic() - started:.0f} s, at most {peak / 2**20:.0f} MB)\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
