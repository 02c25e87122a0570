"""What the matrices share: one workspace that all runs begin with, an undisturbed end, and several runs at a time."""

from __future__ import annotations

import os
import shutil
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from k0rdent_azure.config.topology import Names
from tests.e2e import ends
from tests.e2e.forked import Ended, Forked
from tests.e2e.points import STATE, Points
from tests.e2e.test_deployment import identity
from tests.e2e.test_interruption import recorded

#: Cloud seconds per real second.
SPEED = 300.0
NO_STATE = 4
#: Four hosts: concurrent operations of three workers, and a controller that they join.
DEPLOY = ("deploy", "--yes", "--set", "cluster.workers.count=3")
DESTROY = ("destroy", "--yes")
RESUME = ("resume", "--yes")


@dataclass(frozen=True)
class Scenario:
    """`before` brings a new workspace to where `command` is disturbed and `onward` goes on."""

    before: tuple[tuple[str, ...], ...]
    command: tuple[str, ...]
    onward: tuple[str, ...]


@dataclass(frozen=True)
class End:
    """What a run came to; `state` is None where it is archived."""

    state: Any
    made: Counter[str]
    held: int


class Result(msgspec.Struct, frozen=True):
    """One run. `met` is False where it ended before what should have disturbed it."""

    name: str
    met: bool
    outcome: str
    seconds: float
    failures: list[str]


class Stage:
    """One scenario in `folder`; every run is in a copy of the same workspace."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario, self.folder = scenario, folder
        self.base = folder / "base"

    def prepare(self) -> tuple[list[str], End]:
        """The points of an undisturbed run, in order, and its end."""
        self.base.mkdir(parents=True)
        with served(Forked(self.base, SPEED)) as product:
            done(product.run("init", "--template", "minimal", "--cloud", "rehearsal", "--yes"))
            for words in self.scenario.before:
                done(product.run(*words))
        listed = self.folder / "points.txt"
        with self.copy("undisturbed") as product:
            done(product.run(*self.scenario.command, points=Points(None, listed)))
            end = the_end(product.workspace)
        return [line.partition(" ")[2] for line in listed.read_text().splitlines()], end

    @contextmanager
    def copy(self, name: str) -> Iterator[Forked]:
        """A copy of the base, served."""
        workspace = self.folder / name
        shutil.rmtree(workspace, ignore_errors=True)
        shutil.copytree(self.base, workspace, symlinks=True)
        with served(Forked(workspace, SPEED)) as product:
            yield product

    def keep(self, name: str, why: list[str]) -> None:
        """Leave the workspace of a run that went wrong for a look."""
        kept = self.folder / f"kept-{os.getpid()}-{len(list(self.folder.iterdir()))}"
        (self.folder / name).rename(kept)
        why.append(f"its workspace is {kept}")


@contextmanager
def served(product: Forked) -> Iterator[Forked]:
    """The product with its cloud."""
    pid = product.serve()
    try:
        yield product
    finally:
        product.stop(pid)


def the_end(workspace: Path) -> End:
    state = ends.essence(ends.load(workspace)) if (workspace / STATE).exists() else None
    return End(state, ends.creations(workspace), len(ends.holds(workspace)))


def judge(workspace: Path, known: dict[str, Any] | None, end: End, *, again: str = "") -> Iterator[str]:
    """How this differs from `end`, where `known` is the state in the middle.

    `again` is a VM that may have been made once more, elsewhere; then there may have been more submissions, too.
    """
    found = the_end(workspace)
    vm = f"azure_resources.virtual_machines.{again}."
    allowed = (
        (f"{vm}availability_zone", f"{vm}full_zones", "azure_resources.deployment.generation")
        if again
        else ()
    )
    yield from (
        line for line in ends.differences(found.state, end.state) if not line.startswith(allowed or "\0")
    )
    more = {
        name for name in found.made - end.made if not again or not name.rpartition("/")[2].startswith(again)
    }
    if more or end.made - found.made:
        yield f"made too often: {sorted(more)}, too rarely: {sorted(end.made - found.made)}"
    if found.held != end.held:
        yield f"the cloud holds {found.held} things, not {end.held}"
    if not again and ends.accepted(workspace) != 1:
        yield f"{ends.accepted(workspace)} deployments were accepted as new"
    if found.state is None:
        return
    now = ends.load(workspace)
    yield from (f"an orphan: {each}" for each in ends.orphans(workspace))
    if known and known["wireguard"]["peers"] and not recorded(_lasting(now, again), _lasting(known, again)):
        yield "a key, an id or an address changed"


def _lasting(document: dict[str, Any], again: str) -> dict[str, Any]:
    """The identity; a VM that was made once more has another public address."""
    found = identity(document)
    if again in found["vms"]:
        found["vms"][again]["public_ip"] = None
    return found


def share_out(
    names: Sequence[str], work: Callable[[str, str], Result], folder: Path, jobs: int
) -> list[Result]:
    """`work` for each name, by `jobs` processes; its second argument names a workspace for the run."""
    workers = [
        _worker(names[job::jobs], work, folder / f"results-{job}.jsonl", f"run-{job}") for job in range(jobs)
    ]
    for pid in workers:
        os.waitpid(pid, 0)
    lines = [
        line for path in sorted(folder.glob("results-*.jsonl")) for line in path.read_bytes().splitlines()
    ]
    found = {result.name: result for result in (msgspec.json.decode(line, type=Result) for line in lines)}
    lost = [name for name in names if name not in found]
    return [*found.values(), *(Result(name, False, "", 0.0, ["its process died"]) for name in lost)]


def _worker(names: Sequence[str], work: Callable[[str, str], Result], path: Path, workspace: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        with path.open("ab") as out:
            for name in names:
                out.write(msgspec.json.encode(work(name, workspace)) + b"\n")
                out.flush()
    except BaseException:
        traceback.print_exc()
        raise
    finally:
        os._exit(0)


def plant_bug() -> None:
    """Break the product in this process, so that a matrix has something to find: its PUTs are not idempotent."""
    Names.deployment = property(lambda _self: f"k0rdent-{os.getpid():08x}")  # type: ignore[assignment, method-assign]


def done(ended: Ended) -> None:
    if ended.code:
        raise RuntimeError(told(ended))


def told(ended: Ended) -> str:
    return f"{' '.join(ended.words)}: exit {ended.code}: {ended.said[-600:]}"
