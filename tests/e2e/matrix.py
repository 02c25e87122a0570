"""What the matrices share: one workspace that all runs begin with, an undisturbed end, and several runs at a time."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from k0rdent_azure.config.topology import Names
from tests.e2e import ends, neighbours
from tests.e2e.forked import KILLED, Ended, Forked, preload
from tests.e2e.points import STATE, Points
from tests.e2e.test_deployment import identity
from tests.e2e.test_interruption import recorded

#: Cloud seconds per real second.
SPEED = 300.0
NO_STATE = 4
#: Five hosts: concurrent operations of four workers, and a controller that they join.
DEPLOY = ("deploy", "--yes", "--set", "cluster.workers.count=4")
DESTROY = ("destroy", "--yes")
RESUME = ("resume", "--yes")
SNAPSHOT = "SNAPSHOT"
EVERYTHING = "*"


@dataclass(frozen=True)
class Scenario:
    """`before` brings a new workspace to where `command` is disturbed and `onward` goes on.

    With `snapshot_at`, a first deployment is killed at that point and a snapshot taken, which `SNAPSHOT` stands for.
    With `while_pending`, `onward` goes on only while that operation is pending; after that, it would do another thing.
    With `group`, the deployment is in a group of the user's, beside strangers; otherwise these are elsewhere.
    `moved` is the VM that `command` makes once more, which gives it another address, or EVERYTHING for what it removes.
    With `gives_up`, `onward` does not go on with `command` but undoes it, however far it came.
    """

    before: tuple[tuple[str, ...], ...]
    command: tuple[str, ...]
    onward: tuple[str, ...]
    snapshot_at: str | None = None
    while_pending: str | None = None
    gives_up: bool = False
    moved: str = ""
    group: bool = False


@dataclass(frozen=True)
class End:
    """What a run came to; `state` is None where it is archived."""

    state: Any
    made: Counter[str]
    held: int
    files: frozenset[str]
    strangers: dict[str, str]


NOWHERE = End(None, Counter(), 0, frozenset(), {})


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
        self.command = scenario.command
        self.begin = NOWHERE

    def prepare(self) -> tuple[list[str], End]:
        """The points of an undisturbed run, in order, and its end."""
        self.base.mkdir(parents=True)
        with served(Forked(self.base, SPEED)) as product:
            done(product.run("init", "--template", "minimal", "--cloud", "rehearsal", "--yes"))
            move_in(product, group=self.scenario.group)
            if self.scenario.snapshot_at:
                self._take_snapshot(product, self.scenario.snapshot_at)
            for words in self.scenario.before:
                done(product.run(*words))
        self.begin = the_end(self.base)
        listed = self.folder / "points.txt"
        with self.copy("undisturbed") as product:
            done(product.run(*self.command, points=Points(None, listed)))
            if self.scenario.gives_up:
                done(product.run(*self.scenario.onward))
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

    def _take_snapshot(self, product: Forked, point: str) -> None:
        killed = product.run(*DEPLOY, points=Points(point, None))
        if killed.code != KILLED:
            raise RuntimeError(told(killed))
        taken = product.run("snapshot", "create", "--json")
        done(taken)
        name = json.loads(taken.said)["name"]
        self.command = tuple(name if word == SNAPSHOT else word for word in self.command)

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
    if not (workspace / ".rehearsal" / "world.json").exists():
        return NOWHERE
    state = ends.essence(ends.load(workspace)) if (workspace / STATE).exists() else None
    return End(
        state,
        ends.creations(workspace),
        len(ends.holds(workspace)),
        ends.files(workspace),
        neighbours.strangers(workspace / ".rehearsal"),
    )


def move_in(product: Forked, *, group: bool) -> None:
    """Strangers, beside the deployment; with `group`, in one group with it, which the configuration then names."""
    where = neighbours.TEAM if group else neighbours.ELSEWHERE
    neighbours.move_in(product.cloud, where)
    if group:
        neighbours.use_group(product.workspace, where)


def judge(
    workspace: Path,
    known: dict[str, Any] | None,
    end: End,
    *,
    again: str = "",
    moved: str = "",
    less: bool = False,
) -> Iterator[str]:
    """How this differs from `end`, where `known` is the state in the middle.

    `again` is a VM that may have been made once more, elsewhere; then there may have been more submissions, too. With
    `moved`, that VM's address is another one in any case; with `less`, not everything needs to have been made.
    """
    found = the_end(workspace)
    vm = f"azure_resources.virtual_machines.{again}."
    allowed = (f"{vm}availability_zone", f"{vm}full_zones") if again else ()
    yield from (
        line for line in ends.differences(found.state, end.state) if not line.startswith(allowed or "\0")
    )
    more = {
        name for name in found.made - end.made if not again or not name.rpartition("/")[2].startswith(again)
    }
    if more or (end.made - found.made and not less):
        yield f"made too often: {sorted(more)}, too rarely: {sorted(end.made - found.made)}"
    if found.held != end.held:
        yield f"the cloud holds {found.held} things, not {end.held}"
    if found.files != end.files:
        yield f"files left: {sorted(found.files - end.files)}, missing: {sorted(end.files - found.files)}"
    yield from neighbours.changed(end.strangers, found.strangers)
    # None where the answer was lost; that there is one is what `made` and `held` say.
    if not again and ends.accepted(workspace) > 1:
        yield f"{ends.accepted(workspace)} deployments were accepted as new"
    if found.state is None:
        return
    now = ends.load(workspace)
    yield from (f"an orphan: {each}" for each in ends.orphans(workspace))
    if (
        known
        and known["wireguard"]["peers"]
        and not recorded(_lasting(now, again or moved), _lasting(known, again or moved))
    ):
        yield "a key, an id or an address changed"


def _lasting(document: dict[str, Any], moved: str) -> dict[str, Any]:
    """The identity; a VM that was made once more has another public address, and what was removed has nothing."""
    found = identity(document)
    for name, vm in found["vms"].items():
        if moved in (name, EVERYTHING):
            vm["public_ip"] = None
        if moved == EVERYTHING:
            vm["id"] = vm["nic_id"] = None
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


def arguments(module: str, sampled: str, scenarios: Collection[str] = ()) -> argparse.ArgumentParser:
    """What every matrix takes; `sampled` is what it has many of. With `scenarios`, one of them comes first."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.e2e.{module}")
    if scenarios:
        parser.add_argument("scenario", choices=scenarios)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sample", type=int, help=f"only so many {sampled}, drawn with --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="so many runs at a time")
    parser.add_argument("--bug", action="store_true", help="with a bug in the product, which this must find")
    return parser


def begin(args: argparse.Namespace) -> float:
    """Import everything, and plant the bug that was asked for; returns the time."""
    preload()
    if args.bug:
        plant_bug()
    return time.monotonic()


def report(results: Sequence[Result], figures: dict[str, object], *, since: float) -> int:
    """Say what failed and the figures; returns the exit code."""
    for each in results:
        if each.failures:
            sys.stderr.write(f"{each.name} ({each.outcome})\n  " + "\n  ".join(each.failures) + "\n")
    failed = sum(bool(each.failures) for each in results)
    ended = {"failed": failed, "seconds": round(time.monotonic() - since)}
    sys.stdout.write(json.dumps({**figures, "run": len(results), **ended}) + "\n")
    return 1 if failed else 0


def plant_bug() -> None:
    """Break the product in this process, so that a matrix has something to find: its PUTs are not idempotent."""
    Names.deployment = property(lambda _self: f"k0rdent-{os.getpid():08x}")  # type: ignore[assignment, method-assign]


def done(ended: Ended) -> None:
    if ended.code:
        raise RuntimeError(told(ended))


def told(ended: Ended) -> str:
    return f"{' '.join(ended.words)}: exit {ended.code}: {ended.said[-600:]}"
