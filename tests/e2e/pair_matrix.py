"""Kills one command, goes on with another, and looks at whether anybody was harmed: all pairs of those that change.

    python -m tests.e2e.pair_matrix FOLDER [--group] [--first NAME] [--second NAME] [--sample 1 --seed 3] [--jobs 2]
    python -m tests.e2e.pair_matrix FOLDER [--group] --run 'FIRST / SECOND / POINT'

The first is killed at one of its points (`--sample` of them for each pair, otherwise all). Then the second is typed;
if it is refused, what its hint says, at most three times, and then the second again. Afterwards the deployment is
complete, as `resume` and `validate` say, or gone, as the second wants; the state is valid at each step; etcd never
had fewer than a majority of its members up, but for what takes it down on purpose; and of the strangers in the cloud,
with `--group` in the same group, no byte changed.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from k0rdent_azure.state.age_identities import VARIABLE
from tests.e2e import ends, neighbours
from tests.e2e.forked import KILLED, Forked
from tests.e2e.matrix import SPEED, Result, arguments, begin, done, move_in, report, served, share_out, told
from tests.e2e.onward import Onward, takes_etcd_down
from tests.e2e.pairs import BASES, COMMANDS, RECIPIENT, REPAIR, RESUME, SNAPSHOT, three_controllers
from tests.e2e.points import STATE, Points
from tests.e2e.witness import Witness
from tests.state.test_secrets import age_key

#: The first may be needed to finish something else, as a rollback.
RESUMES = 2
#: Real seconds in which the cloud notices what was done behind the program's back.
NOTICE = 0.3


class Pairs:
    """All runs of one mode, in copies of workspaces that are made once."""

    def __init__(self, folder: Path, *, group: bool) -> None:
        self.folder, self.group = folder, group
        self.names: dict[str, str] = {}

    def prepare(self, firsts: Sequence[str]) -> None:
        """Make the workspaces that `firsts` need."""
        self.folder.mkdir(parents=True)
        os.environ[VARIABLE] = str(self.folder / "identity.txt")
        # Long hints stay on one line.
        os.environ["COLUMNS"] = "4000"
        self.names[RECIPIENT] = age_key(self.folder / "identity.txt")
        for name in firsts:
            self._make(COMMANDS[name].base)

    def _make(self, base: str) -> None:
        target = self.folder / base
        if target.exists():
            return
        before, make = BASES[base]
        if before:
            self._make(before)
            shutil.copytree(self.folder / before, target, symlinks=True)
        else:
            target.mkdir()
        with served(Forked(target, SPEED)) as product:
            if not before:
                done(product.run("init", "--template", "minimal", "--cloud", "rehearsal", "--yes"))
                move_in(product, group=self.group)
                three_controllers(target)
            make(product, self.names)

    def points(self, name: str) -> list[str]:
        """Those that this command passes when nothing disturbs it."""
        command = COMMANDS[name]
        listed = self.folder / "points.txt"
        listed.unlink(missing_ok=True)
        with self._copy(command.base, "undisturbed") as (product, _):
            done(product.run(*command.typed(self.names, group=self.group), points=Points(None, listed)))
        return [line.partition(" ")[2] for line in listed.read_text().splitlines()]

    @contextmanager
    def _copy(self, base: str, name: str) -> Iterator[tuple[Forked, Witness]]:
        workspace, journals = self.folder / name, self.folder / f"{name}.seen"
        for path in (workspace, journals):
            shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(self.folder / base, workspace, symlinks=True)
        witness = Witness(journals, workspace, workspace / ".rehearsal")
        with served(Forked(workspace, SPEED, witness=witness)) as product:
            yield product, witness

    def run(self, pair: str, name: str) -> Result:
        """One pair, `FIRST / SECOND / POINT`."""
        started = time.monotonic()
        first, second, point = pair.split(" / ", 2)
        with self._copy(COMMANDS[first].base, name) as (product, witness):
            before = neighbours.strangers(product.cloud)
            words = COMMANDS[first].typed(self.names, group=self.group)
            began = time.time()
            killed = product.run(*words, points=Points(point, None))
            met = killed.code == KILLED
            failures = [] if met or killed.code == 0 else [told(killed)]
            onward = Onward(product)
            failures += self._go_on(onward, first, second)
            failures += neighbours.changed(before, neighbours.strangers(product.cloud))
            typed = [(began, killed), *onward.said]
            failures += witness.downs([at for at, ended in typed if takes_etcd_down(ended)])
            failures += witness.late_deletions()
        if failures:
            failures.append(onward.story)
            failures.append(self._keep(name))
        outcome = "killed" if met else "ended before"
        return Result(pair, met, outcome, round(time.monotonic() - started, 1), failures)

    def _go_on(self, onward: Onward, first: str, second: str) -> Iterator[str]:
        """What is wrong after the kill, after the second command, and at the end."""
        product, command = onward.product, COMMANDS[second]
        yield from _looks(product)
        names = dict(self.names)
        for words in command.prelude:
            product.run(*(names.get(word, word) for word in words))
        if COMMANDS[first].base == "empty":
            names[SNAPSHOT] = _taken(product)
        if command.prelude and command.prelude[0][0] == "rehearse":
            time.sleep(NOTICE)
            product.run("rehearse", "fault", "clear")
        reached = onward.reach(self._second(product, second, names))
        there = (product.workspace / STATE).exists()
        if not reached and there:
            yield f"{second} does not reach its end, nor does what its hints say"
        if not there and COMMANDS[first].base == "lost" and second != "destroy":
            # The second needs no state, and none was restored yet.
            there = onward.reach(RESUME)
        yield from _looks(product)
        if there and second == "destroy":
            yield "destroy left a state behind"
        if there:
            yield from _resumed(onward)
            there = (product.workspace / STATE).exists()
        if not there:
            yield from _gone(product)
            if not ({"destroy"} & {first, second}) and not _never_begun(product):
                yield "the deployment is gone, and nobody asked for that"
            return
        if COMMANDS[first].base == "drifted" and not onward.reach(REPAIR):
            yield "what had drifted is not repaired"
        yield from _looks(product)
        yield from _complete(product)

    def _second(self, product: Forked, name: str, names: dict[str, str]) -> tuple[str, ...]:
        words = COMMANDS[name].typed(names, group=self.group)
        healthy = name == "recover" and (product.workspace / STATE).exists()
        return (*words, "--take-over") if healthy else words

    def _keep(self, name: str) -> str:
        kept = self.folder / f"kept-{os.getpid()}-{len(list(self.folder.iterdir()))}"
        (self.folder / name).rename(kept)
        (self.folder / f"{name}.seen").rename(kept.with_name(f"{kept.name}.seen"))
        return f"its workspace is {kept}"


def _resumed(onward: Onward) -> Iterator[str]:
    """`resume` until it is complete; of what is being destroyed it names the command that finishes that."""
    for _ in range(RESUMES):
        if not onward.reach(RESUME):
            yield "resume does not complete it"
        if not (onward.product.workspace / STATE).exists() or _status(onward.product) == "completed":
            return


def _taken(product: Forked) -> str:
    """A snapshot of how it is now; without a state, none."""
    taken = product.run("snapshot", "create", "--reason", "to go back to")
    return "latest" if taken.code else taken.said.split()[-1]


def _looks(product: Forked) -> Iterator[str]:
    """`status` answers and `state check` finds nothing, if there is a state."""
    if (product.workspace / STATE).exists():
        yield from (
            told(ended) for words in (("status",), ("state", "check")) if (ended := product.run(*words)).code
        )


def _gone(product: Forked) -> Iterator[str]:
    held = sorted(ends.holds(product.workspace))
    yield from (f"left behind: {each}" for each in held if not neighbours.is_theirs(each))


def _never_begun(product: Forked) -> bool:
    return not (product.workspace / "archive").exists()


def _status(product: Forked) -> str:
    return str(ends.load(product.workspace)["metadata"]["deployment_status"])


def _complete(product: Forked) -> Iterator[str]:
    status = _status(product)
    if status != "completed":
        yield f"it is {status}"
        return
    found = product.run("validate")
    if found.code:
        yield told(found)
    yield from (f"an orphan: {each}" for each in ends.orphans(product.workspace))


def main() -> int:
    parser = arguments("pair_matrix", "points of each pair")
    parser.add_argument("--group", action="store_true", help="in a group of the user's")
    parser.add_argument("--first", action="append", choices=COMMANDS, help="only this one (repeatable)")
    parser.add_argument("--second", action="append", choices=COMMANDS, help="only this one (repeatable)")
    parser.add_argument(
        "--run", action="append", default=[], metavar="NAME", help="only this: 'FIRST / SECOND / POINT'"
    )
    args = parser.parse_args()
    started = begin(args)
    pairs = Pairs(args.folder.absolute(), group=args.group)
    figures: dict[str, object] = {}
    if args.run:
        pairs.prepare(list(dict.fromkeys(each.partition(" / ")[0] for each in args.run)))
        chosen = args.run
    else:
        firsts = args.first or list(COMMANDS)
        pairs.prepare(firsts)
        points = {name: pairs.points(name) for name in firsts}
        chosen = [
            f"{first} / {second} / {point}"
            for first, every in points.items()
            for second in args.second or COMMANDS
            for point in _drawn(every, args.sample, f"{args.seed} {first} {second}")
        ]
        figures["points"] = sum(map(len, points.values()))
    results = share_out(chosen, pairs.run, pairs.folder, args.jobs)
    figures["pairs"] = len({tuple(each.name.split(" / ")[:2]) for each in results})
    figures["killed"] = sum(each.met for each in results)
    return report(results, figures, since=started)


def _drawn(every: list[str], sample: int | None, seed: str) -> list[str]:
    return random.Random(seed).sample(every, min(sample, len(every))) if sample else every


if __name__ == "__main__":
    sys.exit(main())
