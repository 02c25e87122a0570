"""Kills a command at each of its points, in a deployment of its own each time, and looks at what it comes to.

    python -m tests.e2e.kill_matrix SCENARIO FOLDER [--jobs 2] [--sample 12 --seed 3] [--point NAME]

An undisturbed run says which points there are and what the end is. Then, for each point: the command is killed there;
`status` answers, `state check` finds nothing; the command that goes on (`resume`, or `destroy` again) reaches the same
end. Of each SCENARIO there are two: the deployment has a group of its own, or it is "SCENARIO, in a group" of the
user's, beside strangers. The result is one line of JSON for each point in FOLDER/results-*.jsonl, and the figures on
standard output.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.e2e import ends
from tests.e2e.forked import KILLED, Forked
from tests.e2e.matrix import (
    DEPLOY,
    DESTROY,
    EVERYTHING,
    NO_STATE,
    RESUME,
    SNAPSHOT,
    End,
    Result,
    Scenario,
    Stage,
    arguments,
    begin,
    judge,
    report,
    share_out,
    told,
)
from tests.e2e.points import STATE, Points

ROLLBACK = ("rollback", SNAPSHOT, "--apply", "--yes")
#: What a repair finds: a VM that is gone, and what one request puts back.
DRIFT = (
    ("rehearse", "fault", "vm-deleted", "--vm", "k0s-worker-1"),
    ("rehearse", "fault", "tags-removed", "--resource", "k0s-worker-2"),
)
ALONE = {
    "deploy": Scenario((), DEPLOY, RESUME),
    "give up": Scenario((), DEPLOY, DESTROY, gives_up=True),
    "destroy": Scenario((DEPLOY,), DESTROY, DESTROY),
    "replace": Scenario((DEPLOY,), ("replace", "vm/k0s-worker-1", "--yes"), RESUME, moved="k0s-worker-1"),
    "repair": Scenario((DEPLOY, *DRIFT), ("validate", "--repair", "--yes"), RESUME, moved="k0s-worker-1"),
    "rollback": Scenario(
        (RESUME,), ROLLBACK, RESUME, snapshot_at="commit cluster_setup #1 after", while_pending="rollback"
    ),
    "rollback-all": Scenario(
        (RESUME,),
        ROLLBACK,
        RESUME,
        snapshot_at="commit azure_setup #1 after",
        while_pending="rollback",
        moved=EVERYTHING,
    ),
}
IN_A_GROUP = ", in a group"
SCENARIOS = ALONE | {f"{name}{IN_A_GROUP}": replace(each, group=True) for name, each in ALONE.items()}


def kill_at(stage: Stage, point: str, name: str, end: End) -> Result:
    """One run that is killed at `point`, and what became of it."""
    started = time.monotonic()
    with stage.copy(name) as product:
        killed = product.run(*stage.command, points=Points(point, None))
        met = killed.code == KILLED
        failures = [] if met or killed.code == 0 else [told(killed)]
        failures += go_on(stage, product, end)
    if failures:
        stage.keep(name, failures)
    return Result(
        point, met, "killed" if met else "ended before", round(time.monotonic() - started, 1), failures
    )


def go_on(stage: Stage, product: Forked, end: End) -> Iterator[str]:
    """What is wrong after the kill: with the looks, with the command that goes on, with the end."""
    there = (product.workspace / STATE).exists()
    for words in (("status",), ("state", "check")):
        looked = product.run(*words)
        if looked.code != (0 if there else NO_STATE):
            yield told(looked)
    known = ends.load(product.workspace) if there else None
    # Killed before the first commit that says what is intended, it was never asked for: then it is asked for again.
    # Killed at its very last commit, it has a state like the one that it began with, and has made something.
    changed = (ends.essence(known) if known else None) != stage.begin.state
    begun = stage.scenario.gives_up or changed or ends.creations(product.workspace) != stage.begin.made
    if not begun or known is None or is_pending(stage.scenario, known):
        finished = product.run(*(stage.scenario.onward if begun else stage.command))
        # Nothing is left to go on with where a destroy was done, or what is given up had not begun.
        if finished.code != (NO_STATE if begun and not there else 0):
            yield told(finished)
    yield from judge(product.workspace, known, end, less=stage.scenario.gives_up, moved=stage.scenario.moved)


def is_pending(scenario: Scenario, state: dict[str, Any]) -> bool:
    """Whether there is something to go on with."""
    return scenario.while_pending is None or scenario.while_pending in (state.get("pending_operations") or {})


def main() -> int:
    parser = arguments("kill_matrix", "points", SCENARIOS)
    parser.add_argument(
        "--point", action="append", default=[], help="this one, too; without --sample only these"
    )
    args = parser.parse_args()
    started = begin(args)
    stage = Stage(SCENARIOS[args.scenario], args.folder)
    points, end = stage.prepare()
    drawn = random.Random(args.seed).sample(points, args.sample) if args.sample else []
    chosen = list(dict.fromkeys([*args.point, *drawn])) or points
    results = share_out(chosen, lambda point, name: kill_at(stage, point, name, end), args.folder, args.jobs)
    figures: dict[str, object] = {
        "scenario": args.scenario,
        "points": len(points),
        "killed": sum(each.met for each in results),
    }
    return report(results, figures, since=started)


if __name__ == "__main__":
    sys.exit(main())
