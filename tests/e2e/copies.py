"""Lets two copies of one workspace work on one cloud, in turns and at once, and looks at whether that does harm.

    python -m tests.e2e.copies FOLDER [--seeds 200 | --seed N ...] [--jobs 2]

A seed draws what happens: commands in the one and in the other, kills in the middle of them, both at the same time, a
folder that goes back to how it was before, somebody who changes something in Azure. Whatever is drawn: nothing is
deleted by the copy that is behind, etcd keeps its majority, strangers stay as they are; and both copies end with a
valid state and with commands that work, or say what to type, up to the `destroy` that leaves nothing. Odd seeds are in
a group of the user's.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e import neighbours
from tests.e2e.forked import KILLED, Ended, Forked, preload
from tests.e2e.matrix import SPEED, Result, done, move_in, report, served, share_out, told
from tests.e2e.onward import Onward, takes_etcd_down
from tests.e2e.pairs import DEPLOY, DESTROY, REPAIR, RESUME, three_controllers
from tests.e2e.points import STATE, Points
from tests.e2e.witness import Witness

TAKE_OVER = ("recover", "--from-azure", "--take-over", "--trust-hosts", "--yes")
#: How often each is drawn.
COMMANDS: dict[tuple[str, ...], int] = {
    RESUME: 2,
    ("replace", "vm/k0s-worker-1", "--yes"): 3,
    ("replace", "vm/k0s-controller-2", "--yes"): 3,
    ("replace", "vm/k0s-controller-3", "--yes"): 3,
    REPAIR: 3,
    TAKE_OVER: 3,
    ("recover", "--rekey", "--yes"): 2,
    ("rollback", "SNAPSHOT", "--apply", "--yes"): 1,
    DESTROY: 1,
}
#: What somebody does in Azure. Of the controllers one at most is taken away, and only while all are there.
DRIFT = (
    ("vm-deleted", "--vm", "k0s-worker-1"),
    ("vm-deallocated", "--vm", "k0s-worker-1"),
    ("tags-removed", "--resource", "k0s-worker-1"),
    ("tags-removed", "--resource", "k0s-controller-2"),
    ("vm-deallocated", "--vm", "k0s-controller-3"),
)
STEPS = (2, 4)
#: A command passes so many points, more or less.
POINTS = 120
NOTICE = 0.3
#: How the failures begin that are harm, not an end that was not reached.
HARM = ("etcd has no majority", "a stranger was touched", "late: ")


@dataclass
class Game:
    """One seed: two workspaces, one cloud, and all that was done."""

    folder: Path
    chance: random.Random
    group: bool
    snapshot: str
    story: list[str] = field(default_factory=list)
    on_purpose: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def cloud(self) -> Path:
        return self.folder / "cloud"

    def copy(self, name: str) -> Forked:
        workspace = self.folder / name
        witness = Witness(self.folder / "seen", workspace, self.cloud)
        return Forked(workspace, SPEED, shared=self.cloud, witness=witness)

    @property
    def copies(self) -> list[Forked]:
        return [self.copy("a"), self.copy("b")]

    def play(self) -> None:
        """Draw and do; then both have to come to an end."""
        acts: list[tuple[Callable[[], None], int]] = [
            (self._one, 5),
            (self._killed, 3),
            (self._both, 3),
            (self._back, 2),
            (self._drift, 2),
        ]
        self._keep()
        for _ in range(self.chance.randint(*STEPS)):
            (act,) = self.chance.choices([each for each, _ in acts], [weight for _, weight in acts])
            act()
            self._look()
        for product in self.chance.sample(self.copies, 2):
            self._come_to_an_end(product)
        for product in self.chance.sample(self.copies, 2):
            self._destroy(product)
        self.failures += (
            f"left behind: {each}"
            for each in sorted(neighbours.held(self.cloud))
            if not neighbours.is_theirs(each)
        )

    def _command(self) -> tuple[str, ...]:
        (words,) = self.chance.choices(list(COMMANDS), list(COMMANDS.values()))
        if words == TAKE_OVER and self.group:
            words = (*words, "--resource-group", neighbours.TEAM)
        return tuple(self.snapshot if word == "SNAPSHOT" else word for word in words)

    def _one(self) -> None:
        product, words = self.chance.choice(self.copies), self._command()
        self._record(product, self._at(product, lambda: product.run(*words)))

    def _killed(self) -> None:
        product, words = self.chance.choice(self.copies), self._command()
        points = Points(None, None, nth=self.chance.randint(1, POINTS))
        self._record(product, self._at(product, lambda: product.run(*words, points=points)))

    def _both(self) -> None:
        """At the same time; the second begins a little later, or not."""
        first, second = self.chance.sample(self.copies, 2)
        one, other, pause = self._command(), self._command(), self.chance.choice((0.0, 0.1, 0.5, 2.0))
        began = time.time()
        running = first.start(*one)
        time.sleep(pause)
        beside = second.start(*other)
        for product, started in ((first, running), (second, beside)):
            ended = started.wait()
            self._purpose(ended, began)
            self._record(product, ended, f" at once, {pause} s apart")

    def _back(self) -> None:
        """The folder of one is as it was at the beginning, or when somebody last kept a copy."""
        product = self.chance.choice(self.copies)
        kept = self.folder / "kept"
        if self.chance.random() < 0.5:
            self._keep()
            return
        shutil.rmtree(product.workspace)
        shutil.copytree(kept, product.workspace, symlinks=True)
        self.story.append(f"{product.workspace.name} is restored from the backup")

    def _keep(self) -> None:
        product = self.chance.choice(self.copies)
        shutil.rmtree(self.folder / "kept", ignore_errors=True)
        shutil.copytree(product.workspace, self.folder / "kept", symlinks=True)
        self.story.append(f"a backup of {product.workspace.name}")

    def _drift(self) -> None:
        words = self.chance.choice(DRIFT)
        if any("controller" in word for word in words) and not self._is_whole():
            return
        product = self.copy("a")
        done(product.run("rehearse", "fault", *words))
        time.sleep(NOTICE)
        done(product.run("rehearse", "fault", "clear"))
        self.story.append(f"somebody: {' '.join(words)}")

    def _is_whole(self) -> bool:
        """Whether all controllers are up and nothing is pending, so that one more may go and nobody is to blame."""
        pending = any(
            "pending_operations: {}" not in (each.workspace / STATE).read_text()
            for each in self.copies
            if (each.workspace / STATE).exists()
        )
        return not pending and len(self._witness.now_up()) == 3

    @property
    def _witness(self) -> Witness:
        return Witness(self.folder / "seen", self.folder / "a", self.cloud)

    def _at(self, product: Forked, work: Callable[[], Ended]) -> Ended:
        began = time.time()
        ended = work()
        self._purpose(ended, began)
        return ended

    def _purpose(self, ended: Ended, began: float) -> None:
        if takes_etcd_down(ended):
            self.on_purpose.append(began)

    def _record(self, product: Forked, ended: Ended, how: str = "") -> None:
        said = " / ".join(line for line in ended.said.splitlines() if line.startswith(("error", "hint")))
        code = "killed" if ended.code == KILLED else f"exit {ended.code}"
        self.story.append(
            f"{product.workspace.name}: {' '.join(ended.words)}{how}: {code} {said[-500:]}".strip()
        )
        if "internal error" in ended.said or (ended.code < 0 and ended.code != KILLED):
            self.failures.append(told(ended))

    def _look(self) -> None:
        for product in self.copies:
            if (product.workspace / STATE).exists():
                looked = product.run("state", "check")
                if looked.code:
                    self.failures.append(f"{product.workspace.name}: {told(looked)}")

    def _come_to_an_end(self, product: Forked) -> None:
        """With `resume` and `validate --repair`, or with what their hints say, it is complete, or there is nothing."""
        onward = Onward(product)
        for words in (RESUME, REPAIR):
            if (product.workspace / STATE).exists() and not onward.reach(words):
                self.failures.append(f"{product.workspace.name} does not come to an end: {' '.join(words)}")
        if (product.workspace / STATE).exists():
            found = product.run("validate")
            if found.code:
                self.failures.append(f"{product.workspace.name}: {told(found)}")
        self._finish(product, onward)

    def _destroy(self, product: Forked) -> None:
        onward = Onward(product)
        if (product.workspace / STATE).exists() and not onward.reach(DESTROY):
            self.failures.append(f"{product.workspace.name} cannot be destroyed")
        self._finish(product, onward)

    def _finish(self, product: Forked, onward: Onward) -> None:
        for began, ended in onward.said:
            self._purpose(ended, began)
            self._record(product, ended)
        self._look()


class Copies:
    """All seeds, each in a copy of a deployment that was made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.snapshots: dict[bool, str] = {}

    def prepare(self, modes: Sequence[bool]) -> None:
        os.environ["COLUMNS"] = "4000"
        for group in modes:
            base = self._base(group)
            (base / "a").mkdir(parents=True)
            with served(Forked(base / "a", SPEED, shared=base / "cloud")) as product:
                done(product.run("init", "--template", "minimal", "--cloud", "rehearsal", "--yes"))
                move_in(product, group=group)
                three_controllers(product.workspace)
                killed = product.run(*DEPLOY, points=Points("commit cluster_setup #1 after", None))
                if killed.code != KILLED:
                    raise RuntimeError(told(killed))
                taken = product.run("snapshot", "create", "--reason", "to go back to")
                done(taken)
                self.snapshots[group] = taken.said.split()[-1]
                done(product.run(*RESUME))

    def _base(self, group: bool) -> Path:
        return self.folder / ("base-in-a-group" if group else "base")

    def run(self, name: str, folder: str) -> Result:
        """One seed."""
        started, seed = time.monotonic(), int(name)
        group, place = bool(seed % 2), self.folder / folder
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self._base(group), place, symlinks=True)
        shutil.copytree(place / "a", place / "b", symlinks=True)
        game = Game(place, random.Random(f"copies {seed}"), group, self.snapshots[group])
        before = neighbours.strangers(game.cloud)
        with served(game.copy("a")):
            game.play()
            game.failures += neighbours.changed(before, neighbours.strangers(game.cloud))
        witness = Witness(place / "seen", place / "a", game.cloud)
        game.failures += witness.downs(game.on_purpose)
        game.failures += witness.late_deletions()
        if game.failures:
            kept = self.folder / f"kept-seed-{seed}"
            place.rename(kept)
            game.failures += [*game.story, f"its folder is {kept}"]
        return Result(
            name, True, f"{len(game.story)} steps", round(time.monotonic() - started, 1), game.failures
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.copies")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=200, help="0 to this")
    parser.add_argument("--seed", type=int, action="append", help="only this one (repeatable)")
    parser.add_argument("--jobs", type=int, default=1, help="so many runs at a time")
    args = parser.parse_args()
    preload()
    started, seeds = time.monotonic(), args.seed or list(range(args.seeds))
    copies = Copies(args.folder.absolute())
    copies.prepare(sorted({bool(seed % 2) for seed in seeds}))
    results = share_out([str(seed) for seed in seeds], copies.run, copies.folder, args.jobs)
    violations = [each for each in results for line in each.failures if line.startswith(HARM)]
    figures: dict[str, object] = {"seeds": len(seeds), "violations": len({each.name for each in violations})}
    return report(results, figures, since=started)


if __name__ == "__main__":
    sys.exit(main())
